/*
 * file_mark.c - see file_mark.h.
 */
#include "daemon/file_mark.h"

#include <sys/stat.h>

otr_file_mark otr_file_mark_of(const char *path)
{
    struct stat found;

    if (stat(path, &found) != 0)
        return (otr_file_mark){ .dev = 0 };
    return (otr_file_mark){ .dev = found.st_dev, .ino = found.st_ino, .size = found.st_size, .changed = found.st_ctim,
                            .written = found.st_mtim };
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool otr_file_mark_same(const otr_file_mark *a, const otr_file_mark *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && is_same_time(&a->changed, &b->changed) &&
           is_same_time(&a->written, &b->written);
}

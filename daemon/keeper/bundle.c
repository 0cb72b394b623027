/*
 * bundle.c - see bundle.h.
 */
#include "daemon/keeper/bundle.h"

#include "daemon/conf/rule_book.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SETTLED_LOOKS 2

/* What tells one state of a file from another; all zero where there is none. */
struct state {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed, written;
};

struct watched {
    const char *path; /* borrowed from the configuration */
    struct state known, seen;
};

struct otr_bundle_watch {
    struct watched *files; /* owned */
    size_t count;
    unsigned quiet;        /* looks in a row that found what the one before had found */
    bool is_short;         /* of memory */
};

static struct state state_of(const char *path)
{
    struct state state;
    struct stat found;

    memset(&state, 0, sizeof(state)); /* it is compared as a whole */
    if (stat(path, &found) != 0)
        return state;
    state.dev = found.st_dev;
    state.ino = found.st_ino;
    state.size = found.st_size;
    state.changed = found.st_ctim;
    state.written = found.st_mtim;
    return state;
}

static bool is_same(const struct state *a, const struct state *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec && a->written.tv_sec == b->written.tv_sec &&
           a->written.tv_nsec == b->written.tv_nsec;
}

static void add_file(void *arg, const char *path)
{
    otr_bundle_watch *watch = arg;
    struct watched *files;

    for (size_t i = 0; i < watch->count; i++)
        if (strcmp(watch->files[i].path, path) == 0)
            return;
    files = reallocarray(watch->files, watch->count + 1, sizeof(*files));
    if (files == NULL) {
        watch->is_short = true;
        return;
    }
    watch->files = files;
    files[watch->count].path = path;
    files[watch->count].known = files[watch->count].seen = state_of(path);
    watch->count++;
}

otr_bundle_watch *otr_bundle_watch_new(const otr_conf *conf)
{
    otr_bundle_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return NULL;
    otr_rule_book_each_file(conf, add_file, watch);
    if (watch->is_short) {
        otr_bundle_watch_free(watch);
        return NULL;
    }
    return watch;
}

void otr_bundle_watch_free(otr_bundle_watch *watch)
{
    if (watch == NULL)
        return;
    free(watch->files);
    free(watch);
}

bool otr_bundle_watch_look(otr_bundle_watch *watch)
{
    bool is_quiet = true, is_news = false;

    for (size_t i = 0; i < watch->count; i++) {
        struct watched *file = &watch->files[i];
        struct state now = state_of(file->path);

        is_quiet = is_quiet && is_same(&now, &file->seen);
        is_news = is_news || !is_same(&now, &file->known);
        file->seen = now;
    }
    watch->quiet = is_quiet ? watch->quiet + 1 : 0;
    return is_news && watch->quiet >= SETTLED_LOOKS;
}

bool otr_bundle_watch_settle(otr_bundle_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        struct state now = state_of(watch->files[i].path);

        if (!is_same(&now, &watch->files[i].seen)) {
            watch->quiet = 0;
            return false;
        }
    }
    for (size_t i = 0; i < watch->count; i++)
        watch->files[i].known = watch->files[i].seen;
    return true;
}

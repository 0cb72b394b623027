/*
 * bundle.c - see bundle.h.
 */
#include "daemon/keeper/bundle.h"

#include "daemon/conf/rule_book.h"
#include "daemon/file_mark.h"

#include <stdlib.h>
#include <string.h>

#define SETTLED_LOOKS 2

struct watched {
    const char *path; /* borrowed from the configuration */
    otr_file_mark known, seen;
};

struct otr_bundle_watch {
    struct watched *files; /* owned */
    size_t count;
    unsigned quiet;        /* looks in a row that found what the one before had found */
    bool is_short;         /* of memory */
};

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
    files[watch->count].known = files[watch->count].seen = otr_file_mark_of(path);
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
        otr_file_mark now = otr_file_mark_of(file->path);

        is_quiet = is_quiet && otr_file_mark_same(&now, &file->seen);
        is_news = is_news || !otr_file_mark_same(&now, &file->known);
        file->seen = now;
    }
    watch->quiet = is_quiet ? watch->quiet + 1 : 0;
    return is_news && watch->quiet >= SETTLED_LOOKS;
}

bool otr_bundle_watch_settle(otr_bundle_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        otr_file_mark now = otr_file_mark_of(watch->files[i].path);

        if (!otr_file_mark_same(&now, &watch->files[i].seen)) {
            watch->quiet = 0;
            return false;
        }
    }
    for (size_t i = 0; i < watch->count; i++)
        watch->files[i].known = watch->files[i].seen;
    return true;
}

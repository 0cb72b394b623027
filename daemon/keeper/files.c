/*
 * files.c - which anchor files are written, touched and removed.
 */
#include "daemon/keeper/files.h"

#include "daemon/anchor_files.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_LENGTH (OTR_SHA256_TEXT - 1)
#define DAY 86400

otr_anchor_folders otr_conf_anchor_folders(const otr_conf *conf)
{
    otr_anchor_folders folders = { .count = 0 };

    if (conf->line.listen.count > 0 && *conf->anchors.exim_dir != '\0')
        folders.list[folders.count++] = conf->anchors.exim_dir;
    if (*conf->anchors.postfix_dir != '\0')
        folders.list[folders.count++] = conf->anchors.postfix_dir;
    return folders;
}

/* The names of all sets, in order. ----------------------------------------------------------------------------- */

struct names {
    const char **list; /* owned; the names are those of the anchors */
    size_t count, room;
};

static outrider_err add_name(void *arg, const otr_anchor_set *set)
{
    struct names *names = arg;

    if (names->count == names->room) {
        size_t room = names->room == 0 ? 16 : 2 * names->room;
        const char **list = reallocarray(names->list, room, sizeof(*list));

        if (list == NULL)
            return OUTRIDER_E_NOMEM;
        names->list = list;
        names->room = room;
    }
    names->list[names->count++] = set->name;
    return OUTRIDER_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* On failure `names` holds what was found, in order all the same. */
static outrider_err read_names(const otr_anchors *anchors, struct names *names)
{
    outrider_err err = anchors != NULL ? otr_anchors_each(anchors, add_name, names) : OUTRIDER_OK;

    if (names->count > 0)
        qsort(names->list, names->count, sizeof(*names->list), compare_names);
    return err;
}

static bool has_name(const struct names *names, const char *name)
{
    return names->count > 0 &&
           bsearch(&name, names->list, names->count, sizeof(*names->list), compare_names) != NULL;
}

/* Writing and touching ----------------------------------------------------------------------------------------- */

struct adding {
    const otr_anchor_folders *folders;
    struct names known;
    outrider_diag *diag;
};

static outrider_err add_set(void *arg, const otr_anchor_set *set)
{
    const struct adding *adding = arg;
    outrider_err err = OUTRIDER_OK;

    for (size_t i = 0; err == OUTRIDER_OK && i < adding->folders->count && !has_name(&adding->known, set->name); i++)
        err = otr_anchor_files_write(adding->folders->list[i], set, adding->diag);
    return err;
}

outrider_err otr_anchor_files_add(const otr_anchor_folders *folders, const otr_anchors *anchors, const otr_anchors *before,
                                  outrider_diag *diag)
{
    struct adding adding = { .folders = folders, .diag = diag };
    outrider_err err;

    (void)read_names(before, &adding.known); /* what is not known is written once more */
    err = otr_anchors_each(anchors, add_set, &adding);
    free(adding.known.list);
    return err;
}

outrider_err otr_anchor_files_tend(const otr_anchor_folders *folders, const otr_anchors *anchors, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;

    for (size_t i = 0; err == OUTRIDER_OK && i < folders->count; i++)
        err = otr_anchor_files_keep_none(folders->list[i], diag);
    return err == OUTRIDER_OK ? otr_anchor_files_add(folders, anchors, NULL, diag) : err;
}

struct parting {
    const otr_anchor_folders *folders;
    struct names left;
};

static outrider_err part_with_set(void *arg, const otr_anchor_set *set)
{
    const struct parting *parting = arg;

    for (size_t i = 0; i < parting->folders->count && !has_name(&parting->left, set->name); i++)
        otr_anchor_files_touch(parting->folders->list[i], set->name);
    return OUTRIDER_OK;
}

void otr_anchor_files_part(const otr_anchor_folders *folders, const otr_anchors *before, const otr_anchors *after)
{
    struct parting parting = { .folders = folders };

    (void)read_names(after, &parting.left); /* to touch one too many does no harm */
    (void)otr_anchors_each(before, part_with_set, &parting);
    free(parting.left.list);
}

/* Removing ----------------------------------------------------------------------------------------------------- */

/* HASH.pem, HASH.fp, and .HASH.pem.PID, which is one that was not finished. *hash: where it stands. */
static bool is_our_name(const char *name, char hash[OTR_SHA256_TEXT])
{
    bool is_temporary = *name == '.';
    const char *end = name + is_temporary;
    size_t len = 0;

    while (len < HASH_LENGTH && isxdigit((unsigned char)end[len]) && !isupper((unsigned char)end[len]))
        len++;
    if (len != HASH_LENGTH)
        return false;
    memcpy(hash, end, HASH_LENGTH);
    hash[HASH_LENGTH] = '\0';
    end += len;
    if (strncmp(end, ".pem", 4) == 0)
        end += 4;
    else if (strncmp(end, ".fp", 3) == 0)
        end += 3;
    else
        return false;
    return is_temporary ? end[0] == '.' && end[1] != '\0' && strspn(end + 1, "0123456789") == strlen(end + 1) : *end == '\0';
}

/* What cannot be looked at or removed is left for the next time. */
static bool sweep_file(int folder, const char *name, const struct names *current, otr_time now)
{
    char hash[OTR_SHA256_TEXT];
    struct stat found;

    if (!is_our_name(name, hash) || (*name != '.' && has_name(current, hash)) ||
        fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode) ||
        now - (otr_time)found.st_mtime < OTR_ANCHOR_FILES_KEPT_DAYS * DAY)
        return false;
    return unlinkat(folder, name, 0) == 0;
}

size_t otr_anchor_files_sweep(const char *folder, const otr_anchors *anchors, otr_time now)
{
    struct names current = { 0 };
    struct dirent *entry;
    size_t removed = 0;
    DIR *dir = NULL;

    if (read_names(anchors, &current) == OUTRIDER_OK)
        dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        removed += sweep_file(dirfd(dir), entry->d_name, &current, now);
    if (dir != NULL)
        closedir(dir);
    free(current.list);
    return removed;
}

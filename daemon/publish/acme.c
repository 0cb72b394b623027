/*
 * acme.c - see acme.h.
 */
#include "daemon/publish/acme.h"

#include "base/diag.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANGES (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB)
#define ENDS (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

bool otr_acme_is_token(otr_slice name)
{
    if (name.len < 1 || name.len > OTR_ACME_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!otr_is_alnum(name.ptr[i]) && name.ptr[i] != '-' && name.ptr[i] != '_')
            return false;
    return true;
}

/* Reading -------------------------------------------------------------------------------------------------------- */

enum taken { TAKEN, PASSED_OVER, REFUSED };

/* A file that grows while it is read is one that its client still writes: its end brings another event. */
static enum taken take_content(int fd, otr_arena *arena, otr_slice *content)
{
    char octets[OTR_ACME_CONTENT_MAX + 1];
    size_t len = 0;
    ssize_t got;

    while (len < sizeof(octets) && (got = read(fd, octets + len, sizeof(octets) - len)) != 0) {
        if (got < 0)
            return REFUSED;
        len += (size_t)got;
    }
    if (len == 0)
        return PASSED_OVER;
    if (len > OTR_ACME_CONTENT_MAX)
        return REFUSED;
    *content = (otr_slice){ otr_arena_bytes(arena, octets, len), len };
    return TAKEN;
}

static enum taken take_token(int directory, const char *name, otr_arena *arena, otr_site_token *token)
{
    enum taken taken = REFUSED;
    struct stat st;
    int fd;

    if (!otr_acme_is_token(otr_slice_of(name)))
        return PASSED_OVER;
    /* Never waits, never follows; a file that went away meanwhile is none. */
    fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? PASSED_OVER : REFUSED;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        taken = take_content(fd, arena, &token->content);
    close(fd);
    if (taken == TAKEN)
        token->name = otr_arena_text(arena, name);
    return taken;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const otr_site_token *)a)->name, ((const otr_site_token *)b)->name);
}

static void read_entries(DIR *entries, otr_arena *arena, otr_site_token *list, otr_acme_tokens *found)
{
    const struct dirent *entry;
    size_t seen = 0;

    while ((entry = readdir(entries)) != NULL) {
        otr_site_token token;

        if (found->count == OTR_ACME_TOKENS_MAX || seen++ == OTR_ACME_ENTRIES_MAX) {
            found->is_cut = true;
            break;
        }
        switch (take_token(dirfd(entries), entry->d_name, arena, &token)) {
        case TAKEN:
            list[found->count++] = token;
            break;
        case PASSED_OVER:
            break;
        case REFUSED:
            found->refused++;
            break;
        }
    }
    qsort(list, found->count, sizeof(*list), compare);
}

outrider_err otr_acme_read(const char *directory, otr_arena *arena, otr_acme_tokens *tokens, outrider_diag *diag)
{
    DIR *entries = opendir(directory);
    otr_site_token *list = NULL;
    otr_acme_tokens found = { .count = 0 };
    bool is_short;

    if (entries == NULL)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", directory, strerror(errno));
    list = calloc(OTR_ACME_TOKENS_MAX, sizeof(*list));
    if (list != NULL) {
        read_entries(entries, arena, list, &found);
        found.list = otr_arena_bytes(arena, list, found.count * sizeof(*list));
    }
    closedir(entries);
    is_short = list == NULL || otr_arena_failed(arena);
    free(list);
    if (is_short)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "%s: out of memory", directory);
    *tokens = found;
    return OUTRIDER_OK;
}

/* Watching ------------------------------------------------------------------------------------------------------- */

outrider_err otr_acme_watch(const char *directory, int *fd, outrider_diag *diag)
{
    int made = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int failed;

    if (made < 0)
        return otr_fail(diag, OUTRIDER_E_IO, "inotify: %s", strerror(errno));
    if (inotify_add_watch(made, directory, CHANGES | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0) {
        failed = errno;
        close(made);
        return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot be watched: %s", directory, strerror(failed));
    }
    *fd = made;
    return OUTRIDER_OK;
}

otr_acme_news otr_acme_drain(int fd)
{
    _Alignas(struct inotify_event) char room[8192];
    otr_acme_news news = OTR_ACME_NOTHING;
    ssize_t got;

    while ((got = read(fd, room, sizeof(room))) > 0) {
        const char *at = room;

        while (at < room + got) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

            if ((event->mask & ENDS) != 0)
                news = OTR_ACME_GONE;
            else if (news == OTR_ACME_NOTHING) /* a lost event (IN_Q_OVERFLOW) is one as well */
                news = OTR_ACME_CHANGED;
            at += sizeof(*event) + event->len;
        }
    }
    return news;
}

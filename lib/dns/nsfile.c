/*
 * nsfile.c - following resolv.conf. The file is looked at by name each time, so that it does not matter how
 * it was replaced; an open descriptor or a watch on the inode would miss a rename.
 */
#include "dns/nsfile.h"

#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FRESH_SECONDS 2 /* coarser than the time stamps of any file system that /etc may lie on */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static size_t read_all(int fd, char *text, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, text + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return (size_t)-1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return len;
}

/* Read the file and what identifies it. Returns 0 or an errno. */
static int read_file(const char *path, struct stat *seen, otr_nameservers *servers)
{
    char *text = malloc(OTR_RESOLVCONF_LIMIT);
    /* Not blocking: a FIFO in place of the file must not stop the resolver. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t len;
    int err = 0;

    if (text == NULL) {
        err = ENOMEM;
    } else if (fd < 0 || fstat(fd, seen) != 0) {
        err = errno;
    } else if (!S_ISREG(seen->st_mode)) {
        err = EINVAL;
    } else {
        len = read_all(fd, text, OTR_RESOLVCONF_LIMIT);
        if (len == (size_t)-1)
            err = errno;
        else
            otr_resolvconf_parse(text, len, servers);
    }
    if (fd >= 0)
        close(fd);
    free(text);
    return err;
}

static bool is_fresh(const struct stat *seen)
{
    return time(NULL) - seen->st_mtim.tv_sec < FRESH_SECONDS;
}

outrider_err otr_nsfile_open(otr_nsfile *file, const char *path, outrider_diag *diag)
{
    otr_nameservers servers = { 0 };
    int err;

    *file = (otr_nsfile){ .path = path };
    err = read_file(path, &file->seen, &servers);
    if (err != 0 && err != ENOENT)
        return otr_fail(diag, err == ENOMEM ? OUTRIDER_E_NOMEM : OUTRIDER_E_IO, "%s: %s", path, strerror(err));
    if (err == 0)
        file->is_fresh = is_fresh(&file->seen);
    if (servers.count == 0) {
        servers.count = 1;
        strcpy(servers.address[0], "127.0.0.1");
        file->is_in_trouble = true; /* known from the start: nothing to tell when it stays so */
    }
    file->servers = servers;
    return OUTRIDER_OK;
}

static bool is_same_servers(const otr_nameservers *a, const otr_nameservers *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->address[i], b->address[i]) != 0)
            return false;
    return true;
}

static otr_nsfile_change trouble(otr_nsfile *file, outrider_diag *diag, const char *why)
{
    if (file->is_in_trouble)
        return OTR_NSFILE_SAME;
    file->is_in_trouble = true;
    otr_fail(diag, OUTRIDER_E_IO, "%s: %s", file->path, why);
    return OTR_NSFILE_TROUBLE;
}

otr_nsfile_change otr_nsfile_check(otr_nsfile *file, outrider_diag *diag)
{
    otr_nameservers servers = { 0 };
    struct stat now;
    int err;

    if (stat(file->path, &now) == 0 && is_same_file(&now, &file->seen) && !file->is_fresh)
        return OTR_NSFILE_SAME;
    err = read_file(file->path, &now, &servers);
    if (err != 0) {
        memset(&file->seen, 0, sizeof(file->seen));
        return trouble(file, diag, strerror(err));
    }
    file->seen = now;
    file->is_fresh = is_fresh(&now);
    if (servers.count == 0)
        return trouble(file, diag, "names no server");
    file->is_in_trouble = false;
    if (is_same_servers(&servers, &file->servers))
        return OTR_NSFILE_SAME;
    file->servers = servers;
    return OTR_NSFILE_CHANGED;
}

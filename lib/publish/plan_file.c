/*
 * plan_file.c - the file: lock, read, replace.
 */
#include "publish/plan_file.h"

#include "base/diag.h"
#include "publish/plan_json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_STEP_MS 50
#define SUFFIX ".json"

static outrider_err fail_at(outrider_diag *diag, const char *path)
{
    return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(errno));
}

/* The lock is on a file of its own: the other one is replaced. */
static outrider_err take_lock(const char *directory, otr_plan_file *f, int wait_ms, bool *is_busy, outrider_diag *diag)
{
    const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000L };
    char *path = NULL;

    if (mkdir(directory, 0755) != 0 && errno != EEXIST)
        return fail_at(diag, directory);
    if (asprintf(&path, "%s.lock", f->path) < 0)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (f->lock < 0) {
        fail_at(diag, path);
        free(path);
        return OUTRIDER_E_IO;
    }
    free(path);
    while (flock(f->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail_at(diag, f->path);
        if ((wait_ms -= LOCK_STEP_MS) < 0) {
            if (is_busy != NULL)
                *is_busy = true;
            return otr_fail(diag, OUTRIDER_E_IO, "%s: another run of outrider is at work on this host", f->path);
        }
        nanosleep(&step, NULL);
    }
    return OUTRIDER_OK;
}

static outrider_err parse(otr_plan_file *f, const char *text, size_t len, outrider_diag *diag)
{
    json_error_t where;
    outrider_diag why = { 0 };
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
    outrider_err err;

    if (json == NULL)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: line %d: %.100s; move it away to begin anew", f->path, where.line, where.text);
    err = otr_plan_from_json(json, f, &why);
    json_decref(json);
    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, "%s: %.120s; move it away to begin anew", f->path, why.message);
    return OUTRIDER_OK;
}

static outrider_err read_file(otr_plan_file *f, outrider_diag *diag)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
    char *text;
    size_t len;
    outrider_err err;

    if (in == NULL) {
        err = errno == ENOENT ? OUTRIDER_OK : fail_at(diag, f->path);
        f->is_new = err == OUTRIDER_OK;
        if (fd >= 0)
            close(fd);
        return err;
    }
    text = malloc(OTR_PLAN_OCTETS_MAX + 1);
    len = text != NULL ? fread(text, 1, OTR_PLAN_OCTETS_MAX + 1, in) : 0;
    if (text == NULL)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    else if (ferror(in))
        err = fail_at(diag, f->path);
    else if (len > OTR_PLAN_OCTETS_MAX)
        err = otr_fail(diag, OUTRIDER_E_LIMIT, "%s: more than %d octets", f->path, OTR_PLAN_OCTETS_MAX);
    else
        err = parse(f, text, len, diag);
    free(text);
    fclose(in);
    return err;
}

outrider_err otr_plan_open(const char *directory, const char *host, uint16_t port, int wait_ms, bool *is_busy, otr_plan_file *file,
                           outrider_diag *diag)
{
    otr_plan_file f = { .port = port, .lock = -1, .arena = otr_arena_new() };
    outrider_err err = OUTRIDER_OK;

    snprintf(f.host, sizeof(f.host), "%s", host);
    if (f.arena == NULL || asprintf(&f.path, "%s/%s_%u" SUFFIX, directory, host, port) < 0) {
        f.path = NULL;
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    f.history.arena = f.rollover.arena = f.arena;
    if (err == OUTRIDER_OK && wait_ms >= 0)
        err = take_lock(directory, &f, wait_ms, is_busy, diag);
    if (err == OUTRIDER_OK)
        err = read_file(&f, diag);
    if (err == OUTRIDER_OK)
        *file = f;
    else
        otr_plan_close(&f);
    return err;
}

void otr_plan_close(otr_plan_file *f)
{
    if (f->lock >= 0)
        close(f->lock);
    otr_arena_free(f->arena);
    free(f->path);
    *f = (otr_plan_file){ .lock = -1 };
}

/* Writing ------------------------------------------------------------------------------------------------------------ */

/* The name of a file is in its directory: that goes to the disk as well. */
static bool sync_directory(const char *path)
{
    char *directory = strdup(path), *slash = directory != NULL ? strrchr(directory, '/') : NULL;
    int fd;
    bool is_synced;

    if (slash == NULL) {
        free(directory);
        return false;
    }
    slash[slash == directory] = '\0';
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    free(directory);
    return is_synced;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);

        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0) {
            text += put;
            len -= (size_t)put;
        }
    }
    return true;
}

static outrider_err replace(const char *path, const char *text, size_t len, outrider_diag *diag)
{
    char *beside = NULL;
    int fd;
    outrider_err err = OUTRIDER_OK;

    if (asprintf(&beside, "%s.new-XXXXXX", path) < 0)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        err = fail_at(diag, path);
        free(beside);
        return err;
    }
    if (!write_all(fd, text, len) || fchmod(fd, 0644) != 0 || fsync(fd) != 0)
        err = fail_at(diag, path);
    if (close(fd) != 0 && err == OUTRIDER_OK)
        err = fail_at(diag, path);
    if (err == OUTRIDER_OK && (rename(beside, path) != 0 || !sync_directory(path)))
        err = fail_at(diag, path);
    if (err != OUTRIDER_OK)
        unlink(beside);
    free(beside);
    return err;
}

outrider_err otr_plan_save(const otr_plan_file *f, outrider_diag *diag)
{
    json_t *json = otr_plan_to_json(f);
    char *text = json != NULL && !otr_arena_failed(f->arena) ? json_dumps(json, JSON_INDENT(2)) : NULL;
    outrider_err err = text != NULL ? replace(f->path, text, strlen(text), diag) : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");

    free(text);
    json_decref(json);
    return err;
}

/* Listing ------------------------------------------------------------------------------------------------------------ */

/* "mx1.example.org_25.json" */
static bool read_name(const char *name, char host[OTR_DOMAIN_SIZE], uint16_t *port)
{
    const char *bar = strrchr(name, '_');
    char *end;
    unsigned long number;

    if (bar == NULL || bar == name || (size_t)(bar - name) > OTR_DOMAIN_MAX || bar[1] < '1' || bar[1] > '9')
        return false;
    number = strtoul(bar + 1, &end, 10);
    if (number > UINT16_MAX || strcmp(end, SUFFIX) != 0 || !otr_is_ldh_domain(name, (size_t)(bar - name)))
        return false;
    memcpy(host, name, (size_t)(bar - name));
    host[bar - name] = '\0';
    *port = (uint16_t)number;
    return true;
}

outrider_err otr_plan_list(const char *directory, otr_plan_each *each, void *arg, outrider_diag *diag)
{
    DIR *dir = opendir(directory);
    char host[OTR_DOMAIN_SIZE];
    uint16_t port;

    if (dir == NULL)
        return errno == ENOENT ? OUTRIDER_OK : fail_at(diag, directory);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (read_name(entry->d_name, host, &port))
            each(arg, host, port);
    closedir(dir);
    return OUTRIDER_OK;
}

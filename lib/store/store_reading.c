/*
 * store_reading.c - looking into a store beside outriderd, or without it, and leaving no trace.
 *
 * SQLite creates a write-ahead log and its index beside a database, also for one who only reads. A log that a command of
 * root or of an administrator has made may be one that outriderd cannot write, so here none is ever made: the file is
 * opened through a layer that opens what is there, to read, and nothing else.
 *
 *   There is a log   outriderd runs, or was killed. The database is read with its log, as SQLite does; where nobody
 *                    keeps the index, SQLite makes one in memory.
 *   There is none    nobody writes, and the file alone is everything. It is read without locks ("immutable"): whether
 *                    somebody began to write meanwhile is seen afterwards, by the log that appeared or by the file's
 *                    time, and what was read is given up then.
 */
#include "store/store_reading.h"

#include "base/buf.h"
#include "base/diag.h"
#include "store/store_schema.h"
#include "store/store_trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VFS_NAME "outrider-reading"
#define ATTEMPTS 3 /* outriderd may start or stop between a look and the opening */

/* Opening only what is there ---------------------------------------------------------------------------- */

static sqlite3_vfs *real_vfs;
static sqlite3_vfs reading_vfs;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int open_to_read(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *flags_out)
{
    bool is_temporary = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0; /* SQLite's own, for sorting: of no name */

    (void)vfs;
    if (!is_temporary)
        flags = (flags & ~(SQLITE_OPEN_CREATE | SQLITE_OPEN_READWRITE)) | SQLITE_OPEN_READONLY;
    return real_vfs->xOpen(real_vfs, name, file, flags, flags_out);
}

static int delete_nothing(sqlite3_vfs *vfs, const char *name, int is_synced)
{
    (void)vfs;
    (void)name;
    (void)is_synced;
    return SQLITE_IOERR_DELETE;
}

static void make_vfs(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    if (real_vfs == NULL)
        return;
    reading_vfs = *real_vfs;
    reading_vfs.zName = VFS_NAME;
    reading_vfs.pNext = NULL;
    reading_vfs.xOpen = open_to_read;
    reading_vfs.xDelete = delete_nothing;
    if (sqlite3_vfs_register(&reading_vfs, 0) != SQLITE_OK)
        real_vfs = NULL;
}

/* What is there ----------------------------------------------------------------------------------------- */

typedef struct files {
    struct stat database;
    bool has_log;   /* with something in it, or in use */
    bool has_index;
} files;

/* 0: it is there; else errno. */
static int look_beside(const char *path, const char *suffix, struct stat *info)
{
    otr_buf name = OTR_BUF_INIT;
    int error;

    otr_buf_printf(&name, "%s%s", path, suffix);
    if (name.err != OUTRIDER_OK)
        return ENOMEM;
    error = stat(name.data, info) == 0 ? 0 : errno;
    otr_buf_clear(&name);
    return error;
}

static outrider_err look(const char *path, files *found, outrider_diag *diag)
{
    struct stat log = { 0 }, index;
    int error;

    if (stat(path, &found->database) != 0)
        return errno == ENOENT ?
                   otr_fail(diag, OUTRIDER_E_IO, "%s: there is no store; outriderd makes it when it starts, at the place "
                                                 "that store.path names", path) :
                   otr_fail(diag, OUTRIDER_E_IO, "%s: cannot be read: %s; run this as root or as the user of outriderd",
                            path, strerror(errno));
    if (!S_ISREG(found->database.st_mode))
        return otr_fail(diag, OUTRIDER_E_IO, "%s: is no regular file", path);
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot be read: %s; run this as root or as the user of outriderd", path,
                        strerror(errno));
    error = look_beside(path, "-wal", &log);
    found->has_index = look_beside(path, "-shm", &index) == 0;
    if (error != 0 && error != ENOENT)
        return otr_fail(diag, OUTRIDER_E_IO, "%s-wal: %s", path, strerror(error));
    found->has_log = error == 0 && (found->has_index || log.st_size > 0);
    if (found->has_log && !found->has_index)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: beside it lies a log (-wal) without its index, as a copy or a crash leaves "
                                             "it; start outriderd, which takes it up, and try again", path);
    return OUTRIDER_OK;
}

outrider_err otr_store_check_rest(const otr_store *store, outrider_diag *diag)
{
    files now;
    outrider_err err;

    if (!store->is_at_rest)
        return OUTRIDER_OK;
    err = look(store->path, &now, diag);
    if (err != OUTRIDER_OK)
        return err;
    if (now.has_log || now.database.st_ino != store->as_opened.st_ino || now.database.st_dev != store->as_opened.st_dev ||
        now.database.st_size != store->as_opened.st_size ||
        now.database.st_mtim.tv_sec != store->as_opened.st_mtim.tv_sec ||
        now.database.st_mtim.tv_nsec != store->as_opened.st_mtim.tv_nsec)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: outriderd has begun to write to it meanwhile; try again", store->path);
    return OUTRIDER_OK;
}

/* Opening ----------------------------------------------------------------------------------------------- */

static outrider_err check_schema(sqlite3 *db, const char *path, outrider_diag *diag)
{
    sqlite3_int64 version = 0;
    outrider_err err = otr_store_check_identity(db, path, &version, diag);

    if (err == OUTRIDER_OK && version < OTR_STORE_SCHEMA)
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: has the older schema version %lld; start the outriderd of this version once, "
                                            "which lifts it to %d, and try again", path, (long long)version, OTR_STORE_SCHEMA);
    return err;
}

static outrider_err connect_to_read(otr_store *store, const files *found, outrider_diag *diag)
{
    const char *query = found->has_log ? "?mode=ro&readonly_shm=1&vfs=" VFS_NAME : "?mode=ro&immutable=1&vfs=" VFS_NAME;
    char *uri = otr_store_uri(store->path, query);
    outrider_err err;
    int rc;

    if (uri == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    rc = sqlite3_open_v2(uri, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_FULLMUTEX, NULL);
    free(uri);
    store->observations = store->db;
    store->is_at_rest = !found->has_log;
    store->as_opened = found->database;
    if (store->db == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (rc != SQLITE_OK)
        return otr_store_fail(store, store->db, diag);
    err = otr_store_configure(store->db, store->path, diag);
    if (err == OUTRIDER_OK)
        err = check_schema(store->db, store->path, diag);
    if (err == OUTRIDER_OK)
        err = otr_store_prepare(store, diag);
    return err == OUTRIDER_OK ? otr_store_check_rest(store, diag) : err;
}

/* One attempt. *is_moving: outriderd was starting or stopping meanwhile. */
static outrider_err try_to_read(const char *path, otr_store **store, bool *is_moving, outrider_diag *diag)
{
    files before, after;
    otr_store *made;
    outrider_err err = look(path, &before, diag);

    *is_moving = false;
    if (err != OUTRIDER_OK)
        return err;
    made = otr_store_new(path);
    if (made == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    err = connect_to_read(made, &before, diag);
    if (err != OUTRIDER_OK) {
        otr_store_close(made);
        *is_moving = look(path, &after, NULL) == OUTRIDER_OK && after.has_log != before.has_log;
        return err;
    }
    *store = made;
    return OUTRIDER_OK;
}

outrider_err otr_store_open_reading(const char *path, otr_store **store, outrider_diag *diag)
{
    bool is_moving = true;
    outrider_err err = OUTRIDER_OK;

    pthread_once(&once, make_vfs);
    if (real_vfs == NULL)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: SQLite has no access to files", path);
    for (int i = 0; i < ATTEMPTS && is_moving; i++)
        err = try_to_read(path, store, &is_moving, diag);
    return err;
}

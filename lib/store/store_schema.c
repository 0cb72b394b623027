/*
 * store_schema.c - see store_schema.h.
 *
 * A file that is refused stays as it is, byte for byte. So a first look at it is taken in SQLite's immutable mode,
 * which takes no lock, replays no journal and writes nothing; only what says that it is ours is opened for
 * writing, and then never checkpointed until every check has passed. A new database is made under another name
 * and linked into place when it is complete, so that there is no half-made one to be found after a crash.
 */
#include "store/store_schema.h"

#include "base/buf.h"
#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRINGIFY(x) #x
#define TEXT_OF(x) STRINGIFY(x)

#define KEEP_TEMPORARY "PRAGMA temp_store=MEMORY" /* of sorting: the daemon reaches no folder for temporary files */

/*
 * What makes schema n of schema n-1; a new database takes all steps, an older one those it lacks, in one transaction.
 * Columns have the names that an administrator would look for; times are seconds since 1970.
 */
static const char *const steps[OTR_STORE_SCHEMA] = {
    "CREATE TABLE sts ("
    " domain TEXT PRIMARY KEY NOT NULL,"
    " mode TEXT NOT NULL,"             /* for readers only: the body decides */
    " id TEXT NOT NULL,"
    " body BLOB,"                      /* the policy as received; NULL: none on hand */
    " fetched_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL,"
    " failure TEXT NOT NULL,"          /* of the last attempt, a name of RFC 8460, or empty */
    " error TEXT NOT NULL,"
    " tried_id TEXT NOT NULL,"
    " tried_at INTEGER NOT NULL,"
    " retry_at INTEGER NOT NULL,"
    " failures INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), latest INTEGER NOT NULL) STRICT;"
    "INSERT INTO clock VALUES (1, 0);",

    "CREATE TABLE overrides ("
    " domain TEXT PRIMARY KEY NOT NULL,"
    " level TEXT NOT NULL,"
    " until INTEGER NOT NULL,"
    " reason TEXT NOT NULL,"
    " made_at INTEGER NOT NULL,"
    " uid INTEGER NOT NULL"
    ") STRICT;",

    /* A certificate once, and a chain once, however many hosts of however many destinations show it. */
    "CREATE TABLE certificates (sha256 TEXT PRIMARY KEY NOT NULL, der BLOB NOT NULL) STRICT;"
    "CREATE TABLE chains ("
    " id INTEGER PRIMARY KEY,"
    " certificates TEXT NOT NULL UNIQUE" /* the SHA-256 of each, with a space between, leaf first */
    ") STRICT;"
    "CREATE TABLE exceptions ("
    " root TEXT NOT NULL,"             /* SHA-256; the certificate is in certificates */
    " domain TEXT NOT NULL,"           /* ".example.org": all below */
    " until INTEGER NOT NULL,"
    " reason TEXT NOT NULL,"
    " made_at INTEGER NOT NULL,"
    " uid INTEGER NOT NULL,"
    " PRIMARY KEY (root, domain)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE sightings ("
    " domain TEXT NOT NULL,"
    " role TEXT NOT NULL,"             /* policy, mx */
    " host TEXT NOT NULL,"
    " source TEXT NOT NULL,"           /* fetch, probe, mta */
    " seen_at INTEGER NOT NULL,"
    " chain INTEGER NOT NULL,"         /* id in chains */
    " root TEXT NOT NULL,"             /* SHA-256 of the root by which it was accepted, the last time that it was */
    " error TEXT NOT NULL,"            /* empty: accepted */
    " expires_at INTEGER NOT NULL,"
    " root_before TEXT NOT NULL,"      /* the root before that one */
    " changed_at INTEGER NOT NULL,"
    " PRIMARY KEY (domain, role, host)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE destinations ("
    " domain TEXT PRIMARY KEY NOT NULL,"
    " hosts TEXT NOT NULL,"            /* of the last decision: mx1.example.org/dane mx2.example.org */
    " traffic REAL NOT NULL,"          /* questions, as faded at decided_at */
    " decided_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE holds ("
    " domain TEXT NOT NULL,"
    " role TEXT NOT NULL,"
    " host TEXT NOT NULL,"
    " from_root TEXT NOT NULL,"
    " from_name TEXT NOT NULL,"
    " to_root TEXT NOT NULL,"
    " to_name TEXT NOT NULL,"
    " since INTEGER NOT NULL,"
    " PRIMARY KEY (domain, role, host)"
    ") STRICT, WITHOUT ROWID;",

    /* What we publish, and who fetched it. */
    "CREATE TABLE publications ("
    " domain TEXT PRIMARY KEY NOT NULL,"
    " phase TEXT NOT NULL,"            /* none, testing, enforce, retiring, retired */
    " since INTEGER NOT NULL,"
    " serving TEXT NOT NULL,"          /* id in versions, or empty */
    " uid INTEGER NOT NULL,"           /* who wanted it; -1: the configuration, or time */
    " forced INTEGER NOT NULL,"
    " reason TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE versions ("
    " domain TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " mode TEXT NOT NULL,"             /* for readers, as max_age: the body decides */
    " max_age INTEGER NOT NULL,"
    " body TEXT NOT NULL,"
    " since INTEGER NOT NULL,"
    " last INTEGER NOT NULL,"          /* handed out, as far as is known; 0: never */
    " horizon INTEGER NOT NULL,"       /* it may have been handed out until then */
    " PRIMARY KEY (domain, id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE fetches ("
    " domain TEXT NOT NULL,"
    " day INTEGER NOT NULL,"           /* since 1970, UTC */
    " network TEXT NOT NULL,"          /* 192.0.2.0/24, 2001:db8:1::/48, other */
    " count INTEGER NOT NULL,"
    " PRIMARY KEY (domain, day, network)"
    ") STRICT, WITHOUT ROWID;",

    /* What was removed, so that no member of a fleet that was away brings it back. */
    "CREATE TABLE removals ("
    " name TEXT PRIMARY KEY NOT NULL," /* override/example.org, exception/SHA-256/example.org */
    " at INTEGER NOT NULL,"
    " until INTEGER NOT NULL,"         /* when it would have ended by itself */
    " uid INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;",
};

/*
 * What makes a large store quick to open and to go through. No part of the schema: a file without them is as good, also for a
 * program that is older or newer, so a disk that has no room for them stops nothing.
 *   sts_fetched, sts_tried   the latest time seen, and policies due by their age; the first has all that is asked of policies
 *                            without reading them
 *   sts_half                 policies due by half of their life (STS-APPLY-13)
 */
static const char indexes[] =
    "CREATE INDEX IF NOT EXISTS sts_fetched ON sts (fetched_at, domain, expires_at, retry_at, mode);"
    "CREATE INDEX IF NOT EXISTS sts_tried ON sts (tried_at) WHERE tried_at > 0;"
    "CREATE INDEX IF NOT EXISTS sts_half ON sts (fetched_at + (expires_at - fetched_at) / 2) WHERE mode <> '';";

/* A file up to this size is checked before it is used: that takes a moment. A larger one is checked while it is. */
#define CHECKED_FIRST (4 * 1024 * 1024)

static outrider_err refuse(outrider_diag *diag, const char *path, const char *why)
{
    return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, why);
}

static outrider_err refuse_damaged(outrider_diag *diag, const char *path, const char *how)
{
    return otr_fail(diag, OUTRIDER_E_IO, "%s: is damaged: %s; restore it, or move it away", path, how);
}

static outrider_err refuse_sqlite(outrider_diag *diag, const char *path, sqlite3 *db)
{
    if (db == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (sqlite3_errcode(db) == SQLITE_CORRUPT)
        return refuse_damaged(diag, path, sqlite3_errmsg(db));
    return refuse(diag, path, sqlite3_errmsg(db));
}

static int run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int read_number(sqlite3 *db, const char *sql, sqlite3_int64 *number)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_ERROR : rc;
}

/* "file:PATH?QUERY" with what URIs treat specially escaped. Caller frees; NULL when out of memory. */
char *otr_store_uri(const char *path, const char *query)
{
    otr_buf uri = OTR_BUF_INIT;

    otr_buf_puts(&uri, "file:");
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '%' || *at == '?' || *at == '#')
            otr_buf_printf(&uri, "%%%02X", (unsigned)(unsigned char)*at);
        else
            otr_buf_putc(&uri, *at);
    }
    otr_buf_puts(&uri, query);
    return otr_buf_steal(&uri);
}

outrider_err otr_store_check_identity(sqlite3 *db, const char *path, sqlite3_int64 *schema, outrider_diag *diag)
{
    sqlite3_int64 application_id = 0, version = 0;

    if (read_number(db, "PRAGMA application_id", &application_id) != SQLITE_OK ||
        read_number(db, "PRAGMA user_version", &version) != SQLITE_OK)
        return refuse_sqlite(diag, path, db);
    if (application_id != OTR_STORE_APPLICATION_ID)
        return refuse(diag, path, "is a database of another program, and is left alone; name another file");
    if (version > OTR_STORE_SCHEMA)
        return otr_fail(diag, OUTRIDER_E_IO,
                        "%s: has schema version %lld, and this program knows none above %d; "
                        "use the newer program, or name another file", path, (long long)version, OTR_STORE_SCHEMA);
    if (version < 1)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: has the unknown schema version %lld", path, (long long)version);
    *schema = version;
    return OUTRIDER_OK;
}

/* The first look, without a trace. */
static outrider_err inspect(const char *path, outrider_diag *diag)
{
    char *uri = otr_store_uri(path, "?mode=ro&immutable=1");
    sqlite3 *db = NULL;
    sqlite3_int64 version;
    outrider_err err;

    if (uri == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
        err = refuse_sqlite(diag, path, db);
    else
        err = otr_store_check_identity(db, path, &version, diag);
    sqlite3_close(db);
    free(uri);
    return err;
}

/* Lift it to the schema of this program: all of it or nothing, on disk when it has been done. */
static int upgrade(sqlite3 *db)
{
    sqlite3_int64 version = 0;
    int rc = run(db, "BEGIN IMMEDIATE");

    if (rc != SQLITE_OK)
        return rc;
    rc = read_number(db, "PRAGMA user_version", &version); /* again: another process may have been quicker */
    while (rc == SQLITE_OK && version >= 0 && version < OTR_STORE_SCHEMA)
        rc = run(db, steps[version++]);
    if (rc == SQLITE_OK)
        rc = run(db, "PRAGMA user_version=" TEXT_OF(OTR_STORE_SCHEMA));
    if (rc == SQLITE_OK)
        rc = run(db, "COMMIT");
    if (rc != SQLITE_OK)
        run(db, "ROLLBACK"); /* if it fails, there is nothing left to roll back */
    return rc;
}

/* Making a new one ------------------------------------------------------------------------------------ */

static int sync_folder(const char *path)
{
    char *copy = strdup(path);
    int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = fd >= 0 ? fsync(fd) : -1;

    if (fd >= 0)
        close(fd);
    free(copy);
    return rc;
}

static outrider_err fill_new(const char *path, const char *made_path, outrider_diag *diag)
{
    sqlite3 *db = NULL;
    outrider_err err = OUTRIDER_OK;

    if (sqlite3_open_v2(made_path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        run(db, "PRAGMA synchronous=FULL") != SQLITE_OK ||
        run(db, "PRAGMA application_id=" TEXT_OF(OTR_STORE_APPLICATION_ID)) != SQLITE_OK ||
        upgrade(db) != SQLITE_OK ||
        run(db, "PRAGMA journal_mode=WAL") != SQLITE_OK)
        err = refuse_sqlite(diag, path, db);
    if (sqlite3_close(db) != SQLITE_OK && err == OUTRIDER_OK)
        err = refuse(diag, path, "cannot be completed");
    return err;
}

/* 0600: an administrator may grant more afterwards, and SQLite gives its -wal file the mode of the database. */
static outrider_err make_new(const char *path, outrider_diag *diag)
{
    otr_buf name = OTR_BUF_INIT;
    outrider_err err;
    int fd;

    otr_buf_printf(&name, "%s.new-XXXXXX", path);
    if (name.err != OUTRIDER_OK)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    fd = mkostemp(name.data, O_CLOEXEC);
    if (fd < 0) {
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: cannot be created: %s", path, strerror(errno));
        otr_buf_clear(&name);
        return err;
    }
    close(fd);
    err = fill_new(path, name.data, diag);
    /* Another process may have been quicker; then its file is as good as ours. */
    if (err == OUTRIDER_OK && link(name.data, path) != 0 && errno != EEXIST)
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: cannot be created: %s", path, strerror(errno));
    if (err == OUTRIDER_OK && sync_folder(path) != 0)
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: cannot be made durable: %s", path, strerror(errno));
    unlink(name.data);
    otr_buf_clear(&name);
    return err;
}

/* Opening --------------------------------------------------------------------------------------------- */

outrider_err otr_store_check_content(sqlite3 *db, const char *path, bool *is_damaged, outrider_diag *diag)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    const char *word = NULL; /* what was found: "ok", or what is wrong; NULL: nothing */
    outrider_err err = OUTRIDER_OK;

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        word = (const char *)sqlite3_column_text(statement, 0);
    else if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
        word = sqlite3_errmsg(db);
    if (word == NULL)
        err = refuse_sqlite(diag, path, db);
    else if (strcmp(word, "ok") != 0)
        err = refuse_damaged(diag, path, word);
    if (is_damaged != NULL)
        *is_damaged = word != NULL && err != OUTRIDER_OK;
    sqlite3_finalize(statement);
    return err;
}

bool otr_store_is_large(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && info.st_size > CHECKED_FIRST;
}

/* Takes the write lock, and so whatever a commit needs beside the file. */
static outrider_err check_writable(sqlite3 *db, const char *path, outrider_diag *diag)
{
    if (sqlite3_db_readonly(db, "main") != 0)
        return refuse(diag, path, "cannot be written");
    if (run(db, "BEGIN IMMEDIATE") != SQLITE_OK || run(db, "ROLLBACK") != SQLITE_OK)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot be written: %s", path, sqlite3_errmsg(db));
    return OUTRIDER_OK;
}

outrider_err otr_store_configure(sqlite3 *db, const char *path, outrider_diag *diag)
{
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_busy_timeout(db, OTR_STORE_BUSY_MS);
    return run(db, "PRAGMA cell_size_check=ON") == SQLITE_OK ? OUTRIDER_OK : refuse_sqlite(diag, path, db);
}

static outrider_err set_up(sqlite3 *db, const char *path, outrider_diag *diag)
{
    sqlite3_int64 version = 0;
    outrider_err err;

    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (run(db, "PRAGMA synchronous=FULL") != SQLITE_OK || run(db, KEEP_TEMPORARY) != SQLITE_OK)
        return refuse_sqlite(diag, path, db);
    err = otr_store_configure(db, path, diag);
    if (err == OUTRIDER_OK)
        err = otr_store_check_identity(db, path, &version, diag); /* again: an upgrade may still lie in the write-ahead log */
    if (err == OUTRIDER_OK && !otr_store_is_large(path))
        err = otr_store_check_content(db, path, NULL, diag);
    if (err == OUTRIDER_OK)
        err = check_writable(db, path, diag);
    if (err == OUTRIDER_OK && run(db, "PRAGMA journal_mode=WAL") != SQLITE_OK)
        err = refuse_sqlite(diag, path, db);
    if (err == OUTRIDER_OK && version < OTR_STORE_SCHEMA && upgrade(db) != SQLITE_OK)
        err = refuse_sqlite(diag, path, db);
    if (err == OUTRIDER_OK) {
        (void)run(db, indexes);
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    }
    return err;
}

/* SQLite keeps its write-ahead log beside the file, so that the folder must be writable too. */
static outrider_err check_folder(const char *path, outrider_diag *diag)
{
    char *copy = strdup(path);
    const char *folder = copy != NULL ? dirname(copy) : "";
    outrider_err err = OUTRIDER_OK;
    struct stat info;

    if (copy == NULL)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    else if (stat(folder, &info) != 0)
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: the directory %s: %s", path, folder, strerror(errno));
    else if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: the directory %s cannot be written: %s", path, folder,
                       strerror(errno));
    free(copy);
    return err;
}

static outrider_err check_place(const char *path, bool *is_there, outrider_diag *diag)
{
    struct stat info;
    outrider_err err = check_folder(path, diag);

    if (err != OUTRIDER_OK)
        return err;
    *is_there = stat(path, &info) == 0;
    if (!*is_there)
        return errno == ENOENT ? OUTRIDER_OK : refuse(diag, path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return refuse(diag, path, "is no regular file");
    if (info.st_size == 0)
        return refuse(diag, path, "is empty, and no database; remove it to have one made");
    if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    return OUTRIDER_OK;
}

/* The second connection, to a file that has passed every check. */
static outrider_err connect_again(const char *path, sqlite3 **db, outrider_diag *diag)
{
    sqlite3 *opened = NULL;
    outrider_err err = OUTRIDER_OK;

    if (sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK ||
        run(opened, "PRAGMA synchronous=NORMAL") != SQLITE_OK || run(opened, KEEP_TEMPORARY) != SQLITE_OK)
        err = refuse_sqlite(diag, path, opened);
    if (err == OUTRIDER_OK)
        err = otr_store_configure(opened, path, diag);
    if (err != OUTRIDER_OK) {
        sqlite3_close(opened);
        return err;
    }
    *db = opened;
    return OUTRIDER_OK;
}

outrider_err otr_store_connect(const char *path, sqlite3 **db, sqlite3 **observations, outrider_diag *diag)
{
    sqlite3 *opened = NULL;
    bool is_there = false;
    outrider_err err = check_place(path, &is_there, diag);

    if (err == OUTRIDER_OK && !is_there)
        err = make_new(path, diag);
    if (err == OUTRIDER_OK)
        err = inspect(path, diag);
    if (err != OUTRIDER_OK)
        return err;
    /* FULLMUTEX costs little here, and makes sqlite3_errmsg() safe beside our own lock. */
    if (sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
        err = refuse_sqlite(diag, path, opened);
    else
        err = set_up(opened, path, diag);
    if (err == OUTRIDER_OK)
        err = connect_again(path, observations, diag);
    if (err != OUTRIDER_OK) {
        sqlite3_close(opened);
        return err;
    }
    *db = opened;
    return OUTRIDER_OK;
}

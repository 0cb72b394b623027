/*
 * fixture.h - a folder for one test program with one database in it, which each test finds empty.
 */
#ifndef OTR_STORE_TEST_FIXTURE_H
#define OTR_STORE_TEST_FIXTURE_H

#include "store/store_trust.h"
#include "support/cmocka_all.h"

#include <sqlite3.h>

#define NOW 1800000000
#define DAY 86400
#define BODY(mode, age) "version: STSv1\r\nmode: " mode "\nmx: mx.example.org\nmax_age: " age "\n"

extern char store_folder[];
extern char store_path[64];

/* Of the group; the second one fails if anything was left behind in the folder. */
int make_folder(void **state);
int remove_folder(void **state);

/* Of each test. */
int fresh(void **state);
#define TEST(name) cmocka_unit_test_setup(name, fresh)

otr_store *open_store(void);
void remove_files(void);
void run_sql(const char *sql);
int64_t ask_number(const char *sql);

/* A database as an older program has made it (tests/unit/store/data), in the place of ours. */
void copy_old_database(const char *name);

/* Root may write everything, so root is somebody else meanwhile. */
#define NOBODY 65534
void become_nobody(bool is_nobody);

/* An entry with a policy that was fetched at NOW; without one if body is NULL. */
otr_sts_entry *make_entry(const char *domain, const char *body);
void put_entry(otr_store *store, const otr_sts_entry *entry);

/* No file may grow beyond so many octets: how a full disk looks from here, for those who are not root as well. */
void limit_file_size(int64_t most);
void lift_file_size(void);

#endif

/*
 * override_test.c - overrides are kept over a restart, and a row that cannot be believed is not used.
 */
#include "fixture.h"

#include <stdio.h>

static otr_override make(const char *domain, otr_time until)
{
    otr_override o = { .level = OTR_LEVEL_ENCRYPT, .until = until, .made_at = NOW, .uid = 4294967294, .reason = "Schl\xc3\xbcssel" };

    strcpy(o.domain, domain);
    return o;
}

static void put(otr_store *store, const char *domain, otr_time until)
{
    otr_override o = make(domain, until);

    assert_int_equal(otr_store_put_override(store, &o, NULL), OUTRIDER_OK);
}

struct found {
    otr_override list[8];
    size_t count;
};

static void collect(void *arg, const otr_override *o)
{
    struct found *found = arg;

    assert_true(found->count < 8);
    found->list[found->count++] = *o;
}

static outrider_err look(otr_store *store, struct found *found, outrider_diag *diag)
{
    *found = (struct found){ 0 };
    return otr_store_each_override(store, collect, found, diag);
}

static void they_survive_a_restart(void **state)
{
    otr_store *store = open_store();
    otr_override want = make("b.example", NOW + 86400);
    struct found found;

    (void)state;
    put(store, "b.example", NOW + 10);
    put(store, "a.example", NOW + 10);
    put(store, "b.example", NOW + 86400); /* replaces */
    put(store, "c.example", NOW + 10);
    assert_int_equal(otr_store_drop_override(store, "c.example", NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_drop_override(store, "none.example", NULL), OUTRIDER_OK);
    otr_store_close(store);
    store = open_store();
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.list[0].domain, "a.example");
    assert_string_equal(found.list[1].domain, want.domain);
    assert_int_equal(found.list[1].level, want.level);
    assert_int_equal(found.list[1].until, want.until);
    assert_int_equal(found.list[1].made_at, want.made_at);
    assert_int_equal(found.list[1].uid, want.uid);
    assert_string_equal(found.list[1].reason, want.reason);
    otr_store_close(store);
}

static void the_sweep_takes_those_that_have_ended(void **state)
{
    otr_store *store = open_store();
    struct found found;

    (void)state;
    put(store, "a.example", NOW + 10);
    put(store, "b.example", NOW + 11);
    assert_int_equal(otr_store_sweep(store, NOW + 10, NULL), OUTRIDER_OK);
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.list[0].domain, "b.example");
    otr_store_close(store);
}

/* Somebody wrote into the file, or the disk did: what is wrong is told and not used, the rest is. */
static void a_row_that_cannot_be_believed_is_not_used(void **state)
{
    static const char *const rows[] = {
        "('Bad.example', 'may', 1800000100, 'x', 1800000000, 0)",  "('bad.example', 'none', 1800000100, 'x', 1800000000, 0)",
        "('bad.example', 'secure', 1800000100, 'x', 1800000000, 0)", "('bad.example', 'may', 1800000100, '', 1800000000, 0)",
        "('bad.example', 'may', 1800000100, 'a' || char(10), 1800000000, 0)", "('bad.example', 'may', 1800000000, 'x', 1800000000, 0)",
        "('bad.example', 'may', 9000000000, 'x', 1800000000, 0)", "('bad.example', 'may', 1800000100, 'x', -1, 0)",
        "('*', 'may', 1800000100, 'x', 1800000000, 0)", "('a' || char(0) || '.example', 'may', 1800000100, 'x', 1800000000, 0)",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sql[300];
        struct found found;
        outrider_diag diag = { 0 };
        otr_store *store;

        fresh(state);
        store = open_store();
        put(store, "good.example", NOW + 10);
        otr_store_close(store);
        snprintf(sql, sizeof(sql), "INSERT INTO overrides VALUES %s", rows[i]);
        run_sql(sql);
        store = open_store();
        if (look(store, &found, &diag) != OUTRIDER_E_SYNTAX || strstr(diag.message, "is not used") == NULL)
            fail_msg("%s was believed: %s", rows[i], diag.message);
        assert_int_equal(found.count, 1);
        assert_string_equal(found.list[0].domain, "good.example");
        otr_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_survive_a_restart),
        TEST(the_sweep_takes_those_that_have_ended),
        TEST(a_row_that_cannot_be_believed_is_not_used),
    };
    return cmocka_run_group_tests_name("store/override", tests, make_folder, remove_folder);
}

/*
 * hold_test.c - destinations that wait for the operator's word wait after a restart as well.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static otr_hold make(const char *domain, otr_role role, const char *host, const char *to_name)
{
    otr_hold h = { .role = role, .since = NOW, .from_name = "Root A (Example)" };

    snprintf(h.domain, sizeof(h.domain), "%s", domain);
    snprintf(h.host, sizeof(h.host), "%s", host);
    snprintf(h.to_name, sizeof(h.to_name), "%s", to_name);
    memset(h.from, 'a', sizeof(h.from) - 1);
    memset(h.to, 'b', sizeof(h.to) - 1);
    return h;
}

static void put(otr_store *store, const char *domain, otr_role role, const char *host, const char *to_name)
{
    otr_hold h = make(domain, role, host, to_name);
    outrider_diag diag = { 0 };

    if (otr_store_put_hold(store, &h, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
}

static void write_down(void *arg, const otr_hold *h)
{
    assert_int_equal(strlen(h->from), 64);
    assert_int_equal(strlen(h->to), 64);
    sprintf((char *)arg + strlen(arg), "%s %s %s %s>%s %c>%c %d; ", h->domain, otr_role_names[h->role], h->host, h->from_name,
            h->to_name, h->from[0], h->to[0], (int)(h->since - NOW));
}

static void they_survive_a_restart(void **state)
{
    otr_store *store = open_store();
    char text[1000] = "";

    (void)state;
    put(store, "b.example", OTR_ROLE_MX, "mx.b.example", "Root B");
    put(store, "a.example", OTR_ROLE_POLICY, "mta-sts.a.example", "Root B");
    put(store, "a.example", OTR_ROLE_MX, "mx.a.example", "Root B");
    put(store, "a.example", OTR_ROLE_MX, "mx.a.example", "Root C"); /* replaces */
    put(store, "gone.example", OTR_ROLE_MX, "mx1.gone.example", "Root B");
    put(store, "gone.example", OTR_ROLE_MX, "mx2.gone.example", "Root B");
    assert_int_equal(otr_store_drop_holds(store, "gone.example", NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_drop_holds(store, "never.example", NULL), OUTRIDER_OK);
    otr_store_close(store);
    store = open_store();
    assert_int_equal(otr_store_sweep(store, NOW + 999 * (otr_time)DAY, NULL), OUTRIDER_OK); /* the operator ends them, not time */
    assert_int_equal(otr_store_each_hold(store, write_down, text, NULL), OUTRIDER_OK);
    assert_string_equal(text, "a.example mx mx.a.example Root A (Example)>Root C a>b 0; "
                              "a.example policy mta-sts.a.example Root A (Example)>Root B a>b 0; "
                              "b.example mx mx.b.example Root A (Example)>Root B a>b 0; ");
    otr_store_close(store);
}

static void a_row_that_cannot_be_believed_is_not_used(void **state)
{
    static const struct {
        const char *set;
        const char *why;
    } rows[] = {
        { "domain = 'Bad.example'", "domain or host is none" },
        { "host = ''", "domain or host is none" },
        { "host = printf('%300s', 'x')", "domain, role or host is none" },
        { "role = 'friend'", "domain, role or host is none" },
        { "from_root = ''", "a root is no fingerprint" },
        { "to_root = upper(to_root)", "a root is no fingerprint" },
        { "from_name = 'a' || char(10)", "a name of a root is none" },
        { "to_name = printf('%200s', 'x')", "a root is none" },
        { "since = -1", "the time is impossible" },
        { "since = 9223372036854775807", "the time is impossible" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sql[200], text[500] = "";
        outrider_diag diag = { 0 };
        otr_store *store;

        fresh(state);
        store = open_store();
        put(store, "bad.example", OTR_ROLE_MX, "mx.bad.example", "Root B");
        put(store, "good.example", OTR_ROLE_MX, "mx.good.example", "Root B");
        snprintf(sql, sizeof(sql), "UPDATE holds SET %s WHERE domain = 'bad.example'", rows[i].set);
        run_sql(sql);
        if (otr_store_each_hold(store, write_down, text, &diag) != OUTRIDER_E_SYNTAX || strstr(diag.message, rows[i].why) == NULL)
            fail_msg("%s: got \"%s\", want \"%s\"", sql, diag.message, rows[i].why);
        if (strcmp(text, "good.example mx mx.good.example Root A (Example)>Root B a>b 0; ") != 0)
            fail_msg("%s: %s", sql, text);
        otr_store_close(store);
    }
}

static void what_is_none_is_not_kept(void **state)
{
    otr_store *store = open_store();
    otr_hold holds[] = { make("a b", OTR_ROLE_MX, "mx.example", "B"), make("a.example", OTR_ROLE_COUNT, "mx.example", "B"),
                         make("a.example", OTR_ROLE_MX, "mx.example", "B\n"), make("a.example", OTR_ROLE_MX, "mx.example", "B") };

    (void)state;
    holds[3].to[0] = '\0';
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(otr_store_put_hold(store, &holds[i], NULL), OUTRIDER_E_SYNTAX);
    otr_store_close(store);
    assert_int_equal(ask_number("SELECT count(*) FROM holds"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_survive_a_restart),
        TEST(a_row_that_cannot_be_believed_is_not_used),
        TEST(what_is_none_is_not_kept),
    };
    return cmocka_run_group_tests_name("store/hold", tests, make_folder, remove_folder);
}

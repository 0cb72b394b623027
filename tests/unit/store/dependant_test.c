/*
 * dependant_test.c - what is recorded of each destination, put together: its policy, its hosts as last decided, the
 * chains that were seen, its traffic. In order, one at a time, and without keeping anybody waiting.
 */
#include "fixture.h"

#include "chains.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define A (&test_chains.root_a)

static void see(otr_store *store, const char *domain, const char *host, otr_time at)
{
    otr_sighting s = make_sighting(domain, OTR_ROLE_MX, host, at, &test_chains.leaf, A);
    char before[OTR_SHA256_TEXT];

    assert_int_equal(otr_store_put_sighting(store, &s, before, NULL), OUTRIDER_OK);
    otr_sighting_clear(&s);
}

static void policy(otr_store *store, const char *domain, const char *body)
{
    otr_sts_entry *entry = make_entry(domain, body);

    put_entry(store, entry);
    otr_sts_entry_unref(entry);
}

static void decide(otr_store *store, const char *domain, const char *first, const char *second, double questions, otr_time at)
{
    otr_dependant_host hosts[] = { { .name = first, .has_dane = true }, { .name = second, .is_admitted = true } };
    outrider_diag diag = { 0 };

    if (otr_store_put_destination(store, domain, hosts, second != NULL ? 2 : first != NULL, questions, at, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
}

/* "domain mode expiry [host(dane,admitted) ...] {seen ...} traffic own; " */
static bool write_down(void *arg, const otr_dependant *d)
{
    char *to = (char *)arg + strlen(arg);

    to += sprintf(to, "%s %s %d [", d->domain, otr_sts_mode_names[d->mode],
                  d->policy_expires_at == 0 ? 0 : (int)(d->policy_expires_at - NOW));
    for (size_t i = 0; i < d->host_count; i++)
        to += sprintf(to, "%s%s%s%s", i > 0 ? " " : "", d->hosts[i].name, d->hosts[i].has_dane ? "+dane" : "",
                      d->hosts[i].is_admitted ? "+admitted" : "");
    to += sprintf(to, "] {");
    for (size_t i = 0; i < d->sighting_count; i++)
        to += sprintf(to, "%s%s", i > 0 ? " " : "", d->sightings[i].host);
    sprintf(to, "} %.2f%s; ", d->traffic, d->is_own ? " own" : "");
    return false;
}

static const char *walk(otr_store *store, otr_time now, const char *const *own, char *text)
{
    outrider_diag diag = { 0 };

    text[0] = '\0';
    if (otr_store_each_dependant(store, now, own, write_down, text, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    return text;
}

static void what_is_known_is_put_together(void **state)
{
    static const char *const own[] = { "mx.own.example", "mx.seen.example", NULL };
    otr_store *store = open_store();
    char text[2000], one[2000] = "";
    bool is_found = true;

    (void)state;
    policy(store, "policy.example", BODY("enforce", "100"));
    policy(store, "all.example", BODY("testing", "200"));
    policy(store, "failed.example", NULL);
    decide(store, "all.example", "mx.example.org", "mx.elsewhere.example", 3, NOW);
    see(store, "all.example", "mx.example.org", NOW);
    see(store, "all.example", "a.example.org", NOW);
    decide(store, "nohosts.example", NULL, NULL, 1, NOW);
    decide(store, "own.example", "mx.own.example", NULL, 0, NOW);
    see(store, "seen.example", "mx.seen.example", NOW);
    assert_string_equal(walk(store, NOW, own, text),
                        "all.example testing 200 [mx.example.org+dane+admitted mx.elsewhere.example] {a.example.org mx.example.org} 3.00; "
                        "nohosts.example none 0 [] {} 1.00; "
                        "own.example none 0 [mx.own.example+dane] {} 0.00 own; "
                        "policy.example enforce 100 [] {} 0.00; "
                        "seen.example none 0 [] {mx.seen.example} 0.00 own; ");
    /* an expired policy is none; what else is known stays */
    assert_string_equal(walk(store, NOW + 200, NULL, text),
                        "all.example none 0 [mx.example.org+dane mx.elsewhere.example] {a.example.org mx.example.org} 3.00; "
                        "nohosts.example none 0 [] {} 1.00; own.example none 0 [mx.own.example+dane] {} 0.00; "
                        "seen.example none 0 [] {mx.seen.example} 0.00; ");
    assert_int_equal(otr_store_dependant(store, "policy.example", NOW, own, write_down, one, &is_found, NULL), OUTRIDER_OK);
    assert_true(is_found);
    assert_string_equal(one, "policy.example enforce 100 [] {} 0.00; ");
    one[0] = '\0';
    assert_int_equal(otr_store_dependant(store, "failed.example", NOW, own, write_down, one, &is_found, NULL), OUTRIDER_OK);
    assert_false(is_found);
    assert_int_equal(otr_store_dependant(store, "Not a name", NOW, own, write_down, one, &is_found, NULL), OUTRIDER_OK);
    assert_false(is_found);
    assert_string_equal(one, "");
    otr_store_close(store);
}

static void traffic_fades(void **state)
{
    static const struct {
        const char *sentence;
        double first, second;
        int days; /* between the two, and again until the look */
        const char *traffic;
    } rows[] = {
        { "at once all of it", 10, 0, 0, "10.00" },
        { "added to what is there", 10, 5, 0, "15.00" },
        { "after 30 days a third and a little", 100, 0, 15, "36.79" },
        { "what came later counts for more", 100, 100, 30, "50.32" },
        { "a clock that was set back takes nothing away", 100, 0, -5, "100.00" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_time span = rows[i].days * (otr_time)DAY;
        char text[200];
        otr_store *store;

        fresh(state);
        store = open_store();
        decide(store, "a.example", NULL, NULL, rows[i].first, NOW);
        decide(store, "a.example", NULL, NULL, rows[i].second, NOW + span);
        walk(store, NOW + 2 * span, NULL, text);
        if (strstr(text, rows[i].traffic) == NULL)
            fail_msg("%s: got %s, want %s", rows[i].sentence, text, rows[i].traffic);
        otr_store_close(store);
    }
}

static void what_is_none_is_not_recorded(void **state)
{
    static otr_dependant_host hosts[OTR_DEPENDANT_HOSTS_MAX + 1];
    const otr_dependant_host odd = { .name = "mx example" };
    otr_store *store = open_store();
    char text[OTR_DEPENDANT_HOSTS_MAX * 30];

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        hosts[i].name = "mx.example.org";
    assert_int_equal(otr_store_put_destination(store, "A.example", hosts, 1, 0, NOW, NULL), OUTRIDER_E_SYNTAX);
    assert_int_equal(otr_store_put_destination(store, "a.example", &odd, 1, 0, NOW, NULL), OUTRIDER_E_SYNTAX);
    assert_int_equal(otr_store_put_destination(store, "a.example", hosts, 1, -1, NOW, NULL), OUTRIDER_E_SYNTAX);
    assert_int_equal(otr_store_put_destination(store, "a.example", hosts, 1, 0.0 / 0.0, NOW, NULL), OUTRIDER_E_SYNTAX);
    assert_int_equal(otr_store_put_destination(store, "a.example", hosts, 1, 0, 0, NULL), OUTRIDER_E_SYNTAX);
    assert_int_equal(otr_store_put_destination(store, "a.example", hosts, OTR_DEPENDANT_HOSTS_MAX + 1, 0, NOW, NULL), OUTRIDER_E_LIMIT);
    assert_string_equal(walk(store, NOW, NULL, text), "");
    assert_int_equal(otr_store_put_destination(store, "a.example", hosts, OTR_DEPENDANT_HOSTS_MAX, 0, NOW, NULL), OUTRIDER_OK);
    assert_true(strlen(walk(store, NOW, NULL, text)) > OTR_DEPENDANT_HOSTS_MAX * 14);
    otr_store_close(store);
}

static void a_row_that_cannot_be_believed_is_left_out(void **state)
{
    static const struct {
        const char *sql;
        const char *why;
        const char *left;
    } rows[] = {
        { "UPDATE destinations SET hosts = 'mx..example' WHERE domain = 'b.example'", "the hosts are none", "" },
        { "UPDATE destinations SET hosts = 'mx.example/dan' WHERE domain = 'b.example'", "the hosts are none", "" },
        { "UPDATE destinations SET hosts = 'mx.example ' WHERE domain = 'b.example'", "the hosts are none", "" },
        { "UPDATE destinations SET hosts = ' ' WHERE domain = 'b.example'", "the hosts are none", "" },
        { "UPDATE destinations SET hosts = replace(printf('%201s', ''), ' ', 'mx.example ') WHERE domain = 'b.example'", "the hosts are none", "" },
        { "UPDATE destinations SET hosts = printf('%99999s', '') WHERE domain = 'b.example'", "the hosts are none", "" },
        { "UPDATE destinations SET traffic = -1 WHERE domain = 'b.example'", "the traffic is impossible", "" },
        { "UPDATE destinations SET traffic = 9e999 WHERE domain = 'b.example'", "the traffic is impossible", "" },
        { "UPDATE destinations SET decided_at = 0 WHERE domain = 'b.example'", "the time is impossible", "" },
        { "UPDATE destinations SET domain = 'B.example' WHERE domain = 'b.example'", "the domain is none", "" },
        { "UPDATE destinations SET domain = 'b' || char(0, 1) || '.example' WHERE domain = 'b.example'", "the domain is none", "" },
        { "UPDATE destinations SET domain = '' WHERE domain = 'b.example'", "the domain is none", "" },
        { "UPDATE destinations SET domain = printf('%.70000c', 'b') WHERE domain = 'b.example'", "the domain is none", "" },
        { "UPDATE sts SET expires_at = expires_at + 1 WHERE domain = 'b.example'", "the expiry is not that of the policy",
          "b.example none 0 [mx.b.example+dane] {} 1.00; " },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_store *store;
        outrider_diag diag = { 0 };
        char text[2000] = "", want[500];

        fresh(state);
        store = open_store();
        decide(store, "a.example", "mx.a.example", NULL, 1, NOW);
        decide(store, "b.example", "mx.b.example", NULL, 1, NOW);
        decide(store, "c.example", "mx.c.example", NULL, 1, NOW);
        if (rows[i].left[0] != '\0')
            policy(store, "b.example", BODY("enforce", "100"));
        run_sql(rows[i].sql);
        if (otr_store_each_dependant(store, NOW, NULL, write_down, text, &diag) != OUTRIDER_E_SYNTAX ||
            strstr(diag.message, rows[i].why) == NULL)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].sql, diag.message, rows[i].why);
        snprintf(want, sizeof(want), "a.example none 0 [mx.a.example+dane] {} 1.00; %sc.example none 0 [mx.c.example+dane] {} 1.00; ",
                 rows[i].left);
        if (strcmp(text, want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].sql, text, want);
        otr_store_close(store);
    }
}

struct interruption {
    otr_store *store;
    size_t visits;
};

static bool write_meanwhile(void *arg, const otr_dependant *d)
{
    struct interruption *i = arg;

    /* Another program writes, and so do we: nothing is locked. */
    run_sql("UPDATE clock SET latest = latest + 1");
    decide(i->store, d->domain, "mx.example.org", NULL, 1, NOW);
    return ++i->visits == 2;
}

static void a_visitor_keeps_nobody_waiting_and_may_end_it(void **state)
{
    otr_store *store = open_store();
    struct interruption i = { .store = store };

    (void)state;
    decide(store, "a.example", "mx.a.example", NULL, 1, NOW);
    decide(store, "b.example", "mx.b.example", NULL, 1, NOW);
    decide(store, "c.example", "mx.c.example", NULL, 1, NOW);
    assert_int_equal(otr_store_each_dependant(store, NOW, NULL, write_meanwhile, &i, NULL), OUTRIDER_OK);
    assert_int_equal(i.visits, 2);
    otr_store_close(store);
}

/* Nothing is sorted or kept on the way: else a million destinations would be. */
static void the_walk_follows_the_keys(void **state)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    char plan[2000] = "";
    int rc;

    (void)state;
    otr_store_close(open_store());
    assert_int_equal(sqlite3_open(store_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "EXPLAIN QUERY PLAN SELECT domain FROM sts WHERE domain >= ?1 AND body IS NOT NULL "
                                            "AND expires_at > ?2 UNION SELECT domain FROM sightings WHERE domain >= ?1 "
                                            "UNION SELECT domain FROM destinations WHERE domain >= ?1 ORDER BY 1 LIMIT 1",
                                        -1, &s, NULL), SQLITE_OK);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        snprintf(plan + strlen(plan), sizeof(plan) - strlen(plan), "%s; ", sqlite3_column_text(s, 3));
    assert_int_equal(rc, SQLITE_DONE);
    sqlite3_finalize(s);
    sqlite3_close(db);
    if (strstr(plan, "TEMP") != NULL || strstr(plan, "SCAN") != NULL)
        fail_msg("%s", plan);
}

static void the_sweep_takes_what_was_not_decided_again(void **state)
{
    otr_store *store = open_store();
    char text[500];
    otr_time at = NOW + OTR_SIGHTING_DAYS * (otr_time)DAY;

    (void)state;
    decide(store, "a.example", "mx.a.example", NULL, 1, NOW);
    decide(store, "b.example", "mx.b.example", NULL, 1, NOW + 1);
    assert_int_equal(otr_store_sweep(store, at, NULL), OUTRIDER_OK);
    assert_string_equal(walk(store, NOW + 1, NULL, text), "b.example none 0 [mx.b.example+dane] {} 1.00; ");
    otr_store_close(store);
}

#define WRITERS 3
#define WRITES 30

static void *write_and_walk(void *arg)
{
    otr_store *store = arg;
    char text[20000];
    intptr_t errors = 0;

    for (int i = 0; i < WRITES; i++) {
        char domain[40];
        otr_sighting s;
        char before[OTR_SHA256_TEXT];
        otr_dependant_host host = { .name = "mx.example.org" };

        sprintf(domain, "d%d.example", i);
        s = make_sighting(domain, OTR_ROLE_MX, "mx.example.org", NOW + i * 7200, &test_chains.leaf, i % 2 == 0 ? A : NULL);
        errors += otr_store_put_sighting(store, &s, before, NULL) != OUTRIDER_OK;
        errors += otr_store_put_destination(store, domain, &host, 1, 1, NOW, NULL) != OUTRIDER_OK;
        if (i % 10 == 0) {
            text[0] = '\0';
            errors += otr_store_each_dependant(store, NOW, NULL, write_down, text, NULL) != OUTRIDER_OK;
            errors += otr_store_sweep(store, NOW, NULL) != OUTRIDER_OK;
        }
        otr_sighting_clear(&s);
    }
    return (void *)errors;
}

static void threads_take_turns(void **state)
{
    otr_store *store = open_store();
    pthread_t threads[WRITERS];

    (void)state;
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_walk, store), 0);
    for (int i = 0; i < WRITERS; i++) {
        void *errors;

        assert_int_equal(pthread_join(threads[i], &errors), 0);
        assert_null(errors);
    }
    otr_store_close(store);
}

static int set_up(void **state)
{
    make_chains();
    return make_folder(state);
}

static int tear_down(void **state)
{
    clear_chains();
    return remove_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_known_is_put_together),
        TEST(traffic_fades),
        TEST(what_is_none_is_not_recorded),
        TEST(a_row_that_cannot_be_believed_is_left_out),
        TEST(a_visitor_keeps_nobody_waiting_and_may_end_it),
        TEST(the_walk_follows_the_keys),
        TEST(the_sweep_takes_what_was_not_decided_again),
        TEST(threads_take_turns),
    };
    return cmocka_run_group_tests_name("store/dependant", tests, set_up, tear_down);
}

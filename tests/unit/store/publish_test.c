/*
 * publish_test.c - life cycles, versions and fetches of our own policies: kept over a restart, all of a call or nothing, bounded, swept
 * when nobody can hold them any more, and not believed where a row is none.
 */
#include "fixture.h"
#include "store/store_publish.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(mode, age) "version: STSv1\r\nmode: " mode "\r\nmx: mx.example.org\r\nmax_age: " age "\r\n"
#define TODAY (NOW / DAY)

static const char enforce_body[] = TEXT("enforce", "86400"), testing_body[] = TEXT("testing", "604800"),
                  shorter_body[] = TEXT("enforce", "3600");

static otr_version make(const char *body, otr_sts_mode mode, uint32_t max_age, otr_time since)
{
    otr_version v = { .mode = mode, .max_age = max_age, .since = since, .horizon = since + 3600, .body = body };

    assert_int_equal(otr_publication_id(body, strlen(body), v.id), OUTRIDER_OK);
    return v;
}

static otr_version enforce(otr_time since)
{
    return make(enforce_body, OTR_STS_ENFORCE, 86400, since);
}

static otr_version testing(otr_time since)
{
    return make(testing_body, OTR_STS_TESTING, 604800, since);
}

static otr_publish_step step(const char *domain, otr_phase phase, const otr_version *v)
{
    otr_publish_step s = { .domain = domain, .version = v, .life = { .phase = phase, .since = NOW, .uid = -1 } };

    if (v != NULL)
        memcpy(s.life.serving, v->id, sizeof(s.life.serving));
    return s;
}

static void put(otr_store *store, const otr_publish_step *steps, size_t count)
{
    outrider_diag diag = { 0 };

    if (otr_store_put_steps(store, steps, count, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
}

/* "a.example enforce: enforce/86400 since+0 last+5 horizon+3600, testing/...; " */
static void write_down(void *arg, const otr_published *p)
{
    char *text = arg;

    sprintf(text + strlen(text), "%s %s", p->domain, otr_phase_names[p->life.phase]);
    for (size_t i = 0; i < p->version_count; i++) {
        const otr_version *v = &p->versions[i];

        sprintf(text + strlen(text), "%s%s/%u%s since%+d last%+d horizon%+d", i == 0 ? ": " : ", ", otr_sts_mode_names[v->mode], v->max_age,
                strcmp(v->id, p->life.serving) == 0 ? "*" : "", (int)(v->since - NOW), v->last > 0 ? (int)(v->last - NOW) : 0,
                v->horizon > 0 ? (int)(v->horizon - NOW) : 0);
        assert_int_equal(strncmp(v->body, "version: STSv1\r\n", 16), 0);
    }
    strcat(text, "; ");
}

static const char *look(otr_store *store, outrider_err want)
{
    static char text[4000];
    outrider_diag diag = { 0 };

    text[0] = '\0';
    if (otr_store_each_published(store, write_down, text, &diag) != want)
        fail_msg("got \"%s\" %s", diag.message, text);
    return text;
}

static void write_fetches(void *arg, const otr_fetch_count *f)
{
    sprintf((char *)arg + strlen(arg), "%s %d %s %d; ", f->domain, (int)(f->day - TODAY), f->network, (int)f->count);
}

static const char *look_at_fetches(otr_store *store, const char *domain, int64_t from)
{
    static char text[4000];

    text[0] = '\0';
    assert_int_equal(otr_store_each_fetches(store, domain, from, write_fetches, text, NULL), OUTRIDER_OK);
    return text;
}

/* --------------------------------------------------------------------------------------------------------------- */

static void they_survive_a_restart(void **state)
{
    otr_version t = testing(NOW - 100), e = enforce(NOW), t2 = testing(NOW);
    otr_publish_step first[] = { step("b.example", OTR_PHASE_TESTING, &t), step("a.example", OTR_PHASE_TESTING, &t2) };
    otr_publish_step second = step("b.example", OTR_PHASE_ENFORCE, &e);
    otr_store *store = open_store();

    (void)state;
    put(store, first, 2);
    put(store, &second, 1);
    otr_store_close(store);
    store = open_store();
    assert_string_equal(look(store, OUTRIDER_OK), "a.example testing: testing/604800* since+0 last+0 horizon+3600; "
                                                  "b.example enforce: testing/604800 since-100 last+0 horizon+3500, "
                                                  "enforce/86400* since+0 last+0 horizon+3600; ");
    otr_store_close(store);
}

static void who_wanted_it_is_kept(void **state)
{
    otr_publish_step s = step("a.example", OTR_PHASE_RETIRING, NULL);
    otr_store *store = open_store();

    (void)state;
    s.life.uid = 1000;
    s.life.is_forced = true;
    strcpy(s.life.reason, "Schl\xc3\xbcssel weg");
    put(store, &s, 1);
    otr_store_close(store);
    assert_int_equal(ask_number("SELECT uid * 10 + forced FROM publications WHERE reason = 'Schlüssel weg' AND serving = ''"), 10001);
}

/* A text that returns is the same version: since it first was, and until it last was. */
static void a_text_that_returns_keeps_its_times(void **state)
{
    otr_version e = enforce(NOW), s = make(shorter_body, OTR_STS_ENFORCE, 3600, NOW + 10);
    otr_publish_step steps[] = { step("a.example", OTR_PHASE_ENFORCE, &e), step("a.example", OTR_PHASE_ENFORCE, &s),
                                 step("a.example", OTR_PHASE_ENFORCE, &e) };
    otr_version_times times = { "a.example", e.id, NOW + 5, NOW + 5 };
    otr_store *store = open_store();

    (void)state;
    put(store, steps, 2);
    assert_int_equal(otr_store_put_horizons(store, &times, 1, NULL), OUTRIDER_OK);
    e.since = NOW + 1000;
    e.horizon = NOW + 4600;
    put(store, &steps[2], 1);
    assert_string_equal(look(store, OUTRIDER_OK), "a.example enforce: enforce/86400* since+0 last+5 horizon+4600, "
                                                  "enforce/3600 since+10 last+0 horizon+3610; ");
    otr_store_close(store);
}

static void times_of_handing_out_only_grow_and_horizons_are_replaced(void **state)
{
    otr_version e = enforce(NOW);
    otr_publish_step s = step("a.example", OTR_PHASE_ENFORCE, &e);
    otr_version_times list[] = { { "a.example", e.id, NOW + 50, NOW + 7200 }, { "a.example", e.id, NOW + 20, NOW + 60 } },
                      missing[] = { { "a.example", e.id, NOW + 99, NOW + 99 }, { "b.example", e.id, NOW + 1, NOW + 1 } };
    outrider_diag diag = { 0 };
    otr_store *store = open_store();

    (void)state;
    put(store, &s, 1);
    assert_int_equal(otr_store_put_horizons(store, list, 2, NULL), OUTRIDER_OK);
    assert_string_equal(look(store, OUTRIDER_OK), "a.example enforce: enforce/86400* since+0 last+50 horizon+60; ");
    assert_int_equal(otr_store_put_horizons(store, missing, 2, &diag), OUTRIDER_E_SYNTAX); /* all of it or nothing */
    assert_non_null(strstr(diag.message, "b.example\" is not there any more"));
    assert_string_equal(look(store, OUTRIDER_OK), "a.example enforce: enforce/86400* since+0 last+50 horizon+60; ");
    list[0].last = NOW + 70;
    assert_int_equal(otr_store_note_fetches(store, list, 1, NULL, 0, NULL), OUTRIDER_OK);
    assert_string_equal(look(store, OUTRIDER_OK), "a.example enforce: enforce/86400* since+0 last+70 horizon+60; ");
    otr_store_close(store);
}

static void what_is_none_is_not_kept(void **state)
{
    otr_version good = enforce(NOW), other_id = good, other_mode = good, other_age = good, early = good, broken = good;
    otr_publish_step steps[] = { step("A.example", OTR_PHASE_ENFORCE, &good), step("a.example", OTR_PHASE_ENFORCE, &other_id),
                                 step("a.example", OTR_PHASE_ENFORCE, &other_mode), step("a.example", OTR_PHASE_ENFORCE, &other_age),
                                 step("a.example", OTR_PHASE_ENFORCE, &early), step("a.example", OTR_PHASE_ENFORCE, &broken) };
    otr_store *store = open_store();

    (void)state;
    other_id.id[0] ^= 1;
    other_mode.mode = OTR_STS_TESTING;
    other_age.max_age++;
    early.since = 0;
    broken.body = "version: STSv1\r\n";
    for (size_t i = 0; i < COUNT(steps); i++) {
        otr_publish_step both[] = { step("good.example", OTR_PHASE_ENFORCE, &good), steps[i] };

        if (otr_store_put_steps(store, both, 2, NULL) != OUTRIDER_E_SYNTAX)
            fail_msg("row %zu was taken", i);
    }
    otr_store_close(store);
    assert_int_equal(ask_number("SELECT (SELECT count(*) FROM versions) + (SELECT count(*) FROM publications)"), 0);
}

static void a_row_that_cannot_be_believed_is_not_used(void **state)
{
    static const struct {
        const char *set, *why;
        bool has_others; /* the publication is good, and so is its other version */
    } rows[] = {
        { "publications SET phase = 'asleep'", "the phase is none", false },
        { "publications SET domain = 'Bad.example'", "the domain is none", false },
        { "publications SET since = 0", "the time is impossible", false },
        { "publications SET reason = 'a' || char(10)", "the reason is none", false },
        { "publications SET serving = printf('%300s', 'x')", "domain, phase, id or reason is none", false },
        { "versions SET mode = 'strict'", "the mode is none", true },
        { "versions SET mode = 'testing'", "mode or max_age are not those of the text", true },
        { "versions SET max_age = 1", "mode or max_age are not those of the text", true },
        { "versions SET max_age = -1", "id, mode, max_age or text is none", true },
        { "versions SET body = replace(body, 'mx.example.org', 'mx.evil.example')", "the id is not that of the text", true },
        { "versions SET body = body || char(0)", "id, mode, max_age or text is none", true },
        { "versions SET since = -1", "a time is impossible", true },
        { "versions SET last = 9223372036854775807", "a time is impossible", true },
        { "versions SET horizon = -5", "a time is impossible", true },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_version e = enforce(NOW), t = testing(NOW - 10);
        otr_publish_step steps[] = { step("bad.example", OTR_PHASE_TESTING, &t), step("bad.example", OTR_PHASE_ENFORCE, &e),
                                     step("good.example", OTR_PHASE_ENFORCE, &e) };
        char sql[300], text[1000] = "";
        outrider_diag diag = { 0 };
        otr_store *store;

        fresh(state);
        store = open_store();
        put(store, steps, 3);
        snprintf(sql, sizeof(sql), "UPDATE %s WHERE domain = 'bad.example'%s", rows[i].set,
                 rows[i].has_others ? " AND mode = 'enforce'" : "");
        run_sql(sql);
        if (otr_store_each_published(store, write_down, text, &diag) != OUTRIDER_E_SYNTAX || strstr(diag.message, rows[i].why) == NULL)
            fail_msg("%s: got \"%s\", want \"%s\"", sql, diag.message, rows[i].why);
        if (strstr(text, "good.example enforce: enforce/86400* since+0 last+0 horizon+3600; ") == NULL ||
            (strstr(text, "bad.example enforce: testing/604800 since-10") != NULL) != rows[i].has_others)
            fail_msg("%s: %s", sql, text);
        otr_store_close(store);
    }
}

/* Fetches ------------------------------------------------------------------------------------------------------ */

static void add(otr_store *store, const char *domain, int64_t day, const char *network, uint64_t count)
{
    otr_fetch_count f = { domain, TODAY + day, network, count };
    outrider_diag diag = { 0 };

    if (otr_store_note_fetches(store, NULL, 0, &f, 1, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
}

static void fetches_add_up(void **state)
{
    otr_store *store = open_store();

    (void)state;
    add(store, "b.example", 0, "192.0.2.0/24", 3);
    add(store, "a.example", -1, "192.0.2.0/24", 1);
    add(store, "a.example", 0, "2001:db8:1::/48", 2);
    otr_store_close(store);
    store = open_store();
    add(store, "a.example", 0, "2001:db8:1::/48", 40);
    add(store, "a.example", 0, OTR_FETCH_OTHER, 1);
    assert_string_equal(look_at_fetches(store, "", 0), "a.example -1 192.0.2.0/24 1; a.example 0 2001:db8:1::/48 42; a.example 0 other 1; "
                                                       "b.example 0 192.0.2.0/24 3; ");
    assert_string_equal(look_at_fetches(store, "a.example", TODAY), "a.example 0 2001:db8:1::/48 42; a.example 0 other 1; ");
    otr_store_close(store);
}

static void networks_beyond_the_bound_are_others(void **state)
{
    otr_store *store = open_store();
    char network[40];

    (void)state;
    for (int i = 0; i < OTR_FETCH_NETWORKS_MAX + 20; i++) {
        snprintf(network, sizeof(network), "10.%d.%d.0/24", i / 256, i % 256);
        add(store, "a.example", 0, network, 2);
    }
    add(store, "a.example", 0, "10.0.0.0/24", 5); /* one that is known goes on being counted */
    add(store, "a.example", -1, "10.99.0.0/24", 1);
    otr_store_close(store);
    assert_int_equal(ask_number("SELECT count(*) FROM fetches"), OTR_FETCH_NETWORKS_MAX + 2);
    assert_int_equal(ask_number("SELECT count FROM fetches WHERE network = 'other'"), 40);
    assert_int_equal(ask_number("SELECT count FROM fetches WHERE network = '10.0.0.0/24'"), 7);
}

static void fetches_that_are_none_are_not_kept(void **state)
{
    static const otr_fetch_count bad[] = {
        { "A.example", TODAY, "192.0.2.0/24", 1 },   { "a.example", 0, "192.0.2.0/24", 1 }, { "a.example", INT64_MAX, "192.0.2.0/24", 1 },
        { "a.example", TODAY, "", 1 },               { "a.example", TODAY, "others", 1 },   { "a.example", TODAY, "192.0.2.0/24\n", 1 },
        { "a.example", TODAY, "192.0.2.0/24", 0 },   { "a.example", TODAY, "192.0.2.0/24", UINT64_MAX },
        { "a.example", TODAY, "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/48", 1 },
    };
    otr_store *store = open_store();

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        otr_fetch_count both[] = { { "good.example", TODAY, OTR_FETCH_OTHER, 1 }, bad[i] };

        if (otr_store_note_fetches(store, NULL, 0, both, 2, NULL) != OUTRIDER_E_SYNTAX)
            fail_msg("row %zu was taken", i);
    }
    assert_string_equal(look_at_fetches(store, "", 0), "");
    otr_store_close(store);
}

/* Sweeping ----------------------------------------------------------------------------------------------------- */

static void a_sweep_removes_what_nobody_can_hold(void **state)
{
    otr_version e = enforce(NOW), s = make(shorter_body, OTR_STS_ENFORCE, 3600, NOW);
    otr_publish_step steps[] = { step("a.example", OTR_PHASE_ENFORCE, &e), step("a.example", OTR_PHASE_ENFORCE, &s) };
    otr_version_times times = { "a.example", s.id, NOW, NOW };
    otr_time gone = NOW + 3600 + OTR_VERSION_DAYS * (otr_time)DAY;
    otr_store *store = open_store();

    (void)state;
    put(store, steps, 2);
    assert_int_equal(otr_store_put_horizons(store, &times, 1, NULL), OUTRIDER_OK);
    add(store, "a.example", 0, OTR_FETCH_OTHER, 1);
    assert_int_equal(otr_store_sweep(store, gone - 1, NULL), OUTRIDER_OK);
    assert_string_equal(look(store, OUTRIDER_OK), "a.example enforce: enforce/3600* since+0 last+0 horizon+0, "
                                                  "enforce/86400 since+0 last+0 horizon+3600; ");
    assert_int_equal(otr_store_sweep(store, gone, NULL), OUTRIDER_OK);
    assert_string_equal(look(store, OUTRIDER_OK), "a.example enforce: enforce/86400 since+0 last+0 horizon+3600; ");
    assert_string_equal(look_at_fetches(store, "", 0), "");
    assert_int_equal(otr_store_sweep(store, gone + 86400, NULL), OUTRIDER_OK); /* the horizon was an hour later */
    assert_string_equal(look(store, OUTRIDER_OK), "");
    otr_store_close(store);
}

static void fetches_are_kept_for_90_days(void **state)
{
    otr_store *store = open_store();

    (void)state;
    add(store, "a.example", 0, OTR_FETCH_OTHER, 1);
    assert_int_equal(otr_store_sweep(store, NOW + (OTR_FETCH_DAYS - 1) * (otr_time)DAY, NULL), OUTRIDER_OK);
    assert_string_equal(look_at_fetches(store, "", 0), "a.example 0 other 1; ");
    assert_int_equal(otr_store_sweep(store, NOW + OTR_FETCH_DAYS * (otr_time)DAY, NULL), OUTRIDER_OK);
    assert_string_equal(look_at_fetches(store, "", 0), "");
    otr_store_close(store);
}

/* Beside the daemon -------------------------------------------------------------------------------------------- */

static void a_reader_sees_it_and_cannot_write(void **state)
{
    otr_version e = enforce(NOW);
    otr_publish_step s = step("a.example", OTR_PHASE_ENFORCE, &e);
    otr_version_times times = { "a.example", e.id, NOW, NOW };
    otr_store *store = open_store();

    (void)state;
    put(store, &s, 1);
    add(store, "a.example", 0, OTR_FETCH_OTHER, 1);
    otr_store_close(store);
    assert_int_equal(otr_store_open_reading(store_path, &store, NULL), OUTRIDER_OK);
    assert_string_equal(look(store, OUTRIDER_OK), "a.example enforce: enforce/86400* since+0 last+0 horizon+3600; ");
    assert_string_equal(look_at_fetches(store, "a.example", TODAY), "a.example 0 other 1; ");
    assert_int_equal(otr_store_put_steps(store, &s, 1, NULL), OUTRIDER_E_IO);
    assert_int_equal(otr_store_put_horizons(store, &times, 1, NULL), OUTRIDER_E_IO);
    assert_int_equal(otr_store_note_fetches(store, &times, 1, NULL, 0, NULL), OUTRIDER_E_IO);
    otr_store_close(store);
}

static void a_full_disk_changes_nothing(void **state)
{
    otr_version e = enforce(NOW), t = testing(NOW - 10);
    otr_publish_step first = step("a.example", OTR_PHASE_TESTING, &t), next = step("a.example", OTR_PHASE_ENFORCE, &e);
    otr_version_times times = { "a.example", t.id, NOW, NOW + 9999 };
    const char *want = "a.example testing: testing/604800* since-10 last+0 horizon+3590; ";
    otr_store *store = open_store();

    (void)state;
    put(store, &first, 1);
    limit_file_size(4096);
    assert_int_equal(otr_store_put_steps(store, &next, 1, NULL), OUTRIDER_E_IO);
    assert_int_equal(otr_store_put_horizons(store, &times, 1, NULL), OUTRIDER_E_IO);
    assert_string_equal(look(store, OUTRIDER_OK), want);
    lift_file_size();
    otr_store_close(store);
    store = open_store();
    assert_string_equal(look(store, OUTRIDER_OK), want);
    put(store, &next, 1);
    otr_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_survive_a_restart),
        TEST(who_wanted_it_is_kept),
        TEST(a_text_that_returns_keeps_its_times),
        TEST(times_of_handing_out_only_grow_and_horizons_are_replaced),
        TEST(what_is_none_is_not_kept),
        TEST(a_row_that_cannot_be_believed_is_not_used),
        TEST(fetches_add_up),
        TEST(networks_beyond_the_bound_are_others),
        TEST(fetches_that_are_none_are_not_kept),
        TEST(a_sweep_removes_what_nobody_can_hold),
        TEST(fetches_are_kept_for_90_days),
        TEST(a_reader_sees_it_and_cannot_write),
        TEST(a_full_disk_changes_nothing),
    };
    return cmocka_run_group_tests_name("store/publish", tests, make_folder, remove_folder);
}

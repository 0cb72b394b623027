/*
 * shared_test.c - what other members of a fleet bring, in a resolver thread with a real store: in whatever order it comes, and however
 * often, it ends the same; an older policy takes nothing away; and where the store fails nothing has changed.
 */
#include "daemon/flow/shared.h"
#include "fixture.h"
#include "store/store_fleet.h"
#include "support/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define BODY(mode, age) "version: STSv1\nmode: " mode "\nmx: mx.example.org\nmax_age: " age "\n"

static fixture f;
static struct event_base *base;
static otr_worker *worker;
static otr_mailbox replies;
static otr_shared_outcome outcome;
static unsigned returned;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&f);
    base = event_base_new();
    worker = fixture_worker(&f, base);
    assert_int_equal(otr_mailbox_init(&replies, NULL), OUTRIDER_OK);
    returned = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_end(&f, worker, base, &replies);
    return 0;
}

static void take_back(void *arg, otr_mail *mail)
{
    otr_shared *shared = caa_container_of(mail, otr_shared, mail);

    (void)arg;
    outcome = shared->outcome;
    returned++;
    otr_shared_free(shared);
}

/* The content is taken over. */
static otr_shared_outcome bring(otr_fleet_record record)
{
    otr_shared *shared = calloc(1, sizeof(*shared));
    unsigned before = returned;

    shared->mail.kind = OTR_MAIL_SHARED;
    shared->reply_to = &replies;
    shared->record = record;
    otr_shared_take(worker, shared);
    otr_mailbox_take(&replies, take_back, NULL);
    assert_int_equal(returned, before + 1);
    return outcome;
}

static otr_fleet_record a_policy(otr_time at, const char *id, const char *body)
{
    otr_fleet_record record = { .kind = OTR_FLEET_POLICY, .by = "other", .at = at, .domain = "example.org" };

    snprintf(record.id, sizeof(record.id), "%s", id);
    assert_int_equal(otr_sts_policy_parse(body, strlen(body), &record.policy, NULL), OUTRIDER_OK);
    return record;
}

static otr_fleet_record a_word(otr_time at, otr_level level, bool is_removal)
{
    otr_override o = { .level = level, .until = NOW + 86400, .made_at = at, .domain = "example.org", .reason = "x" };
    otr_fleet_record record;

    otr_fleet_record_of_override(&record, &o, "other");
    record.is_removal = is_removal;
    return record;
}

static otr_sts_entry *stored(void)
{
    otr_sts_entry *entry = NULL;

    assert_int_equal(otr_store_get(f.store, "example.org", &entry, NULL), OUTRIDER_OK);
    return entry;
}

/* Policies --------------------------------------------------------------------------------------------------------------------- */

/* REMEMBER, STS-APPLY-11: it is in the store before anybody asks, with the times of the other's fetch. */
static void a_policy_that_nobody_asked_for_is_stored(void **state)
{
    otr_sts_entry *entry;

    (void)state;
    assert_int_equal(bring(a_policy(NOW - 50, "a", BODY("enforce", "1000"))), OTR_SHARED_TAKEN);
    entry = stored();
    assert_non_null(entry);
    assert_string_equal(entry->id, "a");
    assert_int_equal(entry->fetched_at, NOW - 50);
    assert_int_equal(entry->expires_at, NOW + 950);
    otr_sts_entry_unref(entry);
}

static void an_older_policy_changes_nothing(void **state)
{
    otr_sts_entry *entry;

    (void)state;
    assert_int_equal(bring(a_policy(NOW, "b", BODY("enforce", "1000"))), OTR_SHARED_TAKEN);
    assert_int_equal(bring(a_policy(NOW - 1, "a", BODY("none", "31557600"))), OTR_SHARED_KNOWN);
    assert_int_equal(bring(a_policy(NOW, "b", BODY("enforce", "1000"))), OTR_SHARED_KNOWN);
    entry = stored();
    assert_int_equal(entry->policy->mode, OTR_STS_ENFORCE);
    otr_sts_entry_unref(entry);
}

static unsigned lcg = 7;
static unsigned roll(unsigned sides)
{
    lcg = lcg * 1103515245u + 12345u;
    return lcg / 65536 % sides;
}

/* Five members have fetched five policies in three seconds; each hears of them in another order, some twice. */
static void policies_in_any_order_end_the_same(void **state)
{
    static const char *const bodies[] = { BODY("enforce", "1000"), BODY("testing", "2000"), BODY("none", "3000"), BODY("enforce", "4000"),
                                          BODY("testing", "5000") };
    static const otr_time ats[] = { NOW, NOW + 1, NOW + 2, NOW + 2, NOW + 2 };
    uint32_t first = 0;

    for (int round = 0; round < 30; round++) {
        otr_sts_entry *entry;
        bool is_heard[5] = { false };
        int heard = 0;

        while (heard < 5) {
            unsigned which = roll(5);
            char id[2] = { (char)('a' + which), '\0' };

            heard += !is_heard[which];
            is_heard[which] = true;
            bring(a_policy(ats[which], id, bodies[which]));
        }
        entry = stored();
        assert_int_equal(entry->fetched_at, NOW + 2);
        first = first == 0 ? entry->policy->max_age : first;
        assert_int_equal(entry->policy->max_age, first);
        otr_sts_entry_unref(entry);
        tear_down(state);
        set_up(state);
    }
}

/* Overrides -------------------------------------------------------------------------------------------------------------------- */

static bool is_overruled(otr_level *level)
{
    otr_override o;
    bool is_there = otr_overrides_find(f.overrides, "example.org", NOW, &o);

    *level = is_there ? o.level : OTR_LEVEL_DANE;
    return is_there;
}

static void words_in_any_order_end_the_same(void **state)
{
    otr_level level;

    for (int round = 0; round < 30; round++) {
        bool is_last_a_removal = round % 2 == 0, is_heard[6] = { false };
        int heard = 0;

        while (heard < 6) {
            unsigned which = roll(6);

            heard += !is_heard[which];
            is_heard[which] = true;
            bring(which < 4 ? a_word(NOW + (otr_time)(which / 2), which % 2 == 0 ? OTR_LEVEL_MAY : OTR_LEVEL_ENCRYPT, false)
                  : which == 4 ? a_word(NOW + 1, OTR_LEVEL_MAY, true)
                               : a_word(NOW + 2, OTR_LEVEL_DEFER, is_last_a_removal));
        }
        assert_int_equal(is_overruled(&level), !is_last_a_removal);
        assert_int_equal(level, is_last_a_removal ? OTR_LEVEL_DANE : OTR_LEVEL_DEFER);
        tear_down(state);
        set_up(state);
    }
}

/* A removal is remembered over a restart, also of what was never here. */
static void what_was_removed_stays_removed(void **state)
{
    otr_level level;

    (void)state;
    assert_int_equal(bring(a_word(NOW + 1, OTR_LEVEL_MAY, true)), OTR_SHARED_TAKEN);
    otr_worker_free(worker);
    fixture_reopen_store(&f);
    worker = fixture_worker(&f, base);
    assert_int_equal(bring(a_word(NOW, OTR_LEVEL_MAY, false)), OTR_SHARED_KNOWN);
    assert_int_equal(bring(a_word(NOW + 1, OTR_LEVEL_MAY, false)), OTR_SHARED_KNOWN); /* at the same time the removal is the stronger */
    assert_false(is_overruled(&level));
    assert_int_equal(bring(a_word(NOW + 2, OTR_LEVEL_MAY, false)), OTR_SHARED_TAKEN);
    assert_true(is_overruled(&level));
}

/* Said here now, it is later than all that was said before, also on a machine whose clock is ahead. */
static void what_is_said_now_counts(void **state)
{
    otr_fleet_record record = a_word(0, OTR_LEVEL_MAY, false);

    (void)state;
    bring(a_word(NOW + 100, OTR_LEVEL_MAY, true));
    assert_int_equal(otr_shared_stamp(f.store, &record, NOW, 0), NOW + 101);
    assert_int_equal(otr_shared_stamp(f.store, &record, NOW, NOW + 200), NOW + 201);
    assert_int_equal(otr_shared_stamp(f.store, &record, NOW + 500, 0), NOW + 500);
}

/* Failing ---------------------------------------------------------------------------------------------------------------------- */

static void limit_files(rlim_t most)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = most;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_store_that_fails_loses_nothing_of_what_is_here(void **state)
{
    otr_level level;

    (void)state;
    assert_int_equal(bring(a_word(NOW, OTR_LEVEL_ENCRYPT, false)), OTR_SHARED_TAKEN);
    limit_files(0);
    assert_int_equal(bring(a_word(NOW + 1, OTR_LEVEL_ENCRYPT, true)), OTR_SHARED_LOST);
    assert_int_equal(bring(a_policy(NOW, "a", BODY("enforce", "1000"))), OTR_SHARED_LOST);
    limit_files(RLIM_INFINITY);
    assert_true(is_overruled(&level));
    assert_int_equal(level, OTR_LEVEL_ENCRYPT);
    assert_null(stored());
    assert_int_equal(bring(a_policy(NOW, "a", BODY("enforce", "1000"))), OTR_SHARED_TAKEN); /* it is offered again */
}

/* BOUNDED: more overrides than are kept are refused, whoever brings them. */
static void too_many_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i <= OTR_OVERRIDES_MAX; i++) {
        otr_fleet_record record = a_word(NOW, OTR_LEVEL_MAY, false);

        snprintf(record.domain, sizeof(record.domain), "d%d.example", i);
        assert_int_equal(bring(record), i < OTR_OVERRIDES_MAX ? OTR_SHARED_TAKEN : OTR_SHARED_KNOWN);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_policy_that_nobody_asked_for_is_stored),
        TEST(an_older_policy_changes_nothing),
        TEST(policies_in_any_order_end_the_same),
        TEST(words_in_any_order_end_the_same),
        TEST(what_was_removed_stays_removed),
        TEST(what_is_said_now_counts),
        TEST(a_store_that_fails_loses_nothing_of_what_is_here),
        TEST(too_many_are_refused),
    };

    return cmocka_run_group_tests_name("daemon/shared", tests, NULL, NULL);
}

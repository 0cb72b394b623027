/*
 * lifecycle_test.c - what is served next, what is withheld, and until when a sender may hold what was served (PUB-06, PUB-08).
 */
#include "publish/lifecycle.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1800000000
#define DAY 86400
#define BETWEEN (OTR_PUBLISH_CACHE_S + OTR_PUBLISH_TRANSFER_S)

/* Clocks ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *sentence;
    otr_version versions[4];
    otr_time exit, memory; /* 0, or seconds from NOW */
} clocks[] = {
    { "nothing was ever there", { { .max_age = 0 } }, 0, 0 },
    { "enforce that nobody fetched", { { .mode = OTR_STS_ENFORCE, .max_age = 14 * DAY, .since = NOW } }, 0, 0 },
    { "none says nothing", { { .mode = OTR_STS_NONE, .max_age = 14 * DAY, .last = NOW } }, 0, 0 },
    { "testing alone binds nobody", { { .mode = OTR_STS_TESTING, .max_age = 7 * DAY, .last = NOW } }, 0, 7 * DAY + BETWEEN },
    { "enforce, handed out now", { { .mode = OTR_STS_ENFORCE, .max_age = 7 * DAY, .last = NOW } }, 7 * DAY + BETWEEN, 7 * DAY + BETWEEN },
    { "a crash: the horizon counts",
      { { .mode = OTR_STS_ENFORCE, .max_age = 7 * DAY, .last = NOW - 50, .horizon = NOW + 3000 } }, 7 * DAY + 3000 + BETWEEN,
      7 * DAY + 3000 + BETWEEN },
    { "a crash before anybody was seen to fetch it",
      { { .mode = OTR_STS_ENFORCE, .max_age = 7 * DAY, .horizon = NOW + 3000 } }, 7 * DAY + 3000 + BETWEEN, 7 * DAY + 3000 + BETWEEN },
    { "a clean stop: the horizon is what was served",
      { { .mode = OTR_STS_ENFORCE, .max_age = 7 * DAY, .last = NOW - 50, .horizon = NOW - 50 } }, 7 * DAY - 50 + BETWEEN,
      7 * DAY - 50 + BETWEEN },
    { "PUB-08: max_age lowered a week ago, the older version is held longer",
      { { .mode = OTR_STS_ENFORCE, .max_age = 28 * DAY, .last = NOW - 7 * DAY },
        { .mode = OTR_STS_ENFORCE, .max_age = DAY, .last = NOW } }, 21 * DAY + BETWEEN, 21 * DAY + BETWEEN },
    { "PUB-08: and in the other order in the list",
      { { .mode = OTR_STS_ENFORCE, .max_age = DAY, .last = NOW },
        { .mode = OTR_STS_ENFORCE, .max_age = 28 * DAY, .last = NOW - 7 * DAY } }, 21 * DAY + BETWEEN, 21 * DAY + BETWEEN },
    { "max_age lowered so long ago that the younger one is held longer",
      { { .mode = OTR_STS_ENFORCE, .max_age = 28 * DAY, .last = NOW - 30 * DAY },
        { .mode = OTR_STS_ENFORCE, .max_age = DAY, .last = NOW } }, DAY + BETWEEN, DAY + BETWEEN },
    { "enforce of before, testing and none since",
      { { .mode = OTR_STS_ENFORCE, .max_age = 7 * DAY, .last = NOW - 2 * DAY },
        { .mode = OTR_STS_TESTING, .max_age = 14 * DAY, .last = NOW - DAY },
        { .mode = OTR_STS_NONE, .max_age = 365 * DAY, .last = NOW } }, 5 * DAY + BETWEEN, 13 * DAY + BETWEEN },
};

static otr_time from_now(otr_time at)
{
    return at == 0 ? 0 : at - NOW;
}

static void clocks_are_those_of_what_was_handed_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(clocks); i++) {
        otr_time exit = from_now(otr_exit_clock(clocks[i].versions, 4)), memory = from_now(otr_memory_clock(clocks[i].versions, 4));

        if (exit != clocks[i].exit || memory != clocks[i].memory)
            fail_msg("%s\n  got  %lld %lld\n  want %lld %lld", clocks[i].sentence, (long long)exit, (long long)memory,
                     (long long)clocks[i].exit, (long long)clocks[i].memory);
    }
}

/* What comes next ---------------------------------------------------------------------------------------------- */

static const char *const two[] = { "mx1.a.example", "mx2.a.example" }, *const three[] = { "mx1.a.example", "mx2.a.example",
      "mx3.a.example" },
                  *const swapped[] = { "mx2.a.example", "mx1.a.example" }, *const one[] = { "mx1.a.example" },
                  *const wide[] = { "*.a.example" };

#define TEXT(mode, mx, age) "version: STSv1\r\nmode: " mode "\r\n" mx "max_age: " age "\r\n"
#define TWO "mx: mx1.a.example\r\nmx: mx2.a.example\r\n"

static const otr_version testing = { .mode = OTR_STS_TESTING, .max_age = 1209600, .body = TEXT("testing", TWO, "1209600") },
                         enforce = { .mode = OTR_STS_ENFORCE, .max_age = 1209600, .body = TEXT("enforce", TWO, "1209600") },
                         none = { .mode = OTR_STS_NONE, .max_age = 86400, .body = TEXT("none", "", "86400") },
                         starred = { .mode = OTR_STS_ENFORCE, .max_age = 1209600, .body = TEXT("enforce", "mx: *.a.example\r\n",
      "1209600") },
                         broken = { .mode = OTR_STS_ENFORCE, .max_age = 1209600, .body = "version: STSv1\r\n" };

#define CONFIGURED(m, list, age) { .domain = "a.example", .mode = (m), .mx = (list), .mx_count = COUNT(list), .max_age = (age) }
#define CONFIGURED_NONE { .domain = "a.example", .mode = OTR_STS_NONE, .max_age = 1209600 }

static const struct {
    const char *sentence;
    otr_publication configured;
    int life; /* -1: none; else a phase */
    const otr_version *in_service;
    otr_next want;
} nexts[] = {
    { "a new domain begins with testing", CONFIGURED(OTR_STS_TESTING, two, 1209600), -1, NULL,
      { OTR_PHASE_TESTING, OTR_STS_TESTING, 1209600, false, OTR_HOLD_NOTHING } },
    { "enforce by configuration alone is testing", CONFIGURED(OTR_STS_ENFORCE, two, 1209600), -1, NULL,
      { OTR_PHASE_TESTING, OTR_STS_TESTING, 1209600, false, OTR_HOLD_ENFORCE } },
    { "and stays testing", CONFIGURED(OTR_STS_ENFORCE, two, 1209600), OTR_PHASE_TESTING, &testing,
      { OTR_PHASE_TESTING, OTR_STS_TESTING, 1209600, false, OTR_HOLD_ENFORCE } },
    { "a new domain with none", CONFIGURED_NONE, -1, NULL, { OTR_PHASE_NONE, OTR_STS_NONE, 1209600, false, OTR_HOLD_NOTHING } },
    { "none, and now testing is configured", CONFIGURED(OTR_STS_TESTING, two, 3600), OTR_PHASE_NONE, &none,
      { OTR_PHASE_TESTING, OTR_STS_TESTING, 3600, false, OTR_HOLD_NOTHING } },
    { "in testing, other hosts and another max_age are served at once", CONFIGURED(OTR_STS_TESTING, one, 86400), OTR_PHASE_TESTING,
      &testing,
      { OTR_PHASE_TESTING, OTR_STS_TESTING, 86400, false, OTR_HOLD_NOTHING } },
    { "in testing, none by configuration alone is not believed", CONFIGURED_NONE, OTR_PHASE_TESTING, &testing,
      { OTR_PHASE_TESTING, OTR_STS_TESTING, 1209600, true, OTR_HOLD_NONE } },
    { "testing without a text, and none is wanted", CONFIGURED_NONE, OTR_PHASE_TESTING, NULL,
      { OTR_PHASE_NONE, OTR_STS_NONE, 1209600, false, OTR_HOLD_NOTHING } },
    { "in enforce, the configuration may say testing", CONFIGURED(OTR_STS_TESTING, two, 1209600), OTR_PHASE_ENFORCE, &enforce,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 1209600, false, OTR_HOLD_NOTHING } },
    { "in enforce, the same hosts in another order", CONFIGURED(OTR_STS_ENFORCE, swapped, 1209600), OTR_PHASE_ENFORCE, &enforce,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 1209600, false, OTR_HOLD_NOTHING } },
    { "PUB-06: in enforce, a host more is served before it is in DNS", CONFIGURED(OTR_STS_ENFORCE, three, 1209600), OTR_PHASE_ENFORCE,
      &enforce,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 1209600, false, OTR_HOLD_NOTHING } },
    { "in enforce, a wider pattern", CONFIGURED(OTR_STS_ENFORCE, wide, 1209600), OTR_PHASE_ENFORCE, &enforce,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 1209600, false, OTR_HOLD_NOTHING } },
    { "PUB-06: in enforce, a host less waits for a look", CONFIGURED(OTR_STS_ENFORCE, one, 1209600), OTR_PHASE_ENFORCE, &enforce,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 1209600, true, OTR_HOLD_PATTERNS } },
    { "PUB-06: in enforce, a narrower pattern waits for a look", CONFIGURED(OTR_STS_ENFORCE, two, 1209600), OTR_PHASE_ENFORCE, &starred,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 1209600, true, OTR_HOLD_PATTERNS } },
    { "... and the max_age with it", CONFIGURED(OTR_STS_ENFORCE, one, 86400), OTR_PHASE_ENFORCE, &enforce,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 1209600, true, OTR_HOLD_PATTERNS } },
    { "in enforce, another max_age", CONFIGURED(OTR_STS_ENFORCE, two, 86400), OTR_PHASE_ENFORCE, &enforce,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 86400, false, OTR_HOLD_NOTHING } },
    { "in enforce, none by configuration alone is not believed", CONFIGURED_NONE, OTR_PHASE_ENFORCE, &enforce,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 1209600, true, OTR_HOLD_NONE } },
    { "in enforce, a text that does not parse is covered by nothing", CONFIGURED(OTR_STS_ENFORCE, two, 1209600), OTR_PHASE_ENFORCE, &broken,
      { OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, 1209600, true, OTR_HOLD_PATTERNS } },
    { "enforce whose text is lost is not enforce", CONFIGURED(OTR_STS_ENFORCE, two, 1209600), OTR_PHASE_ENFORCE, NULL,
      { OTR_PHASE_TESTING, OTR_STS_TESTING, 1209600, false, OTR_HOLD_ENFORCE } },
    { "retiring serves none for a day", CONFIGURED(OTR_STS_ENFORCE, two, 1209600), OTR_PHASE_RETIRING, &none,
      { OTR_PHASE_RETIRING, OTR_STS_NONE, 86400, false, OTR_HOLD_RETIRING } },
    { "or shorter where the policy was", CONFIGURED(OTR_STS_TESTING, two, 3600), OTR_PHASE_RETIRING, &none,
      { OTR_PHASE_RETIRING, OTR_STS_NONE, 3600, false, OTR_HOLD_RETIRING } },
    { "retiring, and the configuration has nothing against it", CONFIGURED_NONE, OTR_PHASE_RETIRING, &none,
      { OTR_PHASE_RETIRING, OTR_STS_NONE, 86400, false, OTR_HOLD_NOTHING } },
    { "retired stays so, whatever is configured", CONFIGURED(OTR_STS_ENFORCE, two, 1209600), OTR_PHASE_RETIRED, &none,
      { OTR_PHASE_RETIRED, OTR_STS_NONE, 86400, false, OTR_HOLD_RETIRING } },
};

static void what_comes_next_is_what_the_rows_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(nexts); i++) {
        otr_lifecycle life = { .phase = nexts[i].life >= 0 ? (otr_phase)nexts[i].life : OTR_PHASE_NONE };
        const otr_next *want = &nexts[i].want;
        otr_next got = otr_lifecycle_next(&nexts[i].configured, nexts[i].life >= 0 ? &life : NULL, nexts[i].in_service);

        if (got.phase != want->phase || got.mode != want->mode || got.max_age != want->max_age || got.is_kept != want->is_kept ||
            got.held != want->held)
            fail_msg("%s\n  got  %s %s %u %d \"%s\"\n  want %s %s %u %d \"%s\"", nexts[i].sentence, otr_phase_names[got.phase],
                     otr_sts_mode_names[got.mode], got.max_age, got.is_kept, otr_holding_words[got.held], otr_phase_names[want->phase],
                     otr_sts_mode_names[want->mode], want->max_age, want->is_kept, otr_holding_words[want->held]);
    }
}

/* What an operator wants --------------------------------------------------------------------------------------- */

static const struct {
    const char *sentence;
    otr_publication configured;
    otr_phase now;
    otr_sts_mode mode;
    bool is_forced;
    int want;           /* a phase; -1: refused ... */
    const char *reason; /* ... with this */
} sets[] = {
    { "testing to enforce", CONFIGURED(OTR_STS_TESTING, two, 86400), OTR_PHASE_TESTING, OTR_STS_ENFORCE, false, OTR_PHASE_ENFORCE, NULL },
    { "enforce again: the hosts have changed", CONFIGURED(OTR_STS_TESTING, one, 86400), OTR_PHASE_ENFORCE, OTR_STS_ENFORCE, false,
      OTR_PHASE_ENFORCE,
      NULL },
    { "back to testing", CONFIGURED(OTR_STS_ENFORCE, two, 86400), OTR_PHASE_ENFORCE, OTR_STS_TESTING, false, OTR_PHASE_TESTING, NULL },
    { "retiring was a mistake", CONFIGURED(OTR_STS_ENFORCE, two, 86400), OTR_PHASE_RETIRING, OTR_STS_ENFORCE, false, OTR_PHASE_ENFORCE,
      NULL },
    { "after retiring one begins anew", CONFIGURED(OTR_STS_TESTING, two, 86400), OTR_PHASE_RETIRED, OTR_STS_TESTING, false,
      OTR_PHASE_TESTING, NULL },
    { "but not with enforce", CONFIGURED(OTR_STS_TESTING, two, 86400), OTR_PHASE_RETIRED, OTR_STS_ENFORCE, false, -1,
      "begin with testing" },
    { "unless it must be", CONFIGURED(OTR_STS_TESTING, two, 86400), OTR_PHASE_RETIRED, OTR_STS_ENFORCE, true, OTR_PHASE_ENFORCE, NULL },
    { "none is what retiring is for", CONFIGURED(OTR_STS_TESTING, two, 86400), OTR_PHASE_ENFORCE, OTR_STS_NONE, true, -1,
      "publish retire" },
    { "against the configuration", CONFIGURED_NONE, OTR_PHASE_NONE, OTR_STS_TESTING, true, -1, "the configuration says mode = none" },
};

static void what_contradicts_itself_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sets); i++) {
        otr_phase got = OTR_PHASE_NONE;
        outrider_diag diag = { 0 };
        outrider_err err = otr_lifecycle_set(&sets[i].configured, sets[i].now, sets[i].mode, sets[i].is_forced, &got, &diag);

        if ((err == OUTRIDER_OK) != (sets[i].want >= 0) || (err == OUTRIDER_OK && (int)got != sets[i].want) ||
            (err != OUTRIDER_OK && strstr(diag.message, sets[i].reason) == NULL))
            fail_msg("%s\n  got  %s \"%s\"", sets[i].sentence, err == OUTRIDER_OK ? otr_phase_names[got] : "refused", diag.message);
    }
}

/* PUB-08: record and policy host stay until the last sender has forgotten what was served before. */
static void retiring_ends_when_nobody_can_hold_anything(void **state)
{
    const otr_version versions[] = { { .mode = OTR_STS_ENFORCE, .max_age = 28 * DAY, .last = NOW - 7 * DAY },
                                     { .mode = OTR_STS_ENFORCE, .max_age = DAY, .last = NOW },
                                     { .mode = OTR_STS_NONE, .max_age = DAY, .last = NOW + 30 * DAY } };
    otr_lifecycle life = { .phase = OTR_PHASE_RETIRING };
    otr_time end = NOW + 21 * DAY + BETWEEN;

    (void)state;
    assert_false(otr_lifecycle_is_over(&life, versions, 3, end - 1));
    assert_true(otr_lifecycle_is_over(&life, versions, 3, end));
    assert_true(otr_lifecycle_is_over(&life, NULL, 0, NOW)); /* nothing was ever handed out */
    life.phase = OTR_PHASE_ENFORCE;
    assert_false(otr_lifecycle_is_over(&life, versions, 3, end));
    assert_int_equal(otr_lifecycle_retire(OTR_PHASE_ENFORCE), OTR_PHASE_RETIRING);
    assert_int_equal(otr_lifecycle_retire(OTR_PHASE_RETIRING), OTR_PHASE_RETIRING);
    assert_int_equal(otr_lifecycle_retire(OTR_PHASE_RETIRED), OTR_PHASE_RETIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_are_those_of_what_was_handed_out),
        cmocka_unit_test(what_comes_next_is_what_the_rows_say),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(retiring_ends_when_nobody_can_hold_anything),
    };
    return cmocka_run_group_tests_name("publish/lifecycle", tests, NULL, NULL);
}

/*
 * entry_test.c - step 4 of the decision table (rows S1 to S11) as a function of an entry and the time, and what is
 * due when.
 */
#include "sts/entry.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define NOW 1800000000
#define AGE 86400

#define BODY(mode, age) "version: STSv1\nmode: " mode "\nmx: mx.example.org\nmax_age: " age "\n"

/* How an entry came to be. Times are relative to NOW. */
typedef struct history {
    const char *body;            /* NULL: no policy */
    const char *id;              /* of the policy */
    int64_t fetched;             /* when */
    bool is_from_store;
    otr_sts_record_state record; /* the last look ... */
    const char *record_id;
    const char *note;
    int64_t checked;             /* ... and when */
    otr_sts_failure failure;     /* of the last attempt */
    const char *error;
    const char *tried_id;
} history;

static otr_sts_entry *make(const history *h)
{
    otr_sts_entry *entry = otr_sts_entry_new("example.org");

    assert_non_null(entry);
    if (h->body != NULL) {
        assert_int_equal(otr_sts_policy_parse(h->body, strlen(h->body), &entry->policy, NULL), OUTRIDER_OK);
        snprintf(entry->id, sizeof(entry->id), "%s", h->id);
        entry->fetched_at = NOW + h->fetched;
        entry->expires_at = entry->fetched_at + entry->policy->max_age;
        entry->is_from_store = h->is_from_store;
    }
    entry->record = h->record;
    if (h->record != OTR_STS_NOT_ASKED)
        entry->checked_at = NOW + h->checked;
    entry->recheck_at = NOW + 300;
    snprintf(entry->record_id, sizeof(entry->record_id), "%s", h->record_id != NULL ? h->record_id : "");
    snprintf(entry->record_note, sizeof(entry->record_note), "%s", h->note != NULL ? h->note : "");
    if (h->failure != OTR_STS_NO_FAILURE) {
        entry->failure = h->failure;
        snprintf(entry->error, sizeof(entry->error), "%s", h->error);
        snprintf(entry->tried_id, sizeof(entry->tried_id), "%s", h->tried_id);
        entry->tried_at = NOW;
        entry->retry_at = NOW + 300;
        entry->failures = 1;
    }
    return entry;
}

static const char enforce[] = BODY("enforce", "86400");
static const char none[] = BODY("none", "86400");
static const char at_once[] = BODY("enforce", "0");

static const struct {
    const char *name;
    history history;
    bool is_pending;
    const char *row;
    otr_sts_state state;
    bool is_unknown;
    bool is_from_cache;
    otr_sts_failure failure;
    const char *error;
} rows[] = {
    { "S1: no record, no policy", { .record = OTR_STS_ABSENT, .note = "no TXT record" },
      false, "S1", OTR_STS_STATE_NONE, false, false, OTR_STS_NO_FAILURE, "" },
    { "S1, STS-APPLY-11: no record, and the policy has expired this second",
      { .body = enforce, "a", -AGE, false, OTR_STS_ABSENT, .note = "no such name" },
      false, "S1", OTR_STS_STATE_NONE, false, false, OTR_STS_NO_FAILURE, "" },
    { "S2, STS-FETCH-17: no record, an unexpired policy in its last second",
      { .body = enforce, "a", -AGE + 1, false, OTR_STS_ABSENT, .note = "no such name" },
      false, "S2", OTR_STS_STATE_VALID, false, true, OTR_STS_NO_FAILURE, "" },
    { "S2: the background refresh has failed and would be reported",
      { .body = enforce, "a", -100, false, OTR_STS_ABSENT, .failure = OTR_STS_FETCH_ERROR, .error = "HTTP status 404", .tried_id = "" },
      false, "S2", OTR_STS_STATE_VALID, false, true, OTR_STS_FETCH_ERROR, "HTTP status 404" },
    { "S2, STS-APPLY-08: under \"none\" nothing is reported",
      { .body = none, "a", -100, false, OTR_STS_ABSENT, .failure = OTR_STS_FETCH_ERROR, .error = "HTTP status 404", .tried_id = "" },
      false, "S2", OTR_STS_STATE_VALID, false, true, OTR_STS_NO_FAILURE, "HTTP status 404" },
    { "S3, STS-DNS-13: lookup failed, no policy", { .record = OTR_STS_LOOKUP_FAILED, .note = "SERVFAIL" },
      false, "S3", OTR_STS_STATE_TEMPFAIL, true, false, OTR_STS_NO_FAILURE, "SERVFAIL" },
    { "S4, STS-FETCH-17: lookup failed, an unexpired policy",
      { .body = enforce, "a", -100, false, OTR_STS_LOOKUP_FAILED, .note = "SERVFAIL" },
      false, "S4", OTR_STS_STATE_VALID, false, true, OTR_STS_NO_FAILURE, "SERVFAIL" },
    { "S5: the id is that of the policy", { .body = enforce, "a", -100, false, OTR_STS_PRESENT, "a" },
      false, "S5", OTR_STS_STATE_VALID, false, true, OTR_STS_NO_FAILURE, "" },
    { "S5: from the store, not looked at yet", { .body = enforce, "a", -100, true },
      false, "S5", OTR_STS_STATE_VALID, false, true, OTR_STS_NO_FAILURE, "" },
    { "S5: a failure for an id that was withdrawn is history",
      { .body = enforce, "a", -100, false, OTR_STS_PRESENT, "a", .failure = OTR_STS_FETCH_ERROR, .error = "x", .tried_id = "b" },
      false, "S5", OTR_STS_STATE_VALID, false, true, OTR_STS_NO_FAILURE, "" },
    { "S5: a policy that is at hand is not pending", { .body = enforce, "a", -100, true },
      true, "S5", OTR_STS_STATE_VALID, false, true, OTR_STS_NO_FAILURE, "" },
    { "S6: just fetched", { .body = enforce, "a", 0, false, OTR_STS_PRESENT, "a" },
      false, "S6", OTR_STS_STATE_VALID, false, false, OTR_STS_NO_FAILURE, "" },
    { "S6, STS-BODY-09: max_age 0 governs the attempt that fetched it", { .body = at_once, "a", -OTR_STS_ATTEMPT_SPAN, false,
      OTR_STS_PRESENT, "a", .checked = -OTR_STS_ATTEMPT_SPAN },
      false, "S6", OTR_STS_STATE_VALID, false, false, OTR_STS_NO_FAILURE, "" },
    { "STS-BODY-09: and none later", { .body = at_once, "a", -OTR_STS_ATTEMPT_SPAN - 1, false, OTR_STS_PRESENT, "a", .checked = -20 },
      false, "S11", OTR_STS_STATE_TEMPFAIL, true, false, OTR_STS_NO_FAILURE,
      "the policy has expired and was not fetched again yet" },
    { "S7, STS-FETCH-16: the fetch failed, no policy",
      { .record = OTR_STS_PRESENT, .record_id = "a", .failure = OTR_STS_WEBPKI_INVALID, .error = "expired", .tried_id = "a" },
      false, "S7", OTR_STS_STATE_TEMPFAIL, false, false, OTR_STS_WEBPKI_INVALID, "expired" },
    { "S7, STS-APPLY-11: unchanged id, host down, one second past expiry",
      { .body = enforce, "a", -AGE - 1, false, OTR_STS_PRESENT, "a", .failure = OTR_STS_FETCH_ERROR, .error = "down", .tried_id = "a" },
      false, "S7", OTR_STS_STATE_TEMPFAIL, false, false, OTR_STS_FETCH_ERROR, "down" },
    { "S8: a new id, the fetch failed, an unexpired policy",
      { .body = enforce, "a", -100, false, OTR_STS_PRESENT, "b", .failure = OTR_STS_FETCH_ERROR, .error = "down", .tried_id = "b" },
      false, "S8", OTR_STS_STATE_VALID, false, true, OTR_STS_FETCH_ERROR, "down" },
    { "S8: nothing is reported under \"none\"",
      { .body = none, "a", -100, false, OTR_STS_PRESENT, "b", .failure = OTR_STS_WEBPKI_INVALID, .error = "down", .tried_id = "b" },
      false, "S8", OTR_STS_STATE_VALID, false, true, OTR_STS_NO_FAILURE, "down" },
    { "S9: the body does not parse, no policy",
      { .record = OTR_STS_PRESENT, .record_id = "a", .failure = OTR_STS_POLICY_INVALID, .error = "line 2", .tried_id = "a" },
      false, "S9", OTR_STS_STATE_INVALID, false, false, OTR_STS_POLICY_INVALID, "line 2" },
    { "S10, STS-BODY-18: the body does not parse, an unexpired policy",
      { .body = enforce, "a", -100, false, OTR_STS_PRESENT, "b", .failure = OTR_STS_POLICY_INVALID, .error = "line 2", .tried_id = "b" },
      false, "S10", OTR_STS_STATE_VALID, false, true, OTR_STS_POLICY_INVALID, "line 2" },
    { "S11, STS-APPLY-16: the first look is under way", { .record = OTR_STS_NOT_ASKED },
      true, "S11", OTR_STS_STATE_TEMPFAIL, true, false, OTR_STS_NO_FAILURE,
      "the first look at this domain is still under way" },
};

static void finding_is_that_of_the_decision_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_sts_entry *entry = make(&rows[i].history);
        otr_sts_finding f = otr_sts_entry_finding(entry, NOW, rows[i].is_pending);

        if (strcmp(f.row, rows[i].row) != 0 || f.state != rows[i].state || f.is_unknown != rows[i].is_unknown ||
            f.is_from_cache != rows[i].is_from_cache || f.failure != rows[i].failure ||
            strcmp(f.error, rows[i].error) != 0)
            fail_msg("%s: got row %s, state %s, unknown %d, cache %d, failure \"%s\", error \"%s\"", rows[i].name, f.row,
                     otr_sts_state_names[f.state], f.is_unknown, f.is_from_cache, otr_sts_failure_names[f.failure],
                     f.error);
        if ((f.state == OTR_STS_STATE_VALID) != (f.policy != NULL) || f.id == NULL)
            fail_msg("%s: policy %p, id %p", rows[i].name, (const void *)f.policy, (const void *)f.id);
        if (f.policy != NULL && (f.expires_at != entry->expires_at || strcmp(f.id, entry->id) != 0))
            fail_msg("%s: expiry or id is not the policy's", rows[i].name);
        otr_sts_entry_unref(entry);
    }
}

static void failures_have_the_names_of_rfc_8460(void **state)
{
    (void)state; /* STS-FETCH-18 */
    assert_string_equal(otr_sts_failure_names[OTR_STS_FETCH_ERROR], "sts-policy-fetch-error");
    assert_string_equal(otr_sts_failure_names[OTR_STS_POLICY_INVALID], "sts-policy-invalid");
    assert_string_equal(otr_sts_failure_names[OTR_STS_WEBPKI_INVALID], "sts-webpki-invalid");
}

static void a_copy_is_private_and_whole(void **state)
{
    const history h = { .body = enforce, "a", -100, true, OTR_STS_PRESENT, "b", .failure = OTR_STS_FETCH_ERROR, .error = "down",
                        .tried_id = "b" };
    otr_sts_entry *entry = make(&h);
    otr_sts_entry *copy;

    (void)state;
    assert_ptr_equal(otr_sts_entry_ref(entry), entry);
    copy = otr_sts_entry_copy(entry);
    otr_sts_entry_unref(entry);
    assert_non_null(copy);
    assert_int_equal(copy->refs, 1);
    assert_ptr_not_equal(copy->policy, entry->policy);
    assert_string_equal(copy->policy->body, entry->policy->body);
    assert_string_equal(copy->domain, "example.org");
    assert_string_equal(copy->record_id, "b");
    assert_string_equal(copy->error, "down");
    assert_int_equal(copy->expires_at, entry->expires_at);
    assert_true(copy->is_from_store);
    otr_sts_entry_unref(entry);
    otr_sts_entry_unref(copy);
    otr_sts_entry_unref(NULL);
}

static void a_domain_that_is_too_long_gets_no_entry(void **state)
{
    char domain[OTR_DOMAIN_SIZE + 1];

    (void)state;
    memset(domain, 'a', sizeof(domain) - 1);
    domain[sizeof(domain) - 1] = '\0';
    assert_null(otr_sts_entry_new(domain));
}

/* What is due, `after` seconds from NOW. */
static const struct {
    const char *name;
    history history;
    int64_t after;
    otr_sts_due due;
} due_rows[] = {
    { "a domain not looked at yet", { .record = OTR_STS_NOT_ASKED }, 0, OTR_STS_DUE_RECORD },
    { "a policy from the store is looked at on first use", { .body = enforce, "a", -100, true }, 0, OTR_STS_DUE_RECORD },
    { "STS-APPLY-17: not before the TTL", { .body = enforce, "a", -100, false, OTR_STS_PRESENT, "a" }, 299, OTR_STS_DUE_NOTHING },
    { "STS-APPLY-17: after the TTL", { .body = enforce, "a", -100, false, OTR_STS_PRESENT, "a" }, 300, OTR_STS_DUE_RECORD },
    { "no record: after the TTL", { .record = OTR_STS_ABSENT }, 300, OTR_STS_DUE_RECORD },
    { "no record: not before", { .record = OTR_STS_ABSENT }, 299, OTR_STS_DUE_NOTHING },
    { "lookup failed: after the span that the refresh has set", { .record = OTR_STS_LOOKUP_FAILED }, 300, OTR_STS_DUE_RECORD },
    { "STS-APPLY-13: half of max_age is over", { .body = enforce, "a", -AGE / 2, false, OTR_STS_PRESENT, "a" }, 0, OTR_STS_DUE_POLICY },
    { "STS-APPLY-13: also without a record", { .body = enforce, "a", -AGE / 2, false, OTR_STS_ABSENT }, 0, OTR_STS_DUE_POLICY },
    { "STS-APPLY-13: also with a lookup that failed", { .body = enforce, "a", -AGE / 2, true, OTR_STS_LOOKUP_FAILED }, 0,
      OTR_STS_DUE_POLICY },
    { "not yet", { .body = enforce, "a", -AGE / 3, false, OTR_STS_PRESENT, "a" }, 0, OTR_STS_DUE_NOTHING },
    { "STS-FETCH-14: a failed refresh is held back",
      { .body = enforce, "a", -AGE / 2, false, OTR_STS_PRESENT, "a", .failure = OTR_STS_FETCH_ERROR, .error = "x", .tried_id = "a" }, 299,
      OTR_STS_DUE_NOTHING },
    { "STS-FETCH-14: until its time has come",
      { .body = enforce, "a", -AGE / 2, false, OTR_STS_PRESENT, "a", .failure = OTR_STS_FETCH_ERROR, .error = "x", .tried_id = "a" }, 300,
      OTR_STS_DUE_POLICY },
    { "STS-APPLY-12: a new id that failed is tried again",
      { .body = enforce, "a", -100, false, OTR_STS_PRESENT, "b", .failure = OTR_STS_FETCH_ERROR, .error = "x", .tried_id = "b" }, 300,
      OTR_STS_DUE_RECORD },
    { "an expired policy with a record is wanted at once", { .body = enforce, "a", -AGE, false, OTR_STS_PRESENT, "a" }, 0,
      OTR_STS_DUE_RECORD },
    { "an expired policy without a record waits for the TTL", { .body = enforce, "a", -AGE, false, OTR_STS_ABSENT }, 0,
      OTR_STS_DUE_NOTHING },
    { "STS-BODY-09: max_age 0, the next use fetches again", { .body = at_once, "a", 0, false, OTR_STS_PRESENT, "a" }, 0,
      OTR_STS_DUE_RECORD },
};

static void due_is_what_the_rows_say(void **state)
{
    const otr_sts_pace pace = OTR_STS_PACE_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(due_rows) / sizeof(due_rows[0]); i++) {
        otr_sts_entry *entry = make(&due_rows[i].history);
        otr_sts_due due = otr_sts_entry_due(entry, &pace, NOW + due_rows[i].after);

        if (due != due_rows[i].due)
            fail_msg("%s: got %d, want %d", due_rows[i].name, (int)due, (int)due_rows[i].due);
        otr_sts_entry_unref(entry);
    }
}

/* At next(), something is due; before it, nothing that a timer should do; and it is never in the past. */
static void next_is_when_something_is_due(void **state)
{
    const otr_sts_pace pace = OTR_STS_PACE_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(due_rows) / sizeof(due_rows[0]); i++) {
        otr_sts_entry *entry = make(&due_rows[i].history);
        otr_time now = NOW + due_rows[i].after;
        otr_time next = otr_sts_entry_next(entry, &pace, now);

        if (next < now || (due_rows[i].due == OTR_STS_DUE_NOTHING && next == now))
            fail_msg("%s: next is %+lld s", due_rows[i].name, (long long)(next - now));
        if (otr_sts_entry_due(entry, &pace, next) == OTR_STS_DUE_NOTHING)
            fail_msg("%s: at next nothing is due", due_rows[i].name);
        if (entry->policy == NULL || entry->policy->max_age > 0) {
            if (next > now && otr_sts_entry_due(entry, &pace, next - 1) != OTR_STS_DUE_NOTHING)
                fail_msg("%s: something is due before next", due_rows[i].name);
        }
        otr_sts_entry_unref(entry);
    }
}

/* A timer that followed "due" would fetch a policy of max_age 0 without end. */
static void a_policy_that_is_not_kept_is_not_refreshed_ahead(void **state)
{
    const otr_sts_pace pace = OTR_STS_PACE_INIT;
    const history h = { .body = at_once, "a", 0, false, OTR_STS_PRESENT, "a" };
    otr_sts_entry *entry = make(&h);

    (void)state;
    assert_int_equal(otr_sts_entry_next(entry, &pace, NOW), NOW + 300);
    otr_sts_entry_unref(entry);
}

static void refreshes_are_spread_over_domains(void **state)
{
    const otr_sts_pace pace = OTR_STS_PACE_INIT;
    otr_time first = 0;
    bool is_spread = false;

    (void)state;
    for (int i = 0; i < 20; i++) {
        const history h = { .body = enforce, "a", 0, false, OTR_STS_PRESENT, "a" };
        otr_sts_entry *entry = make(&h);
        otr_time next;

        snprintf(entry->domain, sizeof(entry->domain), "d%d.example.org", i);
        entry->recheck_at = NOW + AGE;
        next = otr_sts_entry_next(entry, &pace, NOW);
        assert_in_range(next, NOW + AGE / 2 - AGE / 20, NOW + AGE / 2);
        is_spread = is_spread || (first != 0 && next != first);
        first = next;
        otr_sts_entry_unref(entry);
    }
    assert_true(is_spread);
}

/* STS-APPLY-15 */
static void repeated_failures_raise_an_alarm_except_under_none(void **state)
{
    const history rows_[] = {
        { .body = enforce, "a", -100, false, OTR_STS_PRESENT, "a", .failure = OTR_STS_FETCH_ERROR, .error = "x", .tried_id = "a" },
        { .body = none, "a", -100, false, OTR_STS_PRESENT, "a", .failure = OTR_STS_FETCH_ERROR, .error = "x", .tried_id = "a" },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        otr_sts_entry *entry = make(&rows_[i]);

        entry->failures = OTR_STS_ALARM_FAILURES - 1;
        assert_false(otr_sts_entry_is_alarming(entry, NOW));
        entry->failures = OTR_STS_ALARM_FAILURES;
        assert_int_equal(otr_sts_entry_is_alarming(entry, NOW), i == 0);
        assert_false(otr_sts_entry_is_alarming(entry, entry->expires_at));
        otr_sts_entry_unref(entry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finding_is_that_of_the_decision_table),
        cmocka_unit_test(failures_have_the_names_of_rfc_8460),
        cmocka_unit_test(a_copy_is_private_and_whole),
        cmocka_unit_test(a_domain_that_is_too_long_gets_no_entry),
        cmocka_unit_test(due_is_what_the_rows_say),
        cmocka_unit_test(next_is_when_something_is_due),
        cmocka_unit_test(a_policy_that_is_not_kept_is_not_refreshed_ahead),
        cmocka_unit_test(refreshes_are_spread_over_domains),
        cmocka_unit_test(repeated_failures_raise_an_alarm_except_under_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * refresh_test.c - one errand at a time: what is asked, what is fetched, and what is known afterwards.
 */
#include "refresh_scene.h"
#include "support/cmocka_all.h"
#include "support/scripted_fetcher.h"
#include "support/scripted_resolver.h"

#include <stdio.h>

/* STS-DNS-01, STS-FETCH-01, S6 */
static void a_first_look_fetches_the_policy(void **state)
{
    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    otr_scripted_add(resolver, HOST_A);
    otr_scripted_add(resolver, "mta-sts.example.org AAAA insecure 2001:db8::80");
    otr_scripted_fetcher_body(fetcher, "example.org", BODY("enforce", "86400"));
    run(nothing_known(), OTR_STS_DUE_RECORD);
    expect("S6", OTR_STS_NO_FAILURE, "");
    assert_string_equal(otr_scripted_question(resolver, 0), "TXT _mta-sts.example.org");
    assert_string_equal(otr_scripted_question(resolver, 1), "A mta-sts.example.org");
    assert_string_equal(otr_scripted_question(resolver, 2), "AAAA mta-sts.example.org");
    assert_int_equal(otr_scripted_count(resolver), 3);
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 1);
    assert_string_equal(otr_scripted_fetcher_domain(fetcher, 0), "example.org");
    assert_string_equal(otr_scripted_fetcher_addresses(fetcher, 0), "192.0.2.80 2001:db8::80");
    assert_string_equal(result->id, "a");
    assert_string_equal(result->record_id, "a");
    assert_string_equal(result->record_status, "insecure");
    assert_int_equal(result->fetched_at, NOW);
    assert_int_equal(result->expires_at, NOW + 86400);
    assert_int_equal(result->checked_at, NOW);
    assert_in_range(result->recheck_at, NOW + 600, NOW + 660);
    assert_false(result->is_from_store);
}

/* The record rows of step 4 without a policy: each is told apart, and none of them fetches. */
static void what_is_no_record_fetches_nothing(void **state)
{
    static const struct {
        const char *name;
        const char *rule;
        const char *row;
        otr_sts_record_state record;
        const char *status;
        const char *note;
    } rows[] = {
        { "S1: NXDOMAIN", "_mta-sts.example.org TXT secure nxdomain", "S1", OTR_STS_ABSENT, "secure", "no such name" },
        { "S1: NODATA", "_mta-sts.example.org TXT insecure nodata", "S1", OTR_STS_ABSENT, "insecure", "no TXT record" },
        { "S1: foreign", RECORD "v=spf1 -all", "S1", OTR_STS_ABSENT, "insecure",
          "no TXT record begins with \"v=STSv1;\"" },
        { "S1: does not parse", RECORD "v=STSv1; id=a-b;", "S1", OTR_STS_ABSENT, "insecure", NULL },
        { "S3, STS-DNS-13: SERVFAIL", "_mta-sts.example.org TXT tempfail SERVFAIL", "S3", OTR_STS_LOOKUP_FAILED, "tempfail",
          "SERVFAIL" },
        { "S3, STS-DNS-13: bogus", "_mta-sts.example.org TXT bogus signature\texpired", "S3", OTR_STS_LOOKUP_FAILED, "bogus",
          "signature?expired" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_sts_finding f;

        otr_scripted_reset(resolver);
        otr_scripted_add(resolver, rows[i].rule);
        run(nothing_known(), OTR_STS_DUE_RECORD);
        f = otr_sts_entry_finding(result, NOW, false);
        if (strcmp(f.row, rows[i].row) != 0 || result->record != rows[i].record ||
            strcmp(result->record_status, rows[i].status) != 0 || result->record_note[0] == '\0' ||
            (rows[i].note != NULL && strcmp(result->record_note, rows[i].note) != 0))
            fail_msg("%s: got %s, %s, note \"%s\"", rows[i].name, f.row, result->record_status, result->record_note);
        if (otr_scripted_fetcher_count(fetcher) != 0)
            fail_msg("%s: a policy was fetched", rows[i].name);
        otr_sts_entry_unref(result);
        result = NULL;
    }
}

/* STS-DNS-05 */
static void two_records_are_none(void **state)
{
    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    otr_scripted_add(resolver, RECORD "v=STSv1; id=b;");
    run(nothing_known(), OTR_STS_DUE_RECORD);
    expect("S1", OTR_STS_NO_FAILURE, "");
    assert_string_equal(result->record_note, "several TXT records begin with \"v=STSv1;\"");
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 0);
}

/* STS-DNS-02 */
static void an_alias_at_the_record_is_followed(void **state)
{
    (void)state;
    otr_scripted_add(resolver, "_mta-sts.example.org TXT insecure cname=_mta-sts.provider.example v=STSv1; id=a;");
    script_host();
    otr_scripted_fetcher_body(fetcher, "example.org", BODY("enforce", "86400"));
    run(nothing_known(), OTR_STS_DUE_RECORD);
    expect("S6", OTR_STS_NO_FAILURE, "");
}

/* STS-APPLY-06: an owner's TTL of a day does not keep us from looking again in an hour. */
static void a_long_ttl_does_not_put_off_the_next_look(void **state)
{
    (void)state;
    otr_scripted_add(resolver, "_mta-sts.example.org TXT insecure ttl=86400 v=STSv1; id=a;");
    script_host();
    otr_scripted_fetcher_body(fetcher, "example.org", BODY("enforce", "864000"));
    run(nothing_known(), OTR_STS_DUE_RECORD);
    assert_in_range(result->recheck_at, NOW + 3600, NOW + 3960);
}

/* "Unknown" is not kept for long where it costs protection, and not asked all the time where it does not. */
static void an_unknown_is_looked_at_again_soon(void **state)
{
    (void)state;
    otr_scripted_add(resolver, "_mta-sts.example.org TXT tempfail SERVFAIL");
    run(nothing_known(), OTR_STS_DUE_RECORD);
    assert_in_range(result->recheck_at, NOW + 30, NOW + 33);
    otr_sts_entry_unref(result);
    run(policy_known(BODY("enforce", "86400"), 100), OTR_STS_DUE_RECORD);
    assert_in_range(result->recheck_at, NOW + 300, NOW + 330);
}

/* STS-FETCH-17, STS-DNS-12: whatever happens to the record, an unexpired policy stays. */
static void an_unexpired_policy_survives_its_record(void **state)
{
    static const struct {
        const char *rule;
        const char *row;
        const char *error;
    } rows[] = {
        { "_mta-sts.example.org TXT secure nxdomain", "S2", "" },
        { RECORD "v=STSv1; id=;", "S2", "" },
        { "_mta-sts.example.org TXT tempfail SERVFAIL", "S4", "SERVFAIL" },
        { "_mta-sts.example.org TXT bogus", "S4", "scripted: bogus" },
        { RECORD "v=STSv1; id=a;", "S5", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_scripted_reset(resolver);
        otr_scripted_add(resolver, rows[i].rule);
        run(policy_known(BODY("enforce", "86400"), 100), OTR_STS_DUE_RECORD);
        expect(rows[i].row, OTR_STS_NO_FAILURE, rows[i].error);
        assert_int_equal(result->expires_at, NOW - 100 + 86400); /* STS-APPLY-11 */
        assert_int_equal(otr_scripted_fetcher_count(fetcher), 0);
        otr_sts_entry_unref(result);
        result = NULL;
    }
}

/* STS-APPLY-11: an unchanged id lengthens nothing, and an expired policy is fetched though the id is known. */
static void an_expired_policy_is_fetched_under_an_unchanged_id(void **state)
{
    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    script_host();
    otr_scripted_fetcher_fail(fetcher, "example.org", OTR_STS_FETCH_ERROR, 0, "down");
    run(policy_known(BODY("enforce", "100"), 101), OTR_STS_DUE_RECORD);
    expect("S7", OTR_STS_FETCH_ERROR, "mta-sts.example.org: down");
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 1);
}

/* STS-APPLY-12, STS-DNS-14 */
static void a_new_id_replaces_all_or_nothing(void **state)
{
    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=b;");
    script_host();
    otr_scripted_fetcher_fail(fetcher, "example.org", OTR_STS_WEBPKI_INVALID, 0, "certificate has expired");
    run(policy_known(BODY("enforce", "86400"), 100), OTR_STS_DUE_RECORD);
    expect("S8", OTR_STS_WEBPKI_INVALID, "mta-sts.example.org: certificate has expired");
    assert_string_equal(result->id, "a");
    assert_int_equal(result->fetched_at, NOW - 100);
    assert_int_equal(result->policy->mode, OTR_STS_ENFORCE);

    otr_scripted_fetcher_body(fetcher, "example.org", BODY("testing", "1000"));
    otr_clock_set(&test_clock, result->retry_at);
    run_again(OTR_STS_DUE_RECORD);
    expect("S6", OTR_STS_NO_FAILURE, "");
    assert_string_equal(result->id, "b");
    assert_int_equal(result->policy->mode, OTR_STS_TESTING);
    assert_int_equal(result->expires_at, result->fetched_at + 1000);
    assert_int_equal(result->failures, 0);
    assert_int_equal(result->retry_at, 0);
}

/* STS-BODY-18 */
static void a_body_that_does_not_parse_changes_nothing(void **state)
{
    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=b;");
    script_host();
    otr_scripted_fetcher_body(fetcher, "example.org", "version: STSv1\nmode: Enforce\n");
    run(nothing_known(), OTR_STS_DUE_RECORD);
    assert_string_equal(otr_sts_entry_finding(result, NOW, false).row, "S9");
    assert_non_null(strstr(result->error, "line 2"));
    otr_sts_entry_unref(result);
    run(policy_known(BODY("enforce", "86400"), 100), OTR_STS_DUE_RECORD);
    assert_string_equal(otr_sts_entry_finding(result, NOW, false).row, "S10");
    assert_string_equal(result->id, "a");
    assert_int_equal(result->expires_at, NOW - 100 + 86400);
}

/* STS-APPLY-13, STS-APPLY-14 */
static void a_due_policy_is_fetched_whatever_the_record_says(void **state)
{
    static const char *const records[] = {
        "_mta-sts.example.org TXT secure nxdomain",
        "_mta-sts.example.org TXT tempfail",
        RECORD "v=STSv1; id=a;",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        otr_scripted_reset(resolver);
        otr_scripted_add(resolver, records[i]);
        script_host();
        otr_scripted_fetcher_body(fetcher, "example.org", BODY("testing", "2000"));
        run(policy_known(BODY("enforce", "86400"), 50000), OTR_STS_DUE_POLICY);
        assert_int_equal(otr_scripted_fetcher_count(fetcher), i + 1);
        assert_int_equal(result->policy->mode, OTR_STS_TESTING);
        assert_int_equal(result->expires_at, NOW + 2000);
        assert_string_equal(result->id, "a");
        otr_sts_entry_unref(result);
        result = NULL;
    }
}

/* REMEMBER: after a failed refresh under a valid policy only the evidence is another. */
static void a_failed_refresh_changes_only_the_evidence(void **state)
{
    (void)state;
    otr_scripted_add(resolver, "_mta-sts.example.org TXT secure nxdomain");
    script_host();
    otr_scripted_fetcher_fail(fetcher, "example.org", OTR_STS_FETCH_ERROR, 404, "HTTP status 404");
    run(policy_known(BODY("enforce", "86400"), 50000), OTR_STS_DUE_POLICY);
    expect("S2", OTR_STS_FETCH_ERROR, "mta-sts.example.org: HTTP status 404");
    assert_string_equal(result->policy->body, BODY("enforce", "86400"));
    assert_string_equal(result->id, "a");
    assert_int_equal(result->fetched_at, NOW - 50000);
    assert_int_equal(result->expires_at, NOW - 50000 + 86400);
    assert_int_equal(result->failures, 1);
    assert_int_equal(otr_sts_entry_due(result, &net.pace, NOW + 1), OTR_STS_DUE_NOTHING);
    assert_int_equal(otr_sts_entry_due(result, &net.pace, result->retry_at), OTR_STS_DUE_POLICY);
}

/* STS-APPLY-13 ends with the policy: S1 fetches nothing. */
static void without_record_and_policy_nothing_is_fetched(void **state)
{
    (void)state;
    otr_scripted_add(resolver, "_mta-sts.example.org TXT secure nxdomain");
    script_host();
    otr_scripted_fetcher_body(fetcher, "example.org", BODY("enforce", "86400"));
    run(policy_known(BODY("enforce", "100"), 101), OTR_STS_DUE_POLICY);
    expect("S1", OTR_STS_NO_FAILURE, "");
    assert_int_equal(otr_scripted_count(resolver), 1);
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 0);
}

/* STS-FETCH-14: five minutes at least, doubling up to an hour, per id. */
static void a_failed_fetch_is_not_tried_again_soon(void **state)
{
    static const int64_t spans[] = { 300, 600, 1200, 2400, 3600, 3600 };

    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    script_host();
    otr_scripted_fetcher_fail(fetcher, "example.org", OTR_STS_FETCH_ERROR, 0, "down");
    run(nothing_known(), OTR_STS_DUE_RECORD);
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        otr_time tried_at = otr_clock_now(&test_clock);

        assert_int_equal(otr_scripted_fetcher_count(fetcher), i + 1);
        assert_int_equal(result->tried_at, tried_at);
        assert_in_range(result->retry_at, tried_at + spans[i], tried_at + spans[i] + spans[i] / 10);
        otr_clock_set(&test_clock, result->retry_at - 1);
        run_again(OTR_STS_DUE_RECORD);
        assert_int_equal(otr_scripted_fetcher_count(fetcher), i + 1); /* held back */
        expect("S7", OTR_STS_FETCH_ERROR, "mta-sts.example.org: down");
        otr_clock_set(&test_clock, result->retry_at);
        run_again(OTR_STS_DUE_RECORD);
    }
    /* A new id may be tried at once, and its back-off begins anew. */
    otr_scripted_reset(resolver);
    otr_scripted_add(resolver, RECORD "v=STSv1; id=b;");
    script_host();
    run_again(OTR_STS_DUE_RECORD);
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 8);
    assert_int_equal(result->failures, 1);
}

static void the_same_back_off_differs_from_one_to_the_next(void **state)
{
    otr_time first = 0;
    bool differs = false;

    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    script_host();
    otr_scripted_fetcher_fail(fetcher, "example.org", OTR_STS_FETCH_ERROR, 0, "down");
    for (int i = 0; i < 8; i++) {
        run(nothing_known(), OTR_STS_DUE_RECORD);
        differs = differs || (first != 0 && result->retry_at != first);
        first = result->retry_at;
        otr_sts_entry_unref(result);
        result = NULL;
    }
    assert_true(differs);
}

static void a_failure_for_an_id_that_is_gone_is_forgotten(void **state)
{
    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=b;");
    script_host();
    otr_scripted_fetcher_fail(fetcher, "example.org", OTR_STS_FETCH_ERROR, 0, "down");
    run(policy_known(BODY("enforce", "86400"), 100), OTR_STS_DUE_RECORD);
    assert_int_equal(result->failures, 1);
    otr_scripted_reset(resolver);
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    run_again(OTR_STS_DUE_RECORD);
    expect("S5", OTR_STS_NO_FAILURE, "");
    assert_int_equal(result->failures, 0);
    assert_int_equal(otr_sts_entry_due(result, &net.pace, NOW + 299), OTR_STS_DUE_NOTHING);
}

/* STS-BODY-09 */
static void max_age_0_governs_one_attempt(void **state)
{
    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    script_host();
    otr_scripted_fetcher_body(fetcher, "example.org", BODY("enforce", "0"));
    run(nothing_known(), OTR_STS_DUE_RECORD);
    expect("S6", OTR_STS_NO_FAILURE, "");
    otr_clock_set(&test_clock, NOW + 1);
    assert_int_equal(otr_sts_entry_due(result, &net.pace, NOW + 1), OTR_STS_DUE_RECORD);
    run_again(OTR_STS_DUE_RECORD);
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 2);
    otr_clock_set(&test_clock, NOW + 60);
    assert_ptr_equal(otr_sts_entry_finding(result, NOW + 60, false).policy, NULL);
}

/* STS-FETCH-18, STS-FETCH-20: the addresses of the policy host. */
static void addresses_decide_whether_a_fetch_is_made(void **state)
{
    static const struct {
        const char *name;
        const char *a;
        const char *aaaa;
        bool allow_private;
        const char *addresses; /* NULL: not fetched */
        const char *error;
    } rows[] = {
        { "none of either family", "insecure nodata", "insecure nodata", false, NULL,
          "mta-sts.example.org has no address" },
        { "no such name", "secure nxdomain", "secure nxdomain", false, NULL, "mta-sts.example.org has no address" },
        { "both fail", "tempfail SERVFAIL", "tempfail time-out", false, NULL,
          "address of mta-sts.example.org: tempfail: time-out" },
        { "bogus", "bogus no signature", "insecure nodata", false, NULL,
          "address of mta-sts.example.org: bogus: no signature" },
        { "one family fails, the other answers", "insecure 192.0.2.1", "tempfail", false, "192.0.2.1", "" },
        { "IPv6 only", "insecure nodata", "secure 2001:db8::1", false, "2001:db8::1", "" },
        { "an alias", "insecure cname=host.provider.example 192.0.2.1", "insecure nodata", false, "192.0.2.1", "" },
        { "STS-FETCH-20: loopback", "insecure 127.0.0.1", "insecure ::1", false, NULL,
          "mta-sts.example.org has only private addresses (::1); sts.allow_private would permit them" },
        { "STS-FETCH-20: 10/8", "insecure 10.1.2.3", "insecure nodata", false, NULL,
          "mta-sts.example.org has only private addresses (10.1.2.3); sts.allow_private would permit them" },
        { "STS-FETCH-20: a private one beside a public one", "insecure 10.1.2.3, 192.0.2.1", "insecure nodata", false,
          "192.0.2.1", "" },
        { "STS-FETCH-20: permitted", "insecure 10.1.2.3", "insecure nodata", true, "10.1.2.3", "" },
        { "no more than eight", "insecure 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, 192.0.2.6, 192.0.2.7, "
          "192.0.2.8, 192.0.2.9", "insecure nodata", false,
          "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8", "" },
    };
    size_t fetched = 0;

    (void)state;
    otr_scripted_fetcher_body(fetcher, "example.org", BODY("enforce", "86400"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char rule[512];

        otr_scripted_reset(resolver);
        otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
        snprintf(rule, sizeof(rule), "mta-sts.example.org A %s", rows[i].a);
        otr_scripted_add(resolver, rule);
        snprintf(rule, sizeof(rule), "mta-sts.example.org AAAA %s", rows[i].aaaa);
        otr_scripted_add(resolver, rule);
        net.allow_private = rows[i].allow_private;
        run(nothing_known(), OTR_STS_DUE_RECORD);
        if (strcmp(result->error, rows[i].error) != 0)
            fail_msg("%s: got error \"%s\", want \"%s\"", rows[i].name, result->error, rows[i].error);
        if ((result->failure == OTR_STS_FETCH_ERROR) != (rows[i].addresses == NULL))
            fail_msg("%s: failure %s", rows[i].name, otr_sts_failure_names[result->failure]);
        if (rows[i].addresses != NULL) {
            const char *got = otr_scripted_fetcher_addresses(fetcher, fetched++);

            if (got == NULL || strcmp(got, rows[i].addresses) != 0)
                fail_msg("%s: got addresses %s, want %s", rows[i].name, got != NULL ? got : "none", rows[i].addresses);
        }
        assert_int_equal(otr_scripted_fetcher_count(fetcher), fetched);
        otr_sts_entry_unref(result);
        result = NULL;
    }
}

/* STS-FETCH-12: the deadline is one for lookups and HTTPS. */
static void one_deadline_covers_lookups_and_https(void **state)
{
    (void)state;
    net.fetch_ms = 50;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    otr_scripted_add(resolver, "mta-sts.example.org A never");
    otr_scripted_add(resolver, HOST_AAAA);
    run(nothing_known(), OTR_STS_DUE_RECORD);
    expect("S7", OTR_STS_FETCH_ERROR, "mta-sts.example.org: no policy within 0.0 s");
    otr_sts_entry_unref(result);
    otr_scripted_reset(resolver);
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    script_host();
    otr_scripted_fetcher_never(fetcher, "example.org");
    run(nothing_known(), OTR_STS_DUE_RECORD);
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 1);
    expect("S7", OTR_STS_FETCH_ERROR, "mta-sts.example.org: no policy within 0.0 s");
}

static void a_family_that_does_not_answer_is_not_waited_for_long(void **state)
{
    (void)state;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=a;");
    otr_scripted_add(resolver, HOST_A);
    otr_scripted_add(resolver, "mta-sts.example.org AAAA never");
    otr_scripted_fetcher_body(fetcher, "example.org", BODY("enforce", "86400"));
    run(nothing_known(), OTR_STS_DUE_RECORD);
    expect("S6", OTR_STS_NO_FAILURE, "");
}

/* A domain so long that neither name fits gets no record; one where only the host fits not is a failed fetch. */
static void names_that_would_be_too_long_are_no_crash(void **state)
{
    char domain[OTR_DOMAIN_SIZE];
    otr_sts_entry *entry;

    (void)state;
    memset(domain, 'a', sizeof(domain) - 1);
    for (size_t i = 49; i < sizeof(domain) - 2; i += 50)
        domain[i] = '.';
    domain[sizeof(domain) - 1] = '\0';
    entry = otr_sts_entry_new(domain);
    assert_non_null(entry);
    run(entry, OTR_STS_DUE_RECORD);
    expect("S1", OTR_STS_NO_FAILURE, "");
    assert_string_equal(result->record_note, "the name of the record would be too long");
}

static void a_cancelled_errand_never_calls_back(void **state)
{
    static const char *const a_rules[] = { "mta-sts.example.org A never", HOST_A };

    (void)state;
    otr_scripted_fetcher_never(fetcher, "example.org");
    for (size_t i = 0; i < 3; i++) {
        otr_sts_entry *known = nothing_known();
        otr_sts_refresh *refresh;

        otr_scripted_reset(resolver);
        otr_scripted_add(resolver, i == 0 ? "_mta-sts.example.org TXT never" : RECORD "v=STSv1; id=a;");
        otr_scripted_add(resolver, a_rules[i == 2]);
        otr_scripted_add(resolver, HOST_AAAA);
        refresh = otr_sts_refresh_start(&net, known, OTR_STS_DUE_RECORD, on_done, NULL);
        otr_sts_entry_unref(known);
        for (int turn = 0; turn < 10; turn++)
            event_base_loop(base, EVLOOP_NONBLOCK);
        assert_int_equal(otr_scripted_waiting(resolver), i == 2 ? 0 : 1);
        assert_int_equal(otr_scripted_fetcher_waiting(fetcher), i == 2 ? 1 : 0);
        otr_sts_refresh_cancel(refresh);
        assert_int_equal(otr_scripted_waiting(resolver), 0);
        assert_int_equal(otr_scripted_fetcher_waiting(fetcher), 0);
    }
    event_base_dispatch(base);
    assert_int_equal(calls, 0);
    otr_sts_refresh_cancel(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_first_look_fetches_the_policy),
        TEST(what_is_no_record_fetches_nothing),
        TEST(two_records_are_none),
        TEST(an_alias_at_the_record_is_followed),
        TEST(a_long_ttl_does_not_put_off_the_next_look),
        TEST(an_unknown_is_looked_at_again_soon),
        TEST(an_unexpired_policy_survives_its_record),
        TEST(an_expired_policy_is_fetched_under_an_unchanged_id),
        TEST(a_new_id_replaces_all_or_nothing),
        TEST(a_body_that_does_not_parse_changes_nothing),
        TEST(a_due_policy_is_fetched_whatever_the_record_says),
        TEST(a_failed_refresh_changes_only_the_evidence),
        TEST(without_record_and_policy_nothing_is_fetched),
        TEST(a_failed_fetch_is_not_tried_again_soon),
        TEST(the_same_back_off_differs_from_one_to_the_next),
        TEST(a_failure_for_an_id_that_is_gone_is_forgotten),
        TEST(max_age_0_governs_one_attempt),
        TEST(addresses_decide_whether_a_fetch_is_made),
        TEST(one_deadline_covers_lookups_and_https),
        TEST(a_family_that_does_not_answer_is_not_waited_for_long),
        TEST(names_that_would_be_too_long_are_no_crash),
        TEST(a_cancelled_errand_never_calls_back),
    };
    return cmocka_run_group_tests(tests, load_anchors, free_anchors);
}

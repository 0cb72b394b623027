/*
 * claim_test.c - one fetch for many who want the same policy: who fetches, who takes what another has fetched, and how a claim ends.
 */
#include "refresh_scene.h"
#include "support/cmocka_all.h"
#include "support/scripted_fetcher.h"
#include "support/scripted_resolver.h"

#include <stdio.h>

static struct {
    otr_sts_claim_result result;
    otr_sts_claim_done *done;
    void *arg;
    struct event *timer;
    char asked[80];        /* domain, the record's id, the id on hand */
    bool is_refusing, is_settled, is_given_up;
    otr_sts_failure failure; /* with which it was settled */
    otr_time fetched_at;
} fleet;

static void tell_claim(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    fleet.done(fleet.arg, &fleet.result);
}

static void *claim(void *arg, const otr_sts_entry *known, otr_sts_claim_done *done, void *done_arg)
{
    struct timeval now = { 0 };

    assert_ptr_equal(arg, &fleet);
    snprintf(fleet.asked, sizeof(fleet.asked), "%.30s %.20s %.20s", known->domain, known->record_id, known->id);
    if (fleet.is_refusing)
        return NULL;
    fleet.done = done;
    fleet.arg = done_arg;
    fleet.timer = evtimer_new(base, tell_claim, NULL);
    evtimer_add(fleet.timer, &now);
    return &fleet;
}

static void settle(void *claimed, const otr_sts_entry *entry)
{
    assert_ptr_equal(claimed, &fleet);
    assert_false(fleet.is_settled);
    event_free(fleet.timer);
    fleet.is_settled = true;
    fleet.is_given_up = entry == NULL;
    fleet.failure = entry != NULL ? entry->failure : OTR_STS_NO_FAILURE;
    fleet.fetched_at = entry != NULL ? entry->fetched_at : 0;
}

static const otr_sts_sharing sharing = { claim, settle };

static void share(otr_sts_claimed what)
{
    memset(&fleet, 0, sizeof(fleet));
    fleet.result.what = what;
    net.sharing = &sharing;
    net.sharing_arg = &fleet;
    otr_scripted_add(resolver, RECORD "v=STSv1; id=b;");
    script_host();
    otr_scripted_fetcher_body(fetcher, "example.org", BODY("enforce", "86400"));
}

/* STS-FETCH-01: who has the lease fetches, and says what has become of it. */
static void a_claim_that_is_granted_is_settled_with_the_policy(void **state)
{
    (void)state;
    share(OTR_STS_FETCH_IT);
    run(policy_known(BODY("testing", "86400"), 100), OTR_STS_DUE_RECORD);
    assert_string_equal(fleet.asked, "example.org b a");
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 1);
    assert_true(fleet.is_settled && !fleet.is_given_up);
    assert_int_equal(fleet.fetched_at, NOW);
    expect("S6", OTR_STS_NO_FAILURE, "");
}

static void a_claim_that_fails_is_settled_with_the_failure(void **state)
{
    (void)state;
    share(OTR_STS_FETCH_IT);
    otr_scripted_fetcher_fail(fetcher, "example.org", OTR_STS_FETCH_ERROR, 404, "404");
    run(nothing_known(), OTR_STS_DUE_RECORD);
    assert_true(fleet.is_settled && !fleet.is_given_up);
    assert_int_equal(fleet.failure, OTR_STS_FETCH_ERROR);
}

/* STS-APPLY-11, STS-APPLY-12: body, id and time are those of the other's fetch, together; nothing is fetched here. */
static void what_another_has_fetched_is_taken(void **state)
{
    otr_sts_policy *policy = NULL;

    (void)state;
    share(OTR_STS_TAKE_IT);
    assert_int_equal(otr_sts_policy_parse(BODY("enforce", "1000"), strlen(BODY("enforce", "1000")), &policy, NULL), OUTRIDER_OK);
    fleet.result.policy = policy;
    fleet.result.id = "b";
    fleet.result.fetched_at = NOW - 60;
    run(policy_known(BODY("testing", "86400"), 100), OTR_STS_DUE_RECORD);
    otr_sts_policy_free(policy);
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 0);
    assert_true(fleet.is_settled);
    assert_string_equal(result->id, "b");
    assert_int_equal(result->fetched_at, NOW - 60);
    assert_int_equal(result->expires_at, NOW + 940);
    assert_int_equal(result->policy->mode, OTR_STS_ENFORCE);
    assert_true(otr_sts_entry_finding(result, NOW, false).is_from_cache);
}

/* REMEMBER: that others failed takes no policy away, and holds back like a failure of ours. */
static void what_others_have_failed_at_is_not_tried(void **state)
{
    (void)state;
    share(OTR_STS_HAS_FAILED);
    fleet.result.failure = OTR_STS_WEBPKI_INVALID;
    fleet.result.error = "expired\x1b[1m";
    run(policy_known(BODY("enforce", "86400"), 100), OTR_STS_DUE_RECORD);
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 0);
    assert_int_equal(result->failure, OTR_STS_WEBPKI_INVALID);
    assert_int_equal(result->cause, OTR_STS_CAUSE_FLEET);
    assert_string_equal(result->error, "not tried, as others of the fleet have: expired?[1m");
    assert_true(result->retry_at >= NOW + 300);
    assert_int_equal(result->policy->mode, OTR_STS_ENFORCE);
}

static void without_a_claim_it_is_fetched(void **state)
{
    (void)state;
    share(OTR_STS_TAKE_IT);
    fleet.is_refusing = true;
    run(nothing_known(), OTR_STS_DUE_RECORD);
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 1);
    assert_false(fleet.is_settled);
    assert_string_equal(result->id, "b");
}

static void nobody_is_asked_where_nothing_is_to_be_fetched(void **state)
{
    otr_sts_entry *known = policy_known(BODY("enforce", "86400"), 100);

    (void)state;
    share(OTR_STS_TAKE_IT);
    strcpy(known->id, "b");
    run(known, OTR_STS_DUE_RECORD);
    assert_string_equal(fleet.asked, "");
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 0);
}

static void a_claim_is_given_up_with_its_errand(void **state)
{
    otr_sts_entry *known = nothing_known();
    otr_sts_refresh *refresh;

    (void)state;
    share(OTR_STS_FETCH_IT);
    otr_scripted_fetcher_never(fetcher, "example.org");
    refresh = otr_sts_refresh_start(&net, known, OTR_STS_DUE_RECORD, on_done, NULL);
    otr_sts_entry_unref(known);
    for (int i = 0; i < 100 && otr_scripted_fetcher_count(fetcher) == 0; i++)
        event_base_loop(base, EVLOOP_ONCE);
    assert_int_equal(otr_scripted_fetcher_count(fetcher), 1);
    otr_sts_refresh_cancel(refresh);
    assert_true(fleet.is_settled && fleet.is_given_up);
    assert_int_equal(calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_claim_that_is_granted_is_settled_with_the_policy),
        TEST(a_claim_that_fails_is_settled_with_the_failure),
        TEST(what_another_has_fetched_is_taken),
        TEST(what_others_have_failed_at_is_not_tried),
        TEST(without_a_claim_it_is_fetched),
        TEST(nobody_is_asked_where_nothing_is_to_be_fetched),
        TEST(a_claim_is_given_up_with_its_errand),
    };
    return cmocka_run_group_tests(tests, load_anchors, free_anchors);
}

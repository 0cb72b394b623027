/*
 * record_test.c - what becomes of the chains that are seen: the record, the change of a root, and the mail that waits for
 * the operator's word.
 */
#include "record_scene.h"
#include "support/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static void settle(void)
{
    for (int turns = 0; turns < 50; turns++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

static otr_level cached_level(const char *key)
{
    otr_answer *found;
    otr_level level = OTR_LEVEL_DANE_ONLY;

    otr_rcu_read_lock();
    found = otr_cache_find(f.cache, key, strlen(key));
    if (found != NULL)
        level = found->level;
    otr_rcu_read_unlock();
    assert_non_null(found);
    return level;
}

static void restart(void)
{
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_free(worker);
    fixture_reopen_store(&f);
    worker = fixture_worker(&f, base);
    script_hosts();
}

static void see_mx(STACK_OF(X509) *chain, const char *host)
{
    const otr_anchor_set *set = otr_anchors_for(f.anchors, "example.org");
    otr_verification v = { 0 };
    outrider_diag diag = { 0 };

    assert_int_equal(otr_verify_chain(set, chain, host, NOW, &v), OUTRIDER_OK);
    if (otr_record_sighting(worker, "example.org", OTR_ROLE_MX, host, OTR_SEEN_IN_PROBE, chain, &v, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    otr_verification_clear(&v);
}

static bool take_traffic(void *arg, const otr_dependant *d)
{
    *(double *)arg = d->traffic;
    return false;
}

static double traffic(void)
{
    double found = -1;
    bool is_found;

    assert_int_equal(otr_store_dependant(f.store, "example.org", otr_clock_now(&f.clock), NULL, take_traffic, &found, &is_found,
                                         NULL), OUTRIDER_OK);
    return found;
}

static bool is_held(otr_role role, const char *host)
{
    otr_hold hold;

    return otr_holds_find_host(f.holds, "example.org", role, host, &hold);
}

/* Tests: the record -------------------------------------------------------------------------------------------- */

static void a_policy_fetch_leaves_a_record(void **state)
{
    unsigned long before = counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_ACCEPTED);

    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    expect_recorded("example.org", "mx.example.org admitted; policy mta-sts.example.org by fetch: Root A; ");
    assert_int_equal(counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_ACCEPTED), before + 1);
}

static void a_refused_one_as_well(void **state)
{
    unsigned long before = counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_REFUSED);

    (void)state;
    publish("a", BODY("enforce", "86400"), OTHER);
    expect_level("example.org", OTR_LEVEL_MAY);
    expect_recorded("example.org", "mx.example.org; policy mta-sts.example.org by fetch: refused; ");
    assert_int_equal(counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_REFUSED), before + 1);
}

/* The anchors of all, of which B is gone. */
static void take_away_root_b(void)
{
    STACK_OF(X509) *left = sk_X509_new_null();
    otr_anchors *anchors = NULL;
    otr_trust *trust;

    sk_X509_push(left, roots[A].cert);
    assert_int_equal(otr_anchors_make(&(otr_anchor_source){ .rules = &(otr_anchor_rule){ .name = "default", .roots = left },
                                                            .rule_count = 1 }, &anchors, NULL), OUTRIDER_OK);
    sk_X509_free(left);
    trust = otr_trust_new(anchors, 0, NULL, 0);
    assert_non_null(trust);
    otr_swap_do(worker, otr_swap_new(trust, &replies));
    otr_trust_unref(trust);
}

/* Whoever takes a root away is told that it counts for nobody: so it replaces no policy a moment later. */
static void a_root_that_goes_while_the_policy_is_fetched(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("none", "864000"), B);
    otr_scripted_fetcher_never(worker->fetcher, "example.org");
    expect_level("example.org", OTR_LEVEL_SECURE); /* the policy on hand applies, and the fetch goes on */
    assert_int_equal(otr_scripted_fetcher_waiting(worker->fetcher), 1);
    take_away_root_b();
    otr_scripted_fetcher_body(worker->fetcher, "example.org", BODY("none", "864000"));
    otr_scripted_fetcher_shows(worker->fetcher, "example.org", policy_chains[B], NOW);
    otr_scripted_fetcher_release(worker->fetcher);
    settle();
    assert_int_equal(otr_scripted_fetcher_waiting(worker->fetcher), 0);
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_string_equal(answer->verdict->sts.id, "a");
    assert_non_null(strstr(answer->verdict->sts.error, "the roots have changed while it was asked"));
    expect_recorded("example.org", "mx.example.org admitted; policy mta-sts.example.org by fetch: refused; ");
}

static void without_a_policy_there_is_nothing_to_put_down(void **state)
{
    (void)state;
    script("example.org MX insecure ttl=900 10 mx.example.org");
    script("_mta-sts.example.org TXT insecure ttl=600 nxdomain");
    expect_level("example.org", OTR_LEVEL_MAY);
    expect_recorded("example.org", "nothing");
}

static void what_was_decided_is_put_down_when_it_changes(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(1000);
    script("example.org MX insecure ttl=900 20 spare.example.org");
    script("spare.example.org A insecure ttl=900 192.0.2.26");
    script("spare.example.org AAAA insecure ttl=900 nodata");
    expect_level("example.org", OTR_LEVEL_SECURE);
    expect_recorded("example.org", "mx.example.org admitted; spare.example.org; policy mta-sts.example.org by fetch: Root A; ");
}

/* What is known of a host outlives a lookup that fails: it would be counted among those that depend on a root. */
static void a_failed_lookup_takes_nothing_back(void **state)
{
    static const char *const tlsa[] = { "_25._tcp.mx.example.org TLSA secure 3 1 1 "
                                        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
                                        "_25._tcp.mx.example.org TLSA tempfail SERVFAIL" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        otr_scripted_reset(worker->resolver);
        script("example.org MX secure ttl=900 10 mx.example.org");
        script("mx.example.org A secure ttl=900 192.0.2.25");
        script("mx.example.org AAAA secure ttl=900 nodata");
        script("_mta-sts.example.org TXT insecure ttl=600 v=STSv1; id=a;");
        script("mta-sts.example.org A insecure ttl=600 192.0.2.80");
        script("mta-sts.example.org AAAA insecure ttl=600 nodata");
        otr_scripted_fetcher_body(worker->fetcher, "example.org", BODY("enforce", "86400"));
        script(tlsa[i]);
        expect_level("example.org", i == 0 ? OTR_LEVEL_DANE_ONLY : OTR_LEVEL_DEFER);
        expect_recorded("example.org", "mx.example.org dane admitted; ");
        pass(1000);
    }
}

static void the_domain_speaks_for_its_other_destinations(void **state)
{
    (void)state;
    script("example.org A insecure 192.0.2.1");
    script("example.org AAAA insecure nodata");
    publish("a", BODY("enforce", "86400"), A);
    ask("example.org");
    ask("[example.org]");
    expect_recorded("example.org", "mx.example.org admitted; policy mta-sts.example.org by fetch: Root A; ");
}

/* Seconds in which there was a question, written once an hour. */
static void traffic_is_counted(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    for (int i = 0; i < 5; i++) {
        ask("example.org");
        ask("example.org");
        pass(1);
    }
    assert_true(traffic() < 2);
    pass(3700);
    ask("example.org");
    if (traffic() < 4.9 || traffic() > 6.1)
        fail_msg("%f", traffic());
}

/* The disk is full: nothing is recorded, and no mail waits for that. */
static void a_record_that_fails_fails_no_mail(void **state)
{
    unsigned long before = counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_LOST);
    struct rlimit limit;
    rlim_t was;

    (void)state;
    publish("a", BODY("none", "86400"), A); /* a policy that needs no disk */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    was = limit.rlim_cur;
    limit.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect_level("example.org", OTR_LEVEL_MAY);
    limit.rlim_cur = was;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_LOST), before + 1);
    assert_true(worker->record_trouble[OUTRIDER_E_IO] > 0);
}

/* Tests: another root ------------------------------------------------------------------------------------------ */

static void another_root_is_told_and_used(void **state)
{
    unsigned long before = counted(OTR_CELL_ROOT_CHANGES + OTR_ROLE_POLICY);

    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("testing", "86400"), B);
    expect_level("example.org", OTR_LEVEL_MAY);
    expect_recorded("example.org", "mx.example.org admitted; policy mta-sts.example.org by fetch: Root B, changed; ");
    assert_int_equal(counted(OTR_CELL_ROOT_CHANGES + OTR_ROLE_POLICY), before + 1);
    assert_int_equal(otr_holds_count(f.holds), 0);
}

static void first_contact_is_no_change(void **state)
{
    unsigned long before = counted(OTR_CELL_ROOT_CHANGES + OTR_ROLE_POLICY);

    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    see_mx(mx_chains[B], MX_HOST);
    assert_int_equal(counted(OTR_CELL_ROOT_CHANGES + OTR_ROLE_POLICY), before);
    assert_int_equal(otr_holds_count(f.holds), 0);
}

/* REMEMBER: what the policy host says under a root that is held is not taken, be it a better policy or none. */
static void the_new_policy_waits_with_the_mail(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("none", "86400"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_true(answer->verdict->is_held);
    assert_string_equal(answer->verdict->sts.id, "a");
    assert_int_equal(answer->verdict->sts.policy->mode, OTR_STS_ENFORCE);
    assert_non_null(strstr(answer->verdict->sts.error, "held"));
    assert_true(is_held(OTR_ROLE_POLICY, POLICY_HOST));
    pass(4000); /* asked again and again, it says the same */
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_string_equal(answer->verdict->sts.id, "a");
}

/* LOCALITY: a neighbour at the same MX host whose policy host changes in the same way, under the default rule. */
static void others_are_not_held(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    script_policy_of("neighbour.example", "a", BODY("enforce", "864000"));
    otr_scripted_fetcher_shows(worker->fetcher, "neighbour.example", neighbour_chains[A], NOW);
    expect_level("example.org", OTR_LEVEL_SECURE);
    expect_level("neighbour.example", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("enforce", "864000"), B);
    script_policy_of("neighbour.example", "b", BODY("enforce", "864000"));
    otr_scripted_fetcher_shows(worker->fetcher, "neighbour.example", neighbour_chains[B], NOW);
    expect_level("example.org", OTR_LEVEL_DEFER);
    expect_level("neighbour.example", OTR_LEVEL_SECURE);
    assert_string_equal(answer->verdict->sts.id, "b");
    assert_int_equal(otr_holds_count(f.holds), 1);
}

static void it_is_held_over_a_restart(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    restart();
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_true(answer->verdict->is_held);
    pass(5000);
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_string_equal(answer->verdict->sts.id, "a");
}

static void accept_it(void)
{
    outrider_diag diag = { 0 };

    if (otr_record_accept(worker, "example.org", 7, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
}

static void it_is_accepted(void **state)
{
    outrider_diag diag = { 0 };

    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_int_equal(otr_record_accept(worker, "example.org", 7, &diag), OUTRIDER_E_SYNTAX);
    assert_string_equal(diag.message, "nothing of example.org is held");
    pass(700);
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    accept_it();
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_SECURE); /* before the reply goes out: by the old policy */
    settle();
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_string_equal(answer->verdict->sts.id, "b"); /* and by the new one without a wait for the back-off */
    assert_int_equal(otr_holds_count(f.holds), 0);
    restart();
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(90000); /* fetched again: the root is known now */
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_int_equal(otr_holds_count(f.holds), 0);
}

/* NO-DOWNGRADE: the old policy has expired while mail waited; nobody gets an answer before the new one is there. */
static void accepted_after_the_old_policy_has_expired(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(50000);
    publish("b", BODY("enforce", "86400"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    pass(50000);
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_null(answer->verdict->sts.policy);
    accept_it();
    otr_rcu_read_lock();
    assert_null(otr_cache_find(f.cache, "example.org", strlen("example.org")));
    otr_rcu_read_unlock();
    expect_level("example.org", OTR_LEVEL_SECURE);
}

static void accepted_while_nobody_has_asked(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    restart();
    accept_it();
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_string_equal(answer->verdict->sts.id, "b");
}

/* Mail that goes by MX hosts which were probed. */
static void an_mx_host_holds_the_mail_too(void **state)
{
    otr_hold hold;

    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    see_mx(mx_chains[A], MX_HOST);
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_SECURE);
    see_mx(mx_chains[B], MX_HOST);
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_DEFER); /* at once, without another question */
    assert_true(otr_record_find_hold(worker, "example.org", &hold));
    assert_string_equal(hold.from_name, "Root A");
    assert_string_equal(hold.to_name, "Root B");
    see_mx(mx_chains[A], MX_HOST); /* back again: the operator has the word, and learns what he would accept */
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_DEFER);
    assert_true(otr_holds_find_host(f.holds, "example.org", OTR_ROLE_MX, MX_HOST, &hold));
    assert_string_equal(hold.from_name, "Root A");
    assert_string_equal(hold.to_name, "Root A");
    accept_it();
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_SECURE);
}

/* A refusal in between does not make a first contact of what follows. */
static void a_refusal_hides_no_change(void **state)
{
    (void)state;
    see_mx(mx_chains[A], MX_HOST);
    see_mx(mx_chains[OTHER], MX_HOST);
    assert_int_equal(otr_holds_count(f.holds), 0);
    expect_recorded("example.org", "mx mx.example.org by probe: refused; ");
    see_mx(mx_chains[A], MX_HOST);
    assert_int_equal(otr_holds_count(f.holds), 0);
    see_mx(mx_chains[OTHER], MX_HOST);
    see_mx(mx_chains[B], MX_HOST);
    assert_true(is_held(OTR_ROLE_MX, MX_HOST));
}

/* The rule was taken out of the configuration: the hold stays on disk, and has no effect. */
static void without_the_rule_it_does_not_count(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    see_mx(mx_chains[A], MX_HOST);
    see_mx(mx_chains[B], MX_HOST);
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_free(worker);
    use_anchors(make_anchors(OTR_ON_CHANGE_LOG));
    fixture_reopen_store(&f);
    worker = fixture_worker(&f, base);
    script_hosts();
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_null(answer->verdict->hold);
    assert_int_equal(otr_holds_count(f.holds), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOGGING(a_policy_fetch_leaves_a_record),
        LOGGING(a_refused_one_as_well),
        LOGGING(a_root_that_goes_while_the_policy_is_fetched),
        LOGGING(without_a_policy_there_is_nothing_to_put_down),
        LOGGING(what_was_decided_is_put_down_when_it_changes),
        LOGGING(a_failed_lookup_takes_nothing_back),
        LOGGING(the_domain_speaks_for_its_other_destinations),
        LOGGING(traffic_is_counted),
        LOGGING(a_record_that_fails_fails_no_mail),
        LOGGING(another_root_is_told_and_used),
        DEFERRING(first_contact_is_no_change),
        DEFERRING(the_new_policy_waits_with_the_mail),
        DEFERRING(others_are_not_held),
        DEFERRING(it_is_held_over_a_restart),
        DEFERRING(it_is_accepted),
        DEFERRING(accepted_after_the_old_policy_has_expired),
        DEFERRING(accepted_while_nobody_has_asked),
        DEFERRING(an_mx_host_holds_the_mail_too),
        DEFERRING(a_refusal_hides_no_change),
        DEFERRING(without_the_rule_it_does_not_count),
    };

    signal(SIGXFSZ, SIG_IGN); /* writing past the limit is then an error like a full disk */
    otr_metrics_enter();
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}

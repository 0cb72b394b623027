/*
 * swap_test.c - other anchors arrive in a resolver thread: whose answers are made anew, and what becomes of a policy that
 * could not be had for want of a root. Scripted, as errand_test.
 */
#include "fixture.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <stdio.h>
#include <stdlib.h>

#define BODY "version: STSv1\nmode: enforce\nmx: mx.a.example\nmax_age: 86400\n"

static fixture f;
static struct event_base *base;
static otr_worker *worker;
static otr_mailbox replies;
static otr_answer *answer; /* of the last question; a reference */
static size_t swaps, remade;
static otr_cert extra; /* a root that nobody has yet */

static void take_reply(void *arg, otr_mail *mail)
{
    (void)arg;
    if (mail->kind == OTR_MAIL_SWAP) {
        otr_swap *swap = caa_container_of(mail, otr_swap, mail);

        swaps++;
        remade = swap->remade;
        otr_swap_free(swap);
    } else {
        otr_ticket *ticket = caa_container_of(mail, otr_ticket, mail);

        otr_answer_unref(answer);
        answer = ticket->answer;
        ticket->answer = NULL;
        otr_ticket_free(ticket);
    }
}

static void turn(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
    otr_mailbox_take(&replies, take_reply, NULL);
}

static void post_question(const char *text)
{
    otr_destination destination;

    assert_int_equal(otr_destination_parse(text, strlen(text), &destination, NULL), OUTRIDER_OK);
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_post(worker, otr_ticket_new(&destination, &replies, NULL));
}

static void await_answer(void)
{
    for (int turns = 0; answer == NULL; turns++) {
        assert_true(turns < 1000);
        event_base_loop(base, EVLOOP_ONCE);
        otr_mailbox_take(&replies, take_reply, NULL);
    }
}

static otr_level ask(const char *text)
{
    post_question(text);
    await_answer();
    return answer->verdict->level;
}

static otr_answer *cached(const char *key)
{
    otr_answer *found;

    otr_rcu_read_lock();
    found = otr_cache_find(f.cache, key, strlen(key));
    otr_rcu_read_unlock();
    return found; /* no other thread is there to take it away */
}

/* The default rule, and one more root for `name`; NULL: for nobody. */
static otr_trust *trust_for(const char *name, otr_time made_at)
{
    const char *names[] = { name, NULL };
    const otr_anchor_set *own = otr_anchors_for(f.anchors, "");
    STACK_OF(X509) *more = sk_X509_new_null();
    otr_anchor_rule rules[] = { { .name = own->rules[0], .file = own->file, .roots = own->roots },
                                { .name = "exception", .roots = more, .names = names } };
    otr_exception e = { .made_at = made_at };
    otr_anchors *anchors = NULL;
    otr_trust *trust;

    sk_X509_push(more, extra.cert);
    snprintf(e.domain, sizeof(e.domain), "%s", name != NULL ? name : "");
    assert_int_equal(otr_anchors_make(&(otr_anchor_source){ .rules = rules, .rule_count = name != NULL ? 2 : 1 }, &anchors, NULL),
                     OUTRIDER_OK);
    trust = otr_trust_new(anchors, 0, &e, name != NULL);
    assert_non_null(trust);
    sk_X509_free(more);
    return trust;
}

static void swap_for(const char *name)
{
    otr_trust *trust = trust_for(name, NOW);
    size_t before = swaps;

    otr_worker_swap(worker, otr_swap_new(trust, &replies));
    otr_trust_unref(trust);
    for (int turns = 0; swaps == before; turns++) {
        assert_true(turns < 100);
        turn();
    }
}

static void script(const char *domain)
{
    char rule[300];

    snprintf(rule, sizeof(rule), "%s MX insecure 10 mx.a.example", domain);
    otr_scripted_add(worker->resolver, rule);
    snprintf(rule, sizeof(rule), "_mta-sts.%s TXT insecure v=STSv1; id=1;", domain);
    otr_scripted_add(worker->resolver, rule);
    snprintf(rule, sizeof(rule), "mta-sts.%s A insecure 192.0.2.80", domain);
    otr_scripted_add(worker->resolver, rule);
    snprintf(rule, sizeof(rule), "mta-sts.%s AAAA insecure nodata", domain);
    otr_scripted_add(worker->resolver, rule);
    otr_scripted_fetcher_body(worker->fetcher, domain, BODY);
}

static int begin(void **state)
{
    (void)state;
    fixture_init(&f);
    f.flow.first_look_ms = 5000;
    base = event_base_new();
    worker = fixture_worker(&f, base);
    extra = otr_make_cert(&(otr_cert_plan){ .common_name = "extra", .constraints = "critical,CA:TRUE" });
    swaps = remade = 0;
    otr_scripted_add(worker->resolver, "mx.a.example A insecure 192.0.2.25");
    otr_scripted_add(worker->resolver, "mx.a.example AAAA insecure nodata");
    script("a.example");
    script("b.example");
    return otr_mailbox_init(&replies, NULL) == OUTRIDER_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_free(worker);
    otr_mailbox_take(&replies, take_reply, NULL);
    otr_mailbox_clear(&replies);
    event_base_free(base);
    otr_cert_clear(&extra);
    fixture_clear(&f);
    return 0;
}

static void only_those_whose_set_changed_get_another_answer(void **state)
{
    const otr_answer *b, *a, *port;

    (void)state;
    assert_int_equal(ask("a.example"), OTR_LEVEL_SECURE);
    assert_int_equal(ask("a.example:587"), OTR_LEVEL_SECURE);
    assert_int_equal(ask("b.example"), OTR_LEVEL_SECURE);
    a = cached("a.example");
    port = cached("a.example:587");
    b = cached("b.example");
    swap_for("a.example");
    assert_int_equal(remade, 2);
    assert_ptr_not_equal(cached("a.example"), a);
    assert_ptr_not_equal(cached("a.example:587"), port);
    assert_ptr_equal(cached("b.example"), b);
    assert_int_equal(ask("a.example"), OTR_LEVEL_SECURE);
    assert_int_equal(answer->verdict->anchors->count, 2);
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 2); /* nothing was fetched for it */
    a = cached("a.example");
    swap_for("a.example"); /* other anchors that mean the same */
    assert_int_equal(remade, 0);
    assert_ptr_equal(cached("a.example"), a);
    swap_for(NULL);
    assert_int_equal(remade, 2);
    assert_int_equal(ask("a.example"), OTR_LEVEL_SECURE);
    assert_int_equal(answer->verdict->anchors->count, 1);
}

static void a_refused_policy_host_is_asked_again(void **state)
{
    (void)state;
    otr_scripted_fetcher_fail(worker->fetcher, "a.example", OTR_STS_WEBPKI_INVALID, 0, "unknown CA");
    otr_scripted_fetcher_fail(worker->fetcher, "b.example", OTR_STS_WEBPKI_INVALID, 0, "unknown CA");
    assert_int_equal(ask("a.example"), OTR_LEVEL_MAY);
    assert_int_equal(ask("b.example"), OTR_LEVEL_MAY);
    otr_scripted_fetcher_body(worker->fetcher, "a.example", BODY);
    otr_scripted_fetcher_body(worker->fetcher, "b.example", BODY);
    swap_for("a.example");
    assert_null(cached("a.example"));
    assert_int_equal(ask("a.example"), OTR_LEVEL_SECURE);
    assert_int_equal(ask("b.example"), OTR_LEVEL_MAY); /* its back-off holds */
}

static void another_failure_keeps_its_back_off(void **state)
{
    (void)state;
    otr_scripted_fetcher_fail(worker->fetcher, "a.example", OTR_STS_FETCH_ERROR, 404, "HTTP status 404");
    assert_int_equal(ask("a.example"), OTR_LEVEL_MAY);
    swap_for("a.example");
    assert_non_null(cached("a.example"));
    assert_int_equal(ask("a.example"), OTR_LEVEL_MAY);
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 1);
}

/* A fetch holds the anchors that it began with: what comes of it is no answer for those that count now. Once more, not for ever. */
static void a_fetch_that_was_under_way_is_made_again(void **state)
{
    otr_trust *trust = trust_for("a.example", NOW);
    otr_destination destination;

    (void)state;
    otr_scripted_fetcher_fail(worker->fetcher, "a.example", OTR_STS_WEBPKI_INVALID, 0, "unknown CA");
    otr_scripted_add(worker->resolver, "a.example A insecure 192.0.2.25");
    otr_scripted_add(worker->resolver, "a.example AAAA insecure nodata");
    assert_int_equal(otr_destination_parse("[a.example]", 11, &destination, NULL), OUTRIDER_OK);
    otr_answer_unref(answer);
    answer = NULL;
    otr_place_ask(otr_place_get(worker, &destination), otr_ticket_new(&destination, &replies, NULL));
    assert_non_null(otr_domain_find(worker, "a.example")->refresh); /* a host has no MX step, so it begins at once */
    otr_swap_do(worker, otr_swap_new(trust, &replies));
    otr_trust_unref(trust);
    await_answer();
    assert_int_equal(answer->verdict->level, OTR_LEVEL_MAY);
    assert_int_equal(answer->verdict->anchors->count, 2);
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_those_whose_set_changed_get_another_answer, begin, end),
        cmocka_unit_test_setup_teardown(a_refused_policy_host_is_asked_again, begin, end),
        cmocka_unit_test_setup_teardown(another_failure_keeps_its_back_off, begin, end),
        cmocka_unit_test_setup_teardown(a_fetch_that_was_under_way_is_made_again, begin, end),
    };
    return cmocka_run_group_tests_name("daemon/swap", tests, NULL, NULL);
}

/*
 * survey_test.c - what is asked for whom, what becomes of what never answers, and that nothing is left behind. Visits and real fetches are in
 * tests/e2e/test_checks.py.
 */
#include "support/cmocka_all.h"
#include "support/scripted_fetcher.h"
#include "support/scripted_resolver.h"
#include "support/test_anchors.h"
#include "publish/survey.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define POLICY "version: STSv1\r\nmode: testing\r\nmx: mx.example.org\r\nmax_age: 86400\r\n"

typedef struct world {
    struct event_base *base;
    otr_resolver *resolver;
    otr_fetcher *fetcher;
    otr_probe_desk *desk;
    otr_anchors *anchors;
    otr_clock clock;
    otr_program_facts program;
    otr_survey_net net;
    otr_domain_facts *facts;
    size_t calls;
} world;

static int set_up(void **state)
{
    static world w;
    const otr_desk_settings desk = { .pace = { .at_once = 4, .gap_ms = 1, .address_gap_ms = 1 }, .port = 25, .timeout_ms = 1000, .ehlo = "test.example" };

    w = (world){ .base = event_base_new(), .anchors = otr_test_anchors() };
    w.resolver = otr_scripted_resolver_new(w.base);
    w.fetcher = otr_scripted_fetcher_new(w.base);
    w.desk = otr_probe_desk_new(w.base, &desk);
    otr_clock_init(&w.clock, 0);
    w.program = (otr_program_facts){ "system", otr_anchors_for(w.anchors, "example.org") };
    w.net = (otr_survey_net){ .base = w.base, .resolver = w.resolver, .fetcher = w.fetcher, .desk = w.desk, .clock = &w.clock,
                              .programs = &w.program, .program_count = 1 };
    otr_scripted_add(w.resolver, "example.org MX secure 10 mx.example.org, 20 other.example.net");
    otr_scripted_add(w.resolver, "example.org TXT secure v=spf1 -all");
    otr_scripted_add(w.resolver, "_mta-sts.example.org TXT secure v=STSv1; id=1;");
    otr_scripted_add(w.resolver, "_smtp._tls.example.org TXT secure nodata");
    otr_scripted_add(w.resolver, "mta-sts.example.org A secure 192.0.2.80, 192.0.2.81");
    otr_scripted_add(w.resolver, "mta-sts.example.org AAAA secure nodata");
    otr_scripted_add(w.resolver, "mx.example.org A secure 10.0.0.1"); /* private: nobody is visited in this test */
    otr_scripted_add(w.resolver, "mx.example.org AAAA secure nodata");
    otr_scripted_add(w.resolver, "_25._tcp.mx.example.org TLSA secure nodata");
    otr_scripted_add(w.resolver, "other.example.net A insecure cname=end.example.com 10.0.0.2");
    otr_scripted_add(w.resolver, "other.example.net AAAA insecure cname=end.example.com nodata");
    otr_scripted_add(w.resolver, "other.example.net CNAME secure end.example.com");
    otr_scripted_add(w.resolver, "_25._tcp.other.example.net TLSA secure 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    otr_scripted_fetcher_body(w.fetcher, "example.org", POLICY);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;

    otr_facts_free(w->facts);
    assert_int_equal(otr_scripted_waiting(w->resolver), 0);
    assert_int_equal(otr_scripted_fetcher_waiting(w->fetcher), 0);
    otr_probe_desk_free(w->desk);
    otr_fetcher_free(w->fetcher);
    otr_resolver_free(w->resolver);
    otr_anchors_free(w->anchors);
    event_base_free(w->base);
    return 0;
}

static void on_facts(void *arg, otr_domain_facts *facts)
{
    world *w = arg;

    w->facts = facts;
    w->calls++;
}

static void survey(world *w, unsigned groups, unsigned timeout_ms)
{
    const otr_survey_question question = { .domain = "example.org", .groups = groups, .timeout_ms = timeout_ms };

    assert_non_null(otr_survey_start(&w->net, &question, on_facts, w));
    assert_int_equal(w->calls, 0); /* never from inside */
    event_base_dispatch(w->base);
    assert_int_equal(w->calls, 1);
    assert_non_null(w->facts);
}

static bool was_asked(const world *w, const char *question)
{
    for (size_t i = 0; i < otr_scripted_count(w->resolver); i++)
        if (strcmp(otr_scripted_question(w->resolver, i), question) == 0)
            return true;
    return false;
}

static void keep_record(void *arg, const otr_dns_answer *answer)
{
    ((otr_domain_facts *)arg)->sts_txt = otr_dns_answer_copy(answer);
}

static void everything_is_asked_once(void **state)
{
    world *w = *state;

    survey(w, OTR_CHECKS_ALL, 0);
    assert_int_equal(otr_scripted_count(w->resolver), 4 + 2 + 4 + 3);
    assert_int_equal(w->facts->host_count, 2);
    assert_string_equal(w->facts->hosts[0].host, "mx.example.org");
    assert_true(w->facts->hosts[0].addresses[0].is_refused);
    assert_false(w->facts->hosts[0].addresses[0].first.was_made);
    assert_null(w->facts->hosts[0].tlsa_alias);
}

/* What counts of a record is what senders read, not how we would write it. */
static void the_id_of_the_record(void **state)
{
    world *w = *state;

    otr_scripted_add(w->resolver, "spaced.example TXT secure v=STSv1;  id=1 ; x=y");
    otr_scripted_add(w->resolver, "twice.example TXT secure v=STSv1; id=1;");
    otr_scripted_add(w->resolver, "twice.example TXT secure v=STSv1; id=2;");
    survey(w, OTR_CHECKS_STS, 0);
    assert_true(otr_facts_have_id(w->facts, "1"));
    assert_false(otr_facts_have_id(w->facts, "11"));
    for (size_t i = 0; i < 2; i++) {
        static const char *const names[] = { "spaced.example", "twice.example" };

        otr_dns_answer_free(w->facts->sts_txt);
        w->facts->sts_txt = NULL;
        assert_false(otr_facts_have_id(w->facts, "1")); /* not looked up */
        otr_dns_ask(w->resolver, names[i], OTR_RR_TXT, keep_record, w->facts);
        event_base_dispatch(w->base);
        assert_int_equal(otr_facts_have_id(w->facts, "1"), i == 0); /* of several records none counts */
    }
}

/* RFC 7672 §2.2.3: behind an alias that is signed and leads into an unsigned zone the records of its own name count. */
static void an_alias_into_an_unsigned_zone(void **state)
{
    world *w = *state;
    otr_host_tlsa tlsa;

    survey(w, OTR_CHECKS_DANE, 0);
    assert_true(was_asked(w, "CNAME other.example.net"));
    assert_false(was_asked(w, "TLSA _25._tcp.end.example.com"));
    tlsa = otr_host_tlsa_of(&w->facts->hosts[1]);
    assert_int_equal(tlsa.state, OTR_HOST_DANE_SIGNED);
    assert_string_equal(tlsa.base_domain, "other.example.net");
}

static void each_address_of_the_policy_host_is_fetched_from(void **state)
{
    world *w = *state;

    survey(w, OTR_CHECKS_STS, 0);
    assert_int_equal(otr_scripted_fetcher_count(w->fetcher), 2);
    assert_string_equal(otr_scripted_fetcher_addresses(w->fetcher, 0), "192.0.2.80");
    assert_string_equal(otr_scripted_fetcher_addresses(w->fetcher, 1), "192.0.2.81");
    for (size_t i = 0; i < 2; i++) {
        assert_true(w->facts->fetches[i].was_made);
        assert_string_equal(w->facts->fetches[i].body, POLICY);
    }
}

static void what_no_check_needs_is_not_asked(void **state)
{
    world *w = *state;

    survey(w, OTR_CHECKS_RPT, 0);
    assert_int_equal(otr_scripted_count(w->resolver), 2);
    assert_true(was_asked(w, "TXT _smtp._tls.example.org") && was_asked(w, "TXT example.org"));
    assert_int_equal(otr_scripted_fetcher_count(w->fetcher), 0);
}

/* The rest is there, and what did not come is unknown, not absent. */
static void what_never_answers_ends_with_the_deadline(void **state)
{
    world *w = *state;
    otr_check_report *report;
    size_t absent = 0;

    otr_scripted_reset(w->resolver);
    otr_scripted_add(w->resolver, "example.org MX never");
    otr_scripted_add(w->resolver, "example.org TXT secure v=spf1 -all");
    otr_scripted_add(w->resolver, "_mta-sts.example.org TXT never");
    otr_scripted_add(w->resolver, "_smtp._tls.example.org TXT never");
    otr_scripted_add(w->resolver, "mta-sts.example.org A secure 192.0.2.80");
    otr_scripted_add(w->resolver, "mta-sts.example.org AAAA never");
    otr_scripted_fetcher_never(w->fetcher, "example.org");
    survey(w, OTR_CHECKS_ALL, 50);
    assert_non_null(w->facts->apex_txt);
    assert_null(w->facts->mx);
    assert_int_equal(w->facts->fetch_count, 1);
    assert_false(w->facts->fetches[0].was_made);
    report = otr_checks_run(w->facts, OTR_CHECKS_ALL);
    assert_int_equal(otr_check_report_worst(report, OTR_CHECKS_ALL), OTR_CHECK_UNKNOWN);
    for (size_t i = 0; i < report->count; i++)
        absent += strstr(report->results[i].message, "there is no") != NULL;
    assert_int_equal(absent, 0);
    otr_check_report_free(report);
}

static void cancelled_it_never_calls(void **state)
{
    world *w = *state;
    const otr_survey_question question = { .domain = "example.org", .groups = OTR_CHECKS_ALL };
    otr_survey *s;

    otr_scripted_fetcher_never(w->fetcher, "example.org");
    s = otr_survey_start(&w->net, &question, on_facts, w);
    assert_non_null(s);
    event_base_loop(w->base, EVLOOP_NONBLOCK);
    assert_true(otr_scripted_fetcher_waiting(w->fetcher) > 0); /* it is in the middle */
    otr_survey_cancel(s);
    event_base_dispatch(w->base);
    assert_int_equal(w->calls, 0);
    otr_survey_cancel(NULL);
}

/* Nobody listens on port 25 of a loopback address that is no machine's: refused at once, for all who ask. */
static void on_visit(void *arg, const otr_probe_result *first, const otr_probe_result *second)
{
    size_t *calls = arg;

    assert_int_equal(first->outcome, OTR_PROBE_UNREACHABLE);
    assert_null(second);
    ++*calls;
}

static void an_address_is_visited_once_for_all(void **state)
{
    world *w = *state;
    const otr_address address = { .family = 4, .bytes = { 127, 77, 66, 55 } };
    size_t calls = 0, dropped = 0;
    otr_desk_ticket *ticket;

    for (size_t i = 0; i < 3; i++)
        assert_non_null(otr_probe_desk_ask(w->desk, &address, "mx.example.org", on_visit, &calls));
    ticket = otr_probe_desk_ask(w->desk, &address, "mx.example.org", on_visit, &dropped);
    otr_desk_cancel(ticket);
    event_base_dispatch(w->base);
    assert_int_equal(calls, 3);
    assert_non_null(otr_probe_desk_ask(w->desk, &address, "mx.example.org", on_visit, &calls)); /* it is known by now */
    assert_int_equal(calls, 3);
    event_base_dispatch(w->base);
    assert_int_equal(calls, 4);
    assert_int_equal(dropped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_asked_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_id_of_the_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_alias_into_an_unsigned_zone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_address_of_the_policy_host_is_fetched_from, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_check_needs_is_not_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_never_answers_ends_with_the_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled_it_never_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_is_visited_once_for_all, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

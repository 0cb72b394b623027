/*
 * refresh_scene.c - see refresh_scene.h.
 */
#include "refresh_scene.h"

#include "support/cmocka_all.h"
#include "support/scripted_fetcher.h"
#include "support/scripted_resolver.h"
#include "support/test_anchors.h"

#include <stdio.h>

struct event_base *base;
otr_resolver *resolver;
otr_fetcher *fetcher;
otr_anchors *anchors;
otr_clock test_clock;
otr_sts_net net;
otr_sts_entry *result;
int calls;

void on_done(void *arg, otr_sts_entry *entry)
{
    (void)arg;
    calls++;
    result = entry;
}

int set_up(void **state)
{
    (void)state;
    base = event_base_new();
    resolver = otr_scripted_resolver_new(base);
    fetcher = otr_scripted_fetcher_new(base);
    otr_clock_init(&test_clock, 0);
    otr_clock_set(&test_clock, NOW);
    net = (otr_sts_net){ .base = base, .resolver = resolver, .fetcher = fetcher, .clock = &test_clock,
                         .anchors = anchors, .pace = OTR_STS_PACE_INIT, .jitter_seed = 1 };
    calls = 0;
    result = NULL;
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    otr_sts_entry_unref(result);
    otr_resolver_free(resolver);
    otr_fetcher_free(fetcher);
    event_base_free(base);
    return 0;
}

otr_sts_entry *nothing_known(void)
{
    otr_sts_entry *entry = otr_sts_entry_new("example.org");

    assert_non_null(entry);
    return entry;
}

otr_sts_entry *policy_known(const char *body, int64_t age)
{
    otr_sts_entry *entry = nothing_known();

    assert_int_equal(otr_sts_policy_parse(body, strlen(body), &entry->policy, NULL), OUTRIDER_OK);
    snprintf(entry->id, sizeof(entry->id), "a");
    entry->fetched_at = NOW - age;
    entry->expires_at = entry->fetched_at + entry->policy->max_age;
    return entry;
}

void run(otr_sts_entry *known, otr_sts_due due)
{
    otr_sts_refresh *refresh;

    calls = 0;
    refresh = otr_sts_refresh_start(&net, known, due, on_done, NULL);
    assert_non_null(refresh);
    assert_int_equal(calls, 0); /* never from inside */
    otr_sts_entry_unref(known);
    event_base_dispatch(base);
    assert_int_equal(calls, 1);
    assert_int_equal(otr_scripted_waiting(resolver), 0);
    assert_int_equal(otr_scripted_fetcher_waiting(fetcher), 0);
}

void run_again(otr_sts_due due)
{
    otr_sts_entry *known = result;

    result = NULL;
    run(known, due);
}

void expect(const char *row, otr_sts_failure failure, const char *error)
{
    otr_sts_finding f = otr_sts_entry_finding(result, otr_clock_now(&test_clock), false);

    assert_string_equal(f.row, row);
    assert_string_equal(otr_sts_failure_names[f.failure], otr_sts_failure_names[failure]);
    assert_string_equal(f.error, error);
}

void script_host(void)
{
    otr_scripted_add(resolver, HOST_A);
    otr_scripted_add(resolver, HOST_AAAA);
}

int load_anchors(void **state)
{
    (void)state;
    anchors = otr_test_anchors();
    return 0;
}

int free_anchors(void **state)
{
    (void)state;
    otr_anchors_free(anchors);
    return 0;
}

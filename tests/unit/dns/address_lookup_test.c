/*
 * address_lookup_test.c - A and AAAA together, on a scripted resolver: what counts as an address, and why there is none.
 */
#include "dns/address_lookup.h"
#include "support/cmocka_all.h"
#include "support/scripted_resolver.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define HOST "mx.example.org"

static struct event_base *base;

static void keep_result(void *arg, const otr_address_result *result)
{
    *(otr_address_result *)arg = *result;
    event_base_loopbreak(base);
}

static void print_addresses(const otr_address_result *result, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < result->count && at < size; i++) {
        char text[OTR_ADDRESS_SIZE];

        at += (size_t)snprintf(out + at, size - at, "%s%s", i > 0 ? " " : "", otr_address_text(&result->addresses[i], text));
    }
}

static const struct {
    const char *name;
    const char *a, *aaaa;
    bool allow_private;
    const char *addresses;
    const char *reason;
    bool is_temporary;
} rows[] = {
    { "both families", "insecure 192.0.2.1", "secure 2001:db8::1", false, "192.0.2.1 2001:db8::1", "", false },
    { "one family answers, the other has nothing", "insecure nodata", "insecure 2001:db8::1", false, "2001:db8::1", "",
      false },
    { "one family answers, the other fails", "insecure 192.0.2.1", "tempfail time-out", false, "192.0.2.1", "", false },
    { "one family answers, the other never: a moment later that has to do", "insecure 192.0.2.1", "never", false,
      "192.0.2.1", "", false },
    { "nothing and a failure: who knows", "insecure nodata", "bogus no signature", false, "",
      "address of " HOST ": bogus: no signature", true },
    { "nothing at all", "insecure nxdomain", "insecure nxdomain", false, "", HOST " has no address", false },
    { "private ones are not gone to", "insecure 10.0.0.1", "insecure ::1", false, "",
      HOST " has only private addresses (::1); sts.allow_private would permit them", false },
    { "a private one beside a public one is left out", "insecure 10.0.0.1, 192.0.2.1", "insecure nodata", false,
      "192.0.2.1", "", false },
    { "private ones are gone to where that is configured", "insecure 10.0.0.1", "insecure ::1", true, "10.0.0.1 ::1", "",
      false },
    { "more than eight addresses: the rest is not tried",
      "insecure 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, 192.0.2.6, 192.0.2.7, 192.0.2.8, 192.0.2.9",
      "insecure nodata", false,
      "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8", "", false },
};

static void addresses_of_a_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_resolver *resolver = otr_scripted_resolver_new(base);
        otr_address_result result = { 0 };
        char rule[512], got[512];

        snprintf(rule, sizeof(rule), HOST " A %s", rows[i].a);
        otr_scripted_add(resolver, rule);
        snprintf(rule, sizeof(rule), HOST " AAAA %s", rows[i].aaaa);
        otr_scripted_add(resolver, rule);
        assert_non_null(otr_address_lookup_start(base, resolver, HOST, rows[i].allow_private, keep_result, &result));
        event_base_dispatch(base);
        print_addresses(&result, got, sizeof(got));
        if (strcmp(got, rows[i].addresses) != 0 || strcmp(result.reason, rows[i].reason) != 0 ||
            result.is_temporary != rows[i].is_temporary)
            fail_msg("%s: got \"%s\", \"%s\", temporary %d, want \"%s\", \"%s\", %d", rows[i].name, got, result.reason,
                     result.is_temporary, rows[i].addresses, rows[i].reason, rows[i].is_temporary);
        otr_resolver_free(resolver);
    }
}

static void a_cancelled_lookup_tells_nobody(void **state)
{
    otr_resolver *resolver = otr_scripted_resolver_new(base);
    otr_address_lookup *lookup;

    (void)state;
    otr_scripted_add(resolver, HOST " A insecure 192.0.2.1");
    otr_scripted_add(resolver, HOST " AAAA never");
    lookup = otr_address_lookup_start(base, resolver, HOST, false, keep_result, NULL); /* NULL: it would crash */
    assert_non_null(lookup);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    assert_string_equal(otr_address_lookup_so_far(lookup)->note[0], "insecure, 1 record, TTL 300");
    otr_address_lookup_cancel(lookup);
    assert_int_equal(otr_scripted_waiting(resolver), 0);
    otr_address_lookup_cancel(NULL);
    otr_resolver_free(resolver);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_a_host),
        cmocka_unit_test(a_cancelled_lookup_tells_nobody),
    };
    int failed;

    base = event_base_new();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    event_base_free(base);
    return failed;
}

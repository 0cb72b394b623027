/*
 * authority_test.c - what is found out of a TLSA RRset before its servers are asked, from scripted answers; and that everybody who asks is told,
 * whatever comes first. Servers that answer are in tests/e2e/test_tlsa_rollover.py.
 */
#include "support/cmocka_all.h"
#include "support/scripted_resolver.h"
#include "publish/authority.h"
#include "publish/authority_ask.h"
#include "publish/authority_server.h"

#include <stdio.h>
#include <string.h>

#define HOST "mx.example.org"
#define RULES_MAX 24
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define RECORD "_25._tcp.mx.example.org TLSA secure 3 1 1 " HEX
#define ADDRESSES "mx.example.org A secure 192.0.2.1", "mx.example.org AAAA secure 2001:db8::1"
#define NO_APEX(at) "_25._tcp." at " SOA secure nodata", "_tcp." at " SOA secure nodata", at " SOA secure nodata"

struct row {
    const char *sentence, *rules[RULES_MAX];
    otr_dns_status status;
    const char *base, *name, *zone;
    size_t addresses;
    const char *half, *trouble; /* what they begin with; NULL: "" */
};

static const struct row rows[] = {
    { "neither family can be looked up", { "mx.example.org A tempfail SERVFAIL", "mx.example.org AAAA tempfail SERVFAIL" }, OTR_DNS_TEMPFAIL, "", "",
      "", 0, NULL, "the addresses of mx.example.org: " },
    { "one family cannot be looked up, and there is no address of the other",
      { "mx.example.org A tempfail SERVFAIL", "mx.example.org AAAA secure nodata" }, OTR_DNS_TEMPFAIL, "", "", "", 0, NULL,
      "the addresses of mx.example.org: " },
    { "one family cannot be looked up: that is said, and the rest goes on",
      { "mx.example.org A tempfail SERVFAIL", "mx.example.org AAAA insecure 2001:db8::1", "_25._tcp.mx.example.org TLSA insecure nodata" },
      OTR_DNS_INSECURE, HOST, "_25._tcp." HOST, "", 1, "some addresses of mx.example.org could not be looked up: SERVFAIL", NULL },
    { "a zone that is not signed ends it", { ADDRESSES, "_25._tcp.mx.example.org TLSA insecure nodata" }, OTR_DNS_INSECURE, HOST, "_25._tcp." HOST,
      "", 2, NULL, NULL },
    { "the lookup of the records fails", { ADDRESSES, "_25._tcp.mx.example.org TLSA tempfail SERVFAIL" }, OTR_DNS_TEMPFAIL, HOST, "", "", 2, NULL,
      "TLSA _25._tcp.mx.example.org: SERVFAIL" },
    { "bogus records", { ADDRESSES, "_25._tcp.mx.example.org TLSA bogus expired" }, OTR_DNS_BOGUS, HOST, "", "", 2, NULL,
      "TLSA _25._tcp.mx.example.org: bogus: " },
    { "a lookup on the way up fails: the zone may be any",
      { ADDRESSES, RECORD, "_25._tcp.mx.example.org SOA secure nodata", "_tcp.mx.example.org SOA tempfail SERVFAIL", "mx.example.org SOA secure nodata",
        "example.org SOA secure nodata", "org SOA secure nodata" }, OTR_DNS_SECURE, HOST, "_25._tcp." HOST, "", 2, NULL, "SOA _tcp.mx.example.org: " },
    { "no apex above", { ADDRESSES, RECORD, NO_APEX(HOST), "example.org SOA secure nodata", "org SOA secure nodata" }, OTR_DNS_SECURE, HOST,
      "_25._tcp." HOST, "", 2, NULL, "the zone of _25._tcp.mx.example.org was not found" },
    { "the lowest apex is the zone; it has no servers", { ADDRESSES, RECORD, NO_APEX(HOST), "example.org SOA secure 7 3600 300", "org SOA secure 1 1 1",
      "example.org NS secure nodata" }, OTR_DNS_SECURE, HOST, "_25._tcp." HOST, "", 2, NULL, "the zone example.org has no NS records" },
    { "its servers cannot be looked up", { ADDRESSES, RECORD, NO_APEX(HOST), "example.org SOA secure 7 3600 300", "org SOA secure 1 1 1",
      "example.org NS bogus expired" }, OTR_DNS_SECURE, HOST, "_25._tcp." HOST, "", 2, NULL, "NS example.org: bogus: " },
    { "more servers than are asked", { ADDRESSES, RECORD, NO_APEX(HOST), "example.org SOA secure 7 3600 300", "org SOA secure 1 1 1",
      "example.org NS secure a.example, b.example, c.example, d.example, e.example, f.example, g.example, h.example, i.example, j.example, k.example, "
      "l.example, m.example, n.example" }, OTR_DNS_SECURE, HOST, "_25._tcp." HOST, "", 2, NULL, "the zone example.org has more than 13 servers" },
    { "the records at the end of a signed alias come first",
      { "mx.example.org A secure cname=end.example.net 192.0.2.1", "mx.example.org AAAA secure cname=end.example.net nodata",
        "_25._tcp.end.example.net TLSA secure 3 1 1 " HEX, "_25._tcp.end.example.net SOA tempfail x", "_tcp.end.example.net SOA tempfail x",
        "end.example.net SOA tempfail x", "example.net SOA tempfail x", "net SOA tempfail x" },
      OTR_DNS_SECURE, "end.example.net", "_25._tcp.end.example.net", "", 1, NULL, "SOA " },
    { "none there: those of the host itself",
      { "mx.example.org A secure cname=end.example.net 192.0.2.1", "mx.example.org AAAA secure cname=end.example.net nodata",
        "_25._tcp.end.example.net TLSA secure nodata", "_25._tcp.mx.example.org TLSA insecure nodata" },
      OTR_DNS_INSECURE, HOST, "_25._tcp." HOST, "", 1, NULL, NULL },
    { "a failure there is not taken for none",
      { "mx.example.org A secure cname=end.example.net 192.0.2.1", "mx.example.org AAAA secure cname=end.example.net nodata",
        "_25._tcp.end.example.net TLSA tempfail SERVFAIL", RECORD }, OTR_DNS_TEMPFAIL, "end.example.net", "", "", 1, NULL,
      "TLSA _25._tcp.end.example.net: " },
};

static bool begins(const char *text, const char *begin)
{
    return begin == NULL ? *text == '\0' : strncmp(text, begin, strlen(begin)) == 0;
}

static void each_step_by_itself(void **state)
{
    size_t failed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        struct event_base *base = event_base_new();
        otr_resolver *resolver = otr_scripted_resolver_new(base);
        otr_authority *a = NULL;

        for (size_t n = 0; n < RULES_MAX && r->rules[n] != NULL; n++)
            otr_scripted_add(resolver, r->rules[n]);
        assert_int_equal(otr_authority_look(base, resolver, HOST, 25, &a, NULL), OUTRIDER_OK);
        if (a->status != r->status || strcmp(a->base, r->base) != 0 || (*r->name != '\0' && strcmp(a->name, r->name) != 0) ||
            strcmp(a->zone, r->zone) != 0 || a->address_count != r->addresses || !begins(a->half, r->half) || !begins(a->trouble, r->trouble) ||
            a->server_count != 0) {
            failed++;
            print_error("%s: got %s, base %s, name %s, zone %s, %zu addresses, \"%s\", \"%s\"\n", r->sentence, otr_dns_status_names[a->status],
                        a->base, a->name, a->zone, a->address_count, a->half, a->trouble);
        }
        otr_authority_free(a);
        otr_resolver_free(resolver);
        event_base_free(base);
    }
    assert_int_equal(failed, 0);
}

/* More addresses of the host than are looked at, more records than are read. */
static void limits(void **state)
{
    struct event_base *base = event_base_new();
    otr_resolver *resolver = otr_scripted_resolver_new(base);
    char rule[100];
    otr_authority *a = NULL;

    (void)state;
    for (int i = 1; i <= OTR_AUTHORITY_HOST_MAX + 1; i++) {
        snprintf(rule, sizeof(rule), "mx.example.org A secure 192.0.2.%d", i);
        otr_scripted_add(resolver, rule);
    }
    otr_scripted_add(resolver, "mx.example.org AAAA secure nodata");
    otr_scripted_add(resolver, "_25._tcp.mx.example.org TLSA insecure nodata");
    assert_int_equal(otr_authority_look(base, resolver, HOST, 25, &a, NULL), OUTRIDER_OK);
    assert_int_equal(a->address_count, OTR_AUTHORITY_HOST_MAX);
    assert_true(a->is_cut);
    otr_authority_free(a);
    otr_resolver_free(resolver);
    event_base_free(base);
}

/* Asking ------------------------------------------------------------------------------------------------------------- */

static void count_failure(void *arg, const otr_dns_answer *answer)
{
    unsigned *counts = arg;

    counts[answer->content == OTR_DNS_UNKNOWN]++;
    assert_true(answer->content != OTR_DNS_UNKNOWN || *answer->reason != '\0');
}

/* One deadline for all: who has not been answered by then is told so, and nobody who asks later waits. */
static void the_deadline(void **state)
{
    struct event_base *base = event_base_new();
    otr_resolver *resolver = otr_scripted_resolver_new(base);
    unsigned counts[2] = { 0 };
    otr_ask asks[3];
    otr_asker asker;

    (void)state;
    otr_scripted_add(resolver, "a.example A secure 192.0.2.1");
    otr_scripted_add(resolver, "b.example A never");
    otr_scripted_add(resolver, "c.example A tempfail SERVFAIL");
    assert_true(otr_asker_open(&asker, base, 100));
    for (size_t round = 0; round < 2; round++) {
        static const char *const names[] = { "a.example", "b.example", "c.example" };

        for (size_t i = 0; i < 3; i++)
            asks[i] = (otr_ask){ .resolver = resolver, .name = names[i], .type = OTR_RR_A, .take = count_failure, .arg = counts };
        otr_ask_all(&asker, asks, 3);
        assert_true(asker.is_late);
        assert_int_equal(otr_scripted_waiting(resolver), 0);
    }
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 5);
    otr_asker_close(&asker);
    otr_asker_close(&asker); /* twice is fine */
    otr_resolver_free(resolver);
    event_base_free(base);
}

/* Servers ------------------------------------------------------------------------------------------------------------ */

/* Nobody who is not known to have been asked counts as asked. */
static void servers_without_addresses(void **state)
{
    otr_server_addresses servers[] = { { .name = "ns1.example.org" }, { .name = "ns2.example.org", .trouble = "more than 4 addresses" } };
    struct event_base *base = event_base_new();
    otr_arena *arena = otr_arena_new();
    otr_authority found = { .arena = arena, .name = "_25._tcp." HOST, .zone = "example.org", .trouble = "" };
    otr_asker asker;
    uint32_t ttl = 0;

    (void)state;
    assert_true(otr_asker_open(&asker, base, 1000));
    otr_authority_ask_records(&asker, arena, servers, 2, &found);
    assert_int_equal(found.server_count, 2);
    assert_int_equal(found.servers[0].state, OTR_SERVER_SILENT);
    assert_string_equal(found.servers[0].reason, "it has no address");
    assert_string_equal(found.servers[1].reason, "more than 4 addresses");
    assert_string_equal(found.trouble, "the server ns1.example.org: it has no address");
    assert_string_equal(otr_authority_ask_alias(&asker, arena, "example.org", servers, 2, "_25._tcp." HOST, "x.example", &ttl),
                        "the server ns1.example.org: it has no address");
    assert_int_equal(ttl, 0);
    otr_asker_close(&asker);
    otr_arena_free(arena);
    event_base_free(base);
}

static void a_way(void **state)
{
    const otr_address loopback = { 4, { 127, 0, 0, 1 } };

    (void)state;
    assert_true(otr_has_route(&loopback));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_by_itself),
        cmocka_unit_test(limits),
        cmocka_unit_test(the_deadline),
        cmocka_unit_test(servers_without_addresses),
        cmocka_unit_test(a_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

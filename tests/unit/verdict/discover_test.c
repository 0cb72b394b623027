/*
 * How the errand through DNS goes about it: order, duplicates, limits, lifetimes, evidence, answers in any order,
 * cancelling. What it finds is in discover_rows_test.c.
 */
#include "support/cmocka_all.h"

#include "errand.h"

#include <stdio.h>
#include <stdlib.h>

/* --- names that DNS cannot hold ---------------------------------------------------------------------------- */

#define FIFTY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
#define LONG_NAME FIFTY FIFTY FIFTY FIFTY FIFTY "net" /* 253 octets: none is left for "_25._tcp." */

static void a_candidate_too_long_for_tlsa_leads_to_the_next(void **state)
{
    const char *const rules[] = {
        "mx.example.org A secure cname=" LONG_NAME " 192.0.2.1",
        "mx.example.org AAAA secure cname=" LONG_NAME " nodata",
        "_25._tcp.mx.example.org TLSA secure " GOOD,
        NULL,
    };
    errand e;

    (void)state;
    assert_int_equal(strlen(LONG_NAME), OTR_DOMAIN_MAX);
    errand_open(&e, rules);
    errand_finish(&e, "[mx.example.org]");
    assert_string_equal(e.finding->hosts[0].tlsa_row, "T1");
    assert_string_equal(e.finding->hosts[0].base_domain, "mx.example.org");
    errand_close(&e);
}

static void a_host_too_long_for_tlsa_has_none(void **state)
{
    const char *const rules[] = { "example.org MX secure 10 " LONG_NAME, ADDRESSES(LONG_NAME), NULL };
    errand e;

    (void)state;
    errand_open(&e, rules);
    errand_finish(&e, "example.org");
    assert_string_equal(e.finding->hosts[0].tlsa_row, "T4");
    assert_int_equal(e.finding->hosts[0].dane, OTR_DANE_NONE);
    assert_int_equal(otr_scripted_count(e.gate->scripted), 3);
    errand_close(&e);
}

/* --- order, duplicates, limits ---------------------------------------------------------------------------- */

static void add_host(errand *e, unsigned preference, const char *host)
{
    char rule[600];

    snprintf(rule, sizeof(rule), "example.org MX secure %u %s", preference, host);
    otr_scripted_add(e->gate->scripted, rule);
    snprintf(rule, sizeof(rule), "%s A insecure 192.0.2.1", host);
    otr_scripted_add(e->gate->scripted, rule);
    snprintf(rule, sizeof(rule), "%s AAAA insecure nodata", host);
    otr_scripted_add(e->gate->scripted, rule);
}

static bool has_evidence(const otr_mx_finding *f, const char *words)
{
    for (size_t i = 0; i < f->evidence_count; i++) {
        if (strstr(f->evidence[i], words) != NULL)
            return true;
    }
    return false;
}

/* DNS-15 */
static void sorts_by_preference_as_a_number(void **state)
{
    static const struct { unsigned preference; const char *host; } want[] = {
        { 0, "a.example.org" }, { 9, "b.example.org" }, { 10, "c.example.org" }, { 256, "d.example.org" },
          { 65535, "e.example.org" },
    };
    static const size_t order[] = { 3, 1, 4, 0, 2 };
    errand e;

    (void)state;
    errand_open(&e, NULL);
    for (size_t i = 0; i < COUNT(order); i++)
        add_host(&e, want[order[i]].preference, want[order[i]].host);
    errand_finish(&e, "example.org");
    assert_int_equal(e.finding->host_count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_string_equal(e.finding->hosts[i].host, want[i].host);
        assert_int_equal(e.finding->hosts[i].preference, want[i].preference);
    }
    errand_close(&e);
}

/* DNS-15: all orders of three equals come up, and none strays from its preference. */
static void shuffles_equal_preferences(void **state)
{
    unsigned seen[3][3] = { 0 };

    (void)state;
    for (int round = 0; round < 300; round++) {
        errand e;

        errand_open(&e, NULL);
        add_host(&e, 5, "first.example.org");
        for (char c = '0'; c < '3'; c++) {
            char host[] = "mxN.example.org";

            host[2] = c;
            add_host(&e, 10, host);
        }
        add_host(&e, 20, "last.example.org");
        errand_finish(&e, "example.org");
        assert_string_equal(e.finding->hosts[0].host, "first.example.org");
        assert_string_equal(e.finding->hosts[4].host, "last.example.org");
        for (size_t i = 0; i < 3; i++)
            seen[e.finding->hosts[i + 1].host[2] - '0'][i]++;
        errand_close(&e);
    }
    for (size_t host = 0; host < 3; host++) {
        for (size_t place = 0; place < 3; place++) {
            if (seen[host][place] < 30) /* of about 100: less than once in 10^15 runs */
                fail_msg("mx%zu came %u times at place %zu of equals, in 300 findings", host,
                    seen[host][place], place);
        }
    }
}

static void keeps_the_best_of_a_host_named_twice(void **state)
{
    errand e;

    (void)state;
    errand_open(&e, NULL);
    add_host(&e, 20, "mx1.example.org");
    add_host(&e, 15, "mx2.example.org");
    otr_scripted_add(e.gate->scripted, "example.org MX secure 10 MX1.Example.Org, 30 mx2.example.org");
    e.settings.mx_hosts_max = 2;
    errand_finish(&e, "example.org");
    assert_int_equal(e.finding->host_count, 2);
    assert_string_equal(e.finding->hosts[0].host, "mx1.example.org");
    assert_int_equal(e.finding->hosts[0].preference, 10);
    assert_string_equal(e.finding->hosts[1].host, "mx2.example.org");
    assert_int_equal(e.finding->hosts[1].preference, 15);
    assert_int_equal(otr_scripted_count(e.gate->scripted), 5); /* each host once */
    assert_false(has_evidence(e.finding, "left out"));         /* nothing was: they are two hosts */
    errand_close(&e);
}

static void leaves_out_the_worst_hosts_over_the_limit(void **state)
{
    errand e;

    (void)state;
    errand_open(&e, NULL);
    for (unsigned i = 0; i < OTR_MX_HOSTS_MAX + 1; i++) {
        char host[40];

        snprintf(host, sizeof(host), "mx%u.example.org", i);
        add_host(&e, OTR_MX_HOSTS_MAX + 1 - i, host); /* mx0 is the worst */
    }
    errand_finish(&e, "example.org");
    assert_int_equal(e.finding->host_count, OTR_MX_HOSTS_MAX);
    for (size_t i = 0; i < e.finding->host_count; i++)
        assert_string_not_equal(e.finding->hosts[i].host, "mx0.example.org");
    assert_true(has_evidence(e.finding, "more than 50 MX hosts: the last are left out"));
    errand_close(&e);
}

static void a_host_count_at_the_limit_is_not_over_it(void **state)
{
    errand e;

    (void)state;
    errand_open(&e, NULL);
    add_host(&e, 10, "mx1.example.org");
    add_host(&e, 20, "mx2.example.org");
    e.settings.mx_hosts_max = 2;
    errand_finish(&e, "example.org");
    assert_int_equal(e.finding->host_count, 2);
    assert_false(has_evidence(e.finding, "left out"));
    errand_close(&e);
}

static void asks_for_few_hosts_at_once(void **state)
{
    const size_t hosts = OTR_HOSTS_AT_ONCE + 3;
    errand e;
    size_t most = 0;

    (void)state;
    errand_open(&e, NULL);
    for (unsigned i = 0; i < hosts; i++) {
        char host[40];

        snprintf(host, sizeof(host), "mx%02u.example.org", i);
        add_host(&e, i, host);
    }
    e.gate->is_open = false;
    errand_start(&e, "example.org");
    while (e.done_count == 0) {
        if (e.gate->held_count > most)
            most = e.gate->held_count;
        assert_true(errand_release(&e, e.gate->held_count - 1)); /* the oldest */
    }
    assert_int_equal(most, 2 * OTR_HOSTS_AT_ONCE); /* A and AAAA of each */
    assert_int_equal(e.finding->host_count, hosts);
    assert_int_equal(otr_scripted_count(e.gate->scripted), 1 + 2 * hosts);
    for (unsigned i = 0; i < hosts; i++)
        assert_string_equal(e.finding->hosts[i].address_row, "A7");
    errand_close(&e);
}

static void hosts_that_are_no_names_take_no_place(void **state)
{
    errand e;

    (void)state;
    errand_open(&e, NULL);
    for (unsigned i = 0; i < 3 * OTR_HOSTS_AT_ONCE; i++) {
        char rule[80];

        snprintf(rule, sizeof(rule), "example.org MX secure %u 192.0.2.%u", i, i);
        otr_scripted_add(e.gate->scripted, rule);
    }
    add_host(&e, 1000, "mx.example.org");
    errand_finish(&e, "example.org");
    assert_int_equal(e.finding->host_count, 3 * OTR_HOSTS_AT_ONCE + 1);
    assert_string_equal(e.finding->hosts[3 * OTR_HOSTS_AT_ONCE].address_row, "A7");
    errand_close(&e);
}

/* NO-DOWNGRADE: of more records than are kept, the rest may be usable. */
static void a_tlsa_rrset_over_the_limit_is_said_to_be_cut(void **state)
{
    errand e;

    (void)state;
    errand_open(&e, (const char *const[]){ ADDRESSES("mx.example.org"), NULL });
    for (unsigned i = 0; i < OTR_TLSA_MAX + 1; i++) {
        char rule[200];

        snprintf(rule, sizeof(rule), "_25._tcp.mx.example.org TLSA secure 3 1 1 %02x" "%s", i, DIGEST + 2);
        otr_scripted_add(e.gate->scripted, rule);
    }
    errand_finish(&e, "[mx.example.org]");
    assert_string_equal(e.finding->hosts[0].tlsa_row, "T1");
    assert_int_equal(e.finding->hosts[0].tlsa_count, OTR_TLSA_MAX);
    assert_true(has_evidence(e.finding, "more than 100 TLSA records"));
    errand_close(&e);
}

/* BOUNDED: a destination with fifty hosts, each with all that a DNS message can hold, is kept no larger than others. What is
 * not kept has been looked at. */
static void large_tlsa_records_are_looked_at_and_not_kept(void **state)
{
    enum { HOSTS = 10, OCTETS = 20000 };
    char *rule = calloc(1, 3 * OCTETS);
    size_t kept = 0;
    errand e;

    (void)state;
    errand_open(&e, NULL);
    for (int i = 0; i < HOSTS; i++) {
        size_t len;

        for (int family = 0; family < 2; family++) {
            snprintf(rule, 3 * OCTETS, "mx%d.example.org %s", i, family == 0 ? "A secure 192.0.2.1" : "AAAA secure nodata");
            otr_scripted_add(e.gate->scripted, rule);
        }
        snprintf(rule, 3 * OCTETS, "example.org MX secure 10 mx%d.example.org", i);
        otr_scripted_add(e.gate->scripted, rule);
        len = (size_t)snprintf(rule, 3 * OCTETS, "_25._tcp.mx%d.example.org TLSA secure hex:020000", i);
        for (int octet = 0; octet < OCTETS; octet++)
            len += (size_t)snprintf(rule + len, 3 * OCTETS - len, "%02x", octet & 0xff);
        snprintf(rule + len, 3 * OCTETS - len, ", " GOOD);
        otr_scripted_add(e.gate->scripted, rule);
    }
    errand_finish(&e, "example.org");
    assert_int_equal(e.finding->host_count, HOSTS);
    for (size_t i = 0; i < HOSTS; i++) {
        const otr_host_finding *h = &e.finding->hosts[i];

        assert_int_equal(h->dane, OTR_DANE_USABLE);
        for (size_t k = 0; k < h->tlsa_count; k++)
            kept += h->tlsa[k].len;
    }
    assert_in_range(kept, 1, OTR_TLSA_OCTETS_MAX);
    assert_true(has_evidence(e.finding, "larger TLSA records than are kept"));
    errand_close(&e);
    free(rule);
}

static void no_downgrade_by_unusable_tlsa_records_in_front_of_the_limit(void **state)
{
    errand e;

    (void)state;
    errand_open(&e, (const char *const[]){ ADDRESSES("mx.example.org"),
                                           "_25._tcp.mx.example.org TLSA secure 1 1 1 " DIGEST ", 0 1 1 " DIGEST ", " GOOD, NULL });
    e.settings.tlsa_max = 2;
    errand_finish(&e, "[mx.example.org]");
    assert_string_equal(e.finding->hosts[0].tlsa_row, "T3");
    assert_int_equal(e.finding->hosts[0].dane, OTR_DANE_TEMPFAIL);
    errand_close(&e);
}

/* --- records, lifetimes, evidence ------------------------------------------------------------------------- */

static void keeps_the_tlsa_records_as_they_came(void **state)
{
    errand e;
    const otr_tlsa *t;

    (void)state;
    errand_open(&e, (const char *const[]){ ADDRESSES("mx.example.org"),
                                           "_25._tcp.mx.example.org TLSA secure " GOOD ", hex:0301, 2 0 2 abcd", NULL });
    errand_finish(&e, "[mx.example.org]");
    t = e.finding->hosts[0].tlsa;
    assert_int_equal(e.finding->hosts[0].tlsa_count, 3);
    assert_int_equal(t[0].usage, 3);
    assert_int_equal(t[0].len, 32);
    assert_int_equal(t[0].data[1], 0x11);
    assert_true(t[1].is_short);
    assert_int_equal(t[2].mtype, 2);
    assert_int_equal(t[2].data[0], 0xab);
    errand_close(&e);
}

static const struct {
    const char *sentence;
    const char *rules[6];
    unsigned lifetime;
} lifetimes[] = {
    { "the TTL of the MX records", { "example.org MX secure ttl=60 10 mx.example.org",
      "mx.example.org A secure 192.0.2.1",
                                     "mx.example.org AAAA secure nodata",
                                     "_25._tcp.mx.example.org TLSA secure " GOOD }, 60 },
    { "of an address", { "example.org MX secure 10 mx.example.org", "mx.example.org A secure ttl=61 192.0.2.1",
                         "mx.example.org AAAA secure nodata", "_25._tcp.mx.example.org TLSA secure " GOOD }, 61 },
    { "of the denial of the other family", { "example.org MX secure 10 mx.example.org",
      "mx.example.org A secure 192.0.2.1",
                                             "mx.example.org AAAA secure ttl=62 nodata",
                                             "_25._tcp.mx.example.org TLSA secure " GOOD }, 62 },
    { "of the TLSA records", { "example.org MX secure 10 mx.example.org", "mx.example.org A secure 192.0.2.1",
                               "mx.example.org AAAA secure nodata",
                               "_25._tcp.mx.example.org TLSA secure ttl=63 " GOOD }, 63 },
    { "of the denial of TLSA records", { "example.org MX secure 10 mx.example.org",
      "mx.example.org A secure 192.0.2.1",
                                         "mx.example.org AAAA secure nodata",
                                         "_25._tcp.mx.example.org TLSA secure ttl=64 nodata" }, 64 },
    { "of an error in one family while the other has an address: a minute",
      { "example.org MX secure 10 mx.example.org", "mx.example.org A secure 192.0.2.1", "mx.example.org AAAA tempfail",
        "_25._tcp.mx.example.org TLSA secure " GOOD }, 60 },
    { "of an error in both families: moments",
      { "example.org MX secure 10 mx.example.org", "mx.example.org A tempfail", "mx.example.org AAAA tempfail" }, 5 },
    { "of the alias that was asked for", { "example.org MX secure 10 mx.example.org",
      "mx.example.org A insecure cname=r.example.net 192.0.2.1",
                                           "mx.example.org AAAA insecure cname=r.example.net nodata",
                                           "mx.example.org CNAME insecure ttl=65 r.example.net" }, 65 },
    { "of a null MX", { "example.org MX secure ttl=66 0 ." }, 66 },
    { "of NXDOMAIN", { "example.org MX insecure ttl=67 nxdomain" }, 67 },
    { "a failure is kept for a moment", { "example.org MX tempfail" }, OTR_FAILURE_TTL },
    { "a failure at one host too", { "example.org MX secure 10 mx.example.org",
      "mx.example.org A secure 192.0.2.1",
                                     "mx.example.org AAAA secure nodata",
                                     "_25._tcp.mx.example.org TLSA tempfail" }, OTR_FAILURE_TTL },
    { "TTL 0 is good for the transaction", { "example.org MX secure ttl=0 0 ." }, 1 },
};

static void lives_as_long_as_its_least_ttl(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lifetimes); i++) {
        errand e;

        errand_open(&e, lifetimes[i].rules);
        errand_finish(&e, "example.org");
        if (e.finding->valid_until != NOW + lifetimes[i].lifetime)
            fail_msg("%s: got %ld s, want %u s", lifetimes[i].sentence, (long)(e.finding->valid_until - NOW),
                lifetimes[i].lifetime);
        errand_close(&e);
    }
}

/* EXPLAIN: each lookup with its state, in the order of the answers. */
static void explain_has_a_line_for_each_lookup(void **state)
{
    static const char *const want[] = {
        "MX example.org: secure, 5 records, TTL 300",
        "a null MX beside other MX records is ignored (RFC 7505 §3)",
        "A mx1.example.org: secure, 1 record by CNAME at real.example.net, TTL 300",
        "AAAA mx1.example.org: secure, no such record by CNAME at real.example.net, TTL 60",
        "A mx2.example.org: tempfail, (timed out)",
        "AAAA mx2.example.org: bogus, (no signature)",
        "A mx3.example.org: insecure, no such name, TTL 300",
        "AAAA mx3.example.org: insecure, no such name, TTL 300",
        "TLSA _25._tcp.real.example.net: secure, 2 records, TTL 300",
    };
    const char *const rules[] = {
        "example.org MX secure 10 mx1.example.org, 20 mx2.example.org, 30 mx3.example.org, 0 ., 40 192.0.2.1",
        "mx1.example.org A secure cname=real.example.net 192.0.2.1",
        "mx1.example.org AAAA secure ttl=60 cname=real.example.net nodata",
        "mx2.example.org A tempfail timed out",
        "mx2.example.org AAAA bogus no signature",
        "mx3.example.org A insecure nxdomain",
        "mx3.example.org AAAA insecure nxdomain",
        "_25._tcp.real.example.net TLSA secure " GOOD ", 2 1 1 " DIGEST,
        NULL,
    };
    errand e;

    (void)state;
    errand_open(&e, rules);
    errand_finish(&e, "example.org");
    assert_int_equal(e.finding->evidence_count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++)
        assert_string_equal(e.finding->evidence[i], want[i]);
    errand_close(&e);
}

static void reasons_name_what_failed(void **state)
{
    const char *const rules[] = {
        "example.org MX secure 1 a.example.org, 2 b.example.org, 3 c.example.org, 4 d.example.org",
        "a.example.org A tempfail timed out", "a.example.org AAAA secure nodata",
        "b.example.org A bogus no signature", "b.example.org AAAA tempfail timed out",
        ADDRESSES("c.example.org"), "_25._tcp.c.example.org TLSA bogus no signature",
        ADDRESSES("d.example.org"), "_25._tcp.d.example.org TLSA tempfail timed out", NULL,
    };
    static const char *const want[] = {
        "address lookup failed: timed out", "address lookup is bogus: no signature",
        "TLSA lookup is bogus: no signature",
        "TLSA lookup failed: timed out",
    };
    errand e;

    (void)state;
    errand_open(&e, rules);
    errand_finish(&e, "example.org");
    for (size_t i = 0; i < COUNT(want); i++)
        assert_string_equal(e.finding->hosts[i].reason, want[i]);
    errand_close(&e);
}

/* --- order of answers, cancelling, memory ----------------------------------------------------------------- */

/* An errand with every kind of step: three hosts, aliases, two candidates. */
static const char *const long_way[] = {
    "example.org MX secure 10 mx1.example.org, 20 mx2.example.org, 30 mx3.example.org",
    "mx1.example.org A secure cname=real.example.net 192.0.2.1",
    "mx1.example.org AAAA secure cname=real.example.net nodata",
    "_25._tcp.real.example.net TLSA secure nodata",
    "_25._tcp.mx1.example.org TLSA secure " GOOD,
    "mx2.example.org A insecure cname=other.example.net 192.0.2.1",
    "mx2.example.org AAAA insecure cname=other.example.net nodata",
    "mx2.example.org CNAME secure other.example.net",
    "_25._tcp.mx2.example.org TLSA tempfail",
    "mx3.example.org A tempfail",
    "mx3.example.org AAAA bogus",
    NULL,
};
#define LONG_WAY_QUESTIONS 11
static const char long_way_finding[] =
    "M2 secure\n10 mx1.example.org A2 secure, T1 usable at mx1.example.org (1) alias of real.example.net\n"
    "20 mx2.example.org A3 insecure, T3 tempfail alias of other.example.net\n30 mx3.example.org A8 tempfail bogus, tempfail";

/* A fixed generator: the same orders in each run. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void the_order_of_answers_does_not_matter(void **state)
{
    uint32_t seed = 4711;

    (void)state;
    for (int round = 0; round < 300; round++) {
        otr_buf got = OTR_BUF_INIT;
        errand e;

        errand_open(&e, long_way);
        e.gate->is_open = false;
        errand_start(&e, "example.org");
        while (errand_release(&e, next_random(&seed)))
            ;
        assert_int_equal(e.done_count, 1);
        put_finding(&got, e.finding);
        assert_string_equal(otr_buf_text(&got), long_way_finding);
        assert_int_equal(otr_scripted_count(e.gate->scripted), LONG_WAY_QUESTIONS);
        otr_buf_clear(&got);
        errand_close(&e);
    }
}

/* After cancel() nothing is called and nothing waits, however far the errand had come. */
static void can_be_cancelled_at_every_stage(void **state)
{
    uint32_t seed = 815;

    (void)state;
    for (int round = 0; round < 20; round++) {
        for (size_t steps = 0; steps < LONG_WAY_QUESTIONS; steps++) {
            errand e;

            errand_open(&e, long_way);
            e.gate->is_open = false;
            errand_start(&e, "example.org");
            for (size_t i = 0; i < steps; i++)
                assert_true(errand_release(&e, next_random(&seed)));
            assert_int_equal(e.done_count, 0);
            otr_discover_cancel(e.discover);
            assert_int_equal(e.gate->held_count, 0);
            errand_turn(&e);
            assert_int_equal(e.done_count, 0);
            errand_close(&e);
        }
    }
}

/* Also with answers on their way, and for a name server that never answers. */
static void can_be_cancelled_while_waiting(void **state)
{
    static const char *const silent[][6] = {
        { "example.org MX never" },
        { "example.org MX secure 10 mx.example.org", "mx.example.org A never", "mx.example.org AAAA never" },
        { "example.org MX secure 10 mx.example.org", "mx.example.org A secure 192.0.2.1",
          "mx.example.org AAAA never" },
        { "example.org MX secure 10 mx.example.org", "mx.example.org A insecure cname=r.example.net 192.0.2.1",
          "mx.example.org AAAA secure nodata", "mx.example.org CNAME never" },
        { "example.org MX secure 10 mx.example.org", "mx.example.org A secure 192.0.2.1",
          "mx.example.org AAAA secure nodata",
          "_25._tcp.mx.example.org TLSA never" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(silent); i++) {
        errand e;

        errand_open(&e, silent[i]);
        errand_start(&e, "example.org");
        errand_turn(&e);
        assert_int_equal(e.done_count, 0);
        assert_int_equal(otr_scripted_waiting(e.gate->scripted), i == 1 ? 2 : 1);
        otr_discover_cancel(e.discover);
        assert_int_equal(otr_scripted_waiting(e.gate->scripted), 0);
        errand_close(&e);
    }
    otr_discover_cancel(NULL);
}

/* A question that finds no memory ends the errand without a finding: never with half of one. */
static void out_of_memory_is_no_finding(void **state)
{
    (void)state;
    for (size_t at = 1; at <= LONG_WAY_QUESTIONS; at++) {
        errand e;

        errand_open(&e, long_way);
        e.gate->fail_at = at;
        errand_start(&e, "example.org");
        errand_turn(&e);
        if (at == 1) {
            assert_null(e.discover);
            assert_int_equal(e.done_count, 0);
        } else {
            assert_int_equal(e.done_count, 1);
            assert_null(e.finding);
        }
        errand_close(&e);
    }
    for (size_t at = 1; at <= 2; at++) {
        errand e;

        errand_open(&e, NULL);
        e.gate->fail_at = at;
        errand_start(&e, "[mx.example.org]");
        assert_null(e.discover);
        assert_int_equal(e.done_count, 0);
        errand_close(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_candidate_too_long_for_tlsa_leads_to_the_next),
        cmocka_unit_test(a_host_too_long_for_tlsa_has_none),
        cmocka_unit_test(sorts_by_preference_as_a_number),
        cmocka_unit_test(shuffles_equal_preferences),
        cmocka_unit_test(keeps_the_best_of_a_host_named_twice),
        cmocka_unit_test(leaves_out_the_worst_hosts_over_the_limit),
        cmocka_unit_test(a_host_count_at_the_limit_is_not_over_it),
        cmocka_unit_test(asks_for_few_hosts_at_once),
        cmocka_unit_test(hosts_that_are_no_names_take_no_place),
        cmocka_unit_test(a_tlsa_rrset_over_the_limit_is_said_to_be_cut),
        cmocka_unit_test(large_tlsa_records_are_looked_at_and_not_kept),
        cmocka_unit_test(no_downgrade_by_unusable_tlsa_records_in_front_of_the_limit),
        cmocka_unit_test(keeps_the_tlsa_records_as_they_came),
        cmocka_unit_test(lives_as_long_as_its_least_ttl),
        cmocka_unit_test(explain_has_a_line_for_each_lookup),
        cmocka_unit_test(reasons_name_what_failed),
        cmocka_unit_test(the_order_of_answers_does_not_matter),
        cmocka_unit_test(can_be_cancelled_at_every_stage),
        cmocka_unit_test(can_be_cancelled_while_waiting),
        cmocka_unit_test(out_of_memory_is_no_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

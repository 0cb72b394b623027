/*
 * records_test.c - which records there should be, beside those that are published, and the plan. PUB-04, PUB-05, PUB-06, PUB-08, PUB-09,
 * PUB-11, PUB-13, PUB-14, PUB-20.
 *
 * What is expected is written as otr_scene_show() does: a line a record with its state; a step with its kind ("?" where all is well
 * without it), "after STEP+SECONDS", when it may be done at the earliest, and its records.
 */
#include "records_scene.h"
#include "support/cmocka_all.h"

#include <arpa/inet.h>
#include <stdio.h>

#define D "example.org"
#define MX1 "mx1.example.org"
#define MX2 "mx2.example.org"
#define A_OK "secure 300 192.0.2.1"
#define AAAA_NO "secure 300 nodata"
#define STS_7 "secure 300 v=STSv1; id=7;"
#define MX_1 "secure 600 10 " MX1
#define GONE "secure 900 nxdomain"

struct host_row {
    const char *host;
    bool is_out, is_unknown;       /* not in the MX RRset; without a section */
    const char *chains, *next, *tlsa;
    otr_dns_status address_status; /* 0: secure */
};

struct row {
    const char *row;
    otr_policy_source source;
    const char *id, *mx; /* NULL: "7", MX1 */
    otr_sts_mode mode;   /* 0: none */
    const char *rua, *addresses, *provider, *forms;
    const char *mx_answer, *sts, *a, *aaaa, *tlsrpt;
    struct host_row hosts[OTR_SCENE_HOSTS];
    const char *joining, *leaving;
    bool has_worn_ttls;
    const char *unserved;
    const char *show;
};

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static size_t split(char *text, const char **words)
{
    char *save = NULL;
    size_t count = 0;

    for (char *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        words[count++] = word;
    return count;
}

static void check(const struct row *row)
{
    char mx[200], rua[200], addresses[200], joining[200], leaving[200], name[300];
    const char *mx_words[8], *rua_words[8], *address_words[8], *joining_words[8], *leaving_words[8], *got;
    otr_records_host hosts[OTR_SCENE_HOSTS] = { 0 };
    otr_address list[8] = { 0 };
    otr_records_question q = { .domain = D, .source = row->source, .unserved = row->unserved, .id = row->id != NULL ? row->id : "7", .mode = row->mode,
                               .provider = row->provider, .hosts = hosts, .now = OTR_SCENE_NOW, .mx = mx_words, .rua = rua_words,
                               .addresses = list,
                               .joining = joining_words, .leaving = leaving_words, .has_whole_ttls = !row->has_worn_ttls };
    otr_records *records;

    snprintf(mx, sizeof(mx), "%s", row->mx != NULL ? row->mx : MX1);
    snprintf(rua, sizeof(rua), "%s", row->rua != NULL ? row->rua : "");
    snprintf(addresses, sizeof(addresses), "%s", row->addresses != NULL ? row->addresses : "");
    snprintf(joining, sizeof(joining), "%s", row->joining != NULL ? row->joining : "");
    snprintf(leaving, sizeof(leaving), "%s", row->leaving != NULL ? row->leaving : "");
    q.mx_count = split(mx, mx_words);
    q.rua_count = split(rua, rua_words);
    q.address_count = split(addresses, address_words);
    q.joining_count = split(joining, joining_words);
    q.leaving_count = split(leaving, leaving_words);
    for (size_t i = 0; i < q.address_count; i++) {
        list[i].family = strchr(address_words[i], ':') != NULL ? 6 : 4;
        assert_int_equal(inet_pton(list[i].family == 4 ? AF_INET : AF_INET6, address_words[i], list[i].bytes), 1);
    }
    for (const char *form = row->forms; form != NULL && *form != '\0'; form += 5) {
        otr_tlsa_form parsed;

        assert_int_equal(otr_tlsa_form_parse(form, 5, &parsed, NULL), OUTRIDER_OK);
        otr_tlsa_forms_add(&q.forms, parsed);
    }
    for (; q.host_count < OTR_SCENE_HOSTS && row->hosts[q.host_count].host != NULL; q.host_count++) {
        const struct host_row *h = &row->hosts[q.host_count];
        otr_records_host *to = &hosts[q.host_count];

        snprintf(name, sizeof(name), "_25._tcp.%s", h->host);
        *to = (otr_records_host){ .host = h->host, .base_domain = h->host, .port = 25, .ttl = 3600, .is_mx = !h->is_out,
                                  .is_known = !h->is_unknown, .address_status = h->address_status,
                                  .tlsa = otr_scene_answer(name, OTR_RR_TLSA, h->tlsa) };
        otr_scene_sources(h->chains, &to->chains, &to->chain_count);
        otr_scene_sources(h->next, &to->next, &to->next_count);
    }
    q.mx_answer = otr_scene_answer(D, OTR_RR_MX, row->mx_answer);
    q.sts = otr_scene_answer("_mta-sts." D, OTR_RR_TXT, row->sts);
    q.policy_a = otr_scene_answer("mta-sts." D, OTR_RR_A, row->a);
    q.policy_aaaa = otr_scene_answer("mta-sts." D, OTR_RR_AAAA, row->aaaa);
    q.tlsrpt = otr_scene_answer("_smtp._tls." D, OTR_RR_TXT, row->tlsrpt);
    records = otr_records_make(&q);
    assert_non_null(records);
    got = otr_scene_show(records);
    if (strcmp(got, row->show) != 0)
        fail_msg("%s:\ngot:\n%s\nwant:\n%s", row->row, got, row->show);
    otr_records_free(records);
}

#define CHECK(rows) \
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) \
    check(&rows[i])

#define SERVED .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_TESTING, .addresses = "192.0.2.1", .a = A_OK, .aaaa = AAAA_NO
#define ONE_MX .mx_answer = MX_1, .hosts = { { MX1, .is_unknown = true, .tlsa = GONE } }
#define ALL_SAME "same: mta-sts.example.org A 192.0.2.1\nsame: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"

/* PUB-04, PUB-05, PUB-09 */
static void the_policy(void **state)
{
    static const struct row rows[] = {
        { "all is as it should be", SERVED, .sts = STS_7, .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "PUB-04 the id counts, not how the record is written",
          SERVED, .sts = "secure 300 v=STSv1;id=7", .tlsrpt = GONE, ONE_MX,
          .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1;id=7\"\n" },
        { "PUB-05 nothing is published: the host, its TTL, the policy, then the record",
          .source = OTR_POLICY_CONFIGURED, .mode = OTR_STS_TESTING, .addresses = "192.0.2.1 2001:db8::1", .sts = GONE, .a = GONE,
          .aaaa = GONE, .tlsrpt = GONE, ONE_MX,
          .show =
              "missing: mta-sts.example.org A 192.0.2.1\n"
              "missing: mta-sts.example.org AAAA 2001:db8::1\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 serve at +0\n"
              "1 records at +0\n"
              "  + mta-sts.example.org A 192.0.2.1\n"
              "  + mta-sts.example.org AAAA 2001:db8::1\n"
              "2 records after 1+900 after 0+60 at +900\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "PUB-05 the daemon serves the new policy: the record changes, the old one leaves with it",
          SERVED, .id = "8", .sts = STS_7, .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "different: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=8;\"\n"
              "0 records at +0\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=8;\"\n" },
        { "PUB-05 nobody has asked the daemon: first HTTPS, then the record",
          .source = OTR_POLICY_CONFIGURED, .mode = OTR_STS_TESTING, .addresses = "192.0.2.1", .a = A_OK, .aaaa = AAAA_NO, .id = "8",
          .sts = STS_7, .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "different: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=8;\"\n"
              "0 serve at +0\n"
              "1 records after 0+60 at +60\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=8;\"\n" },
        { "PUB-01, PUB-05 outriderd has the policy, and no certificate: first HTTPS, then the record", SERVED, .unserved = "none is there",
          .sts = GONE, .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 serve at +0\n"
              "1 records after 0+60 at +60\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "PUB-04 one record: others of the kind leave, others of no kind stay",
          SERVED, .sts = "secure 300 v=STSv1; id=6;|v=STSv1; id=7;|v=spf1 -all|v=STSv1; id=5;", .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "different: _mta-sts.example.org TXT \"v=STSv1; id=6;\"\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "extra: _mta-sts.example.org TXT \"v=spf1 -all\"\n"
              "different: _mta-sts.example.org TXT \"v=STSv1; id=5;\"\n"
              "0 records at +0\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=6;\"\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=5;\"\n" },
        { "the record could not be looked up", SERVED, .sts = "tempfail 5", .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "unknown: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 look at +0\n" },
        { "the record is bogus", SERVED, .sts = "bogus 5", .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "unknown: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 look at +0\n" },
        { "the address could not be looked up: no record before it is known",
          .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_TESTING, .addresses = "192.0.2.1", .a = "tempfail 5", .aaaa = AAAA_NO,
          .sts = GONE, .tlsrpt = GONE, ONE_MX, .show =
              "unknown: mta-sts.example.org A 192.0.2.1\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 look at +0\n"
              "1 records after 0+300 at +300\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "SAFE-TO-PUBLISH a policy without one of the MX hosts is not told of",
          SERVED, .sts = GONE, .tlsrpt = GONE, .mx_answer = "secure 600 10 " MX1 "|20 " MX2,
          .hosts = { { MX1, .is_unknown = true, .tlsa = GONE }, { MX2, .is_unknown = true, .tlsa = GONE } }, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 configure at +0\n"
              "1 records after 0+0 at +0\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "SAFE-TO-PUBLISH the MX hosts are not known: not told of", SERVED, .sts = GONE, .tlsrpt = GONE, .mx_answer = "tempfail 5",
          .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 look at +0\n"
              "1 records after 0+0 at +0\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "a policy of mode none names no host, and is told of", .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_NONE,
          .addresses = "192.0.2.1", .a = A_OK, .aaaa = AAAA_NO, .sts = "secure 300 v=STSv1; id=6;", .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "different: _mta-sts.example.org TXT \"v=STSv1; id=6;\"\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 records at +0\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=6;\"\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "the policy host is elsewhere", .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_TESTING, .addresses = "192.0.2.1",
          .a = "secure 1200 192.0.2.9", .aaaa = "secure 300 2001:db8::9", .id = "8", .sts = STS_7, .tlsrpt = GONE, ONE_MX, .show =
              "different: mta-sts.example.org A 192.0.2.9\n"
              "different: mta-sts.example.org AAAA 2001:db8::9\n"
              "missing: mta-sts.example.org A 192.0.2.1\n"
              "different: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=8;\"\n"
              "0 records at +0\n"
              "  - mta-sts.example.org A 192.0.2.9\n"
              "  - mta-sts.example.org AAAA 2001:db8::9\n"
              "  + mta-sts.example.org A 192.0.2.1\n"
              "1 records after 0+1200 at +1200\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=8;\"\n" },
        { "the policy host has more addresses than are configured", .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_TESTING,
          .addresses = "192.0.2.1", .a = "secure 1200 192.0.2.9|192.0.2.1", .aaaa = AAAA_NO, .sts = STS_7, .tlsrpt = GONE, ONE_MX, .show =
              "extra: mta-sts.example.org A 192.0.2.9\n"
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "the policy host moves to where the policy is not known to be served", .source = OTR_POLICY_CONFIGURED, .mode = OTR_STS_TESTING,
          .addresses = "192.0.2.1", .a = "secure 1200 192.0.2.9", .aaaa = AAAA_NO, .sts = STS_7, .tlsrpt = GONE, ONE_MX, .show =
              "different: mta-sts.example.org A 192.0.2.9\n"
              "missing: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 serve at +0\n"
              "1 records after 0+0 at +0\n"
              "  - mta-sts.example.org A 192.0.2.9\n"
              "  + mta-sts.example.org A 192.0.2.1\n" },
        { "no address is known, here and in DNS", .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_TESTING, .a = GONE, .aaaa = GONE,
          .sts = GONE, .tlsrpt = GONE, ONE_MX, .show =
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 configure at +0\n"
              "1 records after 0+900 at +900\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "the names are aliases: what is at their ends is compared, and changed there", .source = OTR_POLICY_IN_SERVICE,
          .mode = OTR_STS_TESTING, .addresses = "192.0.2.1", .a = "secure 300 cname=mta-sts.provider.example 192.0.2.1",
          .aaaa = "secure 300 cname=mta-sts.provider.example nodata", .sts = "secure 300 cname=_mta-sts.provider.example v=STSv1; id=6;",
          .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.provider.example A 192.0.2.1\n"
              "different: _mta-sts.provider.example TXT \"v=STSv1; id=6;\"\n"
              "missing: _mta-sts.provider.example TXT \"v=STSv1; id=7;\"\n"
              "0 records at +0\n"
              "  - _mta-sts.provider.example TXT \"v=STSv1; id=6;\"\n"
              "  + _mta-sts.provider.example TXT \"v=STSv1; id=7;\"\n" },
        { "PUB-09 a customer without records", .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_TESTING, .provider = "provider.example",
          .a = GONE, .aaaa = GONE, .sts = GONE, .tlsrpt = GONE, ONE_MX, .show =
              "missing: mta-sts.example.org CNAME mta-sts.provider.example.\n"
              "missing: _mta-sts.example.org CNAME _mta-sts.provider.example.\n"
              "0 records at +0\n"
              "  + mta-sts.example.org CNAME mta-sts.provider.example.\n"
              "1 records after 0+900 at +900\n"
              "  + _mta-sts.example.org CNAME _mta-sts.provider.example.\n" },
        { "PUB-09 a customer with records of its own", .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_TESTING,
          .provider = "provider.example", .a = A_OK, .aaaa = "secure 300 2001:db8::1", .sts = STS_7, .tlsrpt = GONE, ONE_MX, .show =
              "different: mta-sts.example.org A 192.0.2.1\n"
              "different: mta-sts.example.org AAAA 2001:db8::1\n"
              "missing: mta-sts.example.org CNAME mta-sts.provider.example.\n"
              "different: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "missing: _mta-sts.example.org CNAME _mta-sts.provider.example.\n"
              "0 records at +0\n"
              "  - mta-sts.example.org A 192.0.2.1\n"
              "  - mta-sts.example.org AAAA 2001:db8::1\n"
              "  + mta-sts.example.org CNAME mta-sts.provider.example.\n"
              "1 records after 0+300 at +300\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "  + _mta-sts.example.org CNAME _mta-sts.provider.example.\n" },
        { "PUB-09 a customer that is set up", .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_TESTING, .provider = "provider.example",
          .a = "secure 300 cname=mta-sts.provider.example 192.0.2.1", .aaaa = "secure 300 cname=mta-sts.provider.example nodata",
          .sts = "secure 300 cname=_mta-sts.provider.example v=STSv1; id=7;", .tlsrpt = GONE, ONE_MX, .show =
              "same: mta-sts.example.org CNAME mta-sts.provider.example.\n"
              "same: _mta-sts.example.org CNAME _mta-sts.provider.example.\n" },
        { "no section, and a record: it is left alone", .source = OTR_POLICY_ABSENT, .sts = STS_7, .a = A_OK, .aaaa = AAAA_NO,
          .tlsrpt = GONE, ONE_MX, .show =
              "extra: mta-sts.example.org A 192.0.2.1\n"
              "extra: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "PUB-08 retired: the record leaves, then the host", .source = OTR_POLICY_RETIRED, .addresses = "192.0.2.1", .sts = STS_7,
          .a = A_OK, .aaaa = AAAA_NO, .tlsrpt = GONE, ONE_MX, .show =
              "extra: mta-sts.example.org A 192.0.2.1\n"
              "different: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 records at +0\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "1 records after 0+300 at +300\n"
              "  - mta-sts.example.org A 192.0.2.1\n" },
        { "PUB-08 retired: an alias goes, and what is at its end stays", .source = OTR_POLICY_RETIRED, .addresses = "192.0.2.1",
          .sts = "secure 300 cname=_mta-sts.provider.example v=STSv1; id=7;", .a = "secure 300 cname=mta-sts.provider.example 192.0.2.1",
          .aaaa = "secure 300 cname=mta-sts.provider.example nodata", .tlsrpt = GONE, ONE_MX, .show =
              "extra: mta-sts.example.org CNAME mta-sts.provider.example.\n"
              "different: _mta-sts.example.org CNAME _mta-sts.provider.example.\n"
              "0 records at +0\n"
              "  - _mta-sts.example.org CNAME _mta-sts.provider.example.\n"
              "1 records after 0+300 at +300\n"
              "  - mta-sts.example.org CNAME mta-sts.provider.example.\n" },
        { "PUB-08 retired: of aliases of aliases only the end is known", .source = OTR_POLICY_RETIRED, .addresses = "192.0.2.1",
          .sts = STS_7, .a = "secure 300 cname=far.example,mta-sts.provider.example 192.0.2.1", .aaaa = AAAA_NO, .tlsrpt = GONE, ONE_MX, .show =
              "different: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 records at +0\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "PUB-08 retired, and the policy host could not be looked up", .source = OTR_POLICY_RETIRED, .addresses = "192.0.2.1",
          .sts = STS_7, .a = "tempfail 5", .aaaa = AAAA_NO, .tlsrpt = GONE, ONE_MX, .show =
              "different: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 records at +0\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "1 look at +0\n" },
        { "the policy host is an alias of something else: the alias goes, and nothing is changed at its end", .source = OTR_POLICY_IN_SERVICE,
          .mode = OTR_STS_TESTING, .addresses = "192.0.2.1", .a = "secure 1200 cname=www.example.org 192.0.2.80",
          .aaaa = "secure 1200 cname=www.example.org 2001:db8::80", .sts = STS_7, .tlsrpt = GONE, ONE_MX, .show =
              "different: mta-sts.example.org CNAME www.example.org.\n"
              "missing: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 records at +0\n"
              "  - mta-sts.example.org CNAME www.example.org.\n"
              "  + mta-sts.example.org A 192.0.2.1\n" },
        { "the policy host is an alias of an alias of something else", .source = OTR_POLICY_IN_SERVICE, .mode = OTR_STS_TESTING,
          .addresses = "192.0.2.1", .a = "secure 1200 cname=a.example.org,www.example.org 192.0.2.80", .aaaa = AAAA_NO, .sts = STS_7,
          .tlsrpt = GONE, ONE_MX, .show =
              "unknown: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n" },
        { "nothing was looked up: all that is wanted, and what to look at first", .source = OTR_POLICY_CONFIGURED, .mode = OTR_STS_ENFORCE,
          .addresses = "192.0.2.1", .rua = "mailto:t@example.org", .hosts = { { MX1, .is_out = true, .chains = "a" } }, .show =
              "not-asked: mta-sts.example.org A 192.0.2.1\n"
              "not-asked: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "not-asked: _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:t@example.org\"\n"
              "not-asked: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "0 look at +0\n"
              "1 serve at +0\n"
              "2 records at +0\n"
              "  + mta-sts.example.org A 192.0.2.1\n"
              "3 records after 2+3600 after 1+60 after 0+0 at +3600\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "4 records at +0\n"
              "  + _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:t@example.org\"\n"
              "5 look at +0\n"
              "6 records after 5+0 at +0\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 a\n" },
    };

    (void)state;
    CHECK(rows);
}

/* PUB-20 */
static void reports(void **state)
{
    static const struct row rows[] = {
        { "missing", .rua = "mailto:t@example.org", .a = GONE, .aaaa = GONE, .sts = GONE, .tlsrpt = GONE, ONE_MX, .show =
              "missing: _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:t@example.org\"\n"
              "0 records at +0\n"
              "  + _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:t@example.org\"\n" },
        { "another address", .rua = "mailto:t@example.org", .a = GONE, .aaaa = GONE, .sts = GONE,
          .tlsrpt = "secure 300 v=TLSRPTv1; rua=mailto:old@example.org", ONE_MX, .show =
              "different: _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:old@example.org\"\n"
              "missing: _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:t@example.org\"\n"
              "0 records at +0\n"
              "  - _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:old@example.org\"\n"
              "  + _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:t@example.org\"\n" },
        { "not configured: left alone", .a = GONE, .aaaa = GONE, .sts = GONE,
          .tlsrpt = "secure 300 v=TLSRPTv1; rua=mailto:old@example.org", ONE_MX, .show =
              "extra: _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:old@example.org\"\n" },
        { "not known", .rua = "mailto:t@example.org", .a = GONE, .aaaa = GONE, .sts = GONE, .tlsrpt = "tempfail 5", ONE_MX, .show =
              "unknown: _smtp._tls.example.org TXT \"v=TLSRPTv1; rua=mailto:t@example.org\"\n"
              "0 look at +0\n" },
    };

    (void)state;
    CHECK(rows);
}

/* PUB-06 */
static void hosts_that_come_and_go(void **state)
{
    static const struct row rows[] = {
        { "PUB-06 a host that the policy admits enters when the TTL of the record has passed",
          SERVED, .mx = MX1 " *.example.org", .sts = STS_7, .tlsrpt = GONE, ONE_MX, .joining = MX2, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 mx wait 300 at +300\n" },
        { "PUB-06 TTLs out of a cache count as an hour at least",
          SERVED, .mx = MX1 " " MX2, .sts = STS_7, .tlsrpt = GONE, ONE_MX, .joining = MX2, .has_worn_ttls = true, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 mx wait 3600 at +3600\n" },
        { "PUB-06 a host that the policy does not admit: policy, record, TTL, then DNS",
          SERVED, .sts = STS_7, .tlsrpt = GONE, ONE_MX, .joining = MX2, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 configure at +0\n"
              "1 mx after 0+300 at +300\n" },
        { "PUB-06 while the record is about to change: after that change",
          SERVED, .id = "8", .mx = MX1 " " MX2, .sts = STS_7, .tlsrpt = GONE, ONE_MX, .joining = MX2, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "different: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "missing: _mta-sts.example.org TXT \"v=STSv1; id=8;\"\n"
              "0 records at +0\n"
              "  - _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "  + _mta-sts.example.org TXT \"v=STSv1; id=8;\"\n"
              "1 mx after 0+300 at +300\n" },
        { "PUB-06 the keys of a host that comes are published before it",
          SERVED, .mx = MX1 " " MX2, .sts = STS_7, .tlsrpt = GONE, .mx_answer = MX_1,
          .hosts = { { MX1, .is_unknown = true, .tlsa = GONE }, { MX2, .is_out = true, .chains = "a", .tlsa = GONE } },
          .joining = MX2, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "missing: _25._tcp.mx2.example.org TLSA 3 1 1 a\n"
              "0 records at +0\n"
              "  + _25._tcp.mx2.example.org TLSA 3 1 1 a\n"
              "1 mx after 0+900 wait 300 at +900\n" },
        { "PUB-06 a host that leaves: MX record, TTL, then the policy",
          SERVED, .mx = MX1 " " MX2, .sts = STS_7, .tlsrpt = GONE, .mx_answer = "secure 600 10 " MX1 "|20 " MX2,
          .hosts = { { MX1, .is_unknown = true, .tlsa = GONE }, { MX2, .is_unknown = true, .tlsa = GONE } },
          .leaving = MX2, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 mx at +0\n"
              "1 configure? after 0+600 at +600\n" },
        { "PUB-06 a pattern that others need stays",
          SERVED, .mx = "*.example.org", .sts = STS_7, .tlsrpt = GONE, .mx_answer = "secure 600 10 " MX1 "|20 " MX2,
          .hosts = { { MX1, .is_unknown = true, .tlsa = GONE }, { MX2, .is_unknown = true, .tlsa = GONE } },
          .leaving = MX2, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 mx at +0\n" },
        { "one comes, one leaves: the first is there before the other goes",
          SERVED, .mx = MX1 " " MX2, .sts = STS_7, .tlsrpt = GONE, ONE_MX, .joining = MX2, .leaving = MX1, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 mx wait 300 at +300\n"
              "1 mx after 0+600 at +900\n"
              "2 configure? after 1+600 at +1500\n" },
        { "the last one stays", SERVED, .sts = STS_7, .tlsrpt = GONE, ONE_MX, .leaving = MX1, .show =
              "same: mta-sts.example.org A 192.0.2.1\n"
              "same: _mta-sts.example.org TXT \"v=STSv1; id=7;\"\n"
              "0 look at +0\n" },
    };

    (void)state;
    CHECK(rows);
}

#define KEYS .a = GONE, .aaaa = GONE, .sts = GONE, .tlsrpt = GONE, .mx_answer = MX_1

/* PUB-10 to PUB-14 */
static void keys(void **state)
{
    static const struct row rows[] = {
        { "PUB-10 the first records of a host", KEYS, .hosts = { { MX1, .chains = "a r", .tlsa = GONE } }, .show =
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 r\n"
              "0 records at +0\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 r\n" },
        { "PUB-13 the next key beside the current one, then two TTLs", KEYS,
          .hosts = { { MX1, .chains = "a", .next = "n", .tlsa = "secure 7200 3 1 1 a" } }, .show =
              "same: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 n\n"
              "0 records at +0\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 n\n"
              "1 key? after 0+14400 at +14400\n" },
        { "PUB-13 both are there: the wait begins now", KEYS,
          .hosts = { { MX1, .chains = "a", .next = "n", .tlsa = "secure 300 3 1 1 a|3 1 1 n" } }, .show =
              "same: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "same: _25._tcp.mx1.example.org TLSA 3 1 1 n\n"
              "0 key? wait 7200 at +7200\n" },
        { "PUB-13 the key has changed: the old record leaves, the next joins", KEYS,
          .hosts = { { MX1, .chains = "b", .next = "n", .tlsa = "secure 300 3 1 1 a|3 1 1 b" } }, .show =
              "extra: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "same: _25._tcp.mx1.example.org TLSA 3 1 1 b\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 n\n"
              "0 records at +0\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 n\n"
              "1 key? after 0+7200 at +7200\n"
              "2 records? after 0+7200 at +7200\n"
              "  - _25._tcp.mx1.example.org TLSA 3 1 1 a\n" },
        { "PUB-12 no record matches: repair by adding", KEYS, .hosts = { { MX1, .chains = "b", .tlsa = "secure 300 3 1 1 a" } },
          .show =
              "extra: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 b\n"
              "0 records at +0\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 b\n"
              "1 records? after 0+7200 at +7200\n"
              "  - _25._tcp.mx1.example.org TLSA 3 1 1 a\n" },
        { "PUB-14 what is added covers the digests that are there: SHA2-512 hides SHA2-256", KEYS,
          .hosts = { { MX1, .chains = "b", .tlsa = "secure 300 3 1 2 a" } }, .show =
              "extra: _25._tcp.mx1.example.org TLSA 3 1 2 a\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 b\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 2 b\n"
              "0 records at +0\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 b\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 2 b\n"
              "1 records? after 0+7200 at +7200\n"
              "  - _25._tcp.mx1.example.org TLSA 3 1 2 a\n" },
        { "PUB-14 2 1 1 that is there is kept, and holds for the next key already", KEYS,
          .hosts = { { MX1, .chains = "a", .next = "n", .tlsa = "secure 300 3 1 1 a|2 1 1 a" } }, .show =
              "same: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "same: _25._tcp.mx1.example.org TLSA 2 1 1 a\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 n\n"
              "0 records at +0\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 n\n"
              "1 key? after 0+7200 at +7200\n" },
        { "PUB-14 from 2 0 1 to 3 1 1: added for the chain in service", KEYS,
          .hosts = { { MX1, .chains = "a", .tlsa = "secure 300 2 0 1 a" } }, .show =
              "same: _25._tcp.mx1.example.org TLSA 2 0 1 a\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "0 records at +0\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 a\n" },
        { "2 1 1 on request", KEYS, .forms = "3 1 12 1 1", .hosts = { { MX1, .chains = "a", .next = "n", .tlsa = GONE } }, .show =
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 n\n"
              "missing: _25._tcp.mx1.example.org TLSA 2 1 1 a\n"
              "0 records at +0\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 n\n"
              "  + _25._tcp.mx1.example.org TLSA 2 1 1 a\n"
              "1 key? after 0+7200 at +7200\n" },
        { "PUB-10 usages 0 and 1 match nothing, and leave", KEYS,
          .hosts = { { MX1, .chains = "a", .tlsa = "secure 300 3 1 1 a|1 1 1 a" } }, .show =
              "same: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "extra: _25._tcp.mx1.example.org TLSA 1 1 1 ?\n"
              "0 records? wait 7200 at +7200\n"
              "  - _25._tcp.mx1.example.org TLSA 1 1 1 ?\n" },
        { "PUB-11 an unsigned zone is signed first", KEYS,
          .hosts = { { MX1, .chains = "a", .tlsa = "insecure 300 nodata" } }, .show =
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "0 sign at +0\n"
              "1 records after 0+300 at +300\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 a\n" },
        { "PUB-11 the addresses are not signed", KEYS,
          .hosts = { { MX1, .chains = "a", .tlsa = GONE, .address_status = OTR_DNS_INSECURE } }, .show =
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "0 sign at +0\n"
              "1 records after 0+900 at +900\n"
              "  + _25._tcp.mx1.example.org TLSA 3 1 1 a\n" },
        { "the records could not be looked up: nothing is changed", KEYS,
          .hosts = { { MX1, .chains = "a", .tlsa = "bogus 5" } }, .show =
              "unknown: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "0 look at +0\n" },
        { "records at the end of an alias", KEYS,
          .hosts = { { MX1, .chains = "b", .tlsa = "secure 300 cname=_dane.example.net 3 1 1 a" } }, .show =
              "extra: _dane.example.net TLSA 3 1 1 a\n"
              "missing: _dane.example.net TLSA 3 1 1 b\n"
              "0 records at +0\n"
              "  + _dane.example.net TLSA 3 1 1 b\n"
              "1 records? after 0+7200 at +7200\n"
              "  - _dane.example.net TLSA 3 1 1 a\n" },
        { "a host that is not ours", KEYS, .hosts = { { MX1, .is_unknown = true, .tlsa = "secure 300 3 1 1 a" } }, .show =
              "extra: _25._tcp.mx1.example.org TLSA 3 1 1 a\n" },
        { "a section without certificates: what it shows is not known", KEYS,
          .hosts = { { MX1, .next = "n", .tlsa = "secure 300 3 1 1 a" } }, .show =
              "extra: _25._tcp.mx1.example.org TLSA 3 1 1 a\n"
              "missing: _25._tcp.mx1.example.org TLSA 3 1 1 n\n" },
    };

    (void)state;
    CHECK(rows);
}

static int open_scene(void **state)
{
    (void)state;
    otr_scene_open();
    return 0;
}

static int close_scene(void **state)
{
    (void)state;
    otr_scene_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy),
        cmocka_unit_test(reports),
        cmocka_unit_test(hosts_that_come_and_go),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, open_scene, close_scene);
}

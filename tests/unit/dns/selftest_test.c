/*
 * selftest_test.c - the start-up self-test (DNS-01) on a resolver that answers from a script.
 */
#include "support/cmocka_all.h"

#include "dns/unbound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_MAX 8

struct step {
    const char *name;
    uint16_t type;
    otr_dns_status status;
    otr_dns_content content;
    const char *reason;
};

/* A resolver that holds the question until the test lets it answer. */
struct scripted {
    otr_resolver base;
    const struct step *at;
    otr_dns_query query;
    bool is_asked, is_cancelled;
    otr_dns_done *done;
    void *arg;
};

static otr_dns_query *ask(otr_resolver *resolver, const char *name, uint16_t type, otr_dns_done *done, void *arg)
{
    struct scripted *s = (struct scripted *)resolver;

    assert_non_null(s->at->name);
    assert_string_equal(name, s->at->name);
    assert_int_equal(type, s->at->type);
    assert_false(s->is_asked);
    s->is_asked = true;
    s->query.resolver = resolver;
    s->done = done;
    s->arg = arg;
    return &s->query;
}

static void cancel(otr_dns_query *query)
{
    struct scripted *s = (struct scripted *)query->resolver;

    assert_true(s->is_asked);
    s->is_asked = false;
    s->is_cancelled = true;
}

static void free_nothing(otr_resolver *resolver)
{
    (void)resolver;
}

static const struct otr_resolver_ops ops = { .ask = ask, .cancel = cancel, .free = free_nothing };

struct outcome {
    int calls;
    otr_selftest_result result;
    char words[2048];
};

static void on_done(void *arg, otr_selftest_result result, const char *words)
{
    struct outcome *o = arg;

    o->calls++;
    o->result = result;
    snprintf(o->words, sizeof(o->words), "%s", words);
}

static void run(const struct step *script, struct outcome *outcome)
{
    struct scripted s = { .base = { .ops = &ops }, .at = script };

    memset(outcome, 0, sizeof(*outcome));
    assert_int_equal(otr_selftest_start(&s.base, on_done, outcome), OUTRIDER_OK);
    assert_int_equal(outcome->calls, 0);
    while (s.is_asked) {
        const struct step *step = s.at++;
        otr_dns_answer answer = { .qname = step->name, .canonical = step->name, .qtype = step->type,
                                  .status = step->status, .content = step->content,
                                  .reason = step->reason != NULL ? step->reason : "" };

        s.is_asked = false;
        s.done(s.arg, &answer);
    }
    assert_int_equal(outcome->calls, 1);
    assert_null(s.base.selftests);
    otr_resolver_free(&s.base);
}

#define ROOT_FINE { ".", OTR_RR_SOA, OTR_DNS_SECURE, OTR_DNS_DATA, NULL }
#define DENIAL_FINE { ".", OTR_RR_TLSA, OTR_DNS_SECURE, OTR_DNS_NODATA, NULL }
#define DS(tld, content) { tld, OTR_RR_DS, OTR_DNS_SECURE, content, NULL }
#define SOA(tld, status) { tld, OTR_RR_SOA, status, status == OTR_DNS_SECURE ? OTR_DNS_DATA : OTR_DNS_UNKNOWN, "why" }

static const struct {
    const char *sentence;
    struct step script[SCRIPT_MAX + 1];
    otr_selftest_result want;
    const char *words; /* that must be among those for the postmaster */
} rows[] = {
    { "all as it should be", { ROOT_FINE, DENIAL_FINE, DS("org", OTR_DNS_DATA), SOA("org", OTR_DNS_SECURE) },
      OTR_SELFTEST_OK, "works" },
    { "a private root without that TLD", { ROOT_FINE, DENIAL_FINE, DS("org", OTR_DNS_NXDOMAIN) }, OTR_SELFTEST_OK,
      "works" },
    { "a private root with that TLD unsigned", { ROOT_FINE, DENIAL_FINE, DS("org", OTR_DNS_NODATA) },
      OTR_SELFTEST_OK, "works" },
    { "signatures stripped", { { ".", OTR_RR_SOA, OTR_DNS_BOGUS, OTR_DNS_UNKNOWN, "no signatures from 192.0.2.1" } },
      OTR_SELFTEST_STRIPPED, "Every domain, signed or not, looks forged" },
    { "the reason is told", { { ".", OTR_RR_SOA, OTR_DNS_BOGUS, OTR_DNS_UNKNOWN, "no signatures from 192.0.2.1" } },
      OTR_SELFTEST_STRIPPED, "no signatures from 192.0.2.1" },
    { "an expired signature hints at the clock",
      { { ".", OTR_RR_SOA, OTR_DNS_BOGUS, OTR_DNS_UNKNOWN, "signature expired from 192.0.2.1" } },
      OTR_SELFTEST_STRIPPED, "Set the clock" },
    { "a signature of the future hints at the clock",
      { { ".", OTR_RR_SOA, OTR_DNS_BOGUS, OTR_DNS_UNKNOWN, "signature before inception date" } },
      OTR_SELFTEST_STRIPPED, "Set the clock" },
    { "proofs of absence stripped", { ROOT_FINE, { ".", OTR_RR_TLSA, OTR_DNS_BOGUS, OTR_DNS_UNKNOWN, "no NSEC" } },
      OTR_SELFTEST_STRIPPED, "signed or not" },
    { "no answer", { { ".", OTR_RR_SOA, OTR_DNS_TEMPFAIL, OTR_DNS_UNKNOWN, "no answer within 12.0 seconds" } },
      OTR_SELFTEST_UNREACHABLE, "no answer within 12.0 seconds" },
    { "no anchor for the root", { { ".", OTR_RR_SOA, OTR_DNS_INSECURE, OTR_DNS_DATA, NULL } },
      OTR_SELFTEST_NO_ANCHOR, "DANE is off" },
    { "one TLD fails, the next one does",
      { ROOT_FINE, DENIAL_FINE, DS("org", OTR_DNS_DATA), SOA("org", OTR_DNS_TEMPFAIL), DS("com", OTR_DNS_DATA),
        SOA("com", OTR_DNS_SECURE) }, OTR_SELFTEST_OK, "works" },
    { "no TLD has signatures",
      { ROOT_FINE, DENIAL_FINE, DS("org", OTR_DNS_DATA), SOA("org", OTR_DNS_BOGUS), DS("com", OTR_DNS_DATA),
        SOA("com", OTR_DNS_BOGUS), DS("net", OTR_DNS_DATA), SOA("net", OTR_DNS_BOGUS) },
      OTR_SELFTEST_STRIPPED, "mail to signed domains will wait" },
    { "no DS record comes through",
      { ROOT_FINE, DENIAL_FINE, { "org", OTR_RR_DS, OTR_DNS_BOGUS, OTR_DNS_UNKNOWN, "x" },
        { "com", OTR_RR_DS, OTR_DNS_BOGUS, OTR_DNS_UNKNOWN, "x" },
        { "net", OTR_RR_DS, OTR_DNS_BOGUS, OTR_DNS_UNKNOWN, "x" } },
      OTR_SELFTEST_STRIPPED, "mail to signed domains will wait" },
};

static void test_selftest(void **state)
{
    struct outcome outcome;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run(rows[i].script, &outcome);
        if (outcome.result != rows[i].want || strstr(outcome.words, rows[i].words) == NULL)
            fail_msg("%s: got %s \"%s\", want %s \"...%s...\"", rows[i].sentence, otr_selftest_names[outcome.result],
                     outcome.words, otr_selftest_names[rows[i].want], rows[i].words);
    }
}

static void test_freed_while_under_way(void **state)
{
    static const struct step script[] = { ROOT_FINE, { 0 } };
    struct scripted s = { .base = { .ops = &ops }, .at = script };
    struct outcome outcome = { 0 };

    (void)state;
    assert_int_equal(otr_selftest_start(&s.base, on_done, &outcome), OUTRIDER_OK);
    otr_resolver_free(&s.base);
    assert_true(s.is_cancelled);
    assert_int_equal(outcome.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selftest),
        cmocka_unit_test(test_freed_while_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * selftest.c - is what the resolver gets enough to validate with? Four questions, each only after the one
 * before it was answered as it should be:
 *
 *   ROOT     SOA of "."         must be secure: insecure means that no trust anchor covers the root, bogus that
 *                               signatures were taken away (or the clock or the anchor is wrong)
 *   DENIAL   TLSA of "."        does not exist, and the proof of that must come through as well
 *   PARENT   DS of a TLD        stands in the root zone, so that it is secure in every tree, whatever it says
 *   CHILD    SOA of that TLD    only if it has a DS record: the first step down the chain of trust
 *
 * A private root may know none of the TLDs, or have them unsigned: that is an answer too. An upstream that
 * fails at one TLD is given another one before it is blamed.
 */
#include "dns/selftest.h"

#include "dns/unbound.h"

#include "base/buf.h"

#include <stdlib.h>

const char *const otr_selftest_names[] = {
    [OTR_SELFTEST_OK] = "ok",
    [OTR_SELFTEST_STRIPPED] = "stripped",
    [OTR_SELFTEST_UNREACHABLE] = "unreachable",
    [OTR_SELFTEST_NO_ANCHOR] = "no-anchor",
};

static const char *const tlds[] = { "org", "com", "net" };
#define TLD_COUNT (sizeof(tlds) / sizeof(tlds[0]))

struct otr_selftest {
    struct otr_selftest *prev, *next; /* in the resolver's list */
    otr_resolver *resolver;           /* borrowed */
    enum { ROOT, DENIAL, PARENT, CHILD } step;
    size_t tld;           /* which one is asked for in PARENT and CHILD */
    otr_dns_query *query; /* owned; the one under way */
    otr_selftest_done *done;
    void *done_arg;
};

static void unlink_test(struct otr_selftest *t)
{
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        t->resolver->selftests = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
}

static void finish(struct otr_selftest *t, otr_selftest_result result, const char *words)
{
    otr_selftest_done *done = t->done;
    void *arg = t->done_arg;

    unlink_test(t);
    free(t);
    done(arg, result, words);
}

static void finish_with(struct otr_selftest *t, otr_selftest_result result, otr_buf *words)
{
    /* Without memory for the words the result still says what is wrong. */
    finish(t, result, words->err == OUTRIDER_OK ? otr_buf_text(words) : otr_selftest_names[result]);
    otr_buf_clear(words);
}

static void say_unreachable(struct otr_selftest *t, const otr_dns_answer *answer)
{
    otr_buf words = OTR_BUF_INIT;

    otr_buf_printf(&words,
                   "The DNS servers give no usable answer for \"%s\" %s (%s). Until they do nothing can be looked up, "
                   "and mail to destinations that are not cached waits. Check that the servers in resolv.conf (or "
                   "those configured as forwarders) are right and that UDP and TCP port 53 to them is open.",
                   answer->qname, otr_rr_type_name(answer->qtype), answer->reason);
    finish_with(t, OTR_SELFTEST_UNREACHABLE, &words);
}

/* libunbound's words for signatures outside their time; a clock that is wrong makes all of them so. */
static bool is_about_time(const char *reason)
{
    return strstr(reason, "expired") != NULL || strstr(reason, "before inception") != NULL ||
           strstr(reason, "inception date") != NULL;
}

/*
 * What it costs: without the root's key, or without denials, it cannot even be proved that a domain is unsigned,
 * and every domain looks forged.
 */
static const char *cost(const struct otr_selftest *t)
{
    if (t->step == ROOT || t->step == DENIAL)
        return "Every domain, signed or not, looks forged from here: mail to them will wait.";
    return "Signed domains look forged from here: mail to signed domains will wait.";
}

static void say_bogus(struct otr_selftest *t, const otr_dns_answer *answer)
{
    bool is_time = is_about_time(answer->reason);
    otr_buf words = OTR_BUF_INIT;

    otr_buf_puts(&words, is_time ? "The DNSSEC signatures that the DNS servers pass on are not valid at the time "
                                   "that this machine's clock shows. "
                                 : "The DNS servers do not pass on the DNSSEC signatures that validation needs, or "
                                   "not as they were made. ");
    otr_buf_printf(&words, "%s (\"%s\" %s: %s.) ", cost(t), answer->qname, otr_rr_type_name(answer->qtype),
                   answer->reason);
    otr_buf_puts(&words, is_time ? "Set the clock, or ask servers that do not serve outdated data."
                                 : "Use a forwarder that supports DNSSEC (a local unbound, for example), or recursion "
                                   "from the root servers; if the servers are in order, renew the trust anchor file.");
    finish_with(t, OTR_SELFTEST_STRIPPED, &words);
}

static void say_no_anchor(struct otr_selftest *t)
{
    finish(t, OTR_SELFTEST_NO_ANCHOR,
           "No trust anchor covers the DNS root, so every domain looks unsigned: DANE is off, and mail is protected by "
           "MTA-STS alone. Set the trust anchor file (on Debian the package dns-root-data has it: "
           "/usr/share/dns/root.key).");
}

static void say_ok(struct otr_selftest *t)
{
    finish(t, OTR_SELFTEST_OK, "DNSSEC validation works: signatures and denials arrive and hold.");
}

/* An answer that does not let the test go on. */
static void say_failure(struct otr_selftest *t, const otr_dns_answer *answer)
{
    if (answer->status == OTR_DNS_TEMPFAIL)
        say_unreachable(t, answer);
    else if (answer->status == OTR_DNS_BOGUS)
        say_bogus(t, answer);
    else
        say_no_anchor(t);
}

static void on_answer(void *arg, const otr_dns_answer *answer);

static void enter(struct otr_selftest *t, int step, const char *name, uint16_t type)
{
    t->step = step;
    t->query = otr_dns_ask(t->resolver, name, type, on_answer, t);
    if (t->query == NULL)
        finish(t, OTR_SELFTEST_UNREACHABLE, "Out of memory: the self-test of DNS could not be made.");
}

/* One TLD did not do: the next, if there is one. */
static void try_next_tld(struct otr_selftest *t, const otr_dns_answer *answer)
{
    if (t->tld + 1 == TLD_COUNT)
        say_failure(t, answer);
    else
        enter(t, PARENT, tlds[++t->tld], OTR_RR_DS);
}

static void on_answer(void *arg, const otr_dns_answer *answer)
{
    struct otr_selftest *t = arg;
    bool is_secure = answer->status == OTR_DNS_SECURE;

    t->query = NULL; /* a query that has answered is gone */
    switch (t->step) {
    case ROOT:
        if (is_secure)
            enter(t, DENIAL, ".", OTR_RR_TLSA);
        else
            say_failure(t, answer);
        break;
    case DENIAL:
        if (is_secure)
            enter(t, PARENT, tlds[0], OTR_RR_DS);
        else
            say_failure(t, answer);
        break;
    case PARENT:
        if (!is_secure)
            try_next_tld(t, answer);
        else if (answer->content == OTR_DNS_DATA)
            enter(t, CHILD, tlds[t->tld], OTR_RR_SOA);
        else
            say_ok(t);
        break;
    case CHILD:
        if (is_secure)
            say_ok(t);
        else
            try_next_tld(t, answer);
        break;
    }
}

outrider_err otr_selftest_start(otr_resolver *resolver, otr_selftest_done *done, void *arg)
{
    struct otr_selftest *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return OUTRIDER_E_NOMEM;
    t->resolver = resolver;
    t->done = done;
    t->done_arg = arg;
    t->step = ROOT;
    t->query = otr_dns_ask(resolver, ".", OTR_RR_SOA, on_answer, t);
    if (t->query == NULL) {
        free(t);
        return OUTRIDER_E_NOMEM;
    }
    t->next = resolver->selftests;
    if (t->next != NULL)
        t->next->prev = t;
    resolver->selftests = t;
    return OUTRIDER_OK;
}

void otr_selftests_abandon(otr_resolver *resolver)
{
    while (resolver->selftests != NULL) {
        struct otr_selftest *t = resolver->selftests;

        resolver->selftests = t->next;
        otr_dns_cancel(t->query);
        free(t);
    }
}

/*
 * guard.c - from what is handed out now to what may still be in caches. The order of the questions is that of a sender: is there anything
 * to believe, are there records, do they match; and then: is everybody's copy as good as the one that is handed out?
 */
#include "publish/guard.h"

#include "dane/tlsa_make.h"

#include <stdio.h>
#include <string.h>

#define COUNT_WARN 12              /* records; Microsoft's outbound servers could not process more (July 2024) */
#define TTL_WARN 86400             /* s; a roll-back or an emergency waits that long */
#define SIGNED_WARN (3 * 86400)    /* s; a zone whose signatures end sooner may have lost its signer */
#define SIGNED_LONG (30 * 86400)   /* s; so long may an old record be replayed (PUB-18) */

const char *const otr_guard_outcome_names[] = {
    [OTR_GUARD_SAFE] = "safe",
    [OTR_GUARD_NO_TLSA] = "no-tlsa",
    [OTR_GUARD_INSECURE] = "insecure",
    [OTR_GUARD_WOULD_BREAK] = "would-break",
    [OTR_GUARD_UNKNOWN] = "unknown",
};

struct guard {
    const otr_guard_question *q;
    otr_guard_result *result;
    otr_findings *findings;
    otr_chain chain, service;
    outrider_err err; /* the first failure of a judgement */
    outrider_diag *diag;
};

/* The records themselves --------------------------------------------------------------------------------------------- */

static void look_at_servers(const otr_authority *a, otr_findings *f)
{
    const otr_server_word *first = NULL;
    bool is_same = true;
    size_t answered = 0;

    for (size_t i = 0; i < a->server_count; i++) {
        const otr_server_word *w = &a->servers[i];

        if (w->state != OTR_SERVER_ANSWERED) {
            otr_finding_add(f, "dnssec.ns-agree", w->state == OTR_SERVER_SILENT ? OTR_CHECK_UNKNOWN : OTR_CHECK_INFO,
                            "%s %s was not asked: %s", w->server, w->address, w->reason);
            continue;
        }
        answered++;
        if (first == NULL)
            first = w;
        else if (!otr_tlsa_sets_are_equal(&first->set, &w->set)) {
            is_same = false;
            otr_finding_add(f, "dnssec.ns-agree", OTR_CHECK_WARNING,
                            "%s (%s, serial %u) and %s (%s, serial %u) have different TLSA records: one of them is late", first->server,
                            first->address, first->serial, w->server, w->address, w->serial);
        }
    }
    if (answered > 0 && is_same)
        otr_finding_add(f, "dnssec.ns-agree", OTR_CHECK_OK, "the servers of %s have the same records, serial %u at the first of %zu",
                        a->zone, first->serial, answered);
}

static void look_at_signatures(const otr_authority *a, otr_time now, otr_findings *f)
{
    otr_time least = OTR_NEVER, until;
    char span[OTR_TIME_TEXT];

    for (size_t i = 0; i < a->server_count; i++) {
        until = a->servers[i].signed_until;
        if (until != 0 && until < least)
            least = until;
    }
    if (least == OTR_NEVER)
        return;
    otr_span_text(least > now ? least - now : 0, span);
    if (least - now < SIGNED_WARN)
        otr_finding_add(f, "dnssec.sig-expiry", OTR_CHECK_WARNING, "the signature of the TLSA records ends in %s: is the zone signed anew?",
                        span);
    else if (least - now > SIGNED_LONG)
        otr_finding_add(f, "dnssec.sig-expiry", OTR_CHECK_INFO,
                        "the signature of the TLSA records holds for %s: so long can a record that was taken back be shown to a sender", span);
}

void otr_guard_look_at_records(const otr_authority *a, const otr_tlsa_history *history, otr_time now, otr_findings *f)
{
    uint32_t ttl = otr_history_ttl(history, now);
    char span[OTR_TIME_TEXT];

    if (*a->trouble != '\0' || a->status != OTR_DNS_SECURE)
        return;
    look_at_servers(a, f);
    look_at_signatures(a, now, f);
    if (a->validated.count > COUNT_WARN)
        otr_finding_add(f, "dane.count", OTR_CHECK_WARNING, "%zu TLSA records: some large senders cannot process more than %d",
                        a->validated.count, COUNT_WARN);
    if (ttl > TTL_WARN)
        otr_finding_add(f, "dane.ttl", OTR_CHECK_WARNING,
                        "the TTL was %s within the last days: an emergency waits twice that long; 30 minutes to an hour is usual",
                        otr_span_text(ttl, span));
}

/* A set and the chain ------------------------------------------------------------------------------------------------ */

static void keep_error(struct guard *g, outrider_err err)
{
    if (g->err == OUTRIDER_OK)
        g->err = err;
}

static bool covers(struct guard *g, const otr_tlsa_set *set, otr_cover_result *result)
{
    outrider_err err = otr_tlsa_cover(set->records, set->count, &g->chain, g->q->now, result, g->err == OUTRIDER_OK ? g->diag : NULL);

    if (err != OUTRIDER_OK) {
        keep_error(g, err);
        return false;
    }
    return result->cover != OTR_COVERS_NOT;
}

static bool covers_text(struct guard *g, const char *text, const otr_chain *chain)
{
    otr_cover_result result;
    outrider_err err = otr_tlsa_cover_text(text, chain, g->q->now, &result, g->err == OUTRIDER_OK ? g->diag : NULL);

    if (err != OUTRIDER_OK)
        keep_error(g, err);
    return err == OUTRIDER_OK && result.cover != OTR_COVERS_NOT;
}

/*
 * A cache that knows of no record asks for nothing, so it cannot be disappointed; but a first publication is settled only when all know
 * of it. With the key that is in service already there is nothing to wait for.
 */
static bool is_good_set(void *arg, const otr_seen_set *set)
{
    struct guard *g = arg;

    if (*set->text == '\0')
        return g->service.pem != NULL;
    if (covers_text(g, set->text, &g->chain))
        return true;
    return g->service.pem != NULL && !covers_text(g, set->text, &g->service);
}

/* When there are no records any more, those that ask for nothing are as good as those that match. */
static bool is_harmless_set(void *arg, const otr_seen_set *set)
{
    return *set->text == '\0' || is_good_set(arg, set);
}

/* What to publish ---------------------------------------------------------------------------------------------------- */

/* The record of the combination that misses; where it cannot be made from this chain (a matching type 0), 3 1 1. */
static void propose(struct guard *g, const otr_cover_result *miss)
{
    otr_tlsa_sources sources = { 0 };
    otr_tlsa_form form = { .usage = miss->usage, .selector = miss->selector, .mtype = miss->mtype };
    otr_tlsa_digest digest;
    otr_buf text = OTR_BUF_INIT;
    otr_tlsa record;

    if (otr_tlsa_sources_read(g->q->chain_pem, g->q->chain_len, &sources, NULL) != OUTRIDER_OK)
        return;
    if (otr_tlsa_form_fault(form) != NULL || otr_tlsa_make(&sources.list[0], form, &digest, NULL) != OUTRIDER_OK) {
        form = (otr_tlsa_form)OTR_TLSA_FORM_DEFAULT;
        if (otr_tlsa_make(&sources.list[0], form, &digest, NULL) != OUTRIDER_OK) {
            otr_tlsa_sources_clear(&sources);
            return;
        }
    }
    record = otr_tlsa_of_digest(&digest);
    otr_tlsa_print(&record, &text);
    snprintf(g->result->record, sizeof(g->result->record), "%s", otr_buf_text(&text));
    otr_buf_clear(&text);
    otr_tlsa_sources_clear(&sources);
}

static void break_now(struct guard *g, const otr_cover_result *miss)
{
    g->result->outcome = OTR_GUARD_WOULD_BREAK;
    g->result->safe_from = g->q->now + otr_history_wait_now(g->q->history, g->q->now);
    propose(g, miss);
}

/* The questions ------------------------------------------------------------------------------------------------------ */

/* Every server, and the resolver; false: some of them has records that do not match. */
static bool look_at_present(struct guard *g)
{
    const otr_authority *a = g->q->authority;
    otr_cover_result r, miss = { 0 };
    bool is_missed = false;

    for (size_t i = 0; i < a->server_count; i++) {
        const otr_server_word *w = &a->servers[i];

        if (w->state != OTR_SERVER_ANSWERED || covers(g, &w->set, &r))
            continue;
        if (g->err != OUTRIDER_OK)
            return false; /* not judged, so there is no reason to tell */
        otr_finding_add(g->findings, "dane.match", OTR_CHECK_CRITICAL, "at the server %s (%s): %s", w->server, w->address, r.reason);
        if (!is_missed)
            miss = r;
        is_missed = true;
    }
    if (!is_missed && covers(g, &a->validated, &r)) {
        otr_finding_add(g->findings, "dane.match", OTR_CHECK_OK, "%s",
                        r.cover == OTR_COVERS_NOTHING_ASKED ? "no record is usable: TLS is required, and no certificate is looked at" :
                                                              otr_arena_printf(g->findings->arena, "the record %s matches", r.record));
        return true;
    }
    if (is_missed)
        break_now(g, &miss);
    return !is_missed; /* what the resolver alone still has is in the history */
}

static bool has_records(const otr_authority *a)
{
    bool has_some = a->validated.count > 0;

    for (size_t i = 0; i < a->server_count; i++)
        has_some |= a->servers[i].state == OTR_SERVER_ANSWERED && a->servers[i].set.count > 0;
    return has_some;
}

/* Everything that is or was handed out, as long as a cache may have it. */
static void look_at_past(struct guard *g, otr_set_judge *is_good, otr_guard_outcome outcome)
{
    const otr_seen_set *blocking = NULL;
    otr_time settled = otr_history_settled(g->q->history, is_good, g, g->q->now, &blocking);
    char when[OTR_TIME_TEXT];

    /* Of what was before the first look nothing is known; with the key in service, and for no records at all, that is no matter. */
    if (blocking == NULL && (g->service.pem != NULL || outcome != OTR_GUARD_SAFE))
        settled = 0;
    if (settled <= g->q->now) {
        g->result->outcome = outcome;
        if (outcome == OTR_GUARD_SAFE)
            otr_finding_add(g->findings, "dane.next", OTR_CHECK_OK, "%s",
                            g->service.pem != NULL ? "the key is the one that is in service" : "every copy that a cache may have matches");
        return;
    }
    g->result->outcome = OTR_GUARD_WOULD_BREAK;
    g->result->safe_from = settled;
    if (settled == OTR_NEVER)
        otr_finding_add(g->findings, "dane.next", OTR_CHECK_CRITICAL, "not every server has the record yet");
    else
        otr_finding_add(g->findings, "dane.next", OTR_CHECK_CRITICAL, "%s, until %s",
                        blocking == NULL ? "the record is known only since this host is looked at: it is not certain that every cache has it" :
                        *blocking->text == '\0' ? "a cache may still believe that there is no record" :
                                                  "a cache may still have records that do not match",
                        otr_time_text(settled, when));
}

static void judge(struct guard *g)
{
    const otr_authority *a = g->q->authority;

    if (*a->trouble != '\0' || a->status == OTR_DNS_BOGUS || a->status == OTR_DNS_TEMPFAIL) {
        g->result->outcome = OTR_GUARD_UNKNOWN;
        otr_finding_add(g->findings, "dane.secure", OTR_CHECK_UNKNOWN, "%s",
                        *a->trouble != '\0' ? a->trouble : "the TLSA records could not be looked up");
    } else if (a->status == OTR_DNS_INSECURE) {
        otr_finding_add(g->findings, "dane.secure", OTR_CHECK_INFO, "the zone of %s is not signed: DANE does not apply", a->owner);
        look_at_past(g, is_harmless_set, OTR_GUARD_INSECURE);
    } else if (!has_records(a)) {
        otr_finding_add(g->findings, "dane.exists", OTR_CHECK_INFO, "%s has no TLSA record", a->owner);
        look_at_past(g, is_harmless_set, OTR_GUARD_NO_TLSA);
    } else if (look_at_present(g)) {
        look_at_past(g, is_good_set, OTR_GUARD_SAFE);
    }
}

outrider_err otr_guard(const otr_guard_question *question, otr_guard_result *result, otr_findings *findings, outrider_diag *diag)
{
    otr_guard_result found = { .outcome = OTR_GUARD_UNKNOWN };
    struct guard g = { .q = question, .result = &found, .findings = findings, .diag = diag };

    g.chain = (otr_chain){ .pem = question->chain_pem, .len = question->chain_len, .base = question->authority->base };
    g.service = (otr_chain){ .pem = question->service_pem, .len = question->service_len, .base = question->authority->base };
    judge(&g);
    if (g.err != OUTRIDER_OK)
        return g.err;
    otr_guard_look_at_records(question->authority, question->history, question->now, findings);
    *result = found;
    return OUTRIDER_OK;
}

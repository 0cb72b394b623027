/*
 * records_plan_tlsa.c - steps for the TLSA records of an MX host, so that at all times, caches included, they match what it shows
 * (PUB-12):
 *
 *   - only in a signed zone (RFC 7672 §2.2, PUB-11)
 *   - records are added beside those that are there, all of them in one change; nothing is replaced (PUB-13)
 *   - then two TTLs, for those who still hold the former RRset; a first one waits out the answer that there is none (RFC 7671 §8.1)
 *   - then the key may change, or what matches nothing may leave
 */
#include "publish/records_inside.h"

#define GONE(state) (1u << (state))

/* Two TTLs of what was there before and of what is added: a resolver may hold either, and hand it to another that does so again. */
static uint32_t settle_time(const otr_records_draft *d, const otr_records_host *host, const otr_record_set *set)
{
    uint32_t known = otr_plan_ttl(d, set->ttl), ttl = known > host->ttl ? known : host->ttl;
    uint64_t wait = 2 * (uint64_t)ttl;

    if (wait < OTR_RECORDS_SETTLE_LEAST)
        wait = OTR_RECORDS_SETTLE_LEAST;
    return wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
}

/* What must be so before records are of use. OTR_NO_STEP: nothing. */
static size_t plan_signing(otr_records_draft *d, const otr_records_host *host, const otr_record_set *set)
{
    const char *why = "TLSA records count in a signed zone only, and so do the addresses of their host (RFC 7672 section 2.2).";

    if (host->tlsa == NULL)
        return otr_plan_step(d, OTR_STEP_LOOK, why, "See that the zone of %s is signed.", set->asked);
    if (host->tlsa->status != OTR_DNS_SECURE)
        return otr_plan_step(d, OTR_STEP_SIGN, why, "Sign the zone of %s, and have its DS record published above it.", set->asked);
    if (host->address_status == OTR_DNS_BOGUS || host->address_status == OTR_DNS_TEMPFAIL)
        return otr_plan_step(d, OTR_STEP_LOOK, why, "Look again at the addresses of %s, which could not be looked up.", host->host);
    if (host->address_status != OTR_DNS_SECURE)
        return otr_plan_step(d, OTR_STEP_SIGN, why, "Sign the zone of the addresses of %s.", host->host);
    return OTR_NO_STEP;
}

static size_t plan_adding(otr_records_draft *d, const otr_records_host *host, otr_record_set *set)
{
    size_t signing, add;

    if (!otr_set_has(set, OTR_RECORD_MISSING) && !otr_set_has(set, OTR_RECORD_NOT_ASKED))
        return OTR_NO_STEP;
    signing = plan_signing(d, host, set);
    if (set->is_absent || host->tlsa == NULL)
        add = otr_plan_change(d, set, 0,
                              "From then on senders with DANE refuse this host without STARTTLS: each of its addresses must offer it to "
                              "everybody at all times (\"outrider trust probe\" looks).",
                              otr_arena_printf(d->arena, "Publish the TLSA records of %s.", host->host));
    else
        add = otr_plan_change(d, set, 0, "Nothing is replaced: who still holds the former records must find what they promise.",
                              otr_arena_printf(d->arena, "Add TLSA records of %s beside those that are there.", host->host));
    otr_plan_after(d, add, signing, host->tlsa != NULL ? otr_plan_ttl(d, set->ttl) : 0);
    return add;
}

/* Since when records are there that need not be added is not known: the wait begins now. */
static void settle(otr_records_draft *d, size_t step, size_t add, uint32_t wait)
{
    if (add != OTR_NO_STEP)
        otr_plan_after(d, step, add, wait);
    else
        otr_plan_wait(d, step, wait);
}

static void plan_key(otr_records_draft *d, const otr_records_host *host, size_t add, uint32_t wait)
{
    size_t step = otr_plan_step(d, OTR_STEP_KEY,
                                "Its record must have been there for two TTLs (RFC 7671 section 8.1); \"outrider tlsa guard\" counts them.",
                                "When it is time for a new key, let %s come to the next one; not before.", host->host);

    settle(d, step, add, wait);
    d->steps[step].is_optional = true;
}

/* What is added is another step, so that this one only takes away. */
static void plan_trimming(otr_records_draft *d, const otr_records_host *host, otr_record_set *set, size_t add, uint32_t wait)
{
    size_t step;

    if (!otr_set_has(set, OTR_RECORD_EXTRA))
        return;
    step = otr_plan_step(d, OTR_STEP_RECORDS,
                         "Look from outside first that no address of it still shows what they match; then they only lengthen the answer.",
                         "Take away the TLSA records of %s that match nothing.", host->host);
    d->steps[step].role = set->role;
    d->steps[step].remove = otr_plan_collect(d, set, GONE(OTR_RECORD_EXTRA), step, &d->steps[step].remove_count);
    settle(d, step, add, wait);
    d->steps[step].is_optional = true;
}

/* A host that leaves keeps its records: another domain may have it, and "outrider tlsa" knows when they may go. */
void otr_plan_tlsa(otr_records_draft *d, const otr_records_host *host, otr_record_set *set)
{
    uint32_t wait = settle_time(d, host, set);
    size_t add;

    if (!host->is_known || otr_is_named(d->q->leaving, d->q->leaving_count, host->host))
        return;
    if (host->tlsa != NULL && host->tlsa->content == OTR_DNS_UNKNOWN) {
        otr_plan_look_again(d, set->asked);
        return;
    }
    if (host->chain_count == 0)
        return; /* whether a record matches what it shows cannot be said */
    add = plan_adding(d, host, set);
    if (host->next_count > 0)
        plan_key(d, host, add, wait);
    plan_trimming(d, host, set, add, wait);
}

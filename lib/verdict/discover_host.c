/*
 * discover_host.c - one MX host: its addresses first, then, only if they are secure, its TLSA records
 * (RFC 7672 §2.2.2, §2.2.3; rows A1 to A8 and T1 to T5 of the decision table).
 */
#include "verdict/discover_host.h"

#include <stdio.h>

static void ask_tlsa(otr_host_errand *h);

void otr_host_errand_clear(otr_host_errand *h)
{
    otr_dns_cancel(h->a_query);
    otr_dns_cancel(h->aaaa_query);
    otr_dns_cancel(h->query);
    h->a_query = h->aaaa_query = h->query = NULL;
}

void otr_host_errand_result(const otr_host_errand *h, otr_host_finding *f)
{
    *f = (otr_host_finding){
        .host = h->host,
        .canonical = h->canonical,
        .preference = h->preference,
        .address_row = h->address_row,
        .addresses = h->addresses,
        .is_unusable_name = h->is_unusable_name,
        .is_bogus = h->is_bogus,
        .tlsa_row = h->tlsa_row != NULL ? h->tlsa_row : "",
        .dane = h->dane,
        .base_domain = h->base_domain != NULL ? h->base_domain : "",
        .tlsa = h->tlsa,
        .tlsa_count = h->tlsa_count,
        .reason = h->reason,
    };
}

static void end(otr_host_errand *h, otr_dane_state dane, const char *reason)
{
    h->dane = dane;
    h->reason = reason;
    otr_discover_host_done(h->discover);
}

/* --- addresses ------------------------------------------------------------------------------------------ */

static bool has_address(const otr_address_answer *a)
{
    return a->content == OTR_DNS_DATA && (a->status == OTR_DNS_SECURE || a->status == OTR_DNS_INSECURE);
}

/*
 * DNS-21: the family that is secure and has an address counts; else one that has an address at all. NULL: neither
 * family has one.
 */
static const otr_address_answer *better_family(const otr_host_errand *h)
{
    const otr_address_answer *families[] = { &h->a, &h->aaaa };
    const otr_address_answer *best = NULL;

    for (int i = 0; i < 2; i++) {
        if (has_address(families[i]) &&
            (best == NULL || (families[i]->status == OTR_DNS_SECURE && best->status != OTR_DNS_SECURE)))
            best = families[i];
    }
    return best;
}

static void add_candidate(otr_host_errand *h, const char *name)
{
    for (size_t i = 0; i < h->candidate_count; i++) {
        if (strcmp(h->candidates[i], name) == 0)
            return;
    }
    h->candidates[h->candidate_count++] = name;
}

/* A4, A5, A8: no address in either family. */
static void end_without_address(otr_host_errand *h)
{
    const otr_address_answer *families[] = { &h->a, &h->aaaa };
    const char *reason = "no address";

    h->address_row = "A4";
    h->addresses = OTR_HOST_NO_ADDRESS;
    for (int i = 0; i < 2; i++) {
        const otr_address_answer *f = families[i];

        if (f->status == OTR_DNS_BOGUS) {
            h->address_row = "A8";
            h->is_bogus = true;
        } else if (f->status == OTR_DNS_TEMPFAIL && !h->is_bogus) {
            h->address_row = "A5";
        } else {
            continue;
        }
        h->addresses = OTR_HOST_TEMPFAIL;
        reason = otr_arena_printf(h->discover->arena, "address lookup %s: %s",
                                  f->status == OTR_DNS_BOGUS ? "is bogus" : "failed", f->reason);
    }
    end(h, h->addresses == OTR_HOST_TEMPFAIL ? OTR_DANE_TEMPFAIL : OTR_DANE_NONE, reason);
}

/* A3 or A7: the chain ends insecurely; whether its first link is secure, a CNAME query decides (DNS-23). */
static void on_cname(void *arg, const otr_dns_answer *answer)
{
    otr_host_errand *h = arg;

    h->query = NULL;
    otr_discover_witness(h->discover, answer);
    otr_discover_bound(h->discover, answer->ttl);
    if (answer->content == OTR_DNS_UNKNOWN) {
        h->address_row = "A3";
        h->is_bogus = answer->status == OTR_DNS_BOGUS;
        end(h, OTR_DANE_TEMPFAIL,
            otr_arena_printf(h->discover->arena, "whether its alias is secure could not be found out: %s",
                             answer->reason));
        return;
    }
    if (answer->status == OTR_DNS_SECURE && answer->content == OTR_DNS_DATA) {
        h->address_row = "A3";
        add_candidate(h, h->host);
        ask_tlsa(h);
        return;
    }
    h->address_row = "A7";
    end(h, OTR_DANE_INSECURE, "its alias is not signed: DANE does not apply");
}

/* With an insecure MX RRset and DANE not elected for it, secure addresses are treated like A7. */
static bool is_dane_possible(const otr_discover *d)
{
    return d->security != OTR_MX_INSECURE || d->settings.dane_on_insecure_mx;
}

/*
 * Where one family has an address, the failure of the other (A6) is a lasting fault more often than not; the
 * destination is not looked up anew every few seconds for it.
 */
#define HALF_FAILURE_TTL 60 /* s; RFC 9520 §3.2 permits up to 5 min */

static void bound_life(otr_host_errand *h, const otr_address_answer *family, bool is_other_good)
{
    bool has_failed = family->status == OTR_DNS_BOGUS || family->status == OTR_DNS_TEMPFAIL;

    otr_discover_bound(h->discover, has_failed && is_other_good ? HALF_FAILURE_TTL : family->ttl);
}

static void on_addresses(otr_host_errand *h)
{
    const otr_address_answer *best = better_family(h);

    bound_life(h, &h->a, best != NULL);
    bound_life(h, &h->aaaa, best != NULL);
    if (best == NULL) {
        end_without_address(h);
        return;
    }
    h->canonical = best->canonical;
    h->addresses = best->status == OTR_DNS_SECURE ? OTR_HOST_SECURE : OTR_HOST_INSECURE;
    if (!is_dane_possible(h->discover)) {
        h->address_row = "A7";
        end(h, OTR_DANE_INSECURE, "the MX records are not signed, and DANE is not elected for such hosts");
    } else if (best->status == OTR_DNS_SECURE) {
        h->address_row = best->cname_count > 0 ? "A2" : "A1";
        add_candidate(h, h->canonical);
        add_candidate(h, h->host);
        ask_tlsa(h);
    } else if (best->cname_count > 0) {
        h->query = otr_dns_ask(h->discover->resolver, h->host, OTR_RR_CNAME, on_cname, h);
        if (h->query == NULL) {
            h->discover->is_out_of_memory = true;
            end(h, OTR_DANE_TEMPFAIL, "out of memory");
        }
    } else {
        /* RFC 7672 §2.2.2: no TLSA query; servers that choke on one are common in unsigned zones. */
        h->address_row = "A7";
        end(h, OTR_DANE_INSECURE, "its address is not signed: DANE does not apply");
    }
}

static void keep_address(otr_host_errand *h, otr_address_answer *kept, const otr_dns_answer *answer)
{
    otr_arena *arena = h->discover->arena;

    otr_discover_witness(h->discover, answer);
    *kept = (otr_address_answer){
        .is_here = true,
        .status = answer->status,
        .content = answer->content,
        .ttl = answer->ttl,
        .cname_count = answer->cname_count,
        .canonical = otr_arena_text(arena, answer->canonical),
        .reason = otr_arena_text(arena, answer->reason),
    };
    if (h->a.is_here && h->aaaa.is_here)
        on_addresses(h);
}

static void on_a(void *arg, const otr_dns_answer *answer)
{
    otr_host_errand *h = arg;

    h->a_query = NULL;
    keep_address(h, &h->a, answer);
}

static void on_aaaa(void *arg, const otr_dns_answer *answer)
{
    otr_host_errand *h = arg;

    h->aaaa_query = NULL;
    keep_address(h, &h->aaaa, answer);
}

bool otr_host_errand_start(otr_host_errand *h)
{
    otr_discover *d = h->discover;

    h->canonical = h->host;
    if (h->is_unusable_name) {
        h->address_row = "A4";
        h->addresses = OTR_HOST_NO_ADDRESS;
        h->dane = OTR_DANE_NONE;
        h->reason = "the MX record names no host: an address in text form or a malformed name (RFC 5321 §5.1)";
        return false;
    }
    h->a_query = otr_dns_ask(d->resolver, h->host, OTR_RR_A, on_a, h);
    h->aaaa_query = otr_dns_ask(d->resolver, h->host, OTR_RR_AAAA, on_aaaa, h);
    if (h->a_query != NULL && h->aaaa_query != NULL)
        return true;
    otr_host_errand_clear(h);
    d->is_out_of_memory = true;
    return false;
}

/* --- TLSA ----------------------------------------------------------------------------------------------- */

/*
 * A copy of a record for the finding. Anybody can have us ask about any number of destinations whose hosts have all the
 * TLSA records that a DNS message holds: what is kept of them has a limit (BOUNDED). False: it is not kept.
 */
static bool keep_tlsa(otr_host_errand *h, otr_tlsa *kept, const uint8_t *rdata, size_t len)
{
    if (len > OTR_TLSA_OCTETS_MAX - h->discover->tlsa_octets)
        return false;
    h->discover->tlsa_octets += len;
    *kept = otr_tlsa_from_rdata(otr_arena_bytes(h->discover->arena, rdata, len), len);
    return true;
}

/* The records of the RRset, up to the limit of their number; returns whether one of them is usable, kept or not. */
static bool take_tlsa(otr_host_errand *h, const otr_dns_answer *answer, bool *is_cut)
{
    otr_arena *arena = h->discover->arena;
    size_t count =
        answer->rr_count < h->discover->settings.tlsa_max ? answer->rr_count : h->discover->settings.tlsa_max;
    otr_tlsa *records = otr_arena_alloc(arena, count, sizeof(*records));
    bool is_usable = false;

    *is_cut = count < answer->rr_count || answer->is_truncated_by_us;
    if (records == NULL)
        return false;
    h->tlsa = records;
    h->tlsa_count = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = answer->rrs[i].tlsa.len;
        otr_tlsa record = otr_tlsa_from_rdata(answer->rrs[i].tlsa.rdata, len);

        is_usable = is_usable || otr_tlsa_check(&record) == OTR_TLSA_USABLE;
        h->tlsa_count += keep_tlsa(h, &records[h->tlsa_count], answer->rrs[i].tlsa.rdata, len);
    }
    if (*is_cut)
        otr_discover_note(h->discover,
                          otr_arena_printf(arena, "more than %zu TLSA records: the rest is left out", count));
    if (h->tlsa_count < count)
        otr_discover_note(h->discover, "larger TLSA records than are kept: they count, and are not shown");
    return is_usable;
}

static void fail_tlsa(otr_host_errand *h, const char *reason)
{
    h->tlsa_row = "T3";
    end(h, OTR_DANE_TEMPFAIL, reason);
}

/* T1 or T2. Of more records than are kept one may be usable: that is no T2 (NO-DOWNGRADE). */
static void use_tlsa(otr_host_errand *h, const otr_dns_answer *answer)
{
    otr_arena *arena = h->discover->arena;
    const char *base_domain = h->candidates[h->candidate];
    bool is_cut, is_usable = take_tlsa(h, answer, &is_cut);

    if (is_cut && !is_usable) {
        h->tlsa = NULL;
        h->tlsa_count = 0;
        fail_tlsa(h, "too many TLSA records, and none of those that were kept is usable");
        return;
    }
    h->base_domain = base_domain;
    h->tlsa_row = is_usable ? "T1" : "T2";
    end(h, is_usable ? OTR_DANE_USABLE : OTR_DANE_UNUSABLE,
        is_usable ? otr_arena_printf(arena, "secure TLSA records at %s", base_domain)
                  : otr_arena_printf(arena, "secure TLSA records at %s, none of them usable", base_domain));
}

/* T4, T5: on to the next candidate; after the last there is no DANE. */
static void pass_candidate(otr_host_errand *h, bool is_data)
{
    h->tlsa_row = is_data ? "T5" : "T4";
    if (++h->candidate < h->candidate_count)
        ask_tlsa(h);
    else
        end(h, is_data ? OTR_DANE_INSECURE : OTR_DANE_NONE,
            is_data ? "its TLSA records are not signed: they count for nothing" : "no TLSA records");
}

/* Rows T1 to T5: the first candidate with secure records, or with an error, ends the step (DNS-26, DNS-28). */
static void on_tlsa(void *arg, const otr_dns_answer *answer)
{
    otr_host_errand *h = arg;

    h->query = NULL;
    otr_discover_witness(h->discover, answer);
    otr_discover_bound(h->discover, answer->ttl);
    if (answer->content == OTR_DNS_UNKNOWN) {
        h->is_bogus = answer->status == OTR_DNS_BOGUS;
        fail_tlsa(h, otr_arena_printf(h->discover->arena, "TLSA lookup %s: %s", h->is_bogus ? "is bogus" : "failed",
                                      answer->reason));
    } else if (answer->content == OTR_DNS_DATA && answer->status == OTR_DNS_SECURE) {
        use_tlsa(h, answer);
    } else {
        pass_candidate(h, answer->content == OTR_DNS_DATA);
    }
}

static void ask_tlsa(otr_host_errand *h)
{
    const char *name = otr_arena_printf(h->discover->arena, "_%u._tcp.%s", h->discover->destination.port,
                                        h->candidates[h->candidate]);

    if (strlen(name) > OTR_DOMAIN_MAX) { /* a name that long cannot exist; the next candidate may */
        pass_candidate(h, false);
        return;
    }
    h->query = otr_dns_ask(h->discover->resolver, name, OTR_RR_TLSA, on_tlsa, h);
    if (h->query == NULL) {
        h->discover->is_out_of_memory = true;
        end(h, OTR_DANE_TEMPFAIL, "out of memory");
    }
}

/*
 * answer.c - answers without a packet, and what is common to all of them. Reading a packet is in
 * answer_parse.c.
 */
#include "dns/answer_maker.h"

#include <stdlib.h>

const char *const otr_dns_status_names[] = {
    [OTR_DNS_SECURE] = "secure",
    [OTR_DNS_INSECURE] = "insecure",
    [OTR_DNS_BOGUS] = "bogus",
    [OTR_DNS_TEMPFAIL] = "tempfail",
};

const char *const otr_dns_content_names[] = {
    [OTR_DNS_DATA] = "data",
    [OTR_DNS_NODATA] = "nodata",
    [OTR_DNS_NXDOMAIN] = "nxdomain",
    [OTR_DNS_UNKNOWN] = "unknown",
};

const char *otr_rr_type_name(uint16_t type)
{
    switch ((enum otr_rr_type)type) {
    case OTR_RR_A: return "A";
    case OTR_RR_NS: return "NS";
    case OTR_RR_CNAME: return "CNAME";
    case OTR_RR_SOA: return "SOA";
    case OTR_RR_MX: return "MX";
    case OTR_RR_TXT: return "TXT";
    case OTR_RR_AAAA: return "AAAA";
    case OTR_RR_DS: return "DS";
    case OTR_RR_RRSIG: return "RRSIG";
    case OTR_RR_TLSA: return "TLSA";
    }
    return "?";
}

/* The answer and the arena it lies in. */
struct held {
    otr_dns_answer answer; /* first: what callers hold is a pointer to it */
    otr_arena *arena;      /* owned */
};

otr_dns_answer *otr_dns_answer_begin(const char *qname, uint16_t qtype, otr_arena **arena)
{
    otr_arena *a = otr_arena_new();
    struct held *h = a != NULL ? otr_arena_alloc(a, 1, sizeof(*h)) : NULL;
    size_t len = strlen(qname);
    char *name = h != NULL ? otr_arena_alloc(a, len + 1, 1) : NULL;

    if (name == NULL) {
        otr_arena_free(a);
        return NULL;
    }
    for (size_t i = 0; i < len; i++)
        name[i] = otr_to_lower(qname[i]);
    h->arena = a;
    h->answer.qname = name;
    h->answer.qtype = qtype;
    h->answer.canonical = h->answer.qname;
    h->answer.reason = "";
    *arena = a;
    return &h->answer;
}

otr_dns_answer *otr_dns_answer_end(otr_dns_answer *answer)
{
    struct held *h = (struct held *)answer;

    if (!otr_arena_failed(h->arena))
        return answer;
    otr_dns_answer_free(answer);
    return NULL;
}

otr_dns_answer *otr_dns_answer_failure(const char *qname, uint16_t qtype, otr_dns_status status, const char *reason)
{
    otr_arena *arena;
    otr_dns_answer *a = otr_dns_answer_begin(qname, qtype, &arena);

    if (a == NULL)
        return NULL;
    a->status = status;
    a->content = OTR_DNS_UNKNOWN;
    a->ttl = OTR_FAILURE_TTL;
    a->reason = otr_arena_text(arena, reason);
    return otr_dns_answer_end(a);
}

otr_dns_answer *otr_dns_answer_too_long(const char *qname, uint16_t qtype)
{
    otr_arena *arena;
    otr_dns_answer *a = otr_dns_answer_begin(qname, qtype, &arena);

    if (a == NULL)
        return NULL;
    a->status = OTR_DNS_INSECURE;
    a->content = OTR_DNS_NXDOMAIN;
    a->ttl = OTR_NEGATIVE_TTL_MAX;
    return otr_dns_answer_end(a);
}

static otr_dns_rr copy_record(otr_arena *arena, uint16_t type, const otr_dns_rr *from)
{
    otr_dns_rr rr = *from;

    switch ((enum otr_rr_type)type) {
    case OTR_RR_MX:
        rr.mx.exchange = otr_arena_text(arena, from->mx.exchange);
        break;
    case OTR_RR_TLSA:
        rr.tlsa.rdata = otr_arena_bytes(arena, from->tlsa.rdata, from->tlsa.len);
        break;
    case OTR_RR_TXT:
        rr.txt.text = otr_arena_slice(arena, (otr_slice){ .ptr = from->txt.text, .len = from->txt.len });
        rr.txt.rdata = otr_arena_bytes(arena, from->txt.rdata, from->txt.rdata_len);
        break;
    case OTR_RR_CNAME:
    case OTR_RR_NS:
        rr.target = otr_arena_text(arena, from->target);
        break;
    case OTR_RR_A:
    case OTR_RR_AAAA:
    case OTR_RR_RRSIG:
    case OTR_RR_SOA:
    case OTR_RR_DS:
        break;
    }
    return rr;
}

otr_dns_answer *otr_dns_answer_copy(const otr_dns_answer *from)
{
    otr_arena *arena;
    otr_dns_answer *a = otr_dns_answer_begin(from->qname, from->qtype, &arena);
    otr_dns_rr *rrs = a != NULL && from->rr_count > 0 ? otr_arena_alloc(arena, from->rr_count, sizeof(*rrs)) : NULL;
    const char *qname;

    if (a == NULL)
        return NULL;
    for (size_t i = 0; rrs != NULL && i < from->rr_count; i++)
        rrs[i] = copy_record(arena, from->qtype, &from->rrs[i]);
    qname = a->qname;
    *a = *from;
    a->qname = qname;
    a->canonical = otr_arena_text(arena, from->canonical);
    a->reason = otr_arena_text(arena, from->reason);
    a->rrs = rrs;
    return otr_dns_answer_end(a);
}

void otr_dns_answer_free(otr_dns_answer *answer)
{
    if (answer != NULL)
        otr_arena_free(((struct held *)answer)->arena);
}

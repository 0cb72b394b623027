/*
 * rrset.c - the data of records (RFC 1035 §3.3, §3.4; RFC 3596 §2.2; RFC 6698 §2.1), read as far as mail
 * needs it.
 */
#include "dns/answer_maker.h"
#include "dns/wire.h"

#include <string.h>

void otr_rrset_init(otr_rrset *set, otr_arena *arena, uint16_t type, size_t upper)
{
    size_t max = type == OTR_RR_TLSA ? OTR_TLSA_MAX : OTR_RR_MAX;

    *set = (otr_rrset){ .arena = arena, .type = type, .max = max };
    set->rrs = otr_arena_alloc(arena, upper < max ? upper : max, sizeof(*set->rrs));
}

static bool read_name(otr_rrset *set, otr_wire *w, const char **name)
{
    char text[OTR_WIRE_NAME_TEXT];

    if (!otr_wire_name(w, text) || w->at != w->end)
        return false;
    *name = otr_arena_text(set->arena, text);
    return true;
}

static bool read_mx(otr_rrset *set, otr_wire *w, otr_dns_rr *rr)
{
    if (!otr_wire_u16(w, &rr->mx.preference) || !read_name(set, w, &rr->mx.exchange))
        return false;
    rr->mx.is_host = otr_is_ldh_domain(rr->mx.exchange, strlen(rr->mx.exchange));
    return true;
}

static bool read_address(otr_wire *w, otr_dns_rr *rr, uint8_t family, size_t len)
{
    if (w->end - w->at != len)
        return false;
    rr->address.family = family;
    memcpy(rr->address.bytes, w->packet + w->at, len);
    return true;
}

/* The length of the character-strings joined; false if one reaches past the end or there is none. */
static bool measure_txt(otr_wire w, size_t *len)
{
    uint8_t part;

    *len = 0;
    if (w.at == w.end)
        return false;
    while (w.at < w.end) {
        if (!otr_wire_u8(&w, &part) || !otr_wire_skip(&w, part))
            return false;
        *len += part;
    }
    return true;
}

/* Strings are joined without separator (STS-DNS-03). */
static void join_txt(otr_rrset *set, otr_wire w, otr_dns_rr *rr, size_t len)
{
    char *text = otr_arena_alloc(set->arena, len + 1, 1);
    uint8_t part;

    if (text == NULL)
        return; /* the arena remembers */
    rr->txt.text = text;
    rr->txt.len = len;
    rr->txt.rdata_len = w.end - w.at;
    rr->txt.rdata = otr_arena_bytes(set->arena, w.packet + w.at, rr->txt.rdata_len);
    while (otr_wire_u8(&w, &part)) {
        memcpy(text, w.packet + w.at, part);
        text += part;
        otr_wire_skip(&w, part);
    }
}

/* RFC 1035 §3.3.13: MNAME RNAME SERIAL REFRESH RETRY EXPIRE MINIMUM. */
static bool read_soa(otr_wire *w, otr_dns_rr *rr)
{
    return otr_wire_name(w, NULL) && otr_wire_name(w, NULL) && otr_wire_u32(w, &rr->soa.serial) &&
           otr_wire_u32(w, &rr->soa.refresh) && otr_wire_skip(w, 8) && otr_wire_u32(w, &rr->soa.minimum) && w->at == w->end;
}

static bool read_rdata(otr_rrset *set, otr_wire *w, otr_dns_rr *rr)
{
    size_t len = w->end - w->at;

    switch (set->type) {
    case OTR_RR_A:
        return read_address(w, rr, 4, 4);
    case OTR_RR_AAAA:
        return read_address(w, rr, 6, 16);
    case OTR_RR_MX:
        return read_mx(set, w, rr);
    case OTR_RR_CNAME:
    case OTR_RR_NS:
        return read_name(set, w, &rr->target);
    case OTR_RR_SOA:
        return read_soa(w, rr);
    case OTR_RR_TLSA: /* of any length: what is too short is unusable, not malformed (TLSA-01) */
        rr->tlsa.rdata = otr_arena_bytes(set->arena, w->packet + w->at, len);
        rr->tlsa.len = len;
        return true;
    case OTR_RR_TXT:
        join_txt(set, *w, rr, rr->txt.len);
        return true;
    default:
        return true;
    }
}

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static bool is_same(uint16_t type, const otr_dns_rr *a, const otr_dns_rr *b)
{
    switch (type) {
    case OTR_RR_A:
    case OTR_RR_AAAA:
        return memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes)) == 0;
    case OTR_RR_MX:
        return a->mx.preference == b->mx.preference && strcmp(a->mx.exchange, b->mx.exchange) == 0;
    case OTR_RR_CNAME:
    case OTR_RR_NS:
        return strcmp(a->target, b->target) == 0;
    case OTR_RR_TLSA:
        return same_bytes(a->tlsa.rdata, a->tlsa.len, b->tlsa.rdata, b->tlsa.len);
    case OTR_RR_SOA:
        return a->soa.serial == b->soa.serial;
    case OTR_RR_TXT:
        return same_bytes(a->txt.text, a->txt.len, b->txt.text, b->txt.len);
    default:
        return false;
    }
}

bool otr_rrset_add(otr_rrset *set, const uint8_t *packet, size_t rdata, uint16_t rdlength, uint32_t ttl)
{
    otr_wire w = { .packet = packet, .at = rdata, .end = rdata + rdlength };
    otr_dns_rr rr = { .ttl = ttl };

    if (set->type == OTR_RR_TXT && !measure_txt(w, &rr.txt.len))
        return false;
    if (set->count == set->max || (set->type == OTR_RR_TXT && rr.txt.len > OTR_TXT_MAX)) {
        set->is_cut = true;
        return true;
    }
    if (!read_rdata(set, &w, &rr))
        return false;
    if (set->rrs == NULL || otr_arena_failed(set->arena))
        return true; /* the maker sees it at the end */
    for (size_t i = 0; i < set->count; i++)
        if (is_same(set->type, &set->rrs[i], &rr))
            return true;
    set->rrs[set->count++] = rr;
    return true;
}

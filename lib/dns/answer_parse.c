/*
 * answer_parse.c - from a response packet to an answer (RFC 1035 §4.1, RFC 2308 for denials).
 *
 * The packet comes from libunbound, which has validated its content but passes on owner names, counts and
 * data as it got them: they are read as hostile. The message is walked once from front to back; what can
 * matter (aliases, and records of the type asked for) is listed; then the alias chain is followed through
 * the list, in whatever order its links stand.
 */
#include "dns/answer_maker.h"
#include "dns/wire.h"

#include <stdlib.h>
#include <string.h>

#define CLASS_IN 1
_Static_assert(OTR_CNAME_MAX == 16, "the words of follow_chain() name the limit");

/* One record of the answer section that is an alias, of the type asked for, or a signature. */
struct entry {
    size_t name, rdata; /* offsets */
    uint32_t ttl;
    uint16_t type;
    uint16_t rdlength;
};

struct reading {
    const uint8_t *packet; /* borrowed */
    size_t len;
    otr_dns_answer *answer; /* being made */
    otr_arena *arena;       /* its arena */
    struct entry *entries;  /* owned */
    size_t count, cap;
    bool is_nxdomain;
    bool has_soa;
    uint32_t soa_ttl; /* for denials; only if has_soa */
    bool is_out_of_memory;
    const char *why; /* what is wrong with the packet; NULL: nothing */
};

static bool refuse(struct reading *r, const char *why)
{
    r->why = why;
    return false;
}

const char *otr_dns_rcode_words(unsigned rcode)
{
    switch (rcode) {
    case 1: return "FORMERR: the server could not read the question";
    case 2: return "SERVFAIL: no server gave an answer that can be used";
    case 4: return "NOTIMP: the server does not know this kind of question";
    case 5: return "REFUSED: the server does not answer for this name";
    case 6: return "YXDOMAIN: an alias (DNAME) makes the name too long";
    default: return "the lookup failed";
    }
}

static bool read_header(struct reading *r, otr_wire *w, otr_wire_header *h)
{
    unsigned rcode;

    if (!otr_wire_header_read(w, h))
        return refuse(r, "malformed answer: shorter than a header");
    rcode = h->flags & OTR_WIRE_RCODE;
    if (!(h->flags & OTR_WIRE_QR) || (h->flags & OTR_WIRE_OPCODE) != 0)
        return refuse(r, "malformed answer: not a response to a query");
    if (h->flags & OTR_WIRE_TC)
        return refuse(r, "the answer was cut short"); /* DNS-34: an error, never an empty answer */
    if (rcode != 0 && rcode != 3)
        return refuse(r, otr_dns_rcode_words(rcode));
    r->is_nxdomain = rcode == 3;
    return true;
}

/* The question must be ours: one, of our name and type. */
static bool read_question(struct reading *r, otr_wire *w, const otr_wire_header *h)
{
    char name[OTR_WIRE_NAME_TEXT];
    uint16_t type, class;

    if (h->questions != 1 || !otr_wire_name(w, name) || !otr_wire_u16(w, &type) || !otr_wire_u16(w, &class))
        return refuse(r, "malformed answer: no single question");
    if (strcmp(name, r->answer->qname) != 0 || type != r->answer->qtype || class != CLASS_IN)
        return refuse(r, "malformed answer: it answers another question");
    return true;
}

static bool list(struct reading *r, const struct entry *e)
{
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 16;
        struct entry *grown = realloc(r->entries, cap * sizeof(*grown));

        if (grown == NULL) {
            r->is_out_of_memory = true;
            return false;
        }
        r->entries = grown;
        r->cap = cap;
    }
    r->entries[r->count++] = *e;
    return true;
}

static bool read_answers(struct reading *r, otr_wire *w, unsigned count)
{
    otr_wire_rr rr;

    for (; count > 0; count--) {
        size_t at = w->at;

        if (!otr_wire_rr_read(w, &rr))
            return refuse(r, "malformed answer: a record in the answer section is broken");
        if (rr.class != CLASS_IN || (rr.type != OTR_RR_CNAME && rr.type != OTR_RR_RRSIG && rr.type != r->answer->qtype))
            continue; /* DNAME (its CNAME comes with it), and what nobody asked for */
        if (!list(r, &(struct entry){ .name = at, .rdata = rr.rdata, .ttl = rr.ttl, .type = rr.type,
                                      .rdlength = rr.rdlength }))
            return false;
    }
    return true;
}

/* A denial may be kept for the lesser of the SOA's TTL and its MINIMUM field (RFC 2308 §5). */
static bool note_soa(struct reading *r, const otr_wire_rr *rr)
{
    otr_wire w = { .packet = r->packet, .at = rr->rdata, .end = rr->rdata + rr->rdlength };
    uint32_t minimum, ttl = rr->ttl;

    if (!otr_wire_name(&w, NULL) || !otr_wire_name(&w, NULL) || !otr_wire_skip(&w, 16) ||
        !otr_wire_u32(&w, &minimum) || w.at != w.end)
        return refuse(r, "malformed answer: the SOA record is broken");
    if (minimum & 0x80000000u)
        minimum = 0;
    if (minimum < ttl)
        ttl = minimum;
    if (!r->has_soa || ttl < r->soa_ttl)
        r->soa_ttl = ttl;
    r->has_soa = true;
    return true;
}

static bool read_authorities(struct reading *r, otr_wire *w, unsigned count)
{
    otr_wire_rr rr;

    for (; count > 0; count--) {
        if (!otr_wire_rr_read(w, &rr))
            return refuse(r, "malformed answer: a record in the authority section is broken");
        if (rr.class == CLASS_IN && rr.type == OTR_RR_SOA && !note_soa(r, &rr))
            return false;
    }
    return true;
}

static bool read_additionals(struct reading *r, otr_wire *w, unsigned count)
{
    otr_wire_rr rr;

    for (; count > 0; count--)
        if (!otr_wire_rr_read(w, &rr))
            return refuse(r, "malformed answer: a record in the additional section is broken");
    if (w->at != w->end)
        return refuse(r, "malformed answer: octets after its end");
    return true;
}

static bool read_message(struct reading *r)
{
    otr_wire w = { .packet = r->packet, .end = r->len };
    otr_wire_header h;

    return read_header(r, &w, &h) && read_question(r, &w, &h) && read_answers(r, &w, h.answers) &&
           read_authorities(r, &w, h.authorities) && read_additionals(r, &w, h.additionals);
}

static bool is_owned_by(const struct reading *r, const struct entry *e, const char *name)
{
    otr_wire w = { .packet = r->packet, .end = r->len, .at = e->name };
    char owner[OTR_WIRE_NAME_TEXT];

    return otr_wire_name(&w, owner) && strcmp(owner, name) == 0;
}

static size_t count_at(const struct reading *r, const char *name, uint16_t type)
{
    size_t n = 0;

    for (size_t i = 0; i < r->count; i++)
        if (r->entries[i].type == type && is_owned_by(r, &r->entries[i], name))
            n++;
    return n;
}

static void bound_ttl(otr_dns_answer *a, uint32_t ttl)
{
    if (ttl < a->ttl)
        a->ttl = ttl;
}

/* Put the target of the alias at `name` into `target`. *count: how many different ones there are. */
static bool read_alias(struct reading *r, const char *name, char target[OTR_WIRE_NAME_TEXT], size_t *count)
{
    char found[OTR_WIRE_NAME_TEXT];

    *count = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        otr_wire w = { .packet = r->packet, .at = e->rdata, .end = e->rdata + e->rdlength };

        if (e->type != OTR_RR_CNAME || !is_owned_by(r, e, name))
            continue;
        if (!otr_wire_name(&w, found) || w.at != w.end)
            return refuse(r, "malformed answer: an alias without a proper target");
        if (*count > 0 && strcmp(found, target) != 0)
            return refuse(r, "malformed answer: two aliases at one name");
        memcpy(target, found, sizeof(found));
        *count = 1;
        bound_ttl(r->answer, e->ttl);
    }
    return true;
}

/* From the name asked for to the name where the records or the denial stand (RFC 1034 §3.6.2). */
static bool follow_chain(struct reading *r)
{
    otr_dns_answer *a = r->answer;
    char name[OTR_WIRE_NAME_TEXT], target[OTR_WIRE_NAME_TEXT];
    size_t found;

    if (a->qtype == OTR_RR_CNAME)
        return true;
    strcpy(name, a->qname); /* it fits: it is the name of the question */
    while (count_at(r, name, a->qtype) == 0) {
        if (!read_alias(r, name, target, &found))
            return false;
        if (found == 0)
            break;
        /* A loop has no end either, so one limit serves for both. */
        if (++a->cname_count > OTR_CNAME_MAX)
            return refuse(r, "the alias chain loops or has more than 16 links");
        memcpy(name, target, sizeof(name));
    }
    if (a->cname_count > 0)
        a->canonical = otr_arena_text(r->arena, name);
    return true;
}

/* RFC 4034 §3.1: TYPE-COVERED, ALGORITHM, LABELS, ORIGINAL TTL, EXPIRATION. The validator has judged it; only its end is noted. */
static void note_signatures(struct reading *r)
{
    otr_dns_answer *a = r->answer;

    for (size_t i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        otr_wire w = { .packet = r->packet, .at = e->rdata, .end = e->rdata + e->rdlength };
        uint16_t covered;
        uint32_t end;

        if (e->type != OTR_RR_RRSIG || !is_owned_by(r, e, a->canonical) || !otr_wire_u16(&w, &covered) || covered != a->qtype ||
            !otr_wire_skip(&w, 6) || !otr_wire_u32(&w, &end))
            continue;
        if (a->signed_until == 0 || end < a->signed_until)
            a->signed_until = end;
    }
}

static bool take_records(struct reading *r)
{
    otr_dns_answer *a = r->answer;
    otr_rrset set;
    size_t upper = count_at(r, a->canonical, a->qtype);

    if (upper == 0)
        return true;
    if (r->is_nxdomain)
        return refuse(r, "malformed answer: records at a name that it says does not exist");
    otr_rrset_init(&set, r->arena, a->qtype, upper);
    for (size_t i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];

        if (e->type != a->qtype || !is_owned_by(r, e, a->canonical))
            continue;
        if (!otr_rrset_add(&set, r->packet, e->rdata, e->rdlength, e->ttl))
            return refuse(r, "malformed answer: the data of a record breaks its format");
        bound_ttl(a, e->ttl);
    }
    a->content = OTR_DNS_DATA;
    a->rrs = set.rrs;
    a->rr_count = set.count;
    a->is_truncated_by_us = set.is_cut;
    note_signatures(r);
    return true;
}

static void take_denial(struct reading *r)
{
    otr_dns_answer *a = r->answer;

    if (a->content == OTR_DNS_DATA)
        return;
    a->content = r->is_nxdomain ? OTR_DNS_NXDOMAIN : OTR_DNS_NODATA;
    bound_ttl(a, r->has_soa ? r->soa_ttl : 0);
    bound_ttl(a, OTR_NEGATIVE_TTL_MAX);
}

otr_dns_answer *otr_dns_answer_parse(const char *qname, uint16_t qtype, otr_dns_status status, const char *reason,
                                     const uint8_t *packet, size_t len)
{
    struct reading r = { .packet = packet, .len = len };

    /* A bogus answer arrives with rcode 0 and all its data: none of it is looked at. */
    if (status != OTR_DNS_SECURE && status != OTR_DNS_INSECURE)
        return otr_dns_answer_failure(qname, qtype, status, reason != NULL ? reason : "");
    r.answer = otr_dns_answer_begin(qname, qtype, &r.arena);
    if (r.answer == NULL)
        return NULL;
    r.answer->status = status;
    r.answer->content = OTR_DNS_UNKNOWN;
    r.answer->ttl = UINT32_MAX;
    if (read_message(&r) && follow_chain(&r) && take_records(&r)) {
        take_denial(&r);
        free(r.entries);
        return otr_dns_answer_end(r.answer);
    }
    free(r.entries);
    otr_dns_answer_free(r.answer);
    return r.is_out_of_memory ? NULL : otr_dns_answer_failure(qname, qtype, OTR_DNS_TEMPFAIL, r.why);
}

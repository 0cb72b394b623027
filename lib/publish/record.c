/*
 * record.c - making and writing records.
 */
#include "publish/record.h"

#include <arpa/inet.h>

static otr_record make(otr_arena *arena, const char *owner, uint16_t type, uint32_t ttl, const void *rdata, size_t len)
{
    const void *kept = otr_arena_bytes(arena, rdata, len);

    return (otr_record){ .owner = otr_arena_text(arena, owner), .type = type, .ttl = ttl,
                         .rdata = { .ptr = kept, .len = kept != NULL ? len : 0 } };
}

otr_record otr_record_of_text(otr_arena *arena, const char *owner, uint32_t ttl, const char *text)
{
    size_t len = strlen(text), parts = len == 0 ? 1 : (len + OTR_TXT_STRING_MAX - 1) / OTR_TXT_STRING_MAX;
    char *wire = otr_arena_alloc(arena, len + parts, 1), *to = wire;

    for (size_t at = 0, i = 0; wire != NULL && i < parts; i++) {
        size_t part = len - at < OTR_TXT_STRING_MAX ? len - at : OTR_TXT_STRING_MAX;

        *to++ = (char)part;
        memcpy(to, text + at, part);
        to += part;
        at += part;
    }
    return (otr_record){ .owner = otr_arena_text(arena, owner), .type = OTR_RR_TXT, .ttl = ttl,
                         .rdata = { .ptr = wire, .len = wire != NULL ? len + parts : 0 } };
}

otr_record otr_record_of_address(otr_arena *arena, const char *owner, uint32_t ttl, const otr_address *address)
{
    return make(arena, owner, address->family == 4 ? OTR_RR_A : OTR_RR_AAAA, ttl, address->bytes, address->family == 4 ? 4 : 16);
}

otr_record otr_record_of_tlsa(otr_arena *arena, const char *owner, uint32_t ttl, const otr_tlsa *tlsa)
{
    size_t len = (tlsa->is_short ? 0 : 3) + tlsa->len;
    uint8_t *wire = otr_arena_alloc(arena, len, 1), *to = wire;

    if (wire != NULL && !tlsa->is_short) {
        *to++ = tlsa->usage;
        *to++ = tlsa->selector;
        *to++ = tlsa->mtype;
    }
    if (wire != NULL && tlsa->len > 0)
        memcpy(to, tlsa->data, tlsa->len);
    return (otr_record){ .owner = otr_arena_text(arena, owner), .type = OTR_RR_TLSA, .ttl = ttl,
                         .rdata = { .ptr = (const char *)wire, .len = wire != NULL ? len : 0 } };
}

otr_record otr_record_of_alias(otr_arena *arena, const char *owner, uint32_t ttl, const char *target)
{
    return make(arena, owner, OTR_RR_CNAME, ttl, target, strlen(target));
}

otr_record otr_record_of_answer(otr_arena *arena, const otr_dns_answer *answer, size_t i)
{
    const otr_dns_rr *rr = &answer->rrs[i];

    switch (answer->qtype) {
    case OTR_RR_A:
    case OTR_RR_AAAA:
        return make(arena, answer->canonical, answer->qtype, rr->ttl, rr->address.bytes, rr->address.family == 4 ? 4 : 16);
    case OTR_RR_TLSA:
        return make(arena, answer->canonical, answer->qtype, rr->ttl, rr->tlsa.rdata, rr->tlsa.len);
    case OTR_RR_TXT:
        return make(arena, answer->canonical, answer->qtype, rr->ttl, rr->txt.rdata, rr->txt.rdata_len);
    default: /* of CNAME and NS answers; nothing else is asked for here */
        return make(arena, answer->canonical, answer->qtype, rr->ttl, rr->target, strlen(rr->target));
    }
}

const char *otr_record_text(otr_arena *arena, const otr_record *record, size_t *len)
{
    char *text = otr_arena_alloc(arena, record->rdata.len + 1, 1);

    *len = 0;
    for (size_t at = 0; text != NULL && at < record->rdata.len;) {
        size_t part = (unsigned char)record->rdata.ptr[at++];

        if (part > record->rdata.len - at)
            part = record->rdata.len - at;
        memcpy(text + *len, record->rdata.ptr + at, part);
        *len += part;
        at += part;
    }
    return text != NULL ? text : "";
}

/* Octet by octet over both, with the lengths of the strings left out. */
static bool is_same_text(otr_slice a, otr_slice b)
{
    size_t i = 0, j = 0, left_a = 0, left_b = 0;

    for (;;) {
        while (left_a == 0 && i < a.len)
            left_a = (unsigned char)a.ptr[i++];
        while (left_b == 0 && j < b.len)
            left_b = (unsigned char)b.ptr[j++];
        if (i == a.len || j == b.len)
            return i == a.len && j == b.len;
        if (a.ptr[i++] != b.ptr[j++])
            return false;
        left_a--;
        left_b--;
    }
}

bool otr_record_says_same(const otr_record *a, const otr_record *b)
{
    if (a->type != b->type)
        return false;
    return a->type == OTR_RR_TXT ? is_same_text(a->rdata, b->rdata) : otr_slice_eq(a->rdata, b->rdata);
}

/* Writing ------------------------------------------------------------------------------------------------------------- */

/* character-string = DQUOTE *( octet / "\" special / "\" 3DIGIT ) DQUOTE */
static void put_string(const char *at, size_t len, otr_buf *out)
{
    otr_buf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char octet = (unsigned char)at[i];

        if (octet < ' ' || octet > '~')
            otr_buf_printf(out, "\\%03u", octet);
        else if (octet == '"' || octet == '\\')
            otr_buf_printf(out, "\\%c", octet);
        else
            otr_buf_putc(out, (char)octet);
    }
    otr_buf_putc(out, '"');
}

static void put_text(otr_slice rdata, otr_buf *out)
{
    for (size_t at = 0; at < rdata.len;) {
        size_t part = (unsigned char)rdata.ptr[at++];

        if (part > rdata.len - at)
            part = rdata.len - at;
        if (at > 1)
            otr_buf_putc(out, ' ');
        put_string(rdata.ptr + at, part, out);
        at += part;
    }
}

/* RFC 3597 §5: data that the form of its type cannot show. */
static void put_generic(otr_slice rdata, otr_buf *out)
{
    otr_buf_printf(out, "\\# %zu", rdata.len);
    for (size_t i = 0; i < rdata.len; i++)
        otr_buf_printf(out, "%s%02X", i == 0 ? " " : "", (unsigned char)rdata.ptr[i]);
}

void otr_record_put_rdata(const otr_record *r, otr_buf *out)
{
    char text[INET6_ADDRSTRLEN];
    otr_tlsa tlsa;

    switch (r->type) {
    case OTR_RR_TXT:
        put_text(r->rdata, out);
        break;
    case OTR_RR_A:
    case OTR_RR_AAAA:
        if (r->rdata.len > 0)
            otr_buf_puts(out, inet_ntop(r->type == OTR_RR_A ? AF_INET : AF_INET6, r->rdata.ptr, text, sizeof(text)));
        break;
    case OTR_RR_TLSA:
        tlsa = otr_tlsa_from_rdata((const uint8_t *)r->rdata.ptr, r->rdata.len);
        if (tlsa.is_short || tlsa.len == 0)
            put_generic(r->rdata, out);
        else
            otr_tlsa_print(&tlsa, out);
        break;
    default:
        otr_buf_put(out, r->rdata.ptr, r->rdata.len);
        if (r->rdata.len > 0 && r->rdata.ptr[r->rdata.len - 1] != '.')
            otr_buf_putc(out, '.');
        break;
    }
}

static void put_owner(const otr_record *r, otr_buf *out)
{
    otr_buf_puts(out, r->owner);
    if (strcmp(r->owner, ".") != 0)
        otr_buf_putc(out, '.');
}

void otr_record_put_zone(const otr_record *r, otr_buf *out)
{
    put_owner(r, out);
    otr_buf_printf(out, " %u IN %s ", r->ttl, otr_rr_type_name(r->type));
    otr_record_put_rdata(r, out);
}

void otr_record_put_add(const otr_record *r, otr_buf *out)
{
    otr_buf_puts(out, "update add ");
    otr_record_put_zone(r, out);
}

void otr_record_put_delete(const otr_record *r, otr_buf *out)
{
    otr_buf_puts(out, "update delete ");
    put_owner(r, out);
    otr_buf_printf(out, " IN %s ", otr_rr_type_name(r->type));
    otr_record_put_rdata(r, out);
}

void otr_put_comment(const char *text, otr_buf *out)
{
    otr_buf_puts(out, "; ");
    otr_buf_put_printable(out, text, strlen(text));
}

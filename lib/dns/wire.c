/*
 * wire.c - the message format of RFC 1035 §4.1, for packets that may hold anything.
 */
#include "dns/wire.h"

#include "base/slice.h"

bool otr_wire_u8(otr_wire *w, uint8_t *value)
{
    if (w->end - w->at < 1)
        return false;
    *value = w->packet[w->at++];
    return true;
}

bool otr_wire_u16(otr_wire *w, uint16_t *value)
{
    if (w->end - w->at < 2)
        return false;
    *value = (uint16_t)(w->packet[w->at] << 8 | w->packet[w->at + 1]);
    w->at += 2;
    return true;
}

bool otr_wire_u32(otr_wire *w, uint32_t *value)
{
    const uint8_t *p = w->packet + w->at;

    if (w->end - w->at < 4)
        return false;
    *value = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    w->at += 4;
    return true;
}

bool otr_wire_skip(otr_wire *w, size_t octets)
{
    if (w->end - w->at < octets)
        return false;
    w->at += octets;
    return true;
}

static bool is_plain(char c)
{
    return otr_is_alnum(c) || c == '-' || c == '_' || c == '*';
}

static char *put_octet(char *out, uint8_t octet)
{
    char c = otr_to_lower((char)octet);

    if (is_plain(c)) {
        *out++ = c;
        return out;
    }
    *out++ = '\\';
    *out++ = (char)('0' + octet / 100);
    *out++ = (char)('0' + octet / 10 % 10);
    *out++ = (char)('0' + octet % 10);
    return out;
}

/* labels = *( length octets ) ( 0 / pointer ), RFC 1035 §4.1.4 */
bool otr_wire_name(otr_wire *w, char text[OTR_WIRE_NAME_TEXT])
{
    size_t at = w->at, end = w->end;
    size_t run = w->at;  /* where the labels being read began: a pointer must go before it */
    size_t after = 0;    /* where the reader goes on; set by the first pointer */
    size_t octets = 1;   /* of the name so far, with its root label */
    char *out = text;

    for (;;) {
        uint8_t len;

        if (at >= end)
            return false;
        len = w->packet[at++];
        if (len == 0)
            break;
        if ((len & 0xc0) == 0xc0) {
            size_t target;

            if (at >= end)
                return false;
            target = (size_t)(len & 0x3f) << 8 | w->packet[at++];
            if (target >= run)
                return false;
            if (after == 0)
                after = at;
            end = run; /* what it points to lies before these labels altogether */
            at = run = target;
            continue;
        }
        if ((len & 0xc0) != 0 || len > end - at)
            return false;
        octets += 1u + len;
        if (octets > OTR_WIRE_NAME_MAX)
            return false;
        if (text != NULL) {
            if (out != text)
                *out++ = '.';
            for (size_t i = 0; i < len; i++)
                out = put_octet(out, w->packet[at + i]);
        }
        at += len;
    }
    if (text != NULL) {
        if (out == text)
            *out++ = '.';
        *out = '\0';
    }
    w->at = after != 0 ? after : at;
    return true;
}

/* One octet of text: itself, or \DDD. Returns the characters it takes, 0 if there is none or it is broken. */
static size_t octet_text(const char *text)
{
    if (*text == '\0' || *text == '.')
        return 0;
    if (*text != '\\')
        return is_plain(otr_to_lower(*text)) ? 1 : 0;
    if (!otr_is_digit(text[1]) || !otr_is_digit(text[2]) || !otr_is_digit(text[3]) ||
        (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0') > 255)
        return 0;
    return 4;
}

size_t otr_wire_name_length(const char *text)
{
    size_t octets = 1;

    if (strcmp(text, ".") == 0)
        return octets;
    for (;;) {
        size_t label = 0, step;

        while ((step = octet_text(text)) != 0) {
            text += step;
            label++;
        }
        if (label == 0 || label > 63 || (*text != '.' && *text != '\0'))
            return 0;
        octets += 1 + label;
        if (*text++ == '\0')
            return octets;
    }
}

bool otr_wire_header_read(otr_wire *w, otr_wire_header *header)
{
    uint16_t id;

    if (w->end - w->at < OTR_WIRE_HEADER_SIZE)
        return false;
    return otr_wire_u16(w, &id) && otr_wire_u16(w, &header->flags) && otr_wire_u16(w, &header->questions) &&
           otr_wire_u16(w, &header->answers) && otr_wire_u16(w, &header->authorities) &&
           otr_wire_u16(w, &header->additionals);
}

bool otr_wire_rr_read(otr_wire *w, otr_wire_rr *rr)
{
    otr_wire r = *w;

    if (!otr_wire_name(&r, rr->name) || !otr_wire_u16(&r, &rr->type) || !otr_wire_u16(&r, &rr->class) ||
        !otr_wire_u32(&r, &rr->ttl) || !otr_wire_u16(&r, &rr->rdlength))
        return false;
    if (rr->ttl & 0x80000000u)
        rr->ttl = 0;
    rr->rdata = r.at;
    if (!otr_wire_skip(&r, rr->rdlength))
        return false;
    *w = r;
    return true;
}

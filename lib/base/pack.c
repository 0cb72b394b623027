/*
 * pack.c - see pack.h. Seven bits of a number an octet, the lowest first.
 */
#include "base/pack.h"

void otr_pack_number(otr_buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        otr_buf_putc(out, (char)(value & 0x7f) | (char)0x80);
    otr_buf_putc(out, (char)value);
}

void otr_pack_text(otr_buf *out, const char *text)
{
    otr_buf_put(out, text, strlen(text) + 1);
}

void otr_pack_bytes(otr_buf *out, const void *bytes, size_t len)
{
    otr_pack_number(out, len);
    otr_buf_put(out, bytes, len);
}

static void fail(otr_unpack *in)
{
    in->failed = true;
    in->at = in->end;
}

uint64_t otr_unpack_number(otr_unpack *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t octet = (uint8_t)*in->at++;

        value |= (uint64_t)(octet & 0x7f) << shift;
        if (octet < 0x80)
            return value;
    }
    fail(in);
    return 0;
}

const char *otr_unpack_text(otr_unpack *in)
{
    const char *text = in->at;
    const char *nul = in->at < in->end ? memchr(text, '\0', (size_t)(in->end - text)) : NULL;

    if (nul == NULL) {
        fail(in);
        return "";
    }
    in->at = nul + 1;
    return text;
}

otr_slice otr_unpack_bytes(otr_unpack *in)
{
    uint64_t len = otr_unpack_number(in);
    otr_slice bytes = { in->at, (size_t)len };

    if (len > (uint64_t)(in->end - in->at)) {
        fail(in);
        return (otr_slice){ in->end, 0 };
    }
    in->at += len;
    return bytes;
}

void otr_unpack_copy(otr_unpack *in, char *text, size_t size)
{
    const char *from = otr_unpack_text(in);
    size_t len = strlen(from);

    if (len >= size) {
        fail(in);
        len = 0;
    }
    memcpy(text, from, len);
    text[len] = '\0';
}

/*
 * netstring.c - taking and making netstrings.
 */
#include "daemon/listen/netstring.h"

otr_netstring_state otr_netstring_take(const char *bytes, size_t len, size_t limit, otr_slice *content, size_t *taken)
{
    size_t value = 0, at = 0;

    for (; at < len && otr_is_digit(bytes[at]); at++) {
        if (at > 0 && value == 0)
            return OTR_NETSTRING_BROKEN; /* a leading zero */
        value = value * 10 + (size_t)(bytes[at] - '0');
        if (value > limit)
            return OTR_NETSTRING_BROKEN;
    }
    if (at == len)
        return OTR_NETSTRING_PARTIAL;
    if (at == 0 || bytes[at] != ':')
        return OTR_NETSTRING_BROKEN;
    at++;
    if (len - at <= value)
        return OTR_NETSTRING_PARTIAL;
    if (bytes[at + value] != ',')
        return OTR_NETSTRING_BROKEN;
    *content = (otr_slice){ bytes + at, value };
    *taken = at + value + 1;
    return OTR_NETSTRING_WHOLE;
}

void otr_netstring_put(otr_buf *buf, otr_slice content)
{
    otr_buf_printf(buf, "%zu:", content.len);
    otr_buf_put(buf, content.ptr, content.len);
    otr_buf_putc(buf, ',');
}

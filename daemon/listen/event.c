/*
 * event.c - see event.h.
 */
#include "daemon/listen/event.h"

#define KIND "kind=tls.cert "

bool otr_event_begins(otr_slice line)
{
    otr_cursor c = otr_cursor_over(line.ptr, line.len);

    return otr_take_literal(&c, "v1 event " KIND);
}

static bool is_value_char(char c)
{
    unsigned char u = (unsigned char)c;

    return u > ' ' && u != 0x7f;
}

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || otr_is_digit(c) || c == '+' || c == '/' || c == '=';
}

static bool take_number(otr_cursor *c, uint32_t most, uint32_t *number)
{
    uint64_t value = 0;
    otr_slice digits = otr_take_while(c, otr_is_digit);

    if (digits.len == 0 || digits.len > 10)
        return false;
    for (size_t i = 0; i < digits.len; i++)
        value = value * 10 + (uint64_t)(digits.ptr[i] - '0');
    *number = (uint32_t)value;
    return value <= most;
}

const char *otr_event_parse(otr_cursor *c, otr_event *event)
{
    otr_slice destination, host;
    uint32_t depth;

    if (!otr_take_literal(c, KIND "destination=") || (destination = otr_take_while(c, is_value_char)).len == 0 ||
        !otr_take_literal(c, " host=") || (host = otr_take_while(c, is_value_char)).len == 0 ||
        !otr_take_literal(c, " conn=") || !take_number(c, UINT32_MAX, &event->conn) ||
        !otr_take_literal(c, " depth=") || !take_number(c, OTR_CHAIN_MAX - 1, &depth) || !otr_take_literal(c, " cert="))
        return "expected \"kind=tls.cert destination=D host=H conn=N depth=N cert=BASE64\"";
    event->depth = depth;
    event->cert = otr_take_while(c, is_base64);
    if (event->cert.len == 0 || event->cert.len % 4 != 0 || !otr_cursor_at_end(c))
        return "the certificate is not in base64";
    if (otr_destination_parse(destination.ptr, destination.len, &event->destination, NULL) != OUTRIDER_OK ||
        event->destination.kind == OTR_TO_ADDRESS)
        return "no destination";
    return otr_destination_domain(host.ptr, host.len, event->host, NULL) == OUTRIDER_OK ? NULL : "no host";
}

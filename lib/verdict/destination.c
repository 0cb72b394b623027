/*
 * destination.c - next hops as text.
 */
#include "verdict/destination.h"
#include "base/cursor.h"
#include "base/diag.h"

#include <arpa/inet.h>
#include <stdio.h>

/* The service names a next hop may carry instead of a number; a table of our own, because the host's
 * services file must not decide which TLSA records are asked for. */
static const struct {
    const char *name;
    uint16_t port;
} services[] = {
    { "smtp", 25 }, { "submission", 587 }, { "submissions", 465 }, { "smtps", 465 }, { "lmtp", 24 },
};

static bool is_digit(char c)
{
    return otr_is_digit(c);
}

static bool is_name_char(char c)
{
    return otr_is_alpha(c);
}

/* port = 1*5DIGIT / service, RFC 7672 §2.2.3: the number stands in the TLSA name without leading zeros. */
static outrider_err take_port(otr_cursor *c, uint16_t *port, outrider_diag *diag)
{
    const char *start = c->at;
    otr_slice digits = otr_take_while(c, is_digit), name;
    unsigned value = 0;

    if (digits.len > 0) {
        for (size_t i = 0; i < digits.len && value <= 65535; i++)
            value = value * 10 + (unsigned)(digits.ptr[i] - '0');
        if (digits.ptr[0] == '0' || value > 65535)
            return otr_syntax(c, start, diag, "a port is a number from 1 to 65535");
        *port = (uint16_t)value;
        return OUTRIDER_OK;
    }
    name = otr_take_while(c, is_name_char);
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (otr_slice_is(name, services[i].name)) {
            *port = services[i].port;
            return OUTRIDER_OK;
        }
    }
    return otr_syntax(c, start, diag, "expected a port number or \"smtp\", \"submission\", \"submissions\"");
}

static bool is_not_bracket(char c)
{
    return c != ']';
}

static bool is_not_colon(char c)
{
    return c != ':';
}

/* The tag of RFC 5321 §4.1.3, in any case. */
static bool has_ipv6_tag(otr_slice s)
{
    static const char tag[] = "ipv6:";

    for (size_t i = 0; i < sizeof(tag) - 1; i++) {
        if (i >= s.len || otr_to_lower(s.ptr[i]) != tag[i])
            return false;
    }
    return true;
}

/* "IPv6:" address / IPv4 address / IPv6 address, RFC 5321 §4.1.3 and Postfix: printed back in one spelling. */
static bool read_address(otr_slice host, char text[OTR_DOMAIN_SIZE])
{
    bool is_tagged = has_ipv6_tag(host);
    otr_slice s = is_tagged ? (otr_slice){ .ptr = host.ptr + 5, .len = host.len - 5 } : host;
    unsigned char address[sizeof(struct in6_addr)];
    char copy[INET6_ADDRSTRLEN];

    if (s.len >= sizeof(copy) || memchr(s.ptr, '\0', s.len) != NULL)
        return false;
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    if (!is_tagged && inet_pton(AF_INET, copy, address) == 1)
        return inet_ntop(AF_INET, address, text, OTR_DOMAIN_SIZE) != NULL;
    return inet_pton(AF_INET6, copy, address) == 1 && inet_ntop(AF_INET6, address, text, OTR_DOMAIN_SIZE) != NULL;
}

/*
 * "xn--" labels that IDNA2008 does not know (emoji, names from before 2010) are names in DNS all the same, and mail servers
 * deliver there without decoding them (RFC 5891 §5.3: MAY): to refuse them would be to look for no policy.
 */
static bool read_ascii(otr_slice host, char domain[OTR_DOMAIN_SIZE])
{
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len > OTR_DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < host.len; i++)
        domain[i] = otr_to_lower(host.ptr[i]);
    domain[host.len] = '\0';
    return otr_is_ldh_domain(domain, host.len);
}

outrider_err otr_destination_domain(const char *text, size_t len, char domain[OTR_DOMAIN_SIZE], outrider_diag *diag)
{
    outrider_err err = otr_domain_normalize(text, len, domain, diag);

    if (err == OUTRIDER_E_SYNTAX && !otr_is_address_text(text, len) && read_ascii((otr_slice){ text, len }, domain))
        return OUTRIDER_OK;
    return err;
}

outrider_err otr_destination_scope(const char *text, size_t len, char scope[OTR_DOMAIN_SIZE + 1], outrider_diag *diag)
{
    bool is_below = len > 0 && text[0] == '.';
    outrider_err err;

    scope[0] = '.';
    err = otr_destination_domain(text + is_below, len - is_below, scope + is_below, diag);
    if (err == OUTRIDER_OK && !is_below && strchr(scope, '.') == NULL)
        err = otr_fail(diag, OUTRIDER_E_SYNTAX, "a name of one label is no destination");
    return err;
}

static outrider_err read_host(const otr_cursor *c, otr_slice host, otr_destination *d, outrider_diag *diag)
{
    outrider_err err;

    if (d->kind == OTR_TO_HOST && read_address(host, d->domain)) {
        d->kind = OTR_TO_ADDRESS;
        return OUTRIDER_OK;
    }
    if (d->kind == OTR_TO_DOMAIN && otr_is_address_text(host.ptr, host.len))
        return otr_syntax(c, host.ptr, diag, "an address as next hop stands in brackets");
    err = otr_destination_domain(host.ptr, host.len, d->domain, diag);
    if (err != OUTRIDER_OK) {
        if (diag != NULL && diag->column > 0)
            diag->column += (unsigned)(host.ptr - c->begin);
        return err;
    }
    /* A bare label depends on the search list of whoever asks: nothing that a policy can be found for. */
    if (strchr(d->domain, '.') == NULL)
        return otr_syntax(c, host.ptr, diag, "expected a domain with at least two labels");
    return OUTRIDER_OK;
}

/* A name of a service that is not in our table may well be one that the mail server finds in its own. */
bool otr_destination_has_odd_port(const char *text, size_t len)
{
    otr_cursor c = otr_cursor_over(text, len);
    uint16_t port;

    if (otr_take_char(&c, '[')) {
        otr_take_while(&c, is_not_bracket);
        otr_take_char(&c, ']');
    } else {
        otr_take_while(&c, is_not_colon);
    }
    return otr_take_char(&c, ':') && (take_port(&c, &port, NULL) != OUTRIDER_OK || !otr_cursor_at_end(&c));
}

static void spell_key(otr_destination *d)
{
    char port[8] = "";

    if (d->port != OTR_SMTP_PORT)
        snprintf(port, sizeof(port), ":%u", d->port);
    if (d->kind == OTR_TO_DOMAIN)
        snprintf(d->key, sizeof(d->key), "%s%s", d->domain, port);
    else
        snprintf(d->key, sizeof(d->key), "[%s]%s", d->domain, port);
}

/*
 * Nearly all questions are a domain in normal form and nothing besides: one look at each octet tells, and the parser below,
 * which would come to the same, is not needed (a unit test compares the two). What has "--" may be an A-label, which has to
 * be looked into.
 */
static bool is_plain_domain(const char *text, size_t len)
{
    size_t label = 0; /* where it begins */
    bool has_letter = false;

    if (len == 0 || len > OTR_DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c >= 'a' && c <= 'z') {
            has_letter = true;
        } else if (c == '.') {
            if (i == label || i - label > OTR_LABEL_MAX || text[i - 1] == '-')
                return false;
            label = i + 1;
        } else if (!otr_is_digit(c) && (c != '-' || i == label || text[i - 1] == '-')) {
            return false;
        }
    }
    return label > 0 && len > label && len - label <= OTR_LABEL_MAX && text[len - 1] != '-' && has_letter;
}

static void take_plain_domain(const char *text, size_t len, otr_destination *d)
{
    d->kind = OTR_TO_DOMAIN;
    d->port = OTR_SMTP_PORT;
    memcpy(d->domain, text, len);
    memcpy(d->key, text, len);
    d->domain[len] = d->key[len] = '\0';
}

/* next-hop = ( domain / "[" ( domain / address ) "]" ) [ ":" port ] */
static outrider_err parse_next_hop(const char *text, size_t len, otr_destination *destination, outrider_diag *diag)
{
    otr_cursor c = otr_cursor_over(text, len);
    otr_destination d = { .port = OTR_SMTP_PORT };
    otr_slice host;
    outrider_err err;

    if (len >= OTR_DESTINATION_SIZE * 2) /* U-labels may be longer than the A-labels they become */
        return otr_syntax(&c, c.end, diag, "longer than a domain name can be");
    if (otr_take_char(&c, '[')) {
        d.kind = OTR_TO_HOST;
        host = otr_take_while(&c, is_not_bracket);
        if (!otr_take_char(&c, ']'))
            return otr_syntax(&c, c.at, diag, "expected \"]\"");
    } else {
        d.kind = OTR_TO_DOMAIN;
        host = otr_take_while(&c, is_not_colon);
    }
    if (host.len == 0)
        return otr_syntax(&c, host.ptr, diag, "expected a domain, [host] or [address]");
    err = read_host(&c, host, &d, diag);
    if (err != OUTRIDER_OK)
        return err;
    if (otr_take_char(&c, ':')) {
        err = take_port(&c, &d.port, diag);
        if (err != OUTRIDER_OK)
            return err;
    }
    if (!otr_cursor_at_end(&c))
        return otr_syntax(&c, c.at, diag, "expected \":port\" or the end");
    spell_key(&d);
    *destination = d;
    return OUTRIDER_OK;
}

outrider_err otr_destination_parse(const char *text, size_t len, otr_destination *destination, outrider_diag *diag)
{
    if (!is_plain_domain(text, len))
        return parse_next_hop(text, len, destination, diag);
    take_plain_domain(text, len, destination);
    return OUTRIDER_OK;
}

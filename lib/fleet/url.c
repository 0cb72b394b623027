/*
 * url.c - reading such a URL, in the order in which it is written.
 */
#include "fleet/url.h"

#include "base/cursor.h"
#include "base/diag.h"
#include "base/hex.h"

#include <arpa/inet.h>
#include <stdio.h>

static outrider_err refuse(outrider_diag *diag, const char *why)
{
    return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s", why);
}

/* With %HH taken for its octet. False: not printable ASCII, a bad escape, or too long. */
static bool take_escaped(otr_slice from, char *to, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < from.len; i++) {
        int octet = (unsigned char)from.ptr[i];

        if (octet <= ' ' || octet > '~')
            return false;
        if (octet == '%') {
            int high = i + 2 < from.len ? otr_hex_digit(from.ptr[i + 1]) : -1;
            int low = high >= 0 ? otr_hex_digit(from.ptr[i + 2]) : -1;

            if (low < 0)
                return false;
            octet = high * 16 + low;
            i += 2;
        }
        if (octet == 0 || len + 1 >= size)
            return false;
        to[len++] = (char)octet;
    }
    to[len] = '\0';
    return true;
}

static bool take_number(otr_slice digits, unsigned long most, unsigned long *number)
{
    unsigned long value = 0;

    if (digits.len == 0 || digits.len > 5)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (!otr_is_digit(digits.ptr[i]))
            return false;
        value = value * 10 + (unsigned long)(digits.ptr[i] - '0');
    }
    *number = value;
    return value <= most;
}

/* "user:password", ":password" or "user". */
static outrider_err take_who(otr_slice who, otr_fleet_url *url, outrider_diag *diag)
{
    const char *colon = memchr(who.ptr, ':', who.len);
    otr_slice user = { who.ptr, colon != NULL ? (size_t)(colon - who.ptr) : who.len };
    otr_slice password = { colon != NULL ? colon + 1 : "", colon != NULL ? who.len - user.len - 1 : 0 };

    if (!take_escaped(user, url->user, sizeof(url->user)) || !take_escaped(password, url->password, sizeof(url->password)))
        return refuse(diag, "user or password is too long, or has octets that are not printable ASCII nor %HH");
    return OUTRIDER_OK;
}

static outrider_err take_port(otr_slice text, otr_fleet_url *url, outrider_diag *diag)
{
    unsigned long port = OTR_FLEET_PORT;

    if (text.len > 0 && (text.ptr[0] != ':' || !take_number((otr_slice){ text.ptr + 1, text.len - 1 }, 65535, &port) || port == 0))
        return refuse(diag, "the port is none between 1 and 65535");
    url->port = (uint16_t)port;
    return OUTRIDER_OK;
}

static bool is_address(const char *text)
{
    unsigned char binary[16];

    return inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1;
}

/* host [ ":" port ] */
static outrider_err take_host(otr_slice text, otr_fleet_url *url, outrider_diag *diag)
{
    bool has_brackets = text.len > 0 && text.ptr[0] == '[';
    const char *end = text.len > 0 ? memchr(text.ptr, has_brackets ? ']' : ':', text.len) : NULL;
    otr_slice host = { text.ptr + has_brackets, end != NULL ? (size_t)(end - text.ptr) - has_brackets : text.len };
    otr_slice rest = { end != NULL ? end + has_brackets : "", end != NULL ? text.len - host.len - 2 * has_brackets : 0 };

    if (host.len == 0 || host.len >= sizeof(url->host) || (has_brackets && end == NULL))
        return refuse(diag, "there is no host");
    memcpy(url->host, host.ptr, host.len);
    url->host[host.len] = '\0';
    url->is_address = memchr(host.ptr, '\0', host.len) == NULL && is_address(url->host);
    if (has_brackets ? !url->is_address || strchr(url->host, ':') == NULL
                     : !url->is_address && !otr_is_ldh_domain(host.ptr, host.len))
        return refuse(diag, "the host is neither a name (in lower case) nor an IP address (IPv6 in brackets)");
    return take_port(rest, url, diag);
}

static outrider_err take_db(otr_slice digits, otr_fleet_url *url, outrider_diag *diag)
{
    unsigned long db = 0;

    if (digits.len > 0 && !take_number(digits, OTR_FLEET_DB_MAX, &db))
        return refuse(diag, "the database is no number from 0 to 1023");
    url->db = (unsigned)db;
    return OUTRIDER_OK;
}

/* "/path" [ "?db=" number ] */
static outrider_err take_socket(otr_slice text, otr_fleet_url *url, outrider_diag *diag)
{
    const char *query = memchr(text.ptr, '?', text.len);
    otr_slice path = { text.ptr, query != NULL ? (size_t)(query - text.ptr) : text.len };
    otr_cursor c = otr_cursor_over(query != NULL ? query : "", query != NULL ? text.len - path.len : 0);

    if (path.len < 2 || !take_escaped(path, url->path, sizeof(url->path)))
        return refuse(diag, "there is no path of a socket, or it is too long");
    if (query != NULL && !otr_take_literal(&c, "?db="))
        return refuse(diag, "behind \"?\" only db=NUMBER can stand");
    if (query != NULL && otr_cursor_at_end(&c))
        return refuse(diag, "the database is no number from 0 to 1023");
    return take_db((otr_slice){ c.at, (size_t)(c.end - c.at) }, url, diag);
}

static outrider_err take_place(otr_slice text, bool is_unix, otr_fleet_url *url, outrider_diag *diag)
{
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    otr_slice host = { text.ptr, slash != NULL ? (size_t)(slash - text.ptr) : text.len };
    outrider_err err;

    if (is_unix)
        return host.len == 0 && slash != NULL ? take_socket(text, url, diag)
                                              : refuse(diag, "redis+unix:// is followed by the absolute path of a socket");
    err = take_host(host, url, diag);
    if (err != OUTRIDER_OK || slash == NULL)
        return err;
    return take_db((otr_slice){ slash + 1, text.len - host.len - 1 }, url, diag);
}

outrider_err otr_fleet_url_parse(const char *text, size_t len, otr_fleet_url *url, outrider_diag *diag)
{
    otr_cursor c = otr_cursor_over(text, len);
    otr_fleet_url made = { 0 };
    bool is_unix = otr_take_literal(&c, "redis+unix://");
    const char *at = NULL;
    outrider_err err = OUTRIDER_OK;

    if (len > OTR_FLEET_URL_MAX || memchr(text, '\0', len) != NULL)
        return refuse(diag, "the URL is too long");
    made.is_tls = !is_unix && otr_take_literal(&c, "rediss://");
    if (!is_unix && !made.is_tls && !otr_take_literal(&c, "redis://"))
        return refuse(diag, "no URL that begins with redis://, rediss:// or redis+unix://");
    for (const char *p = c.at; p < c.end && (*p != '/' || is_unix); p++) /* the last one: a path may hold none */
        if (*p == '@')
            at = p;
    if (at != NULL)
        err = take_who((otr_slice){ c.at, (size_t)(at - c.at) }, &made, diag);
    if (at != NULL)
        c.at = at + 1;
    if (err == OUTRIDER_OK)
        err = take_place((otr_slice){ c.at, (size_t)(c.end - c.at) }, is_unix, &made, diag);
    if (err == OUTRIDER_OK)
        *url = made;
    return err;
}

const char *otr_fleet_url_place(const otr_fleet_url *url, char text[OTR_FLEET_PLACE_SIZE])
{
    bool is_v6 = strchr(url->host, ':') != NULL;

    if (url->host[0] == '\0')
        snprintf(text, OTR_FLEET_PLACE_SIZE, "redis+unix://%s?db=%u", url->path, url->db);
    else
        snprintf(text, OTR_FLEET_PLACE_SIZE, "%s://%s%s%s:%u/%u", url->is_tls ? "rediss" : "redis", is_v6 ? "[" : "", url->host,
                 is_v6 ? "]" : "", url->port, url->db);
    return text;
}

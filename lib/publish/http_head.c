/*
 * http_head.c - request line and fields.
 */
#include "publish/http_head.h"

#include "base/cursor.h"

#include <strings.h>

#define METHOD_MAX 32

/* What is gathered besides the request. */
struct fields {
    otr_request *request;
    otr_slice target_host;
    bool has_target_host;  /* absolute-form */
    unsigned hosts, lengths, codings;
    bool wants_close, wants_more;
};

/* tchar, RFC 9110 §5.6.2 */
static bool is_tchar(char c)
{
    return otr_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* unreserved / sub-delims, RFC 3986 §2 */
static bool is_name_char(char c)
{
    return otr_is_alnum(c) || (c != '\0' && strchr("-._~!$&'()*+,;=", c) != NULL);
}

static bool is_path_char(char c)
{
    return is_name_char(c) || c == ':' || c == '@' || c == '/' || c == '%';
}

static bool is_query_char(char c)
{
    return is_path_char(c) || c == '?';
}

static bool is_host_char(char c)
{
    return is_name_char(c) || c == '%';
}

static bool is_literal_char(char c)
{
    return is_name_char(c) || c == ':';
}

static bool is_target_char(char c)
{
    return c > ' ' && c < 0x7f;
}

static bool is_hex(char c)
{
    return otr_is_digit(c) || (otr_to_lower(c) >= 'a' && otr_to_lower(c) <= 'f');
}

/* pct-encoded = "%" HEXDIG HEXDIG, wherever there is a "%" */
static bool is_encoded_well(otr_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '%' && (s.len - i < 3 || !is_hex(s.ptr[i + 1]) || !is_hex(s.ptr[i + 2])))
            return false;
    return true;
}

static bool is_word(otr_slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.ptr, word, s.len) == 0;
}

static otr_slice trim(otr_slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* The request line -------------------------------------------------------------------------------------------------- */

/* uri-host [ ":" port ], RFC 9110 §7.2; no userinfo (§4.2.4). The port does not matter: it is the one that was asked. */
static bool take_authority(otr_cursor *c, otr_slice *host)
{
    const char *begin = c->at;

    if (otr_take_char(c, '[')) {
        if (otr_take_while(c, is_literal_char).len == 0 || !otr_take_char(c, ']'))
            return false;
    } else {
        otr_take_while(c, is_host_char);
    }
    *host = (otr_slice){ begin, (size_t)(c->at - begin) };
    if (otr_take_char(c, ':'))
        otr_take_while(c, otr_is_digit);
    return is_encoded_well(*host);
}

/* absolute-path [ "?" query ] */
static bool take_path(otr_cursor *c, otr_slice *path)
{
    otr_slice query = { 0 };

    *path = otr_take_while(c, is_path_char);
    if (otr_take_char(c, '?'))
        query = otr_take_while(c, is_query_char);
    return otr_cursor_at_end(c) && is_encoded_well(*path) && is_encoded_well(query);
}

/* origin-form, or absolute-form, which every server must understand (§3.2.2) */
static bool parse_target(struct fields *f, otr_slice target)
{
    otr_cursor c = otr_cursor_over(target.ptr, target.len);
    otr_slice scheme;

    if (target.ptr[0] == '/')
        return take_path(&c, &f->request->path);
    scheme = otr_take_while(&c, otr_is_alpha);
    if ((!is_word(scheme, "http") && !is_word(scheme, "https")) || !otr_take_literal(&c, "://") ||
        !take_authority(&c, &f->target_host) || f->target_host.len == 0 ||
        !(otr_cursor_at_end(&c) || *c.at == '/' || *c.at == '?') || !take_path(&c, &f->request->path))
        return false;
    f->has_target_host = true;
    if (f->request->path.len == 0)
        f->request->path = otr_slice_of("/");
    return true;
}

/* HTTP-version = "HTTP" "/" DIGIT "." DIGIT, §2.3 */
static unsigned parse_version(otr_request *request, otr_slice text)
{
    if (text.len != 8 || strncmp(text.ptr, "HTTP/", 5) != 0 || !otr_is_digit(text.ptr[5]) || text.ptr[6] != '.' ||
        !otr_is_digit(text.ptr[7]))
        return 400;
    if (text.ptr[5] != '1')
        return 505;
    request->minor = text.ptr[7] == '0' ? 0 : 1;
    return 0;
}

/* request-line = method SP request-target SP HTTP-version, §3 */
static unsigned parse_request_line(struct fields *f, otr_slice line)
{
    otr_cursor c = otr_cursor_over(line.ptr, line.len);
    otr_slice method = otr_take_while(&c, is_tchar), target;
    unsigned status;

    if (method.len == 0 || method.len > METHOD_MAX || !otr_take_char(&c, ' '))
        return 400;
    target = otr_take_while(&c, is_target_char);
    if (target.len == 0 || !otr_take_char(&c, ' '))
        return 400;
    status = parse_version(f->request, (otr_slice){ c.at, (size_t)(c.end - c.at) });
    if (status != 0)
        return status;
    f->request->method = otr_slice_is(method, "GET") ? OTR_METHOD_GET : otr_slice_is(method, "HEAD") ? OTR_METHOD_HEAD
                                                                                                       : OTR_METHOD_OTHER;
    /* "OPTIONS *" and "CONNECT host:port" have forms of their own, and are refused for their method. */
    if (!parse_target(f, target)) {
        if (f->request->method != OTR_METHOD_OTHER)
            return 400;
        f->request->path = (otr_slice){ 0 };
        f->has_target_host = false;
    }
    return 0;
}

/* Fields ------------------------------------------------------------------------------------------------------------ */

static bool parse_host(struct fields *f, otr_slice value)
{
    otr_cursor c = otr_cursor_over(value.ptr, value.len);

    return ++f->hosts == 1 && take_authority(&c, &f->request->host) && otr_cursor_at_end(&c);
}

/* Content-Length = 1*DIGIT; a list of equal ones may be taken for one (RFC 9110 §8.6), and here need not. */
static bool parse_length(struct fields *f, otr_slice value)
{
    if (++f->lengths > 1 || value.len == 0)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (!otr_is_digit(value.ptr[i]))
            return false;
        f->request->has_body = f->request->has_body || value.ptr[i] != '0';
    }
    return true;
}

/* Connection = #connection-option, RFC 9110 §7.6.1 */
static void parse_connection(struct fields *f, otr_slice value)
{
    const char *end = value.ptr + value.len;

    for (const char *at = value.ptr; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        otr_slice option = trim((otr_slice){ at, (size_t)(stop - at) });

        f->wants_close = f->wants_close || is_word(option, "close");
        f->wants_more = f->wants_more || is_word(option, "keep-alive");
        at = stop + 1;
    }
}

/* Each proxy appends; several lines are one list (RFC 9110 §5.3). */
static void parse_forwarded_for(struct fields *f, otr_slice value)
{
    const char *comma = memrchr(value.ptr, ',', value.len);
    otr_slice last = value;

    if (comma != NULL)
        last = (otr_slice){ comma + 1, (size_t)(value.ptr + value.len - comma) - 1 };
    f->request->forwarded_for = trim(last);
}

/* field-line = field-name ":" OWS field-value OWS, §5 */
static bool parse_field(struct fields *f, otr_slice line)
{
    otr_cursor c = otr_cursor_over(line.ptr, line.len);
    otr_slice name = otr_take_while(&c, is_tchar), value;

    if (name.len == 0 || !otr_take_char(&c, ':'))
        return false;
    value = trim((otr_slice){ c.at, (size_t)(c.end - c.at) });
    if (is_word(name, "Host"))
        return parse_host(f, value);
    if (is_word(name, "Content-Length"))
        return parse_length(f, value);
    if (is_word(name, "Transfer-Encoding"))
        f->codings++;
    else if (is_word(name, "Connection"))
        parse_connection(f, value);
    else if (is_word(name, "User-Agent"))
        f->request->user_agent = value;
    else if (is_word(name, "X-Forwarded-For"))
        parse_forwarded_for(f, value);
    return true;
}

/* All of it --------------------------------------------------------------------------------------------------------- */

static otr_slice next_line(const char **at, const char *end_of_head)
{
    const char *begin = *at, *end = memchr(begin, '\r', (size_t)(end_of_head - begin)); /* there is one */

    *at = end + 2;
    return (otr_slice){ begin, (size_t)(end - begin) };
}

/* §3.2, §6.1, §9.3 */
static unsigned conclude(struct fields *f)
{
    otr_request *r = f->request;

    if (r->minor > 0 && f->hosts == 0)
        return 400;
    if (f->codings > 0 && (f->lengths > 0 || r->minor == 0))
        return 400;
    if (f->has_target_host)
        r->host = f->target_host;
    r->has_body = r->has_body || f->codings > 0;
    r->is_last = f->wants_close || r->has_body || (r->minor == 0 && !f->wants_more);
    return 0;
}

unsigned otr_request_parse(const char *head, size_t len, otr_request *request)
{
    otr_request found = { .minor = 1 };
    struct fields f = { .request = &found };
    const char *at = head, *end = head + len;
    unsigned status;

    if (*at == '\r')
        at += 2;
    status = parse_request_line(&f, next_line(&at, end));
    while (status == 0 && at < end - 2) /* the empty line */
        if (!parse_field(&f, next_line(&at, end)))
            status = 400;
    if (status == 0)
        status = conclude(&f);
    if (status == 0)
        *request = found;
    return status;
}

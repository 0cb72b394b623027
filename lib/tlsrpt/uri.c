/*
 * uri.c - reading a report URI. The record's own delimiters, ',', ';' and '!', never stand in one unencoded
 * (RFC 8460 §3), so a URI ends where one of the first two begins, and percent-encoded octets stay as they
 * are until somebody sends there.
 */
#include "tlsrpt/uri.h"

#include "base/hex.h"
#include "dns/name.h"

#define MAILBOX_MAX 320 /* local part 64, '@', domain 255 (RFC 5321 §4.5.3.1) */
#define LOCAL_PART_MAX 64

static bool is_scheme_char(char c)
{
    return otr_is_alnum(c) || c == '+' || c == '-' || c == '.';
}

/* unreserved, gen-delims and sub-delims of RFC 3986 §2.2 and §2.3, without ',' and ';' */
static bool is_uri_char(char c)
{
    return otr_is_alnum(c) || (c != '\0' && strchr("-._~:/?#[]@!$&'()*+=", c) != NULL);
}

static bool is_end(const otr_cursor *c)
{
    return otr_cursor_at_end(c) || *c->at == ',' || *c->at == ';' || *c->at == ' ' || *c->at == '\t';
}

static bool scheme_is(otr_slice scheme, const char *lower)
{
    if (scheme.len != strlen(lower))
        return false;
    for (size_t i = 0; i < scheme.len; i++)
        if (otr_to_lower(scheme.ptr[i]) != lower[i])
            return false;
    return true;
}

/* pct-encoded = "%" HEXDIG HEXDIG */
static bool take_pct(otr_cursor *c)
{
    if (c->end - c->at < 3 || *c->at != '%' || otr_hex_digit(c->at[1]) < 0 || otr_hex_digit(c->at[2]) < 0)
        return false;
    c->at += 3;
    return true;
}

static otr_slice until(otr_slice s, const char *stops)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr(stops, s.ptr[i]) != NULL)
            return (otr_slice){ .ptr = s.ptr, .len = i };
    return s;
}

/* Decode into out, which has room for MAILBOX_MAX; 0 if it does not fit. */
static size_t decode(otr_slice s, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (len == MAILBOX_MAX)
            return 0;
        if (s.ptr[i] == '%') {
            out[len++] = (char)(otr_hex_digit(s.ptr[i + 1]) << 4 | otr_hex_digit(s.ptr[i + 2]));
            i += 2;
        } else {
            out[len++] = s.ptr[i];
        }
    }
    return len;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

/*
 * The domain behind '@': letter-digit-hyphen labels, or a name that converts to them. "xn--" labels are not
 * decoded here: whether one exists is for DNS to say when a report is sent.
 */
static bool is_mail_domain(otr_slice domain)
{
    char text[OTR_DOMAIN_SIZE];

    if (domain.len < sizeof(text)) {
        for (size_t i = 0; i < domain.len; i++)
            text[i] = otr_to_lower(domain.ptr[i]);
        if (otr_is_ldh_domain(text, domain.len))
            return true;
    }
    return otr_domain_normalize(domain.ptr, domain.len, text, NULL) == OUTRIDER_OK;
}

/* mailto: exactly one addr-spec, then perhaps header fields (RFC 6068 §2). */
static const char *mailbox_fault(otr_slice rest)
{
    char mailbox[MAILBOX_MAX];
    otr_slice local = { .ptr = mailbox, .len = 0 };
    size_t len = decode(until(rest, "?#"), mailbox);
    size_t at = len;

    while (at > 0 && mailbox[at - 1] != '@')
        at--;
    if (at < 2)
        return "mailto: without a mailbox";
    local.len = at - 1;
    for (size_t i = 0; i < local.len; i++)
        if (is_control(local.ptr[i]) || (local.ptr[0] != '"' && strchr(" ,;<>()[]:@\\\"", local.ptr[i]) != NULL))
            return "mailto: with a local part that cannot be";
    if (local.len > LOCAL_PART_MAX)
        return "mailto: with a local part longer than 64 octets";
    if (!is_mail_domain((otr_slice){ .ptr = mailbox + at, .len = len - at }))
        return "mailto: without a domain behind the '@'";
    return NULL;
}

/* https: "//" [userinfo "@"] host [":" port] ... (RFC 9110 §4.2.2: a host must be there) */
static const char *https_fault(otr_slice rest)
{
    otr_slice authority;
    const char *at;

    if (rest.len < 2 || rest.ptr[0] != '/' || rest.ptr[1] != '/')
        return "https: without \"//\"";
    authority = until((otr_slice){ .ptr = rest.ptr + 2, .len = rest.len - 2 }, "/?#");
    at = memrchr(authority.ptr, '@', authority.len);
    if (at != NULL) {
        authority.len -= (size_t)(at + 1 - authority.ptr);
        authority.ptr = at + 1;
    }
    if (authority.len == 0 || authority.ptr[0] == ':')
        return "https: without a host";
    return NULL;
}

static const char *skip_reason(otr_slice scheme, otr_slice uri)
{
    otr_slice rest = { .ptr = uri.ptr + scheme.len + 1, .len = uri.len - scheme.len - 1 };

    if (memchr(uri.ptr, '!', uri.len) != NULL)
        return "'!' must be written %21; a size limit as in DMARC has no meaning here";
    if (scheme_is(scheme, "mailto"))
        return mailbox_fault(rest);
    if (scheme_is(scheme, "https"))
        return https_fault(rest);
    return "reports are sent to mailto: and https: only";
}

outrider_err otr_tlsrpt_take_uri(otr_cursor *c, otr_slice *uri, bool *is_used, const char **why, outrider_diag *diag)
{
    otr_cursor ahead = *c;
    otr_slice scheme = otr_take_while(&ahead, is_scheme_char);

    if (scheme.len == 0 && is_end(&ahead))
        return otr_syntax(c, c->at, diag, "empty URI");
    if (scheme.len == 0 || !otr_is_alpha(*scheme.ptr))
        return otr_syntax(c, c->at, diag, "a URI begins with a scheme, such as \"mailto:\"");
    if (!otr_take_char(&ahead, ':'))
        return otr_syntax(c, ahead.at, diag, "URI without scheme: expected ':'");
    while (take_pct(&ahead) || otr_take_while(&ahead, is_uri_char).len > 0)
        ;
    if (!is_end(&ahead) && *ahead.at == '%')
        return otr_syntax(c, ahead.at, diag, "'%%' without two hexadecimal digits");
    if (!is_end(&ahead))
        return otr_syntax(c, ahead.at, diag, "byte 0x%02X cannot stand in a URI", (unsigned char)*ahead.at);
    uri->ptr = c->at;
    uri->len = (size_t)(ahead.at - c->at);
    *why = skip_reason(scheme, *uri);
    *is_used = *why == NULL;
    *c = ahead;
    return OUTRIDER_OK;
}

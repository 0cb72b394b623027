/*
 * name.c - domain names as text. A name is taken apart at its dots first and each label is brought into
 * normal form by itself, so that a refusal names the label.
 *
 * What libidn2 returns is not taken on trust. With IDN2_USE_STD3_ASCII_RULES it drops forbidden characters
 * silently ("x", U+2100, "y" becomes "xy", another domain), and without it underscores and symbols survive inside
 * an A-label. So it is used without, the result must consist of letters, digits and hyphens, and every
 * A-label, typed or made, is decoded and encoded again under plain IDNA2008 rules (RFC 5891 §5.3, §5.4).
 */
#include "dns/name.h"

#include "base/cursor.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdlib.h>

/* Octets of a name as typed. U-labels take more room than what they become, but not without end. */
#define NAME_INPUT_MAX 1024
/* Octets of a label as typed. */
#define LABEL_INPUT_MAX 512

static bool is_ascii(char c)
{
    return (unsigned char)c < 0x80;
}

static bool is_ldh(char c)
{
    return otr_is_alnum(c) || c == '-';
}

static bool is_digit_or_dot(char c)
{
    return otr_is_digit(c) || c == '.';
}

static bool is_all(otr_slice s, bool (*is_member)(char))
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_member(s.ptr[i]))
            return false;
    return true;
}

static bool has_ace_prefix(otr_slice s)
{
    return s.len >= 4 && otr_to_lower(s.ptr[0]) == 'x' && otr_to_lower(s.ptr[1]) == 'n' && s.ptr[2] == '-' &&
           s.ptr[3] == '-';
}

/* The octets of the dot at p: '.', or one of the three that UTS 46 §2.3 takes for it; 0 if it is none. */
static size_t dot_len(const char *p, const char *end)
{
    static const char *const wide[] = { "\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1" };

    if (*p == '.')
        return 1;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (end - p >= 3 && memcmp(p, wide[i], 3) == 0)
            return 3;
    return 0;
}

/* Bytes that no domain name has, in any script, are refused before IDNA may map them to something else. */
static outrider_err check_ascii_bytes(const otr_cursor *c, otr_slice label, outrider_diag *diag)
{
    for (const char *p = label.ptr; p < label.ptr + label.len; p++) {
        if (!is_ascii(*p) || is_ldh(*p))
            continue;
        if (*p == '_')
            return otr_syntax(c, p, diag, "an underscore cannot stand in a domain of mail or in a host name");
        if (*p == '*')
            return otr_syntax(c, p, diag, "a wildcard is not a domain");
        if (*p == ' ' || *p == '\t')
            return otr_syntax(c, p, diag, "white space in a domain");
        if (*p > ' ' && *p != 0x7f)
            return otr_syntax(c, p, diag, "'%c' cannot stand in a domain", *p);
        return otr_syntax(c, p, diag, "byte 0x%02X cannot stand in a domain", (unsigned char)*p);
    }
    return OUTRIDER_OK;
}

/* label = Let-dig [Ldh-str], at most 63 octets (RFC 5321 §4.1.2, RFC 1035 §2.3.4); NULL if it is one. */
static const char *find_label_fault(otr_slice label, size_t *at)
{
    *at = 0;
    if (label.len == 0)
        return "empty label";
    if (label.len > OTR_LABEL_MAX) {
        *at = OTR_LABEL_MAX;
        return "label longer than 63 octets";
    }
    for (; *at < label.len; (*at)++)
        if (!is_ldh(label.ptr[*at]))
            return "a label consists of letters, digits and hyphens";
    *at = 0;
    if (label.ptr[0] == '-')
        return "a label cannot begin with a hyphen";
    *at = label.len - 1;
    if (label.ptr[*at] == '-')
        return "a label cannot end with a hyphen";
    return NULL;
}

static outrider_err idn_failed(const otr_cursor *c, otr_slice label, int status, outrider_diag *diag)
{
    if (status == IDN2_MALLOC)
        return OUTRIDER_E_NOMEM;
    return otr_syntax(c, label.ptr, diag, "not an internationalised label: %s", idn2_strerror(status));
}

/*
 * Whether ace decodes to a U-label that IDNA2008 permits and that encodes to ace again. libidn2 compares too, by
 * default and as of this version; a name is what keys are made of, so it is not left to a default.
 */
static outrider_err check_ace_label(const otr_cursor *c, otr_slice label, const char *ace, outrider_diag *diag)
{
    char *decoded = NULL;
    uint8_t *again = NULL;
    outrider_err err = OUTRIDER_OK;
    int status = idn2_to_unicode_8z8z(ace, &decoded, 0);

    if (status == IDN2_OK)
        status = idn2_lookup_u8((const uint8_t *)decoded, &again, IDN2_NO_TR46);
    if (status != IDN2_OK)
        err = idn_failed(c, label, status, diag);
    else if (strcmp((const char *)again, ace) != 0 || strcmp(decoded, ace) == 0)
        err = otr_syntax(c, label.ptr, diag, "\"xn--\" label that does not decode to what it was made from");
    idn2_free(decoded);
    idn2_free(again);
    return err;
}

/* A label with non-ASCII characters or "xn--": what UTS 46 maps it to, as an A-label (or a plain one). */
static outrider_err convert_label(const otr_cursor *c, otr_slice label, char out[OTR_LABEL_MAX + 1], size_t *out_len,
                                  outrider_diag *diag)
{
    char typed[LABEL_INPUT_MAX + 1];
    uint8_t *mapped = NULL;
    outrider_err err = OUTRIDER_OK;
    otr_slice made;
    const char *fault;
    size_t at;
    int status;

    if (label.len > LABEL_INPUT_MAX)
        return otr_syntax(c, label.ptr, diag, "label longer than 63 octets");
    memcpy(typed, label.ptr, label.len);
    typed[label.len] = '\0';
    status = idn2_lookup_u8((const uint8_t *)typed, &mapped, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (status != IDN2_OK)
        return idn_failed(c, label, status, diag);
    made = otr_slice_of((const char *)mapped);
    fault = find_label_fault(made, &at);
    if (fault != NULL)
        err = otr_syntax(c, label.ptr, diag, "%s (after conversion)", fault);
    else if (has_ace_prefix(made))
        err = check_ace_label(c, label, made.ptr, diag);
    if (err == OUTRIDER_OK) {
        memcpy(out, made.ptr, made.len);
        *out_len = made.len;
    }
    idn2_free(mapped);
    return err;
}

static outrider_err normalize_label(const otr_cursor *c, otr_slice label, char out[OTR_LABEL_MAX + 1], size_t *out_len,
                                    outrider_diag *diag)
{
    outrider_err err = check_ascii_bytes(c, label, diag);
    const char *fault;
    size_t at;

    if (err != OUTRIDER_OK)
        return err;
    if (has_ace_prefix(label) || !is_all(label, is_ascii))
        return convert_label(c, label, out, out_len, diag);
    fault = find_label_fault(label, &at);
    if (fault != NULL)
        return otr_syntax(c, label.ptr + at, diag, "%s", fault);
    for (size_t i = 0; i < label.len; i++)
        out[i] = otr_to_lower(label.ptr[i]);
    *out_len = label.len;
    return OUTRIDER_OK;
}

static otr_slice take_label(otr_cursor *c)
{
    otr_slice label = { .ptr = c->at, .len = 0 };

    while (c->at < c->end && dot_len(c->at, c->end) == 0)
        c->at++;
    label.len = (size_t)(c->at - label.ptr);
    return label;
}

static bool take_dot(otr_cursor *c)
{
    size_t len = c->at < c->end ? dot_len(c->at, c->end) : 0;

    c->at += len;
    return len > 0;
}

outrider_err otr_domain_normalize(const char *text, size_t len, char domain[OTR_DOMAIN_SIZE], outrider_diag *diag)
{
    otr_cursor c = otr_cursor_over(text, len);
    char made[OTR_DOMAIN_SIZE];
    size_t made_len = 0;

    if (len == 0)
        return otr_syntax(&c, c.at, diag, "a domain is not empty");
    if (otr_is_address_text(text, len))
        return otr_syntax(&c, c.at, diag, "an address is not a domain");
    if (len > NAME_INPUT_MAX)
        return otr_syntax(&c, c.begin + OTR_DOMAIN_MAX, diag, "domain longer than %d octets", OTR_DOMAIN_MAX);
    do {
        char label[OTR_LABEL_MAX + 1];
        size_t label_len = 0;
        otr_slice typed = take_label(&c);
        outrider_err err = normalize_label(&c, typed, label, &label_len, diag);

        if (err != OUTRIDER_OK)
            return err;
        if (made_len + (made_len > 0) + label_len > OTR_DOMAIN_MAX)
            return otr_syntax(&c, typed.ptr, diag, "domain longer than %d octets", OTR_DOMAIN_MAX);
        if (made_len > 0)
            made[made_len++] = '.';
        memcpy(made + made_len, label, label_len);
        made_len += label_len;
    } while (take_dot(&c) && !otr_cursor_at_end(&c));

    /* Digits of another script may have become an address by now. */
    if (is_all((otr_slice){ .ptr = made, .len = made_len }, is_digit_or_dot))
        return otr_syntax(&c, c.begin, diag, "an address is not a domain");
    memcpy(domain, made, made_len);
    domain[made_len] = '\0';
    return OUTRIDER_OK;
}

bool otr_is_below(const char *domain, const char *parent)
{
    size_t len = strlen(domain), parent_len = strlen(parent);

    return len > parent_len && strcmp(domain + len - parent_len, parent) == 0;
}

bool otr_is_ldh_domain(const char *text, size_t len)
{
    otr_slice rest = { .ptr = text, .len = len };

    if (len == 0 || len > OTR_DOMAIN_MAX || is_all(rest, is_digit_or_dot))
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] != otr_to_lower(text[i]))
            return false;
    for (;;) {
        const char *dot = memchr(rest.ptr, '.', rest.len);
        otr_slice label = { .ptr = rest.ptr, .len = dot != NULL ? (size_t)(dot - rest.ptr) : rest.len };
        size_t at;

        if (find_label_fault(label, &at) != NULL)
            return false;
        if (dot == NULL)
            return true;
        rest.len -= label.len + 1;
        rest.ptr = dot + 1;
    }
}

static bool is_ipv6_text(otr_slice s)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (s.len >= sizeof(copy) || memchr(s.ptr, '\0', s.len) != NULL)
        return false;
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

/* The tag of RFC 5321 §4.1.3, in any case. */
static bool has_ipv6_tag(otr_slice s)
{
    static const char tag[] = "ipv6:";

    for (size_t i = 0; i < sizeof(tag) - 1; i++)
        if (i >= s.len || otr_to_lower(s.ptr[i]) != tag[i])
            return false;
    return true;
}

bool otr_is_address_text(const char *text, size_t len)
{
    otr_slice s = { .ptr = text, .len = len };

    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        s.ptr++;
        s.len -= 2;
        if (has_ipv6_tag(s))
            return is_ipv6_text((otr_slice){ .ptr = s.ptr + 5, .len = s.len - 5 });
    }
    /* Nothing but digits and dots: no top-level domain is a number, and address parsers take "1.2" and "1" too. */
    if (s.len > 0 && otr_is_digit(s.ptr[0]) && is_all(s, is_digit_or_dot))
        return true;
    return is_ipv6_text(s);
}

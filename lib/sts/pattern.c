/*
 * pattern.c - mx patterns: their grammar (RFC 8461 §3.2 with Domain of RFC 5321 §4.1.2; STS-BODY-11, -12) and
 * what they match (RFC 8461 §4.1, STS-APPLY-02).
 */
#include "sts/pattern.h"

#include "dns/name.h"
#include "sts/policy.h"

otr_slice otr_sts_pattern_domain(otr_slice pattern)
{
    if (pattern.len >= 2 && pattern.ptr[0] == '*' && pattern.ptr[1] == '.')
        return (otr_slice){ .ptr = pattern.ptr + 2, .len = pattern.len - 2 };
    return pattern;
}

static const char *byte_fault(char c)
{
    switch (c) {
    case '*':
        return "a wildcard stands for the whole first label and nowhere else (\"*.example.org\")";
    case ',':
    case ';':
    case ' ':
    case '\t':
        return "one pattern on each mx line";
    case '_':
        return "no host name has an underscore";
    case '[':
    case ':':
        return "an address cannot be an mx pattern";
    default:
        return (unsigned char)c >= 0x80 ? "write the A-label (\"xn--...\") of an internationalised name"
                                        : "a pattern consists of letters, digits, hyphens and dots";
    }
}

/* One label; *at enters at its first byte and leaves behind its last, or at the fault. */
static const char *label_fault(const char **at, const char *end)
{
    const char *begin = *at;

    while (*at < end && **at != '.') {
        if (!otr_is_alnum(**at) && **at != '-')
            return byte_fault(**at);
        if (*at - begin >= OTR_LABEL_MAX)
            return "label longer than 63 octets";
        (*at)++;
    }
    if (*at == begin)
        return "empty label";
    if (*begin == '-') {
        *at = begin;
        return "a label cannot begin with a hyphen";
    }
    if ((*at)[-1] == '-') {
        (*at)--;
        return "a label cannot end with a hyphen";
    }
    return NULL;
}

const char *otr_sts_pattern_fault(otr_slice pattern, const char **at)
{
    const char *end = pattern.ptr + pattern.len;

    *at = otr_sts_pattern_domain(pattern).ptr;
    for (;;) {
        const char *why = label_fault(at, end);

        if (why != NULL)
            return why;
        if (*at == end)
            break;
        if (++*at == end) {
            (*at)--;
            return "a pattern has no final dot";
        }
    }
    /* The shortest host that "*." stands for has one octet in its place, so the limit holds for all of it. */
    if (pattern.len > OTR_DOMAIN_MAX) {
        *at = pattern.ptr + OTR_DOMAIN_MAX;
        return "pattern longer than 253 octets";
    }
    return NULL;
}

static bool equal_but_case(otr_slice a, otr_slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (otr_to_lower(a.ptr[i]) != otr_to_lower(b.ptr[i]))
            return false;
    return true;
}

bool otr_sts_pattern_matches(const char *pattern, const char *mx_host)
{
    otr_slice whole = otr_slice_of(pattern), host = otr_slice_of(mx_host);
    otr_slice domain = otr_sts_pattern_domain(whole);
    const char *dot;

    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    /* STS-BODY-13: a pattern may look like an address, but an address is not the name of an MX host. */
    if (host.len == 0 || otr_is_address_text(host.ptr, host.len))
        return false;
    if (domain.len == whole.len)
        return equal_but_case(whole, host);
    dot = memchr(host.ptr, '.', host.len);
    if (dot == NULL || dot == host.ptr)
        return false;
    return equal_but_case(domain, (otr_slice){ .ptr = dot + 1, .len = host.len - (size_t)(dot + 1 - host.ptr) });
}

bool otr_sts_policy_admits(const otr_sts_policy *policy, const char *mx_host)
{
    for (size_t i = 0; i < policy->mx_count; i++)
        if (otr_sts_pattern_matches(policy->mx[i], mx_host))
            return true;
    return false;
}

/*
 * override.c - what an override may be.
 */
#include "verdict/override.h"

#include "base/date.h"
#include "base/diag.h"

static const otr_level allowed[] = { OTR_LEVEL_MAY, OTR_LEVEL_ENCRYPT, OTR_LEVEL_DEFER };
#define ALLOWED_COUNT (sizeof(allowed) / sizeof(allowed[0]))

bool otr_override_level(const char *word, otr_level *level)
{
    for (size_t i = 0; i < ALLOWED_COUNT; i++) {
        if (strcmp(word, otr_level_names[allowed[i]]) == 0) {
            *level = allowed[i];
            return true;
        }
    }
    return false;
}

outrider_err otr_override_until(const char *text, otr_time now, otr_time *until, outrider_diag *diag)
{
    bool has_time;
    otr_time at;

    if (!otr_date_parse(text, strlen(text), &at, &has_time))
        return otr_fail(diag, OUTRIDER_E_SYNTAX,
                        "until is a date such as 2026-12-01 (that day included), or RFC 3339 such as "
                        "2026-12-01T18:00:00Z");
    if (!has_time)
        at += 86399;
    if (at <= now)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "until lies in the past");
    if (at - now > OTR_OVERRIDE_LONGEST)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "until lies more than 366 days ahead");
    *until = at;
    return OUTRIDER_OK;
}

/* Octets of the character that begins with this one; 0: none does. */
static size_t utf8_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc0 || first >= 0xf8)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* UTF8-char of RFC 3629 §4 at `at`: its length and value; 0 if it is none. */
static size_t take_utf8(const unsigned char *at, size_t left, uint32_t *value)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 }; /* by length: the shortest form is the only one */
    size_t len = utf8_length(at[0]);

    if (len == 0 || len > left)
        return 0;
    *value = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *value = *value << 6 | (at[i] & 0x3f);
    }
    return *value < least[len] || *value > 0x10ffff || (*value >= 0xd800 && *value < 0xe000) ? 0 : len;
}

/* What a terminal would obey instead of showing it: controls, line ends, turns of the writing direction. */
static bool is_printable(uint32_t c)
{
    return c >= ' ' && !(c >= 0x7f && c < 0xa0) && c != 0x061c && !(c >= 0x200b && c <= 0x200f) &&
           !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff && (c & 0xfffe) != 0xfffe;
}

outrider_err otr_override_reason(const char *text, size_t len, outrider_diag *diag)
{
    bool is_blank = true;
    uint32_t value = 0;

    if (len > OTR_OVERRIDE_REASON_MAX)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the reason has more than %d octets", OTR_OVERRIDE_REASON_MAX);
    for (size_t at = 0, taken; at < len; at += taken) {
        taken = take_utf8((const unsigned char *)text + at, len - at, &value);
        if (taken == 0 || !is_printable(value))
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "the reason is not one line of printable UTF-8: octet %zu",
                            at + 1);
        is_blank = is_blank && value == ' ';
    }
    return is_blank ? otr_fail(diag, OUTRIDER_E_SYNTAX, "the reason is empty") : OUTRIDER_OK;
}

outrider_err otr_override_check(const otr_override *o, outrider_diag *diag)
{
    bool is_allowed = false;

    for (size_t i = 0; i < ALLOWED_COUNT; i++)
        is_allowed = is_allowed || o->level == allowed[i];
    if (!is_allowed)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the level is none of may, encrypt, defer");
    if (!otr_is_ldh_domain(o->domain, strlen(o->domain)))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the domain is none");
    if (o->made_at <= 0 || o->until <= o->made_at || o->until - o->made_at > OTR_OVERRIDE_LONGEST)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the time is impossible");
    return otr_override_reason(o->reason, strlen(o->reason), diag);
}

bool otr_level_meets(otr_level level, otr_minimum minimum)
{
    switch (level) {
    case OTR_LEVEL_DEFER:
    case OTR_LEVEL_DANE_ONLY:
        return true;
    case OTR_LEVEL_SECURE:
        return minimum <= OTR_MINIMUM_SECURE;
    case OTR_LEVEL_ENCRYPT:
        return minimum <= OTR_MINIMUM_ENCRYPT;
    case OTR_LEVEL_DANE:
    case OTR_LEVEL_MAY:
        break;
    }
    return minimum == OTR_MINIMUM_NONE;
}

/*
 * policy.c - reading an MTA-STS policy body (RFC 8461 §3.2):
 *
 *   sts-policy-record = sts-policy-field *WSP *(sts-policy-term sts-policy-field *WSP) [sts-policy-term]
 *
 * The body is read line by line, and reading goes on after an error: a line has at most one error, at its
 * first offending byte, and what is missing is reported behind the last byte. Tolerated beside the grammar,
 * with a warning: blank lines at the end (STS-BODY-16).
 */
#include "sts/policy.h"

#include "base/cursor.h"
#include "dns/name.h"
#include "sts/pattern.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD_NAME_MAX 32
#define MAX_AGE_DIGITS 10

const char *const otr_sts_mode_names[] = { "none", "testing", "enforce", NULL };
#define MODE_COUNT (sizeof(otr_sts_mode_names) / sizeof(otr_sts_mode_names[0]) - 1)

/* What was read so far. A field counts as seen when its line was there, also with a wrong value. */
typedef struct reading {
    otr_cursor c;         /* over the whole body; c.at is the next line */
    otr_sts_notes *notes; /* borrowed; may be NULL */
    outrider_err err;     /* of the first error */
    const char *blank;    /* first of the blank lines just passed, NULL if the last line was not blank */
    bool has_fields, has_version, has_mode, has_max_age, has_mx;
    bool mode_is_known;
    otr_sts_mode mode;
    uint32_t max_age;
    otr_slice mx[OTR_STS_MX_MAX];
    size_t mx_count;
} reading;

static void note_at(const reading *r, const char *at, outrider_diag *diag, const char *format, va_list args)
{
    otr_locate(r->c.begin, at, &diag->line, &diag->column);
    vsnprintf(diag->message, sizeof(diag->message), format, args);
}

static void refuse(reading *r, outrider_err err, const char *at, const char *format, ...) OUTRIDER_PRINTF(4, 5);
static void warn(reading *r, const char *at, const char *format, ...) OUTRIDER_PRINTF(3, 4);

static void refuse(reading *r, outrider_err err, const char *at, const char *format, ...)
{
    va_list args;

    if (r->err == OUTRIDER_OK)
        r->err = err;
    if (r->notes == NULL || r->notes->error_count == OTR_STS_NOTES_MAX)
        return;
    va_start(args, format);
    note_at(r, at, &r->notes->errors[r->notes->error_count++], format, args);
    va_end(args);
}

static void warn(reading *r, const char *at, const char *format, ...)
{
    va_list args;

    if (r->notes == NULL || r->notes->warning_count == OTR_STS_NOTES_MAX)
        return;
    va_start(args, format);
    note_at(r, at, &r->notes->warnings[r->notes->warning_count++], format, args);
    va_end(args);
}

static void refuse_byte(reading *r, const char *at, const char *where)
{
    if (*at == '\r')
        refuse(r, OUTRIDER_E_SYNTAX, at, "carriage return that does not end a line");
    else if (*at > ' ' && *at < 0x7f)
        refuse(r, OUTRIDER_E_SYNTAX, at, "'%c' cannot stand in %s", *at, where);
    else if (*at == ' ' || *at == '\t')
        refuse(r, OUTRIDER_E_SYNTAX, at, "white space cannot stand in %s", where);
    else
        refuse(r, OUTRIDER_E_SYNTAX, at, "byte 0x%02X cannot stand in %s", (unsigned char)*at, where);
}

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_name_char(char c)
{
    return otr_is_alnum(c) || c == '_' || c == '-' || c == '.';
}

/* sts-policy-term = LF / CRLF. The line without it; the cursor moves to the next one. */
static otr_slice take_line(otr_cursor *c)
{
    otr_slice line = { .ptr = c->at, .len = (size_t)(c->end - c->at) };
    const char *lf = memchr(line.ptr, '\n', line.len);

    if (lf == NULL) {
        c->at = c->end;
        return line;
    }
    line.len = (size_t)(lf - line.ptr);
    c->at = lf + 1;
    if (line.len > 0 && lf[-1] == '\r')
        line.len--;
    return line;
}

/* Octets of the UTF-8 character at p (RFC 3629 §4: no overlong forms, no surrogates), 0 if there is none. */
static size_t utf8_len(const char *p, const char *end)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t len = u[0] < 0x80 ? 1 : u[0] >= 0xc2 && u[0] <= 0xdf ? 2 : (u[0] & 0xf0) == 0xe0 ? 3
               : u[0] >= 0xf0 && u[0] <= 0xf4                    ? 4 : 0;

    if (len == 0 || (size_t)(end - p) < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
        (u[0] == 0xf4 && u[1] > 0x8f))
        return 0;
    return len;
}

/* sts-policy-ext-value: visible ASCII, spaces inside, UTF-8. No other value may contain more than that. */
static bool check_value_bytes(reading *r, otr_slice value)
{
    const char *end = value.ptr + value.len;

    for (const char *p = value.ptr; p < end;) {
        size_t len = utf8_len(p, end);

        if (len == 0) {
            refuse(r, OUTRIDER_E_SYNTAX, p, "byte 0x%02X is not UTF-8 here", (unsigned char)*p);
            return false;
        }
        if (len == 1 && (*p < ' ' || *p == 0x7f)) {
            if (*p == '\t')
                refuse(r, OUTRIDER_E_SYNTAX, p, "tab inside a value");
            else
                refuse_byte(r, p, "a value");
            return false;
        }
        p += len;
    }
    return true;
}

static void read_version(reading *r, otr_slice value)
{
    r->has_version = true;
    if (!otr_slice_is(value, "STSv1"))
        refuse(r, OUTRIDER_E_SYNTAX, value.ptr, "version must be STSv1");
}

static void read_mode(reading *r, otr_slice value)
{
    r->has_mode = true;
    for (size_t i = 0; i < MODE_COUNT; i++) {
        if (otr_slice_is(value, otr_sts_mode_names[i])) {
            r->mode = (otr_sts_mode)i;
            r->mode_is_known = true;
            return;
        }
    }
    refuse(r, OUTRIDER_E_SYNTAX, value.ptr, "mode must be enforce, testing or none, in lower case");
}

/* 1*10(DIGIT); STS-BODY-08: the prose limit of about a year clamps, it does not refuse. */
static void read_max_age(reading *r, otr_slice value)
{
    uint64_t seconds = 0;

    r->has_max_age = true;
    for (size_t i = 0; i < value.len; i++) {
        if (!otr_is_digit(value.ptr[i])) {
            refuse(r, OUTRIDER_E_SYNTAX, value.ptr + i, "max_age is a number of seconds, digits only");
            return;
        }
        if (i == MAX_AGE_DIGITS) {
            refuse(r, OUTRIDER_E_SYNTAX, value.ptr + i, "max_age longer than %d digits", MAX_AGE_DIGITS);
            return;
        }
        seconds = seconds * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    if (seconds > OTR_STS_MAX_AGE_LIMIT)
        warn(r, value.ptr, "max_age above %d counts as %d", OTR_STS_MAX_AGE_LIMIT, OTR_STS_MAX_AGE_LIMIT);
    if (seconds == 0)
        warn(r, value.ptr, "max_age 0: senders do not keep this policy");
    r->max_age = seconds > OTR_STS_MAX_AGE_LIMIT ? OTR_STS_MAX_AGE_LIMIT : (uint32_t)seconds;
}

/* Patterns that are well-formed and yet do nothing. */
static void warn_mx(reading *r, otr_slice value)
{
    otr_slice domain = otr_sts_pattern_domain(value);
    char normal[OTR_DOMAIN_SIZE];
    outrider_diag why;

    if (r->notes == NULL)
        return;
    if (otr_is_address_text(domain.ptr, domain.len))
        warn(r, value.ptr, "an address matches no MX host");
    else if (otr_domain_normalize(domain.ptr, domain.len, normal, &why) == OUTRIDER_E_SYNTAX)
        warn(r, domain.ptr + why.column - 1, "no MX host can have this name: %s", why.message);
    for (size_t i = 0; i < r->mx_count; i++) {
        if (otr_slice_eq(r->mx[i], value)) {
            warn(r, value.ptr, "the same mx pattern again");
            return;
        }
    }
}

static void read_mx(reading *r, otr_slice value)
{
    const char *at;
    const char *fault = otr_sts_pattern_fault(value, &at);

    r->has_mx = true;
    if (fault != NULL) {
        refuse(r, OUTRIDER_E_SYNTAX, at, "%s", fault);
        return;
    }
    if (r->mx_count == OTR_STS_MX_MAX) {
        refuse(r, OUTRIDER_E_LIMIT, value.ptr, "more than %d mx lines", OTR_STS_MX_MAX);
        return;
    }
    warn_mx(r, value);
    r->mx[r->mx_count++] = value;
}

static bool equal_but_case(otr_slice s, const char *lower)
{
    if (s.len != strlen(lower))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (otr_to_lower(s.ptr[i]) != lower[i])
            return false;
    return true;
}

/* The fields with a meaning. Of those that stand once only the first counts (§3.2, end; STS-BODY-14). */
static void read_field(reading *r, otr_slice name, otr_slice value)
{
    const struct {
        const char *name;
        void (*read)(reading *, otr_slice);
        bool is_repeated;
    } fields[] = {
        { "version", read_version, r->has_version },
        { "mode", read_mode, r->has_mode },
        { "max_age", read_max_age, r->has_max_age },
        { "mx", read_mx, false },
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (!equal_but_case(name, fields[i].name))
            continue;
        if (!otr_slice_is(name, fields[i].name))
            warn(r, name.ptr, "field names are case sensitive: this is not \"%s\" and is ignored", fields[i].name);
        else if (fields[i].is_repeated)
            warn(r, name.ptr, "\"%s\" again: only the first counts", fields[i].name);
        else
            fields[i].read(r, value);
        return;
    }
}

/* sts-policy-ext-name ":"; every field name fits it. The cursor is over the line and ends behind the colon. */
static bool take_name(reading *r, otr_cursor *c, otr_slice *name)
{
    const char *begin = c->at;
    otr_cursor probe;

    if (is_wsp(*begin)) {
        refuse(r, OUTRIDER_E_SYNTAX, begin, "white space before a field name");
        return false;
    }
    *name = otr_take_while(c, is_name_char);
    if (!otr_is_alnum(*begin)) {
        if (*begin == ':')
            refuse(r, OUTRIDER_E_SYNTAX, begin, "no field name before the colon");
        else
            refuse_byte(r, begin, "the first place of a field name");
        return false;
    }
    if (name->len > FIELD_NAME_MAX) {
        refuse(r, OUTRIDER_E_SYNTAX, begin + FIELD_NAME_MAX, "field name longer than %d characters", FIELD_NAME_MAX);
        return false;
    }
    if (otr_take_char(c, ':'))
        return true;
    probe = *c;
    if (otr_take_wsp(&probe) > 0 && otr_take_char(&probe, ':'))
        refuse(r, OUTRIDER_E_SYNTAX, c->at, "white space before the colon");
    else if (memchr(c->at, ':', (size_t)(c->end - c->at)) == NULL && (otr_cursor_at_end(c) || is_wsp(*c->at)))
        refuse(r, OUTRIDER_E_SYNTAX, c->at, "expected \"name: value\"");
    else
        refuse_byte(r, c->at, "a field name");
    return false;
}

/* A field on a line that was refused is there all the same: no second error is to say that it is missing. */
static void count_as_seen(reading *r, otr_slice name)
{
    r->has_version |= otr_slice_is(name, "version");
    r->has_mode |= otr_slice_is(name, "mode");
    r->has_max_age |= otr_slice_is(name, "max_age");
    r->has_mx |= otr_slice_is(name, "mx");
}

static void read_line(reading *r, otr_slice line)
{
    otr_cursor c = otr_cursor_over(line.ptr, line.len);
    otr_slice name, value;

    if (!take_name(r, &c, &name)) {
        c.at = c.begin;
        otr_take_wsp(&c);
        count_as_seen(r, otr_take_while(&c, is_name_char));
        return;
    }
    otr_take_wsp(&c);
    value = (otr_slice){ .ptr = c.at, .len = (size_t)(c.end - c.at) };
    while (value.len > 0 && is_wsp(value.ptr[value.len - 1]))
        value.len--;
    if (value.len == 0)
        refuse(r, OUTRIDER_E_SYNTAX, value.ptr, "field has no value");
    else if (check_value_bytes(r, value)) {
        read_field(r, name, value);
        return;
    }
    count_as_seen(r, name);
}

static bool is_blank(otr_slice line)
{
    while (line.len > 0 && is_wsp(line.ptr[line.len - 1]))
        line.len--;
    return line.len == 0;
}

/* STS-BODY-16: whether a blank line was at the end is known only when the next one is looked at. */
static void read_lines(reading *r)
{
    while (!otr_cursor_at_end(&r->c)) {
        otr_slice line = take_line(&r->c);

        if (is_blank(line)) {
            if (r->blank == NULL)
                r->blank = line.ptr;
            continue;
        }
        if (r->blank != NULL)
            refuse(r, OUTRIDER_E_SYNTAX, r->blank, "blank line %s",
                   r->has_fields ? "between fields" : "before the first field");
        r->blank = NULL;
        r->has_fields = true;
        read_line(r, line);
    }
    if (r->blank != NULL && r->has_fields)
        warn(r, r->blank, "blank line at the end");
}

static void check_complete(reading *r)
{
    if (!r->has_version)
        refuse(r, OUTRIDER_E_SYNTAX, r->c.end, "policy has no version");
    if (!r->has_mode)
        refuse(r, OUTRIDER_E_SYNTAX, r->c.end, "policy has no mode");
    if (!r->has_max_age)
        refuse(r, OUTRIDER_E_SYNTAX, r->c.end, "policy has no max_age");
    if (!r->has_mx && r->mode_is_known && r->mode != OTR_STS_NONE)
        refuse(r, OUTRIDER_E_SYNTAX, r->c.end, "policy has no mx, which only the mode \"none\" allows");
}

/* STS-BODY-17. After the mark of UTF-8 the rest can still be read, after those of UTF-16 nothing can. */
static bool check_encoding(reading *r)
{
    if (otr_take_literal(&r->c, "\xef\xbb\xbf")) {
        refuse(r, OUTRIDER_E_SYNTAX, r->c.begin, "byte order mark before the first field");
        return true;
    }
    if (otr_take_literal(&r->c, "\xff\xfe") || otr_take_literal(&r->c, "\xfe\xff")) {
        refuse(r, OUTRIDER_E_SYNTAX, r->c.begin, "UTF-16; a policy is UTF-8 without byte order mark");
        return false;
    }
    return true;
}

/* One block holds the policy, its list, the patterns and the body, so that it is freed whole. */
static otr_sts_policy *make_policy(const reading *r, const char *text, size_t len)
{
    size_t size = sizeof(otr_sts_policy) + r->mx_count * sizeof(char *) + len + 1;
    otr_sts_policy *made;
    const char **list;
    char *room;

    for (size_t i = 0; i < r->mx_count; i++)
        size += r->mx[i].len + 1;
    made = malloc(size);
    if (made == NULL)
        return NULL;
    list = (const char **)(made + 1);
    room = (char *)(list + r->mx_count);
    for (size_t i = 0; i < r->mx_count; i++) {
        list[i] = room;
        for (size_t k = 0; k < r->mx[i].len; k++)
            *room++ = otr_to_lower(r->mx[i].ptr[k]);
        *room++ = '\0';
    }
    memcpy(room, text, len);
    room[len] = '\0';
    *made = (otr_sts_policy){ .mode = r->mode, .max_age = r->max_age, .mx = list, .mx_count = r->mx_count,
                              .body = room, .body_len = len };
    return made;
}

outrider_err otr_sts_policy_parse(const char *text, size_t len, otr_sts_policy **policy, otr_sts_notes *notes)
{
    reading r = { .c = otr_cursor_over(text, len), .notes = notes };
    otr_sts_policy *made;

    if (notes != NULL)
        notes->error_count = notes->warning_count = 0;
    if (len > OTR_STS_POLICY_LIMIT) {
        refuse(&r, OUTRIDER_E_LIMIT, text + OTR_STS_POLICY_LIMIT, "policy larger than %d octets", OTR_STS_POLICY_LIMIT);
        return r.err;
    }
    if (check_encoding(&r)) {
        read_lines(&r);
        check_complete(&r);
    }
    if (r.err != OUTRIDER_OK)
        return r.err;
    made = make_policy(&r, text, len);
    if (made == NULL)
        return OUTRIDER_E_NOMEM;
    *policy = made;
    return OUTRIDER_OK;
}

void otr_sts_policy_free(otr_sts_policy *policy)
{
    free(policy);
}

/*
 * record_read.c - reading a record that another machine has written, in the order in which it is written.
 */
#include "fleet/record.h"

#include "base/cursor.h"
#include "base/diag.h"

#include <openssl/err.h>
#include <stdio.h>

#define LAST_TIME ((otr_time)1 << 40)
#define DIGITS_MAX 15
#define LINE_MAX_OCTETS 1024
#define CHAIN_MAX 32 /* certificates of a chain */

/* "key value LF"; the value may be empty. */
static outrider_err take_line(otr_cursor *c, const char *key, otr_slice *value, outrider_diag *diag)
{
    otr_cursor at = *c;
    const char *end;

    if (!otr_take_literal(&at, key) || !otr_take_char(&at, ' '))
        return otr_syntax(c, c->at, diag, "expected \"%s\"", key);
    end = at.at < at.end ? memchr(at.at, '\n', (size_t)(at.end - at.at)) : NULL;
    if (end == NULL || end - at.at > LINE_MAX_OCTETS || memchr(at.at, '\0', (size_t)(end - at.at)) != NULL)
        return otr_syntax(c, at.at, diag, "\"%s\" is no line", key);
    *value = (otr_slice){ at.at, (size_t)(end - at.at) };
    c->at = end + 1;
    return OUTRIDER_OK;
}

/* Copied into `to`; it must fit. */
static outrider_err take_word(otr_cursor *c, const char *key, char *to, size_t size, outrider_diag *diag)
{
    otr_slice value;
    outrider_err err = take_line(c, key, &value, diag);

    if (err != OUTRIDER_OK)
        return err;
    if (value.len >= size)
        return otr_syntax(c, value.ptr, diag, "\"%s\" is too long", key);
    memcpy(to, value.ptr, value.len);
    to[value.len] = '\0';
    return OUTRIDER_OK;
}

static outrider_err take_number(otr_cursor *c, const char *key, bool may_be_negative, int64_t *number, outrider_diag *diag)
{
    otr_slice value;
    outrider_err err = take_line(c, key, &value, diag);
    bool is_negative = err == OUTRIDER_OK && may_be_negative && value.len > 1 && value.ptr[0] == '-';
    size_t digits;
    int64_t n = 0;

    if (err != OUTRIDER_OK)
        return err;
    digits = value.len - is_negative;
    if (digits == 0 || digits > DIGITS_MAX)
        return otr_syntax(c, value.ptr, diag, "\"%s\" is no number", key);
    for (size_t i = is_negative; i < value.len; i++) {
        if (!otr_is_digit(value.ptr[i]))
            return otr_syntax(c, value.ptr, diag, "\"%s\" is no number", key);
        n = n * 10 + (value.ptr[i] - '0');
    }
    if (value.ptr[is_negative] == '0' && digits > 1) /* one way to write it: the rank is made of what is written */
        return otr_syntax(c, value.ptr, diag, "\"%s\" is no number", key);
    *number = is_negative ? -n : n;
    return OUTRIDER_OK;
}

static outrider_err take_time(otr_cursor *c, const char *key, otr_time *time, outrider_diag *diag)
{
    const char *at = c->at;
    outrider_err err = take_number(c, key, false, time, diag);

    if (err == OUTRIDER_OK && (*time <= 0 || *time > LAST_TIME))
        return otr_syntax(c, at, diag, "\"%s\" is no time", key);
    return err;
}

/* "octets N LF", and then so many, which are the last. */
static outrider_err take_octets(otr_cursor *c, otr_slice *octets, outrider_diag *diag)
{
    const char *at = c->at;
    int64_t count = 0;
    outrider_err err = take_number(c, "octets", false, &count, diag);

    if (err != OUTRIDER_OK)
        return err;
    if (count != c->end - c->at)
        return otr_syntax(c, at, diag, "%lld octets are announced, and there are %lld", (long long)count, (long long)(c->end - c->at));
    *octets = (otr_slice){ c->at, (size_t)count };
    c->at = c->end;
    return OUTRIDER_OK;
}

/* Words of a table that ends with NULL, or has `count` of them. */
static outrider_err take_choice(otr_cursor *c, const char *key, const char *const *words, unsigned count, unsigned *choice,
                                outrider_diag *diag)
{
    const char *at = c->at;
    otr_slice value;
    outrider_err err = take_line(c, key, &value, diag);

    for (unsigned i = 0; err == OUTRIDER_OK && i < count; i++)
        if (otr_slice_is(value, words[i])) {
            *choice = i;
            return OUTRIDER_OK;
        }
    return err != OUTRIDER_OK ? err : otr_syntax(c, at, diag, "\"%s\" is unknown", key);
}

static bool is_domain(const char *text)
{
    return otr_is_ldh_domain(text, strlen(text));
}

/* Policies ------------------------------------------------------------------------------------------------------------ */

static bool is_id(const char *id)
{
    for (; *id != '\0'; id++)
        if (!otr_is_alnum(*id))
            return false;
    return true;
}

static outrider_err read_policy(otr_cursor *c, otr_fleet_record *r, outrider_diag *diag)
{
    otr_sts_notes notes;
    otr_slice body;
    outrider_err err = take_word(c, "id", r->id, sizeof(r->id), diag);

    if (err == OUTRIDER_OK && !is_id(r->id))
        return otr_syntax(c, c->at, diag, "the id is none");
    if (err == OUTRIDER_OK)
        err = take_octets(c, &body, diag);
    if (err != OUTRIDER_OK)
        return err;
    err = otr_sts_policy_parse(body.ptr, body.len, &r->policy, &notes);
    if (err == OUTRIDER_E_SYNTAX && notes.error_count > 0)
        return otr_fail(diag, err, "the policy does not parse: line %u, column %u: %.150s", notes.errors[0].line,
                        notes.errors[0].column, notes.errors[0].message);
    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, err == OUTRIDER_E_NOMEM ? "out of memory" : "the policy exceeds a limit");
    if (r->policy->max_age == 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the policy is for one attempt only");
    return OUTRIDER_OK;
}

/* What an operator says ------------------------------------------------------------------------------------------------ */

static outrider_err take_end(otr_cursor *c, otr_fleet_record *r, outrider_diag *diag)
{
    otr_cursor at = *c;
    outrider_err err;

    r->is_removal = otr_take_literal(&at, "removed ");
    err = take_time(c, r->is_removal ? "removed" : "until", &r->until, diag);
    return err == OUTRIDER_OK ? take_number(c, "uid", true, &r->uid, diag) : err;
}

static outrider_err read_override(otr_cursor *c, otr_fleet_record *r, outrider_diag *diag)
{
    char level[16];
    otr_override o;
    outrider_err err = take_end(c, r, diag);

    if (err == OUTRIDER_OK && r->is_removal)
        return is_domain(r->domain) && r->until - r->at <= OTR_OVERRIDE_LONGEST ? OUTRIDER_OK
                                                                                 : otr_fail(diag, OUTRIDER_E_SYNTAX, "no such removal");
    if (err == OUTRIDER_OK)
        err = take_word(c, "level", level, sizeof(level), diag);
    if (err == OUTRIDER_OK && !otr_override_level(level, &r->level))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the level is unknown");
    if (err == OUTRIDER_OK)
        err = take_word(c, "reason", r->reason, sizeof(r->reason), diag);
    if (err != OUTRIDER_OK)
        return err;
    otr_fleet_record_to_override(r, &o);
    return otr_override_check(&o, diag);
}

static outrider_err take_cert(const unsigned char **at, const unsigned char *end, X509 **cert, outrider_diag *diag)
{
    ERR_set_mark();
    *cert = d2i_X509(NULL, at, end - *at);
    ERR_pop_to_mark();
    return *cert != NULL ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_SYNTAX, "a certificate does not parse");
}

static outrider_err check_exception(const otr_fleet_record *r, outrider_diag *diag)
{
    char sha256[OTR_SHA256_TEXT];

    if (!otr_cert_fingerprint(r->cert, sha256) || strcmp(sha256, r->root) != 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the certificate is another");
    return otr_override_reason(r->reason, strlen(r->reason), diag);
}

static bool is_fingerprint(const char *text)
{
    return strlen(text) == OTR_SHA256_TEXT - 1 && strspn(text, "0123456789abcdef") == OTR_SHA256_TEXT - 1;
}

static outrider_err read_exception(otr_cursor *c, otr_fleet_record *r, outrider_diag *diag)
{
    const unsigned char *at, *end;
    otr_slice der;
    outrider_err err = take_word(c, "root", r->root, sizeof(r->root), diag);

    if (err == OUTRIDER_OK)
        err = take_end(c, r, diag);
    if (err == OUTRIDER_OK && (!is_fingerprint(r->root) || !is_domain(r->domain + (r->domain[0] == '.')) ||
                               (!r->is_removal && r->until <= r->at) || r->until - r->at > OTR_EXCEPTION_DAYS_MAX * (otr_time)86400))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "root, domain or time is impossible");
    if (err != OUTRIDER_OK || r->is_removal)
        return err;
    err = take_word(c, "reason", r->reason, sizeof(r->reason), diag);
    if (err == OUTRIDER_OK)
        err = take_octets(c, &der, diag);
    if (err != OUTRIDER_OK)
        return err;
    at = (const unsigned char *)der.ptr;
    end = at + der.len;
    err = take_cert(&at, end, &r->cert, diag);
    if (err == OUTRIDER_OK && at != end)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "something follows the certificate");
    return err == OUTRIDER_OK ? check_exception(r, diag) : err;
}

/* Chains -------------------------------------------------------------------------------------------------------------- */

static outrider_err read_chain(otr_slice octets, otr_fleet_record *r, outrider_diag *diag)
{
    const unsigned char *at = (const unsigned char *)octets.ptr, *end = at + octets.len;
    outrider_err err = OUTRIDER_OK;

    r->chain = sk_X509_new_null();
    if (r->chain == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    while (err == OUTRIDER_OK && at < end) {
        X509 *cert = NULL;

        if (sk_X509_num(r->chain) == CHAIN_MAX)
            return otr_fail(diag, OUTRIDER_E_LIMIT, "the chain has more than %d certificates", CHAIN_MAX);
        err = take_cert(&at, end, &cert, diag);
        if (err == OUTRIDER_OK && sk_X509_push(r->chain, cert) == 0) {
            X509_free(cert);
            err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
        }
    }
    if (err == OUTRIDER_OK && sk_X509_num(r->chain) == 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the chain is empty");
    return err;
}

static outrider_err read_sighting(otr_cursor *c, otr_fleet_record *r, outrider_diag *diag)
{
    unsigned role = 0, source = 0;
    otr_slice octets;
    outrider_err err = take_choice(c, "role", otr_role_names, OTR_ROLE_COUNT, &role, diag);

    if (err == OUTRIDER_OK)
        err = take_word(c, "host", r->host, sizeof(r->host), diag);
    if (err == OUTRIDER_OK && !is_domain(r->host))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the host is none");
    if (err == OUTRIDER_OK)
        err = take_choice(c, "source", otr_sighting_source_names, OTR_SEEN_COUNT, &source, diag);
    if (err == OUTRIDER_OK)
        err = take_octets(c, &octets, diag);
    if (err != OUTRIDER_OK)
        return err;
    r->role = (otr_role)role;
    r->source = (otr_sighting_source)source;
    return read_chain(octets, r, diag);
}

/* The whole ----------------------------------------------------------------------------------------------------------- */

static outrider_err read_kind(otr_cursor *c, otr_fleet_record *r, outrider_diag *diag)
{
    switch (r->kind) {
    case OTR_FLEET_POLICY:
        return read_policy(c, r, diag);
    case OTR_FLEET_OVERRIDE:
        return read_override(c, r, diag);
    case OTR_FLEET_EXCEPTION:
        return read_exception(c, r, diag);
    case OTR_FLEET_SIGHTING:
        return read_sighting(c, r, diag);
    case OTR_FLEET_ACCEPTED:
    case OTR_FLEET_KINDS:
        break;
    }
    return OUTRIDER_OK;
}

static outrider_err read_content(otr_cursor *c, otr_fleet_record *r, outrider_diag *diag)
{
    unsigned kind = 0;
    outrider_err err;

    if (!otr_take_literal(c, "outrider "))
        return otr_syntax(c, c->at, diag, "this is no record of a fleet");
    if (c->at < c->end && otr_is_digit(*c->at) && (*c->at != '1' || (c->at + 1 < c->end && otr_is_digit(c->at[1]))))
        return otr_fail(diag, OUTRIDER_E_CONFIG, "it is of a newer outriderd");
    err = take_choice(c, "1", otr_fleet_kind_names, OTR_FLEET_KINDS, &kind, diag);
    r->kind = (otr_fleet_kind)kind;
    if (err == OUTRIDER_OK)
        err = take_time(c, "at", &r->at, diag);
    if (err == OUTRIDER_OK)
        err = take_word(c, "by", r->by, sizeof(r->by), diag);
    if (err == OUTRIDER_OK && !otr_fleet_is_member_name(r->by))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the member has no name");
    if (err == OUTRIDER_OK)
        err = take_word(c, "domain", r->domain, sizeof(r->domain), diag);
    if (err == OUTRIDER_OK && !is_domain(r->domain + (r->domain[0] == '.' && r->kind == OTR_FLEET_EXCEPTION)))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the domain is none");
    if (err == OUTRIDER_OK)
        err = read_kind(c, r, diag);
    if (err == OUTRIDER_OK && !otr_cursor_at_end(c))
        return otr_syntax(c, c->at, diag, "something follows the record");
    return err;
}

/* The rank must be that of the content: who could choose it, could keep everything else from ever counting. */
static outrider_err check_rank(const otr_fleet_record *r, const char *octets, otr_time now, outrider_diag *diag)
{
    char rank[OTR_FLEET_RANK + 1];
    outrider_err err = otr_fleet_record_rank(r, rank);

    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, "it cannot be written again");
    if (memcmp(rank, octets, OTR_FLEET_RANK) != 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "its rank is not that of its content");
    if (r->at > now + OTR_FLEET_SKEW)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "it is of %lld s from now: the clock of %s, or ours, is wrong",
                        (long long)(r->at - now), r->by);
    return OUTRIDER_OK;
}

outrider_err otr_fleet_record_read(const char *octets, size_t len, otr_time now, otr_fleet_record *record, outrider_diag *diag)
{
    otr_fleet_record made = { 0 };
    otr_cursor c;
    outrider_err err;

    if (len > OTR_FLEET_RECORD_MAX)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "it has more than %d octets", OTR_FLEET_RECORD_MAX);
    if (len <= OTR_FLEET_RANK || octets[OTR_FLEET_RANK] != '\n')
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "this is no record of a fleet");
    c = otr_cursor_over(octets + OTR_FLEET_RANK + 1, len - OTR_FLEET_RANK - 1);
    err = read_content(&c, &made, diag);
    if (err == OUTRIDER_OK)
        err = check_rank(&made, octets, now, diag);
    if (err == OUTRIDER_OK)
        *record = made;
    else
        otr_fleet_record_clear(&made);
    return err;
}

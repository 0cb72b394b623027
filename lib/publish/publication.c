/*
 * publication.c - writing a policy.
 */
#include "publish/publication.h"

#include "base/diag.h"

#include <openssl/evp.h>
#include <string.h>

#define ID_DIGITS 20 /* of a SHA-256: 80 bits */

static outrider_err check(const otr_publication *p, outrider_diag *diag)
{
    if (p->mode != OTR_STS_NONE && p->mx_count == 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: a policy in mode %s needs an mx", p->domain, otr_sts_mode_names[p->mode]);
    if (p->max_age < OTR_PUBLISH_MAX_AGE_LEAST || p->max_age > OTR_STS_MAX_AGE_LIMIT)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: max_age %u is not between %d and %d", p->domain, p->max_age,
                        OTR_PUBLISH_MAX_AGE_LEAST, OTR_STS_MAX_AGE_LIMIT);
    for (size_t i = 0; i < p->mx_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(p->mx[i], p->mx[j]) == 0)
                return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: mx %s is given twice", p->domain, p->mx[i]);
    return OUTRIDER_OK;
}

/* The proof of the text: what our own parser reads is what was meant. */
static outrider_err read_back(const otr_publication *p, const otr_buf *text, outrider_diag *diag)
{
    otr_sts_policy *policy = NULL;
    otr_sts_notes notes = { 0 };
    outrider_err err = otr_sts_policy_parse(text->data, text->len, &policy, &notes);
    bool is_same;

    if (err == OUTRIDER_E_NOMEM)
        return otr_fail(diag, err, "out of memory");
    if (err != OUTRIDER_OK)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: %s", p->domain, notes.errors[0].message);
    is_same = policy->mode == p->mode && policy->max_age == p->max_age && policy->mx_count == p->mx_count;
    for (size_t i = 0; is_same && i < p->mx_count; i++)
        is_same = strcmp(policy->mx[i], p->mx[i]) == 0;
    otr_sts_policy_free(policy);
    if (!is_same)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: an mx of the policy is not in normal form", p->domain);
    return OUTRIDER_OK;
}

outrider_err otr_publication_text(const otr_publication *p, otr_buf *out, outrider_diag *diag)
{
    otr_buf text = OTR_BUF_INIT;
    outrider_err err = check(p, diag);

    if (err != OUTRIDER_OK)
        return err;
    otr_buf_printf(&text, "version: STSv1\r\nmode: %s\r\n", otr_sts_mode_names[p->mode]);
    for (size_t i = 0; i < p->mx_count; i++)
        otr_buf_printf(&text, "mx: %s\r\n", p->mx[i]);
    otr_buf_printf(&text, "max_age: %u\r\n", p->max_age);
    err = text.err == OUTRIDER_OK ? read_back(p, &text, diag) : otr_fail(diag, text.err, "out of memory");
    if (err == OUTRIDER_OK) {
        otr_buf_put(out, text.data, text.len);
        if (out->err != OUTRIDER_OK)
            err = otr_fail(diag, out->err, "out of memory");
    }
    otr_buf_clear(&text);
    return err;
}

outrider_err otr_publication_id(const char *text, size_t len, char id[OTR_STS_ID_MAX + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (EVP_Digest(text, len, digest, NULL, EVP_sha256(), NULL) != 1)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < ID_DIGITS; i++)
        id[i] = "0123456789abcdef"[i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15];
    id[ID_DIGITS] = '\0';
    return OUTRIDER_OK;
}

/* "*.example.org" covers itself and names one label longer; a name covers itself. */
static bool covers(const char *wide, const char *narrow)
{
    if (strcmp(wide, narrow) == 0)
        return true;
    return narrow[0] != '*' && otr_sts_pattern_matches(wide, narrow);
}

bool otr_patterns_cover(const char *const *wide, size_t wide_count, const char *const *narrow, size_t narrow_count)
{
    for (size_t i = 0; i < narrow_count; i++) {
        bool is_covered = false;

        for (size_t j = 0; j < wide_count && !is_covered; j++)
            is_covered = covers(wide[j], narrow[i]);
        if (!is_covered)
            return false;
    }
    return true;
}

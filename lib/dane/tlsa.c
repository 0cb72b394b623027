/*
 * tlsa.c - what a TLSA record says and whether SMTP can use it. The wire format is four fields in a row; the
 * care goes into never treating something as usable that would match nothing, or everything.
 */
#include "dane/tlsa.h"

#include "base/hex.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define PARAMETER_OCTETS 3

enum { USAGE_PKIX_EE = 1, USAGE_DANE_TA = 2, USAGE_DANE_EE = 3 };
enum { SELECTOR_CERT = 0, SELECTOR_SPKI = 1 };
enum { MTYPE_FULL = 0, MTYPE_SHA256 = 1, MTYPE_SHA512 = 2 };

const char *const otr_tlsa_usability_names[] = {
    [OTR_TLSA_USABLE] = "usable",
    [OTR_TLSA_SHORT] = "the record has no certificate association data",
    [OTR_TLSA_USAGE_PKIX] = "usages 0 and 1 are not used for SMTP (RFC 7672 section 3.1.3)",
    [OTR_TLSA_UNKNOWN_USAGE] = "the usage is unknown; SMTP uses 2 (DANE-TA) and 3 (DANE-EE)",
    [OTR_TLSA_UNKNOWN_SELECTOR] = "the selector is unknown; there are 0 (certificate) and 1 (public key)",
    [OTR_TLSA_UNKNOWN_MTYPE] = "the matching type is unknown; there are 0 (full), 1 (SHA2-256) and 2 (SHA2-512)",
    [OTR_TLSA_BAD_DIGEST_LENGTH] =
        "the digest has the wrong length; SHA2-256 (1) has 32 octets and SHA2-512 (2) has 64",
    [OTR_TLSA_BAD_CERTIFICATE] = "the data is not exactly one certificate in DER",
    [OTR_TLSA_BAD_KEY] = "the data is not exactly one public key (SubjectPublicKeyInfo) in DER",
    [OTR_TLSA_DISABLED] = "switched off by local policy",
};

otr_tlsa otr_tlsa_from_rdata(const uint8_t *rdata, size_t len)
{
    if (len < PARAMETER_OCTETS)
        return (otr_tlsa){ .data = rdata, .len = len, .is_short = true };
    return (otr_tlsa){
        .usage = rdata[0],
        .selector = rdata[1],
        .mtype = rdata[2],
        .data = rdata + PARAMETER_OCTETS,
        .len = len - PARAMETER_OCTETS,
    };
}

void otr_tlsa_print(const otr_tlsa *record, otr_buf *out)
{
    /* Parameters that are not there cannot be shown: RFC 3597 has a form for any RDATA. */
    if (record->is_short)
        otr_buf_printf(out, "\\# %zu", record->len);
    else
        otr_buf_printf(out, "%u %u %u", record->usage, record->selector, record->mtype);
    if (record->len > 0)
        otr_buf_putc(out, ' ');
    for (size_t i = 0; i < record->len; i++) {
        char digits[3];

        otr_hex_encode(record->data + i, 1, digits);
        otr_buf_put(out, digits, 2);
    }
}

/*
 * One certificate, nothing after it, with a key that OpenSSL can read: what SSL_dane_tlsa_add() demands, so
 * that what we call usable is what the TLS library will use.
 */
static bool is_certificate(const uint8_t *data, size_t len)
{
    const uint8_t *at = data;
    X509 *cert = d2i_X509(NULL, &at, (long)len);
    bool is_one = cert != NULL && at == data + len && X509_get0_pubkey(cert) != NULL;

    X509_free(cert);
    return is_one;
}

static bool is_public_key(const uint8_t *data, size_t len)
{
    const uint8_t *at = data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)len);
    bool is_one = key != NULL && at == data + len;

    EVP_PKEY_free(key);
    return is_one;
}

static otr_tlsa_usability check_full_data(const otr_tlsa *record)
{
    bool is_good;

    /* What OpenSSL says about a peer's garbage must not be found by the next user of its error queue. */
    ERR_set_mark();
    is_good = record->selector == SELECTOR_CERT ? is_certificate(record->data, record->len)
                                                : is_public_key(record->data, record->len);
    ERR_pop_to_mark();
    if (is_good)
        return OTR_TLSA_USABLE;
    return record->selector == SELECTOR_CERT ? OTR_TLSA_BAD_CERTIFICATE : OTR_TLSA_BAD_KEY;
}

otr_tlsa_usability otr_tlsa_check(const otr_tlsa *record)
{
    /* RFC 6698 §4.1: malformed is unusable. Empty data would be a digest that nothing has to meet. */
    if (record->is_short || record->len == 0)
        return OTR_TLSA_SHORT;
    /* RFC 7672 §3.1.3 lets us; what it means to trust a public CA here nobody has defined (TLSA-03). */
    if (record->usage <= USAGE_PKIX_EE)
        return OTR_TLSA_USAGE_PKIX;
    if (record->usage > USAGE_DANE_EE)
        return OTR_TLSA_UNKNOWN_USAGE;
    if (record->selector > SELECTOR_SPKI)
        return OTR_TLSA_UNKNOWN_SELECTOR;
    switch (record->mtype) {
    case MTYPE_FULL:
        return check_full_data(record);
    case MTYPE_SHA256:
        return record->len == 32 ? OTR_TLSA_USABLE : OTR_TLSA_BAD_DIGEST_LENGTH;
    case MTYPE_SHA512:
        return record->len == 64 ? OTR_TLSA_USABLE : OTR_TLSA_BAD_DIGEST_LENGTH;
    default:
        return OTR_TLSA_UNKNOWN_MTYPE;
    }
}

size_t otr_tlsa_select(const otr_tlsa *records, size_t count, bool *counts)
{
    uint8_t strongest[USAGE_DANE_EE + 1][SELECTOR_SPKI + 1] = { 0 };
    size_t selected = 0;

    for (size_t i = 0; i < count; i++) {
        const otr_tlsa *r = &records[i];

        /* Unusable records go first: a broken SHA2-512 must not displace a good SHA2-256 (TLSA-07). */
        counts[i] = otr_tlsa_check(r) == OTR_TLSA_USABLE;
        if (counts[i] && r->mtype > strongest[r->usage][r->selector])
            strongest[r->usage][r->selector] = r->mtype;
    }
    for (size_t i = 0; i < count; i++) {
        const otr_tlsa *r = &records[i];

        if (counts[i] && r->mtype != MTYPE_FULL && r->mtype < strongest[r->usage][r->selector])
            counts[i] = false;
        selected += counts[i];
    }
    return selected;
}

/*
 * certificate.c - see certificate.h.
 */
#include "trust/certificate.h"

#include "base/buf.h"
#include "base/diag.h"

#include <stdio.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define SHA256_OCTETS 32
#define KEY_BITS_MIN 112 /* of security: what level 2 of verify.h asks of a CA */

static void put_hex(const unsigned char digest[SHA256_OCTETS], char text[OTR_SHA256_TEXT])
{
    for (size_t i = 0; i < SHA256_OCTETS; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

bool otr_cert_fingerprint(const X509 *cert, char sha256[OTR_SHA256_TEXT])
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    sha256[0] = '\0';
    if (X509_digest(cert, EVP_sha256(), digest, NULL) != 1)
        return false;
    put_hex(digest, sha256);
    return true;
}

/* SubjectPublicKeyInfo is hashed as it stands in the certificate, whether or not OpenSSL knows the algorithm. */
bool otr_cert_anchor_id(const X509 *cert, char sha256[OTR_SHA256_TEXT])
{
    unsigned char digest[EVP_MAX_MD_SIZE], *subject = NULL, *key = NULL;
    int subject_len = i2d_X509_NAME(X509_get_subject_name(cert), &subject);
    int key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_done = ctx != NULL && subject_len > 0 && key_len > 0 && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(ctx, subject, (size_t)subject_len) == 1 &&
                   EVP_DigestUpdate(ctx, key, (size_t)key_len) == 1 && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;

    sha256[0] = '\0';
    if (is_done)
        put_hex(digest, sha256);
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(subject);
    OPENSSL_free(key);
    return is_done;
}

/* Names ------------------------------------------------------------------------------------------------------- */

/* The first entry of this kind, printable; false if there is none that can be shown. */
static bool put_entry(const X509 *cert, int nid, otr_buf *out)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, nid, -1);
    const ASN1_STRING *value = at >= 0 ? X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)) : NULL;
    unsigned char *utf8 = NULL;
    int len = value != NULL ? ASN1_STRING_to_UTF8(&utf8, value) : -1;

    if (len > 0)
        otr_buf_put_printable(out, (const char *)utf8, OTR_CERT_NAME_SIZE); /* up to a NUL, if there is one */
    OPENSSL_free(utf8);
    return len > 0;
}

static const char *fit(otr_buf *out, char text[OTR_CERT_NAME_SIZE])
{
    snprintf(text, OTR_CERT_NAME_SIZE, "%s", out->len > 0 ? otr_buf_text(out) : "(no name)");
    otr_buf_clear(out);
    return text;
}

const char *otr_cert_name(const X509 *cert, char text[OTR_CERT_NAME_SIZE])
{
    otr_buf name = OTR_BUF_INIT, owner = OTR_BUF_INIT;
    bool has_name = put_entry(cert, NID_commonName, &name) || put_entry(cert, NID_organizationalUnitName, &name);

    if (put_entry(cert, NID_organizationName, &owner))
        otr_buf_printf(&name, has_name ? " (%s)" : "%s", otr_buf_text(&owner));
    otr_buf_clear(&owner);
    return fit(&name, text);
}

const char *otr_cert_owner(const X509 *cert, char text[OTR_CERT_NAME_SIZE])
{
    otr_buf name = OTR_BUF_INIT;

    if (!put_entry(cert, NID_organizationName, &name))
        put_entry(cert, NID_commonName, &name);
    return fit(&name, text);
}

/* Dates ------------------------------------------------------------------------------------------------------- */

static otr_time read_time(const ASN1_TIME *time)
{
    struct tm tm;

    return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? (otr_time)timegm(&tm) : 0;
}

otr_time otr_cert_not_before(const X509 *cert)
{
    return read_time(X509_get0_notBefore(cert));
}

otr_time otr_cert_not_after(const X509 *cert)
{
    return read_time(X509_get0_notAfter(cert));
}

/* A root to add ----------------------------------------------------------------------------------------------- */

bool otr_cert_is_self_signed(X509 *cert)
{
    bool is_one;

    ERR_set_mark();
    is_one = X509_self_signed(cert, 1) == 1;
    ERR_pop_to_mark();
    return is_one;
}

outrider_err otr_cert_check_root(X509 *cert, otr_time now, outrider_diag *diag)
{
    char name[OTR_CERT_NAME_SIZE], issuer[OTR_CERT_NAME_SIZE], date[OTR_TIME_TEXT];
    uint32_t flags = X509_get_extension_flags(cert);

    otr_cert_name(cert, name);
    if ((flags & EXFLAG_INVALID) != 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s has extensions that cannot be read", name);
    if (X509_check_ca(cert) == 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX,
                        "%s is no CA but the certificate of a server or a person: add the root that its chain ends in", name);
    if ((X509_get_key_usage(cert) & KU_KEY_CERT_SIGN) == 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s may not sign certificates (key usage)", name);
    if (!otr_cert_is_self_signed(cert)) {
        snprintf(issuer, sizeof(issuer), "another CA");
        X509_NAME_get_text_by_NID(X509_get_issuer_name(cert), NID_commonName, issuer, sizeof(issuer));
        for (char *at = issuer; *at != '\0'; at++)
            *at = *at < ' ' || *at > '~' ? '?' : *at;
        return otr_fail(diag, OUTRIDER_E_SYNTAX,
                        "%.90s is an intermediate CA, signed by %.60s: mail servers want a root that has signed itself", name,
                        issuer);
    }
    if (EVP_PKEY_get_security_bits(X509_get0_pubkey(cert)) < KEY_BITS_MIN)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s has a key that is too weak (RSA needs 2048 bits): nothing verifies by it",
                        name);
    if (otr_cert_not_after(cert) <= now)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s has expired (%s): nothing verifies by it", name,
                        otr_time_text(otr_cert_not_after(cert), date));
    if (otr_cert_not_before(cert) > now)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s is not valid before %s", name,
                        otr_time_text(otr_cert_not_before(cert), date));
    return OUTRIDER_OK;
}

/*
 * make_cert.c - builds X.509 certificates from a plan, valid ones and such as no CA would issue.
 */
#include "support/make_cert.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void need(bool is_good, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "cannot make a certificate: %s\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

EVP_PKEY *otr_make_rsa_key(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);

    need(key != NULL, "RSA key");
    return key;
}

static void add_extension(X509 *cert, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension;

    if (value == NULL)
        return;
    extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    need(extension != NULL && X509_add_ext(cert, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

static void add_raw_dns_name(X509 *cert, const otr_cert_plan *plan)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    need(names != NULL && name != NULL && text != NULL &&
             ASN1_STRING_set(text, plan->raw_dns_name, (int)plan->raw_dns_len) == 1, "name");
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    need(sk_GENERAL_NAME_push(names, name) == 1 && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1, "SAN");
    GENERAL_NAMES_free(names);
}

static void set_names(X509 *cert, const otr_cert_plan *plan)
{
    X509_NAME *subject = X509_get_subject_name(cert);

    if (plan->common_name != NULL)
        need(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)plan->common_name, -1,
                                        -1, 0) == 1, "subject");
    need(X509_set_issuer_name(cert, plan->issuer != NULL ? X509_get_subject_name(plan->issuer->cert) : subject) == 1,
         "issuer");
}

static void spoil_signature(X509 *cert)
{
    const ASN1_BIT_STRING *signature;
    unsigned char *bits;

    X509_get0_signature(&signature, NULL, cert);
    /* OpenSSL shows the signature read-only and has no way to set another. */
    bits = (unsigned char *)(uintptr_t)ASN1_STRING_get0_data(signature);
    bits[ASN1_STRING_length(signature) - 1] ^= 1;
}

otr_cert otr_make_cert(const otr_cert_plan *plan)
{
    static long serial = 1;
    otr_cert made = { .cert = X509_new(), .key = plan->key != NULL ? plan->key : EVP_EC_gen("P-256") };
    bool is_dated = plan->from != 0 || plan->until != 0;
    otr_time from = is_dated ? plan->from : OTR_TEST_TIME - 15 * OTR_TEST_DAY;
    otr_time until = is_dated ? plan->until : OTR_TEST_TIME + 15 * OTR_TEST_DAY;
    X509V3_CTX context;

    need(made.cert != NULL && made.key != NULL, "certificate");
    if (plan->key != NULL)
        EVP_PKEY_up_ref(plan->key);
    need(X509_set_version(made.cert, X509_VERSION_3) == 1 && X509_set_pubkey(made.cert, made.key) == 1 &&
             ASN1_INTEGER_set(X509_get_serialNumber(made.cert), serial++) == 1 &&
             ASN1_TIME_set(X509_getm_notBefore(made.cert), from) != NULL &&
             ASN1_TIME_set(X509_getm_notAfter(made.cert), until) != NULL, "fields");
    set_names(made.cert, plan);
    X509V3_set_ctx(&context, plan->issuer != NULL ? plan->issuer->cert : made.cert, made.cert, NULL, NULL, 0);
    add_extension(made.cert, &context, NID_basic_constraints, plan->constraints);
    add_extension(made.cert, &context, NID_subject_alt_name, plan->san);
    if (plan->raw_dns_name != NULL)
        add_raw_dns_name(made.cert, plan);
    add_extension(made.cert, &context, NID_key_usage, plan->key_usage);
    add_extension(made.cert, &context, NID_name_constraints, plan->name_constraints);
    add_extension(made.cert, &context, NID_ext_key_usage, plan->usage);
    add_extension(made.cert, &context, NID_subject_key_identifier, plan->has_key_ids ? "hash" : NULL);
    add_extension(made.cert, &context, NID_authority_key_identifier, plan->has_key_ids ? "keyid" : NULL);
    need(X509_sign(made.cert, plan->issuer != NULL ? plan->issuer->key : made.key,
                   plan->digest != NULL ? plan->digest : EVP_sha256()) > 0, "signature");
    if (plan->is_badly_signed)
        spoil_signature(made.cert);
    return made;
}

X509_CRL *otr_make_crl(const otr_cert *issuer, const otr_cert *revoked, otr_time from, otr_time until)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *start = ASN1_TIME_set(NULL, from), *end = ASN1_TIME_set(NULL, until);

    need(crl != NULL && start != NULL && end != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
             X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert)) == 1 &&
             X509_CRL_set1_lastUpdate(crl, start) == 1 && X509_CRL_set1_nextUpdate(crl, end) == 1, "CRL");
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();

        need(entry != NULL && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->cert)) == 1 &&
                 X509_REVOKED_set_revocationDate(entry, start) == 1 && X509_CRL_add0_revoked(crl, entry) == 1, "CRL entry");
    }
    need(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0, "signature of a CRL");
    ASN1_TIME_free(start);
    ASN1_TIME_free(end);
    return crl;
}

void otr_cert_clear(otr_cert *cert)
{
    X509_free(cert->cert);
    EVP_PKEY_free(cert->key);
    *cert = (otr_cert){ 0 };
}

void otr_cert_put_pem(const otr_cert *cert, otr_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    need(bio != NULL && PEM_write_bio_X509(bio, cert->cert) == 1, "PEM");
    len = BIO_get_mem_data(bio, &text);
    otr_buf_put(out, text, (size_t)len);
    BIO_free(bio);
}

void otr_cert_put_association(const otr_cert *cert, uint8_t selector, uint8_t mtype, otr_buf *out)
{
    unsigned char *der = NULL;
    int len = selector == 0 ? i2d_X509(cert->cert, &der) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->cert), &der);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;

    need(len > 0, "DER");
    if (mtype == 0) {
        otr_buf_put(out, der, (size_t)len);
    } else {
        need(EVP_Digest(der, (size_t)len, digest, &digest_len, mtype == 1 ? EVP_sha256() : EVP_sha512(), NULL) == 1,
             "digest");
        otr_buf_put(out, digest, digest_len);
    }
    OPENSSL_free(der);
    need(out->err == OUTRIDER_OK, "memory");
}

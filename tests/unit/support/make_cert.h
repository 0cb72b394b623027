/*
 * make_cert.h - certificates made while the test runs, so that none lies in the tree and expires.
 * Failures end the test program: nothing can be tested without them.
 */
#ifndef OTR_SUPPORT_MAKE_CERT_H
#define OTR_SUPPORT_MAKE_CERT_H

#include "base/buf.h"
#include "base/clock.h"

#include <openssl/x509.h>

/* A moment, and the validity of certificates that do not say otherwise: a month around it. */
#define OTR_TEST_TIME 1767225600 /* 2026-01-01T00:00:00Z */
#define OTR_TEST_DAY 86400

typedef struct otr_cert {
    X509 *cert;    /* owned */
    EVP_PKEY *key; /* owned */
} otr_cert;

typedef struct otr_cert_plan {
    const char *common_name; /* NULL: an empty subject */
    const char *san;         /* in OpenSSL's notation, "DNS:a.example,IP:192.0.2.1"; NULL: none */
    const char *raw_dns_name; /* a DNS-ID as it stands, of raw_dns_len octets, in place of san */
    size_t raw_dns_len;
    const char *constraints; /* basicConstraints, "critical,CA:TRUE,pathlen:0"; NULL: the extension is absent */
    const char *name_constraints;
    const char *usage;       /* extendedKeyUsage; NULL: none */
    const char *key_usage;   /* NULL: none */
    const otr_cert *issuer;  /* NULL: self-signed */
    EVP_PKEY *key;           /* NULL: a new P-256 key */
    otr_time from, until;    /* both 0: around OTR_TEST_TIME */
    const EVP_MD *digest;    /* NULL: SHA-256 */
    bool has_key_ids;        /* subject and authority key identifiers, as CAs give them (RFC 5280 §4.2.1.1, §4.2.1.2) */
    bool is_badly_signed;    /* one bit of the signature is wrong */
} otr_cert_plan;

otr_cert otr_make_cert(const otr_cert_plan *plan);
void otr_cert_clear(otr_cert *cert);

/* A revocation list of `issuer` that names one certificate, or none (NULL). */
X509_CRL *otr_make_crl(const otr_cert *issuer, const otr_cert *revoked, otr_time from, otr_time until);

/* An RSA key of that many bits. */
EVP_PKEY *otr_make_rsa_key(unsigned bits);

/* Append the certificate in PEM. */
void otr_cert_put_pem(const otr_cert *cert, otr_buf *out);

/* The certificate association data of a TLSA record for the certificate (RFC 6698 §2.1). */
void otr_cert_put_association(const otr_cert *cert, uint8_t selector, uint8_t mtype, otr_buf *out);

#endif

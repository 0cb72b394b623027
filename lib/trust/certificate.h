/*
 * certificate.h - what people and rules want to know of one certificate. Pure: the time is an argument.
 *
 * A certificate has two names here. Its fingerprint is that of the octets. Its anchor id is that of what a trust anchor
 * is (RFC 5280 §6.1.1): subject and public key. Two certificates with one anchor id are one root: it is no use to
 * take away one of them and to leave the other.
 */
#ifndef OTR_TRUST_CERTIFICATE_H
#define OTR_TRUST_CERTIFICATE_H

#include "base/clock.h"

#include <outrider/base.h>

#include <openssl/x509.h>

#define OTR_SHA256_TEXT 65 /* lower-case hex, with its NUL */
#define OTR_CERT_NAME_SIZE 160

/* SHA-256 of the certificate; of its subject and public key. False: out of memory, or a key that has no encoding. */
bool otr_cert_fingerprint(const X509 *cert, char sha256[OTR_SHA256_TEXT]);
bool otr_cert_anchor_id(const X509 *cert, char sha256[OTR_SHA256_TEXT]);

/* The subject for people, "ISRG Root X1 (Internet Security Research Group)": printable ASCII on one line, cut if long. */
const char *otr_cert_name(const X509 *cert, char text[OTR_CERT_NAME_SIZE]);

/* Its owner: the organisation, else the common name. */
const char *otr_cert_owner(const X509 *cert, char text[OTR_CERT_NAME_SIZE]);

/* Seconds since 1970; a date that does not parse is 0, long past. */
otr_time otr_cert_not_before(const X509 *cert);
otr_time otr_cert_not_after(const X509 *cert);

/* Subject and issuer are the same, and so is the key that signed it. */
bool otr_cert_is_self_signed(X509 *cert);

/*
 * Whether it can be a root that somebody adds: a CA, signed by itself, valid at `now`, allowed to sign certificates.
 * Else OUTRIDER_E_SYNTAX and one sentence that says what it is, and what to do.
 */
outrider_err otr_cert_check_root(X509 *cert, otr_time now, outrider_diag *diag);

#endif

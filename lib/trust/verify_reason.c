/*
 * verify_reason.c - words for what OpenSSL says in numbers. Names come from certificates, so from strangers: they are
 * printable ASCII on one line, and cut.
 */
#include "trust/verify_reason.h"

#include "base/buf.h"
#include "trust/pem.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define NAMES_SHOWN 2
#define NAME_OCTETS_SHOWN 60

static X509 *at_fault(const otr_verification *v)
{
    return v->depth >= 0 && v->depth < sk_X509_num(v->path) ? sk_X509_value(v->path, v->depth) : NULL;
}

/* "the certificate", "the intermediate certificate "R3 (...)"", "the root "X1 (...)"". */
static void put_subject(const otr_verification *v, otr_buf *out)
{
    X509 *cert = at_fault(v);
    char name[OTR_CERT_NAME_SIZE];
    bool is_last = v->depth == sk_X509_num(v->path) - 1;

    if (v->depth <= 0 || cert == NULL)
        otr_buf_puts(out, "the certificate");
    else
        otr_buf_printf(out, "the %s \"%.*s\"", is_last && otr_cert_is_self_signed(cert) ? "root" : "intermediate certificate",
                       NAME_OCTETS_SHOWN, otr_cert_name(cert, name));
}

/* The DNS-IDs of a certificate, the first few. Returns how many there are. */
static int put_dns_names(const X509 *cert, otr_buf *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int count = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_DNS || count++ >= NAMES_SHOWN)
            continue;
        otr_buf_puts(out, count > 1 ? ", " : "");
        for (int at = 0; at < ASN1_STRING_length(name->d.dNSName) && at < NAME_OCTETS_SHOWN; at++) {
            unsigned char byte = ASN1_STRING_get0_data(name->d.dNSName)[at];

            otr_buf_putc(out, byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\' ? (char)byte : '?');
        }
    }
    GENERAL_NAMES_free(names);
    return count;
}

static void put_wrong_name(const otr_verification *v, const char *host, otr_buf *out)
{
    otr_buf names = OTR_BUF_INIT;
    int count;

    if (host == NULL) {
        otr_buf_puts(out, "what was asked for is no host name, so no certificate can be for it");
        return;
    }
    if (sk_X509_num(v->path) < 1) {
        otr_buf_printf(out, "the certificate is not for %s", host);
        return;
    }
    count = put_dns_names(sk_X509_value(v->path, 0), &names);
    if (count == 0)
        otr_buf_printf(out, "the certificate names no host (a Common Name does not count), so it is not for %s", host);
    else if (count <= NAMES_SHOWN)
        otr_buf_printf(out, "the certificate is for %s, not for %s", otr_buf_text(&names), host);
    else
        otr_buf_printf(out, "the certificate is for %s and %d more, not for %s", otr_buf_text(&names), count - NAMES_SHOWN,
                       host);
    otr_buf_clear(&names);
}

static void put_issuer(const otr_verification *v, otr_buf *out)
{
    const X509 *cert = at_fault(v);
    const X509_NAME *issuer = cert != NULL ? X509_get_issuer_name(cert) : NULL;
    char text[OTR_CERT_NAME_SIZE] = "";

    if (issuer != NULL)
        X509_NAME_get_text_by_NID(issuer, NID_commonName, text, sizeof(text));
    if (issuer != NULL && text[0] == '\0')
        X509_NAME_get_text_by_NID(issuer, NID_organizationName, text, sizeof(text));
    otr_buf_putc(out, '"');
    otr_buf_put_printable(out, text[0] != '\0' ? text : "?", NAME_OCTETS_SHOWN);
    otr_buf_putc(out, '"');
}

static void put_date(const otr_verification *v, bool is_end, otr_buf *out)
{
    const X509 *cert = at_fault(v);
    char text[OTR_TIME_TEXT];

    put_subject(v, out);
    otr_buf_puts(out, is_end ? " has expired" : " is not yet valid");
    if (cert != NULL)
        otr_buf_printf(out, is_end ? " (on %s)" : " (before %s)",
                       otr_time_text(is_end ? otr_cert_not_after(cert) : otr_cert_not_before(cert), text));
}

static void put_about_subject(const otr_verification *v, const char *what, otr_buf *out)
{
    put_subject(v, out);
    otr_buf_puts(out, what);
}

static void put_reason(const otr_verification *v, const char *host, otr_buf *out)
{
    switch (v->error) {
    case X509_V_OK:
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
        put_wrong_name(v, host, out);
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        put_date(v, true, out);
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        put_date(v, false, out);
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        put_subject(v, out);
        otr_buf_puts(out, " is signed by ");
        put_issuer(v, out);
        otr_buf_puts(out, ", which the server did not send and which is no root that counts here");
        return;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        put_about_subject(v, " is no root that counts here", out);
        return;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        otr_buf_puts(out, "the certificate is self-signed, and no root that counts here");
        return;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        put_about_subject(v, " is not signed by the CA that it names", out);
        return;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        put_about_subject(v, " may not sign certificates: it is no CA", out);
        return;
    case X509_V_ERR_INVALID_PURPOSE:
        put_about_subject(v, " is not made for TLS servers", out);
        return;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        put_about_subject(v, " must not have as many CAs below it as there are", out);
        return;
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
        put_about_subject(v, " has a name for which a CA above it must not vouch (name constraints)", out);
        return;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        put_about_subject(v, " has a key that is too weak (RSA needs 2048 bits)", out);
        return;
    case X509_V_ERR_CA_MD_TOO_WEAK:
        put_about_subject(v, " is signed with a digest that is too weak (SHA-1 or older)", out);
        return;
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        otr_buf_printf(out, "the server sent more than %d certificates, or needs more", OTR_CHAIN_MAX);
        return;
    case X509_V_ERR_CERT_REVOKED:
        put_about_subject(v, " has been revoked, says a revocation list of the configuration", out);
        return;
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_NOT_YET_VALID:
        put_subject(v, out);
        otr_buf_printf(out, " cannot be held against the revocation list of its CA: %s", X509_verify_cert_error_string(v->error));
        return;
    case X509_V_ERR_INVALID_CALL:
        otr_buf_puts(out, "the server showed no certificate");
        return;
    default:
        put_subject(v, out);
        otr_buf_printf(out, ": %s", X509_verify_cert_error_string(v->error));
        return;
    }
}

void otr_verification_explain(otr_verification *v, const char *host)
{
    otr_buf out = OTR_BUF_INIT;

    ERR_set_mark();
    put_reason(v, host, &out);
    ERR_pop_to_mark();
    snprintf(v->reason, sizeof(v->reason), "%s", out.err == OUTRIDER_OK ? otr_buf_text(&out) : X509_verify_cert_error_string(v->error));
    otr_buf_clear(&out);
}

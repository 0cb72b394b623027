/*
 * match_reason.c - words for what OpenSSL says in numbers. Names come from a certificate, so from a stranger:
 * they are escaped and cut.
 */
#include "dane/match_reason.h"

#include <stdio.h>
#include <time.h>

#include <openssl/x509v3.h>

#define NAMES_SHOWN 2
#define NAME_OCTETS_SHOWN 48

static void put_escaped(otr_buf *out, const ASN1_STRING *name)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(name);
    int len = ASN1_STRING_length(name);

    for (int i = 0; i < len && i < NAME_OCTETS_SHOWN; i++) {
        if (bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '\\')
            otr_buf_putc(out, (char)bytes[i]);
        else
            otr_buf_printf(out, "\\x%02X", bytes[i]);
    }
    if (len > NAME_OCTETS_SHOWN)
        otr_buf_puts(out, "...");
}

static void put_name(otr_buf *out, const ASN1_STRING *name, int *count)
{
    if ((*count)++ < NAMES_SHOWN) {
        if (*count > 1)
            otr_buf_puts(out, ", ");
        put_escaped(out, name);
    }
}

/* The names that count: DNS-IDs, or the Common Names where there is none (RFC 7672 §3.2.3). */
static int put_names(otr_buf *out, const X509 *leaf)
{
    GENERAL_NAMES *alternatives = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    const X509_NAME *subject = X509_get_subject_name(leaf);
    int count = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(alternatives, i);

        if (name->type == GEN_DNS)
            put_name(out, name->d.dNSName, &count);
    }
    GENERAL_NAMES_free(alternatives);
    if (count > 0)
        return count;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
        put_name(out, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), &count);
    return count;
}

static void explain_name(const otr_dane_failure *f, otr_buf *out)
{
    otr_buf names = OTR_BUF_INIT;
    int count = put_names(&names, f->leaf);

    if (count == 0)
        otr_buf_printf(out, "the certificate has no name, so it is not for %s", f->name);
    else if (count <= NAMES_SHOWN)
        otr_buf_printf(out, "the certificate is for %s, not for %s", otr_buf_text(&names), f->name);
    else
        otr_buf_printf(out, "the certificate is for %s and %d more, not for %s", otr_buf_text(&names),
                       count - NAMES_SHOWN, f->name);
    otr_buf_clear(&names);
}

static void explain_date(const otr_dane_failure *f, const char *event, const ASN1_TIME *date, otr_buf *out)
{
    struct tm tm;
    char text[OTR_TIME_TEXT];

    if (date == NULL || ASN1_TIME_to_tm(date, &tm) != 1)
        otr_buf_puts(out, "the certificate has a malformed date");
    else if (f->depth == 0)
        otr_buf_printf(out, "the certificate %s on %s", event, otr_time_text(timegm(&tm), text));
    else
        otr_buf_printf(out, "the certificate at depth %d %s on %s", f->depth, event,
                       otr_time_text(timegm(&tm), text));
}

static const char *no_match_text(const otr_dane_failure *f)
{
    if (!f->has_ta)
        return "the certificate matches no DANE-EE record";
    if (!f->has_ee)
        return "no certificate in the chain matches a DANE-TA record";
    return "the certificate matches no DANE-EE record, and no certificate above it matches a DANE-TA record";
}

void otr_dane_explain_failure(const otr_dane_failure *f, char *reason, size_t size)
{
    otr_buf out = OTR_BUF_INIT;

    switch (f->error) {
    case X509_V_ERR_DANE_NO_MATCH:
        otr_buf_puts(&out, no_match_text(f));
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
        explain_name(f, &out);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        explain_date(f, "expired", f->cert != NULL ? X509_get0_notAfter(f->cert) : NULL, &out);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        explain_date(f, "becomes valid", f->cert != NULL ? X509_get0_notBefore(f->cert) : NULL, &out);
        break;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        otr_buf_printf(&out, "the signature on the certificate at depth %d is wrong", f->depth);
        break;
    case X509_V_ERR_INVALID_CA:
        otr_buf_printf(&out, "the certificate at depth %d issued another but is not a CA's", f->depth);
        break;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        otr_buf_printf(&out, "the chain is longer than the certificate at depth %d allows", f->depth);
        break;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
        otr_buf_puts(&out, "the certificate's key is of an unknown kind or too weak (below 80 bits)");
        break;
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        otr_buf_printf(&out, "the key of the certificate at depth %d is too weak (below 80 bits)", f->depth);
        break;
    case X509_V_ERR_CA_MD_TOO_WEAK:
        otr_buf_printf(&out, "the certificate at depth %d is signed with a weak digest", f->depth);
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        otr_buf_printf(&out, "the certificate at depth %d is not meant for TLS servers", f->depth);
        break;
    default:
        otr_buf_printf(&out, "the certificate at depth %d: %s", f->depth,
                       X509_verify_cert_error_string(f->error));
    }
    snprintf(reason, size, "%s", otr_buf_text(&out));
    otr_buf_clear(&out);
}

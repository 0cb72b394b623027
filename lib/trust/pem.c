/*
 * pem.c - walks the blocks of a PEM text (RFC 7468) with OpenSSL's reader.
 */
#include "trust/pem.h"

#include "base/cursor.h"
#include "base/diag.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* Where the block begins that the next read will find: reading skips text before it. */
static const char *find_block(const char *text, size_t len, BIO *in)
{
    const char *from = text + (len - (size_t)BIO_pending(in));
    const char *block = memmem(from, (size_t)(text + len - from), "-----BEGIN ", 11);

    return block != NULL ? block : text + len;
}

static bool is_certificate_name(const char *name)
{
    return strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0;
}

/* The octets of one block become a certificate at the end of certs. */
static outrider_err add_block(const char *name, const unsigned char *der, long der_len, STACK_OF(X509) *certs,
                              outrider_diag *diag)
{
    const unsigned char *at = der;
    X509 *cert;

    if (!is_certificate_name(name))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "a PEM block that is not a certificate");
    cert = d2i_X509(NULL, &at, der_len);
    if (cert == NULL || at != der + der_len) {
        X509_free(cert);
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "a certificate that does not parse");
    }
    if (sk_X509_push(certs, cert) <= 0) {
        X509_free(cert);
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    return OUTRIDER_OK;
}

/* One block. *is_end is set, and nothing read, when there is no further one. */
static outrider_err read_block(BIO *in, STACK_OF(X509) *certs, bool *is_end, outrider_diag *diag)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long der_len = 0;
    outrider_err err = OUTRIDER_OK;

    if (PEM_read_bio(in, &name, &header, &der, &der_len) == 1)
        err = add_block(name, der, der_len, certs, diag);
    else if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        *is_end = true;
    else
        err = otr_fail(diag, OUTRIDER_E_SYNTAX, "a PEM block that does not parse");
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    return err;
}

outrider_err otr_pem_read_certs(const char *text, size_t len, size_t limit, STACK_OF(X509) **certs,
                                outrider_diag *diag)
{
    STACK_OF(X509) *found = sk_X509_new_null();
    BIO *in = NULL;
    bool is_end = false;
    outrider_err err;

    /* Failures of parsing are told in our words; OpenSSL's are not left for the next user of its queue. */
    ERR_set_mark();
    if (len > INT_MAX) {
        err = otr_fail(diag, OUTRIDER_E_LIMIT, "larger than %d octets", INT_MAX);
        goto out;
    }
    if (found == NULL || (in = BIO_new_mem_buf(len > 0 ? text : "", (int)len)) == NULL) {
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
        goto out;
    }
    do {
        const char *block = find_block(text, len, in);

        err = read_block(in, found, &is_end, diag);
        if (err == OUTRIDER_OK && limit != 0 && (size_t)sk_X509_num(found) > limit)
            err = otr_fail(diag, OUTRIDER_E_LIMIT, "more than %zu certificates", limit);
        if (err != OUTRIDER_OK && diag != NULL)
            otr_locate(text, block, &diag->line, &diag->column);
    } while (err == OUTRIDER_OK && !is_end);
    if (err == OUTRIDER_OK && sk_X509_num(found) == 0)
        err = otr_fail(diag, OUTRIDER_E_SYNTAX, "no certificate in PEM form");
    if (err == OUTRIDER_OK) {
        *certs = found;
        found = NULL;
    }
out:
    ERR_pop_to_mark();
    BIO_free(in);
    sk_X509_pop_free(found, X509_free);
    return err;
}

char *otr_pem_write_certs(const STACK_OF(X509) *certs)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL, *data = NULL;
    bool is_good = out != NULL;
    long len;

    for (int i = 0; is_good && i < sk_X509_num(certs); i++)
        is_good = PEM_write_bio_X509(out, sk_X509_value(certs, i)) == 1;
    len = is_good ? BIO_get_mem_data(out, &data) : 0;
    if (len > 0)
        text = strndup(data, (size_t)len);
    BIO_free(out);
    return text;
}

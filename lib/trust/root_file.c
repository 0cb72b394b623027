/*
 * root_file.c - reading one certificate, and saying what a file has instead.
 */
#include "trust/root_file.h"

#include "base/diag.h"
#include "trust/pem.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

/* A SEQUENCE with a length in long form, as every certificate begins (X.690 §8.1.3.5). */
static bool is_der(const unsigned char *at, size_t len)
{
    return len > 4 && at[0] == 0x30 && (at[1] == 0x81 || at[1] == 0x82);
}

static outrider_err read_der(const unsigned char *text, size_t len, X509 **cert, outrider_diag *diag)
{
    const unsigned char *at = text;
    X509 *found = NULL;

    if (len <= LONG_MAX)
        found = d2i_X509(NULL, &at, (long)len);
    if (found != NULL && at == text + len) {
        *cert = found;
        return OUTRIDER_OK;
    }
    X509_free(found);
    return otr_fail(diag, OUTRIDER_E_SYNTAX, "the file is no certificate: neither PEM nor one certificate in DER");
}

static bool has_text(const char *text, size_t len, const char *part)
{
    return memmem(text, len, part, strlen(part)) != NULL;
}

static outrider_err read_pem(const char *text, size_t len, X509 **cert, outrider_diag *diag)
{
    STACK_OF(X509) *certs = NULL;
    outrider_diag why = { 0 };
    outrider_err err = otr_pem_read_certs(text, len, 0, &certs, &why);
    int count = sk_X509_num(certs);

    if (has_text(text, len, "PRIVATE KEY-----"))
        err = otr_fail(diag, OUTRIDER_E_SYNTAX, "the file holds a private key, which belongs to nobody else; give only the "
                       "certificate of the CA");
    else if (err == OUTRIDER_E_SYNTAX && why.line > 0 && has_text(text, len, "-----BEGIN "))
        err = otr_fail(diag, err, "line %u: %s", why.line, why.message);
    else if (err != OUTRIDER_OK)
        err = otr_fail(diag, err, "%s", why.message);
    else if (count != 1)
        err = otr_fail(diag, OUTRIDER_E_SYNTAX, "the file holds %d certificates, and one root is asked for; put it into a file "
                       "of its own", count);
    if (err == OUTRIDER_OK)
        *cert = sk_X509_pop(certs);
    sk_X509_pop_free(certs, X509_free);
    return err;
}

outrider_err otr_root_read(const char *text, size_t len, X509 **cert, outrider_diag *diag)
{
    outrider_err err;

    ERR_set_mark();
    err = is_der((const unsigned char *)text, len) ? read_der((const unsigned char *)text, len, cert, diag)
                                                   : read_pem(text, len, cert, diag);
    ERR_pop_to_mark();
    return err;
}

char *otr_root_pem(const X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL, *data;
    long len;

    if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1) {
        len = BIO_get_mem_data(bio, &data);
        text = strndup(data, (size_t)len);
    }
    BIO_free(bio);
    return text;
}

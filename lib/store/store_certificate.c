/*
 * store_certificate.c - see store_certificate.h. A row is believed if it parses to the end, and the certificate has the
 * fingerprint under which it is kept.
 */
#include "store/store_certificate.h"

#include "base/hex.h"

#include <openssl/err.h>

void otr_certificate_cache_clear(otr_certificate_cache *cache)
{
    for (size_t i = 0; i < OTR_CERTIFICATE_CACHE; i++)
        X509_free(cache->slots[i].cert);
    *cache = (otr_certificate_cache){ 0 };
}

bool otr_is_fingerprint(const char *text, bool is_optional)
{
    size_t len = 0;

    for (; text[len] != '\0'; len++)
        if (!otr_is_digit(text[len]) && !(text[len] >= 'a' && text[len] <= 'f'))
            return false;
    return len == OTR_SHA256_TEXT - 1 || (is_optional && len == 0);
}

void otr_work_put_certificate(otr_work *w, X509 *cert, char sha256[OTR_SHA256_TEXT])
{
    enum otr_store_statement which = w->db == w->store->db ? OTR_STORE_PUT_CERTIFICATE : OTR_STORE_KEEP_CERTIFICATE;
    sqlite3_stmt *s = otr_work_take(w, which);
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);

    if (len <= 0 || !otr_cert_fingerprint(cert, sha256))
        otr_work_refuse(w, OUTRIDER_E_NOMEM, "out of memory for a certificate");
    else
        otr_work_run(w, s, bind_text(s, 1, sha256) && sqlite3_bind_blob(s, 2, der, len, SQLITE_STATIC) == SQLITE_OK);
    OPENSSL_free(der);
}

static X509 *parse(const unsigned char *der, int len, const char *sha256)
{
    const unsigned char *at = der;
    X509 *cert = len > 0 ? d2i_X509(NULL, &at, len) : NULL;
    char found[OTR_SHA256_TEXT];

    if (cert != NULL && at == der + len && otr_cert_fingerprint(cert, found) && strcmp(found, sha256) == 0)
        return cert;
    X509_free(cert);
    ERR_clear_error();
    return NULL;
}

static X509 *read_certificate(otr_work *w, const char *sha256)
{
    enum otr_store_statement which = w->db == w->store->db ? OTR_STORE_GET_CERTIFICATE : OTR_STORE_SEE_CERTIFICATE;
    sqlite3_stmt *s = otr_work_take(w, which);
    X509 *cert = NULL;

    if (!otr_work_row(w, s, bind_text(s, 1, sha256)))
        return NULL;
    cert = parse(sqlite3_column_blob(s, 0), sqlite3_column_bytes(s, 0), sha256);
    otr_work_drop(s);
    return cert;
}

/* The first digits of a hash are as good as a hash of it. */
static size_t slot_of(const char *sha256)
{
    size_t slot = 0;

    for (size_t i = 0; i < 4; i++)
        slot = slot * 16 + (size_t)otr_hex_digit(sha256[i]);
    return slot % OTR_CERTIFICATE_CACHE;
}

X509 *otr_work_get_certificate(otr_work *w, const char *sha256, otr_certificate_cache *cache)
{
    size_t slot = cache != NULL ? slot_of(sha256) : 0;
    X509 *cert;

    if (cache != NULL && cache->slots[slot].cert != NULL && strcmp(cache->slots[slot].sha256, sha256) == 0) {
        X509_up_ref(cache->slots[slot].cert);
        return cache->slots[slot].cert;
    }
    cert = read_certificate(w, sha256);
    if (cache != NULL && cert != NULL) {
        X509_free(cache->slots[slot].cert);
        X509_up_ref(cert);
        cache->slots[slot].cert = cert;
        memcpy(cache->slots[slot].sha256, sha256, OTR_SHA256_TEXT);
    }
    return cert;
}

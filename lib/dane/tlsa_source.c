/*
 * tlsa_source.c - walks the blocks of a PEM text. A certificate goes to the chain that is open; a key closes a chain that lacks one, or
 * opens the next.
 */
#include "dane/tlsa_source.h"

#include "base/cursor.h"
#include "base/diag.h"
#include "trust/pem.h"

#include <limits.h>
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

typedef struct block {
    char *name, *header; /* owned */
    unsigned char *der;  /* owned; may be a secret */
    long len;
} block;

typedef struct reading {
    otr_tlsa_sources found;
    bool is_closed; /* the last source has all it can have */
    outrider_diag *diag;
} reading;

static otr_tlsa_source *last(reading *r)
{
    return r->found.count > 0 ? &r->found.list[r->found.count - 1] : NULL;
}

static outrider_err add_source(reading *r, otr_tlsa_source **source)
{
    if (r->found.count == OTR_TLSA_SOURCES_MAX)
        return otr_fail(r->diag, OUTRIDER_E_LIMIT, "more than %d chains and keys", OTR_TLSA_SOURCES_MAX);
    *source = &r->found.list[r->found.count++];
    **source = (otr_tlsa_source){ 0 };
    r->is_closed = false;
    return OUTRIDER_OK;
}

/* Takes the certificate over. */
static outrider_err push(otr_tlsa_source *source, X509 *cert, outrider_diag *diag)
{
    if (source->chain == NULL)
        source->chain = sk_X509_new_null();
    if (source->chain != NULL && sk_X509_push(source->chain, cert) > 0)
        return OUTRIDER_OK;
    X509_free(cert);
    return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
}

static outrider_err add_certificate(reading *r, X509 *cert)
{
    otr_tlsa_source *source = last(r);
    outrider_err err = OUTRIDER_OK;

    if (source == NULL || r->is_closed)
        err = add_source(r, &source);
    else if (source->chain == NULL && X509_check_private_key(cert, source->key) != 1)
        err = otr_fail(r->diag, OUTRIDER_E_SYNTAX, "the certificate is not for the key before it");
    else if (source->chain != NULL && sk_X509_num(source->chain) == OTR_CHAIN_MAX)
        err = otr_fail(r->diag, OUTRIDER_E_LIMIT, "more than %d certificates in a chain", OTR_CHAIN_MAX);
    if (err == OUTRIDER_OK)
        return push(source, cert, r->diag);
    X509_free(cert);
    return err;
}

/* A private key behind its chain, or before it; a public key always stands for itself. */
static outrider_err add_key(reading *r, EVP_PKEY *key, bool is_public)
{
    otr_tlsa_source *source = last(r);
    outrider_err err;

    if (!is_public && source != NULL && source->chain != NULL && source->key == NULL &&
        X509_check_private_key(sk_X509_value(source->chain, 0), key) == 1) {
        source->key = key;
        r->is_closed = true;
        return OUTRIDER_OK;
    }
    err = add_source(r, &source);
    if (err != OUTRIDER_OK) {
        EVP_PKEY_free(key);
        return err;
    }
    source->key = key;
    r->is_closed = is_public;
    return OUTRIDER_OK;
}

static outrider_err take_certificate(reading *r, const block *b)
{
    const unsigned char *at = b->der;
    X509 *cert = d2i_X509(NULL, &at, b->len);

    if (cert != NULL && at == b->der + b->len)
        return add_certificate(r, cert);
    X509_free(cert);
    return otr_fail(r->diag, OUTRIDER_E_SYNTAX, "a certificate that does not parse");
}

static outrider_err take_key(reading *r, const block *b, bool is_public)
{
    const unsigned char *at = b->der;
    EVP_PKEY *key;

    if (strstr(b->header, "ENCRYPTED") != NULL)
        return otr_fail(r->diag, OUTRIDER_E_SYNTAX, "a private key with a passphrase; its public key is enough: "
                                                    "openssl pkey -in FILE -pubout");
    key = is_public ? d2i_PUBKEY(NULL, &at, b->len) : d2i_AutoPrivateKey(NULL, &at, b->len);
    if (key != NULL && at == b->der + b->len)
        return add_key(r, key, is_public);
    EVP_PKEY_free(key);
    return otr_fail(r->diag, OUTRIDER_E_SYNTAX, "a %s key that does not parse", is_public ? "public" : "private");
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

static outrider_err take_block(reading *r, const block *b)
{
    static const char *const certificates[] = { PEM_STRING_X509, PEM_STRING_X509_OLD, NULL };
    static const char *const secrets[] = { PEM_STRING_PKCS8INF, PEM_STRING_RSA, PEM_STRING_ECPRIVATEKEY, NULL };
    static const char *const requests[] = { PEM_STRING_X509_REQ, PEM_STRING_X509_REQ_OLD, NULL };
    static const char *const beside[] = { "EC PARAMETERS", PEM_STRING_DHPARAMS, NULL }; /* written beside keys; say nothing here */

    if (is_one_of(b->name, certificates))
        return take_certificate(r, b);
    if (is_one_of(b->name, secrets))
        return take_key(r, b, false);
    if (strcmp(b->name, PEM_STRING_PUBLIC) == 0)
        return take_key(r, b, true);
    if (is_one_of(b->name, beside))
        return OUTRIDER_OK;
    if (strcmp(b->name, PEM_STRING_PKCS8) == 0)
        return otr_fail(r->diag, OUTRIDER_E_SYNTAX, "a private key with a passphrase; its public key is enough: "
                                                    "openssl pkey -in FILE -pubout");
    if (is_one_of(b->name, requests))
        return otr_fail(r->diag, OUTRIDER_E_SYNTAX, "a certificate request, which no server shows; give the key it was made for");
    return otr_fail(r->diag, OUTRIDER_E_SYNTAX, "a PEM block that is neither certificate nor key");
}

/* Where the block begins that the next read will find: reading skips text before it. */
static const char *find_block(const char *text, size_t len, BIO *in)
{
    const char *from = text + (len - (size_t)BIO_pending(in));
    const char *begin = memmem(from, (size_t)(text + len - from), "-----BEGIN ", 11);

    return begin != NULL ? begin : text + len;
}

/* One block. *is_end is set, and nothing read, when there is no further one. */
static outrider_err read_block(reading *r, BIO *in, bool *is_end)
{
    block b = { 0 };
    outrider_err err = OUTRIDER_OK;

    if (PEM_read_bio(in, &b.name, &b.header, &b.der, &b.len) == 1)
        err = take_block(r, &b);
    else if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        *is_end = true;
    else
        err = otr_fail(r->diag, OUTRIDER_E_SYNTAX, "a PEM block that does not parse");
    OPENSSL_free(b.name);
    OPENSSL_free(b.header);
    if (b.der != NULL)
        OPENSSL_clear_free(b.der, (size_t)b.len);
    return err;
}

/* Keys stand for themselves where there is nothing else; beside chains each belongs to one. */
static outrider_err check_whole(reading *r)
{
    size_t chains = 0;

    if (r->found.count == 0)
        return otr_fail(r->diag, OUTRIDER_E_SYNTAX, "no certificate and no key in PEM form");
    for (size_t i = 0; i < r->found.count; i++)
        chains += r->found.list[i].chain != NULL;
    if (chains > 0 && chains < r->found.count)
        return otr_fail(r->diag, OUTRIDER_E_SYNTAX, "a key that is not that of the certificate beside it");
    return OUTRIDER_OK;
}

static outrider_err read_blocks(reading *r, const char *pem, size_t len)
{
    BIO *in = BIO_new_mem_buf(len > 0 ? pem : "", (int)len);
    bool is_end = false;
    outrider_err err = in != NULL ? OUTRIDER_OK : otr_fail(r->diag, OUTRIDER_E_NOMEM, "out of memory");

    while (err == OUTRIDER_OK && !is_end) {
        const char *begin = find_block(pem, len, in);

        err = read_block(r, in, &is_end);
        if (err != OUTRIDER_OK && r->diag != NULL)
            otr_locate(pem, begin, &r->diag->line, &r->diag->column);
    }
    BIO_free(in);
    return err != OUTRIDER_OK ? err : check_whole(r);
}

outrider_err otr_tlsa_sources_read(const char *pem, size_t len, otr_tlsa_sources *sources, outrider_diag *diag)
{
    reading r = { .diag = diag };
    outrider_err err;

    if (diag != NULL)
        *diag = (outrider_diag){ 0 };
    if (len > OTR_CHAIN_PEM_LIMIT)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "larger than %d octets", OTR_CHAIN_PEM_LIMIT);
    /* What OpenSSL says of a file is told in our words; its own are not left for the next user of its queue. */
    ERR_set_mark();
    err = read_blocks(&r, pem, len);
    ERR_pop_to_mark();
    if (err == OUTRIDER_OK)
        *sources = r.found;
    else
        otr_tlsa_sources_clear(&r.found);
    return err;
}

void otr_tlsa_sources_clear(otr_tlsa_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        sk_X509_pop_free(sources->list[i].chain, X509_free);
        EVP_PKEY_free(sources->list[i].key);
    }
    sources->count = 0;
}

EVP_PKEY *otr_tlsa_source_key(const otr_tlsa_source *source)
{
    EVP_PKEY *key;

    if (source->chain == NULL)
        return source->key;
    ERR_set_mark();
    key = X509_get0_pubkey(sk_X509_value(source->chain, 0));
    ERR_pop_to_mark();
    return key;
}

const char *otr_key_words(const EVP_PKEY *key, char words[OTR_KEY_WORDS])
{
    char group[32];
    const char *type = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;

    if (type == NULL)
        snprintf(words, OTR_KEY_WORDS, "a key of an unknown kind");
    else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
        snprintf(words, OTR_KEY_WORDS, "%.20s %d bits", type, EVP_PKEY_get_bits(key));
    else if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) == 1)
        snprintf(words, OTR_KEY_WORDS, "%.12s %s", type, group);
    else
        snprintf(words, OTR_KEY_WORDS, "%.20s", type);
    return words;
}

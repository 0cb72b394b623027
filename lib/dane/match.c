/*
 * match.c - asks OpenSSL whether TLSA records authenticate a chain, in the way a sending MTA asks it: its DANE
 * code builds and checks the chain (RFC 7671 §5), and we say what SMTP wants of it (RFC 7672 §3):
 *
 *   - records that do not count (unusable, or outranked by a stronger digest) are not even shown to it;
 *   - the store of local trust anchors is empty, so an anchor is one that DNS names (DANE-06), and with a
 *     digest it must be in the chain as sent (DANE-16);
 *   - DANE-EE ignores names and dates (RFC 7672 §3.1.1), DANE-TA checks both;
 *   - partial wildcards match nothing (RFC 7672 §3.2.3), and the Common Name counts only where the certificate
 *     has no DNS-ID, which is OpenSSL's own rule;
 *   - security level 1 (80 bits), the one Postfix sets for a peer that it authenticates: RSA below 1024 bits
 *     and signatures with SHA-1 or MD5 do not count, whatever the system's openssl.cnf says.
 *
 * Where a server sends two certificates of one issuer (same name and key, cross-signed), OpenSSL follows one and
 * does not come back for the other; we leave it so, because the MTAs that verify do the same.
 *
 * OpenSSL takes its DANE records from an SSL object, so there is one here; no connection is made with it.
 */
#include "dane/match.h"

#include "base/diag.h"
#include "dane/match_reason.h"
#include "dns/name.h"
#include "trust/pem.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define SECURITY_LEVEL 1
enum { USAGE_DANE_TA = 2, USAGE_DANE_EE = 3 };

struct match {
    const otr_dane_question *question; /* borrowed */
    bool *counts;                      /* owned; per record, whether it takes part */
    bool has_ee, has_ta;               /* usages among the records that OpenSSL was given */
    const char *name;                  /* borrowed; the first reference identifier, NULL: none */
    STACK_OF(X509) *chain;             /* owned */
    SSL_CTX *ssl_ctx;                  /* owned */
    SSL *ssl;                          /* owned */
    X509_STORE *store;                 /* owned; empty */
    X509_STORE_CTX *verify;            /* owned */
};

static void clear(struct match *m)
{
    X509_STORE_CTX_free(m->verify);
    X509_STORE_free(m->store);
    SSL_free(m->ssl);
    SSL_CTX_free(m->ssl_ctx);
    sk_X509_pop_free(m->chain, X509_free);
    free(m->counts);
}

/*
 * OpenSSL reads ".example.com" as "anything below" and an empty name as "do not check", and would compare an
 * address with a DNS-ID: nothing but a host name may be handed to it.
 */
static bool is_reference_name(const char *name)
{
    size_t len = strlen(name);

    return otr_is_ldh_domain(name, len) && !otr_is_address_text(name, len);
}

static const char *first_name(const otr_dane_question *q)
{
    for (const char *const *name = q->names; name != NULL && *name != NULL; name++)
        if (is_reference_name(*name))
            return *name;
    return NULL;
}

static bool add_record(struct match *m, const otr_tlsa *r)
{
    if (r->usage == USAGE_DANE_TA) {
        /* Without a name to check, any customer of that CA would pass. */
        if (m->name == NULL)
            return true;
        m->has_ta = true;
    } else {
        m->has_ee = true;
    }
    /* A record that otr_tlsa_check() lets through and OpenSSL does not: only memory can be the reason. */
    return SSL_dane_tlsa_add(m->ssl, r->usage, r->selector, r->mtype, r->data, r->len) > 0;
}

static bool set_records(struct match *m)
{
    const otr_dane_question *q = m->question;

    m->ssl_ctx = SSL_CTX_new(TLS_client_method());
    if (m->ssl_ctx == NULL || SSL_CTX_dane_enable(m->ssl_ctx) <= 0)
        return false;
    m->ssl = SSL_new(m->ssl_ctx);
    if (m->ssl == NULL || SSL_dane_enable(m->ssl, NULL) <= 0)
        return false;
    SSL_dane_set_flags(m->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    for (size_t i = 0; i < q->record_count; i++)
        if (m->counts[i] && !add_record(m, &q->records[i]))
            return false;
    return true;
}

static bool set_terms(struct match *m)
{
    const otr_dane_question *q = m->question;
    X509_VERIFY_PARAM *terms;

    m->store = X509_STORE_new();
    m->verify = X509_STORE_CTX_new();
    if (m->store == NULL || m->verify == NULL ||
        X509_STORE_CTX_init(m->verify, m->store, sk_X509_value(m->chain, 0), m->chain) != 1 ||
        X509_STORE_CTX_set_default(m->verify, "ssl_server") != 1)
        return false;
    X509_STORE_CTX_set0_dane(m->verify, SSL_get0_dane(m->ssl));
    terms = X509_STORE_CTX_get0_param(m->verify);
    X509_VERIFY_PARAM_set_time(terms, q->at);
    X509_VERIFY_PARAM_set_auth_level(terms, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_hostflags(terms, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /*
     * OpenSSL, and so Postfix and Exim, look at the dates of an anchor only if it is self-issued. With this
     * flag it always does (DANE-05), so that nobody is told to rely on a CA certificate that has expired; the
     * flag does not widen what is trusted, as the store is empty.
     */
    X509_VERIFY_PARAM_set_flags(terms, X509_V_FLAG_PARTIAL_CHAIN);
    for (const char *const *name = q->names; name != NULL && *name != NULL; name++)
        if (is_reference_name(*name) && X509_VERIFY_PARAM_add1_host(terms, *name, 0) != 1)
            return false;
    return true;
}

/* The index of the record that OpenSSL says has matched; of duplicates, the first. */
static int find_record(const struct match *m)
{
    const otr_dane_question *q = m->question;
    uint8_t usage, selector, mtype;
    const unsigned char *data;
    size_t len;

    if (SSL_get0_dane_tlsa(m->ssl, &usage, &selector, &mtype, &data, &len) < 0)
        return -1;
    for (size_t i = 0; i < q->record_count; i++) {
        const otr_tlsa *r = &q->records[i];

        if (m->counts[i] && r->usage == usage && r->selector == selector && r->mtype == mtype && r->len == len &&
            memcmp(r->data, data, len) == 0)
            return (int)i;
    }
    return -1;
}

static void report_success(const struct match *m, otr_dane_result *result)
{
    EVP_PKEY *bare_key = NULL;

    SSL_set_verify_result(m->ssl, X509_V_OK); /* without it SSL tells nothing of the match */
    result->matched = find_record(m);
    if (result->matched < 0) {
        snprintf(result->reason, sizeof(result->reason), "the chain was accepted without a TLSA record");
        return;
    }
    result->is_authenticated = true;
    result->depth = SSL_get0_dane_authority(m->ssl, NULL, &bare_key);
    if (bare_key != NULL) {
        snprintf(result->reason, sizeof(result->reason),
                 "the key of a DANE-TA record signed the certificate at depth %d, and chain and name are good",
                 result->depth);
        result->depth++;
    } else if (m->question->records[result->matched].usage == USAGE_DANE_EE) {
        snprintf(result->reason, sizeof(result->reason),
                 "a DANE-EE record matches the certificate; its names and dates are not looked at");
    } else {
        snprintf(result->reason, sizeof(result->reason),
                 "a DANE-TA record matches the certificate at depth %d, and chain and name are good",
                 result->depth);
    }
}

static outrider_err verify(struct match *m, otr_dane_result *result, outrider_diag *diag)
{
    otr_dane_failure failure = { .leaf = sk_X509_value(m->chain, 0), .has_ee = m->has_ee, .has_ta = m->has_ta,
                                 .name = m->name };

    if (X509_verify_cert(m->verify) == 1) {
        report_success(m, result);
        return OUTRIDER_OK;
    }
    failure.error = X509_STORE_CTX_get_error(m->verify);
    failure.depth = X509_STORE_CTX_get_error_depth(m->verify);
    failure.cert = X509_STORE_CTX_get_current_cert(m->verify);
    if (failure.error == X509_V_ERR_OUT_OF_MEM)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    otr_dane_explain_failure(&failure, result->reason, sizeof(result->reason));
    return OUTRIDER_OK;
}

static outrider_err match_usable(struct match *m, otr_dane_result *result, outrider_diag *diag)
{
    m->name = first_name(m->question);
    if (!set_records(m))
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (!m->has_ee && !m->has_ta) {
        snprintf(result->reason, sizeof(result->reason),
                 "a DANE-TA record needs a host name that the certificate must have, and none is given");
        return OUTRIDER_OK;
    }
    if (!set_terms(m))
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    return verify(m, result, diag);
}

outrider_err otr_dane_match(const otr_dane_question *question, otr_dane_result *result, outrider_diag *diag)
{
    struct match m = { .question = question };
    otr_dane_result found = { .matched = -1, .depth = -1 };
    outrider_err err;

    if (question->chain_len > OTR_CHAIN_PEM_LIMIT)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "a chain larger than %d octets", OTR_CHAIN_PEM_LIMIT);
    /* Whatever a hostile certificate makes OpenSSL say, the caller's error queue stays as it was. */
    ERR_set_mark();
    err = otr_pem_read_certs(question->chain_pem, question->chain_len, OTR_CHAIN_MAX, &m.chain, diag);
    if (err != OUTRIDER_OK)
        goto out;
    m.counts = calloc(question->record_count + 1, sizeof(*m.counts));
    if (m.counts == NULL) {
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
        goto out;
    }
    found.is_usable = otr_tlsa_select(question->records, question->record_count, m.counts) > 0;
    if (found.is_usable)
        err = match_usable(&m, &found, diag);
    else if (question->record_count == 0)
        snprintf(found.reason, sizeof(found.reason), "there is no TLSA record");
    else
        snprintf(found.reason, sizeof(found.reason),
                 "no record is usable: TLS is required, the certificate is not checked");
    if (err == OUTRIDER_OK)
        *result = found;
out:
    clear(&m);
    ERR_pop_to_mark();
    return err;
}

/*
 * verify.c - sets OpenSSL's verifier up, and reads what it came to. One set-up serves handshakes and chains on paper, so
 * that an answer about a chain is the answer that a handshake would get.
 *
 * What OpenSSL does not do by itself, on_step() does: every verification calls it at each error, and for each certificate
 * of a path that looks good so far.
 */
#include "trust/verify.h"

#include "base/diag.h"
#include "dns/name.h"
#include "trust/anchor_set.h"
#include "trust/pem.h"
#include "trust/verify_reason.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#define SECURITY_LEVEL 2
#define SECURITY_BITS 112 /* of that level */
#define HOST_FLAGS (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
#define REVOCATION_FLAGS (X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL)

/* What stands in the way of a verdict, at each step --------------------------------------------------------------- */

/*
 * Where an SSL keeps the depth of its error: OpenSSL keeps the error only. (Depth + 1, as a pointer; 0: none.) The index is
 * asked for once in the life of the process, as OpenSSL wants it.
 */
static CRYPTO_ONCE depth_once = CRYPTO_ONCE_STATIC_INIT;
static int depth_index = -1;

static void get_depth_index(void)
{
    depth_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static bool is_forgiven(int error)
{
    /*
     * An issuer without a list is not refused, and an old list is better than none: what it names stays revoked, and what it
     * does not name is as good as where there is no list. Neither stops mail (STS-FETCH-22).
     */
    return error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED;
}

static int refuse(X509_STORE_CTX *ctx, int error, int depth)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());

    X509_STORE_CTX_set_error(ctx, error);
    X509_STORE_CTX_set_error_depth(ctx, depth);
    if (ssl != NULL) /* a failure to keep the depth makes the reason vaguer, and no more */
        SSL_set_ex_data(ssl, depth_index, (void *)(intptr_t)(depth + 1));
    return 0;
}

static int on_step(int ok, X509_STORE_CTX *ctx)
{
    int error = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);

    if (sk_X509_num(X509_STORE_CTX_get0_untrusted(ctx)) > OTR_CHAIN_MAX)
        return refuse(ctx, X509_V_ERR_CERT_CHAIN_TOO_LONG, 0);
    if (!ok && is_forgiven(error)) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    return ok ? 1 : refuse(ctx, error, depth);
}

/* For a name that no host can have. Without a name OpenSSL would check none. */
static int refuse_any_name(int ok, X509_STORE_CTX *ctx)
{
    (void)ok;
    return refuse(ctx, X509_V_ERR_HOSTNAME_MISMATCH, 0);
}

/* The set-up ------------------------------------------------------------------------------------------------------ */

typedef struct set_up {
    X509_STORE_CTX_verify_cb step;
    outrider_err err;
} set_up;

static set_up set_up_param(X509_VERIFY_PARAM *param, const otr_anchor_set *set, const char *host)
{
    /* An address is no name: OpenSSL would compare it with DNS-IDs as if it were one (RFC 9525 §6.3). */
    bool has_name = otr_is_ldh_domain(host, strlen(host));
    unsigned long flags = X509_VERIFY_PARAM_get_flags(X509_STORE_get0_param(set->store));
    set_up made = { .step = has_name ? on_step : refuse_any_name, .err = OUTRIDER_OK };

    if (CRYPTO_THREAD_run_once(&depth_once, get_depth_index) != 1 || depth_index < 0)
        made.err = OUTRIDER_E_NOMEM;
    X509_VERIFY_PARAM_set_hostflags(param, HOST_FLAGS);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(param, OTR_CHAIN_MAX);
    X509_VERIFY_PARAM_clear_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME | REVOCATION_FLAGS);
    if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_TRUSTED_FIRST | (flags & REVOCATION_FLAGS)) != 1 ||
        X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER) != 1 ||
        X509_VERIFY_PARAM_set_trust(param, X509_TRUST_SSL_SERVER) != 1 ||
        X509_VERIFY_PARAM_set1_host(param, has_name ? host : NULL, 0) != 1)
        made.err = OUTRIDER_E_NOMEM;
    return made;
}

/* The level of the parameters is that of the certificates, and stands above that of the connection. */
outrider_err otr_verify_set_up_ctx(SSL_CTX *ctx, const otr_anchor_set *set, const char *host)
{
    set_up made = set_up_param(SSL_CTX_get0_param(ctx), set, host);

    if (made.err != OUTRIDER_OK || SSL_CTX_set1_verify_cert_store(ctx, set->store) != 1)
        return OUTRIDER_E_NOMEM;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, made.step);
    return OUTRIDER_OK;
}

outrider_err otr_verify_set_up_ssl(SSL *ssl, const otr_anchor_set *set, const char *host)
{
    set_up made = set_up_param(SSL_get0_param(ssl), set, host);

    if (made.err != OUTRIDER_OK || SSL_set1_verify_cert_store(ssl, set->store) != 1 ||
        SSL_set_ex_data(ssl, depth_index, NULL) != 1)
        return OUTRIDER_E_NOMEM;
    SSL_set_verify(ssl, SSL_VERIFY_PEER, made.step);
    return OUTRIDER_OK;
}

/* What came of it ------------------------------------------------------------------------------------------------- */

void otr_verification_clear(otr_verification *v)
{
    sk_X509_pop_free(v->path, X509_free);
    *v = (otr_verification){ .depth = -1 };
}

X509 *otr_verification_root(const otr_verification *v)
{
    return v->is_accepted ? sk_X509_value(v->path, sk_X509_num(v->path) - 1) : NULL;
}

static otr_time first_end(const STACK_OF(X509) *path)
{
    otr_time first = 0;

    for (int i = 0; i < sk_X509_num(path); i++) {
        otr_time end = otr_cert_not_after(sk_X509_value(path, i));

        if (i == 0 || end < first)
            first = end;
    }
    return first;
}

/* Takes the path. */
static void conclude(otr_verification *v, int error, int depth, STACK_OF(X509) *path, const char *host)
{
    bool is_accepted = error == X509_V_OK && sk_X509_num(path) > 0;

    if (error == X509_V_OK && !is_accepted)
        error = X509_V_ERR_INVALID_CALL;
    *v = (otr_verification){ .is_accepted = is_accepted, .error = error, .depth = is_accepted ? -1 : depth, .path = path };
    if (is_accepted)
        v->expires_at = first_end(path);
    otr_verification_explain(v, host);
}

/* SSL_get_verify_result() is OK also before there was anything to verify, and in a resumed session; a path there is not. */
outrider_err otr_verify_handshake(SSL *ssl, otr_verification *result)
{
    STACK_OF(X509) *verified = SSL_get0_verified_chain(ssl);
    long error = SSL_get_verify_result(ssl);
    int depth = depth_index >= 0 ? (int)(intptr_t)SSL_get_ex_data(ssl, depth_index) - 1 : -1;
    STACK_OF(X509) *path = NULL;

    *result = (otr_verification){ .depth = -1 };
    if (verified != NULL && (path = X509_chain_up_ref(verified)) == NULL)
        return OUTRIDER_E_NOMEM;
    conclude(result, (int)error, depth >= 0 ? depth : 0, path, X509_VERIFY_PARAM_get0_host(SSL_get0_param(ssl), 0));
    return OUTRIDER_OK;
}

/* OpenSSL's verifier asks the same function with the same flags. */
outrider_err otr_verify_name(X509 *cert, const char *host, outrider_diag *diag)
{
    bool has_name = otr_is_ldh_domain(host, strlen(host)), is_named;
    otr_verification v = { .error = X509_V_ERR_HOSTNAME_MISMATCH };

    ERR_set_mark();
    is_named = has_name && X509_check_host(cert, host, 0, HOST_FLAGS, NULL) == 1;
    if (!is_named) {
        v.path = sk_X509_new_null();
        if (v.path != NULL)
            sk_X509_push(v.path, cert); /* without memory the reason is vaguer, and no more */
        otr_verification_explain(&v, has_name ? host : NULL);
        sk_X509_free(v.path);
    }
    ERR_pop_to_mark();
    return is_named ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_SYNTAX, "%s", v.reason);
}

/* A root by itself ------------------------------------------------------------------------------------------------ */

/* As on_step(): whatever date the list has. */
static bool is_revoked(const X509_STORE *store, X509 *root)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    bool is_named = false;

    for (int i = 0; i < sk_X509_OBJECT_num(objects) && !is_named; i++) {
        X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        X509_REVOKED *entry = NULL;

        is_named = crl != NULL && X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(root)) == 0 &&
                   X509_CRL_get0_by_cert(crl, &entry, root) == 1 && X509_CRL_verify(crl, X509_get0_pubkey(root)) == 1;
    }
    return is_named;
}

static outrider_err refuse_root(const X509 *root, outrider_diag *diag, const char *why)
{
    char name[OTR_CERT_NAME_SIZE];

    return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s %s", otr_cert_name(root, name), why);
}

static outrider_err check_root_dates(const X509 *root, otr_time at, outrider_diag *diag)
{
    char why[2 * OTR_TIME_TEXT], date[OTR_TIME_TEXT];

    if (otr_cert_not_before(root) > at) {
        snprintf(why, sizeof(why), "is not valid before %s", otr_time_text(otr_cert_not_before(root), date));
        return refuse_root(root, diag, why);
    }
    if (otr_cert_not_after(root) <= at) {
        snprintf(why, sizeof(why), "has expired (%s)", otr_time_text(otr_cert_not_after(root), date));
        return refuse_root(root, diag, why);
    }
    return OUTRIDER_OK;
}

static outrider_err check_root(const otr_anchor_set *set, X509 *root, otr_time at, outrider_diag *diag)
{
    const EVP_PKEY *key = X509_get0_pubkey(root);

    if (!otr_is_path_end(root))
        return refuse_root(root, diag, "is no root: another CA has signed it");
    if (X509_check_ca(root) == 0)
        return refuse_root(root, diag, "is no CA: it may not sign certificates");
    if (X509_check_purpose(root, X509_PURPOSE_SSL_SERVER, 1) <= 0)
        return refuse_root(root, diag, "is not made for TLS servers");
    if (key == NULL || EVP_PKEY_get_security_bits(key) < SECURITY_BITS)
        return refuse_root(root, diag, "has a key that is too weak (RSA needs 2048 bits)");
    if (is_revoked(set->store, root))
        return refuse_root(root, diag, "has been revoked, says a revocation list of the configuration");
    return check_root_dates(root, at, diag);
}

/*
 * OpenSSL judges paths, and a root alone is none: it would be judged as the certificate of a server. What OpenSSL looks at in
 * the last certificate of a path is asked here one by one; verify_test.c compares the answers.
 */
outrider_err otr_verify_root(const otr_anchor_set *set, X509 *root, otr_time at, outrider_diag *diag)
{
    outrider_err err;

    ERR_set_mark();
    err = check_root(set, root, at, diag);
    ERR_pop_to_mark();
    return err;
}

/* On paper -------------------------------------------------------------------------------------------------------- */

/* `roots`: those that count, NULL: all of the set. */
static outrider_err judge(const otr_anchor_set *set, STACK_OF(X509) *roots, const STACK_OF(X509) *chain, const char *host,
                          otr_time at, otr_verification *result)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *sent = sk_X509_dup(chain), *path = NULL;
    outrider_err err = OUTRIDER_E_NOMEM;
    set_up made;

    if (ctx == NULL || sent == NULL ||
        X509_STORE_CTX_init(ctx, set->store, sk_X509_value(sent, 0), sent) != 1)
        goto out;
    made = set_up_param(X509_STORE_CTX_get0_param(ctx), set, host);
    if (made.err != OUTRIDER_OK)
        goto out;
    X509_STORE_CTX_set_time(ctx, 0, (time_t)at);
    X509_STORE_CTX_set_verify_cb(ctx, made.step);
    if (roots != NULL)
        X509_STORE_CTX_set0_trusted_stack(ctx, roots);
    if (X509_verify_cert(ctx) <= 0 && X509_STORE_CTX_get_error(ctx) == X509_V_ERR_OUT_OF_MEM)
        goto out;
    if (X509_STORE_CTX_get0_chain(ctx) != NULL && (path = X509_STORE_CTX_get1_chain(ctx)) == NULL)
        goto out;
    conclude(result, X509_STORE_CTX_get_error(ctx), X509_STORE_CTX_get_error_depth(ctx), path,
             made.step == on_step ? host : NULL);
    err = OUTRIDER_OK;
out:
    X509_STORE_CTX_free(ctx);
    sk_X509_free(sent);
    return err;
}

static outrider_err judge_quietly(const otr_anchor_set *set, STACK_OF(X509) *roots, const STACK_OF(X509) *chain,
                                  const char *host, otr_time at, otr_verification *result)
{
    outrider_err err = OUTRIDER_OK;

    *result = (otr_verification){ .depth = -1 };
    ERR_set_mark();
    if (sk_X509_num(chain) < 1)
        conclude(result, X509_V_ERR_INVALID_CALL, 0, NULL, host);
    else
        err = judge(set, roots, chain, host, at, result);
    ERR_pop_to_mark();
    return err;
}

outrider_err otr_verify_chain(const otr_anchor_set *set, const STACK_OF(X509) *chain, const char *host, otr_time at,
                              otr_verification *result)
{
    return judge_quietly(set, NULL, chain, host, at, result);
}

/* The store of the set still has the revocation lists; of roots, the verifier sees those that are left alone. */
outrider_err otr_verify_chain_without(const otr_anchor_set *set, const STACK_OF(X509) *chain, const char *host, otr_time at,
                                      otr_root_filter *is_left_out, void *arg, otr_verification *result)
{
    STACK_OF(X509) *left = sk_X509_new_null();
    outrider_err err = left != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;

    *result = (otr_verification){ .depth = -1 };
    for (int i = 0; err == OUTRIDER_OK && i < sk_X509_num(set->roots); i++) {
        X509 *root = sk_X509_value(set->roots, i);

        if (otr_is_path_end(root) && !is_left_out(arg, root) && sk_X509_push(left, root) <= 0)
            err = OUTRIDER_E_NOMEM;
    }
    if (err == OUTRIDER_OK)
        err = judge_quietly(set, left, chain, host, at, result);
    sk_X509_free(left);
    return err;
}

/*
 * anchor_set.c - a set of roots: the certificates, the store that all verifications share, and the name of the file.
 */
#include "trust/anchor_set.h"

#include "base/arena.h"
#include "base/diag.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

struct otr_root_body {
    STACK_OF(X509) *roots; /* owned */
    X509_STORE *store;     /* owned */
    char name[OTR_SHA256_TEXT];
    _Atomic unsigned refs;
};

struct otr_set_life {
    otr_anchor_set set;
    otr_root_body *body; /* owned reference */
    otr_arena *arena;    /* owned: the texts */
    _Atomic unsigned refs;
};

/* The body ----------------------------------------------------------------------------------------------------- */

static void put_pem(const STACK_OF(X509) *roots, otr_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len;

    for (int i = 0; bio != NULL && i < sk_X509_num(roots); i++) {
        if (PEM_write_bio_X509(bio, sk_X509_value(roots, i)) != 1) {
            BIO_free(bio);
            bio = NULL;
        }
    }
    if (bio == NULL) {
        out->err = OUTRIDER_E_NOMEM;
        return;
    }
    len = BIO_get_mem_data(bio, &data);
    otr_buf_put(out, data, (size_t)len);
    BIO_free(bio);
}

static outrider_err name_content(const STACK_OF(X509) *sorted, char name[OTR_SHA256_TEXT], outrider_diag *diag)
{
    otr_buf pem = OTR_BUF_INIT;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    outrider_err err;

    if (sk_X509_num(sorted) == 0) {
        memcpy(name, "none", sizeof("none"));
        return OUTRIDER_OK;
    }
    put_pem(sorted, &pem);
    err = pem.err;
    if (err == OUTRIDER_OK && EVP_Digest(otr_buf_text(&pem), pem.len, digest, &size, EVP_sha256(), NULL) != 1)
        err = OUTRIDER_E_NOMEM;
    for (unsigned i = 0; err == OUTRIDER_OK && i < size; i++)
        snprintf(name + 2 * i, 3, "%02x", digest[i]);
    otr_buf_clear(&pem);
    return err == OUTRIDER_OK ? err : otr_fail(diag, err, "out of memory");
}

static int compare_fingerprints(const X509 *const *a, const X509 *const *b)
{
    char left[OTR_SHA256_TEXT], right[OTR_SHA256_TEXT];

    otr_cert_fingerprint(*a, left);
    otr_cert_fingerprint(*b, right);
    return strcmp(left, right);
}

outrider_err otr_roots_name(const STACK_OF(X509) *roots, char name[OTR_SHA256_TEXT], outrider_diag *diag)
{
    STACK_OF(X509) *sorted = sk_X509_dup(roots);
    outrider_err err;

    if (sorted == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    (void)sk_X509_set_cmp_func(sorted, compare_fingerprints);
    sk_X509_sort(sorted);
    for (int i = sk_X509_num(sorted) - 1; i > 0; i--)
        if (X509_cmp(sk_X509_value(sorted, i), sk_X509_value(sorted, i - 1)) == 0)
            (void)sk_X509_delete(sorted, i);
    err = name_content(sorted, name, diag);
    sk_X509_free(sorted);
    return err;
}

static STACK_OF(X509) *copy_roots(const STACK_OF(X509) *roots)
{
    STACK_OF(X509) *copy = sk_X509_dup(roots);

    for (int i = 0; copy != NULL && i < sk_X509_num(copy); i++)
        X509_up_ref(sk_X509_value(copy, i));
    return copy;
}

bool otr_is_path_end(X509 *cert)
{
    return X509_self_signed(cert, 0) == 1;
}

static X509_STORE *make_store(const STACK_OF(X509) *roots, const STACK_OF(X509_CRL) *crls)
{
    X509_STORE *store = X509_STORE_new();
    bool is_full = store != NULL;

    for (int i = 0; is_full && i < sk_X509_num(roots); i++)
        if (otr_is_path_end(sk_X509_value(roots, i)))
            is_full = X509_STORE_add_cert(store, sk_X509_value(roots, i)) == 1;
    for (int i = 0; is_full && i < sk_X509_CRL_num(crls); i++) /* of NULL there are -1 */
        is_full = X509_STORE_add_crl(store, sk_X509_CRL_value(crls, i)) == 1;
    if (is_full && sk_X509_CRL_num(crls) > 0) /* verify.c reads from the store whether lists are to be asked */
        is_full = X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
    if (!is_full) {
        X509_STORE_free(store);
        return NULL;
    }
    return store;
}

outrider_err otr_root_body_new(const STACK_OF(X509) *roots, const STACK_OF(X509_CRL) *crls, otr_root_body **made,
                               outrider_diag *diag)
{
    otr_root_body *body = calloc(1, sizeof(*body));

    if (body == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    atomic_init(&body->refs, 1);
    body->roots = copy_roots(roots);
    body->store = make_store(roots, crls);
    if (body->roots == NULL || body->store == NULL || name_content(roots, body->name, NULL) != OUTRIDER_OK) {
        otr_root_body_unref(body);
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    *made = body;
    return OUTRIDER_OK;
}

otr_root_body *otr_root_body_ref(otr_root_body *body)
{
    atomic_fetch_add(&body->refs, 1);
    return body;
}

void otr_root_body_unref(otr_root_body *body)
{
    if (body == NULL || atomic_fetch_sub(&body->refs, 1) != 1)
        return;
    X509_STORE_free(body->store);
    sk_X509_pop_free(body->roots, X509_free);
    free(body);
}

/* The set ------------------------------------------------------------------------------------------------------ */

static const char *const *copy_list(otr_arena *arena, const char *const *list)
{
    size_t count = 0;
    const char **copy;

    while (list[count] != NULL)
        count++;
    copy = otr_arena_alloc(arena, count + 1, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++)
        copy[i] = otr_arena_text(arena, list[i]);
    return copy;
}

otr_anchor_set *otr_anchor_set_new(otr_root_body *body, const char *const *rules, const char *file,
                                   otr_on_change on_change)
{
    struct otr_set_life *life = calloc(1, sizeof(*life));

    if (life == NULL)
        return NULL;
    atomic_init(&life->refs, 1);
    life->body = otr_root_body_ref(body);
    life->arena = otr_arena_new();
    life->set = (otr_anchor_set){ .roots = body->roots, .count = (size_t)sk_X509_num(body->roots), .store = body->store,
                                  .name = body->name, .on_change = on_change, .life = life };
    if (life->arena != NULL) {
        life->set.rules = copy_list(life->arena, rules);
        life->set.file = otr_arena_text(life->arena, file);
    }
    if (life->arena == NULL || otr_arena_failed(life->arena)) {
        otr_anchor_set_unref(&life->set);
        return NULL;
    }
    return &life->set;
}

const otr_anchor_set *otr_anchor_set_ref(const otr_anchor_set *set)
{
    if (set->life != NULL)
        atomic_fetch_add_explicit(&set->life->refs, 1, memory_order_relaxed);
    return set;
}

void otr_anchor_set_unref(const otr_anchor_set *set)
{
    struct otr_set_life *life = set != NULL ? set->life : NULL;

    if (life == NULL || atomic_fetch_sub_explicit(&life->refs, 1, memory_order_acq_rel) != 1)
        return;
    otr_root_body_unref(life->body);
    otr_arena_free(life->arena);
    free(life);
}

bool otr_anchor_set_has(const otr_anchor_set *set, const X509 *cert)
{
    for (int i = 0; i < sk_X509_num(set->roots); i++)
        if (X509_cmp(sk_X509_value(set->roots, i), cert) == 0)
            return true;
    return false;
}

void otr_anchor_set_pem(const otr_anchor_set *set, otr_buf *out)
{
    put_pem(set->roots, out);
}

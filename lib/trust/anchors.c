/*
 * anchors.c - one bundle of roots for everyone, read once at the start. Reading it again for each fetch would
 * cost more than the fetch.
 */
#include "trust/anchors.h"

#include "base/cursor.h"
#include "base/diag.h"
#include "trust/pem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509_vfy.h>

#define SHA256_OCTETS 32

struct otr_anchors {
    otr_anchor_set everyone;
    const char *rules[2];
    char *file;        /* owned */
    char *pem;         /* owned */
    size_t pem_len;
    X509_STORE *store; /* owned */
    char sha256[2 * SHA256_OCTETS + 1];
};

static outrider_err read_file(const char *path, char **text, size_t *len, outrider_diag *diag)
{
    FILE *in = NULL;
    char *data = malloc(OTR_ROOTS_LIMIT + 1);
    outrider_err err = OUTRIDER_OK;

    if (data == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "%s: out of memory", path);
    in = fopen(path, "rbe");
    if (in == NULL) {
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(errno));
        goto out;
    }
    *len = fread(data, 1, OTR_ROOTS_LIMIT + 1, in);
    if (ferror(in))
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(errno));
    else if (*len > OTR_ROOTS_LIMIT)
        err = otr_fail(diag, OUTRIDER_E_LIMIT, "%s: larger than %d octets", path, OTR_ROOTS_LIMIT);
out:
    if (in != NULL)
        fclose(in);
    if (err == OUTRIDER_OK) {
        char *fitted = realloc(data, *len + 1);

        *text = fitted != NULL ? fitted : data;
        (*text)[*len] = '\0';
    } else {
        free(data);
    }
    return err;
}

static outrider_err fill_store(otr_anchors *a, outrider_diag *diag)
{
    STACK_OF(X509) *certs = NULL;
    outrider_diag why;
    outrider_err err = otr_pem_read_certs(a->pem, a->pem_len, 0, &certs, &why);

    if (err != OUTRIDER_OK) {
        otr_fail(diag, err, "%s: %s", a->file, why.message);
        if (diag != NULL) {
            diag->line = why.line;
            diag->column = why.column;
        }
        return err;
    }
    a->store = X509_STORE_new();
    for (int i = 0; a->store != NULL && i < sk_X509_num(certs); i++)
        if (X509_STORE_add_cert(a->store, sk_X509_value(certs, i)) != 1)
            err = OUTRIDER_E_NOMEM;
    sk_X509_pop_free(certs, X509_free);
    if (a->store == NULL || err != OUTRIDER_OK)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "%s: out of memory", a->file);
    return OUTRIDER_OK;
}

static outrider_err hash_content(otr_anchors *a, outrider_diag *diag)
{
    unsigned char digest[SHA256_OCTETS];

    if (EVP_Digest(a->pem, a->pem_len, digest, NULL, EVP_sha256(), NULL) != 1)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "%s: out of memory", a->file);
    for (size_t i = 0; i < SHA256_OCTETS; i++)
        snprintf(a->sha256 + 2 * i, 3, "%02x", digest[i]);
    return OUTRIDER_OK;
}

outrider_err otr_anchors_load(const char *roots, otr_anchors **anchors, outrider_diag *diag)
{
    bool is_system = strcmp(roots, "system") == 0 || strcmp(roots, OTR_SYSTEM_ROOTS) == 0;
    otr_anchors *a = calloc(1, sizeof(*a));
    outrider_err err = OUTRIDER_OK;

    if (a == NULL || (a->file = strdup(is_system ? OTR_SYSTEM_ROOTS : roots)) == NULL)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (err == OUTRIDER_OK)
        err = read_file(a->file, &a->pem, &a->pem_len, diag);
    if (err == OUTRIDER_OK)
        err = fill_store(a, diag);
    if (err == OUTRIDER_OK)
        err = hash_content(a, diag);
    if (err != OUTRIDER_OK) {
        otr_anchors_free(a);
        return err;
    }
    a->rules[0] = "default";
    a->everyone = (otr_anchor_set){
        .rules = a->rules,
        .file = a->file,
        .is_system = is_system,
        /* What the store holds: a root that the bundle has twice is one root. */
        .count = (size_t)sk_X509_OBJECT_num(X509_STORE_get0_objects(a->store)),
        .store = a->store,
        .sha256 = a->sha256,
        .pem = a->pem,
        .pem_len = a->pem_len,
    };
    *anchors = a;
    return OUTRIDER_OK;
}

const otr_anchor_set *otr_anchors_for(const otr_anchors *anchors, const char *domain)
{
    (void)domain; /* the one rule there is matches everyone */
    return &anchors->everyone;
}

void otr_anchors_free(otr_anchors *anchors)
{
    if (anchors == NULL)
        return;
    X509_STORE_free(anchors->store);
    free(anchors->pem);
    free(anchors->file);
    free(anchors);
}

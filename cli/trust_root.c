/*
 * trust_root.c - finding a root by what a person calls it: a fingerprint, a file, a part of its name.
 */
#include "cli/trust_common.h"

#include "cli/command.h"
#include "trust/pem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LISTED_MAX 20 /* candidates that are shown */

/* All roots ------------------------------------------------------------------------------------------------------- */

static outrider_err add_roots(void *arg, const otr_anchor_set *set)
{
    STACK_OF(X509) *all = arg;

    for (int i = 0; i < sk_X509_num(set->roots); i++) {
        X509 *root = sk_X509_value(set->roots, i);

        if (sk_X509_push(all, root) <= 0)
            return OUTRIDER_E_NOMEM;
        X509_up_ref(root);
    }
    return OUTRIDER_OK;
}

static int compare_certs(const X509 *const *a, const X509 *const *b)
{
    return X509_cmp(*a, *b);
}

STACK_OF(X509) *otr_trust_all_roots(const otr_anchors *anchors)
{
    STACK_OF(X509) *all = sk_X509_new(compare_certs);

    if (all == NULL || otr_anchors_each(anchors, add_roots, all) != OUTRIDER_OK) {
        sk_X509_pop_free(all, X509_free);
        return NULL;
    }
    sk_X509_sort(all);
    for (int i = sk_X509_num(all) - 1; i > 0; i--)
        if (X509_cmp(sk_X509_value(all, i), sk_X509_value(all, i - 1)) == 0)
            X509_free(sk_X509_delete(all, i));
    return all;
}

/* Finding one ----------------------------------------------------------------------------------------------------- */

typedef bool matcher(const X509 *cert, const char *words);

static bool has_fingerprint(const X509 *cert, const char *digits)
{
    char sha256[OTR_SHA256_TEXT];

    return otr_cert_fingerprint(cert, sha256) && strncmp(sha256, digits, strlen(digits)) == 0;
}

static bool has_anchor_id(const X509 *cert, const char *id)
{
    char sha256[OTR_SHA256_TEXT];

    return otr_cert_anchor_id(cert, sha256) && strcmp(sha256, id) == 0;
}

static bool has_in_name(const X509 *cert, const char *words)
{
    char name[OTR_CERT_NAME_SIZE];

    return strcasestr(otr_cert_name(cert, name), words) != NULL;
}

/* The whole name, with or without the owner in brackets. */
static bool is_named(const X509 *cert, const char *words)
{
    char name[OTR_CERT_NAME_SIZE];
    size_t len = strlen(words);

    otr_cert_name(cert, name);
    return strncasecmp(name, words, len) == 0 && (name[len] == '\0' || strncmp(name + len, " (", 2) == 0);
}

/* Those that match, each anchor once. -1: out of memory. */
static int select_roots(const STACK_OF(X509) *among, matcher *matches, const char *words, STACK_OF(X509) *found)
{
    while (sk_X509_num(found) > 0)
        sk_X509_pop(found);
    for (int i = 0; i < sk_X509_num(among); i++) {
        X509 *root = sk_X509_value(among, i);
        char id[OTR_SHA256_TEXT];
        bool is_new = matches(root, words) && otr_cert_anchor_id(root, id);

        for (int k = 0; is_new && k < sk_X509_num(found); k++)
            is_new = !has_anchor_id(sk_X509_value(found, k), id);
        if (is_new && sk_X509_push(found, root) <= 0)
            return -1;
    }
    return sk_X509_num(found);
}

/* Lower-case digits without colons, or false: it is no beginning of a fingerprint. */
static bool read_digits(const char *words, char digits[OTR_SHA256_TEXT])
{
    size_t len = 0;

    for (; *words != '\0'; words++) {
        if (*words == ':')
            continue;
        if (!isxdigit((unsigned char)*words) || len == OTR_SHA256_TEXT - 1)
            return false;
        digits[len++] = (char)tolower((unsigned char)*words);
    }
    digits[len] = '\0';
    return len >= OTR_ROOT_HEX_MIN;
}

/* The anchor id of the first certificate of a file. EX_OK, or a status after complaining. */
static int read_file_id(const char *path, char id[OTR_SHA256_TEXT])
{
    STACK_OF(X509) *certs = NULL;
    outrider_diag diag = { 0 };
    int status = EX_OK;
    size_t len = 0;
    char *text = otr_read_input(path, OTR_CHAIN_PEM_LIMIT, &len, &status), other[OTR_SHA256_TEXT];
    outrider_err err;

    if (text == NULL)
        return status;
    err = otr_pem_read_certs(text, len, OTR_CHAIN_MAX, &certs, &diag);
    free(text);
    if (err != OUTRIDER_OK)
        return otr_trust_complain(path, err, &diag);
    if (!otr_cert_anchor_id(sk_X509_value(certs, 0), id))
        status = otr_complain(EX_DATAERR, path, "its key cannot be read");
    for (int i = 1; status == EX_OK && i < sk_X509_num(certs); i++)
        if (!otr_cert_anchor_id(sk_X509_value(certs, i), other) || strcmp(id, other) != 0)
            status = otr_complain(EX_DATAERR, path, "has several roots; name one at a time");
    sk_X509_pop_free(certs, X509_free);
    return status;
}

static int list_candidates(const char *what, const char *words, const STACK_OF(X509) *found)
{
    char name[OTR_CERT_NAME_SIZE], sha256[OTR_SHA256_TEXT];
    int count = sk_X509_num(found);

    otr_complain(EX_DATAERR, words, "%d roots are called so; %s wants one, by name or by fingerprint:", count, what);
    for (int i = 0; i < count && i < LISTED_MAX; i++) {
        otr_cert_fingerprint(sk_X509_value(found, i), sha256);
        fprintf(stderr, "  %.16s  %s\n", sha256, otr_cert_name(sk_X509_value(found, i), name));
    }
    if (count > LISTED_MAX)
        fprintf(stderr, "  and %d more\n", count - LISTED_MAX);
    return EX_DATAERR;
}

/* By all the ways there are, the surest first, until one of them finds something. */
static int look(const char *words, const STACK_OF(X509) *among, STACK_OF(X509) *found, int *status)
{
    char digits[OTR_SHA256_TEXT], id[OTR_SHA256_TEXT];
    struct stat st;
    int count = 0;

    if (read_digits(words, digits))
        count = select_roots(among, has_fingerprint, digits, found);
    if (count == 0 && stat(words, &st) == 0 && !S_ISDIR(st.st_mode)) {
        *status = read_file_id(words, id);
        return *status == EX_OK ? select_roots(among, has_anchor_id, id, found) : 0;
    }
    if (count == 0 && *words != '\0')
        count = select_roots(among, is_named, words, found);
    if (count == 0 && *words != '\0')
        count = select_roots(among, has_in_name, words, found);
    return count;
}

int otr_trust_find_root(const char *what, const STACK_OF(X509) *among, const char *words, X509 **root)
{
    STACK_OF(X509) *found = sk_X509_new_null();
    int status = EX_OK, count = found != NULL ? look(words, among, found, &status) : -1;

    if (status != EX_OK)
        ; /* said */
    else if (count < 0)
        status = otr_complain(EX_OSERR, what, "out of memory");
    else if (count == 0)
        status = otr_complain(EX_DATAERR, words,
                              "none of the roots in question; give %d or more digits of its SHA-256 fingerprint, a PEM file, or "
                              "a part of its name", OTR_ROOT_HEX_MIN);
    else if (count > 1)
        status = list_candidates(what, words, found);
    if (status == EX_OK) {
        *root = sk_X509_value(found, 0);
        X509_up_ref(*root);
    }
    sk_X509_free(found);
    return status;
}

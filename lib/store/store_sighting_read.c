/*
 * store_sighting_read.c - what is kept of the chains that hosts showed: reading it, and believing none of it unseen.
 */
#include "store/store_sighting.h"

#include "store/store_trust.h"
#include "trust/pem.h"

static bool find_name(sqlite3_stmt *s, int column, const char *const *names, int count, int *found)
{
    char name[16];

    if (!copy_text(s, column, name, sizeof(name)))
        return false;
    for (*found = 0; *found < count; (*found)++)
        if (strcmp(name, names[*found]) == 0)
            return true;
    return false;
}

bool otr_read_role(sqlite3_stmt *s, int column, otr_role *role)
{
    int found;

    if (!find_name(s, column, otr_role_names, OTR_ROLE_COUNT, &found))
        return false;
    *role = (otr_role)found;
    return true;
}

static bool read_source(sqlite3_stmt *s, int column, otr_sighting_source *source)
{
    int found;

    if (!find_name(s, column, otr_sighting_source_names, OTR_SEEN_COUNT, &found))
        return false;
    *source = (otr_sighting_source)found;
    return true;
}

/* list = [sha256 *(SP sha256)] */
static bool read_chain(otr_work *w, const char *list, size_t len, otr_certificate_cache *cache, STACK_OF(X509) *chain)
{
    const size_t digits = OTR_SHA256_TEXT - 1;

    if (len > OTR_CHAIN_MAX * OTR_SHA256_TEXT || (len > 0 && (len + 1) % OTR_SHA256_TEXT != 0))
        return false;
    for (size_t at = 0; at < len; at += OTR_SHA256_TEXT) {
        char sha256[OTR_SHA256_TEXT] = "";
        X509 *cert;

        memcpy(sha256, list + at, digits);
        if (!otr_is_fingerprint(sha256, false) || (at + digits < len && list[at + digits] != ' '))
            return false;
        cert = otr_work_get_certificate(w, sha256, cache);
        if (cert == NULL || sk_X509_push(chain, cert) <= 0) {
            X509_free(cert);
            return false;
        }
    }
    return true;
}

/* As the columns are: what a refusal makes of them comes last. */
static const char *read_roots(otr_work *w, sqlite3_stmt *s, otr_certificate_cache *cache, otr_sighting *to)
{
    char root[OTR_SHA256_TEXT];

    to->changed_at = sqlite3_column_int64(s, 9);
    if (!copy_text(s, 5, root, sizeof(root)) || !otr_is_fingerprint(root, to->error[0] != '\0') ||
        !copy_text(s, 8, to->root_before, sizeof(to->root_before)) || !otr_is_fingerprint(to->root_before, true) ||
        (root[0] != '\0' && strcmp(root, to->root_before) == 0))
        return "a root is no fingerprint";
    if ((to->changed_at > 0) != (to->root_before[0] != '\0'))
        return "the time of the change is impossible";
    if (to->error[0] != '\0') {
        if (root[0] != '\0')
            memcpy(to->root_before, root, sizeof(root));
        return NULL;
    }
    to->root = otr_work_get_certificate(w, root, cache);
    return to->root == NULL ? "its root is missing or damaged" : NULL;
}

static bool is_time(otr_time at)
{
    return at > 0 && at < OTR_STORE_LAST_TIME_SANE;
}

/* The reason why the row cannot be believed, or NULL. */
static const char *read_row(otr_work *w, sqlite3_stmt *s, otr_certificate_cache *cache, otr_sighting *to)
{
    const char *list = (const char *)sqlite3_column_text(s, 4);
    bool is_accepted;

    if (!otr_read_role(s, 0, &to->role) || !copy_text(s, 1, to->host, sizeof(to->host)) ||
        !otr_is_ldh_domain(to->host, strlen(to->host)) || !read_source(s, 2, &to->source))
        return "role, host or source is none";
    if (!copy_text(s, 6, to->error, sizeof(to->error)) || !otr_is_printable_line(to->error))
        return "the error is none";
    is_accepted = to->error[0] == '\0';
    to->seen_at = sqlite3_column_int64(s, 3);
    to->expires_at = sqlite3_column_int64(s, 7);
    if (!is_time(to->seen_at) || (is_accepted ? !is_time(to->expires_at) : to->expires_at != 0))
        return "the time is impossible";
    to->chain = sk_X509_new_null();
    if (list == NULL || to->chain == NULL ||
        !read_chain(w, list, (size_t)sqlite3_column_bytes(s, 4), cache, to->chain) ||
        (is_accepted && sk_X509_num(to->chain) == 0))
        return "a certificate of the chain is missing or damaged";
    return read_roots(w, s, cache, to);
}

size_t otr_work_get_sightings(otr_work *w, const char *domain, otr_certificate_cache *cache, otr_sighting *list,
                              const char **fault)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_SIGHTINGS);
    bool is_bound = bind_text(s, 1, domain);
    size_t count = 0;

    *fault = NULL;
    while (otr_work_row(w, s, is_bound)) {
        otr_sighting sighting = { 0 };
        const char *why = read_row(w, s, cache, &sighting);

        if (why == NULL && count == OTR_SIGHTINGS_PER_DOMAIN)
            why = "there are too many";
        memcpy(sighting.domain, domain, strlen(domain) + 1);
        if (why == NULL) {
            list[count++] = sighting;
        } else {
            *fault = *fault != NULL ? *fault : why;
            otr_sighting_clear(&sighting);
        }
    }
    return count;
}

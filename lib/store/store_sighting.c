/*
 * store_sighting.c - what is kept of the chains that hosts showed: writing them.
 *
 * The same chain is seen again and again, so most calls end with a look at the row. What is kept of roots differs a
 * little from what a sighting tells of them: the row keeps the root by which the host was accepted last, also while it is
 * refused, so that a refusal in between hides no change.
 */
#include "store/store_sighting.h"

#include "base/buf.h"
#include "base/diag.h"
#include "store/store_trust.h"
#include "trust/pem.h"

/* What is there of the host. */
typedef struct known {
    bool is_known;
    otr_time seen_at, expires_at, changed_at;
    char root[OTR_SHA256_TEXT], root_before[OTR_SHA256_TEXT];
    char error[OTR_SIGHTING_ERROR_SIZE];
    bool is_same_chain;
} known;

bool otr_is_printable_line(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* --- what is to be written -------------------------------------------------------------------------- */

/* The reason why it cannot be one, or NULL. */
static const char *find_fault(const otr_sighting *s)
{
    int count = s->chain != NULL ? sk_X509_num(s->chain) : 0;

    if (!otr_is_ldh_domain(s->domain, strlen(s->domain)) || !otr_is_ldh_domain(s->host, strlen(s->host)))
        return "domain or host is none";
    if ((unsigned)s->role >= OTR_ROLE_COUNT || (unsigned)s->source >= OTR_SEEN_COUNT)
        return "role or source is unknown";
    if (count < (s->root != NULL ? 1 : 0) || count > OTR_CHAIN_MAX)
        return "the chain is none";
    if (s->seen_at <= 0 || s->seen_at >= OTR_STORE_LAST_TIME_SANE || s->expires_at < 0 ||
        s->expires_at >= OTR_STORE_LAST_TIME_SANE)
        return "the time is impossible";
    if ((s->root != NULL) != (s->error[0] == '\0') || (s->root != NULL) != (s->expires_at > 0))
        return "it is neither accepted nor refused";
    return NULL;
}

/* The fingerprints of the chain with a space between. False: out of memory, or it is larger than is kept. */
static outrider_err list_chain(const otr_sighting *sighting, otr_buf *list, outrider_diag *diag)
{
    char sha256[OTR_SHA256_TEXT];
    size_t octets = 0;

    for (int i = 0; sighting->chain != NULL && i < sk_X509_num(sighting->chain); i++) {
        X509 *cert = sk_X509_value(sighting->chain, i);
        int len = i2d_X509(cert, NULL);

        if (len <= 0 || !otr_cert_fingerprint(cert, sha256))
            return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory for a certificate");
        octets += (size_t)len;
        if (octets > OTR_SIGHTING_OCTETS)
            return otr_fail(diag, OUTRIDER_E_LIMIT, "the chain of %.100s has more than %d octets and is not recorded",
                            sighting->host, OTR_SIGHTING_OCTETS);
        otr_buf_puts(list, i > 0 ? " " : "");
        otr_buf_puts(list, sha256);
    }
    return list->err == OUTRIDER_OK ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
}

/* What is in use here of one call. */
typedef struct putting {
    const otr_sighting *sighting;
    const char *chain;          /* as listed */
    const char *error;          /* printable */
    char root[OTR_SHA256_TEXT]; /* "": refused */
} putting;

/* --- what is there ---------------------------------------------------------------------------------- */

static bool bind_key(sqlite3_stmt *s, const otr_sighting *sighting)
{
    return bind_text(s, 1, sighting->domain) && bind_text(s, 2, otr_role_names[sighting->role]) &&
           bind_text(s, 3, sighting->host);
}

/* A row that is damaged is as good as none: it is replaced. */
static void find_known(otr_work *w, const putting *p, known *k)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_FIND_SIGHTING);
    const char *chain;

    *k = (known){ 0 };
    if (!otr_work_row(w, s, bind_key(s, p->sighting)))
        return;
    chain = (const char *)sqlite3_column_text(s, 1);
    k->is_known = copy_text(s, 2, k->root, sizeof(k->root)) && copy_text(s, 3, k->error, sizeof(k->error)) &&
                  copy_text(s, 5, k->root_before, sizeof(k->root_before)) && otr_is_fingerprint(k->root, true) &&
                  otr_is_fingerprint(k->root_before, true);
    k->changed_at = sqlite3_column_int64(s, 6);
    k->is_known = k->is_known && (k->changed_at > 0) == (k->root_before[0] != '\0');
    if (k->is_known) {
        k->seen_at = sqlite3_column_int64(s, 0);
        k->expires_at = sqlite3_column_int64(s, 4);
        k->is_same_chain = chain != NULL && strcmp(chain, p->chain) == 0;
    } else {
        *k = (known){ 0 };
    }
    otr_work_drop(s);
}

static bool is_unchanged(const putting *p, const known *k)
{
    return k->is_known && k->is_same_chain && strcmp(k->error, p->error) == 0 &&
           k->expires_at == p->sighting->expires_at && (p->root[0] == '\0' || strcmp(k->root, p->root) == 0);
}

/* Also with a clock that was ahead when the row was written. */
static bool is_fresh(const putting *p, const known *k)
{
    otr_time age = p->sighting->seen_at - k->seen_at;

    return age > -OTR_SIGHTING_TOUCH && age < OTR_SIGHTING_TOUCH;
}

/* Whether the host has come to another root: another certificate of the same key and name is none (RFC 5280 §6.1.1). */
static bool is_another_root(otr_work *w, const putting *p, const known *k)
{
    char old_id[OTR_SHA256_TEXT], new_id[OTR_SHA256_TEXT];
    bool is_other = true;
    X509 *old;

    if (p->root[0] == '\0' || k->root[0] == '\0' || strcmp(p->root, k->root) == 0)
        return false;
    old = otr_work_get_certificate(w, k->root, NULL);
    if (old != NULL && otr_cert_anchor_id(old, old_id) && otr_cert_anchor_id(p->sighting->root, new_id))
        is_other = strcmp(old_id, new_id) != 0;
    X509_free(old);
    return is_other;
}

/* --- writing ---------------------------------------------------------------------------------------- */

static int64_t keep_chain(otr_work *w, const putting *p)
{
    const otr_sighting *sighting = p->sighting;
    char sha256[OTR_SHA256_TEXT];
    int64_t id = 0;
    sqlite3_stmt *s;

    for (int i = 0; sighting->chain != NULL && i < sk_X509_num(sighting->chain); i++)
        otr_work_put_certificate(w, sk_X509_value(sighting->chain, i), sha256);
    if (sighting->root != NULL)
        otr_work_put_certificate(w, sighting->root, sha256);
    s = otr_work_take(w, OTR_STORE_KEEP_CHAIN);
    otr_work_run(w, s, bind_text(s, 1, p->chain));
    s = otr_work_take(w, OTR_STORE_FIND_CHAIN);
    if (otr_work_row(w, s, bind_text(s, 1, p->chain))) {
        id = sqlite3_column_int64(s, 0);
        otr_work_drop(s);
    }
    return id;
}

static void write_row(otr_work *w, const putting *p, const known *k, bool has_changed)
{
    const char *root = p->root[0] != '\0' ? p->root : k->root;
    const char *root_before = has_changed ? k->root : k->root_before;
    /* They can be the same where the certificate of a former root was damaged, and could not be compared. */
    bool has_former = root_before[0] != '\0' && strcmp(root, root_before) != 0;
    otr_time changed_at = has_changed ? p->sighting->seen_at : k->changed_at;
    int64_t chain = keep_chain(w, p);
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_PUT_SIGHTING);

    otr_work_run(w, s, bind_key(s, p->sighting) && bind_text(s, 4, otr_sighting_source_names[p->sighting->source]) &&
                           bind_number(s, 5, p->sighting->seen_at) && bind_number(s, 6, chain) && bind_text(s, 7, root) &&
                           bind_text(s, 8, p->error) && bind_number(s, 9, p->sighting->expires_at) &&
                           bind_text(s, 10, has_former ? root_before : "") &&
                           bind_number(s, 11, has_former ? changed_at : 0));
}

static void touch_row(otr_work *w, const putting *p)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_TOUCH_SIGHTING);

    otr_work_run(w, s, bind_key(s, p->sighting) && bind_number(s, 4, p->sighting->seen_at) &&
                           bind_text(s, 5, otr_sighting_source_names[p->sighting->source]));
}

/* Counting reads the whole table, so it is done once. */
static void count_all(otr_work *w)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_COUNT_SIGHTINGS);

    if (w->store->sightings >= 0 || !otr_work_row(w, s, true))
        return;
    w->store->sightings = sqlite3_column_int64(s, 0);
    otr_work_drop(s);
}

/* One more host; of its destination, those seen longest ago make room. */
static void add_row(otr_work *w, const putting *p, const known *k)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_CROWD_SIGHTINGS);

    count_all(w);
    otr_work_run(w, s, bind_text(s, 1, p->sighting->domain) && bind_number(s, 2, OTR_SIGHTINGS_PER_DOMAIN - 1));
    if (w->err == OUTRIDER_OK)
        w->store->sightings -= sqlite3_changes(w->db);
    if (w->store->sightings >= OTR_SIGHTINGS_MAX)
        otr_work_refuse(w, OUTRIDER_E_LIMIT, "%d sightings are recorded, and no more are kept", OTR_SIGHTINGS_MAX);
    write_row(w, p, k, false);
    w->store->sightings++;
}

static outrider_err write_sighting(otr_store *store, const putting *p, char before[OTR_SHA256_TEXT], outrider_diag *diag)
{
    bool has_changed = false;
    outrider_err err;
    otr_work w;
    known k;

    otr_work_begin(&w, store, OTR_WORK_OBSERVE, diag);
    find_known(&w, p, &k);
    if (!k.is_known) {
        add_row(&w, p, &k);
    } else if (is_unchanged(p, &k)) {
        touch_row(&w, p);
    } else {
        has_changed = is_another_root(&w, p, &k);
        write_row(&w, p, &k, has_changed);
    }
    err = otr_work_end(&w);
    if (err == OUTRIDER_OK && has_changed)
        memcpy(before, k.root, OTR_SHA256_TEXT);
    return err;
}

static outrider_err put(otr_store *store, const putting *p, char before[OTR_SHA256_TEXT], outrider_diag *diag)
{
    outrider_err err;
    otr_work w;
    known k;

    otr_work_begin(&w, store, OTR_WORK_LOOK, diag);
    find_known(&w, p, &k);
    err = otr_work_end(&w);
    if (err != OUTRIDER_OK || (is_unchanged(p, &k) && is_fresh(p, &k)))
        return err;
    return write_sighting(store, p, before, diag);
}

outrider_err otr_store_put_sighting(otr_store *store, const otr_sighting *sighting, char before[OTR_SHA256_TEXT],
                                    outrider_diag *diag)
{
    const char *why = find_fault(sighting);
    otr_buf chain = OTR_BUF_INIT, error = OTR_BUF_INIT;
    putting p = { .sighting = sighting };
    outrider_err err;

    before[0] = '\0';
    if (why != NULL)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the sighting of %.100s is not kept: %s", store->path, sighting->host,
                        why);
    err = list_chain(sighting, &chain, diag);
    otr_buf_put_printable(&error, sighting->error, OTR_SIGHTING_ERROR_SIZE - 1);
    if (err == OUTRIDER_OK && (error.err != OUTRIDER_OK || (sighting->root != NULL && !otr_cert_fingerprint(sighting->root, p.root))))
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (err == OUTRIDER_OK) {
        p.chain = otr_buf_text(&chain);
        p.error = otr_buf_text(&error);
        err = put(store, &p, before, diag);
    }
    otr_buf_clear(&chain);
    otr_buf_clear(&error);
    return err;
}

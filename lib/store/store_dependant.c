/*
 * store_dependant.c - all that is recorded of a destination, put together; one after the other, in the order of their
 * names, however many there are. Each is read in a transaction of its own and visited when the lock has been given back,
 * so that a visitor who verifies chains for minutes keeps nobody waiting, and the write-ahead log from growing.
 */
#include "store/store_trust.h"

#include "base/buf.h"
#include "base/diag.h"
#include "store/store_destination.h"
#include "store/store_sighting.h"

#include <stdlib.h>

typedef struct walk {
    otr_store *store;
    otr_time now;
    const char *const *own_hosts;
    otr_certificate_cache *cache;  /* owned */
    otr_destination_row *row;      /* owned */
    otr_sighting sightings[OTR_SIGHTINGS_PER_DOMAIN];
    otr_sts_entry *entry;          /* owned reference; NULL: no policy */
    char domain[OTR_DOMAIN_SIZE];
    otr_dependant dependant;
    bool is_found;
    outrider_err bad;              /* OUTRIDER_E_SYNTAX: a row could not be believed, and bad_diag tells of the first */
    outrider_diag bad_diag;
} walk;

static outrider_err start(walk *k, otr_store *store, otr_time now, const char *const *own_hosts, outrider_diag *diag)
{
    *k = (walk){ .store = store, .now = now, .own_hosts = own_hosts };
    k->cache = calloc(1, sizeof(*k->cache));
    k->row = calloc(1, sizeof(*k->row));
    return k->cache != NULL && k->row != NULL ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
}

static void clear_domain(walk *k)
{
    for (size_t i = 0; i < k->dependant.sighting_count; i++)
        otr_sighting_clear(&k->sightings[i]);
    otr_sts_entry_unref(k->entry);
    k->entry = NULL;
    k->dependant = (otr_dependant){ 0 };
}

/* `err` or, if all was well, what is to be told of rows that could not be believed. */
static outrider_err finish(walk *k, outrider_err err, outrider_diag *diag)
{
    clear_domain(k);
    if (k->cache != NULL)
        otr_certificate_cache_clear(k->cache);
    free(k->cache);
    free(k->row);
    if (err != OUTRIDER_OK)
        return err;
    if (k->bad != OUTRIDER_OK && diag != NULL)
        *diag = k->bad_diag;
    return k->bad;
}

static void note_bad(walk *k, const char *what, const char *domain, const char *why)
{
    if (why != NULL && k->bad == OUTRIDER_OK)
        k->bad = otr_fail(&k->bad_diag, OUTRIDER_E_SYNTAX, "%s: %s of \"%.100s\" is not used: %s", k->store->path, what,
                          domain, why);
}

/* --- one destination ------------------------------------------------------------------------------------------------ */

/* The policy, if it has not expired. */
static void load_policy(otr_work *w, walk *k)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_SEE_STS);
    outrider_err err = OUTRIDER_OK;
    outrider_diag diag;

    if (!otr_work_row(w, s, bind_text(s, 1, k->domain)))
        return;
    err = otr_store_make_entry(k->store, s, &k->entry, &diag);
    otr_work_drop(s);
    if (err == OUTRIDER_E_SYNTAX && k->bad == OUTRIDER_OK) {
        k->bad = err;
        k->bad_diag = diag;
    }
    if (k->entry == NULL || !otr_sts_entry_is_unexpired(k->entry, k->now)) {
        otr_sts_entry_unref(k->entry);
        k->entry = NULL;
        return;
    }
    k->dependant.mode = k->entry->policy->mode;
    k->dependant.policy_expires_at = k->entry->expires_at;
}

static bool is_own_host(const walk *k, const char *host)
{
    for (size_t i = 0; k->own_hosts != NULL && k->own_hosts[i] != NULL; i++)
        if (strcmp(k->own_hosts[i], host) == 0)
            return true;
    return false;
}

static void note_hosts(walk *k)
{
    otr_dependant *d = &k->dependant;

    for (size_t i = 0; i < k->row->host_count; i++) {
        otr_dependant_host *host = &k->row->hosts[i];

        host->is_admitted = k->entry != NULL && otr_sts_policy_admits(k->entry->policy, host->name);
        d->is_own = d->is_own || is_own_host(k, host->name);
    }
    for (size_t i = 0; i < d->sighting_count; i++)
        d->is_own = d->is_own || (k->sightings[i].role == OTR_ROLE_MX && is_own_host(k, k->sightings[i].host));
}

static void load(otr_work *w, walk *k)
{
    otr_dependant *d = &k->dependant;
    const char *fault;
    bool is_decided;

    load_policy(w, k);
    d->domain = k->domain;
    d->sightings = k->sightings;
    d->sighting_count = otr_work_get_sightings(w, k->domain, k->cache, k->sightings, &fault);
    note_bad(k, "a sighting", k->domain, fault);
    is_decided = otr_work_get_destination(w, k->domain, k->now, k->row, &fault);
    note_bad(k, "the decision", k->domain, fault);
    d->hosts = k->row->hosts;
    d->host_count = k->row->host_count;
    d->traffic = k->row->traffic;
    note_hosts(k);
    k->is_found = k->entry != NULL || d->sighting_count > 0 || is_decided;
}

outrider_err otr_store_dependant(otr_store *store, const char *domain, otr_time now, const char *const *own_hosts,
                                 otr_store_visit_dependant *visit, void *arg, bool *is_found, outrider_diag *diag)
{
    walk k;
    otr_work w;
    outrider_err err = start(&k, store, now, own_hosts, diag);
    bool is_name = otr_is_ldh_domain(domain, strlen(domain));

    if (err == OUTRIDER_OK && is_name) {
        memcpy(k.domain, domain, strlen(domain) + 1);
        otr_work_begin(&w, store, OTR_WORK_LOOK, diag);
        load(&w, &k);
        err = otr_work_end(&w);
    }
    if (err == OUTRIDER_OK) {
        *is_found = k.is_found;
        if (k.is_found)
            visit(arg, &k.dependant);
    }
    return finish(&k, err, diag);
}

/* --- each of them ----------------------------------------------------------------------------------------------- */

/* The next one; `from` is where to look, and is moved behind it. False: there is none, or reading failed. */
static bool take_next(otr_work *w, walk *k, otr_buf *from)
{
    sqlite3_stmt *s = otr_work_take(w, OTR_STORE_NEXT_DEPENDANT);
    bool is_bound = sqlite3_bind_text(s, 1, otr_buf_text(from), (int)from->len, SQLITE_STATIC) == SQLITE_OK &&
                    bind_number(s, 2, k->now);
    otr_buf next = OTR_BUF_INIT;

    k->domain[0] = '\0';
    if (!otr_work_row(w, s, is_bound))
        return false;
    if (!copy_text(s, 0, k->domain, sizeof(k->domain)) || !otr_is_ldh_domain(k->domain, strlen(k->domain))) {
        note_bad(k, "what is recorded", (const char *)sqlite3_column_text(s, 0), "the domain is none");
        k->domain[0] = '\0';
    }
    /* A name and a NUL behind it: no text lies between. */
    otr_buf_put(&next, sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0) + 1);
    otr_work_drop(s);
    otr_buf_clear(from);
    *from = next;
    if (from->err != OUTRIDER_OK)
        otr_work_refuse(w, OUTRIDER_E_NOMEM, "out of memory");
    return w->err == OUTRIDER_OK;
}

outrider_err otr_store_each_dependant(otr_store *store, otr_time now, const char *const *own_hosts,
                                      otr_store_visit_dependant *visit, void *arg, outrider_diag *diag)
{
    walk k;
    otr_work w;
    otr_buf from = OTR_BUF_INIT;
    outrider_err err = start(&k, store, now, own_hosts, diag);
    bool is_done = false;

    otr_buf_puts(&from, "");
    while (err == OUTRIDER_OK && !is_done) {
        otr_work_begin(&w, store, OTR_WORK_LOOK, diag);
        is_done = !take_next(&w, &k, &from);
        k.is_found = false;
        if (!is_done && k.domain[0] != '\0')
            load(&w, &k);
        err = otr_work_end(&w);
        if (err == OUTRIDER_OK && k.is_found)
            is_done = visit(arg, &k.dependant);
        clear_domain(&k);
    }
    otr_buf_clear(&from);
    return finish(&k, err, diag);
}

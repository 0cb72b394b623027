/*
 * holds.c - see holds.h.
 */
#include "daemon/flow/holds.h"

#include "base/diag.h"
#include "daemon/rcu.h"
#include "daemon/rows.h"
#include "store/store_trust.h"

#include <stdio.h>
#include <stdlib.h>

struct otr_holds {
    otr_store *store;      /* borrowed */
    otr_snapshot snapshot;
    _Atomic size_t count;  /* of its rows: for those who must not wait, and those who mostly find none */
};

static int compare(const void *a, const void *b)
{
    const otr_hold *one = a, *other = b;
    int order = strcmp(one->domain, other->domain);

    if (order == 0)
        order = (int)one->role - (int)other->role;
    return order != 0 ? order : strcmp(one->host, other->host);
}

static const otr_rows *read_rows(const otr_holds *holds)
{
    return (const otr_rows *)otr_snapshot_read(&holds->snapshot);
}

/* Reading ---------------------------------------------------------------------------------------------------- */

/* The first that is not less than the key, if it is of the domain. */
static bool find(const otr_holds *holds, const otr_hold *key, otr_hold *found)
{
    const otr_hold *hold;
    bool is_there;

    if (holds == NULL)
        return false;
    otr_rcu_read_lock();
    hold = otr_rows_find(read_rows(holds), key, compare);
    is_there = hold != NULL && strcmp(hold->domain, key->domain) == 0;
    if (is_there)
        *found = *hold;
    otr_rcu_read_unlock();
    return is_there;
}

static void set_key(otr_hold *key, const char *domain, otr_role role, const char *host)
{
    memset(key, 0, sizeof(*key));
    snprintf(key->domain, sizeof(key->domain), "%s", domain);
    snprintf(key->host, sizeof(key->host), "%s", host);
    key->role = role;
}

bool otr_holds_find(const otr_holds *holds, const char *domain, otr_hold *found)
{
    otr_hold key;

    set_key(&key, domain, 0, "");
    return find(holds, &key, found);
}

bool otr_holds_find_host(const otr_holds *holds, const char *domain, otr_role role, const char *host, otr_hold *found)
{
    otr_hold key;

    set_key(&key, domain, role, host);
    return find(holds, &key, found) && found->role == role && strcmp(found->host, host) == 0;
}

size_t otr_holds_count(const otr_holds *holds)
{
    return holds != NULL ? atomic_load_explicit(&holds->count, memory_order_relaxed) : 0;
}

void otr_holds_each(const otr_holds *holds, otr_holds_visit *visit, void *arg)
{
    const otr_rows *rows;

    otr_rcu_read_lock();
    rows = read_rows(holds);
    for (size_t i = 0; i < rows->count; i++)
        visit(arg, otr_rows_at(rows, i));
    otr_rcu_read_unlock();
}

/* Changing --------------------------------------------------------------------------------------------------- */

static outrider_err replace(otr_holds *holds, otr_rows *rows, outrider_diag *diag)
{
    if (rows == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (rows->count > OTR_HOLDS_MAX) {
        otr_rows_free(rows);
        return otr_fail(diag, OUTRIDER_E_LIMIT, "there are %d holds, and no more are kept", OTR_HOLDS_MAX);
    }
    otr_snapshot_replace(&holds->snapshot, &rows->value);
    atomic_store_explicit(&holds->count, rows->count, memory_order_relaxed);
    return OUTRIDER_OK;
}

outrider_err otr_holds_put(otr_holds *holds, const otr_hold *hold, outrider_diag *diag)
{
    outrider_err err, stored;

    otr_snapshot_lock(&holds->snapshot);
    err = replace(holds, otr_rows_copy(read_rows(holds), NULL, NULL, hold, compare), diag);
    stored = err == OUTRIDER_OK ? otr_store_put_hold(holds->store, hold, diag) : err;
    otr_snapshot_unlock(&holds->snapshot);
    return stored;
}

static bool is_of(void *domain, const void *row)
{
    return strcmp(((const otr_hold *)row)->domain, domain) == 0;
}

outrider_err otr_holds_drop(otr_holds *holds, const char *domain, outrider_diag *diag)
{
    outrider_err err;
    otr_rows *rows;
    otr_hold key;

    set_key(&key, domain, 0, "");
    otr_snapshot_lock(&holds->snapshot);
    rows = otr_rows_copy(read_rows(holds), is_of, key.domain, NULL, compare);
    err = rows != NULL ? otr_store_drop_holds(holds->store, domain, diag)
                       : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (err == OUTRIDER_OK)
        err = replace(holds, rows, diag);
    else
        otr_rows_free(rows);
    otr_snapshot_unlock(&holds->snapshot);
    return err;
}

/* Coming and going -------------------------------------------------------------------------------------------- */

struct loading {
    otr_rows *rows;
    bool is_full;
};

static void load_one(void *arg, const otr_hold *hold)
{
    struct loading *loading = arg;

    if (loading->rows->count < OTR_HOLDS_MAX)
        otr_rows_append(loading->rows, hold);
    else
        loading->is_full = true;
}


outrider_err otr_holds_open(otr_store *store, otr_holds **holds, bool *has_bad, outrider_diag *diag)
{
    struct loading loading = { .rows = otr_rows_new(sizeof(otr_hold), OTR_HOLDS_MAX) };
    otr_holds *made = calloc(1, sizeof(*made));
    outrider_err err = OUTRIDER_E_NOMEM;

    if (made != NULL && loading.rows != NULL)
        err = otr_store_each_hold(store, load_one, &loading, diag);
    else
        otr_fail(diag, err, "out of memory");
    *has_bad = err == OUTRIDER_E_SYNTAX || loading.is_full;
    if (loading.is_full)
        otr_fail(diag, OUTRIDER_E_LIMIT, "there are more than %d holds: the last are not used", OTR_HOLDS_MAX);
    if (err != OUTRIDER_OK && err != OUTRIDER_E_SYNTAX) {
        otr_rows_free(loading.rows);
        free(made);
        return err;
    }
    /* The store's order is that of the words, ours that of the roles. */
    qsort(loading.rows->bytes, loading.rows->count, sizeof(otr_hold), compare);
    made->store = store;
    otr_snapshot_init(&made->snapshot);
    atomic_init(&made->snapshot.current, &loading.rows->value); /* nobody else is there yet */
    atomic_init(&made->count, loading.rows->count);
    *holds = made;
    return OUTRIDER_OK;
}

void otr_holds_free(otr_holds *holds)
{
    if (holds == NULL)
        return;
    otr_snapshot_clear(&holds->snapshot);
    free(holds);
}

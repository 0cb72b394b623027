/*
 * overrides.c - the set, and changing it: a new one is made, the store is written, then it takes the place of the old.
 */
#include "daemon/flow/overrides.h"

#include "base/diag.h"
#include "daemon/rcu.h"
#include "daemon/rows.h"
#include "store/store_fleet.h"

#include <stdio.h>
#include <stdlib.h>

struct otr_overrides {
    otr_store *store; /* borrowed */
    otr_snapshot snapshot;
};

static const otr_rows *read_rows(const otr_overrides *o)
{
    return (const otr_rows *)otr_snapshot_read(&o->snapshot);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const otr_override *)a)->domain, ((const otr_override *)b)->domain);
}

/* Reading ---------------------------------------------------------------------------------------------------- */

static void set_key(otr_override *key, const char *domain)
{
    snprintf(key->domain, sizeof(key->domain), "%s", domain);
}

bool otr_overrides_find(const otr_overrides *o, const char *domain, otr_time now, otr_override *found)
{
    const otr_override *it;
    otr_override key;
    bool is_there;

    if (o == NULL)
        return false;
    set_key(&key, domain);
    otr_rcu_read_lock();
    it = otr_rows_find(read_rows(o), &key, compare);
    is_there = it != NULL && strcmp(it->domain, domain) == 0 && now < it->until;
    if (is_there)
        *found = *it;
    otr_rcu_read_unlock();
    return is_there;
}

void otr_overrides_each(const otr_overrides *o, otr_time now, otr_overrides_visit *visit, void *arg)
{
    const otr_rows *rows;

    otr_rcu_read_lock();
    rows = read_rows(o);
    for (size_t i = 0; i < rows->count; i++) {
        const otr_override *it = otr_rows_at(rows, i);

        if (now < it->until)
            visit(arg, it);
    }
    otr_rcu_read_unlock();
}

/* Changing --------------------------------------------------------------------------------------------------- */

static bool is_of(void *domain, const void *row)
{
    return strcmp(((const otr_override *)row)->domain, domain) == 0;
}

static outrider_err change(otr_overrides *o, const char *domain, const otr_override *added, const otr_removal *removal,
                           outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;
    otr_rows *rows = NULL;
    otr_override key;

    set_key(&key, domain);
    otr_snapshot_lock(&o->snapshot);
    rows = otr_rows_copy(read_rows(o), is_of, key.domain, added, compare);
    if (rows == NULL)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    else if (rows->count > OTR_OVERRIDES_MAX)
        err = otr_fail(diag, OUTRIDER_E_LIMIT, "there are %d overrides, and no more are kept; remove one",
                       OTR_OVERRIDES_MAX);
    else
        err = added != NULL     ? otr_store_put_override(o->store, added, diag)
              : removal != NULL ? otr_store_remove_override(o->store, domain, removal, diag)
                                : otr_store_drop_override(o->store, domain, diag);
    if (err == OUTRIDER_OK)
        otr_snapshot_replace(&o->snapshot, &rows->value);
    else
        otr_rows_free(rows);
    otr_snapshot_unlock(&o->snapshot);
    return err;
}

outrider_err otr_overrides_put(otr_overrides *o, const otr_override *override, outrider_diag *diag)
{
    return change(o, override->domain, override, NULL, diag);
}

outrider_err otr_overrides_remove(otr_overrides *o, const char *domain, const otr_removal *removal, outrider_diag *diag)
{
    return change(o, domain, NULL, removal, diag);
}

outrider_err otr_overrides_drop(otr_overrides *o, const char *domain, outrider_diag *diag)
{
    return change(o, domain, NULL, NULL, diag);
}

static bool has_ended_one(const otr_overrides *o, otr_time now)
{
    const otr_rows *rows;
    bool has_one = false;

    otr_rcu_read_lock();
    rows = read_rows(o);
    for (size_t i = 0; i < rows->count && !has_one; i++)
        has_one = ((const otr_override *)otr_rows_at(rows, i))->until <= now;
    otr_rcu_read_unlock();
    return has_one;
}

struct ending {
    otr_time now;
    otr_overrides_visit *visit;
    void *arg;
};

static bool has_ended(void *arg, const void *row)
{
    const struct ending *ending = arg;

    if (((const otr_override *)row)->until > ending->now)
        return false;
    ending->visit(ending->arg, row);
    return true;
}

outrider_err otr_overrides_expire(otr_overrides *o, otr_time now, otr_overrides_visit *visit, void *arg,
                                  outrider_diag *diag)
{
    struct ending ending = { now, visit, arg };
    otr_rows *rows;

    if (!has_ended_one(o, now))
        return OUTRIDER_OK;
    otr_snapshot_lock(&o->snapshot);
    rows = otr_rows_copy(read_rows(o), has_ended, &ending, NULL, compare);
    if (rows != NULL)
        otr_snapshot_replace(&o->snapshot, &rows->value);
    otr_snapshot_unlock(&o->snapshot);
    if (rows == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory"); /* none of them counts; the next look forgets them */
    return otr_store_sweep(o->store, now, diag);
}

/* Coming and going -------------------------------------------------------------------------------------------- */

struct loading {
    otr_rows *rows;
    bool is_full;
};

/* As the store gives them: sorted. */
static void load_one(void *arg, const otr_override *override)
{
    struct loading *loading = arg;

    if (loading->rows->count < OTR_OVERRIDES_MAX)
        otr_rows_append(loading->rows, override);
    else
        loading->is_full = true;
}

outrider_err otr_overrides_open(otr_store *store, otr_overrides **overrides, bool *has_bad, outrider_diag *diag)
{
    struct loading loading = { .rows = otr_rows_new(sizeof(otr_override), OTR_OVERRIDES_MAX) };
    otr_overrides *made = calloc(1, sizeof(*made));
    outrider_err err = OUTRIDER_E_NOMEM;

    if (made != NULL && loading.rows != NULL)
        err = otr_store_each_override(store, load_one, &loading, diag);
    else
        otr_fail(diag, err, "out of memory");
    *has_bad = err == OUTRIDER_E_SYNTAX || loading.is_full;
    if (loading.is_full)
        otr_fail(diag, OUTRIDER_E_LIMIT, "there are more than %d overrides: the last are not used", OTR_OVERRIDES_MAX);
    if (err != OUTRIDER_OK && err != OUTRIDER_E_SYNTAX) {
        otr_rows_free(loading.rows);
        free(made);
        return err;
    }
    made->store = store;
    otr_snapshot_init(&made->snapshot);
    atomic_init(&made->snapshot.current, &loading.rows->value); /* nobody else is there yet */
    *overrides = made;
    return OUTRIDER_OK;
}

void otr_overrides_free(otr_overrides *o)
{
    if (o == NULL)
        return;
    otr_snapshot_clear(&o->snapshot);
    free(o);
}

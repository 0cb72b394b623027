/*
 * overrides.c - the set, and changing it: a new one is made, the store is written, then it takes the place of the old.
 */
#include "daemon/flow/overrides.h"

#include "base/diag.h"
#include "daemon/rcu.h"
#include "daemon/snapshot.h"

#include <stdlib.h>

struct set {
    otr_snapshot_value value; /* first */
    otr_time first_end;       /* of all; 0: the set is empty */
    size_t count;
    otr_override list[];      /* by domain */
};

struct otr_overrides {
    otr_store *store; /* borrowed */
    otr_snapshot snapshot;
};

static void free_set(otr_snapshot_value *value)
{
    free(value);
}

static struct set *make_set(size_t room)
{
    struct set *set = calloc(1, sizeof(*set) + room * sizeof(set->list[0]));

    if (set != NULL)
        set->value.free = free_set;
    return set;
}

static void append(struct set *set, const otr_override *override)
{
    set->list[set->count++] = *override;
    if (set->first_end == 0 || override->until < set->first_end)
        set->first_end = override->until;
}

static const struct set *read_set(const otr_overrides *o)
{
    return (const struct set *)otr_snapshot_read(&o->snapshot);
}

static int compare(const void *domain, const void *override)
{
    return strcmp(domain, ((const otr_override *)override)->domain);
}

static const otr_override *find(const struct set *set, const char *domain)
{
    return bsearch(domain, set->list, set->count, sizeof(set->list[0]), compare);
}

/* Reading ---------------------------------------------------------------------------------------------------- */

bool otr_overrides_find(const otr_overrides *o, const char *domain, otr_time now, otr_override *found)
{
    const otr_override *it;
    bool is_there;

    if (o == NULL)
        return false;
    otr_rcu_read_lock();
    it = find(read_set(o), domain);
    is_there = it != NULL && now < it->until;
    if (is_there)
        *found = *it;
    otr_rcu_read_unlock();
    return is_there;
}

void otr_overrides_each(const otr_overrides *o, otr_time now, otr_overrides_visit *visit, void *arg)
{
    const struct set *set;

    otr_rcu_read_lock();
    set = read_set(o);
    for (size_t i = 0; i < set->count; i++)
        if (now < set->list[i].until)
            visit(arg, &set->list[i]);
    otr_rcu_read_unlock();
}

/* Changing --------------------------------------------------------------------------------------------------- */

/* A copy of the set without the override of this domain, and with `added` in its place unless that is NULL. */
static struct set *copy_with(const struct set *old, const char *domain, const otr_override *added)
{
    struct set *set = make_set(old->count + 1);
    size_t i = 0;

    if (set == NULL)
        return NULL;
    for (; i < old->count && strcmp(old->list[i].domain, domain) < 0; i++)
        append(set, &old->list[i]);
    if (added != NULL)
        append(set, added);
    for (; i < old->count; i++)
        if (strcmp(old->list[i].domain, domain) != 0)
            append(set, &old->list[i]);
    return set;
}

static outrider_err change(otr_overrides *o, const char *domain, const otr_override *added, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;
    struct set *set = NULL;

    otr_snapshot_lock(&o->snapshot);
    set = copy_with(read_set(o), domain, added);
    if (set == NULL)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    else if (set->count > OTR_OVERRIDES_MAX)
        err = otr_fail(diag, OUTRIDER_E_LIMIT, "there are %d overrides, and no more are kept; remove one",
                       OTR_OVERRIDES_MAX);
    else
        err = added != NULL ? otr_store_put_override(o->store, added, diag)
                            : otr_store_drop_override(o->store, domain, diag);
    if (err == OUTRIDER_OK)
        otr_snapshot_replace(&o->snapshot, &set->value);
    else
        free(set);
    otr_snapshot_unlock(&o->snapshot);
    return err;
}

outrider_err otr_overrides_put(otr_overrides *o, const otr_override *override, outrider_diag *diag)
{
    return change(o, override->domain, override, diag);
}

outrider_err otr_overrides_drop(otr_overrides *o, const char *domain, outrider_diag *diag)
{
    return change(o, domain, NULL, diag);
}

static bool has_ended_one(const otr_overrides *o, otr_time now)
{
    const struct set *set;
    bool has_one;

    otr_rcu_read_lock();
    set = read_set(o);
    has_one = set->first_end != 0 && set->first_end <= now;
    otr_rcu_read_unlock();
    return has_one;
}

outrider_err otr_overrides_expire(otr_overrides *o, otr_time now, otr_overrides_visit *visit, void *arg,
                                  outrider_diag *diag)
{
    const struct set *old;
    struct set *set;

    if (!has_ended_one(o, now))
        return OUTRIDER_OK;
    otr_snapshot_lock(&o->snapshot);
    old = read_set(o);
    set = make_set(old->count);
    for (size_t i = 0; set != NULL && i < old->count; i++) {
        if (old->list[i].until <= now)
            visit(arg, &old->list[i]);
        else
            append(set, &old->list[i]);
    }
    if (set != NULL)
        otr_snapshot_replace(&o->snapshot, &set->value);
    otr_snapshot_unlock(&o->snapshot);
    if (set == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory"); /* none of them counts; the next look forgets them */
    return otr_store_sweep(o->store, now, diag);
}

/* Coming and going -------------------------------------------------------------------------------------------- */

struct loading {
    struct set *set;
    bool is_full;
};

/* As the store gives them: sorted. */
static void load_one(void *arg, const otr_override *override)
{
    struct loading *loading = arg;

    if (loading->set->count < OTR_OVERRIDES_MAX)
        append(loading->set, override);
    else
        loading->is_full = true;
}

outrider_err otr_overrides_open(otr_store *store, otr_overrides **overrides, bool *has_bad, outrider_diag *diag)
{
    struct loading loading = { .set = make_set(OTR_OVERRIDES_MAX) };
    otr_overrides *made = calloc(1, sizeof(*made));
    outrider_err err = OUTRIDER_E_NOMEM;

    if (made != NULL && loading.set != NULL)
        err = otr_store_each_override(store, load_one, &loading, diag);
    else
        otr_fail(diag, err, "out of memory");
    *has_bad = err == OUTRIDER_E_SYNTAX || loading.is_full;
    if (loading.is_full)
        otr_fail(diag, OUTRIDER_E_LIMIT, "there are more than %d overrides: the last are not used", OTR_OVERRIDES_MAX);
    if (err != OUTRIDER_OK && err != OUTRIDER_E_SYNTAX) {
        free(loading.set);
        free(made);
        return err;
    }
    made->store = store;
    otr_snapshot_init(&made->snapshot);
    atomic_init(&made->snapshot.current, &loading.set->value); /* nobody else is there yet */
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

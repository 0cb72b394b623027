/*
 * effect_host.c - see effect_host.h.
 */
#include "verdict/effect_host.h"

#include <string.h>

/* Which roots come and go ------------------------------------------------------------------------------------------ */

typedef struct difference {
    STACK_OF(X509) *changed; /* owned; roots borrowed: those that are in one of the two sets */
    STACK_OF(X509) *links;   /* owned; borrowed: in either set, and signed by another: a path may go on from them */
    bool is_shrinking;
} difference;

static void difference_clear(difference *d)
{
    sk_X509_free(d->changed);
    sk_X509_free(d->links);
    *d = (difference){ 0 };
}

static bool is_link(const X509 *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) != 0;
}

/* `one` walks beside `other`, in the same order: mostly they are the same certificate in memory, and nothing is compared. */
static bool add_missing(difference *d, const otr_anchor_set *one, const otr_anchor_set *other, size_t *missing)
{
    int k = 0, others = sk_X509_num(other->roots);

    for (int i = 0; i < sk_X509_num(one->roots); i++) {
        X509 *root = sk_X509_value(one->roots, i);

        if (is_link(root) && sk_X509_push(d->links, root) <= 0)
            return false;
        if (k < others && (sk_X509_value(other->roots, k) == root || X509_cmp(sk_X509_value(other->roots, k), root) == 0)) {
            k++;
            continue;
        }
        if (otr_anchor_set_has(other, root)) {
            while (k < others && X509_cmp(sk_X509_value(other->roots, k), root) != 0)
                k++;
            k++;
            continue;
        }
        ++*missing;
        if (sk_X509_push(d->changed, root) <= 0)
            return false;
    }
    return true;
}

static outrider_err find_difference(const otr_anchor_set *before, const otr_anchor_set *after, difference *d)
{
    size_t leaving = 0, coming = 0;

    *d = (difference){ 0 };
    if (before == after || strcmp(before->name, after->name) == 0)
        return OUTRIDER_OK;
    d->changed = sk_X509_new_null();
    d->links = sk_X509_new_null();
    if (d->changed == NULL || d->links == NULL || !add_missing(d, before, after, &leaving) ||
        !add_missing(d, after, before, &coming)) {
        difference_clear(d);
        return OUTRIDER_E_NOMEM;
    }
    d->is_shrinking = leaving > 0;
    return OUTRIDER_OK;
}

/* Whether a path from one of these certificates can come to a root that has changed, by its name. */
static bool names_changed(const difference *d, const STACK_OF(X509) *certs)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        const X509 *cert = sk_X509_value(certs, i);

        for (int k = 0; k < sk_X509_num(d->changed); k++) {
            const X509_NAME *name = X509_get_subject_name(sk_X509_value(d->changed, k));

            if (X509_NAME_cmp(X509_get_issuer_name(cert), name) == 0 || X509_NAME_cmp(X509_get_subject_name(cert), name) == 0)
                return true;
        }
    }
    return false;
}

/* Which hosts count ------------------------------------------------------------------------------------------------ */

static const otr_sighting *find_sighting(const otr_dependant *d, otr_role role, const char *host)
{
    for (size_t i = 0; i < d->sighting_count; i++)
        if (d->sightings[i].role == role && (host == NULL || strcmp(d->sightings[i].host, host) == 0))
            return &d->sightings[i];
    return NULL;
}

static void add_host(otr_fates *fates, const char *name, bool has_dane, const otr_sighting *sighting)
{
    otr_fate fate = has_dane ? OTR_FATE_DANE : OTR_FATE_UNSEEN;

    if (fates->count < OTR_DEPENDANT_HOSTS_MAX)
        fates->mx[fates->count++] = (otr_host_fate){ .name = name, .sighting = sighting, .before = fate, .after = fate };
}

/* Where it was never decided which hosts there are, those count that were seen. Without a policy all count. */
static void find_hosts(otr_fates *fates, const otr_dependant *d)
{
    for (size_t i = 0; i < d->host_count; i++) {
        const otr_dependant_host *host = &d->hosts[i];

        if (host->has_dane || host->is_admitted || d->mode == OTR_STS_NONE)
            add_host(fates, host->name, host->has_dane, find_sighting(d, OTR_ROLE_MX, host->name));
    }
    for (size_t i = 0; d->host_count == 0 && i < d->sighting_count; i++)
        if (d->sightings[i].role == OTR_ROLE_MX)
            add_host(fates, d->sightings[i].host, false, &d->sightings[i]);
}

outrider_err otr_fates_begin(otr_fates *fates, const otr_dependant *dependant, const otr_anchor_set *before,
                             const otr_anchor_set *after)
{
    const otr_sighting *policy = find_sighting(dependant, OTR_ROLE_POLICY, NULL);
    difference d;
    bool is_linked;

    fates->policy = (otr_host_fate){ 0 };
    fates->count = 0;
    fates->is_shrinking = fates->is_touched = false;
    if (find_difference(before, after, &d) != OUTRIDER_OK)
        return OUTRIDER_E_NOMEM;
    if (policy != NULL)
        fates->policy = (otr_host_fate){ .name = policy->host, .sighting = policy };
    find_hosts(fates, dependant);
    fates->is_known = dependant->host_count > 0 || fates->count > 0;
    is_linked = names_changed(&d, d.links);
    for (size_t i = 0; i <= fates->count; i++) {
        otr_host_fate *host = i < fates->count ? &fates->mx[i] : &fates->policy;

        host->is_touched = host->sighting != NULL && (is_linked || names_changed(&d, host->sighting->chain));
        fates->is_touched |= host->is_touched;
    }
    fates->is_shrinking = d.is_shrinking;
    difference_clear(&d);
    return OUTRIDER_OK;
}

/* Trying ----------------------------------------------------------------------------------------------------------- */

static bool has_leaf_lapsed(const otr_sighting *s, const otr_verification *v, otr_time at)
{
    otr_time end = s->chain != NULL && sk_X509_num(s->chain) > 0 ? otr_cert_not_after(sk_X509_value(s->chain, 0)) : 0;

    return v->error == X509_V_ERR_CERT_HAS_EXPIRED && v->depth == 0 && s->seen_at < end && end <= at;
}

/*
 * A server's certificate that was good when it was seen and has ended since was renewed, mostly by the same CA: what it was
 * worth then is the best that is known. Of the root the end counts as it is now.
 */
outrider_err otr_fate_verify(const otr_sighting *s, const otr_anchor_set *set, otr_time at, otr_verification *v,
                             bool *is_accepted)
{
    outrider_err err = otr_verify_chain(set, s->chain, s->host, at, v);
    const X509 *root;

    if (err == OUTRIDER_OK && !v->is_accepted && has_leaf_lapsed(s, v, at)) {
        otr_verification_clear(v);
        err = otr_verify_chain(set, s->chain, s->host, s->seen_at, v);
    }
    if (err != OUTRIDER_OK)
        return err;
    root = otr_verification_root(v);
    *is_accepted = root != NULL && otr_cert_not_after(root) > at;
    return OUTRIDER_OK;
}

static outrider_err try_one(const otr_sighting *s, const otr_anchor_set *set, otr_time at, otr_fate *fate, X509 **root)
{
    otr_verification v;
    bool is_accepted;
    outrider_err err = otr_fate_verify(s, set, at, &v, &is_accepted);

    if (err != OUTRIDER_OK)
        return err;
    *fate = is_accepted ? OTR_FATE_ACCEPTED : OTR_FATE_REFUSED;
    if (is_accepted) {
        *root = otr_verification_root(&v);
        X509_up_ref(*root);
    }
    otr_verification_clear(&v);
    return OUTRIDER_OK;
}

/* What a CA's word would come to, where nobody asks for it: worth telling, and no more. */
static outrider_err try_dane(otr_host_fate *host, const otr_anchor_set *before, const otr_anchor_set *after, otr_time at)
{
    otr_fate was, becomes = OTR_FATE_REFUSED;
    outrider_err err = try_one(host->sighting, before, at, &was, &host->root_before);

    if (err == OUTRIDER_OK && was == OTR_FATE_ACCEPTED)
        err = try_one(host->sighting, after, at, &becomes, &host->root_after);
    host->is_spared = err == OUTRIDER_OK && was == OTR_FATE_ACCEPTED && becomes != OTR_FATE_ACCEPTED;
    return err;
}

static outrider_err try_host(otr_host_fate *host, const otr_anchor_set *before, const otr_anchor_set *after, otr_time at,
                             bool is_in_full)
{
    outrider_err err;

    if (host->sighting == NULL)
        return OUTRIDER_OK;
    if (host->before == OTR_FATE_DANE)
        return host->is_touched || is_in_full ? try_dane(host, before, after, at) : OUTRIDER_OK;
    err = try_one(host->sighting, before, at, &host->before, &host->root_before);
    if (err != OUTRIDER_OK)
        return err;
    if (host->is_touched || is_in_full)
        return try_one(host->sighting, after, at, &host->after, &host->root_after);
    host->after = host->before;
    if ((host->root_after = host->root_before) != NULL)
        X509_up_ref(host->root_after);
    return OUTRIDER_OK;
}

outrider_err otr_fates_try(otr_fates *fates, const otr_anchor_set *before, const otr_anchor_set *after, otr_time at,
                           bool is_in_full)
{
    outrider_err err = OUTRIDER_OK;

    /* What the policy host is worth matters only where it changes. */
    if (fates->policy.is_touched || is_in_full)
        err = try_host(&fates->policy, before, after, at, is_in_full);
    for (size_t i = 0; err == OUTRIDER_OK && i < fates->count; i++)
        err = try_host(&fates->mx[i], before, after, at, is_in_full);
    return err;
}

static void clear_host(otr_host_fate *host)
{
    X509_free(host->root_before);
    X509_free(host->root_after);
    host->root_before = host->root_after = NULL;
}

void otr_fates_clear(otr_fates *fates)
{
    clear_host(&fates->policy);
    for (size_t i = 0; i < fates->count; i++)
        clear_host(&fates->mx[i]);
}

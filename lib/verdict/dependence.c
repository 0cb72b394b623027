/*
 * dependence.c - see dependence.h. Which hosts count is what effect_host.c says, so that a report and "what if" speak of the
 * same ones.
 */
#include "verdict/dependence.h"

#include "base/diag.h"
#include "verdict/effect_host.h"

#include <stdlib.h>

X509 *otr_tie_root(const otr_tie *tie)
{
    return sk_X509_value(tie->path, sk_X509_num(tie->path) - 1);
}

/* Takes the path out of the verification. */
static void add_tie(otr_dependence *found, const otr_host_fate *host, otr_verification *v)
{
    found->ties[found->tie_count++] = (otr_tie){ .sighting = host->sighting, .has_dane = host->before == OTR_FATE_DANE,
                                                 .path = v->path, .expires_at = v->expires_at };
    v->path = NULL;
}

static outrider_err look_at(const otr_host_fate *host, const otr_anchor_set *set, otr_time at, otr_dependence *found,
                            bool *is_accepted)
{
    otr_verification v;
    outrider_err err;

    *is_accepted = false;
    if (host->sighting == NULL)
        return OUTRIDER_OK;
    err = otr_fate_verify(host->sighting, set, at, &v, is_accepted);
    if (err != OUTRIDER_OK)
        return err;
    if (*is_accepted)
        add_tie(found, host, &v);
    otr_verification_clear(&v);
    return OUTRIDER_OK;
}

static outrider_err look_at_mx(const otr_host_fate *host, const otr_anchor_set *set, otr_time at, otr_dependence *found)
{
    bool is_accepted;
    outrider_err err = look_at(host, set, at, found, &is_accepted);

    if (host->before == OTR_FATE_DANE)
        found->dane++;
    else if (host->sighting == NULL)
        found->unseen++;
    else if (err == OUTRIDER_OK && !is_accepted)
        found->refused++;
    return err;
}

outrider_err otr_dependence_find(const otr_dependant *dependant, const otr_anchors *anchors, otr_time at,
                                 otr_dependence *dependence, outrider_diag *diag)
{
    const otr_anchor_set *set = otr_anchors_for(anchors, dependant->domain);
    otr_dependence found = { 0 };
    otr_fates fates;
    bool is_accepted;
    outrider_err err = otr_fates_begin(&fates, dependant, set, set);

    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, "out of memory");
    found.ties = calloc(fates.count + 1, sizeof(*found.ties));
    if (found.ties == NULL)
        err = OUTRIDER_E_NOMEM;
    if (err == OUTRIDER_OK)
        err = look_at(&fates.policy, set, at, &found, &is_accepted);
    for (size_t i = 0; err == OUTRIDER_OK && i < fates.count; i++)
        err = look_at_mx(&fates.mx[i], set, at, &found);
    found.has_only_dane = fates.count > 0 && found.dane == fates.count;
    otr_fates_clear(&fates);
    if (err != OUTRIDER_OK) {
        otr_dependence_clear(&found);
        return otr_fail(diag, err, "out of memory");
    }
    *dependence = found;
    return OUTRIDER_OK;
}

void otr_dependence_clear(otr_dependence *dependence)
{
    for (size_t i = 0; i < dependence->tie_count; i++)
        sk_X509_pop_free(dependence->ties[i].path, X509_free);
    free(dependence->ties);
    *dependence = (otr_dependence){ 0 };
}

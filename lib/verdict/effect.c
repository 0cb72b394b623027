/*
 * effect.c - from what becomes of each host to what becomes of the mail.
 *
 * Under enforce it takes one MX host that is left, by DANE or by a CA, for mail to flow; a host whose certificate was never
 * seen may be that one, so that what is not known is said and not guessed. Mail that could not go before waits because of
 * something else, and is no effect of this change.
 */
#include "verdict/effect.h"

#include "base/diag.h"
#include "verdict/effect_host.h"
#include "verdict/effect_words.h"

const char *const otr_effect_letters[] = { "D", "G", "E", "?", "C", "B", "A", "F", "-" };
const char *const otr_effect_words[] = {
    "mail would be deferred", "our own domains, as others see them", "policy lost when it expires", "not known: probe",
    "testing: a failure in reports", "another root or MX host is left", "DANE on every MX host", "no policy in force",
    "not affected",
};
_Static_assert(sizeof(otr_effect_letters) / sizeof(otr_effect_letters[0]) == OTR_EFFECT_COUNT, "a letter for each class");
_Static_assert(sizeof(otr_effect_words) / sizeof(otr_effect_words[0]) == OTR_EFFECT_COUNT, "words for each class");

typedef struct totals {
    size_t lost, left, unseen, moved;
    bool loses_policy_host, is_moving; /* a chain ends in another root */
    bool has_only_dane, is_spared; /* DANE everywhere; it keeps a host from being lost */
} totals;

static totals add_up(const otr_fates *fates)
{
    totals t = { .loses_policy_host = otr_fate_is_lost(&fates->policy), .is_moving = otr_fate_is_moved(&fates->policy),
                 .has_only_dane = fates->count > 0 };

    for (size_t i = 0; i < fates->count; i++) {
        const otr_host_fate *host = &fates->mx[i];

        t.lost += otr_fate_is_lost(host);
        t.left += host->after == OTR_FATE_ACCEPTED || host->after == OTR_FATE_DANE;
        t.unseen += host->before != OTR_FATE_DANE && host->sighting == NULL;
        t.is_moving |= otr_fate_is_moved(host);
        t.has_only_dane &= host->before == OTR_FATE_DANE;
        t.is_spared |= host->is_spared;
    }
    return t;
}

/* Whether what was never seen decides: nothing else is left, and what leaves may be what those hosts have. */
static bool hangs_on_unseen(const otr_fates *fates, const totals *t)
{
    return fates->is_shrinking && t->left == 0 && (t->unseen > 0 || !fates->is_known);
}

static otr_effect_class classify_enforced(const otr_fates *fates, const totals *t)
{
    if (t->lost > 0 && t->left == 0)
        return t->unseen == 0 ? OTR_EFFECT_DEFERRED : OTR_EFFECT_UNKNOWN;
    if (t->loses_policy_host)
        return OTR_EFFECT_DOWNGRADED;
    if (hangs_on_unseen(fates, t))
        return OTR_EFFECT_UNKNOWN;
    return t->lost > 0 || t->is_moving ? OTR_EFFECT_OTHER_PATH : OTR_EFFECT_NONE;
}

static otr_effect_class classify(const otr_dependant *d, const otr_fates *fates, const totals *t)
{
    bool is_losing = t->lost > 0 || t->loses_policy_host;
    otr_effect_class class = OTR_EFFECT_NONE;

    if (t->has_only_dane)
        return is_losing || t->is_moving || t->is_spared ? OTR_EFFECT_DANE : OTR_EFFECT_NONE;
    switch (d->mode) {
    case OTR_STS_ENFORCE: class = classify_enforced(fates, t); break;
    case OTR_STS_TESTING: class = is_losing ? OTR_EFFECT_REPORTED : t->is_moving ? OTR_EFFECT_OTHER_PATH : OTR_EFFECT_NONE; break;
    case OTR_STS_NONE: class = is_losing || t->is_moving ? OTR_EFFECT_NO_POLICY : OTR_EFFECT_NONE; break;
    }
    /* Where the best MX host is ours no mail goes out to it, so none waits here: it was never decided which hosts there are. */
    if (d->is_own && d->host_count == 0 && (class == OTR_EFFECT_DEFERRED || (class == OTR_EFFECT_UNKNOWN && is_losing)))
        class = OTR_EFFECT_OWN;
    /* Nobody holds us to a policy that we do not have. */
    if (d->is_own && is_losing && d->mode != OTR_STS_NONE && class > OTR_EFFECT_OWN)
        class = OTR_EFFECT_OWN;
    return class;
}

static void conclude(const otr_dependant *d, const otr_fates *fates, otr_time at, otr_effect *effect)
{
    totals t = add_up(fates);

    effect->class = classify(d, fates, &t);
    effect->when = effect->class == OTR_EFFECT_DEFERRED ? at : 0;
    if (effect->class == OTR_EFFECT_DOWNGRADED)
        effect->when = d->policy_expires_at;
    effect->loses_policy_host = t.loses_policy_host;
    effect->hosts_lost = t.lost;
    effect->hosts_left = effect->class != OTR_EFFECT_NONE ? t.left : 0;
    effect->hosts_unseen = t.unseen;
}

static outrider_err judge(const otr_dependant *d, const otr_anchors *before, const otr_anchors *after, otr_time at,
                          bool is_in_full, otr_effect *effect, outrider_diag *diag)
{
    const otr_anchor_set *was = otr_anchors_for(before, d->domain), *becomes = otr_anchors_for(after, d->domain);
    otr_fates fates;
    outrider_err err = otr_fates_begin(&fates, d, was, becomes);
    totals t;

    *effect = (otr_effect){ .class = OTR_EFFECT_NONE, .policy_expires_at = d->policy_expires_at };
    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, "out of memory");
    t = add_up(&fates);
    effect->hosts_unseen = t.unseen;
    if (is_in_full || fates.is_touched || (d->mode == OTR_STS_ENFORCE && hangs_on_unseen(&fates, &t)))
        err = otr_fates_try(&fates, was, becomes, at, is_in_full);
    else
        goto out;
    if (err != OUTRIDER_OK) {
        otr_fail(diag, err, "out of memory");
        goto out;
    }
    conclude(d, &fates, at, effect);
    otr_effect_explain(d, &fates, effect);
out:
    otr_fates_clear(&fates);
    return err;
}

outrider_err otr_effect_judge(const otr_dependant *dependant, const otr_anchors *before, const otr_anchors *after,
                              otr_time at, otr_effect *effect, outrider_diag *diag)
{
    return judge(dependant, before, after, at, false, effect, diag);
}

outrider_err otr_effect_judge_in_full(const otr_dependant *dependant, const otr_anchors *before, const otr_anchors *after,
                                      otr_time at, otr_effect *effect, outrider_diag *diag)
{
    return judge(dependant, before, after, at, true, effect, diag);
}

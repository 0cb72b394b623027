/*
 * effect_host.h - what becomes of each host of a destination when the roots change; inside lib/verdict.
 *
 * A root that comes or goes matters to a chain only if some certificate of the chain, or of the sets, names it as its
 * issuer: OpenSSL looks for issuers by name (and then tries signatures). Where none does, the chain is judged the same before and
 * after, and nothing has to be tried. That is the shortcut which makes 100 000 destinations quick; effect_test.c compares it
 * with trying all.
 */
#ifndef OTR_VERDICT_EFFECT_HOST_H
#define OTR_VERDICT_EFFECT_HOST_H

#include "verdict/effect.h"

typedef enum otr_fate {
    OTR_FATE_UNSEEN,   /* no chain of it is recorded */
    OTR_FATE_REFUSED,
    OTR_FATE_ACCEPTED,
    OTR_FATE_DANE,     /* no CA has a say */
} otr_fate;

typedef struct otr_host_fate {
    const char *name;             /* borrowed from the dependant */
    const otr_sighting *sighting; /* borrowed; NULL: unseen */
    otr_fate before, after;
    X509 *root_before, *root_after; /* owned references; NULL unless accepted */
    bool is_touched;              /* the change has to do with its chain */
    bool is_spared;               /* DANE: without it, it would be lost; root_before is what a CA's word rests on */
} otr_host_fate;

/* The hosts that count under the policy: those that it names, and those with DANE. */
typedef struct otr_fates {
    otr_host_fate policy; /* name NULL: never seen */
    otr_host_fate mx[OTR_DEPENDANT_HOSTS_MAX];
    size_t count;
    bool is_shrinking; /* a root leaves the set of the destination */
    bool is_touched;   /* one of the hosts */
    bool is_known;     /* which hosts there are: decided, or seen */
} otr_fates;

/* Everything but what has to be tried: before and after are UNSEEN, or DANE, or not yet meaningful. */
outrider_err otr_fates_begin(otr_fates *fates, const otr_dependant *dependant, const otr_anchor_set *before,
                             const otr_anchor_set *after);
/* Try all chains: before and after where they are touched, or with is_in_full everywhere. */
outrider_err otr_fates_try(otr_fates *fates, const otr_anchor_set *before, const otr_anchor_set *after, otr_time at,
                           bool is_in_full);
void otr_fates_clear(otr_fates *fates);

/* What a chain that was seen is worth at `at`. On OUTRIDER_OK the caller clears `v`; its path is that of an accepted chain. */
outrider_err otr_fate_verify(const otr_sighting *s, const otr_anchor_set *set, otr_time at, otr_verification *v,
                             bool *is_accepted);

static inline bool otr_fate_is_lost(const otr_host_fate *host)
{
    return host->before == OTR_FATE_ACCEPTED && host->after != OTR_FATE_ACCEPTED;
}

/* Accepted before and after, by another root. */
static inline bool otr_fate_is_moved(const otr_host_fate *host)
{
    return host->before == OTR_FATE_ACCEPTED && host->after == OTR_FATE_ACCEPTED &&
           X509_cmp(host->root_before, host->root_after) != 0;
}

#endif

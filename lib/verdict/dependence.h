/*
 * dependence.h - by which roots the hosts of one destination are vouched for now: each chain that is recorded, judged under
 * the anchors of the destination. No I/O.
 */
#ifndef OTR_VERDICT_DEPENDENCE_H
#define OTR_VERDICT_DEPENDENCE_H

#include "verdict/effect.h"

/* A host whose chain is accepted. */
typedef struct otr_tie {
    const otr_sighting *sighting; /* borrowed from the dependant */
    bool has_dane;                /* no CA has a say in it: this is what its word would come to */
    STACK_OF(X509) *path;         /* owned: leaf first, root last */
    otr_time expires_at;          /* the first end in the path; in the past for one that was not seen since it lapsed */
} otr_tie;

typedef struct otr_dependence {
    otr_tie *ties;      /* owned: of the hosts that count under the policy, and of the policy host */
    size_t tie_count;
    size_t refused;     /* MX hosts without DANE whose chain is not accepted */
    size_t unseen;      /* MX hosts without DANE of which none is recorded */
    size_t dane;        /* MX hosts with DANE */
    bool has_only_dane; /* every MX host that counts */
} otr_dependence;

/* OUTRIDER_OK, OUTRIDER_E_NOMEM. */
outrider_err otr_dependence_find(const otr_dependant *dependant, const otr_anchors *anchors, otr_time at,
                                 otr_dependence *dependence, outrider_diag *diag);
void otr_dependence_clear(otr_dependence *dependence);

/* Of an accepted chain; borrowed. */
X509 *otr_tie_root(const otr_tie *tie);

#endif

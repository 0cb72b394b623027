/*
 * effect.h - what becomes of a destination's mail when the roots change: a function of what is recorded of it and of the
 * anchors before and after. No I/O; the answer is tried with the verifier (trust/verify.h), chain by chain.
 */
#ifndef OTR_VERDICT_EFFECT_H
#define OTR_VERDICT_EFFECT_H

#include "sts/policy.h"
#include "trust/sighting.h"

#define OTR_DEPENDANT_HOSTS_MAX 200 /* as limits.mx_hosts may be */

typedef struct otr_dependant_host {
    const char *name;
    bool has_dane;    /* usable TLSA records behind signed MX records: no CA has a say */
    bool is_admitted; /* the policy names it */
} otr_dependant_host;

/* All that is recorded of a destination that has a policy, or had a chain seen. Borrowed parts. */
typedef struct otr_dependant {
    const char *domain;
    otr_sts_mode mode;             /* of the unexpired policy; OTR_STS_NONE: there is none, or it says so */
    otr_time policy_expires_at;    /* 0: none */
    const otr_dependant_host *hosts; /* as last decided */
    size_t host_count;             /* 0: never decided since it is recorded */
    const otr_sighting *sightings; /* of the policy host and of MX hosts, the latest of each */
    size_t sighting_count;
    double traffic;                /* questions in the last 30 days, fading; 0: unknown or none */
    bool is_own;                   /* one of its MX hosts is one of own_hosts */
} otr_dependant;

/*
 * Worst first: this is the order of a report. The letters are those that people are shown. A to G say that a chain which is
 * recorded of the destination is lost, or ends in another root; which of them, what that comes to.
 */
typedef enum otr_effect_class {
    OTR_EFFECT_DEFERRED,    /* D  enforce: an MX host could be reached, and none is left whose chain would be accepted */
    OTR_EFFECT_OWN,         /* G  one of our own destinations loses a chain: who drops that root sees us as D or E */
    OTR_EFFECT_DOWNGRADED,  /* E  the policy host loses its root: works until the policy expires, then silently none */
    OTR_EFFECT_UNKNOWN,     /* ?  enforce, and the chains that would decide were never seen: probe */
    OTR_EFFECT_REPORTED,    /* C  testing: delivered, a failure in reports */
    OTR_EFFECT_OTHER_PATH,  /* B  another root, or another MX host, is left */
    OTR_EFFECT_DANE,        /* A  every MX host has usable DANE, and no CA a say in it */
    OTR_EFFECT_NO_POLICY,   /* F  no policy: opportunistic as before */
    OTR_EFFECT_NONE,        /* -  does not depend on what changes; the reason is "", or that it was refused before */
    OTR_EFFECT_COUNT
} otr_effect_class;
extern const char *const otr_effect_letters[]; /* "D", "G", "E", "?", "C", "B", "A", "F", "-" */
extern const char *const otr_effect_words[];   /* what the letter stands for, in a few words */

#define OTR_EFFECT_REASON_SIZE 400

typedef struct otr_effect {
    otr_effect_class class;
    otr_time when;            /* DEFERRED: at once, so `at`; DOWNGRADED: when the policy expires; else 0 */
    bool loses_policy_host;   /* also where the class is another one */
    otr_time policy_expires_at;
    size_t hosts_lost;        /* MX hosts that count: accepted before and not after */
    size_t hosts_left;        /* with DANE, or accepted after; 0 in class NONE, where it is not asked */
    size_t hosts_unseen;      /* of which no chain is recorded */
    char reason[OTR_EFFECT_REASON_SIZE]; /* one sentence for people, with the hosts and roots it is about */
} otr_effect;

/*
 * `before` and `after` differ in roots, not in revocation lists. A server's certificate that has lapsed since it was seen is
 * judged as of then: it was renewed, mostly by the same CA. OUTRIDER_OK, OUTRIDER_E_NOMEM.
 */
outrider_err otr_effect_judge(const otr_dependant *dependant, const otr_anchors *before, const otr_anchors *after,
                              otr_time at, otr_effect *effect, outrider_diag *diag);

/* The same answer without the shortcut of effect_host.h: every chain is tried twice. For tests of it. */
outrider_err otr_effect_judge_in_full(const otr_dependant *dependant, const otr_anchors *before, const otr_anchors *after,
                                      otr_time at, otr_effect *effect, outrider_diag *diag);

#endif

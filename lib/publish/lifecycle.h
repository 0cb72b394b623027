/*
 * lifecycle.h - the life of a published policy: none -> testing -> enforce -> none, what may be served next, and the exit
 * clock: until when any sender may still hold an enforce policy of ours (RFC 8461 §8.3, PUB-08). Pure.
 *
 *     (new) ──► testing ──► enforce ──► retiring ──► retired
 *                  ▲___________│ ▲__________│          │
 *                  └───────────────────────────────────┘
 *
 * Enforce is entered by `outrider publish set` alone, which looks first: a configuration that says enforce for a domain that never
 * served it begins with testing. Retiring serves `none` until the clocks have run out; retired means that DNS and the policy host may go.
 * Out of retired one begins anew, with testing.
 *
 * Units: seconds since 1970.
 */
#ifndef OTR_PUBLISH_LIFECYCLE_H
#define OTR_PUBLISH_LIFECYCLE_H

#include "base/clock.h"
#include "publish/publication.h"

#define OTR_PUBLISH_CACHE_S 60 /* a proxy before us may hand out what we gave it this long (RFC 8461 §3.3, PUB-09) */
#define OTR_PUBLISH_TRANSFER_S 60 /* ... and an answer may be on its way this long: the most that policy_host.timeout may be */
#define OTR_PUBLISH_HORIZON_S 3600 /* how far ahead of the clock a version may be handed out without writing to the store */
#define OTR_RETIRE_MAX_AGE 86400 /* s; of the policy `none` while retiring: small, as RFC 8461 §8.3 wants */
#define OTR_PUBLISH_REASON_MAX 200 /* octets of what an operator says */

/* One text of a policy, and when it was handed out. */
typedef struct otr_version {
    char id[OTR_STS_ID_MAX + 1];
    otr_sts_mode mode;
    uint32_t max_age;    /* s */
    otr_time since;      /* it could first be handed out */
    otr_time last;       /* it was last handed out, as far as is known; 0: never */
    otr_time horizon;    /* it may have been handed out until then, had we crashed; `last` or earlier: it was not after that */
    const char *body;    /* NUL-terminated; owned by whoever made the version */
} otr_version;

/* The latest time at which a sender may hold this text: when it was (or may have been) handed out, its max_age, and what lies between us
 * and the sender. 0: it was never handed out. */
otr_time otr_version_end(const otr_version *version);

/* The exit clock: the latest time at which a sender may hold an enforce policy, over all versions of it. 0: none was ever handed out. */
otr_time otr_exit_clock(const otr_version *versions, size_t count);

/*
 * The same for a policy in either of the modes that say something. RFC 8461 §8.3 wants record and policy host kept until all that was
 * served has expired; without them a testing policy does no harm to mail, and reports of failures come in.
 */
otr_time otr_memory_clock(const otr_version *versions, size_t count);

typedef enum otr_phase { OTR_PHASE_NONE, OTR_PHASE_TESTING, OTR_PHASE_ENFORCE, OTR_PHASE_RETIRING, OTR_PHASE_RETIRED } otr_phase;
extern const char *const otr_phase_names[]; /* "none", "testing", ...; NULL-terminated */

/* What the store keeps of a domain beside its versions. */
typedef struct otr_lifecycle {
    otr_phase phase;
    otr_time since;      /* of the phase */
    char serving[OTR_STS_ID_MAX + 1]; /* id of the version in service; "" before the first */
    int64_t uid;         /* who wanted the phase; -1: it came by configuration or by time */
    bool is_forced;      /* they would not have the checks judge */
    char reason[OTR_PUBLISH_REASON_MAX + 1]; /* what they said; may be "" */
} otr_lifecycle;

/* What the configuration wants, and is not done. */
typedef enum otr_holding {
    OTR_HOLD_NOTHING,      /* what is configured is served, as far as the phase goes */
    OTR_HOLD_ENFORCE,      /* the configuration wants enforce, and nobody looked yet: testing is served */
    OTR_HOLD_PATTERNS,     /* in enforce, the configured patterns no longer cover those in service: the old text goes on until
                              `outrider publish set` has looked whether an MX host would be left out (PUB-06) */
    OTR_HOLD_NONE,         /* the configuration wants none, and a policy is in service: it goes on until `outrider publish retire` */
    OTR_HOLD_RETIRING,     /* the configuration wants something, and the domain is retiring or retired: `none` goes on */
} otr_holding;
extern const char *const otr_holding_names[]; /* "nothing", "enforce", "patterns", "none", "retiring" */
extern const char *const otr_holding_words[]; /* a sentence for each; "" for nothing */

/* What to serve, given the configuration, the life so far (NULL: none) and the version in service (NULL: none). */
typedef struct otr_next {
    otr_phase phase;
    otr_sts_mode mode;          /* to serve, with the configured patterns if it has any use for them */
    uint32_t max_age;
    bool is_kept;               /* the version in service goes on as it is */
    otr_holding held;
} otr_next;
otr_next otr_lifecycle_next(const otr_publication *configured, const otr_lifecycle *life, const otr_version *in_service);

/*
 * What `outrider publish set` and `publish retire` make of a phase. The looking has been done; refused is what contradicts itself:
 * `none` (that is what retiring is for), a mode for a domain whose configuration says none, enforce for one that was never in testing
 * (unless forced). OUTRIDER_OK or OUTRIDER_E_CONFIG.
 */
outrider_err otr_lifecycle_set(const otr_publication *configured, otr_phase now, otr_sts_mode mode, bool is_forced, otr_phase *phase,
                               outrider_diag *diag);
otr_phase otr_lifecycle_retire(otr_phase now);

/* As otr_lifecycle_next() for a phase that was just set: with nothing withheld. */
otr_next otr_lifecycle_released(const otr_publication *configured, otr_phase phase);

/* Whether nobody can hold anything any more of a domain that retires. */
bool otr_lifecycle_is_over(const otr_lifecycle *life, const otr_version *versions, size_t count, otr_time now);

#endif

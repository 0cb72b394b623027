/*
 * verdict.h - what must be verified when mail goes to a destination, and why: the one record that every
 * output renders and none decides again. Immutable, counted by reference. Threads: any.
 */
#ifndef OTR_VERDICT_VERDICT_H
#define OTR_VERDICT_VERDICT_H

#include "sts/entry.h"
#include "trust/anchors.h"
#include "verdict/findings.h"
#include "verdict/hold.h"
#include "verdict/level.h"
#include "verdict/override.h"

/* What is required of one host (decision table, step 5). */
typedef enum otr_requirement {
    OTR_REQUIRE_DANE, OTR_REQUIRE_STS, OTR_REQUIRE_DANE_AND_STS, OTR_REQUIRE_TLS, OTR_OPPORTUNISTIC, OTR_SKIP
} otr_requirement;
extern const char *const otr_requirement_names[]; /* "DANE", "STS", "DANE+STS", "TLS", "OPP", "SKIP" */

typedef struct otr_host_verdict {
    const otr_host_finding *finding; /* borrowed from the verdict's MX finding */
    otr_requirement requirement;
    enum { OTR_STS_NO_PATTERNS, OTR_STS_ADMITTED, OTR_STS_NOT_ADMITTED } sts; /* JSON sts_match null, true, false */
    bool is_sts_watched;             /* testing mode: evaluated and reported, without influence */
    bool is_raised;                  /* TLS is required for the minimum alone */
    bool is_below_minimum;           /* SKIP for that reason */
    const char *reason;              /* one sentence for people */
} otr_host_verdict;

typedef struct otr_verdict {
    otr_destination destination;
    otr_level level;
    const char *undeliverable;    /* enhanced status and reason where DNS says that no mail can go there at all
                                     ("5.1.10 null MX", "5.1.2 no such domain", "5.4.4 no host has an address", "5.4.6
                                     the best MX host is one of own_hosts"); else "" */
    otr_mx_finding *mx;           /* owned reference */
    otr_sts_entry *entry;         /* owned reference; NULL where STS does not apply (address literal) */
    otr_sts_finding sts;
    const otr_host_verdict *hosts; /* mx->host_count of them, in the same order */
    const otr_override *override; /* in the arena; NULL: none, or it has ended */
    bool is_overridden;           /* it decides; else there is none, or the minimum forbids it */
    const otr_hold *hold;         /* in the arena; NULL: none */
    bool is_held;                 /* it decides; else there is none, an override does, or no host depends on a root */
    otr_minimum minimum;          /* NONE: no rule for this destination */
    const otr_anchor_set *anchors; /* owned reference */
    const char *reason;           /* one sentence for people: why this level */
    otr_time made_at;
    otr_time valid_until;
    otr_arena *arena;             /* owned */
    _Atomic unsigned refs;
} otr_verdict;

/* Whether mail may go to this host at all: not skipped, and admitted where an enforced policy demands it. */
bool otr_host_is_usable(const otr_host_verdict *host);

otr_verdict *otr_verdict_ref(otr_verdict *verdict);
void otr_verdict_unref(otr_verdict *verdict); /* NULL is fine */

#endif

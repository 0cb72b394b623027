/*
 * decide.h - from findings to a verdict: a pure function, whose test is decision-table.md, row by row.
 */
#ifndef OTR_VERDICT_DECIDE_H
#define OTR_VERDICT_DECIDE_H

#include "verdict/verdict.h"

typedef struct otr_decide_settings {
    bool is_dane_on_insecure_mx; /* dane.insecure_mx: default true */
    bool is_both; /* combine = both: DANE and an enforced STS policy must pass (COMBO-03); default false */
    bool defer_on_unknown_sts;   /* sts.on_unknown = defer; default false */
    const otr_minimum_rules *minimum; /* borrowed; NULL: none */
    const otr_override *override;     /* borrowed; of this destination's domain; NULL: none */
    const otr_hold *hold;             /* borrowed; of this destination's domain; NULL: none */
} otr_decide_settings;
#define OTR_DECIDE_SETTINGS_INIT { .is_dane_on_insecure_mx = true }

/*
 * mx and entry: a reference to each is added for the verdict. entry may be NULL (address literal).
 * `is_sts_pending`: the first look for a policy is still under way and the bound on waiting is reached (S11).
 * NULL when out of memory.
 */
otr_verdict *otr_decide(otr_mx_finding *mx, otr_sts_entry *entry, bool is_sts_pending,
                        const otr_decide_settings *settings, const otr_anchors *anchors, otr_time now);

#endif

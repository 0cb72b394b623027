/*
 * finding.h - what the guard and the planner of a roll-over have to say: results of checks (check.h), gathered one by one. Pure.
 */
#ifndef OTR_PUBLISH_FINDING_H
#define OTR_PUBLISH_FINDING_H

#include "publish/check.h"

#define OTR_FINDINGS_MAX 64 /* of one host; what is worse than all that is there already takes the last place */

typedef struct otr_findings {
    otr_arena *arena;     /* borrowed: of the texts */
    const char *host;     /* borrowed; "" or what they are about */
    otr_check_result list[OTR_FINDINGS_MAX];
    size_t count;
} otr_findings;

/* id: one of check_table.c */
void otr_finding_add(otr_findings *findings, const char *id, otr_check_status status, const char *format, ...) OUTRIDER_PRINTF(4, 5);

/* How bad it is: ok and skipped, info, warning, unknown, critical. */
unsigned otr_check_badness(otr_check_status status);

otr_check_status otr_findings_worst(const otr_findings *findings); /* OK if there is none */

#endif

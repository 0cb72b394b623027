/*
 * finding.h - what the guard and the planner of a roll-over have to say, one sentence each, under the ids of the checks. Pure.
 */
#ifndef OTR_PUBLISH_FINDING_H
#define OTR_PUBLISH_FINDING_H

#include "base/arena.h"

#define OTR_FINDINGS_MAX 64 /* of one host; what is worse than all that is there already takes the last place */

/* In the order of badness. */
typedef enum otr_finding_status {
    OTR_FINDING_OK,
    OTR_FINDING_INFO,
    OTR_FINDING_WARNING,
    OTR_FINDING_UNKNOWN,
    OTR_FINDING_CRITICAL,
} otr_finding_status;
extern const char *const otr_finding_status_names[]; /* "ok", "info", "warning", "unknown", "critical" */

typedef struct otr_finding {
    const char *id;       /* "dane.next"; static, stable for ever */
    otr_finding_status status;
    const char *message;  /* one sentence, printable */
} otr_finding;

typedef struct otr_findings {
    otr_arena *arena;     /* borrowed: of the messages */
    otr_finding list[OTR_FINDINGS_MAX];
    size_t count;
} otr_findings;

void otr_finding_add(otr_findings *findings, const char *id, otr_finding_status status, const char *format, ...)
    OUTRIDER_PRINTF(4, 5);
otr_finding_status otr_findings_worst(const otr_findings *findings); /* OK if there is none */

#endif

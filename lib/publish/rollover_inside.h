/*
 * rollover_inside.h - the inside of one run over a plan: the states (rollover.c), and what they ask of what was seen (rollover_seen.c).
 */
#ifndef OTR_PUBLISH_ROLLOVER_INSIDE_H
#define OTR_PUBLISH_ROLLOVER_INSIDE_H

#include "publish/rollover.h"

typedef struct otr_rollover_run {
    otr_rollover *plan;
    const otr_rollover_facts *facts;
    otr_rollover_advice *advice;
    otr_findings *findings;
    const char *wanted[OTR_ROLLOVER_RECORDS_MAX]; /* what the RRset must have */
    size_t wanted_count;
} otr_rollover_run;

void otr_rollover_gather(otr_rollover_run *run); /* wanted, in this state */

/* What is to be added, into the advice: records that some server lacks. And what is to be taken away. How many there are. */
size_t otr_rollover_missing(otr_rollover_run *run);
size_t otr_rollover_obsolete(otr_rollover_run *run);

bool otr_rollover_set_has(otr_arena *arena, const otr_tlsa_set *set, const char *record);
bool otr_rollover_is_somewhere(const otr_rollover_run *run, const char *record); /* at some server */

/* Where the next keys are in service. */
typedef enum otr_rollover_next { OTR_NEXT_NOWHERE, OTR_NEXT_SOMEWHERE, OTR_NEXT_EVERYWHERE } otr_rollover_next;
otr_rollover_next otr_rollover_next_key(const otr_rollover_run *run);

/* Findings: whether everything in service matches everywhere; records that nobody needs. */
bool otr_rollover_look_at_service(otr_rollover_run *run);
void otr_rollover_look_at_strangers(otr_rollover_run *run);

#endif

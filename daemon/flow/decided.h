/*
 * decided.h - what was decided about a destination is put down for `outrider trust report` and `trust what-if`: its hosts,
 * which of them have DANE, which the policy names, and how much it is asked for. So they need no daemon, and know what
 * mail servers were told.
 *
 * Only of destinations that a root could matter to: those with a policy, and those whose chains were seen since the start.
 * Written when it has changed, and once an hour for the traffic; after the answer is out, so that nobody waits for it.
 *
 * Threads: the resolver thread that the domain belongs to.
 */
#ifndef OTR_DAEMON_DECIDED_H
#define OTR_DAEMON_DECIDED_H

#include "daemon/answer.h"

struct otr_place;

/* What a domain remembers of it. */
typedef struct otr_decided {
    uint64_t digest;     /* of what was written last; 0: nothing */
    otr_time written_at;
    uint64_t questions;  /* since then: seconds in which an answer was asked for */
} otr_decided;

/* An answer of this place has been made. */
void otr_decided_note(struct otr_place *place);

/* An answer is replaced, or withdrawn: what was counted on it is not lost. NULL is fine. */
void otr_decided_count(otr_decided *decided, otr_answer *answer);

/* The place lapses, and its domain with it perhaps: the traffic that was not written yet. */
void otr_decided_leave(struct otr_place *place);

#endif

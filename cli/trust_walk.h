/*
 * trust_walk.h - the destinations that are recorded, one after the other, for commands that judge each of them.
 */
#ifndef OTR_CLI_TRUST_WALK_H
#define OTR_CLI_TRUST_WALK_H

#include "cli/trust_common.h"

#include <time.h>

typedef struct otr_trust_walk {
    const char *what;           /* the command, for complaints */
    const char **domains;       /* these only, as they were typed; of none, all */
    size_t domain_count;
    const char **unrecorded;    /* owned array, NULL-terminated: those of them of which nothing is recorded */
    /* OUTRIDER_OK to go on. */
    outrider_err (*visit)(void *arg, const otr_dependant *dependant, outrider_diag *diag);
    void (*note)(void *arg);    /* write to standard error what is worth telling on the way; may be NULL */
    void *arg;
    /* Of the walk itself. */
    size_t seen;
    time_t started, shown;
    outrider_err err;
    outrider_diag diag;
} otr_trust_walk;

/*
 * Visit them; on a terminal, progress is shown. A domain that is asked for twice is visited once. EX_OK, or a status after
 * complaining: EX_DATAERR for rows of the store that could not be believed (all others were visited), and for
 * a domain that is none (then nobody was, and `unrecorded` is NULL). walk->unrecorded is the caller's to free.
 */
int otr_trust_walk_run(const otr_trust_view *view, otr_trust_walk *walk);

#endif

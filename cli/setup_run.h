/*
 * setup_run.h - asking other programs: with a time-out, a clean environment, standard input at its end, and no shell.
 */
#ifndef OTR_CLI_SETUP_RUN_H
#define OTR_CLI_SETUP_RUN_H

#include "base/buf.h"

#define OTR_RUN_OUTPUT_LIMIT (2 * 1024 * 1024) /* octets that are kept; Exim's whole configuration is 100 k */
#define OTR_RUN_TIMEOUT 30                     /* s; Exim waits 20 s for a daemon */

typedef struct otr_ran {
    enum { OTR_RAN, OTR_RAN_NOT_FOUND, OTR_RAN_TOO_LONG, OTR_RAN_FAILED } how; /* FAILED: by a signal, or not at all */
    int status;                                                                /* exit status if OTR_RAN */
    otr_buf out;                                                               /* standard output; owned */
    otr_buf errors;                                                            /* standard error; owned */
} otr_ran;

/* argv[0] is looked for where mail servers are, unless it is a path. Clear the result in any case. */
void otr_run(const char *const *argv, otr_ran *ran);
void otr_ran_clear(otr_ran *ran);

/* It ran, and ended with 0. */
bool otr_ran_well(const otr_ran *ran);

/* The last line it said on standard error (else on standard output), printable, or why there is none. */
void otr_ran_complaint(const otr_ran *ran, otr_buf *out);

/*
 * Wait for a child and read what it writes: until its end of file on all `count` descriptors (which are closed) or
 * until time is up, when the process group of the child is killed. Returns waitpid()'s status, or -1 on time-out.
 */
int otr_gather(int pid, const int *fds, otr_buf *const *outs, size_t count, unsigned timeout);

#endif

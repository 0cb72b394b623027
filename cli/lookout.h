/*
 * lookout.h - what applies to destinations, found out by this process: the daemon's flow without its memory. DNS
 * discovery and, once there are MX hosts, the look for a policy beside it; then the decision. Any number at a time, on one
 * event loop.
 *
 * Threads: one.
 */
#ifndef OTR_CLI_LOOKOUT_H
#define OTR_CLI_LOOKOUT_H

#include "daemon/conf/conf.h"
#include "store/store.h"
#include "sts/refresh.h"
#include "verdict/verdict.h"

struct event_base;

typedef struct otr_lookout {
    const otr_conf *conf; /* borrowed */
    struct event_base *base;
    otr_resolver *resolver;
    otr_fetcher *fetcher;
    otr_anchors *anchors;
    bool takes_own_hosts; /* set by the caller: hosts of own_hosts are like any other, and no end of the list (M12) */
    otr_store *store; /* borrowed; NULL: none. Policies that outriderd knows are what a look begins with (REMEMBER) */
    otr_clock clock;
    otr_sts_net net;
} otr_lookout;

/*
 * *l is zeroed by the caller but for takes_own_hosts, and must not move afterwards. On failure as well it is to be closed.
 *   anchors  a reference is added; NULL: those of the configuration alone
 *   store    open for reading, borrowed; NULL: nothing is remembered
 */
outrider_err otr_lookout_open(otr_lookout *l, const otr_conf *conf, otr_anchors *anchors, otr_store *store,
                              outrider_diag *diag);
void otr_lookout_close(otr_lookout *l); /* when every look has ended or was cancelled */

typedef struct otr_look otr_look;

/* The verdict is a new one with one reference that the callback takes over; NULL: out of memory. */
typedef void otr_look_done(void *arg, otr_verdict *verdict);

/* done() is called once, from the event loop, never from inside; after cancel never. NULL: out of memory. */
otr_look *otr_look_start(otr_lookout *l, const otr_destination *destination, otr_look_done *done, void *arg);
void otr_look_cancel(otr_look *look); /* NULL is fine */

#endif

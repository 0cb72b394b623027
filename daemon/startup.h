/*
 * startup.h - the daemon as a whole: what it is made of, in the order in which it is built and taken down.
 */
#ifndef OTR_DAEMON_STARTUP_H
#define OTR_DAEMON_STARTUP_H

#include "daemon/conf/conf.h"

typedef struct otr_daemon otr_daemon;

/* Everything up to running threads: anchors, their files, sockets, privileges, store, resolvers, threads. */
outrider_err otr_daemon_start(const otr_conf *conf, otr_daemon **daemon, outrider_diag *diag);

/* Ends all threads and takes everything down. NULL is fine. */
void otr_daemon_stop(otr_daemon *daemon);

/* What -t checks beyond the configuration itself: that anchors and trust anchors can be loaded. */
outrider_err otr_daemon_check(const otr_conf *conf, outrider_diag *diag);

#endif

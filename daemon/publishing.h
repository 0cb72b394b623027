/*
 * publishing.h - the publisher and the policy host as parts of the daemon: their start and end.
 */
#ifndef OTR_DAEMON_PUBLISHING_H
#define OTR_DAEMON_PUBLISHING_H

#include "daemon/publish/publisher.h"
#include "daemon/publish/server.h"
#include "daemon/sockets.h"

typedef struct otr_publishing {
    otr_publisher *publisher;  /* owned */
    otr_policy_server *server; /* owned; NULL without a listener */
} otr_publishing;

/* How many of its descriptors may be open at once. */
unsigned long otr_publishing_connections(const otr_conf *conf);

/* As the user who goes on. What it borrows outlives it. */
outrider_err otr_publishing_start(otr_publishing *publishing, const otr_conf *conf, const otr_sockets *sockets, otr_store *store,
                                  otr_clock *clock, outrider_diag *diag);

/* When no front thread can send a request any more: first nothing is handed out, then what was is written. */
void otr_publishing_stop(otr_publishing *publishing);
void otr_publishing_clear(otr_publishing *publishing);

#endif

/*
 * sockets.h - all listening sockets of the configuration: those that a service manager passed on (they stay open
 * while we restart), the others opened by ourselves.
 */
#ifndef OTR_DAEMON_SOCKETS_H
#define OTR_DAEMON_SOCKETS_H

#include "daemon/conf/conf.h"
#include "daemon/front.h"

typedef struct otr_sockets {
    otr_listener *listeners; /* owned; the descriptors too */
    size_t count;
    size_t front_count;  /* the first ones: of mail servers, and control */
    size_t policy_count; /* the last ones: of our policy host; between them are those of HTTP */
    const otr_listen_address **own; /* owned; by listener: the address if we opened it, else NULL */
} otr_sockets;

outrider_err otr_sockets_open(const otr_conf *conf, otr_sockets *sockets, outrider_diag *diag);

/* Close them, and remove the files of those that are ours. */
void otr_sockets_close(otr_sockets *sockets);

#endif

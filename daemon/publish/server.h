/*
 * server.h - our policy host: HTTPS for senders, plain HTTP for a proxy before us, challenges of ACME; on a thread and an event base
 * of its own, so that nothing that happens there can delay a mail server's question, and the other way round.
 *
 * It reads the site (site.h) and nothing else: no file, no store, no DNS. reply.h says what is answered.
 *
 * Strangers may connect, so everything has a bound:
 *   connections    in all, and by address (IPv4 address, IPv6 /64; not those of `plain`: that is the proxy's). Where all are taken, the
 *                  one that has been idle longest makes room for the new one, else the one that has been at its request longest
 *   time           for the handshake, and for each request from its first octet to the last of the answer, in all: dripping gains nothing.
 *                  An idle connection is kept OTR_WEB_IDLE_MS
 *   memory         of a connection: what TLS keeps (its buffers only while they have something), the head so far, the answer that
 *                  the client does not take
 *
 * Why not evhttp: lib/publish/http_request.h. Why not bufferevents: each has two buffers and a TLS filter of its own, and the same work
 * costs more than nginx makes of it (bench/README.md).
 */
#ifndef OTR_DAEMON_POLICY_SERVER_H
#define OTR_DAEMON_POLICY_SERVER_H

#include "daemon/publish/reply.h"
#include "daemon/publish/tally.h"
#include "daemon/snapshot.h"

#define OTR_WEB_IDLE_MS 15000
#define OTR_WEB_LINGER_MS 2000     /* after the last answer, for a client that is still sending (RFC 9112 §9.6) */
#define OTR_WEB_LINGER_OCTETS 65536
#define OTR_WEB_TOKEN_WAIT_MS 300  /* a challenge that is not there is looked for again after this: its file may be on its way */
#define OTR_WEB_TALLY_MS 5000
#define OTR_WEB_TICKETS_MS (3600 * 1000) /* then session tickets get another key: whoever finds one later opens no more with it */

typedef struct otr_web_listener {
    int fd; /* borrowed: listening, not blocking */
    otr_web_kind kind;
} otr_web_listener;

typedef struct otr_policy_server_options {
    const otr_web_listener *listeners; /* copied */
    size_t listener_count;
    otr_snapshot *site;                /* borrowed; of otr_site */
    otr_clock *clock;                  /* borrowed */
    void (*tell)(void *arg, otr_tally *tally); /* takes it over; by the server's thread, the last time before _stop returns */
    void *tell_arg;
    unsigned connections_max, connections_per_address, timeout_ms;
    unsigned tickets_ms;               /* 0: OTR_WEB_TICKETS_MS */
} otr_policy_server_options;

typedef struct otr_policy_server otr_policy_server;

/* The thread runs on success. OUTRIDER_E_NOMEM or OUTRIDER_E_IO. */
outrider_err otr_policy_server_start(const otr_policy_server_options *options, otr_policy_server **server, outrider_diag *diag);

/* Connections end where they are; what was counted is told before this returns. Any thread; NULL is fine. */
void otr_policy_server_stop(otr_policy_server *server);

/* Connections that are open. Any thread. */
unsigned otr_policy_server_connections(const otr_policy_server *server);

#endif

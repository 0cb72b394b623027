/*
 * http.h - the HTTP listener: /metrics and /healthz, on a thread and an event base of its own, so that nothing that is
 * asked there can delay a mail server. GET and HEAD, one request a connection, and nothing of a request is given back.
 * It is plain HTTP without accounts: for a loopback address or a Unix socket.
 */
#ifndef OTR_DAEMON_HTTP_H
#define OTR_DAEMON_HTTP_H

#include "daemon/http_pages.h"

#define OTR_HTTP_HEADERS_MAX 8192   /* octets of request line and headers */
#define OTR_HTTP_CONNECTIONS_MAX 32 /* at once; more wait in the kernel's queue */
#define OTR_HTTP_TOTAL_MS 5000      /* from accept to the end of the answer, however busily the peer drips */

typedef struct otr_http otr_http;

/* Listeners (their descriptors) and status are borrowed. The thread runs on success. */
outrider_err otr_http_start(const otr_listener *listeners, size_t count, const otr_status *status, otr_http **http,
                            outrider_diag *diag);
void otr_http_stop(otr_http *http); /* any thread; NULL is fine */

#endif

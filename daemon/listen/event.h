/*
 * event.h - what a mail server tells by itself: one certificate of a chain that a host has shown it (L15). Pure.
 *
 *     event = "kind=tls.cert destination=" DESTINATION " host=" HOST " conn=" NUMBER " depth=" NUMBER " cert=" BASE64
 *
 * One line a certificate, as Exim sees them: that nearest to the root first, the host's own (depth 0) last. `conn` tells
 * connections that are made at the same time from each other.
 */
#ifndef OTR_DAEMON_EVENT_H
#define OTR_DAEMON_EVENT_H

#include "base/cursor.h"
#include "trust/pem.h"
#include "verdict/destination.h"

#define OTR_EVENT_MAX 16384 /* octets of a line: a certificate of 12 KiB */

typedef struct otr_event {
    otr_destination destination; /* a domain or a host */
    char host[OTR_DOMAIN_SIZE];  /* normal form */
    uint32_t conn;
    unsigned depth;              /* below OTR_CHAIN_MAX */
    otr_slice cert;              /* borrowed: base64 of four octets each, not looked into */
} otr_event;

/* Whether a line that has begun so is one of these, and may be longer than a request. */
bool otr_event_begins(otr_slice line);

/* From behind "v1 event ". NULL: it is one; else why not. */
const char *otr_event_parse(otr_cursor *c, otr_event *event);

#endif

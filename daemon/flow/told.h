/*
 * told.h - chains that a mail server tells of, certificate by certificate (listen/event.h): on the way from a front thread
 * to the resolver thread of the destination, put together there, judged and recorded like any other (record.h).
 *
 * Who can write to the socket of the mail server can say what he likes, so nothing of it is believed: the chain is judged
 * here, under our own anchors, and counts only for a host that DNS names for this destination now, of which there is an
 * answer out. So nobody can fill the record with hosts that there are not. What he still can do is to show a chain that
 * the host does not use any more; that can hold back the mail of a destination with on_change = defer.
 *
 * Bounded: OTR_TOLD_MAX certificates on their way, OTR_TOLD_CHAINS chains that are not complete in a thread, and what was
 * told lately is not judged again. What is too much is passed over: it will be told again with the next mail.
 */
#ifndef OTR_DAEMON_TOLD_H
#define OTR_DAEMON_TOLD_H

#include "daemon/listen/event.h"
#include "daemon/mailbox.h"
#include "trust/verify.h"

#define OTR_TOLD_MAX 256
#define OTR_TOLD_CHAINS 32
#define OTR_TOLD_SPAN 10        /* s for a chain to become complete */
#define OTR_TOLD_AGAIN 3600     /* s in which the same chain of the same host is passed over */
#define OTR_TOLD_REMEMBERED 256 /* chains that are known to have been told lately */

struct otr_worker;

/* One certificate on its way. */
typedef struct otr_told {
    otr_mail mail;              /* first */
    _Atomic unsigned *on_their_way; /* borrowed; counts this one */
    otr_destination destination;
    char host[OTR_DOMAIN_SIZE];
    uint32_t conn;
    unsigned depth;
    size_t len;
    char base64[];              /* len octets, and a NUL */
} otr_told;

/* NULL: there are too many on their way, or memory is short. */
otr_told *otr_told_new(const otr_event *event, _Atomic unsigned *on_their_way);
void otr_told_free(otr_told *told); /* NULL is fine */

/* What a resolver thread has been told so far. A value; begins zeroed. */
typedef struct otr_told_chain {
    char key[OTR_DESTINATION_SIZE];
    char host[OTR_DOMAIN_SIZE];
    uint32_t conn;
    unsigned depth;        /* of the last one; the next has one less */
    otr_time begun_at;
    STACK_OF(X509) *certs; /* owned, root first; NULL: the slot is free */
} otr_told_chain;

typedef struct otr_told_table {
    otr_told_chain chains[OTR_TOLD_CHAINS];
    struct {
        uint8_t digest[32]; /* of destination, host and chain */
        otr_time at;        /* 0: free */
    } lately[OTR_TOLD_REMEMBERED];
} otr_told_table;
void otr_told_table_clear(otr_told_table *table);

/* In the resolver thread that the destination belongs to; takes it over. */
void otr_told_take(struct otr_worker *worker, otr_told *told);

#endif

/*
 * connection.h - one client: bytes in, requests one after the other, answers in the same order. A client that is
 * slow, silent or malformed costs its own connection and nothing else.
 *
 *   READING   bytes arrive; whole requests are answered at once if they can be
 *   WAITING   one request is with a resolver thread; nothing is read meanwhile
 *   FLUSHING  the peer does not take its answer fast enough; nothing is read meanwhile
 */
#ifndef OTR_DAEMON_CONNECTION_H
#define OTR_DAEMON_CONNECTION_H

#include "daemon/front.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#define OTR_REQUEST_MS 10000 /* from the first byte of a request to its last: no drip holds a connection */
#define OTR_FLUSH_MS 10000   /* for the peer to take an answer */
#define OTR_TICK_MS 500      /* how often deadlines are looked at */

typedef struct otr_connection {
    TAILQ_ENTRY(otr_connection) link;
    otr_front *front;       /* borrowed */
    int fd;                 /* owned */
    otr_protocol protocol;
    enum { OTR_READING, OTR_WAITING, OTR_FLUSHING } step;
    struct event on_readable, on_writable;
    bool is_reading;        /* on_readable is pending */
    bool is_writing;        /* on_writable is pending */
    bool has_ended;         /* the peer has sent all it will */
    bool is_last;           /* close when the answer is out */
    bool is_new;            /* what lies in the buffer has begun to arrive just now */
    int64_t deadline_ms;    /* monotonic; of the step */

    otr_ticket *ticket;     /* borrowed (it is with a resolver thread); set during WAITING */
    otr_form form;          /* of the answer that is waited for */
    otr_job *job;           /* borrowed, as `ticket`: of an operator */

    const char *out;        /* FLUSHING: what is left to send */
    size_t out_len;
    otr_answer *out_answer; /* owned reference that `out` points into, or NULL */
    char *out_text;         /* owned memory that `out` points into, or NULL */

    size_t in_len;
    size_t in_done;         /* of these: requests that were answered just now */
    size_t in_max;
    char *in;               /* in_max octets: `first`, or `grown` */
    char *grown;            /* owned; NULL: not needed */
    char first[];
} otr_connection;

/* Takes fd. NULL: out of memory (fd is closed). */
otr_connection *otr_connection_new(otr_front *front, int fd, otr_protocol protocol);
void otr_connection_close(otr_connection *connection);

/* Answer what lies in the buffer, as far as it goes. The connection may be gone afterwards. */
void otr_connection_work(otr_connection *connection);

/* The ticket has come back. */
void otr_connection_answer(otr_connection *connection, otr_answer *answer);

/* The job has come back. */
void otr_connection_reply(otr_connection *connection, otr_job *job);

/* The deadline of its step has passed. */
void otr_connection_expire(otr_connection *connection);

/* The daemon stops: a client that waits is told to try again. */
void otr_connection_stop(otr_connection *connection);

#endif

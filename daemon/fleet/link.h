/*
 * link.h - one connection to Redis: connecting (TCP, TLS, Unix socket), greeting (AUTH, SELECT, PING), asking, and connecting again.
 *
 * The protocol is hiredis' (its formatter and its reader, which do no I/O); the I/O is libevent's, so that TLS, deadlines and limits
 * are the same as everywhere in this program, and nothing here ever waits. hiredis 0.14 of Debian 12 has no TLS of its own.
 *
 *     AWAY ──► CONNECTING ──► GREETING ──► UP
 *       ▲___________|______________|________|   any failure: all questions are answered with NULL, and after a back-off again
 *
 * A server that hangs is one that is away: the question that waits longest has OTR_LINK_ANSWER_MS.
 * What comes from the server has limits: OTR_LINK_REPLY_MAX octets of one reply, OTR_LINK_ELEMENTS_MAX elements of one array.
 *
 * Threads: that of the event base.
 */
#ifndef OTR_DAEMON_FLEET_LINK_H
#define OTR_DAEMON_FLEET_LINK_H

#include "base/slice.h"
#include "fleet/url.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>

#define OTR_LINK_CONNECT_MS 5000
#define OTR_LINK_ANSWER_MS 2000
#define OTR_LINK_REPLY_MAX (16 * 1024 * 1024)
#define OTR_LINK_ELEMENTS_MAX 4096
#define OTR_LINK_QUESTIONS_MAX 4096 /* that wait for an answer; one more is refused */
#define OTR_LINK_WORDS_MAX 64       /* of one question */

typedef struct otr_link otr_link;

/* All borrowed; they outlive the link. */
typedef struct otr_link_settings {
    const otr_fleet_url *url;
    const char *password_file; /* "": none; read anew at each connection */
    const char *ca;            /* "system" or a PEM file; read anew likewise */
} otr_link_settings;

typedef struct otr_link_events {
    void (*up)(void *arg);
    void (*down)(void *arg, const char *why); /* after each failure; why is printable */
    void (*refused)(void *arg, const char *error); /* a question, by what Redis says; besides its answer. Not printable */
    void (*pushed)(void *arg, const redisReply *reply); /* what nobody asked for: messages of a subscription; may be NULL */
} otr_link_events;

typedef enum otr_link_state { OTR_LINK_AWAY, OTR_LINK_CONNECTING, OTR_LINK_GREETING, OTR_LINK_UP } otr_link_state;
extern const char *const otr_link_state_names[]; /* "away", ... */

/* NULL: out of memory. It connects as soon as the loop runs. */
otr_link *otr_link_new(struct event_base *base, const otr_link_settings *settings, const otr_link_events *events, void *arg);
void otr_link_free(otr_link *link); /* outside the loop, which it may turn; questions are answered with NULL. NULL is fine */

otr_link_state otr_link_look(const otr_link *link);

/* reply: NULL when the connection was lost or the deadline passed. It belongs to the link, and is gone after the call. */
typedef void otr_link_answer(void *arg, const redisReply *reply);

/* False: not up, or too many questions, or out of memory; then answer() is not called. */
bool otr_link_ask(otr_link *link, const otr_slice *words, size_t count, otr_link_answer *answer, void *arg);

/* Give the connection up, as if it had failed. Not from inside answer(). */
void otr_link_fail(otr_link *link, const char *why);

#endif

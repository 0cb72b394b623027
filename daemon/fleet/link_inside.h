/*
 * link_inside.h - what link.c (coming and going) and link_talk.c (questions and answers) share.
 */
#ifndef OTR_DAEMON_FLEET_LINK_INSIDE_H
#define OTR_DAEMON_FLEET_LINK_INSIDE_H

#include "daemon/fleet/link.h"

#include <openssl/ssl.h>
#include <sys/queue.h>

struct bufferevent;
struct evdns_base;
struct evdns_getaddrinfo_request;
struct otr_link_lookup;

typedef struct otr_question {
    otr_link_answer *answer;
    void *arg;
    int64_t deadline; /* ms of the monotonic clock */
    STAILQ_ENTRY(otr_question) next;
} otr_question;
STAILQ_HEAD(otr_questions, otr_question);

struct otr_link {
    struct event_base *base;           /* borrowed */
    const otr_link_settings *settings; /* borrowed */
    otr_link_events events;
    void *arg;
    otr_link_state state;
    unsigned failures;        /* in a row */
    struct event *timer;      /* owned: the next attempt, or the deadline of what is under way */
    struct bufferevent *bev;  /* owned; NULL while AWAY */
    struct evdns_base *dns;   /* owned; NULL until a name is first looked up */
    struct otr_link_lookup *lookup;            /* borrowed: under way; NULL: none */
    struct evdns_getaddrinfo_request *request; /* borrowed; of that */
    size_t lookups;           /* that libevent has yet to tell of, cancelled ones too */
    SSL_CTX *tls;             /* owned; of the connection */
    redisReader *reader;      /* owned; of the connection */
    redisReplyObjectFunctions make; /* the reader's, with a limit */
    struct otr_questions questions; /* owned, in the order in which they were asked */
    size_t question_count;
    uint64_t connection;      /* number of the present one: a callback may have ended it */
    char why[256];            /* a failure that is noticed where it cannot be acted on yet */
};

/* link_talk.c */
bool otr_link_open_talk(otr_link *link);  /* a reader for a new connection; false: out of memory */
void otr_link_close_talk(otr_link *link); /* every question is answered with NULL */
void otr_link_take_input(otr_link *link);
bool otr_link_put_question(otr_link *link, const otr_slice *words, size_t count, otr_link_answer *answer, void *arg);
void otr_link_greet(otr_link *link);      /* ends in otr_link_greeted() or otr_link_fail() */
void otr_link_watch(otr_link *link);      /* arm the timer for the question that waits longest */
bool otr_link_is_late(const otr_link *link);

/* link.c */
void otr_link_greeted(otr_link *link);

/* link_name.c: false if that cannot be begun. Dropping and closing end what is under way. */
bool otr_link_connect_name(otr_link *link);
void otr_link_drop_lookup(otr_link *link);
void otr_link_close_names(otr_link *link); /* turns the loop */

/* link_tls.c: the context for a connection; NULL with the reason in link->why. */
SSL_CTX *otr_link_make_tls(otr_link *link);
SSL *otr_link_make_ssl(otr_link *link);
void otr_link_describe_tls(otr_link *link, SSL *ssl);

#endif

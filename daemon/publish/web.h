/*
 * web.h - the inside of the policy server: server.c (thread, time), gate.c (who is let in), client.c (one connection), transport.c (TLS
 * or not), handshake.c (SNI). All of it belongs to the server's thread.
 */
#ifndef OTR_DAEMON_WEB_H
#define OTR_DAEMON_WEB_H

#include "daemon/publish/address_count.h"
#include "daemon/publish/server.h"
#include "sts/policy.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

#define OTR_WEB_IN_SIZE (2 * OTR_REQUEST_HEAD_MAX) /* octets that are read, and not answered */
#define OTR_WEB_BATCH_SIZE 16384                   /* answers that are put together before they are sent; a larger one goes alone */
#define OTR_WEB_OUT_SIZE (OTR_REPLY_HEAD_MAX + OTR_STS_POLICY_LIMIT)
#define OTR_WEB_LOOKS_MAX 8                        /* at one client, before others are served */

/* All that wait for the same thing have the same time for it: a queue is in the order of its deadlines. */
typedef enum otr_web_wait {
    OTR_WAIT_IDLE,   /* between requests */
    OTR_WAIT_LINGER, /* the last answer is out */
    OTR_WAIT_BUSY,   /* handshake, request, answer */
    OTR_WAIT_TOKEN,  /* for the file of a challenge */
    OTR_WAIT_COUNT
} otr_web_wait;

typedef enum otr_client_step {
    OTR_CLIENT_SHAKING,  /* hands */
    OTR_CLIENT_READING,
    OTR_CLIENT_FLUSHING, /* the client must take the answer before anything else is read */
    OTR_CLIENT_WAITING,  /* OTR_WAIT_TOKEN */
    OTR_CLIENT_LINGERING
} otr_client_step;

typedef struct otr_client {
    TAILQ_ENTRY(otr_client) link, due;
    struct otr_policy_server *server;
    struct event on_ready;     /* for what it waits for: octets, or room for some */
    short awaits;              /* EV_READ, EV_WRITE; 0: neither */
    uint8_t kind;              /* otr_web_kind */
    uint8_t step;              /* otr_client_step */
    uint8_t wait;              /* otr_web_wait: the queue that it is in */
    bool is_counted;           /* by address */
    bool is_last;              /* nothing is read after what is being answered */
    bool is_due;               /* in the queue of those for whom no event will come */
    bool has_waited;           /* for the token of this request */
    bool has_rest;             /* of what it sent, that is not read */
    bool is_name_unknown;      /* why the handshake failed */
    int fd;
    SSL *ssl;                  /* owned; NULL: plain */
    char *sni;                 /* owned; of TLS, after the client hello: normal form */
    otr_address address;       /* family 0: a Unix socket */
    int64_t since_ms;          /* in its queue */
    otr_request_reader reader; /* of what is in `in` */
    char *in;                  /* owned; what was read, and is not answered */
    size_t in_len;
    char *out;                 /* owned; what is to be sent, from out_at on */
    size_t out_at, out_len;
    size_t lingered;           /* octets thrown away */
    otr_served *handing;       /* a version that is being handed out in `out`; lives longer than the server */
} otr_client;
TAILQ_HEAD(otr_client_queue, otr_client);

struct otr_policy_server {
    otr_policy_server_options options;
    otr_web_listener *listeners;    /* owned; as the options have them */
    pthread_t thread;
    bool is_running;
    struct event_base *base;        /* owned */
    struct event **accepts;         /* owned; one a listener */
    struct otr_web_gate *gates;     /* owned; their arguments */
    bool is_paused;                 /* nobody is let in, until `paused_ms` is over */
    int64_t resume_ms;
    struct event *tick;             /* owned; pending while anything waits */
    struct event *on_stop;          /* owned */
    otr_mailbox box;                /* never has mail: it wakes the loop for its end */
    bool has_box;
    SSL_CTX *tls;                   /* owned; of connections that have not named their host, with the keys of tickets; NULL: no HTTPS */
    int64_t tls_ms;                 /* made then */
    otr_address_count *by_address;  /* owned */
    struct otr_client_queue queues[OTR_WAIT_COUNT];
    struct otr_client_queue due;    /* have octets that no event tells of, and let others go first */
    struct event *on_due;           /* owned; pending while there are some */
    _Atomic unsigned connections;   /* written by the thread */
    otr_tally *tally;               /* owned; NULL: nothing was counted */
    int64_t tally_ms;               /* since then */
    int64_t last_limit_ms;          /* one line about limits in ten seconds */
    otr_time date_of;
    char date[OTR_HTTP_DATE_SIZE];  /* of date_of */
    char *in, *out;                 /* owned; of the client that is being served */
    size_t out_len;
};

/* server.c ---------------------------------------------------------------------------------------------------------- */

/* Into the queue for something, from now on; out of the one where it was. */
void otr_web_await(otr_client *client, otr_web_wait wait);
void otr_web_tick_soon(otr_policy_server *server);
void otr_web_is_due(otr_client *client, bool wanted);
const char *otr_web_date(otr_policy_server *server, otr_time now);
const otr_site *otr_web_site(const otr_policy_server *server); /* in a read section */
void otr_web_count_fetch(otr_policy_server *server, const char *domain, const otr_address *address, otr_time now);

/* gate.c ------------------------------------------------------------------------------------------------------------ */

outrider_err otr_web_open_gates(otr_policy_server *server);
void otr_web_close_gates(otr_policy_server *server);
void otr_web_pause(otr_policy_server *server, bool wanted);
void otr_web_forget(otr_policy_server *server, const otr_client *client); /* a connection less */

/* client.c ---------------------------------------------------------------------------------------------------------- */

/* NULL: out of memory; the descriptor stays the caller's. */
otr_client *otr_client_new(otr_policy_server *server, otr_web_kind kind, int fd, const otr_address *address, bool is_counted);
void otr_client_free(otr_client *client); /* closes */
void otr_client_expire(otr_client *client); /* the time for what it waits for is over */
void otr_client_watch(otr_client *client, short what);
void otr_client_go_on(otr_client *client); /* it was due */

/* respond.c --------------------------------------------------------------------------------------------------------- */

/* Answer what lies at `octets`; *used of them are done with. False: it must wait, for a token. */
bool otr_client_answer(otr_client *client, const char *octets, size_t len, size_t *used);

/* transport.c ------------------------------------------------------------------------------------------------------- */

typedef enum otr_moved {
    OTR_MOVED_SOME,
    OTR_MOVED_WAIT_READ,
    OTR_MOVED_WAIT_WRITE,
    OTR_MOVED_END, /* the peer sends no more */
    OTR_MOVED_FAILED
} otr_moved;

otr_moved otr_web_shake(otr_client *client); /* SOME: the handshake is complete */
otr_moved otr_web_receive(otr_client *client, char *octets, size_t size, size_t *got);
otr_moved otr_web_send(otr_client *client, const char *octets, size_t len, size_t *sent);
bool otr_web_has_more(const otr_client *client); /* that no event will tell of */
void otr_web_say_goodbye(otr_client *client);    /* close_notify */

/* handshake.c ------------------------------------------------------------------------------------------------------- */

/* server->tls, with new keys. False: out of memory, and the former goes on. */
bool otr_web_tls_renew(otr_policy_server *server);
SSL *otr_web_tls_open(otr_client *client);

/* access_log.c ------------------------------------------------------------------------------------------------------ */

void otr_web_log(const otr_client *client, const otr_address *address, const otr_request *request, const otr_reply *reply);

#endif

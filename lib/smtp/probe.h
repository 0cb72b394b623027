/*
 * probe.h - one look at an MX host's certificate: the beginning of an SMTP session, TLS, and the end.
 *
 *     CONNECT -> GREETING -> EHLO -> STARTTLS -> HANDSHAKE -> EHLO -> QUIT        (RFC 5321, RFC 3207)
 *
 * No mail is sent, and nothing is said that begins one. The handshake completes whatever certificate is shown; the chain is
 * told as it was sent, and what it is worth is the asker's to judge. Octets that come in clear behind the reply to STARTTLS
 * were put there by somebody (CVE-2011-0411): the probe ends.
 *
 * Limits: one deadline for all of it, those of replies (reply.h), OTR_PROBE_OCTETS_MAX octets from the server.
 * Threads: as the event base: one.
 */
#ifndef OTR_SMTP_PROBE_H
#define OTR_SMTP_PROBE_H

#include "dns/address.h"
#include "dns/name.h"

#include <openssl/x509.h>

struct event_base;

#define OTR_PROBE_OCTETS_MAX (512 * 1024)
#define OTR_PROBE_TIMEOUT_MS 30000
#define OTR_PROBE_QUIT_MS 3000 /* for the answer to QUIT, when all has been seen */
#define OTR_PROBE_REASON_SIZE 256

typedef enum otr_probe_step {
    OTR_PROBE_CONNECT, OTR_PROBE_GREETING, OTR_PROBE_EHLO, OTR_PROBE_STARTTLS, OTR_PROBE_HANDSHAKE,
    OTR_PROBE_EHLO_IN_TLS, OTR_PROBE_QUIT, OTR_PROBE_STEP_COUNT
} otr_probe_step;
extern const char *const otr_probe_step_names[]; /* "connect", "greeting", ... */

typedef enum otr_probe_outcome {
    OTR_PROBE_TLS,         /* TLS stands, and `chain` is what the host shows */
    OTR_PROBE_NO_STARTTLS, /* not offered, or refused, or the server knows no EHLO */
    OTR_PROBE_TLS_FAILED,  /* no handshake came about */
    OTR_PROBE_INJECTION,   /* clear text behind the reply to STARTTLS */
    OTR_PROBE_NOT_SMTP,    /* what came is no SMTP, or came before it was asked for */
    /* With these nothing was learned of the host: */
    OTR_PROBE_UNREACHABLE, /* no connection */
    OTR_PROBE_TIMEOUT,     /* the deadline has passed in the middle */
    OTR_PROBE_CLOSED,      /* the connection was closed before STARTTLS was answered */
    OTR_PROBE_TURNED_AWAY, /* a greeting or EHLO was answered with 4xx or 5xx: the server wants nothing of us, now or ever */
    OTR_PROBE_INTERNAL,    /* out of memory, no socket */
    OTR_PROBE_OUTCOME_COUNT
} otr_probe_outcome;
extern const char *const otr_probe_outcome_names[]; /* "tls", "no-starttls", ... */

/* Whether the outcome says something of the host, good or bad. */
static inline bool otr_probe_has_learned(otr_probe_outcome outcome)
{
    return outcome < OTR_PROBE_UNREACHABLE;
}

typedef struct otr_probe_result {
    otr_probe_outcome outcome;
    otr_probe_step step;                /* where it was decided */
    char reason[OTR_PROBE_REASON_SIZE]; /* one sentence, printable. With TLS "", or what went wrong after the handshake */
    const char *tls_version, *cipher;   /* with TLS; else "" */
    STACK_OF(X509) *chain;              /* with TLS: as sent, leaf first, never empty, at most OTR_CHAIN_MAX; else NULL */
} otr_probe_result;

typedef struct otr_probe_question {
    otr_address address;
    uint16_t port;
    const char *sni;     /* the name of the host; its TLSA base domain where it has DANE (RFC 7672 §8.1) */
    const char *ehlo;    /* the name of this machine */
    const char *algorithm; /* as of otr_tls_pipe_new(); static; NULL: any */
    unsigned timeout_ms; /* 0: OTR_PROBE_TIMEOUT_MS */
} otr_probe_question;

typedef struct otr_probe otr_probe;

/* The result is borrowed until the callback returns. */
typedef void otr_probe_done(void *arg, const otr_probe_result *result);

/* The question is copied. done() is called once, never from inside; after cancel never. NULL: out of memory. */
otr_probe *otr_probe_start(struct event_base *base, const otr_probe_question *question, otr_probe_done *done, void *arg);
void otr_probe_cancel(otr_probe *probe); /* NULL is fine */

#endif

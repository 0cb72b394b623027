/*
 * probe.c - the session, in the order in which it happens. Each step ends with one reply, or with the handshake; what the
 * reply means is decided in one function per step. Every path leaves through finish() and settle(), most of them by leave(),
 * which says QUIT first.
 */
#include "smtp/probe.h"

#include "base/clock.h"
#include "smtp/reply.h"
#include "smtp/tls_pipe.h"
#include "trust/pem.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 4096

struct otr_probe {
    otr_probe_step step;
    otr_address address;
    uint16_t port;
    char sni[OTR_DOMAIN_SIZE];
    const char *algorithm; /* static, or NULL */
    char ehlo[OTR_DOMAIN_SIZE];
    struct event_base *base; /* borrowed */
    int fd;                  /* owned; -1: none */
    struct event *readable;  /* owned */
    struct event *writable;  /* owned */
    struct event *deadline;  /* owned; one for the whole probe */
    int64_t deadline_ms;     /* the same, by the monotonic clock */
    otr_tls_pipe *tls;       /* owned; from HANDSHAKE on */
    STACK_OF(X509) *chain;   /* owned; what was shown, from the end of the handshake on */
    otr_smtp_reader reader;  /* of the reply that is awaited */
    size_t received;         /* octets from the server */
    otr_buf out;             /* not yet sent */
    size_t sent;             /* of `out` */
    otr_probe_result result; /* outcome OTR_PROBE_OUTCOME_COUNT: not yet decided */
    bool is_over;            /* the callback under way ends with the end of the probe */
    otr_probe_done *done;
    void *arg;
};

const char *const otr_probe_step_names[] = {
    [OTR_PROBE_CONNECT] = "connect",     [OTR_PROBE_GREETING] = "greeting",
    [OTR_PROBE_EHLO] = "ehlo",           [OTR_PROBE_STARTTLS] = "starttls",
    [OTR_PROBE_HANDSHAKE] = "handshake", [OTR_PROBE_EHLO_IN_TLS] = "ehlo-in-tls",
    [OTR_PROBE_QUIT] = "quit",
};

const char *const otr_probe_outcome_names[] = {
    [OTR_PROBE_TLS] = "tls",
    [OTR_PROBE_NO_STARTTLS] = "no-starttls",
    [OTR_PROBE_TLS_FAILED] = "tls-failed",
    [OTR_PROBE_INJECTION] = "injection",
    [OTR_PROBE_NOT_SMTP] = "not-smtp",
    [OTR_PROBE_UNREACHABLE] = "unreachable",
    [OTR_PROBE_TIMEOUT] = "timeout",
    [OTR_PROBE_CLOSED] = "closed",
    [OTR_PROBE_TURNED_AWAY] = "turned-away",
    [OTR_PROBE_INTERNAL] = "internal",
};

/* The end --------------------------------------------------------------------------------------------------- */

void otr_probe_cancel(otr_probe *p)
{
    if (p == NULL)
        return;
    if (p->readable != NULL)
        event_free(p->readable);
    if (p->writable != NULL)
        event_free(p->writable);
    if (p->deadline != NULL)
        event_free(p->deadline);
    if (p->fd >= 0)
        close(p->fd);
    otr_tls_pipe_free(p->tls);
    sk_X509_pop_free(p->chain, X509_free);
    otr_buf_clear(&p->out);
    free(p);
}

static void finish(otr_probe *p)
{
    p->is_over = true;
}

/* The last act of every event callback, so that nothing below has to ask whether the probe is still there. */
static void settle(otr_probe *p)
{
    if (!p->is_over)
        return;
    event_del(p->deadline);
    if (p->readable != NULL)
        event_del(p->readable);
    if (p->writable != NULL)
        event_del(p->writable);
    p->done(p->arg, &p->result);
    otr_probe_cancel(p);
}

OUTRIDER_PRINTF(3, 4)
static void decide(otr_probe *p, otr_probe_outcome outcome, const char *format, ...)
{
    va_list args;

    p->result.outcome = outcome;
    p->result.step = p->step;
    va_start(args, format);
    vsnprintf(p->result.reason, sizeof(p->result.reason), format, args);
    va_end(args);
}

static void arm_deadline(otr_probe *p, int64_t ms)
{
    struct timeval span = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    evtimer_add(p->deadline, &span);
}

/* Saying and hearing ---------------------------------------------------------------------------------------- */

/* What cannot be sent is of no interest: why not, the reading side learns. */
static void flush_output(otr_probe *p)
{
    if (p->tls != NULL)
        otr_tls_pipe_drain(p->tls, &p->out);
    while (p->sent < p->out.len) {
        ssize_t n = send(p->fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(p->writable, NULL);
            return;
        }
        if (n < 0)
            break;
        p->sent += (size_t)n;
    }
    otr_buf_reset(&p->out);
    p->sent = 0;
}

/* Begin a step with a command, of which the reply ends it. */
static void say(otr_probe *p, otr_probe_step step, const char *command, const char *argument)
{
    otr_buf line = OTR_BUF_INIT;

    p->step = step;
    otr_smtp_reader_init(&p->reader);
    otr_buf_printf(&line, "%s%s%s\r\n", command, argument[0] != '\0' ? " " : "", argument);
    if (p->tls != NULL)
        otr_tls_pipe_write(p->tls, otr_buf_text(&line), line.len);
    else
        otr_buf_put(&p->out, otr_buf_text(&line), line.len);
    otr_buf_clear(&line);
    flush_output(p);
}

/* All has been decided: say so, and go. Whatever comes now changes nothing. */
static void leave(otr_probe *p)
{
    int64_t left_ms = p->deadline_ms - otr_monotonic_ms();

    arm_deadline(p, left_ms < 0 ? 0 : left_ms < OTR_PROBE_QUIT_MS ? left_ms : OTR_PROBE_QUIT_MS);
    say(p, OTR_PROBE_QUIT, "QUIT", "");
}

/* The steps ------------------------------------------------------------------------------------------------- */

static void on_bad_reply(otr_probe *p, const char *error);

/* 421 announces that the connection is closed (RFC 5321 §3.8): then there is nobody to take leave of. */
static void leave_unless_shut(otr_probe *p)
{
    if (p->reader.reply.code == 421)
        finish(p);
    else
        leave(p);
}

/* A reply to a greeting or EHLO that is no "yes". */
static bool is_turned_away(otr_probe *p, const char *what)
{
    const otr_smtp_reply *reply = &p->reader.reply;

    if (reply->code / 100 == 2)
        return false;
    if (reply->code / 100 == 3) {
        on_bad_reply(p, "a reply that answers nothing");
        return true;
    }
    decide(p, OTR_PROBE_TURNED_AWAY, "%s %u %s", what, reply->code, reply->text);
    leave_unless_shut(p);
    return true;
}

static void on_greeting(otr_probe *p)
{
    if (!is_turned_away(p, "the greeting is"))
        say(p, OTR_PROBE_EHLO, "EHLO", p->ehlo);
}

/* A server that knows no EHLO has no STARTTLS either: mail would go to it with HELO, in clear. */
static void on_ehlo(otr_probe *p)
{
    const otr_smtp_reply *reply = &p->reader.reply;

    if (reply->code == 500 || reply->code == 502 || reply->code == 504) {
        decide(p, OTR_PROBE_NO_STARTTLS, "EHLO is not known, and so no STARTTLS: %u %s", reply->code, reply->text);
        leave(p);
    } else if (!is_turned_away(p, "EHLO is answered with")) {
        if (reply->offers_starttls) {
            say(p, OTR_PROBE_STARTTLS, "STARTTLS", "");
        } else {
            decide(p, OTR_PROBE_NO_STARTTLS, "STARTTLS is not offered");
            leave(p);
        }
    }
}

static void shake_hands(otr_probe *p);

static void on_starttls(otr_probe *p)
{
    const otr_smtp_reply *reply = &p->reader.reply;

    if (reply->code != 220) {
        decide(p, OTR_PROBE_NO_STARTTLS, "STARTTLS is offered and answered with %u %s", reply->code, reply->text);
        leave_unless_shut(p);
        return;
    }
    p->step = OTR_PROBE_HANDSHAKE;
    p->tls = otr_tls_pipe_new(p->sni, p->algorithm);
    if (p->tls == NULL) {
        decide(p, OTR_PROBE_INTERNAL, "out of memory");
        finish(p);
        return;
    }
    shake_hands(p);
}

/* Only now is it known that the host has the key to what it shows. */
static void on_handshake(otr_probe *p)
{
    if (!otr_tls_pipe_take_chain(p->tls, &p->chain)) {
        decide(p, OTR_PROBE_INTERNAL, "out of memory");
        finish(p);
        return;
    }
    if (sk_X509_num(p->chain) == 0) {
        decide(p, OTR_PROBE_TLS_FAILED, "the host shows no certificate");
        finish(p);
        return;
    }
    if (sk_X509_num(p->chain) > OTR_CHAIN_MAX) {
        decide(p, OTR_PROBE_TLS_FAILED, "the host shows more than %d certificates", OTR_CHAIN_MAX);
        finish(p);
        return;
    }
    decide(p, OTR_PROBE_TLS, "%s", "");
    p->result.tls_version = otr_tls_pipe_version(p->tls);
    p->result.cipher = otr_tls_pipe_cipher(p->tls);
    p->result.chain = p->chain;
    say(p, OTR_PROBE_EHLO_IN_TLS, "EHLO", p->ehlo);
}

/* With TLS 1.3 a server can refuse us after our side of the handshake has ended: this reply shows whether it did. */
static void on_ehlo_in_tls(otr_probe *p)
{
    const otr_smtp_reply *reply = &p->reader.reply;

    if (reply->code / 100 != 2)
        snprintf(p->result.reason, sizeof(p->result.reason), "EHLO is answered with %u %s under TLS", reply->code, reply->text);
    leave_unless_shut(p);
}

static void on_reply(otr_probe *p)
{
    switch (p->step) {
    case OTR_PROBE_GREETING:
        on_greeting(p);
        break;
    case OTR_PROBE_EHLO:
        on_ehlo(p);
        break;
    case OTR_PROBE_STARTTLS:
        on_starttls(p);
        break;
    case OTR_PROBE_EHLO_IN_TLS:
        on_ehlo_in_tls(p);
        break;
    case OTR_PROBE_QUIT:
        if (p->tls != NULL)
            otr_tls_pipe_close(p->tls);
        flush_output(p);
        finish(p);
        break;
    case OTR_PROBE_CONNECT:
    case OTR_PROBE_HANDSHAKE:
    case OTR_PROBE_STEP_COUNT:
        break;
    }
}

/* What goes wrong ------------------------------------------------------------------------------------------- */

/* TLS stood, and the chain was seen: that remains so, whatever happens to the rest. True: the probe has ended. */
static bool has_been_seen(otr_probe *p, const char *trouble)
{
    if (p->step != OTR_PROBE_QUIT && p->step != OTR_PROBE_EHLO_IN_TLS)
        return false;
    if (p->step == OTR_PROBE_EHLO_IN_TLS)
        snprintf(p->result.reason, sizeof(p->result.reason), "after the handshake %s", trouble);
    finish(p);
    return true;
}

static void on_bad_reply(otr_probe *p, const char *error)
{
    if (has_been_seen(p, error))
        return;
    decide(p, OTR_PROBE_NOT_SMTP, "the server sends %s", error);
    finish(p);
}

/* Octets behind a reply that nothing was asked for yet. */
static void on_unasked(otr_probe *p)
{
    if (p->step == OTR_PROBE_STARTTLS && p->reader.reply.code == 220) {
        decide(p, OTR_PROBE_INJECTION, "clear text follows the answer to STARTTLS: somebody put it there");
        finish(p);
    } else {
        on_bad_reply(p, "more than one reply to a command");
    }
}

static void on_closed(otr_probe *p, int error)
{
    const char *why = error != 0 ? strerror(error) : "the connection was closed";

    if (has_been_seen(p, why))
        return;
    if (p->step == OTR_PROBE_HANDSHAKE)
        decide(p, OTR_PROBE_TLS_FAILED, "in the handshake: %s", why);
    else
        decide(p, OTR_PROBE_CLOSED, "%s", why);
    finish(p);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    otr_probe *p = arg;

    (void)fd;
    (void)what;
    if (p->result.outcome == OTR_PROBE_OUTCOME_COUNT) {
        bool is_connecting = p->step == OTR_PROBE_CONNECT;

        decide(p, is_connecting ? OTR_PROBE_UNREACHABLE : OTR_PROBE_TIMEOUT, "%s in time",
               is_connecting ? "no connection" : p->step == OTR_PROBE_HANDSHAKE ? "no handshake" : "no complete answer");
    } else if (p->step == OTR_PROBE_EHLO_IN_TLS) {
        has_been_seen(p, "no answer came in time");
    }
    finish(p);
    settle(p);
}

/* What comes ------------------------------------------------------------------------------------------------ */

/* Octets of the session itself, out of TLS or in clear. Those behind the answer to QUIT are nobody's. */
static void hear(otr_probe *p, const char *octets, size_t len)
{
    size_t used = 0;

    switch (otr_smtp_reader_take(&p->reader, octets, len, &used)) {
    case OTR_SMTP_MORE:
        break;
    case OTR_SMTP_BAD:
        on_bad_reply(p, p->reader.error);
        break;
    case OTR_SMTP_DONE:
        if (used < len && p->step != OTR_PROBE_QUIT)
            on_unasked(p);
        else
            on_reply(p);
        break;
    }
}

static void hear_in_tls(otr_probe *p)
{
    otr_tls_progress progress = OTR_TLS_DONE;
    char octets[READ_SIZE];
    size_t got = 0;

    while (!p->is_over && progress == OTR_TLS_DONE) {
        progress = otr_tls_pipe_read(p->tls, octets, sizeof(octets), &got);
        if (progress == OTR_TLS_DONE)
            hear(p, octets, got);
    }
    flush_output(p); /* TLS has things of its own to say */
    if (progress == OTR_TLS_CLOSED)
        on_closed(p, 0);
    else if (progress == OTR_TLS_FAILED)
        has_been_seen(p, otr_tls_pipe_error(p->tls));
}

static void shake_hands(otr_probe *p)
{
    otr_tls_progress progress = otr_tls_pipe_handshake(p->tls);

    flush_output(p);
    switch (progress) {
    case OTR_TLS_MORE:
        break;
    case OTR_TLS_DONE:
        on_handshake(p);
        break;
    case OTR_TLS_CLOSED:
    case OTR_TLS_FAILED:
        decide(p, OTR_PROBE_TLS_FAILED, "%s", otr_tls_pipe_error(p->tls));
        finish(p);
        break;
    }
}

static void on_flood(otr_probe *p)
{
    if (has_been_seen(p, "too many octets came"))
        return;
    decide(p, p->step == OTR_PROBE_HANDSHAKE ? OTR_PROBE_TLS_FAILED : OTR_PROBE_NOT_SMTP, "the server sends too many octets");
    finish(p);
}

static void take_octets(otr_probe *p, const char *octets, size_t len)
{
    p->received += len;
    if (p->received > OTR_PROBE_OCTETS_MAX) {
        on_flood(p);
    } else if (p->tls == NULL) {
        hear(p, octets, len);
    } else if (!otr_tls_pipe_put(p->tls, octets, len)) {
        decide(p, OTR_PROBE_INTERNAL, "out of memory");
        p->result.chain = NULL;
        finish(p);
    } else {
        if (p->step == OTR_PROBE_HANDSHAKE)
            shake_hands(p);
        if (p->step != OTR_PROBE_HANDSHAKE)
            hear_in_tls(p);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    otr_probe *p = arg;
    char octets[READ_SIZE];
    ssize_t n = recv(fd, octets, sizeof(octets), 0);

    (void)what;
    if (n > 0)
        take_octets(p, octets, (size_t)n);
    else if (n == 0)
        on_closed(p, 0);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        on_closed(p, errno);
    settle(p);
}

/* CONNECT --------------------------------------------------------------------------------------------------- */

static void on_connected(otr_probe *p)
{
    socklen_t len = sizeof(int);
    int error = 0;

    if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error == EINPROGRESS || error == EALREADY)
        return;
    if (error != 0) {
        decide(p, OTR_PROBE_UNREACHABLE, "%s", strerror(error));
        finish(p);
        return;
    }
    p->step = OTR_PROBE_GREETING;
    event_add(p->readable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    otr_probe *p = arg;

    (void)fd;
    (void)what;
    if (p->step == OTR_PROBE_CONNECT)
        on_connected(p);
    else
        flush_output(p);
    settle(p);
}

static socklen_t put_address(const otr_probe *p, struct sockaddr_storage *to)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)to;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

    memset(to, 0, sizeof(*to));
    if (p->address.family == 4) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(p->port);
        memcpy(&v4->sin_addr, p->address.bytes, sizeof(v4->sin_addr));
        return sizeof(*v4);
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(p->port);
    memcpy(&v6->sin6_addr, p->address.bytes, sizeof(v6->sin6_addr));
    return sizeof(*v6);
}

/* 0: under way; else an errno. */
static int begin_connecting(otr_probe *p)
{
    struct sockaddr_storage to;
    socklen_t len = put_address(p, &to);

    p->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || (connect(p->fd, (const struct sockaddr *)&to, len) != 0 && errno != EINPROGRESS))
        return errno;
    return 0;
}

/* done() is not called from inside: what has failed already is told from the loop. */
static bool start_events(otr_probe *p, unsigned timeout_ms)
{
    int error = begin_connecting(p);

    p->deadline = evtimer_new(p->base, on_deadline, p);
    if (p->deadline == NULL)
        return false;
    p->deadline_ms = otr_monotonic_ms() + timeout_ms;
    arm_deadline(p, error != 0 ? 0 : timeout_ms);
    if (error != 0) {
        decide(p, p->fd < 0 ? OTR_PROBE_INTERNAL : OTR_PROBE_UNREACHABLE, "%s", strerror(error));
        return true;
    }
    p->readable = event_new(p->base, p->fd, EV_READ | EV_PERSIST, on_readable, p);
    p->writable = event_new(p->base, p->fd, EV_WRITE, on_writable, p);
    return p->readable != NULL && p->writable != NULL && event_add(p->writable, NULL) == 0;
}

otr_probe *otr_probe_start(struct event_base *base, const otr_probe_question *question, otr_probe_done *done, void *arg)
{
    otr_probe *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->base = base;
    p->fd = -1;
    p->address = question->address;
    p->port = question->port;
    snprintf(p->sni, sizeof(p->sni), "%s", question->sni);
    p->algorithm = question->algorithm;
    snprintf(p->ehlo, sizeof(p->ehlo), "%s", question->ehlo);
    p->result = (otr_probe_result){ .outcome = OTR_PROBE_OUTCOME_COUNT, .tls_version = "", .cipher = "" };
    p->done = done;
    p->arg = arg;
    otr_smtp_reader_init(&p->reader);
    if (!start_events(p, question->timeout_ms != 0 ? question->timeout_ms : OTR_PROBE_TIMEOUT_MS)) {
        otr_probe_cancel(p);
        return NULL;
    }
    return p;
}

/*
 * client.c - one connection:
 *
 *     SHAKING ──► READING ◄──► FLUSHING ──► (LINGERING) ──► gone
 *                    ▲
 *                    └──► WAITING, for a token
 *
 * What is read goes into the buffer of the thread, behind what this client has sent before; whole requests are answered from there, and
 * only what is left is kept. Most requests come whole, and their answers are taken at once: then nothing is allocated.
 */
#include "daemon/publish/web.h"

#include "daemon/listen/connection.h"
#include "daemon/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_ready(evutil_socket_t fd, short what, void *arg);

/* What it waits for ------------------------------------------------------------------------------------------------- */

void otr_client_watch(otr_client *c, short what)
{
    if (c->awaits == what)
        return;
    if (c->awaits != 0)
        event_del(&c->on_ready);
    c->awaits = what;
    if (what == 0)
        return;
    event_assign(&c->on_ready, c->server->base, c->fd, (short)(what | EV_PERSIST), on_ready, c);
    event_add(&c->on_ready, NULL);
}

static void step_to(otr_client *c, otr_client_step step, short what)
{
    c->step = (uint8_t)step;
    otr_client_watch(c, what);
}

/* Coming and going -------------------------------------------------------------------------------------------------- */

otr_client *otr_client_new(otr_policy_server *server, otr_web_kind kind, int fd, const otr_address *address, bool is_counted)
{
    otr_client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    *c = (otr_client){ .server = server, .kind = (uint8_t)kind, .fd = fd, .address = *address, .is_counted = is_counted,
                       .wait = OTR_WAIT_COUNT, .step = OTR_CLIENT_READING };
    if (kind == OTR_WEB_HTTPS) {
        c->step = OTR_CLIENT_SHAKING;
        c->ssl = otr_web_tls_open(c);
        if (c->ssl == NULL) {
            free(c);
            return NULL;
        }
    }
    otr_web_await(c, c->ssl != NULL ? OTR_WAIT_BUSY : OTR_WAIT_IDLE);
    otr_client_watch(c, EV_READ);
    return c;
}

/* A client that took a part may yet take the rest out of the kernel's buffers. */
static void note_end_of_hand_out(otr_client *c)
{
    otr_time now;

    if (c->handing == NULL)
        return;
    now = otr_clock_now(c->server->options.clock);
    if (atomic_load_explicit(&c->handing->last, memory_order_relaxed) < now)
        atomic_store_explicit(&c->handing->last, now, memory_order_release);
    c->handing = NULL;
}

void otr_client_free(otr_client *c)
{
    note_end_of_hand_out(c);
    otr_client_watch(c, 0);
    otr_web_is_due(c, false);
    TAILQ_REMOVE(&c->server->queues[c->wait], c, link);
    otr_web_forget(c->server, c);
    SSL_free(c->ssl);
    close(c->fd);
    free(c->sni);
    free(c->in);
    free(c->out);
    free(c);
}

/* RFC 9112 §9.6: closing while the client still sends would take the answer from it. */
static void end(otr_client *c, bool is_clean)
{
    otr_web_say_goodbye(c);
    if (is_clean || shutdown(c->fd, SHUT_WR) != 0) {
        otr_client_free(c);
        return;
    }
    otr_web_await(c, OTR_WAIT_LINGER);
    step_to(c, OTR_CLIENT_LINGERING, EV_READ);
}

static void linger(otr_client *c)
{
    ssize_t got = recv(c->fd, c->server->in, OTR_WEB_IN_SIZE, MSG_DONTWAIT);

    if (got > 0)
        c->lingered += (size_t)got;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) || c->lingered > OTR_WEB_LINGER_OCTETS)
        otr_client_free(c);
}

/* Octets ------------------------------------------------------------------------------------------------------------ */

/* Keep what is left of what was read. False: out of memory. */
static bool keep_input(otr_client *c, const char *octets, size_t len)
{
    char *kept = NULL;

    if (len > 0 && (kept = malloc(len)) == NULL)
        return false;
    if (len > 0)
        memcpy(kept, octets, len);
    free(c->in);
    c->in = kept;
    c->in_len = len;
    return true;
}

static bool keep_output(otr_client *c, const char *octets, size_t len)
{
    c->out = malloc(len);
    if (c->out == NULL)
        return false;
    memcpy(c->out, octets, len);
    c->out_at = 0;
    c->out_len = len;
    return true;
}

/* As much as the client takes. FAILED, or SOME: all of it. */
static otr_moved send_all(otr_client *c, const char *octets, size_t len, size_t *at)
{
    otr_moved moved = OTR_MOVED_SOME;

    while (*at < len && moved == OTR_MOVED_SOME) {
        size_t sent = 0;

        moved = otr_web_send(c, octets + *at, len - *at, &sent);
        *at += sent;
    }
    return moved;
}

static short event_of(otr_moved moved)
{
    return moved == OTR_MOVED_WAIT_READ ? EV_READ : EV_WRITE;
}

/* What was put together for this client; false: it is gone. */
static bool send_output(otr_client *c)
{
    otr_policy_server *s = c->server;
    size_t at = 0, len = s->out_len;
    otr_moved moved = send_all(c, s->out, len, &at);

    s->out_len = 0;
    if (moved == OTR_MOVED_SOME) {
        c->handing = NULL; /* noted already, a moment ago */
        return true;
    }
    if ((moved != OTR_MOVED_WAIT_READ && moved != OTR_MOVED_WAIT_WRITE) || !keep_output(c, s->out + at, len - at)) {
        otr_client_free(c);
        return false;
    }
    if (c->wait != OTR_WAIT_BUSY)
        otr_web_await(c, OTR_WAIT_BUSY);
    step_to(c, OTR_CLIENT_FLUSHING, event_of(moved));
    return true;
}

/* Requests ---------------------------------------------------------------------------------------------------------- */

/* After all that could be answered was. False: it is gone. */
static bool wait_for_more(otr_client *c, bool had_answer)
{
    if (c->is_last) {
        end(c, c->in_len == 0 && !otr_web_has_more(c) && !c->has_rest);
        return false;
    }
    if (c->in_len == 0)
        otr_web_await(c, OTR_WAIT_IDLE);
    else if (c->wait != OTR_WAIT_BUSY || had_answer) /* the first octet of another one */
        otr_web_await(c, OTR_WAIT_BUSY);
    step_to(c, OTR_CLIENT_READING, EV_READ);
    return true;
}

static void wait_for_token(otr_client *c)
{
    otr_web_await(c, OTR_WAIT_TOKEN);
    step_to(c, OTR_CLIENT_WAITING, 0);
}

/*
 * Answer what lies in the buffer of the thread, `len` octets. True: the client is ready to be read from again.
 */
static bool serve(otr_client *c, size_t len)
{
    otr_policy_server *s = c->server;
    size_t used = 0;
    bool is_going_on, had_answer;

    is_going_on = otr_client_answer(c, s->in, len, &used);
    had_answer = s->out_len > 0;
    if (!keep_input(c, s->in + used, len - used)) {
        s->out_len = 0;
        otr_client_free(c);
        return false;
    }
    if (had_answer && !send_output(c))
        return false;
    if (c->step == OTR_CLIENT_FLUSHING)
        return false;
    if (!is_going_on) {
        wait_for_token(c);
        return false;
    }
    return wait_for_more(c, had_answer);
}

/* Answers that did not fit into the buffer with others before them, and a token that was waited for. */
static bool serve_kept(otr_client *c)
{
    size_t before;

    do {
        before = c->in_len;
        memcpy(c->server->in, c->in != NULL ? c->in : "", before);
        if (!serve(c, before))
            return false;
    } while (c->in_len > 0 && c->in_len < before);
    return true;
}

/* One look a time, unless something lies there that no event tells of; even then others want to be served too. */
static void read_requests(otr_client *c)
{
    otr_policy_server *s = c->server;
    unsigned looks = 0;

    do {
        size_t before = c->in_len, got = 0;

        if (looks++ == OTR_WEB_LOOKS_MAX) {
            otr_web_is_due(c, true);
            return;
        }
        memcpy(s->in, c->in != NULL ? c->in : "", before);
        switch (otr_web_receive(c, s->in + before, OTR_WEB_IN_SIZE - before, &got)) {
        case OTR_MOVED_SOME:
            if (!serve(c, before + got) || (c->in_len > 0 && c->in_len < before + got && !serve_kept(c)))
                return;
            break;
        case OTR_MOVED_WAIT_READ:
            otr_client_watch(c, EV_READ);
            return;
        case OTR_MOVED_WAIT_WRITE:
            otr_client_watch(c, EV_WRITE);
            return;
        case OTR_MOVED_END:
            end(c, true);
            return;
        case OTR_MOVED_FAILED:
            otr_client_free(c);
            return;
        }
    } while (otr_web_has_more(c));
}

static void flush(otr_client *c)
{
    otr_moved moved = send_all(c, c->out, c->out_len, &c->out_at);

    if (moved == OTR_MOVED_WAIT_READ || moved == OTR_MOVED_WAIT_WRITE) {
        otr_client_watch(c, event_of(moved));
        return;
    }
    if (moved != OTR_MOVED_SOME) {
        otr_client_free(c);
        return;
    }
    note_end_of_hand_out(c);
    free(c->out);
    c->out = NULL;
    if (wait_for_more(c, true) && (c->in_len == 0 || serve_kept(c)))
        read_requests(c);
}

/* Handshake --------------------------------------------------------------------------------------------------------- */

static void shake(otr_client *c)
{
    switch (otr_web_shake(c)) {
    case OTR_MOVED_WAIT_READ:
        otr_client_watch(c, EV_READ);
        return;
    case OTR_MOVED_WAIT_WRITE:
        otr_client_watch(c, EV_WRITE);
        return;
    case OTR_MOVED_SOME:
        otr_count(OTR_CELL_WEB_HANDSHAKES + (SSL_session_reused(c->ssl) ? OTR_SHAKEN_RESUMED : OTR_SHAKEN_FULL));
        otr_web_await(c, OTR_WAIT_IDLE);
        step_to(c, OTR_CLIENT_READING, EV_READ);
        read_requests(c); /* the first one may have come along */
        return;
    case OTR_MOVED_END:
    case OTR_MOVED_FAILED:
        otr_count(OTR_CELL_WEB_HANDSHAKES + (c->is_name_unknown ? OTR_SHAKEN_UNKNOWN_NAME : OTR_SHAKEN_FAILED));
        end(c, false); /* the alert has gone out; more may still come in */
        return;
    }
}

/* Events ------------------------------------------------------------------------------------------------------------ */

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    otr_client *c = arg;

    (void)fd;
    (void)what;
    switch ((otr_client_step)c->step) {
    case OTR_CLIENT_SHAKING:
        shake(c);
        break;
    case OTR_CLIENT_READING:
        read_requests(c);
        break;
    case OTR_CLIENT_FLUSHING:
        flush(c);
        break;
    case OTR_CLIENT_LINGERING:
        linger(c);
        break;
    case OTR_CLIENT_WAITING:
        break;
    }
}

void otr_client_go_on(otr_client *c)
{
    if (c->step == OTR_CLIENT_READING)
        read_requests(c);
}

void otr_client_expire(otr_client *c)
{
    if (c->step == OTR_CLIENT_WAITING) {
        c->has_waited = true;
        otr_web_await(c, OTR_WAIT_BUSY);
        step_to(c, OTR_CLIENT_READING, EV_READ);
        serve_kept(c);
        return;
    }
    if (c->step == OTR_CLIENT_SHAKING)
        otr_count(OTR_CELL_WEB_HANDSHAKES + OTR_SHAKEN_TIMEOUT);
    if (c->step == OTR_CLIENT_READING)
        otr_web_say_goodbye(c); /* not between octets of an answer */
    otr_client_free(c);
}

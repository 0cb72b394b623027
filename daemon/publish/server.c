/*
 * server.c - the thread: its loop, its clock, its beginning and its end.
 */
#include "daemon/publish/web.h"

#include "base/clock.h"
#include "base/diag.h"
#include "daemon/metrics.h"
#include "daemon/rcu.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 100
#define DAY 86400

/* Time -------------------------------------------------------------------------------------------------------------- */

static int64_t span_of(const otr_policy_server *s, otr_web_wait wait)
{
    switch (wait) {
    case OTR_WAIT_IDLE:
        return OTR_WEB_IDLE_MS;
    case OTR_WAIT_LINGER:
        return OTR_WEB_LINGER_MS;
    case OTR_WAIT_TOKEN:
        return OTR_WEB_TOKEN_WAIT_MS;
    case OTR_WAIT_BUSY:
    case OTR_WAIT_COUNT:
        break;
    }
    return s->options.timeout_ms;
}

void otr_web_tick_soon(otr_policy_server *s)
{
    struct timeval tv = { .tv_usec = TICK_MS * 1000 };

    if (!evtimer_pending(s->tick, NULL))
        evtimer_add(s->tick, &tv);
}

void otr_web_await(otr_client *c, otr_web_wait wait)
{
    otr_policy_server *s = c->server;

    if (c->wait != OTR_WAIT_COUNT)
        TAILQ_REMOVE(&s->queues[c->wait], c, link);
    c->wait = (uint8_t)wait;
    c->since_ms = otr_monotonic_recent_ms();
    TAILQ_INSERT_TAIL(&s->queues[wait], c, link);
    otr_web_tick_soon(s);
}

/* Those who may go on, after all events that have come meanwhile. */
void otr_web_is_due(otr_client *c, bool wanted)
{
    otr_policy_server *s = c->server;
    struct timeval at_once = { 0 };

    if (c->is_due == wanted)
        return;
    c->is_due = wanted;
    if (!wanted) {
        TAILQ_REMOVE(&s->due, c, due);
        return;
    }
    TAILQ_INSERT_TAIL(&s->due, c, due);
    evtimer_add(s->on_due, &at_once);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    otr_policy_server *s = arg;
    otr_client *last = TAILQ_LAST(&s->due, otr_client_queue), *c;
    bool is_last = last == NULL;

    (void)fd;
    (void)what;
    while (!is_last && (c = TAILQ_FIRST(&s->due)) != NULL) { /* each once, though it may be due again */
        is_last = c == last;
        otr_web_is_due(c, false);
        otr_client_go_on(c);
    }
}

static void expire(otr_policy_server *s, otr_web_wait wait, int64_t now)
{
    otr_client *c;

    while ((c = TAILQ_FIRST(&s->queues[wait])) != NULL && now - c->since_ms >= span_of(s, wait))
        otr_client_expire(c);
}

const char *otr_web_date(otr_policy_server *s, otr_time now)
{
    if (now != s->date_of) {
        otr_http_date(now, s->date);
        s->date_of = now;
    }
    return s->date;
}

/* Who fetched ------------------------------------------------------------------------------------------------------- */

static void tell(otr_policy_server *s)
{
    otr_tally *tally = s->tally;

    s->tally = NULL;
    if (tally == NULL)
        return;
    if (s->options.tell != NULL)
        s->options.tell(s->options.tell_arg, tally);
    else
        otr_tally_free(tally);
}

/* Without memory a fetch is not counted; it was answered all the same. */
void otr_web_count_fetch(otr_policy_server *s, const char *domain, const otr_address *address, otr_time now)
{
    otr_network network = otr_client_network(address, OTR_PRIVACY_BITS_4, OTR_PRIVACY_BITS_6);
    char text[OTR_NETWORK_SIZE];

    if (s->tally == NULL) {
        s->tally = otr_tally_new();
        s->tally_ms = otr_monotonic_recent_ms();
    }
    if (s->tally != NULL)
        otr_tally_add(s->tally, domain, now / DAY, otr_network_text(&network, text), 1);
}

/* The loop ---------------------------------------------------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    otr_policy_server *s = arg;
    int64_t now = otr_monotonic_recent_ms();

    (void)fd;
    (void)what;
    for (unsigned wait = 0; wait < OTR_WAIT_COUNT; wait++)
        expire(s, (otr_web_wait)wait, now);
    if (s->is_paused && now >= s->resume_ms)
        otr_web_pause(s, false);
    if (s->tally != NULL && now - s->tally_ms >= OTR_WEB_TALLY_MS)
        tell(s);
    if (s->tally != NULL || s->is_paused || atomic_load_explicit(&s->connections, memory_order_relaxed) > 0)
        otr_web_tick_soon(s);
}

const otr_site *otr_web_site(const otr_policy_server *s)
{
    return (const otr_site *)(const void *)otr_snapshot_read(s->options.site);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    const otr_policy_server *s = arg;

    (void)fd;
    (void)what;
    event_base_loopbreak(s->base);
}

static void close_clients(otr_policy_server *s)
{
    for (unsigned wait = 0; wait < OTR_WAIT_COUNT; wait++)
        while (!TAILQ_EMPTY(&s->queues[wait]))
            otr_client_free(TAILQ_FIRST(&s->queues[wait]));
}

static void *run(void *arg)
{
    otr_policy_server *s = arg;
    sigset_t pipe;

    sigemptyset(&pipe); /* OpenSSL writes to sockets without MSG_NOSIGNAL */
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    urcu_memb_register_thread();
    otr_metrics_enter();
    event_base_dispatch(s->base);
    close_clients(s);
    tell(s);
    urcu_memb_unregister_thread();
    return NULL;
}

/* Coming and going -------------------------------------------------------------------------------------------------- */

static bool wants_tls(const otr_policy_server *s)
{
    for (size_t i = 0; i < s->options.listener_count; i++)
        if (s->listeners[i].kind == OTR_WEB_HTTPS)
            return true;
    return false;
}

static outrider_err build(otr_policy_server *s)
{
    size_t listeners_size = s->options.listener_count * sizeof(*s->listeners);

    for (unsigned wait = 0; wait < OTR_WAIT_COUNT; wait++)
        TAILQ_INIT(&s->queues[wait]);
    TAILQ_INIT(&s->due);
    s->base = event_base_new();
    s->listeners = malloc(listeners_size + 1);
    s->in = malloc(OTR_WEB_IN_SIZE);
    s->out = malloc(OTR_WEB_OUT_SIZE);
    if (s->base == NULL || s->listeners == NULL || s->in == NULL || s->out == NULL)
        return OUTRIDER_E_NOMEM;
    memcpy(s->listeners, s->options.listeners, listeners_size);
    if (wants_tls(s) && !otr_web_tls_renew(s))
        return OUTRIDER_E_NOMEM;
    s->tick = evtimer_new(s->base, on_tick, s);
    s->on_due = evtimer_new(s->base, on_due, s);
    s->on_stop = event_new(s->base, s->box.fd, EV_READ | EV_PERSIST, on_stop, s);
    if (s->tick == NULL || s->on_due == NULL || s->on_stop == NULL || event_add(s->on_stop, NULL) != 0)
        return OUTRIDER_E_NOMEM;
    return otr_web_open_gates(s);
}

static void dismantle(otr_policy_server *s)
{
    otr_web_close_gates(s);
    if (s->tick != NULL)
        event_free(s->tick);
    if (s->on_due != NULL)
        event_free(s->on_due);
    if (s->on_stop != NULL)
        event_free(s->on_stop);
    if (s->base != NULL)
        event_base_free(s->base);
    if (s->has_box)
        otr_mailbox_clear(&s->box);
    SSL_CTX_free(s->tls);
    free(s->listeners);
    free(s->in);
    free(s->out);
    free(s);
}

outrider_err otr_policy_server_start(const otr_policy_server_options *options, otr_policy_server **server, outrider_diag *diag)
{
    otr_policy_server *s = calloc(1, sizeof(*s));
    outrider_err err;

    if (s == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    s->options = *options;
    if (s->options.tickets_ms == 0)
        s->options.tickets_ms = OTR_WEB_TICKETS_MS;
    err = otr_mailbox_init(&s->box, diag);
    s->has_box = err == OUTRIDER_OK;
    if (err == OUTRIDER_OK && build(s) != OUTRIDER_OK)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (err == OUTRIDER_OK && pthread_create(&s->thread, NULL, run, s) != 0)
        err = otr_fail(diag, OUTRIDER_E_IO, "cannot start a thread for the policy host");
    s->is_running = err == OUTRIDER_OK;
    if (err == OUTRIDER_OK)
        *server = s;
    else
        dismantle(s);
    return err;
}

void otr_policy_server_stop(otr_policy_server *s)
{
    if (s == NULL)
        return;
    if (s->is_running) {
        otr_mailbox_wake(&s->box);
        pthread_join(s->thread, NULL);
    }
    dismantle(s);
}

unsigned otr_policy_server_connections(const otr_policy_server *s)
{
    return atomic_load_explicit(&s->connections, memory_order_relaxed);
}

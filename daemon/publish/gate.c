/*
 * gate.c - who is let in. A new connection is worth more than one that is idle, or slow: so where all are taken, the oldest goes. An
 * attacker who holds them all would otherwise keep everybody out for as long as he likes; so he must come again and again, and a sender
 * needs some round trips only.
 */
#include "daemon/publish/web.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/metrics.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_AT_ONCE 64
#define PAUSE_MS 100
#define LOG_EVERY_MS 10000

struct otr_web_gate {
    otr_policy_server *server;
    const otr_web_listener *listener;
};

/* Limits ------------------------------------------------------------------------------------------------------------ */

static bool may_log(otr_policy_server *s)
{
    int64_t now = otr_monotonic_recent_ms();

    if (s->last_limit_ms != 0 && now - s->last_limit_ms < LOG_EVERY_MS)
        return false;
    s->last_limit_ms = now;
    return true;
}

static void log_limit(otr_policy_server *s, const char *setting, unsigned limit, const char *what)
{
    char number[16];

    if (!may_log(s))
        return;
    snprintf(number, sizeof(number), "%u", limit);
    OTR_LOG(OTR_LOG_WARNING, "limit.policy-host", { "limit", number }, { "setting", setting }, { "effect", what });
}

/* The one that has waited longest: idle ones first, then those that are done, then those at work. False: there is none. */
static bool make_room(otr_policy_server *s)
{
    for (unsigned wait = 0; wait < OTR_WAIT_COUNT; wait++) {
        otr_client *oldest = TAILQ_FIRST(&s->queues[wait]);

        if (oldest == NULL)
            continue;
        if (wait > OTR_WAIT_LINGER) {
            otr_count(OTR_CELL_LIMITS + OTR_LIMIT_WEB);
            log_limit(s, "policy_host.connections", s->options.connections_max, "the slowest connection is closed");
        }
        otr_client_free(oldest);
        return true;
    }
    return false;
}

static bool enter(otr_policy_server *s, const otr_network *network)
{
    if (otr_address_count_enter(s->by_address, network, s->options.connections_per_address))
        return true;
    otr_count(OTR_CELL_LIMITS + OTR_LIMIT_WEB_ADDRESS);
    log_limit(s, "policy_host.connections_per_address", s->options.connections_per_address, "a connection is refused");
    return false;
}

static otr_network network_of(const otr_address *address)
{
    return otr_client_network(address, OTR_LIMIT_BITS_4, OTR_LIMIT_BITS_6);
}

static void admit(otr_policy_server *s, int fd, otr_web_kind kind, const struct sockaddr *peer)
{
    otr_address address = { .family = 0 };
    bool is_counted = otr_address_of_peer(peer, &address) && kind != OTR_WEB_PLAIN;
    otr_network network = network_of(&address);

    if (atomic_load_explicit(&s->connections, memory_order_relaxed) >= s->options.connections_max && !make_room(s)) {
        close(fd);
        return;
    }
    if (is_counted && !enter(s, &network)) {
        close(fd);
        return;
    }
    if (otr_client_new(s, kind, fd, &address, is_counted) == NULL) {
        if (is_counted)
            otr_address_count_leave(s->by_address, &network);
        close(fd);
        return;
    }
    atomic_fetch_add_explicit(&s->connections, 1, memory_order_relaxed);
}

void otr_web_forget(otr_policy_server *s, const otr_client *c)
{
    otr_network network = network_of(&c->address);

    if (c->is_counted)
        otr_address_count_leave(s->by_address, &network);
    atomic_fetch_sub_explicit(&s->connections, 1, memory_order_relaxed);
}

/* Listeners --------------------------------------------------------------------------------------------------------- */

void otr_web_pause(otr_policy_server *s, bool wanted)
{
    if (s->is_paused == wanted)
        return;
    s->is_paused = wanted;
    for (size_t i = 0; i < s->options.listener_count; i++) {
        if (wanted)
            event_del(s->accepts[i]);
        else
            event_add(s->accepts[i], NULL);
    }
    if (wanted) {
        s->resume_ms = otr_monotonic_recent_ms() + PAUSE_MS;
        otr_web_tick_soon(s);
    }
}

/* No descriptor, or no memory for one: an idle connection has both. */
static void pause_short_of(otr_policy_server *s)
{
    otr_client *idle = TAILQ_FIRST(&s->queues[OTR_WAIT_IDLE]);

    otr_count(OTR_CELL_LIMITS + OTR_LIMIT_FILES);
    if (may_log(s))
        OTR_LOG(OTR_LOG_WARNING, "limit.files", { "listener", "policy-host" },
                { "do", "raise LimitNOFILE of the service, or lower policy_host.connections" });
    if (idle != NULL)
        otr_client_free(idle);
    otr_web_pause(s, true);
}

static void on_acceptable(evutil_socket_t listener, short what, void *arg)
{
    const struct otr_web_gate *gate = arg;

    (void)what;
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
        socklen_t len = sizeof(peer);
        int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            admit(gate->server, fd, gate->listener->kind, (const struct sockaddr *)&peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_short_of(gate->server);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return; /* EAGAIN, or an error of the network that concerned one peer only */
        }
    }
}

/* Small answers leave at once: accepted sockets inherit it. A Unix socket has no such option, and needs none. */
static void set_no_delay(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

outrider_err otr_web_open_gates(otr_policy_server *s)
{
    size_t count = s->options.listener_count;

    s->gates = calloc(count + 1, sizeof(*s->gates));
    s->accepts = calloc(count + 1, sizeof(*s->accepts));
    s->by_address = otr_address_count_new(s->options.connections_max);
    if (s->gates == NULL || s->accepts == NULL || s->by_address == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        s->gates[i] = (struct otr_web_gate){ s, &s->listeners[i] };
        set_no_delay(s->listeners[i].fd);
        s->accepts[i] = event_new(s->base, s->listeners[i].fd, EV_READ | EV_PERSIST, on_acceptable, &s->gates[i]);
        if (s->accepts[i] == NULL || event_add(s->accepts[i], NULL) != 0)
            return OUTRIDER_E_NOMEM;
    }
    return OUTRIDER_OK;
}

void otr_web_close_gates(otr_policy_server *s)
{
    for (size_t i = 0; s->accepts != NULL && i < s->options.listener_count; i++)
        if (s->accepts[i] != NULL)
            event_free(s->accepts[i]);
    free(s->accepts);
    free(s->gates);
    otr_address_count_free(s->by_address);
}

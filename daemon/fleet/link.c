/*
 * link.c - see link.h. Coming and going; every end of a connection leads through otr_link_fail().
 */
#include "daemon/fleet/link_inside.h"

#include "base/log.h"
#include "fleet/backoff.h"

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

const char *const otr_link_state_names[] = { "away", "connecting", "greeting", "up" };

static void arm_ms(otr_link *link, unsigned ms)
{
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    evtimer_add(link->timer, &tv);
}

/* Going ---------------------------------------------------------------------------------------------------------------- */

static void close_connection(otr_link *link)
{
    link->connection++;
    link->state = OTR_LINK_AWAY;
    evtimer_del(link->timer);
    otr_link_drop_lookup(link);
    if (link->bev != NULL)
        bufferevent_free(link->bev);
    SSL_CTX_free(link->tls);
    link->bev = NULL;
    link->tls = NULL;
    otr_link_close_talk(link);
}

void otr_link_fail(otr_link *link, const char *why)
{
    char words[256];
    uint32_t chance = 0;

    for (size_t i = 0; i < sizeof(words); i++) { /* it goes into the log, and some of it was said by the server */
        words[i] = why[i] == '\0' || (why[i] >= ' ' && why[i] <= '~') ? why[i] : '?';
        if (why[i] == '\0')
            break;
    }
    words[sizeof(words) - 1] = '\0';
    close_connection(link);
    link->why[0] = '\0';
    link->failures++;
    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
        chance = link->failures;
    arm_ms(link, otr_backoff_ms(link->failures, chance));
    link->events.down(link->arg, words);
}

/* Coming --------------------------------------------------------------------------------------------------------------- */

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    otr_link_take_input(arg);
}

static void describe_failure(otr_link *link, short what)
{
    SSL *ssl = link->tls != NULL ? bufferevent_openssl_get_ssl(link->bev) : NULL;

    link->why[0] = '\0';
    if (ssl != NULL)
        otr_link_describe_tls(link, ssl);
    if (link->why[0] != '\0')
        return;
    if ((what & BEV_EVENT_ERROR) != 0)
        snprintf(link->why, sizeof(link->why), "%s", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    else
        snprintf(link->why, sizeof(link->why), "it has closed the connection");
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    otr_link *link = arg;

    (void)bev;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        link->state = OTR_LINK_GREETING;
        otr_link_greet(link);
        return;
    }
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
        return;
    describe_failure(link, what);
    otr_link_fail(link, link->why);
}

void otr_link_greeted(otr_link *link)
{
    if (link->why[0] != '\0')
        return; /* AUTH or SELECT was refused: the connection ends */
    link->state = OTR_LINK_UP;
    link->failures = 0;
    link->events.up(link->arg);
}

static bool connect_address(otr_link *link)
{
    const otr_fleet_url *url = link->settings->url;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } to = { 0 };
    int len;

    if (url->host[0] == '\0') {
        to.un.sun_family = AF_UNIX;
        memcpy(to.un.sun_path, url->path, sizeof(url->path));
        len = sizeof(to.un);
    } else if (inet_pton(AF_INET, url->host, &to.v4.sin_addr) == 1) {
        to.v4.sin_family = AF_INET;
        to.v4.sin_port = htons(url->port);
        len = sizeof(to.v4);
    } else {
        inet_pton(AF_INET6, url->host, &to.v6.sin6_addr); /* the URL was read: it is one or the other */
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_port = htons(url->port);
        len = sizeof(to.v6);
    }
    return bufferevent_socket_connect(link->bev, &to.any, len) == 0;
}

static bool open_connection(otr_link *link)
{
    const otr_fleet_url *url = link->settings->url;
    SSL *ssl = NULL;

    if (url->is_tls) {
        link->tls = otr_link_make_tls(link);
        if (link->tls == NULL)
            return false;
        ssl = otr_link_make_ssl(link);
        if (ssl == NULL)
            return false;
        link->bev = bufferevent_openssl_socket_new(link->base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
        if (link->bev == NULL)
            SSL_free(ssl);
    } else {
        link->bev = bufferevent_socket_new(link->base, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    if (link->bev == NULL || !otr_link_open_talk(link))
        return false;
    bufferevent_setcb(link->bev, on_read, NULL, on_event, link);
    bufferevent_enable(link->bev, EV_READ | EV_WRITE);
    return url->host[0] == '\0' || url->is_address ? connect_address(link) : otr_link_connect_name(link);
}

static void connect_now(otr_link *link)
{
    uint64_t connection = link->connection;

    link->why[0] = '\0';
    link->state = OTR_LINK_CONNECTING;
    arm_ms(link, OTR_LINK_CONNECT_MS);
    if (!open_connection(link) && link->connection == connection) {
        if (link->why[0] == '\0')
            snprintf(link->why, sizeof(link->why), "%s", link->bev == NULL ? "out of memory" : "it cannot be connected to");
        otr_link_fail(link, link->why);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    otr_link *link = arg;

    (void)fd;
    (void)what;
    if (link->state == OTR_LINK_AWAY)
        connect_now(link);
    else if (link->state == OTR_LINK_CONNECTING)
        otr_link_fail(link, "no connection within 5 s");
    else if (otr_link_is_late(link))
        otr_link_fail(link, "no answer within 2 s");
    else
        otr_link_watch(link);
}

otr_link *otr_link_new(struct event_base *base, const otr_link_settings *settings, const otr_link_events *events, void *arg)
{
    otr_link *link = calloc(1, sizeof(*link));

    if (link == NULL)
        return NULL;
    link->base = base;
    link->settings = settings;
    link->events = *events;
    link->arg = arg;
    STAILQ_INIT(&link->questions);
    link->timer = evtimer_new(base, on_timer, link);
    if (link->timer == NULL) {
        free(link);
        return NULL;
    }
    arm_ms(link, 1);
    return link;
}

void otr_link_free(otr_link *link)
{
    if (link == NULL)
        return;
    close_connection(link);
    otr_link_close_names(link);
    event_free(link->timer);
    free(link);
}

otr_link_state otr_link_look(const otr_link *link)
{
    return link->state;
}

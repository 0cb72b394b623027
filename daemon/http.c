/*
 * http.c - evhttp with limits.
 *
 * evhttp (libevent 2.1) limits sizes and idle time, but neither the number of connections nor the time that one may
 * take in all. So its buffer events are made here, and one reference to each is kept: evhttp takes its callbacks off when
 * it is done with a connection, by which we know that it is; and one whose time is up is shut down beneath it.
 */
#include "daemon/http.h"

#include "base/clock.h"
#include "base/diag.h"
#include "daemon/mailbox.h"
#include "daemon/metrics.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define TICK_MS 100
#define GET_AND_HEAD (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD)
#define ALL_METHODS                                                                                               \
    (GET_AND_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | \
     EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH)

static const struct route {
    const char *path;
    otr_http_page *page; /* for GET and HEAD */
} routes[] = {
    { "/metrics", otr_page_metrics },
    { "/healthz", otr_page_health },
};

struct connection {
    struct bufferevent *bev; /* owned reference; NULL: a free place */
    int64_t deadline_ms;
};

struct otr_http {
    pthread_t thread;
    bool is_running;
    const otr_status *status;           /* borrowed */
    struct event_base *base;            /* owned */
    struct evhttp *http;                /* owned; with the listeners */
    struct evconnlistener **listeners;  /* owned array; listener_count of them */
    size_t listener_count;
    bool is_paused;                     /* the listeners are off */
    struct event *tick;                 /* owned; pending while there are connections, or while paused */
    struct event *on_stop;              /* owned */
    otr_mailbox box;                    /* never has mail: it wakes the loop for its end */
    bool has_box;
    struct connection connections[OTR_HTTP_CONNECTIONS_MAX];
};

/* Answers -------------------------------------------------------------------------------------------------------- */

static const char *reason_of(int code)
{
    switch (code) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

static void answer(struct evhttp_request *request, int code, const char *type, const char *body, size_t len)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *out = evbuffer_new();
    char number[24];

    snprintf(number, sizeof(number), "%zu", len);
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Content-Length", number);
    evhttp_add_header(headers, "Connection", "close");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (out != NULL && evhttp_request_get_command(request) != EVHTTP_REQ_HEAD)
        evbuffer_add(out, body, len);
    evhttp_send_reply(request, code, reason_of(code), out);
    if (out != NULL)
        evbuffer_free(out);
}

static void refuse(struct evhttp_request *request, int code)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "%d %s\n", code, reason_of(code));

    answer(request, code, "text/plain; charset=utf-8", text, (size_t)len);
}

static void show(const otr_http *h, struct evhttp_request *request, otr_http_page *page)
{
    otr_buf body = OTR_BUF_INIT;
    const char *type = "";
    int code = page(h->status, &body, &type);

    if (body.err == OUTRIDER_OK)
        answer(request, code, type, otr_buf_text(&body), body.len);
    else
        refuse(request, 500);
    otr_buf_clear(&body);
}

/* Paths are compared as they come: no decoding, no query, no host. */
static void on_request(struct evhttp_request *request, void *arg)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;

    for (size_t i = 0; path != NULL && i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(path, routes[i].path) != 0)
            continue;
        if ((evhttp_request_get_command(request) & GET_AND_HEAD) != 0) {
            show(arg, request, routes[i].page);
        } else {
            evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
            refuse(request, 405);
        }
        return;
    }
    refuse(request, 404);
}

/* Connections ---------------------------------------------------------------------------------------------------- */

static void pause_listeners(otr_http *h, bool wanted)
{
    if (h->is_paused == wanted)
        return;
    h->is_paused = wanted;
    for (size_t i = 0; i < h->listener_count; i++) {
        if (wanted)
            evconnlistener_disable(h->listeners[i]);
        else
            evconnlistener_enable(h->listeners[i]);
    }
}

/* evhttp has taken its callbacks off: it has given up its own reference. */
static bool is_gone(struct bufferevent *bev)
{
    bufferevent_event_cb on_event = NULL;

    bufferevent_getcb(bev, NULL, NULL, &on_event, NULL);
    return on_event == NULL;
}

static void release(struct connection *c)
{
    struct bufferevent *bev = c->bev;

    c->bev = NULL;
    bufferevent_decref(bev); /* closes the descriptor if evhttp is done with it */
}

static void release_gone(otr_http *h)
{
    for (size_t i = 0; i < OTR_HTTP_CONNECTIONS_MAX; i++)
        if (h->connections[i].bev != NULL && is_gone(h->connections[i].bev))
            release(&h->connections[i]);
}

static void start_ticking(otr_http *h)
{
    struct timeval tv = { .tv_usec = TICK_MS * 1000 };

    if (!evtimer_pending(h->tick, NULL))
        evtimer_add(h->tick, &tv);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    otr_http *h = arg;
    int64_t now = otr_monotonic_recent_ms();
    size_t open = 0;

    (void)fd;
    (void)what;
    release_gone(h);
    for (size_t i = 0; i < OTR_HTTP_CONNECTIONS_MAX; i++) {
        struct connection *c = &h->connections[i];

        if (c->bev == NULL)
            continue;
        open++;
        if (now >= c->deadline_ms)
            shutdown(bufferevent_getfd(c->bev), SHUT_RDWR); /* evhttp sees the end of the stream */
    }
    if (open < OTR_HTTP_CONNECTIONS_MAX)
        pause_listeners(h, false);
    if (open > 0)
        start_ticking(h);
}

static struct connection *find_place(otr_http *h)
{
    for (size_t i = 0; i < OTR_HTTP_CONNECTIONS_MAX; i++)
        if (h->connections[i].bev == NULL)
            return &h->connections[i];
    return NULL;
}

/* evhttp has accepted a connection and asks for its buffer event. */
static struct bufferevent *on_accepted(struct event_base *base, void *arg)
{
    otr_http *h = arg;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    struct connection *place;

    release_gone(h); /* not below: the new one has no callbacks yet */
    place = find_place(h);
    if (bev != NULL && place != NULL) {
        bufferevent_incref(bev);
        *place = (struct connection){ bev, otr_monotonic_recent_ms() + OTR_HTTP_TOTAL_MS };
    }
    start_ticking(h);
    if (find_place(h) == NULL) {
        otr_count(OTR_CELL_LIMITS + OTR_LIMIT_HTTP);
        pause_listeners(h, true);
    }
    return bev;
}

/* accept() failed for want of descriptors or memory: the next tick tries again. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    (void)listener;
    otr_count(OTR_CELL_LIMITS + OTR_LIMIT_FILES);
    pause_listeners(arg, true);
    start_ticking(arg);
}

/* Coming and going ------------------------------------------------------------------------------------------------ */

static outrider_err listen_on(otr_http *h, int fd)
{
    /* No backlog is given: it listens already. The descriptor stays with whoever opened it. */
    struct evconnlistener *listener = evconnlistener_new(h->base, NULL, h, LEV_OPT_CLOSE_ON_EXEC, 0, fd);

    if (listener == NULL)
        return OUTRIDER_E_NOMEM;
    if (evhttp_bind_listener(h->http, listener) == NULL) {
        evconnlistener_free(listener);
        return OUTRIDER_E_NOMEM;
    }
    evconnlistener_set_error_cb(listener, on_accept_failed);
    h->listeners[h->listener_count++] = listener;
    return OUTRIDER_OK;
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    const otr_http *h = arg;

    (void)fd;
    (void)what;
    event_base_loopbreak(h->base);
}

static void *run(void *arg)
{
    const otr_http *h = arg;

    otr_metrics_enter();
    event_base_dispatch(h->base);
    return NULL;
}

static outrider_err build(otr_http *h, const otr_listener *listeners, size_t count)
{
    h->base = event_base_new();
    h->listeners = calloc(count, sizeof(*h->listeners));
    if (h->base == NULL || h->listeners == NULL)
        return OUTRIDER_E_NOMEM;
    h->http = evhttp_new(h->base);
    h->tick = evtimer_new(h->base, on_tick, h);
    h->on_stop = event_new(h->base, h->box.fd, EV_READ | EV_PERSIST, on_stop, h);
    if (h->http == NULL || h->tick == NULL || h->on_stop == NULL || event_add(h->on_stop, NULL) != 0)
        return OUTRIDER_E_NOMEM;
    evhttp_set_max_headers_size(h->http, OTR_HTTP_HEADERS_MAX);
    evhttp_set_max_body_size(h->http, 0);
    evhttp_set_timeout(h->http, (OTR_HTTP_TOTAL_MS + 999) / 1000);
    evhttp_set_allowed_methods(h->http, ALL_METHODS);
    evhttp_set_bevcb(h->http, on_accepted, h);
    evhttp_set_gencb(h->http, on_request, h);
    for (size_t i = 0; i < count; i++)
        if (listen_on(h, listeners[i].fd) != OUTRIDER_OK)
            return OUTRIDER_E_NOMEM;
    return OUTRIDER_OK;
}

outrider_err otr_http_start(const otr_listener *listeners, size_t count, const otr_status *status, otr_http **http,
                            outrider_diag *diag)
{
    otr_http *h = calloc(1, sizeof(*h));
    outrider_err err;

    if (h == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    h->status = status;
    err = otr_mailbox_init(&h->box, diag);
    h->has_box = err == OUTRIDER_OK;
    if (err == OUTRIDER_OK && build(h, listeners, count) != OUTRIDER_OK)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (err == OUTRIDER_OK && pthread_create(&h->thread, NULL, run, h) != 0)
        err = otr_fail(diag, OUTRIDER_E_IO, "cannot start a thread for HTTP");
    h->is_running = err == OUTRIDER_OK;
    if (err != OUTRIDER_OK)
        otr_http_stop(h);
    else
        *http = h;
    return err;
}

void otr_http_stop(otr_http *h)
{
    if (h == NULL)
        return;
    if (h->is_running) {
        otr_mailbox_wake(&h->box);
        pthread_join(h->thread, NULL);
    }
    if (h->http != NULL)
        evhttp_free(h->http);
    for (size_t i = 0; i < OTR_HTTP_CONNECTIONS_MAX; i++)
        if (h->connections[i].bev != NULL)
            release(&h->connections[i]);
    if (h->tick != NULL)
        event_free(h->tick);
    if (h->on_stop != NULL)
        event_free(h->on_stop);
    if (h->base != NULL)
        event_base_free(h->base);
    if (h->has_box)
        otr_mailbox_clear(&h->box);
    free(h->listeners);
    free(h);
}

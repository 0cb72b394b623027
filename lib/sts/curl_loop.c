/*
 * curl_loop.c - see curl_loop.h. libcurl tells us by callback what it waits for; we tell it by
 * curl_multi_socket_action() what has happened, and then collect what has ended.
 */
#include "sts/curl_loop.h"

#include <event2/event.h>
#include <stdlib.h>

struct otr_curl_loop {
    struct event_base *base; /* borrowed */
    CURLM *multi;            /* owned */
    struct event *timer;     /* owned */
    otr_curl_ended *ended;
};

static void collect_ended(otr_curl_loop *loop)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_multi_remove_handle(loop->multi, easy); /* ends the life of *message */
        loop->ended(easy, code);
    }
}

/* An error of the multi handle itself has no transfer to be blamed on; each transfer still ends by its deadline. */
static void tell_curl(otr_curl_loop *loop, curl_socket_t fd, int what)
{
    int running;

    curl_multi_socket_action(loop->multi, fd, what, &running);
    collect_ended(loop);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    tell_curl(arg, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    tell_curl(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    otr_curl_loop *loop = arg;
    struct event *event = assigned;
    short wanted = EV_PERSIST;

    (void)easy;
    if (event != NULL)
        event_free(event);
    event = NULL;
    if (what != CURL_POLL_REMOVE) {
        wanted |= what & CURL_POLL_IN ? EV_READ : 0;
        wanted |= what & CURL_POLL_OUT ? EV_WRITE : 0;
        event = event_new(loop->base, fd, wanted, on_socket, loop);
        if (event == NULL || event_add(event, NULL) != 0) {
            if (event != NULL)
                event_free(event);
            curl_multi_assign(loop->multi, fd, NULL);
            return -1; /* libcurl fails the transfers */
        }
    }
    curl_multi_assign(loop->multi, fd, event);
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    otr_curl_loop *loop = arg;
    struct timeval span = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

    (void)multi;
    if (timeout_ms < 0)
        return event_del(loop->timer);
    return event_add(loop->timer, &span); /* also for 0: never from inside libcurl */
}

otr_curl_loop *otr_curl_loop_new(struct event_base *base, otr_curl_ended *ended)
{
    otr_curl_loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        return NULL;
    loop->base = base;
    loop->ended = ended;
    loop->multi = curl_multi_init();
    loop->timer = evtimer_new(base, on_timer, loop);
    if (loop->multi == NULL || loop->timer == NULL) {
        otr_curl_loop_free(loop);
        return NULL;
    }
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
    return loop;
}

void otr_curl_loop_free(otr_curl_loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->multi != NULL) /* closes connections, and frees their events through watch_socket() */
        curl_multi_cleanup(loop->multi);
    if (loop->timer != NULL)
        event_free(loop->timer);
    free(loop);
}

outrider_err otr_curl_loop_add(otr_curl_loop *loop, CURL *easy)
{
    return curl_multi_add_handle(loop->multi, easy) == CURLM_OK ? OUTRIDER_OK : OUTRIDER_E_NOMEM;
}

void otr_curl_loop_remove(otr_curl_loop *loop, CURL *easy)
{
    curl_multi_remove_handle(loop->multi, easy);
}

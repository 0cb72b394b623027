/*
 * connection.c - the life of one connection.
 */
#include "daemon/listen/connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control_reply.h"
#include "daemon/listen/line.h"
#include "daemon/listen/netstring.h"
#include "daemon/listen/socketmap.h"
#include "daemon/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The end of a request, and what to do next. */
/* LATER: the peer must take some first; the request stays where it is. */
typedef enum next { GO_ON, STOP, CLOSE, LATER } next;

static size_t capacity(const otr_front *front, otr_protocol protocol)
{
    return protocol == OTR_CONTROL ? OTR_CONTROL_MAX + 1 : front->shared->request_max + OTR_NETSTRING_FRAME;
}

static void set_deadline(otr_connection *c, int64_t ms)
{
    c->deadline_ms = otr_monotonic_recent_ms() + ms;
}

static void watch_readable(otr_connection *c, bool wanted)
{
    if (c->is_reading == wanted)
        return;
    c->is_reading = wanted;
    if (wanted)
        event_add(&c->on_readable, NULL);
    else
        event_del(&c->on_readable);
}

static void watch_writable(otr_connection *c, bool wanted)
{
    if (c->is_writing == wanted)
        return;
    c->is_writing = wanted;
    if (wanted)
        event_add(&c->on_writable, NULL);
    else
        event_del(&c->on_writable);
}

/* One answer, or the refusal of one. */
static void count(const otr_connection *c, unsigned outcome)
{
    if (c->protocol == OTR_CONTROL)
        return;
    otr_count(OTR_CELL_ANSWERS + (c->protocol == OTR_LINE ? OTR_OUTCOME_COUNT : 0) + outcome);
}

/* Sending ----------------------------------------------------------------------------------------------------- */

static void release_output(otr_connection *c)
{
    otr_answer_unref(c->out_answer);
    free(c->out_text);
    c->out_answer = NULL;
    c->out_text = NULL;
    c->out_len = 0;
}

/* GO_ON when all of it is out, STOP when the peer must take some first. */
static next send_some(otr_connection *c, const char **at, size_t *len)
{
    while (*len > 0) {
        ssize_t sent = send(c->fd, *at, *len, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? STOP : errno == EINTR ? GO_ON : CLOSE;
        *at += sent;
        *len -= (size_t)sent;
    }
    return GO_ON;
}

/* What could not be sent now follows when the peer takes it; the owner of the bytes is kept until then. */
static void start_flushing(otr_connection *c, const char *at, size_t len)
{
    c->step = OTR_FLUSHING;
    c->out = at;
    c->out_len = len;
    set_deadline(c, OTR_FLUSH_MS);
    watch_readable(c, false);
    watch_writable(c, true);
}

/*
 * The answers to requests that have arrived together leave together, in one call. They are gathered in memory of the
 * thread, which has one connection at a time; nothing is in it when the next has its turn.
 */
static next send_gathered(otr_connection *c)
{
    otr_front *front = c->front;
    const char *at = front->batch;
    size_t len = front->batch_len;
    next then = send_some(c, &at, &len);

    front->batch_len = 0;
    if (len == 0 || then == CLOSE)
        return then;
    c->out_text = malloc(len);
    if (c->out_text == NULL)
        return CLOSE;
    memcpy(c->out_text, at, len);
    start_flushing(c, c->out_text, len);
    return STOP;
}

/* GO_ON: there is room for so much, or none is needed, as what is too long for it goes out alone. */
static next make_room(otr_connection *c, size_t len)
{
    next then;

    if (c->front->batch_len == 0 || len <= OTR_BATCH_SIZE - c->front->batch_len)
        return GO_ON;
    then = send_gathered(c);
    return then == STOP ? LATER : then;
}

static next gather(otr_connection *c, const char *text, size_t len)
{
    memcpy(c->front->batch + c->front->batch_len, text, len);
    c->front->batch_len += len;
    return c->is_last ? CLOSE : GO_ON;
}

static next send_static(otr_connection *c, const char *text)
{
    size_t len = strlen(text);
    next then = make_room(c, len);

    return then == GO_ON ? gather(c, text, len) : then;
}

/* The answer is valid as long as the caller's read section or reference lasts. */
static next send_ready(otr_connection *c, otr_answer *answer, otr_form form)
{
    otr_slice reply = otr_answer_reply(answer, form);
    next then = make_room(c, reply.len);

    if (then != GO_ON)
        return then;
    if (reply.len <= OTR_BATCH_SIZE)
        return gather(c, reply.ptr, reply.len);
    then = send_some(c, &reply.ptr, &reply.len);
    if (reply.len > 0 && then != CLOSE) {
        c->out_answer = otr_answer_ref(answer);
        start_flushing(c, reply.ptr, reply.len);
        return STOP;
    }
    return then == GO_ON && c->is_last ? CLOSE : then;
}

/* Takes over the text; NULL: out of memory, and no answer is better than half of one. */
static next send_text(otr_connection *c, char *text, size_t len)
{
    const char *at = c->out_text = text;
    next then;

    if (text == NULL)
        return CLOSE;
    then = send_some(c, &at, &len);
    if (len > 0 && then != CLOSE) {
        start_flushing(c, at, len);
        return STOP;
    }
    release_output(c);
    return then == GO_ON && c->is_last ? CLOSE : then;
}

/* For people and scripts: rendered when asked for. */
static next send_rendered(otr_connection *c, const otr_answer *answer, otr_form form)
{
    const otr_anchor_views *views = c->front->shared->views;
    otr_buf text = OTR_BUF_INIT;
    size_t len;
    char *stolen;

    if (form == OTR_FORM_JSON) {
        otr_render_json(answer->verdict, views, &text);
        otr_buf_putc(&text, '\n');
    } else {
        otr_render_text(answer->verdict, views, form == OTR_FORM_EXPLAIN, &text);
    }
    len = text.len;
    stolen = otr_buf_steal(&text);
    otr_buf_clear(&text);
    return send_text(c, stolen, len);
}

static next send_answer(otr_connection *c, otr_answer *answer, otr_form form)
{
    next then = form < OTR_FORM_READY_COUNT ? send_ready(c, answer, form) : send_rendered(c, answer, form);

    if (then != LATER)
        count(c, answer->level);
    return then;
}

/* 75 is EX_TEMPFAIL. */
static const char control_late[] =
    "{\"ok\":false,\"status\":75,\"error\":\"not done within limits.answer, or outriderd is stopping; "
    "it may be done all the same, the list tells\"}\n";

/* Something goes wrong on our side: the socketmap client is told, the other gets no answer; both defer. */
static next send_trouble(otr_connection *c, const char *socketmap_reply, otr_outcome outcome)
{
    next then = c->protocol == OTR_CONTROL   ? send_static(c, control_late)
              : c->protocol == OTR_SOCKETMAP ? send_static(c, socketmap_reply)
                                             : CLOSE;

    if (then != LATER)
        count(c, outcome);
    return then;
}

/* Asking ------------------------------------------------------------------------------------------------------- */

static next wait_for_verdict(otr_connection *c, const otr_destination *destination, otr_form form)
{
    otr_front_shared *shared = c->front->shared;
    next then = send_gathered(c); /* nobody waits for another's answer */
    otr_ticket *ticket;

    if (then != GO_ON)
        return then == STOP ? LATER : then;
    if (atomic_fetch_add(&shared->waiting, 1) >= shared->waiting_max) {
        atomic_fetch_sub(&shared->waiting, 1);
        otr_count(OTR_CELL_LIMITS + OTR_LIMIT_WAITING);
        if (otr_front_may_log(shared))
            OTR_LOG(OTR_LOG_WARNING, "limit.waiting", { "effect", "the question is answered with a temporary failure" },
                    { "do", "look for the reason why DNS or policy hosts are slow, or raise limits.waiting" });
        return send_trouble(c, otr_socketmap_busy, OTR_OUTCOME_BUSY);
    }
    ticket = otr_ticket_new(destination, &c->front->box, c);
    if (ticket == NULL) {
        atomic_fetch_sub(&shared->waiting, 1);
        return send_trouble(c, otr_socketmap_failed, OTR_OUTCOME_FAILED);
    }
    c->step = OTR_WAITING;
    c->ticket = ticket;
    c->form = form;
    set_deadline(c, shared->answer_ms);
    watch_readable(c, false);
    c->front->outstanding++;
    shared->ask(shared->ask_arg, ticket);
    return STOP;
}

/* The warm path: one lookup, and bytes that were rendered before. */
static next ask(otr_connection *c, const otr_destination *destination, otr_form form)
{
    otr_front_shared *shared = c->front->shared;
    otr_time now = otr_clock_recent(shared->clock, &c->front->now);
    otr_answer *answer;
    next then = STOP;
    bool is_warm;

    otr_rcu_read_lock();
    answer = otr_cache_find(shared->cache, destination->key, strlen(destination->key));
    is_warm = answer != NULL && now < answer->valid_until && otr_answer_has(answer, form);
    if (is_warm) {
        otr_answer_note_use(answer, now);
        otr_answer_note_form(answer, form);
        then = send_answer(c, answer, form);
    }
    otr_rcu_read_unlock();
    if (!is_warm)
        then = wait_for_verdict(c, destination, form);
    if (then != LATER)
        otr_count(OTR_CELL_CACHE + (is_warm ? OTR_CACHE_HIT : OTR_CACHE_MISS));
    return then;
}

/* Requests ------------------------------------------------------------------------------------------------------ */

static void log_malformed(const otr_connection *c, const char *problem)
{
    count(c, OTR_OUTCOME_REFUSED);
    OTR_LOG(OTR_LOG_DEBUG, "request.malformed", { "protocol", c->protocol == OTR_LINE ? "line" : "socketmap" },
            { "problem", problem });
}

/* What has been answered makes room, once for all requests that arrived together. */
static void drop_input(otr_connection *c)
{
    c->in_len -= c->in_done;
    if (c->in_len > 0 && c->in_done > 0)
        memmove(c->in, c->in + c->in_done, c->in_len);
    c->in_done = 0;
}

/* One request from the buffer. STOP: not whole yet (or it waits now). */
static next take_socketmap(otr_connection *c)
{
    otr_socketmap_choice choice;
    otr_slice request;
    size_t taken;
    next then;

    switch (otr_netstring_take(c->in + c->in_done, c->in_len - c->in_done, c->front->shared->request_max, &request, &taken)) {
    case OTR_NETSTRING_PARTIAL:
        return c->has_ended ? CLOSE : STOP;
    case OTR_NETSTRING_BROKEN:
        log_malformed(c, "no netstring, or a request that is too long");
        return CLOSE;
    case OTR_NETSTRING_WHOLE:
        break;
    }
    otr_socketmap_choose(request, &choice);
    then = choice.reply != NULL ? send_static(c, choice.reply) : ask(c, &choice.destination, choice.form);
    if (then == LATER)
        return then;
    if (choice.reply != NULL)
        count(c, choice.is_refused ? OTR_OUTCOME_REFUSED : OTR_OUTCOME_NOTFOUND);
    c->in_done += taken;
    return then;
}

/* A certificate is longer than any question, so there is room for one once it has begun to arrive. */
static bool grow(otr_connection *c)
{
    if (c->grown != NULL || !otr_event_begins((otr_slice){ c->in, c->in_len }))
        return false;
    c->grown = malloc(OTR_EVENT_MAX + 1);
    if (c->grown == NULL)
        return false;
    memcpy(c->grown, c->in, c->in_len);
    c->in = c->grown;
    c->in_max = OTR_EVENT_MAX + 1;
    return true;
}

/* Whether it gets anywhere does not concern the mail server. */
static void tell(const otr_connection *c, const otr_event *event)
{
    otr_front_shared *shared = c->front->shared;
    otr_told *told = otr_told_new(event, &shared->told);

    if (told != NULL)
        shared->tell(shared->ask_arg, told);
}

/* One line, ended by LF or by the end of the stream; whatever follows it is not looked at. */
static next take_line(otr_connection *c)
{
    size_t most = c->grown != NULL ? OTR_EVENT_MAX : c->front->shared->request_max;
    const char *end = memchr(c->in, '\n', c->in_len);
    size_t len = end != NULL ? (size_t)(end - c->in) : c->in_len;
    otr_line_choice choice;

    if (end == NULL && !c->has_ended) {
        if (c->in_len < most || grow(c))
            return STOP;
        log_malformed(c, "the request is too long");
        return CLOSE;
    }
    if (len == 0 || len > most)
        return CLOSE;
    otr_line_choose((otr_slice){ c->in, len }, &choice);
    c->in_len = 0; /* what the choice points to stays where it is */
    c->is_last = true;
    switch (choice.act) {
    case OTR_LINE_ASK:
        return ask(c, &choice.destination, choice.form);
    case OTR_LINE_REPLY:
        count(c, OTR_OUTCOME_NOTFOUND);
        return send_static(c, choice.reply);
    case OTR_LINE_TELL:
        tell(c, &choice.event);
        break;
    case OTR_LINE_CLOSE:
        if (choice.problem != NULL)
            log_malformed(c, choice.problem);
        break;
    }
    return CLOSE;
}

static next refuse(otr_connection *c, outrider_err err, const char *message)
{
    char *text = otr_control_refusal(err, message);

    return send_text(c, text, text != NULL ? strlen(text) : 0);
}

/* The kernel knows who opened the connection; the log tells, and the store keeps it. */
static int64_t uid_of_peer(const otr_connection *c)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    return getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? (int64_t)peer.uid : -1;
}

/* One object on one line, as with the line protocol. What is to be done waits for a resolver thread. */
static next take_control(otr_connection *c)
{
    const char *end = memchr(c->in, '\n', c->in_len);
    otr_slice line = { c->in, end != NULL ? (size_t)(end - c->in) : c->in_len };
    otr_front_shared *shared = c->front->shared;
    otr_control_request request;
    outrider_diag diag = { 0 };
    outrider_err err;

    if (end == NULL && !c->has_ended && line.len <= OTR_CONTROL_MAX)
        return STOP;
    c->is_last = true;
    err = otr_control_parse(line, &request, &diag);
    c->in_len = 0;
    if (err != OUTRIDER_OK)
        return refuse(c, err, diag.message);
    c->job = otr_job_new(&request, uid_of_peer(c), &c->front->box, c);
    if (c->job == NULL) {
        otr_control_request_clear(&request);
        return refuse(c, OUTRIDER_E_NOMEM, "out of memory");
    }
    c->step = OTR_WAITING;
    set_deadline(c, shared->answer_ms);
    watch_readable(c, false);
    shared->submit(shared->ask_arg, c->job);
    return STOP;
}

static next take_request(otr_connection *c)
{
    switch (c->protocol) {
    case OTR_SOCKETMAP:
        return take_socketmap(c);
    case OTR_LINE:
        return take_line(c);
    case OTR_CONTROL:
        return take_control(c);
    case OTR_HTTP:
    case OTR_POLICY_HTTPS:
    case OTR_POLICY_PLAIN:
    case OTR_POLICY_ACME:
        break;
    }
    return CLOSE;
}

/* What was gathered leaves. False: the connection has nothing to do with requests now, or is gone. */
static bool settle(otr_connection *c, next then)
{
    next sent = send_gathered(c);

    if (sent == STOP && then == CLOSE)
        c->is_last = true; /* it is closed when the rest is out */
    if (sent == CLOSE || (sent == GO_ON && then == CLOSE)) {
        otr_connection_close(c);
        return false;
    }
    return c->step == OTR_READING;
}

void otr_connection_work(otr_connection *c)
{
    bool is_new = c->is_new;
    next then = GO_ON;

    while (then == GO_ON && (c->in_len > c->in_done || c->has_ended)) {
        then = c->in_len == c->in_done ? CLOSE : take_request(c);
        is_new = is_new || then == GO_ON;
    }
    drop_input(c);
    if (!settle(c, then))
        return;
    watch_readable(c, true);
    if (c->in_len == 0)
        set_deadline(c, c->front->shared->idle_ms);
    else if (is_new)
        set_deadline(c, OTR_REQUEST_MS); /* a request has begun, perhaps behind the answered ones */
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    otr_connection *c = arg;
    ssize_t got = recv(fd, c->in + c->in_len, c->in_max - c->in_len, 0);

    (void)what;
    if (got < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            otr_connection_close(c);
        return;
    }
    if (got == 0)
        c->has_ended = true;
    c->is_new = c->in_len == 0;
    c->in_len += (size_t)got;
    otr_group_join(c);
}

/* After an answer: the next request, if it has arrived already. */
static void go_on(otr_connection *c, next then)
{
    if (then == GO_ON) {
        c->step = OTR_READING;
        c->is_new = true;
        otr_connection_work(c);
    } else {
        settle(c, then);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    otr_connection *c = arg;
    next then = send_some(c, &c->out, &c->out_len);

    (void)fd;
    (void)what;
    if (then == STOP || (then == GO_ON && c->out_len > 0))
        return;
    watch_writable(c, false);
    release_output(c);
    go_on(c, then == GO_ON && c->is_last ? CLOSE : then);
}

void otr_connection_answer(otr_connection *c, otr_answer *answer)
{
    c->ticket = NULL;
    c->step = OTR_READING;
    if (answer == NULL) {
        go_on(c, send_trouble(c, otr_socketmap_failed, OTR_OUTCOME_FAILED));
    } else {
        otr_answer_note_form(answer, c->form);
        go_on(c, send_answer(c, answer, c->form));
    }
}

void otr_connection_reply(otr_connection *c, otr_job *job)
{
    char *text = job->reply;

    job->reply = NULL;
    c->job = NULL;
    c->step = OTR_READING;
    go_on(c, send_text(c, text, text != NULL ? strlen(text) : 0));
}

/* The ticket stays with its errand; when it comes back, nobody is named on it any more. So does a job. */
static void abandon_ticket(otr_connection *c)
{
    if (c->job != NULL)
        c->job->connection = NULL;
    c->job = NULL;
    if (c->ticket != NULL)
        c->ticket->connection = NULL;
    c->ticket = NULL;
}

void otr_connection_expire(otr_connection *c)
{
    if (c->step != OTR_WAITING) {
        otr_connection_close(c);
        return;
    }
    abandon_ticket(c);
    c->step = OTR_READING;
    go_on(c, send_trouble(c, otr_socketmap_timeout, OTR_OUTCOME_TIMEOUT));
}

void otr_connection_stop(otr_connection *c)
{
    if (c->step == OTR_WAITING) {
        abandon_ticket(c);
        c->step = OTR_READING;
        c->is_last = true;
        send_trouble(c, otr_socketmap_stopping, OTR_OUTCOME_STOPPING); /* what its peer does not take at once is lost */
        send_gathered(c);
    }
    otr_connection_close(c);
}

/* Coming and going -------------------------------------------------------------------------------------------- */

otr_connection *otr_connection_new(otr_front *front, int fd, otr_protocol protocol)
{
    size_t in_max = capacity(front, protocol);
    otr_connection *c = malloc(sizeof(*c) + in_max);

    if (c == NULL) {
        close(fd);
        return NULL;
    }
    memset(c, 0, sizeof(*c));
    c->front = front;
    c->fd = fd;
    c->protocol = protocol;
    c->in_max = in_max;
    c->in = c->first;
    c->step = OTR_READING;
    event_assign(&c->on_readable, front->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->on_writable, front->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    /* A client that says nothing at all is given no longer than one that begins a request. */
    set_deadline(c, protocol != OTR_SOCKETMAP ? OTR_REQUEST_MS : front->shared->idle_ms);
    if (TAILQ_EMPTY(&front->connections)) {
        struct timeval tv = { .tv_usec = OTR_TICK_MS * 1000 };

        event_add(front->tick, &tv);
    }
    TAILQ_INSERT_TAIL(&front->connections, c, link);
    watch_readable(c, true);
    return c;
}

void otr_connection_close(otr_connection *c)
{
    otr_group_leave(c);
    abandon_ticket(c);
    watch_readable(c, false);
    watch_writable(c, false);
    release_output(c);
    close(c->fd);
    TAILQ_REMOVE(&c->front->connections, c, link);
    atomic_fetch_sub_explicit(&c->front->shared->connections, 1, memory_order_relaxed);
    free(c->grown);
    free(c);
}

/*
 * unbound.c - the resolver on libunbound: queries, their deadlines, and the change of servers.
 *
 * Two objects stand for one lookup, because their lives differ. The *query* is what the asker holds; it ends
 * when it has answered, at its deadline, or when it is cancelled. The *request* is what libunbound holds a
 * pointer to; it ends when libunbound calls back, or with its context. A query that ends first leaves its
 * request behind without an owner: the late callback finds nobody to tell, and what was learned is in
 * libunbound's cache for the next one. So ub_cancel() is never needed.
 *
 * libunbound calls back from within ub_resolve_event() when it has the answer in its cache. Callbacks of
 * libunbound therefore never run code of the asker: they leave the answer with the query and set its timer
 * to now. It follows that no context is ever deleted inside a callback of its own either.
 *
 * When resolv.conf names other servers, a new context takes over; the old one stays until the last query
 * that it is working on has ended.
 */
#include "dns/unbound.h"

#include "dns/nsfile.h"
#include "dns/unbound_context.h"
#include "dns/wire.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unbound.h>
#include <unbound-event.h>

#define FOLLOW_INTERVAL_MS 1000 /* resolv.conf is looked at before a query, at most this often */

struct query;

struct request {
    struct request *prev, *next; /* in its context's list */
    struct context *context;     /* borrowed */
    struct query *query;         /* borrowed; NULL when nobody waits any more */
};

struct context {
    struct context *next;     /* the next older one */
    struct ub_ctx *ub;        /* owned */
    struct request *requests; /* owned; those that libunbound may still call back for */
    size_t waiting;           /* requests that have a query */
};

struct query {
    otr_dns_query base;
    struct query *prev, *next; /* in the resolver's list */
    struct request *request;   /* borrowed; NULL once libunbound has called back */
    struct event *timer;       /* owned; the deadline, and the way to done() once there is an answer */
    otr_dns_answer *answer;    /* owned; see is_answered */
    bool is_answered;          /* answer is what came, or NULL if there was no memory for it */
    otr_dns_trouble trouble;   /* with an answer that is TEMPFAIL */
    uint16_t type;
    char *name; /* owned */
    otr_dns_done *done;
    void *done_arg;
};

struct resolver {
    otr_resolver base;
    struct event_base *events;    /* borrowed */
    otr_arena *arena;             /* owned; holds options */
    otr_unbound_options *options;
    struct context *contexts;     /* owned; the first one is asked, the others only finish */
    struct query *queries;        /* owned; those that have not called done() */
    bool is_following;
    otr_nsfile file;              /* only if is_following */
    int64_t looked_at_ms;         /* when the file was looked at */
};

/* ---- contexts ---- */

static void free_context(struct context *c)
{
    otr_ub_context_free(c->ub);
    while (c->requests != NULL) {
        struct request *next = c->requests->next;

        free(c->requests);
        c->requests = next;
    }
    free(c);
}

/* Drop the contexts that were replaced and on which nobody waits any more. */
static void drop_finished(struct resolver *r)
{
    for (struct context **at = &r->contexts->next; *at != NULL;) {
        struct context *c = *at;

        if (c->waiting > 0) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        free_context(c);
    }
}

static outrider_err add_context(struct resolver *r, const char *const *forwarders, outrider_diag *diag)
{
    struct context *c = calloc(1, sizeof(*c));
    outrider_err err;

    if (c == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    err = otr_ub_context_new(r->events, r->options, forwarders, &c->ub, diag);
    if (err != OUTRIDER_OK) {
        free(c);
        return err;
    }
    c->next = r->contexts;
    r->contexts = c;
    return OUTRIDER_OK;
}

static outrider_err add_context_for(struct resolver *r, const otr_nameservers *servers, outrider_diag *diag)
{
    const char *forwarders[OTR_NAMESERVER_MAX + 1] = { NULL };

    for (size_t i = 0; i < servers->count; i++)
        forwarders[i] = servers->address[i];
    return add_context(r, forwarders, diag);
}

/* ---- resolv.conf ---- */

static void note(struct resolver *r, const char *event, const char *words)
{
    if (r->options->note != NULL)
        r->options->note(r->options->note_arg, event, words);
}

static void change_servers(struct resolver *r)
{
    outrider_diag diag = { 0 };
    otr_buf words = OTR_BUF_INIT;

    if (add_context_for(r, &r->file.servers, &diag) != OUTRIDER_OK) {
        note(r, "dns.servers.kept", diag.message);
        return;
    }
    drop_finished(r);
    for (size_t i = 0; i < r->file.servers.count; i++)
        otr_buf_printf(&words, "%s%s", i > 0 ? " " : "", r->file.servers.address[i]);
    note(r, "dns.servers", otr_buf_text(&words));
    otr_buf_clear(&words);
}

static void follow_servers(struct resolver *r)
{
    outrider_diag diag = { 0 };
    int64_t now = otr_monotonic_ms();

    if (!r->is_following || now - r->looked_at_ms < FOLLOW_INTERVAL_MS)
        return;
    r->looked_at_ms = now;
    switch (otr_nsfile_check(&r->file, &diag)) {
    case OTR_NSFILE_SAME:
        break;
    case OTR_NSFILE_CHANGED:
        change_servers(r);
        break;
    case OTR_NSFILE_TROUBLE:
        note(r, "dns.servers.kept", diag.message);
        break;
    }
}

/* ---- the side of libunbound ---- */

static void free_request(struct request *req)
{
    if (req->prev != NULL)
        req->prev->next = req->next;
    else
        req->context->requests = req->next;
    if (req->next != NULL)
        req->next->prev = req->prev;
    free(req);
}

const char *const otr_dns_trouble_names[] = {
    [OTR_DNS_NO_TROUBLE] = "none",    [OTR_DNS_TIMEOUT] = "timeout",     [OTR_DNS_SERVFAIL] = "servfail",
    [OTR_DNS_REFUSED] = "refused",    [OTR_DNS_MALFORMED] = "malformed", [OTR_DNS_OTHER] = "other",
};

/*
 * The server's response code. A failure that libunbound has kept comes as a packet, and rcode is 0 then, which says only
 * that the lookup was made.
 */
static unsigned response_code(int rcode, const void *packet, int len)
{
    otr_wire w = { .packet = packet, .end = packet != NULL && len > 0 ? (size_t)len : 0 };
    otr_wire_header header;

    if (rcode != 0)
        return (unsigned)rcode;
    return otr_wire_header_read(&w, &header) ? header.flags & OTR_WIRE_RCODE : 0;
}

static otr_dns_trouble trouble_of(unsigned rcode)
{
    switch (rcode) {
    case 0:
    case 3: /* there was an answer, and nothing came of it */
        return OTR_DNS_MALFORMED;
    case 2:
        return OTR_DNS_SERVFAIL;
    case 5:
        return OTR_DNS_REFUSED;
    default:
        return OTR_DNS_OTHER;
    }
}

/* What libunbound says, in its order of trust: bogus before anything else, and no packet if it failed. */
static otr_dns_answer *read_answer(const struct query *q, int rcode, const void *packet, int len, int sec,
                                   const char *why)
{
    if (sec == 1)
        return otr_dns_answer_failure(q->name, q->type, OTR_DNS_BOGUS,
                                      why != NULL ? why : "the DNSSEC signatures do not hold (found before)");
    if (rcode != 0 || packet == NULL || len < 0)
        return otr_dns_answer_failure(q->name, q->type, OTR_DNS_TEMPFAIL, otr_dns_rcode_words((unsigned)rcode));
    return otr_dns_answer_parse(q->name, q->type, sec == 2 ? OTR_DNS_SECURE : OTR_DNS_INSECURE, "", packet,
                                (size_t)len);
}

/* From the event loop, not from here, done() will be told. */
static void settle(struct query *q, otr_dns_answer *answer)
{
    static const struct timeval at_once = { 0, 0 };

    q->answer = answer;
    q->is_answered = true;
    evtimer_add(q->timer, &at_once);
}

static void on_answer(void *arg, int rcode, void *packet, int len, int sec, char *why, int was_ratelimited)
{
    struct request *req = arg;
    struct query *q = req->query;

    (void)was_ratelimited;
    if (q != NULL) {
        q->request = NULL;
        req->context->waiting--;
        q->trouble = trouble_of(response_code(rcode, packet, len));
        settle(q, read_answer(q, rcode, packet, len, sec, why));
    }
    free_request(req);
}

static void send_request(struct resolver *r, struct query *q)
{
    struct context *c = r->contexts;
    struct request *req = calloc(1, sizeof(*req));
    int err;

    if (req == NULL) {
        settle(q, NULL);
        return;
    }
    req->context = c;
    req->query = q;
    req->next = c->requests;
    if (c->requests != NULL)
        c->requests->prev = req;
    c->requests = req;
    c->waiting++;
    q->request = req;
    err = ub_resolve_event(c->ub, q->name, q->type, 1, req, on_answer, NULL);
    if (err != 0) { /* then it has not called back and will not */
        c->waiting--;
        q->request = NULL;
        free_request(req);
        q->trouble = OTR_DNS_OTHER;
        settle(q, otr_dns_answer_failure(q->name, q->type, OTR_DNS_TEMPFAIL, ub_strerror(err)));
    }
}

/* ---- the side of the asker ---- */

/* Take the query out of everything; the caller still has name and answer. */
static void detach(struct query *q)
{
    struct resolver *r = (struct resolver *)q->base.resolver;

    if (q->prev != NULL)
        q->prev->next = q->next;
    else
        r->queries = q->next;
    if (q->next != NULL)
        q->next->prev = q->prev;
    if (q->request != NULL) {
        q->request->query = NULL;
        q->request->context->waiting--;
        q->request = NULL;
    }
    event_free(q->timer);
    q->timer = NULL;
    drop_finished(r);
}

static void free_query(struct query *q)
{
    otr_dns_answer_free(q->answer);
    free(q->name);
    free(q);
}

static otr_dns_answer *time_out(const struct query *q)
{
    const struct resolver *r = (const struct resolver *)q->base.resolver;
    char words[64];

    snprintf(words, sizeof(words), "no answer within %u.%u seconds", r->options->timeout_ms / 1000,
             r->options->timeout_ms % 1000 / 100);
    return otr_dns_answer_failure(q->name, q->type, OTR_DNS_TEMPFAIL, words);
}

static void tell_seen(const struct query *q, const otr_dns_answer *answer)
{
    const otr_unbound_options *o = ((const struct resolver *)q->base.resolver)->options;

    otr_dns_trouble trouble = q->trouble != OTR_DNS_NO_TROUBLE ? q->trouble : OTR_DNS_OTHER;

    if (o->seen != NULL)
        o->seen(o->seen_arg, answer, answer->status == OTR_DNS_TEMPFAIL ? trouble : OTR_DNS_NO_TROUBLE);
}

/* The deadline has come, or the answer before it. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct query *q = arg;
    otr_dns_answer without_memory = { .qname = q->name, .canonical = q->name, .qtype = q->type,
                                      .status = OTR_DNS_TEMPFAIL, .content = OTR_DNS_UNKNOWN,
                                      .ttl = OTR_FAILURE_TTL, .reason = "out of memory" };

    (void)fd, (void)what;
    if (!q->is_answered) {
        q->answer = time_out(q);
        q->trouble = OTR_DNS_TIMEOUT;
    }
    tell_seen(q, q->answer != NULL ? q->answer : &without_memory);
    detach(q);
    q->done(q->done_arg, q->answer != NULL ? q->answer : &without_memory); /* the resolver may be gone after this */
    free_query(q);
}

static struct query *new_query(struct resolver *r, const char *name, uint16_t type, otr_dns_done *done, void *arg)
{
    struct query *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return NULL;
    q->base.resolver = &r->base;
    q->type = type;
    q->done = done;
    q->done_arg = arg;
    q->name = strdup(name);
    q->timer = evtimer_new(r->events, on_timer, q);
    if (q->name == NULL || q->timer == NULL) {
        if (q->timer != NULL)
            event_free(q->timer);
        free_query(q);
        return NULL;
    }
    q->next = r->queries;
    if (r->queries != NULL)
        r->queries->prev = q;
    r->queries = q;
    return q;
}

static otr_dns_query *ask(otr_resolver *resolver, const char *name, uint16_t type, otr_dns_done *done, void *arg)
{
    struct resolver *r = (struct resolver *)resolver;
    unsigned ms = r->options->timeout_ms;
    struct timeval deadline = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
    size_t length = otr_wire_name_length(name);
    struct query *q = new_query(r, name, type, done, arg);

    if (q == NULL)
        return NULL;
    evtimer_add(q->timer, &deadline);
    if (length == 0) {
        settle(q, otr_dns_answer_failure(name, type, OTR_DNS_TEMPFAIL, "not a domain name"));
    } else if (length > OTR_WIRE_NAME_MAX) {
        settle(q, otr_dns_answer_too_long(name, type));
    } else {
        follow_servers(r);
        send_request(r, q);
    }
    return &q->base;
}

static void cancel(otr_dns_query *query)
{
    struct query *q = (struct query *)query;

    detach(q);
    free_query(q);
}

static void free_resolver(otr_resolver *resolver)
{
    struct resolver *r = (struct resolver *)resolver;

    while (r->queries != NULL)
        cancel(&r->queries->base);
    while (r->contexts != NULL) {
        struct context *c = r->contexts;

        r->contexts = c->next;
        free_context(c);
    }
    otr_arena_free(r->arena);
    free(r);
}

static const struct otr_resolver_ops ops = { .ask = ask, .cancel = cancel, .free = free_resolver };

static outrider_err start(struct resolver *r, outrider_diag *diag)
{
    const otr_unbound_options *o = r->options;
    outrider_err err = otr_unbound_options_check(o, diag);

    if (err != OUTRIDER_OK)
        return err;
    if (o->is_recursive)
        return add_context(r, NULL, diag);
    if (o->forwarders != NULL)
        return add_context(r, o->forwarders, diag);
    r->is_following = true;
    r->looked_at_ms = otr_monotonic_ms();
    err = otr_nsfile_open(&r->file, o->resolv_conf, diag);
    return err != OUTRIDER_OK ? err : add_context_for(r, &r->file.servers, diag);
}

outrider_err otr_unbound_new(struct event_base *base, const otr_unbound_options *options, otr_resolver **resolver,
                             outrider_diag *diag)
{
    struct resolver *r = calloc(1, sizeof(*r));
    outrider_err err = OUTRIDER_E_NOMEM;

    if (r == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    r->base.ops = &ops;
    r->events = base;
    r->arena = otr_arena_new();
    if (r->arena != NULL)
        r->options = otr_unbound_options_copy(r->arena, options);
    err = r->options != NULL ? start(r, diag) : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (err == OUTRIDER_OK)
        *resolver = &r->base;
    else
        free_resolver(&r->base);
    return err;
}

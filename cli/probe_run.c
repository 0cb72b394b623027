/*
 * probe_run.c - the walk over the destinations. Whatever happens (a look ends, a host has been visited, a pause is over),
 * go_on() starts what may be started then.
 */
#include "cli/probe_run.h"

#include "base/clock.h"
#include "dns/address_lookup.h"
#include "trust/pem.h"

#include <event2/event.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* A destination that waits for some of its hosts. */
typedef struct destination {
    struct run *run;           /* borrowed */
    const char *domain;        /* borrowed */
    otr_look *look;            /* owned; set while it is under way */
    otr_verdict *verdict;      /* owned reference; from the end of the look on */
    size_t waiting;            /* hosts that have not been told of */
    TAILQ_ENTRY(destination) link;
} destination;

/* It waits for this host. */
typedef struct waiter {
    destination *destination; /* borrowed */
    size_t index;             /* of the host in the verdict */
    struct waiter *next;      /* owned */
} waiter;

typedef enum host_state { HOST_LOOKUP, HOST_QUEUED, HOST_PROBING, HOST_DONE } host_state;

/* Kept to the end of the run: another destination may have it too. */
typedef struct host {
    struct run *run;            /* borrowed */
    host_state state;
    otr_probed_host probed;
    otr_address_lookup *lookup; /* owned; set in HOST_LOOKUP */
    otr_probe *probe;           /* owned; set in HOST_PROBING */
    otr_address addresses[OTR_PROBE_FAMILIES];
    size_t address_count, next; /* next: the one whose turn it is */
    waiter *waiters;            /* owned */
    TAILQ_ENTRY(host) in_all, in_queue;
} host;

typedef struct run {
    otr_lookout *lookout; /* borrowed */
    const otr_probe_settings *settings;
    const otr_probe_ears *ears;
    const char *const *domains;
    size_t count, next;
    otr_pace *pace;                       /* owned */
    TAILQ_HEAD(, destination) looking;    /* owned; those under way */
    size_t looks;                         /* of them in the look */
    TAILQ_HEAD(, host) all, queue;        /* owned; queue: those in HOST_QUEUED, in the order of coming */
    void *by_name;                        /* the same hosts in a tree (tsearch) */
    otr_probe_progress progress;
    struct event *pause, *tick, *on_int, *on_term; /* owned */
    otr_probe_end end;
} run;

static void go_on(run *r);

static void stop(run *r, otr_probe_end end)
{
    r->end = end;
    event_base_loopbreak(r->lookout->base);
}

/* Destinations ------------------------------------------------------------------------------------------------ */

static void free_destination(destination *d)
{
    TAILQ_REMOVE(&d->run->looking, d, link);
    otr_look_cancel(d->look);
    otr_verdict_unref(d->verdict);
    free(d);
}

static void end_destination(destination *d)
{
    d->run->progress.destinations_done++;
    free_destination(d);
}

static void tell_waiter(const host *h, waiter *w)
{
    destination *d = w->destination;
    const otr_probe_ears *ears = h->run->ears;

    ears->host(ears->arg, d->verdict, w->index, &h->probed);
    if (--d->waiting == 0)
        end_destination(d);
    free(w);
}

/* Hosts ------------------------------------------------------------------------------------------------------- */

static int compare_hosts(const void *a, const void *b)
{
    const host *one = a, *other = b;
    int order = strcmp(one->probed.host, other->probed.host);

    return order != 0 ? order : strcmp(one->probed.sni, other->probed.sni);
}

static void end_host(host *h)
{
    h->state = HOST_DONE;
    h->run->progress.hosts_done++;
    while (h->waiters != NULL) {
        waiter *w = h->waiters;

        h->waiters = w->next;
        tell_waiter(h, w);
    }
}

static void enqueue(host *h)
{
    h->state = HOST_QUEUED;
    TAILQ_INSERT_TAIL(&h->run->queue, h, in_queue);
}

/* One address of each family will do: the first. */
static void choose_addresses(host *h, const otr_address_result *result)
{
    for (unsigned family = 4; family <= 6; family += 2) {
        for (size_t i = 0; i < result->count; i++) {
            if (result->addresses[i].family == family) {
                h->addresses[h->address_count++] = result->addresses[i];
                break;
            }
        }
    }
}

static void on_addresses(void *arg, const otr_address_result *result)
{
    host *h = arg;
    run *r = h->run;

    h->lookup = NULL;
    choose_addresses(h, result);
    if (h->address_count > 0) {
        enqueue(h);
    } else {
        snprintf(h->probed.trouble, sizeof(h->probed.trouble), "%s", result->reason);
        end_host(h);
    }
    go_on(r);
}

static void take_note(otr_probe_note *note, const otr_probe_result *result)
{
    note->outcome = result->outcome;
    note->step = result->step;
    snprintf(note->reason, sizeof(note->reason), "%s", result->reason);
    snprintf(note->tls_version, sizeof(note->tls_version), "%s", result->tls_version);
    snprintf(note->cipher, sizeof(note->cipher), "%s", result->cipher);
    if (result->chain == NULL)
        return;
    note->chain_pem = otr_pem_write_certs(result->chain);
    if (note->chain_pem == NULL) {
        note->outcome = OTR_PROBE_INTERNAL;
        snprintf(note->reason, sizeof(note->reason), "out of memory");
    }
}

static void on_probed(void *arg, const otr_probe_result *result)
{
    host *h = arg;
    run *r = h->run;
    otr_probe_note *note = &h->probed.notes[h->probed.count++];

    h->probe = NULL;
    note->address = h->addresses[h->next];
    take_note(note, result);
    otr_pace_end(r->pace, &h->addresses[h->next], otr_monotonic_ms());
    if (++h->next < h->address_count)
        enqueue(h);
    else
        end_host(h);
    go_on(r);
}

static host *make_host(run *r, const otr_probed_host *name)
{
    host *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return NULL;
    h->run = r;
    h->probed = *name;
    if (tsearch(h, &r->by_name, compare_hosts) == NULL) {
        free(h);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&r->all, h, in_all);
    r->progress.hosts++;
    h->lookup = otr_address_lookup_start(r->lookout->base, r->lookout->resolver, name->host,
                                         r->lookout->conf->sts.allow_private, on_addresses, h);
    return h->lookup != NULL ? h : NULL; /* NULL ends the run, which frees it */
}

static host *find_or_make_host(run *r, const otr_host_finding *finding)
{
    host key = { 0 };
    host *const *found;

    snprintf(key.probed.host, sizeof(key.probed.host), "%s", finding->host);
    snprintf(key.probed.sni, sizeof(key.probed.sni), "%s",
             finding->dane == OTR_DANE_USABLE ? finding->base_domain : finding->host);
    found = tfind(&key, &r->by_name, compare_hosts);
    return found != NULL ? *found : make_host(r, &key.probed);
}

static bool want_host(destination *d, size_t index)
{
    host *h = find_or_make_host(d->run, d->verdict->hosts[index].finding);
    waiter *w = h != NULL ? calloc(1, sizeof(*w)) : NULL;

    if (w == NULL)
        return false;
    *w = (waiter){ .destination = d, .index = index };
    d->waiting++;
    if (h->state == HOST_DONE) {
        tell_waiter(h, w);
        return true;
    }
    w->next = h->waiters;
    h->waiters = w;
    return true;
}

/* From the look to the hosts ---------------------------------------------------------------------------------- */

static void want_hosts(destination *d)
{
    const otr_verdict *v = d->verdict;
    run *r = d->run;
    size_t wanted = 0;

    d->waiting = 1; /* our own: hosts that are known already do not end it meanwhile */
    for (size_t i = 0; i < v->mx->host_count; i++) {
        if (!otr_host_is_usable(&v->hosts[i]))
            continue;
        wanted++;
        if (!want_host(d, i)) {
            stop(r, OTR_PROBE_RUN_NO_MEMORY);
            return;
        }
    }
    if (wanted == 0)
        r->ears->nothing(r->ears->arg, d->domain, v);
    if (--d->waiting == 0)
        end_destination(d);
}

static void on_verdict(void *arg, otr_verdict *verdict)
{
    destination *d = arg;
    run *r = d->run;

    d->look = NULL;
    d->verdict = verdict;
    r->looks--;
    if (verdict != NULL) {
        want_hosts(d);
    } else {
        r->ears->nothing(r->ears->arg, d->domain, NULL);
        end_destination(d);
    }
    go_on(r);
}

static bool look_at(run *r, const char *domain)
{
    destination *d = calloc(1, sizeof(*d));
    otr_destination to;

    if (d == NULL)
        return false;
    d->run = r;
    d->domain = domain;
    TAILQ_INSERT_TAIL(&r->looking, d, link);
    if (otr_destination_parse(domain, strlen(domain), &to, NULL) == OUTRIDER_OK)
        d->look = otr_look_start(r->lookout, &to, on_verdict, d);
    if (d->look == NULL) {
        free_destination(d);
        return false;
    }
    r->looks++;
    return true;
}

/* What may be started ----------------------------------------------------------------------------------------- */

static bool start_probe(host *h, int64_t now_ms)
{
    run *r = h->run;
    const otr_probe_question question = {
        .address = h->addresses[h->next], .port = r->settings->port, .sni = h->probed.sni, .ehlo = r->settings->ehlo,
        .timeout_ms = r->settings->timeout_ms,
    };

    TAILQ_REMOVE(&r->queue, h, in_queue);
    h->state = HOST_PROBING;
    if (!otr_pace_begin(r->pace, &question.address, now_ms))
        return false;
    h->probe = otr_probe_start(r->lookout->base, &question, on_probed, h);
    return h->probe != NULL;
}

static void come_back_in(run *r, int64_t ms)
{
    struct timeval span = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    evtimer_add(r->pause, &span);
}

/* The first in the queue whose address is free, if it is time for one; else a pause until then. */
static bool start_some_probe(run *r)
{
    int64_t now_ms = otr_monotonic_ms(), wait_ms = otr_pace_wait(r->pace, now_ms), least_ms = OTR_PACE_NEVER;
    host *h;

    if (TAILQ_EMPTY(&r->queue) || wait_ms == OTR_PACE_NEVER)
        return false;
    if (wait_ms > 0) {
        come_back_in(r, wait_ms);
        return false;
    }
    TAILQ_FOREACH(h, &r->queue, in_queue) {
        int64_t ms = otr_pace_wait_for(r->pace, &h->addresses[h->next], now_ms);

        if (ms == 0) {
            if (start_probe(h, now_ms))
                return true;
            stop(r, OTR_PROBE_RUN_NO_MEMORY);
            return false;
        }
        if (ms != OTR_PACE_NEVER && (least_ms == OTR_PACE_NEVER || ms < least_ms))
            least_ms = ms;
    }
    if (least_ms != OTR_PACE_NEVER)
        come_back_in(r, least_ms);
    return false;
}

static void go_on(run *r)
{
    while (r->next < r->count && r->looks < OTR_PROBE_LOOKS_AT_ONCE &&
           r->progress.hosts - r->progress.hosts_done < OTR_PROBE_HOSTS_WAITING) {
        if (!look_at(r, r->domains[r->next++])) {
            stop(r, OTR_PROBE_RUN_NO_MEMORY);
            return;
        }
    }
    while (start_some_probe(r))
        continue;
    if (r->next == r->count && TAILQ_EMPTY(&r->looking))
        event_base_loopbreak(r->lookout->base);
}

/* The run ----------------------------------------------------------------------------------------------------- */

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    go_on(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    run *r = arg;

    (void)fd;
    (void)what;
    r->ears->progress(r->ears->arg, &r->progress);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    stop(arg, OTR_PROBE_RUN_INTERRUPTED);
}

static bool set_up(run *r)
{
    static const struct timeval second = { .tv_sec = 1 };
    struct event_base *base = r->lookout->base;

    r->pace = otr_pace_new(&r->settings->pace);
    r->pause = evtimer_new(base, on_pause_over, r);
    r->tick = event_new(base, -1, EV_PERSIST, on_tick, r);
    r->on_int = evsignal_new(base, SIGINT, on_signal, r);
    r->on_term = evsignal_new(base, SIGTERM, on_signal, r);
    return r->pace != NULL && r->pause != NULL && r->tick != NULL && r->on_int != NULL && r->on_term != NULL &&
           event_add(r->on_int, NULL) == 0 && event_add(r->on_term, NULL) == 0 &&
           (r->ears->progress == NULL || event_add(r->tick, &second) == 0);
}

static void free_host(host *h)
{
    otr_address_lookup_cancel(h->lookup);
    otr_probe_cancel(h->probe);
    for (size_t i = 0; i < h->probed.count; i++)
        free(h->probed.notes[i].chain_pem);
    while (h->waiters != NULL) {
        waiter *w = h->waiters;

        h->waiters = w->next;
        free(w);
    }
    free(h);
}

static void free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

static void leave_tree(void *node)
{
    (void)node;
}

static void tear_down(run *r)
{
    tdestroy(r->by_name, leave_tree);
    while (!TAILQ_EMPTY(&r->all)) {
        host *h = TAILQ_FIRST(&r->all);

        TAILQ_REMOVE(&r->all, h, in_all);
        free_host(h);
    }
    while (!TAILQ_EMPTY(&r->looking))
        free_destination(TAILQ_FIRST(&r->looking));
    otr_pace_free(r->pace);
    free_event(r->pause);
    free_event(r->tick);
    free_event(r->on_int);
    free_event(r->on_term);
}

otr_probe_end otr_probe_run(otr_lookout *lookout, const otr_probe_settings *settings, const char *const *domains,
                            size_t count, const otr_probe_ears *ears)
{
    run r = { .lookout = lookout, .settings = settings, .ears = ears, .domains = domains, .count = count,
              .progress.destinations = count, .end = OTR_PROBE_RUN_COMPLETE };

    TAILQ_INIT(&r.looking);
    TAILQ_INIT(&r.all);
    TAILQ_INIT(&r.queue);
    if (set_up(&r)) {
        go_on(&r);
        if (r.end == OTR_PROBE_RUN_COMPLETE && count > 0)
            event_base_dispatch(lookout->base);
    } else {
        r.end = OTR_PROBE_RUN_NO_MEMORY;
    }
    tear_down(&r);
    return r.end;
}

/*
 * startup.c - building the daemon, step by step, and taking it down in the reverse order.
 *
 * Sockets and folders come before privileges are dropped (ports, folders of others), the store after that (its files must
 * belong to the user that goes on), as anchor files do. Both are there before a thread answers: no answer names a file
 * that is not there.
 */
#include "daemon/startup.h"

#include "base/diag.h"
#include "base/log.h"
#include "daemon/conf/options.h"
#include "daemon/conf/rule_book.h"
#include "daemon/flow/rest.h"
#include "daemon/http.h"
#include "daemon/keeper/keeper.h"
#include "daemon/metrics.h"
#include "daemon/publishing.h"
#include "daemon/sandbox/sandbox.h"
#include "daemon/sockets.h"
#include "daemon/system.h"
#include "dns/unbound.h"
#include "store/store_check.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Descriptors beside the connections: libunbound's outgoing ports and TCP, policy fetches, files. */
#define FILES_PER_RESOLVER 4608
#define FILES_LEAST 512

struct resolver_thread {
    pthread_t thread;
    bool is_running;
    struct event_base *base; /* owned */
    otr_worker *worker;      /* owned */
    otr_pulse pulse;
    bool has_self_test;
};

struct front_thread {
    pthread_t thread;
    bool is_running;
    otr_front *front; /* owned */
};

struct otr_daemon {
    const otr_conf *conf;  /* borrowed */
    otr_keeper *keeper;    /* owned */
    otr_sockets sockets;
    otr_store *store;      /* owned */
    otr_store_check *check; /* owned; NULL: there is nothing to be checked */
    otr_overrides *overrides; /* owned */
    otr_worker **workers;  /* owned: of the resolver threads, for the keeper */
    otr_holds *holds;         /* owned */
    otr_clock clock;
    otr_cache *cache;      /* owned */
    otr_flow flow;
    struct resolver_thread *resolvers; /* owned; conf->threads.resolver of them */
    otr_front_shared shared;
    struct front_thread *fronts;       /* owned; conf->threads.front of them */
    otr_watch *watch;                  /* owned; as `http` */
    otr_status status;
    const otr_pulse **pulses;          /* owned; of the resolver threads, ends with NULL */
    otr_http *http;                    /* owned; NULL without a listener */
    otr_publishing publishing;
    otr_fleet *fleet;                  /* owned; NULL: this daemon is alone */
};

static outrider_err open_store(otr_daemon *d, outrider_diag *diag)
{
    otr_time last = 0;
    outrider_err err = otr_store_open(d->conf->store.path, &d->store, diag);

    if (err == OUTRIDER_OK)
        err = otr_store_last_time(d->store, &last, diag);
    if (err == OUTRIDER_OK)
        otr_clock_init(&d->clock, last);
    return err;
}

/* A large store is looked through while it is used (store_check.h). */
static void on_checked(void *arg, otr_store_finding finding, const outrider_diag *diag)
{
    otr_daemon *d = arg;

    switch (finding) {
    case OTR_STORE_WHOLE:
        OTR_LOG(OTR_LOG_INFO, "store.checked", { "path", d->conf->store.path });
        break;
    case OTR_STORE_DAMAGED:
        otr_store_mark_damaged(d->store);
        OTR_LOG(OTR_LOG_ERROR, "store.damaged", { "error", diag->message },
                { "effect", "mail to destinations whose policy cannot be read is deferred" },
                { "do", "stop outriderd, restore the file or move it away, and start it again" });
        break;
    case OTR_STORE_UNCHECKED:
        OTR_LOG(OTR_LOG_WARNING, "store.unchecked", { "error", diag->message },
                { "effect", "whether the database is whole is not known; it is used as it is" },
                { "do", "look for the reason (memory, the disk), and restart outriderd, which looks again" });
        break;
    }
}

static outrider_err open_overrides(otr_daemon *d, outrider_diag *diag)
{
    bool has_bad = false;
    outrider_err err = otr_overrides_open(d->store, &d->overrides, &has_bad, diag);

    if (err == OUTRIDER_OK && has_bad)
        OTR_LOG(OTR_LOG_ERROR, "store.row.unusable", { "error", diag->message });
    return err;
}

static outrider_err open_holds(otr_daemon *d, outrider_diag *diag)
{
    bool has_bad = false;
    outrider_err err = otr_holds_open(d->store, &d->holds, &has_bad, diag);

    if (err == OUTRIDER_OK && has_bad)
        OTR_LOG(OTR_LOG_ERROR, "store.row.unusable", { "error", diag->message });
    return err;
}

/* A domain belongs to one thread, and all its destinations with it: they share its policy. */
static otr_worker *worker_of(otr_daemon *d, const char *domain)
{
    return d->resolvers[otr_cache_hash(d->cache, domain, strlen(domain)) % d->conf->threads.resolver].worker;
}

static void ask(void *arg, otr_ticket *ticket)
{
    otr_worker_post(worker_of(arg, ticket->destination.domain), ticket);
}

static void submit(void *arg, otr_job *job)
{
    otr_daemon *d = arg;

    if (otr_control_is_trust(job->request.verb))
        otr_keeper_submit(d->keeper, job);
    else if (otr_control_is_publish(job->request.verb))
        otr_publisher_submit(d->publishing.publisher, job);
    else if (otr_control_is_fleet(job->request.verb))
        otr_fleet_submit(d->fleet, job);
    else
        otr_worker_submit(worker_of(d, job->request.domain), job);
}

static void tell(void *arg, otr_told *told)
{
    otr_worker_tell(worker_of(arg, told->destination.domain), told);
}

/* What another member has brought, to the thread that owns it. */
static void deliver(void *arg, otr_shared *shared)
{
    otr_daemon *d = arg;

    if (shared->record.kind == OTR_FLEET_EXCEPTION)
        otr_keeper_take(d->keeper, shared);
    else
        otr_worker_share(worker_of(d, shared->record.domain), shared);
}

static void fill_flow(otr_daemon *d)
{
    const otr_conf *c = d->conf;
    otr_flow *flow = &d->flow;

    *flow = (otr_flow){
        .cache = d->cache,
        .clock = &d->clock,
        .store = d->store,
        .trust = otr_keeper_trust(d->keeper),
        .overrides = d->overrides,
        .holds = d->holds,
        .fleet = d->fleet,
        .views = otr_conf_views(c),
        .discover = otr_conf_discover(c),
        .decide = otr_conf_decide(c),
        .pace = otr_conf_pace(c),
        .fetch_ms = c->sts.fetch_timeout * 1000,
        .allow_private = c->sts.allow_private,
        .places_max = c->limits.cache / c->threads.resolver + 1,
        .awake_max = OTR_AWAKE_MAX / c->threads.resolver + 1,
    };
    flow->ask = ask;
    flow->ask_arg = d;
    otr_flow_set_deadlines(flow, c->limits.answer);
}

/* Resolver threads --------------------------------------------------------------------------------------------- */

/* What became of resolv.conf while it is followed. */
static void on_servers(void *arg, const char *event, const char *words)
{
    bool is_changed = strcmp(event, "dns.servers") == 0;

    (void)arg;
    OTR_LOG(is_changed ? OTR_LOG_NOTICE : OTR_LOG_ERROR, event, { is_changed ? "servers" : "error", words });
}

/* pulse: NULL where nobody watches. */
static outrider_err make_resolver(const otr_conf *c, struct event_base *base, otr_pulse *pulse, otr_resolver **resolver,
                                  outrider_diag *diag)
{
    otr_unbound_options options = otr_conf_unbound(c);

    options.note = on_servers;
    options.seen = pulse != NULL ? otr_pulse_seen : NULL;
    options.seen_arg = pulse;
    return otr_unbound_new(base, &options, resolver, diag);
}

static outrider_err make_worker(otr_daemon *d, struct resolver_thread *t, outrider_diag *diag)
{
    otr_fetcher_options fetching = OTR_FETCHER_OPTIONS_INIT;
    otr_resolver *resolver = NULL;
    otr_fetcher *fetcher = NULL;
    outrider_err err;

    fetching.timeout_ms = d->flow.fetch_ms;
    t->base = event_base_new();
    if (t->base == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    err = make_resolver(d->conf, t->base, &t->pulse, &resolver, diag);
    if (err == OUTRIDER_OK)
        err = otr_curl_fetcher_new(t->base, &fetching, &fetcher, diag);
    if (err == OUTRIDER_OK)
        err = otr_worker_new(&d->flow, t->base, resolver, fetcher, &t->worker, diag);
    if (err != OUTRIDER_OK) {
        if (fetcher != NULL)
            otr_fetcher_free(fetcher);
        if (resolver != NULL)
            otr_resolver_free(resolver);
    }
    return err;
}

static void *run_resolver(void *arg)
{
    struct resolver_thread *t = arg;

    urcu_memb_register_thread();
    otr_metrics_enter();
    if (otr_pulse_start(&t->pulse, t->base, t->worker->resolver, t->has_self_test) != OUTRIDER_OK)
        OTR_LOG(OTR_LOG_ERROR, "resolver.failed", { "error", "out of memory" },
                { "effect", "its state is unknown to /healthz" });
    event_base_dispatch(t->base);
    urcu_memb_unregister_thread();
    return NULL;
}

static outrider_err make_workers(otr_daemon *d, outrider_diag *diag)
{
    d->resolvers = calloc(d->conf->threads.resolver, sizeof(*d->resolvers));
    if (d->resolvers == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < d->conf->threads.resolver; i++) {
        outrider_err err;

        otr_pulse_init(&d->resolvers[i].pulse);
        err = make_worker(d, &d->resolvers[i], diag);

        if (err != OUTRIDER_OK)
            return err;
    }
    d->resolvers[0].has_self_test = d->conf->dns.self_test;
    if (otr_worker_keep_house(d->resolvers[0].worker) != OUTRIDER_OK)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    return OUTRIDER_OK;
}

/* Front threads -------------------------------------------------------------------------------------------------- */

static outrider_err make_fronts(otr_daemon *d, outrider_diag *diag)
{
    const otr_conf *c = d->conf;

    d->shared.cache = d->cache;
    d->shared.clock = &d->clock;
    d->shared.views = &d->flow.views;
    d->shared.listeners = d->sockets.listeners;
    d->shared.listener_count = d->sockets.front_count;
    d->shared.request_max = c->limits.request;
    d->shared.answer_ms = c->limits.answer * 1000;
    d->shared.idle_ms = c->limits.idle * 1000;
    d->shared.connections_max = c->limits.connections;
    d->shared.waiting_max = c->limits.waiting;
    d->shared.ask = ask;
    d->shared.submit = submit;
    d->shared.tell = tell;
    d->shared.ask_arg = d;
    d->fronts = calloc(c->threads.front, sizeof(*d->fronts));
    if (d->fronts == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < c->threads.front; i++) {
        outrider_err err = otr_front_new(&d->shared, &d->fronts[i].front, diag);

        if (err != OUTRIDER_OK)
            return err;
    }
    return OUTRIDER_OK;
}

static void *run_front(void *arg)
{
    struct front_thread *t = arg;

    otr_front_run(t->front);
    return NULL;
}

/* The workers' mailboxes are open. It is there before anybody can ask for it. */
static outrider_err start_keeper(otr_daemon *d, outrider_diag *diag)
{
    d->workers = calloc(d->conf->threads.resolver, sizeof(otr_worker *));
    if (d->workers == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < d->conf->threads.resolver; i++)
        d->workers[i] = d->resolvers[i].worker;
    return otr_keeper_start(d->keeper, d->workers, d->conf->threads.resolver, diag);
}

static outrider_err start_threads(otr_daemon *d, outrider_diag *diag)
{
    int failed = 0;

    for (uint32_t i = 0; i < d->conf->threads.resolver && failed == 0; i++) {
        failed = pthread_create(&d->resolvers[i].thread, NULL, run_resolver, &d->resolvers[i]);
        d->resolvers[i].is_running = failed == 0;
    }
    for (uint32_t i = 0; i < d->conf->threads.front && failed == 0; i++) {
        failed = pthread_create(&d->fronts[i].thread, NULL, run_front, &d->fronts[i]);
        d->fronts[i].is_running = failed == 0;
    }
    return failed == 0 ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_IO, "cannot start a thread: %s", strerror(failed));
}

/* Beside the others, and last: it has nothing to do with a daemon that answers alone. */
static outrider_err start_fleet(otr_daemon *d, outrider_diag *diag)
{
    otr_fleet_parts parts = { .store = d->store, .clock = &d->clock, .overrides = d->overrides, .retry_s = d->conf->sts.retry,
                              .deliver = deliver, .deliver_arg = d };

    return d->fleet != NULL ? otr_fleet_start(d->fleet, &parts, diag) : OUTRIDER_OK;
}

/* What watches ----------------------------------------------------------------------------------------------------- */

static outrider_err start_watching(otr_daemon *d, outrider_diag *diag)
{
    const otr_conf *c = d->conf;
    outrider_err err;

    if (c->http.listen.count == 0)
        return OUTRIDER_OK;
    err = otr_watch_start(d->store, &d->clock, c->sts.refresh, &d->watch, diag);
    if (err != OUTRIDER_OK)
        return err;
    d->pulses = calloc(c->threads.resolver + 1, sizeof(*d->pulses));
    if (d->pulses == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < c->threads.resolver; i++)
        d->pulses[i] = &d->resolvers[i].pulse;
    d->status = (otr_status){ .store = d->store, .watch = d->watch, .cache = d->cache, .fronts = &d->shared,
                              .pulses = d->pulses, .keeper = d->keeper, .holds = d->holds,
                              .publisher = d->publishing.publisher, .fleet = d->fleet, .started_at = time(NULL) };
    return otr_http_start(d->sockets.listeners + d->sockets.front_count,
                          d->sockets.count - d->sockets.front_count - d->sockets.policy_count, &d->status, &d->http, diag);
}

/* The whole -------------------------------------------------------------------------------------------------------- */

static void raise_limits(const otr_conf *c)
{
    unsigned long policy_host = otr_publishing_connections(c), least = c->limits.connections + policy_host + FILES_LEAST;
    unsigned long got = otr_raise_files_limit(c->limits.connections + policy_host + c->threads.resolver * FILES_PER_RESOLVER);
    char number[32];

    if (got >= least)
        return;
    snprintf(number, sizeof(number), "%lu", got);
    OTR_LOG(OTR_LOG_WARNING, "limit.files", { "files", number },
            { "do", "raise the limit of open files (LimitNOFILE=), or lower limits.connections" });
}

/*
 * liburcu makes the thread that frees what was replaced when it is first needed, and ends the process if memory is short just then.
 * So it is made while nobody waits for an answer; in the sandbox, as all threads.
 */
static void start_reclaiming(void)
{
    urcu_memb_get_default_call_rcu_data();
}

/* Before the store and whatever else reads what others have written, and before the first thread. */
static void enter_sandbox(const otr_conf *c)
{
    otr_sandbox sandbox;

    otr_sandbox_enter(c, &sandbox);
    otr_sandbox_report(c, &sandbox);
}

static outrider_err build(otr_daemon *d, outrider_diag *diag)
{
    const otr_conf *c = d->conf;
    outrider_err err = otr_keeper_new(c, &d->keeper, diag);

    raise_limits(c);
    if (err == OUTRIDER_OK)
        err = otr_prepare_folder(c->store.path, c->user, diag);
    if (err == OUTRIDER_OK)
        err = otr_sockets_open(c, &d->sockets, diag);
    if (err == OUTRIDER_OK)
        err = otr_drop_privileges(c->user, c->group, diag);
    if (err == OUTRIDER_OK) {
        enter_sandbox(c);
        start_reclaiming();
    }
    if (err == OUTRIDER_OK)
        err = open_store(d, diag);
    if (err == OUTRIDER_OK)
        err = open_overrides(d, diag);
    if (err == OUTRIDER_OK)
        err = open_holds(d, diag);
    if (err == OUTRIDER_OK)
        err = otr_keeper_open(d->keeper, d->store, &d->clock, diag);
    if (err == OUTRIDER_OK && c->fleet.is_on)
        err = otr_fleet_new(c, &d->fleet, diag);
    if (err != OUTRIDER_OK)
        return err;
    otr_keeper_join(d->keeper, d->fleet);
    d->cache = otr_cache_new(c->limits.cache);
    if (d->cache == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    fill_flow(d);
    err = make_workers(d, diag);
    if (err == OUTRIDER_OK)
        err = make_fronts(d, diag);
    if (err == OUTRIDER_OK)
        err = start_keeper(d, diag);
    if (err == OUTRIDER_OK)
        err = otr_publishing_start(&d->publishing, c, &d->sockets, d->store, &d->clock, diag);
    if (err == OUTRIDER_OK)
        err = start_threads(d, diag);
    if (err == OUTRIDER_OK)
        err = start_fleet(d, diag);
    if (err == OUTRIDER_OK)
        err = otr_store_check_start(c->store.path, on_checked, d, &d->check, diag);
    return err == OUTRIDER_OK ? start_watching(d, diag) : err;
}

outrider_err otr_daemon_start(const otr_conf *conf, otr_daemon **daemon, outrider_diag *diag)
{
    otr_daemon *d = calloc(1, sizeof(*d));
    outrider_err err;

    if (d == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    d->conf = conf;
    urcu_memb_register_thread();
    err = build(d, diag);
    if (err != OUTRIDER_OK) {
        otr_daemon_stop(d);
        return err;
    }
    *daemon = d;
    return OUTRIDER_OK;
}

/* Fronts first: their clients are told to try again. Then nobody asks the keeper and the resolver threads any more. */
static void stop_threads(otr_daemon *d)
{
    for (uint32_t i = 0; d->fronts != NULL && i < d->conf->threads.front; i++)
        if (d->fronts[i].is_running)
            otr_front_stop(d->fronts[i].front);
    for (uint32_t i = 0; d->fronts != NULL && i < d->conf->threads.front; i++)
        if (d->fronts[i].is_running)
            pthread_join(d->fronts[i].thread, NULL);
    otr_fleet_stop(d->fleet);
    otr_publishing_stop(&d->publishing);
    otr_keeper_stop(d->keeper);
    for (uint32_t i = 0; d->resolvers != NULL && i < d->conf->threads.resolver; i++)
        if (d->resolvers[i].is_running)
            otr_worker_stop(d->resolvers[i].worker);
    for (uint32_t i = 0; d->resolvers != NULL && i < d->conf->threads.resolver; i++)
        if (d->resolvers[i].is_running)
            pthread_join(d->resolvers[i].thread, NULL);
}

void otr_daemon_stop(otr_daemon *d)
{
    if (d == NULL)
        return;
    otr_http_stop(d->http);
    otr_watch_stop(d->watch);
    stop_threads(d);
    for (uint32_t i = 0; d->resolvers != NULL && i < d->conf->threads.resolver; i++) {
        otr_worker_free(d->resolvers[i].worker);
        otr_pulse_clear(&d->resolvers[i].pulse);
        if (d->resolvers[i].base != NULL)
            event_base_free(d->resolvers[i].base);
    }
    for (uint32_t i = 0; d->fronts != NULL && i < d->conf->threads.front; i++)
        otr_front_free(d->fronts[i].front);
    otr_fleet_free(d->fleet);
    otr_keeper_free(d->keeper); /* its mail has been released, or has come back */
    otr_publishing_clear(&d->publishing);
    free(d->workers);
    free(d->resolvers);
    free(d->pulses);
    free(d->fronts);
    otr_cache_free(d->cache);
    otr_holds_free(d->holds);
    otr_overrides_free(d->overrides);
    otr_store_check_stop(d->check);
    if (d->store != NULL)
        otr_store_close(d->store);
    otr_sockets_close(&d->sockets);
    urcu_memb_unregister_thread();
    free(d);
}

outrider_err otr_daemon_check(const otr_conf *conf, outrider_diag *diag)
{
    struct event_base *base = event_base_new();
    otr_anchors *anchors = NULL;
    otr_resolver *resolver = NULL;
    outrider_err err = otr_conf_anchors(conf, NULL, 0, (otr_time)time(NULL), &anchors, diag);

    if (err == OUTRIDER_OK)
        err = otr_fleet_check(conf, diag);
    if (err == OUTRIDER_OK)
        err = base != NULL ? make_resolver(conf, base, NULL, &resolver, diag)
                           : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (resolver != NULL)
        otr_resolver_free(resolver);
    if (anchors != NULL)
        otr_anchors_free(anchors);
    if (base != NULL)
        event_base_free(base);
    return err;
}

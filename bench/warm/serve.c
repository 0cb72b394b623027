/*
 * serve.c - the daemon's own threads, cache, flow and store over the made-up internet of world.c, so that what is measured is
 * our code and not libunbound, libcurl or a name server: everything between a socket and the resolver's interface is as in
 * outriderd.
 *
 *   bench_serve [-n DESTINATIONS] [-k STORED] [-r RESOLVER THREADS] STORE SOCKETMAP-ADDRESS LINE-ADDRESS [SOCKETMAP-ADDRESS]
 *
 * -k puts the policies of the first STORED domains into a new store, as if they had been fetched in the last hours, and ends.
 * Else it serves until SIGTERM, with room for DESTINATIONS. Says "ready" when it does.
 */
#include "address.h"
#include "base/log.h"
#include "daemon/front.h"
#include "daemon/flow/rest.h"
#include "daemon/metrics.h"
#include "support/test_anchors.h"
#include "world.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RESOLVERS_MAX 8

static otr_clock wall;
static otr_flow flow;
static otr_front_shared shared;
static otr_listener listeners[3];
static otr_worker *workers[RESOLVERS_MAX];
static struct event_base *bases[RESOLVERS_MAX];
static unsigned resolver_count = 1;
static size_t listener_count;

static void need(bool is_good, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "bench_serve: %s\n", what);
    exit(70);
}

/* Filling a store ------------------------------------------------------------------------------------------------- */

static void put_policy(sqlite3_stmt *s, size_t n, time_t now)
{
    char name[WORLD_NAME_SIZE], body[512];
    size_t len = world_policy(n, body);
    time_t fetched_at = now - 600 - (time_t)(n * 7919 % 36000);

    world_name(n, name);
    sqlite3_bind_text(s, 1, name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_blob(s, 2, body, (int)len, SQLITE_TRANSIENT);
    sqlite3_bind_int64(s, 3, fetched_at);
    sqlite3_bind_int64(s, 4, fetched_at + WORLD_MAX_AGE);
    need(sqlite3_step(s) == SQLITE_DONE, "a policy cannot be stored");
    sqlite3_reset(s);
}

/* One transaction, behind the back of the store: the disk is not what is measured. */
static int fill_store(const char *path, size_t count)
{
    otr_store *store = NULL;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;

    need(otr_store_open(path, &store, NULL) == OUTRIDER_OK, "the store cannot be made");
    otr_store_close(store);
    need(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK, "opening");
    need(sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO sts (domain, mode, id, body, fetched_at, expires_at, failure, error, "
                                "tried_id, tried_at, retry_at, failures) VALUES (?1, 'enforce', '" WORLD_POLICY_ID "', ?2, ?3, "
                                "?4, '', '', '', 0, 0, 0)", -1, &s, NULL) == SQLITE_OK, "preparing");
    for (size_t n = 0; n < count; n++)
        put_policy(s, n, time(NULL));
    sqlite3_finalize(s);
    need(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK && sqlite3_close(db) == SQLITE_OK, "closing");
    return 0;
}

/* Serving --------------------------------------------------------------------------------------------------------- */

static otr_worker *worker_of(const char *domain)
{
    return workers[otr_cache_hash(flow.cache, domain, strlen(domain)) % resolver_count];
}

static void ask(void *arg, otr_ticket *ticket)
{
    (void)arg;
    otr_worker_post(worker_of(ticket->destination.domain), ticket);
}

static void *run_worker(void *arg)
{
    urcu_memb_register_thread();
    otr_metrics_enter();
    event_base_dispatch(arg);
    urcu_memb_unregister_thread();
    return NULL;
}

static void *run_front(void *arg)
{
    otr_front_run(arg);
    return NULL;
}

static void fill_flow(const char *path, size_t size)
{
    bool has_bad = false;
    otr_store *store = NULL;
    otr_time last = 0;

    need(otr_store_open(path, &store, NULL) == OUTRIDER_OK, "the store cannot be opened");
    need(otr_store_last_time(store, &last, NULL) == OUTRIDER_OK, "the time cannot be read");
    otr_clock_init(&wall, last);
    flow = (otr_flow){ .cache = otr_cache_new(size), .clock = &wall, .store = store,
                       .trust = otr_trust_new(otr_test_anchors(), 0, NULL, 0),
                       .views = { .exim_dir = "/run/outrider/ta", .postfix_dir = "outrider/ta" },
                       .discover = OTR_DISCOVER_SETTINGS_INIT, .decide = OTR_DECIDE_SETTINGS_INIT,
                       .pace = OTR_STS_PACE_INIT, .fetch_ms = 10000, .places_max = size / resolver_count + 1,
                       .awake_max = OTR_AWAKE_MAX / resolver_count + 1, .ask = ask };
    /* As the world's TTL: what is measured warm is to stay warm. */
    flow.pace.recheck_floor = WORLD_TTL / 2;
    need(flow.cache != NULL && otr_overrides_open(store, &flow.overrides, &has_bad, NULL) == OUTRIDER_OK &&
             otr_holds_open(store, &flow.holds, &has_bad, NULL) == OUTRIDER_OK, "memory");
    otr_flow_set_deadlines(&flow, 15);
}

static void start(void)
{
    otr_front *front = NULL;
    pthread_t thread;

    for (unsigned i = 0; i < resolver_count; i++) {
        bases[i] = event_base_new();
        need(otr_worker_new(&flow, bases[i], world_resolver_new(bases[i]), world_fetcher_new(bases[i]), &workers[i], NULL) ==
                 OUTRIDER_OK, "a worker cannot be made");
    }
    need(otr_worker_keep_house(workers[0]) == OUTRIDER_OK, "housekeeping");
    shared = (otr_front_shared){ .cache = flow.cache, .clock = &wall, .views = &flow.views, .listeners = listeners,
                                 .listener_count = listener_count, .request_max = 1024, .answer_ms = 15000, .idle_ms = 300000,
                                 .connections_max = 100000, .waiting_max = 100000, .ask = ask };
    need(otr_front_new(&shared, &front, NULL) == OUTRIDER_OK, "a front thread cannot be made");
    for (unsigned i = 0; i < resolver_count; i++)
        need(pthread_create(&thread, NULL, run_worker, bases[i]) == 0, "a thread cannot be started");
    need(pthread_create(&thread, NULL, run_front, front) == 0, "a thread cannot be started");
}

int main(int argc, char **argv)
{
    size_t size = 100000, stored = 0;
    sigset_t end;
    int option, got;

    while ((option = getopt(argc, argv, "n:k:r:")) != -1) {
        if (option == 'n')
            size = (size_t)atoll(optarg);
        else if (option == 'k')
            stored = (size_t)atoll(optarg);
        else if (option == 'r')
            resolver_count = (unsigned)atoi(optarg);
    }
    if (stored > 0 && argc == optind + 1)
        return fill_store(argv[optind], stored);
    if (argc < optind + 3 || argc > optind + 4 || resolver_count < 1 || resolver_count > RESOLVERS_MAX) {
        fputs("usage: bench_serve [-n DESTINATIONS] [-r THREADS] STORE SOCKETMAP LINE [SOCKETMAP] | bench_serve -k COUNT STORE\n", stderr);
        return 64;
    }
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    signal(SIGPIPE, SIG_IGN);
    otr_log_open("bench_serve", OTR_LOG_STDERR, true, OTR_LOG_ERROR);
    fill_flow(argv[optind], size);
    for (int i = optind + 1; i < argc; i++) {
        otr_protocol protocol = i == optind + 2 ? OTR_LINE : OTR_SOCKETMAP;

        listeners[listener_count] = (otr_listener){ address_listen(argv[i]), protocol, argv[i] };
        need(listeners[listener_count++].fd >= 0, "an address cannot be listened at");
    }
    start();
    puts("ready");
    fflush(stdout);
    sigwait(&end, &got);
    _exit(0);
}

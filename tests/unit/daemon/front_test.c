/*
 * front_test.c - front threads, resolver threads and clients all at once, with scripted DNS: the threads' hand-overs
 * under load, and their end while questions are under way. Meant to be run with -Db_sanitize=thread too.
 */
#include "daemon/front.h"
#include "daemon/listen/address.h"
#include "fixture.h"
#include "support/cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRONTS = 2, WORKERS = 2, CLIENTS = 4, ROUNDS = 150, DOMAINS = 12 };

static fixture f;
static otr_listener listeners[2];
static otr_listen_address addresses[2];
static char texts[2][120];
static otr_front_shared shared;
static otr_front *fronts[FRONTS];
static pthread_t front_threads[FRONTS], worker_threads[WORKERS];
static otr_worker *workers[WORKERS];
static struct event_base *bases[WORKERS];

static void ask(void *arg, otr_ticket *ticket)
{
    const char *domain = ticket->destination.domain;

    (void)arg;
    otr_worker_post(workers[otr_cache_hash(f.cache, domain, strlen(domain)) % WORKERS], ticket);
}

static void *run_front(void *arg)
{
    otr_front_run(arg);
    return NULL;
}

static void *run_worker(void *arg)
{
    urcu_memb_register_thread();
    event_base_dispatch(arg);
    urcu_memb_unregister_thread();
    return NULL;
}

/* ttl=1 and ttl=0: answers lapse, are renewed and asked for again while the clients go on. */
static void script(otr_worker *worker)
{
    char rule[120];

    for (int i = 0; i < DOMAINS; i++) {
        snprintf(rule, sizeof(rule), "d%d.example MX insecure ttl=%d 10 mx.example", i, i % 3);
        otr_scripted_add(worker->resolver, rule);
        snprintf(rule, sizeof(rule), "_mta-sts.d%d.example TXT insecure ttl=600 nxdomain", i);
        otr_scripted_add(worker->resolver, rule);
    }
    otr_scripted_add(worker->resolver, "mx.example A insecure 192.0.2.25");
    otr_scripted_add(worker->resolver, "mx.example AAAA insecure nodata");
    otr_scripted_add(worker->resolver, "silent.example MX never");
    otr_scripted_add(worker->resolver, "_mta-sts.silent.example TXT insecure nxdomain");
}

static int start(void **state)
{
    (void)state;
    fixture_init(&f);
    otr_clock_set(&f.clock, 0); /* the real one: answers lapse */
    f.flow.bound_ms = 60000;
    for (int i = 0; i < 2; i++) {
        snprintf(texts[i], sizeof(texts[i]), "unix:%s/%d.sock", f.folder, i);
        assert_int_equal(otr_listen_address_parse(texts[i], &addresses[i], NULL), OUTRIDER_OK);
        listeners[i] = (otr_listener){ -1, i == 0 ? OTR_SOCKETMAP : OTR_LINE, texts[i] };
        assert_int_equal(otr_listen_open(&addresses[i], 0600, (gid_t)-1, &listeners[i].fd, NULL), OUTRIDER_OK);
    }
    shared = (otr_front_shared){ .cache = f.cache, .clock = &f.clock, .views = &f.flow.views, .listeners = listeners,
                                 .listener_count = 2, .request_max = 1024, .answer_ms = 15000, .idle_ms = 300000,
                                 .connections_max = 100, .waiting_max = 1000, .ask = ask };
    for (int i = 0; i < WORKERS; i++) {
        bases[i] = event_base_new();
        workers[i] = fixture_worker(&f, bases[i]);
        script(workers[i]);
        assert_int_equal(pthread_create(&worker_threads[i], NULL, run_worker, bases[i]), 0);
    }
    for (int i = 0; i < FRONTS; i++) {
        assert_int_equal(otr_front_new(&shared, &fronts[i], NULL), OUTRIDER_OK);
        assert_int_equal(pthread_create(&front_threads[i], NULL, run_front, fronts[i]), 0);
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < FRONTS; i++)
        otr_front_stop(fronts[i]);
    for (int i = 0; i < FRONTS; i++)
        pthread_join(front_threads[i], NULL);
    for (int i = 0; i < WORKERS; i++)
        otr_worker_stop(workers[i]);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(worker_threads[i], NULL);
        otr_worker_free(workers[i]);
        event_base_free(bases[i]);
    }
    for (int i = 0; i < FRONTS; i++)
        otr_front_free(fronts[i]);
    for (int i = 0; i < 2; i++)
        close(listeners[i].fd);
    fixture_clear(&f);
    return 0;
}

static int dial(int which)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&addresses[which].sockaddr, addresses[which].len) != 0)
        abort();
    return fd;
}

/* Read until `wanted` bytes arrived or the connection ends. */
static size_t receive(int fd, char *into, size_t wanted)
{
    size_t len = 0;
    ssize_t got;

    while (len < wanted && (got = recv(fd, into + len, wanted - len, 0)) > 0)
        len += (size_t)got;
    return len;
}

static const char not_found[] = "9:NOTFOUND ,";

/* One connection for many socketmap questions, and one line connection each round. */
static void *be_a_client(void *arg)
{
    static const char line_reply[] = "v=1 pol=none";
    long number = (long)arg, wrong = 0;
    char request[64], reply[512];
    int fd = dial(0);

    for (int round = 0; round < ROUNDS; round++) {
        int domain = (int)((round + number * 5) % DOMAINS), line, len;

        len = snprintf(reply, sizeof(reply), "QUERY d%d.example", domain);
        len = snprintf(request, sizeof(request), "%d:%s,", len, reply);
        wrong += send(fd, request, (size_t)len, 0) != len;
        wrong += receive(fd, reply, sizeof(not_found) - 1) != sizeof(not_found) - 1 ||
                 memcmp(reply, not_found, sizeof(not_found) - 1) != 0;
        if (round % 10 != 0)
            continue;
        line = dial(1);
        len = snprintf(request, sizeof(request), "v1 policy domain=d%d.example\n", domain);
        wrong += send(line, request, (size_t)len, 0) != len;
        wrong += receive(line, reply, sizeof(reply)) == 0 || memcmp(reply, line_reply, sizeof(line_reply) - 1) != 0;
        close(line);
    }
    close(fd);
    return (void *)wrong;
}

static void many_clients_get_their_own_answers(void **state)
{
    pthread_t clients[CLIENTS];
    void *wrong;

    (void)state;
    for (long i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, be_a_client, (void *)i), 0);
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i], &wrong);
        assert_int_equal((long)wrong, 0);
    }
}

/* The end comes while a question is under way: its client is told to try again, a vanished one harms nothing. */
static void the_end_while_questions_wait(void **state)
{
    static const char question[] = "20:QUERY silent.example,";
    char reply[128] = "";
    int waits = dial(0), vanishes = dial(0);

    assert_int_equal(send(waits, question, sizeof(question) - 1, 0), sizeof(question) - 1);
    assert_int_equal(send(vanishes, question, sizeof(question) - 1, 0), sizeof(question) - 1);
    while (atomic_load(&shared.waiting) < 2)
        usleep(1000);
    close(vanishes);
    stop(state);
    assert_true(receive(waits, reply, sizeof(reply) - 1) > 0);
    assert_string_equal(reply, "31:TEMP outriderd is shutting down,");
    close(waits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_clients_get_their_own_answers, start, stop),
        cmocka_unit_test_setup(the_end_while_questions_wait, start),
    };

    return cmocka_run_group_tests_name("daemon/front", tests, NULL, NULL);
}

/*
 * group_test.c - connections that ask at the same time: each gets its own answer, whoever is gone by then or says nonsense.
 * Front and resolver share one thread and one loop here, so that what happens between hearing and answering can be chosen.
 */
#include "daemon/front.h"
#include "daemon/listen/connection.h"
#include "fixture.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 2 * OTR_GROUP_MAX + 5 };

static const char dane[] = "12:OK dane-only,", none[] = "9:NOTFOUND ,";

static fixture f;
static otr_listener listener;
static otr_front_shared shared;
static otr_front *front;
static otr_worker *worker;
static otr_connection *connections[CLIENTS];
static int clients[CLIENTS];

static void ask(void *arg, otr_ticket *ticket)
{
    (void)arg;
    otr_worker_post(worker, ticket);
}

static void connect_client(int i)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    clients[i] = pair[0];
    shared.connections++;
    connections[i] = otr_connection_new(front, pair[1], OTR_SOCKETMAP);
    assert_non_null(connections[i]);
}

static int start(void **state)
{
    char rule[120];

    (void)state;
    fixture_init(&f);
    shared = (otr_front_shared){ .cache = f.cache, .clock = &f.clock, .views = &f.flow.views, .listeners = &listener,
                                 .request_max = 1024, .answer_ms = 15000, .idle_ms = 300000, .connections_max = 100,
                                 .waiting_max = 1000, .ask = ask };
    assert_int_equal(otr_front_new(&shared, &front, NULL), OUTRIDER_OK);
    worker = fixture_worker(&f, front->base);
    for (int i = 0; i < CLIENTS; i++) { /* those of even number have TLSA records */
        snprintf(rule, sizeof(rule), "d%d.example MX %s ttl=600 10 mx%d.example", i, i % 2 == 0 ? "secure" : "insecure", i % 2);
        otr_scripted_add(worker->resolver, rule);
        snprintf(rule, sizeof(rule), "_mta-sts.d%d.example TXT insecure ttl=600 nxdomain", i);
        otr_scripted_add(worker->resolver, rule);
        connect_client(i);
    }
    otr_scripted_add(worker->resolver, "mx0.example A secure ttl=600 192.0.2.25");
    otr_scripted_add(worker->resolver, "mx0.example AAAA secure ttl=600 nodata");
    otr_scripted_add(worker->resolver, "mx1.example A insecure ttl=600 192.0.2.26");
    otr_scripted_add(worker->resolver, "mx1.example AAAA insecure ttl=600 nodata");
    otr_scripted_add(worker->resolver, "_25._tcp.mx0.example TLSA secure ttl=600 3 1 1 "
                                       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    while (!TAILQ_EMPTY(&front->connections))
        otr_connection_stop(TAILQ_FIRST(&front->connections));
    otr_worker_stop(worker);
    event_base_loop(front->base, EVLOOP_NONBLOCK);
    otr_worker_free(worker);
    otr_front_free(front);
    fixture_clear(&f);
    return 0;
}

static void say(int i, const char *text)
{
    assert_int_equal(write(clients[i], text, strlen(text)), strlen(text));
}

static void question(int i)
{
    char text[80], name[40];

    snprintf(name, sizeof(name), "QUERY d%d.example", i);
    snprintf(text, sizeof(text), "%zu:%s,", strlen(name), name);
    say(i, text);
}

/* The answer has come without another turn of the loop. */
static void answered(int i)
{
    const char *wanted = i % 2 == 0 ? dane : none;
    char got[80] = "";

    assert_int_equal(read(clients[i], got, sizeof(got) - 1), strlen(wanted));
    assert_string_equal(got, wanted);
}

static void silent(int i)
{
    char got[80];

    assert_int_equal(read(clients[i], got, sizeof(got)), -1);
}

static void closed(int i)
{
    char got[80];

    assert_int_equal(read(clients[i], got, sizeof(got)), 0);
}

static void one_turn(void)
{
    assert_int_equal(event_base_loop(front->base, EVLOOP_NONBLOCK), 0);
}

/* All destinations are warm then. */
static void warm_up(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        char got[80] = "";
        ssize_t len;

        question(i);
        while ((len = read(clients[i], got, sizeof(got) - 1)) < 0)
            one_turn();
        assert_string_equal(got, i % 2 == 0 ? dane : none);
    }
}

static void all_who_ask_at_once_are_answered_in_one_turn(void **state)
{
    (void)state;
    warm_up();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CLIENTS; i++)
            question(i);
        one_turn();
        for (int i = 0; i < CLIENTS; i++)
            answered(i);
    }
}

/* In one group: a question, half of one, two, none that is understood, and an end. */
static void each_is_dealt_with_by_what_it_said(void **state)
{
    (void)state;
    warm_up();
    question(0);
    say(1, "16:QUERY d1.exam");
    say(2, "16:QUERY d2.example,16:QUERY d2.example,");
    say(3, "no netstring");
    say(4, "16:QUERY d4.example,");
    assert_int_equal(shutdown(clients[4], SHUT_WR), 0);
    say(5, ":: , ");
    assert_int_equal(shutdown(clients[6], SHUT_WR), 0);
    question(7);
    one_turn();
    answered(0);
    silent(1);
    {
        char got[80] = "";

        assert_int_equal(read(clients[2], got, sizeof(got) - 1), 2 * strlen(dane));
    }
    closed(3);
    answered(4);
    closed(5);
    closed(6);
    answered(7);
    say(1, "ple,");
    one_turn();
    answered(1);
    closed(4);
}

/* Its turn comes between those who are heard and their answers. */
static void on_readable_by_closer(evutil_socket_t fd, short what, void *arg)
{
    char octet;

    (void)what;
    assert_int_equal(read(fd, &octet, 1), 1);
    otr_connection_close(arg);
}

static void who_is_closed_meanwhile_is_left_out(void **state)
{
    struct event *closer;
    int pair[2];

    (void)state;
    warm_up();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    closer = event_new(front->base, pair[1], EV_READ, on_readable_by_closer, connections[1]);
    assert_int_equal(event_add(closer, NULL), 0);
    question(0);
    question(1);
    assert_int_equal(write(pair[0], "x", 1), 1); /* the kernel tells of them in this order */
    question(2);
    one_turn();
    answered(0);
    closed(1);
    answered(2);
    event_free(closer);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_who_ask_at_once_are_answered_in_one_turn, start, stop),
        cmocka_unit_test_setup_teardown(each_is_dealt_with_by_what_it_said, start, stop),
        cmocka_unit_test_setup_teardown(who_is_closed_meanwhile_is_left_out, start, stop),
    };

    return cmocka_run_group_tests_name("daemon/group", tests, NULL, NULL);
}

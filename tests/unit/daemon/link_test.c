/*
 * link_test.c - a connection to Redis, against a server of this file that says what each test writes down: greeting, answers in
 * order, refusals, silence, nonsense, and coming back. One thread, one loop.
 */
#include "daemon/fleet/link.h"
#include "support/cmocka_all.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct event_base *base;
static struct evconnlistener *listener;
static struct bufferevent *peers[16];
static size_t peer_count;
static char heard[8192];        /* all that came, connection after connection */
static const char *greeting;    /* what each connection is sent at once */
static otr_fleet_url url;
static otr_link_settings settings;
static otr_link *link_under_test;
static unsigned ups, downs, refusals, pushes;
static char why[256], refused[256], pushed[256];
static char answers[512];       /* of questions, in words */

/* The server ------------------------------------------------------------------------------------------------------------------- */

static void on_read(struct bufferevent *bev, void *arg)
{
    size_t len = strlen(heard);

    (void)arg;
    len += bufferevent_read(bev, heard + len, sizeof(heard) - 1 - len);
    heard[len] = '\0';
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int size, void *arg)
{
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

    (void)l;
    (void)from;
    (void)size;
    (void)arg;
    assert_in_range(peer_count, 0, 15);
    peers[peer_count++] = bev;
    bufferevent_setcb(bev, on_read, NULL, NULL, NULL);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    if (greeting != NULL)
        bufferevent_write(bev, greeting, strlen(greeting));
}

static void say(const char *text)
{
    bufferevent_write(peers[peer_count - 1], text, strlen(text));
}

static void hang_up(void)
{
    bufferevent_free(peers[peer_count - 1]);
    peers[peer_count - 1] = NULL;
}

/* The link ---------------------------------------------------------------------------------------------------------------------- */

static void on_up(void *arg)
{
    (void)arg;
    ups++;
}

static void on_down(void *arg, const char *words)
{
    (void)arg;
    downs++;
    snprintf(why, sizeof(why), "%s", words);
}

static void on_refused(void *arg, const char *error)
{
    (void)arg;
    refusals++;
    snprintf(refused, sizeof(refused), "%s", error);
}

static void on_pushed(void *arg, const redisReply *reply)
{
    (void)arg;
    pushes++;
    snprintf(pushed, sizeof(pushed), "%s", reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 ? reply->element[0]->str : "?");
}

static void on_answer(void *arg, const redisReply *reply)
{
    size_t len = strlen(answers);

    snprintf(answers + len, sizeof(answers) - len, "%s=%s ", (const char *)arg,
             reply == NULL ? "lost" : reply->type == REDIS_REPLY_INTEGER ? "number" : reply->str != NULL ? reply->str : "other");
}

static bool ask(const char *word, const char *name)
{
    union {
        const char *in;
        void *out;
    } arg = { .in = name };
    otr_slice words[] = { otr_slice_of(word), otr_slice_of(name) };

    return otr_link_ask(link_under_test, words, 2, on_answer, arg.out);
}

static bool is_up(void)
{
    return ups > 0 && otr_link_look(link_under_test) == OTR_LINK_UP;
}

static bool is_down(void)
{
    return downs > 0;
}

static void turn_until(bool (*is_done)(void))
{
    for (int i = 0; i < 3000 && !is_done(); i++) {
        struct timeval moment = { .tv_usec = 10000 };

        event_base_loopexit(base, &moment);
        event_base_dispatch(base);
    }
    if (!is_done())
        fail_msg("it did not happen; heard \"%s\", answers \"%s\", why \"%s\"", heard, answers, why);
}

static int set_up(void **state)
{
    static const otr_link_events events = { on_up, on_down, on_refused, on_pushed };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);

    (void)state;
    base = event_base_new();
    listener = evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 16, (struct sockaddr *)&at, sizeof(at));
    assert_non_null(listener);
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&at, &len);
    url = (otr_fleet_url){ .is_address = true, .host = "127.0.0.1", .port = ntohs(at.sin_port) };
    settings = (otr_link_settings){ &url, "", "system" };
    peer_count = 0;
    ups = downs = refusals = pushes = 0;
    heard[0] = why[0] = refused[0] = pushed[0] = answers[0] = '\0';
    greeting = "+PONG\r\n";
    link_under_test = otr_link_new(base, &settings, &events, NULL);
    return link_under_test != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    otr_link_free(link_under_test);
    for (size_t i = 0; i < peer_count; i++)
        if (peers[i] != NULL)
            bufferevent_free(peers[i]);
    if (listener != NULL)
        evconnlistener_free(listener);
    event_base_free(base);
    return 0;
}

/* Greeting ----------------------------------------------------------------------------------------------------------------------- */

static void it_greets_and_is_up(void **state)
{
    (void)state;
    assert_int_equal(otr_link_look(link_under_test), OTR_LINK_AWAY);
    assert_false(ask("GET", "a"));
    turn_until(is_up);
    assert_string_equal(heard, "*1\r\n$4\r\nPING\r\n");
}

static void it_says_who_it_is(void **state)
{
    (void)state;
    strcpy(url.user, "outrider");
    strcpy(url.password, "geheim");
    url.db = 7;
    greeting = "+OK\r\n+OK\r\n+PONG\r\n";
    turn_until(is_up);
    assert_string_equal(heard, "*3\r\n$4\r\nAUTH\r\n$8\r\noutrider\r\n$6\r\ngeheim\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n"
                               "*1\r\n$4\r\nPING\r\n");
}

static void what_is_refused_is_told_without_the_password(void **state)
{
    static const struct {
        const char *greeting, *why;
    } rows[] = {
        { "-WRONGPASS invalid geheim\r\n+OK\r\n+PONG\r\n", "it refuses our user or password: WRONGPASS" },
        { "-ERR unknown command AUTH geheim\r\n", "it refuses our user or password: ERR" },
        { "+OK\r\n-ERR DB index is out of range\r\n+PONG\r\n", "it refuses the database: ERR" },
        { "+OK\r\n+OK\r\n-NOAUTH Authentication required.\r\n", "it wants a password, and we have none: NOAUTH" },
        { "+OK\r\n+OK\r\n-LOADING Redis is loading the dataset in memory\r\n", "it does not serve us: LOADING" },
        { "-\x1b[31m\r\n", "it refuses our user or password: ?" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        strcpy(url.password, "geheim");
        url.db = 1;
        greeting = rows[i].greeting;
        turn_until(is_down);
        assert_string_equal(why, rows[i].why);
        assert_null(strstr(why, "geheim"));
        assert_int_equal(ups, 0);
        tear_down(state);
        assert_int_equal(set_up(state), 0);
    }
}

static char password_file[] = "/tmp/otr-link-test-XXXXXX";

static void a_password_file_is_read_at_each_connection(void **state)
{
    int fd = mkstemp(password_file);

    (void)state;
    settings.password_file = password_file;
    greeting = "+OK\r\n+PONG\r\n";
    turn_until(is_down);
    assert_non_null(strstr(why, "is empty"));
    assert_int_equal(write(fd, "first\nsecond\n", 13), 13);
    close(fd);
    turn_until(is_up); /* by itself, with the next attempt */
    assert_string_equal(heard, "*2\r\n$4\r\nAUTH\r\n$5\r\nfirst\r\n*1\r\n$4\r\nPING\r\n");
    unlink(password_file);
    downs = 0;
    hang_up();
    turn_until(is_down);
    downs = 0;
    turn_until(is_down);
    assert_non_null(strstr(why, "cannot be read"));
}

/* Talking ------------------------------------------------------------------------------------------------------------------------- */

static bool has_three_answers(void)
{
    return strstr(answers, "c=") != NULL;
}

static void answers_come_in_order_and_in_pieces(void **state)
{
    (void)state;
    turn_until(is_up);
    assert_true(ask("GET", "a") && ask("INCR", "b") && ask("GET", "c"));
    say("$5\r\nhel");
    turn_until(is_up);
    say("lo\r\n:7\r\n*1\r\n$1\r\nx\r\n");
    turn_until(has_three_answers);
    assert_string_equal(answers, "a=hello b=number c=other ");
}

static bool has_heard_refusal(void)
{
    return refusals > 0;
}

static void a_refusal_is_an_answer_and_is_told(void **state)
{
    (void)state;
    turn_until(is_up);
    assert_true(ask("EVAL", "a"));
    say("-NOPERM this user has no permissions to run the 'eval' command\r\n");
    turn_until(has_heard_refusal);
    assert_non_null(strstr(refused, "NOPERM"));
    assert_int_equal(otr_link_look(link_under_test), OTR_LINK_UP);
}

static bool has_push(void)
{
    return pushes > 0;
}

static void what_nobody_asked_for_is_a_message(void **state)
{
    (void)state;
    turn_until(is_up);
    say("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n");
    turn_until(has_push);
    assert_string_equal(pushed, "message");
}

/* Failing ------------------------------------------------------------------------------------------------------------------------- */

static void questions_are_lost_with_the_connection(void **state)
{
    (void)state;
    turn_until(is_up);
    assert_true(ask("GET", "a") && ask("GET", "b") && ask("GET", "c"));
    hang_up();
    turn_until(is_down);
    assert_string_equal(answers, "a=lost b=lost c=lost ");
    assert_false(ask("GET", "d"));
    downs = ups = 0;
    turn_until(is_up); /* and it comes back by itself */
    assert_int_equal(downs, 0);
}

static void a_server_that_is_silent_is_away(void **state)
{
    (void)state;
    turn_until(is_up);
    assert_true(ask("GET", "a"));
    turn_until(is_down);
    assert_string_equal(why, "no answer within 2 s");
    assert_string_equal(answers, "a=lost ");
}

static void a_server_that_does_not_greet_is_away(void **state)
{
    (void)state;
    greeting = NULL;
    turn_until(is_down);
    assert_string_equal(why, "no answer within 2 s");
    assert_int_equal(ups, 0);
}

static void nobody_listens(void **state)
{
    (void)state;
    evconnlistener_free(listener);
    turn_until(is_down);
    assert_string_equal(why, "Connection refused");
    listener = NULL;
}

static void nonsense_ends_the_connection(void **state)
{
    static const char *const rows[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n", "*1000000000\r\n", "*5000\r\n", "$999999999999999999999\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        "$-5\r\n", ":abc\r\n",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        turn_until(is_up);
        assert_true(ask("GET", "a"));
        say(rows[i]);
        turn_until(is_down);
        if (strstr(why, "protocol") == NULL)
            fail_msg("%s: %s", rows[i], why);
        tear_down(state);
        assert_int_equal(set_up(state), 0);
    }
}

/* It announces much, and sends, and sends. */
static void more_than_the_limit_ends_the_connection(void **state)
{
    static char octets[1024 * 1024 + 1];

    (void)state;
    turn_until(is_up);
    assert_true(ask("GET", "a"));
    memset(octets, 'x', sizeof(octets) - 1);
    say("$500000000\r\n");
    for (int i = 0; i < 20; i++)
        say(octets);
    turn_until(is_down);
    assert_string_equal(why, "an answer is too large");
}

static void questions_have_a_limit(void **state)
{
    (void)state;
    turn_until(is_up);
    for (int i = 0; i < OTR_LINK_QUESTIONS_MAX; i++)
        assert_true(ask("GET", ""));
    assert_false(ask("GET", "one more"));
    answers[0] = '\0';
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_greets_and_is_up),
        TEST(it_says_who_it_is),
        TEST(what_is_refused_is_told_without_the_password),
        TEST(a_password_file_is_read_at_each_connection),
        TEST(answers_come_in_order_and_in_pieces),
        TEST(a_refusal_is_an_answer_and_is_told),
        TEST(what_nobody_asked_for_is_a_message),
        TEST(questions_are_lost_with_the_connection),
        TEST(a_server_that_is_silent_is_away),
        TEST(a_server_that_does_not_greet_is_away),
        TEST(nobody_listens),
        TEST(nonsense_ends_the_connection),
        TEST(more_than_the_limit_ends_the_connection),
        TEST(questions_have_a_limit),
    };

    return cmocka_run_group_tests_name("daemon/link", tests, NULL, NULL);
}

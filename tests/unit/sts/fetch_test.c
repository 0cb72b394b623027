/*
 * fetch_test.c - the life of a fetch on the real fetcher: started, cancelled, ended with its fetcher. (What comes of
 * a fetch from servers of every kind: tests/e2e/test_fetch.py.)
 */
#include "sts/fetch.h"
#include "support/cmocka_all.h"
#include "support/test_anchors.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct event_base *base;
static otr_anchors *anchors;
static otr_fetcher *fetcher;
static int listener; /* accepts by its backlog and says nothing */
static uint16_t port;
static int calls;
static otr_sts_failure failure;
static char reason[200];
static otr_fetch *both[2];

static const otr_address loopback = { .family = 4, .bytes = { 127, 0, 0, 1 } };

static void open_listener(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(name);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &len), 0);
    port = ntohs(name.sin_port);
}

static void make_fetcher(unsigned timeout_ms)
{
    otr_fetcher_options options = { .timeout_ms = timeout_ms, .port = port };
    outrider_diag diag;

    assert_int_equal(otr_curl_fetcher_new(base, &options, &fetcher, &diag), OUTRIDER_OK);
}

static int set_up(void **state)
{
    (void)state;
    base = event_base_new();
    open_listener();
    calls = 0;
    fetcher = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    otr_fetcher_free(fetcher);
    event_base_free(base);
    close(listener);
    return 0;
}

static void on_done(void *arg, const otr_fetch_result *result)
{
    (void)arg;
    calls++;
    failure = result->failure;
    snprintf(reason, sizeof(reason), "%s", result->reason);
}

static otr_fetch *start_for(const otr_address *addresses, size_t count, otr_fetch_done *done, void *arg)
{
    otr_fetch *fetch = otr_fetch_start(fetcher, "example.org", addresses, count, otr_anchors_for(anchors, "example.org"),
                                       done, arg);

    assert_non_null(fetch);
    assert_int_equal(calls, 0); /* never from inside */
    return fetch;
}

static otr_fetch *start(const otr_address *addresses, size_t count)
{
    return start_for(addresses, count, on_done, NULL);
}

static void turn(int turns)
{
    for (int i = 0; i < turns; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        usleep(1000);
    }
}

static void a_cancelled_fetch_never_calls_back(void **state)
{
    (void)state;
    make_fetcher(5000);
    otr_fetch_cancel(start(&loopback, 1)); /* at once */
    otr_fetch *fetch = start(&loopback, 1);
    turn(20); /* in the middle of the handshake */
    otr_fetch_cancel(fetch);
    turn(100);
    assert_int_equal(calls, 0);
    otr_fetch_cancel(NULL);
}

/* Anchors may change while a fetch is under way: what it began with stays until it ends. */
static void a_fetch_holds_its_anchors(void **state)
{
    otr_anchors *kept = anchors;

    (void)state;
    make_fetcher(100);
    anchors = otr_test_anchors();
    start(&loopback, 1);
    otr_anchors_free(anchors);
    anchors = kept;
    event_base_dispatch(base); /* connects, sets TLS up, and ends by its deadline */
    assert_int_equal(calls, 1);
    assert_int_equal(failure, OTR_STS_FETCH_ERROR);
}

static void a_fetcher_ends_its_fetches_without_calling_back(void **state)
{
    (void)state;
    make_fetcher(5000);
    start(&loopback, 1);
    turn(10);
    start(&loopback, 1);
    otr_fetcher_free(fetcher);
    fetcher = NULL;
    turn(100);
    assert_int_equal(calls, 0);
}

/* Which of two that are due ends first is libcurl's to say. */
static void on_one_of_two(void *arg, const otr_fetch_result *result)
{
    size_t own = arg == &both[1];

    on_done(NULL, result);
    otr_fetch_cancel(both[!own]);
}

static void done_may_cancel_another(void **state)
{
    (void)state;
    make_fetcher(50);
    both[0] = start_for(&loopback, 1, on_one_of_two, &both[0]);
    both[1] = start_for(&loopback, 1, on_one_of_two, &both[1]);
    turn(10);
    usleep(60000); /* both are due in one turn of the loop */
    event_base_dispatch(base);
    assert_int_equal(calls, 1);
    assert_int_equal(failure, OTR_STS_FETCH_ERROR);
    assert_string_equal(reason, "no complete answer within 0.0 s");
}

/*
 * STS-FETCH-12: eight addresses that swallow everything take no longer than one. The bound is half of what they would take one
 * after another: a busy machine may stand still for a while.
 */
static void all_addresses_share_one_deadline(void **state)
{
    enum { DEADLINE = 400 }; /* ms */
    otr_address addresses[OTR_FETCH_ADDRESS_MAX + 2];
    struct timeval before, after, span;

    (void)state;
    for (size_t i = 0; i < OTR_FETCH_ADDRESS_MAX + 2; i++)
        addresses[i] = loopback;
    make_fetcher(DEADLINE);
    evutil_gettimeofday(&before, NULL);
    start(addresses, OTR_FETCH_ADDRESS_MAX + 2);
    event_base_dispatch(base);
    evutil_gettimeofday(&after, NULL);
    evutil_timersub(&after, &before, &span);
    assert_int_equal(calls, 1);
    assert_int_equal(failure, OTR_STS_FETCH_ERROR);
    assert_in_range(span.tv_sec * 1000 + span.tv_usec / 1000, DEADLINE / 2, OTR_FETCH_ADDRESS_MAX * DEADLINE / 2);
}

static int load_anchors(void **state)
{
    (void)state;
    anchors = otr_test_anchors();
    return 0;
}

static int free_anchors(void **state)
{
    (void)state;
    otr_anchors_free(anchors);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_cancelled_fetch_never_calls_back),
        TEST(a_fetch_holds_its_anchors),
        TEST(a_fetcher_ends_its_fetches_without_calling_back),
        TEST(done_may_cancel_another),
        TEST(all_addresses_share_one_deadline),
    };
    return cmocka_run_group_tests(tests, load_anchors, free_anchors);
}

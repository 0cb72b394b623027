/*
 * warm_test.c - what a warm answer costs, counted: questions that arrive together are taken in by one call and answered by one;
 * no memory is asked for and no lock is taken on the way. The functions of libc that would do so are stood in for by ones that
 * count, in the front thread alone, and pass on. (Under a sanitizer, which does the same, nothing is counted.)
 */
#include "daemon/front.h"
#include "daemon/listen/connection.h"
#include "fixture.h"
#include "support/cmocka_all.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS false
#else
#define COUNTS true
#endif

enum { DOMAINS = 20, ROUNDS = 200, UNREAD = 40, NARROW = 2048 };
enum { MEMORY, LOCK, TAKE, GIVE, OTHER, KINDS };
static const char *const kinds[KINDS] = { "memory", "locks", "recv", "send", "other calls" };

static _Atomic unsigned long counted[KINDS];
static _Thread_local bool is_counting;

#if COUNTS
static void count(int kind)
{
    if (is_counting)
        atomic_fetch_add_explicit(&counted[kind], 1, memory_order_relaxed);
}

#define STAND_IN __attribute__((visibility("default")))
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

STAND_IN void *malloc(size_t size)
{
    count(MEMORY);
    return __libc_malloc(size);
}

STAND_IN void *calloc(size_t number, size_t size)
{
    count(MEMORY);
    return __libc_calloc(number, size);
}

STAND_IN void *realloc(void *memory, size_t size)
{
    count(MEMORY);
    return __libc_realloc(memory, size);
}

STAND_IN void free(void *memory)
{
    if (memory != NULL)
        count(MEMORY);
    __libc_free(memory);
}

STAND_IN int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    count(LOCK);
    return real(mutex);
}

STAND_IN ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    count(TAKE);
    return syscall(SYS_recvfrom, fd, bytes, len, flags, NULL, NULL);
}

STAND_IN ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    count(GIVE);
    return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

STAND_IN ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    count(OTHER);
    return syscall(SYS_sendmsg, fd, message, flags);
}

STAND_IN ssize_t read(int fd, void *bytes, size_t len)
{
    count(OTHER);
    return syscall(SYS_read, fd, bytes, len);
}

STAND_IN ssize_t write(int fd, const void *bytes, size_t len)
{
    count(OTHER);
    return syscall(SYS_write, fd, bytes, len);
}

STAND_IN int epoll_ctl(int epoll, int how, int fd, struct epoll_event *event)
{
    count(OTHER);
    return (int)syscall(SYS_epoll_ctl, epoll, how, fd, event);
}
#endif

static fixture f;
static otr_listener listener;
static otr_front_shared shared;
static otr_front *front;
static otr_worker *worker;
static struct event_base *base;
static pthread_t front_thread, worker_thread;
static int client;

static void ask(void *arg, otr_ticket *ticket)
{
    (void)arg;
    otr_worker_post(worker, ticket);
}

static void *run_front(void *arg)
{
    is_counting = true;
    otr_front_run(arg);
    is_counting = false;
    return NULL;
}

static void *run_worker(void *arg)
{
    urcu_memb_register_thread();
    event_base_dispatch(arg);
    urcu_memb_unregister_thread();
    return NULL;
}

/* Each question once, in one write. */
static void write_batch(const char *map)
{
    char batch[DOMAINS * 60];
    size_t len = 0;

    for (int i = 0; i < DOMAINS; i++) {
        char question[40];
        int digits = snprintf(question, sizeof(question), "%s d%d.example", map, i);

        len += (size_t)sprintf(batch + len, "%d:%s,", digits, question);
    }
    assert_int_equal(syscall(SYS_write, client, batch, len), len);
}

/* As many answers as questions, all of them this one. */
static void read_batch(const char *answer)
{
    size_t size = strlen(answer), len = 0;
    char all[DOMAINS * 100];

    while (len < DOMAINS * size) {
        long got = syscall(SYS_read, client, all + len, DOMAINS * size - len);

        assert_true(got > 0);
        len += (size_t)got;
    }
    for (int i = 0; i < DOMAINS; i++)
        assert_memory_equal(all + (size_t)i * size, answer, size);
}

static void forget(void)
{
    for (int i = 0; i < KINDS; i++)
        atomic_store(&counted[i], 0);
}

static void expect(int kind, unsigned long wanted)
{
    if (COUNTS && atomic_load(&counted[kind]) != wanted)
        fail_msg("%s: got %lu, want %lu", kinds[kind], atomic_load(&counted[kind]), wanted);
}

static int start(void **state)
{
    char rule[120];
    int pair[2], narrow = NARROW;

    (void)state;
    fixture_init(&f);
    base = event_base_new();
    worker = fixture_worker(&f, base);
    for (int i = 0; i < DOMAINS; i++) {
        snprintf(rule, sizeof(rule), "d%d.example MX secure ttl=600 10 mx.example", i);
        otr_scripted_add(worker->resolver, rule);
        snprintf(rule, sizeof(rule), "_mta-sts.d%d.example TXT insecure ttl=600 nxdomain", i);
        otr_scripted_add(worker->resolver, rule);
    }
    otr_scripted_add(worker->resolver, "mx.example A secure ttl=600 192.0.2.25");
    otr_scripted_add(worker->resolver, "mx.example AAAA secure ttl=600 nodata");
    otr_scripted_add(worker->resolver, "_25._tcp.mx.example TLSA secure ttl=600 3 1 1 "
                                       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    shared = (otr_front_shared){ .cache = f.cache, .clock = &f.clock, .views = &f.flow.views, .listeners = &listener,
                                 .request_max = 1024, .answer_ms = 15000, .idle_ms = 300000, .connections_max = 100,
                                 .waiting_max = 1000, .ask = ask };
    assert_int_equal(otr_front_new(&shared, &front, NULL), OUTRIDER_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    client = pair[0];
    assert_int_equal(evutil_make_socket_nonblocking(pair[1]), 0);
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &narrow, sizeof(narrow)), 0); /* it holds a batch of short ones */
    shared.connections = 1;
    assert_non_null(otr_connection_new(front, pair[1], OTR_SOCKETMAP));
    assert_int_equal(pthread_create(&worker_thread, NULL, run_worker, base), 0);
    assert_int_equal(pthread_create(&front_thread, NULL, run_front, front), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    otr_front_stop(front);
    pthread_join(front_thread, NULL);
    otr_worker_stop(worker);
    pthread_join(worker_thread, NULL);
    otr_worker_free(worker);
    event_base_free(base);
    otr_front_free(front);
    close(client);
    fixture_clear(&f);
    return 0;
}

static void a_batch_is_taken_and_answered_by_one_call_each(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* after the second, what the misses of the first have left is cleared away */
        write_batch("QUERY");
        read_batch("12:OK dane-only,");
    }
    forget();
    for (int round = 0; round < ROUNDS; round++) {
        write_batch("QUERY");
        read_batch("12:OK dane-only,");
    }
    expect(MEMORY, 0);
    expect(LOCK, 0);
    expect(TAKE, ROUNDS);
    expect(GIVE, ROUNDS);
    expect(OTHER, 0);
}

/* The instrument works: a miss does what a warm answer does not. */
static void a_miss_is_not_free(void **state)
{
    (void)state;
    forget();
    write_batch("QUERY");
    read_batch("12:OK dane-only,");
    assert_true(!COUNTS || (atomic_load(&counted[MEMORY]) > 0 && atomic_load(&counted[OTHER]) > 0));
}

/* What does not fit into the socket's buffer waits, and what comes after it: none is lost or out of order. */
static void a_peer_that_does_not_read_gets_all_of_them(void **state)
{
    (void)state;
    for (int round = 0; round < UNREAD; round++)
        write_batch(round % 2 == 0 ? "QUERY" : "unknown");
    for (int round = 0; round < UNREAD; round++)
        read_batch(round % 2 == 0 ? "12:OK dane-only," : "56:TEMP no such map name; use QUERY, QUERYwithTLSRPT or sts,");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_miss_is_not_free, start, stop),
        cmocka_unit_test_setup_teardown(a_batch_is_taken_and_answered_by_one_call_each, start, stop),
        cmocka_unit_test_setup_teardown(a_peer_that_does_not_read_gets_all_of_them, start, stop),
    };

    return cmocka_run_group_tests_name("daemon/warm", tests, NULL, NULL);
}

/*
 * service_look_test.c - what is concluded of a host whose addresses answer in every way, over the loopback: nothing may be concluded of all of
 * them where one was not seen.
 */
#include "publish/service_look.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "mx.example.org"

static otr_cert certificate;
static struct event_base *base;

/* One connection after the other, until the listener is shut down. */
typedef struct server {
    enum { TLS, NO_STARTTLS, SILENT } kind;
    int listener;
    uint16_t port;
    pthread_t thread;
} server;

static void skip_line(int fd)
{
    char octet = '\0';

    while (recv(fd, &octet, 1, 0) == 1 && octet != '\n')
        continue;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void shake_hands(int fd)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl;
    char octet;

    SSL_CTX_use_certificate(ctx, certificate.cert);
    SSL_CTX_use_PrivateKey(ctx, certificate.key);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        while (SSL_read(ssl, &octet, 1) == 1)
            if (octet == '\n' && SSL_write(ssl, "250 mx\r\n", 8) <= 0)
                break;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void *serve(void *arg)
{
    server *s = arg;

    for (int fd; (fd = accept(s->listener, NULL, NULL)) >= 0; close(fd)) {
        if (s->kind == SILENT) {
            skip_line(fd);
            continue;
        }
        say(fd, "220 mx ESMTP\r\n");
        skip_line(fd);
        say(fd, s->kind == TLS ? "250-mx\r\n250 STARTTLS\r\n" : "250 mx\r\n");
        skip_line(fd);
        say(fd, s->kind == TLS ? "220 go\r\n" : "221 bye\r\n");
        if (s->kind == TLS)
            shake_hands(fd);
    }
    return NULL;
}

static void start(server *s)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);

    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &len), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
}

static otr_authority at_loopback(uint16_t port)
{
    return (otr_authority){ .host = HOST, .base = HOST, .port = port, .addresses = { { 4, { 127, 0, 0, 1 } } }, .address_count = 1, .half = "",
                            .trouble = "" };
}

static otr_service look(otr_arena *arena, const otr_authority *a, unsigned timeout_ms)
{
    otr_service s = { .arena = arena };

    assert_true(otr_service_look(base, a, "test.example", timeout_ms, &s));
    return s;
}

static void a_host_with_one_key(void **state)
{
    otr_arena *arena = otr_arena_new();
    server s = { .kind = TLS };
    otr_authority a;
    otr_service seen;

    (void)state;
    start(&s);
    a = at_loopback(s.port);
    seen = look(arena, &a, 20000);
    assert_int_equal(seen.count, 1); /* and no RSA key, which is no trouble */
    assert_string_equal(seen.trouble, "");
    assert_false(seen.is_failing);
    assert_string_equal(seen.chains[0].algorithm, "ecdsa");
    assert_string_equal(seen.chains[0].address, "127.0.0.1");
    assert_memory_equal(seen.chains[0].record, "3 1 1 ", 6);
    assert_string_equal(seen.chains[0].issuer, ""); /* none is sent */
    a.half = "some addresses could not be looked up";
    assert_string_equal(look(arena, &a, 20000).trouble, a.half);
    a.half = "";
    a.is_cut = true;
    assert_string_equal(look(arena, &a, 20000).trouble, HOST " has more than 16 addresses");
    stop(&s);
    otr_arena_free(arena);
}

/* One address of two: the good one is told, and nothing is concluded of both. */
static void one_address_of_two(void **state)
{
    otr_arena *arena = otr_arena_new();
    server s = { .kind = TLS };
    otr_authority a;
    otr_service seen;

    (void)state;
    start(&s);
    a = at_loopback(s.port);
    a.addresses[1] = (otr_address){ 4, { 127, 0, 0, 2 } }; /* where nobody listens */
    a.address_count = 2;
    seen = look(arena, &a, 20000);
    assert_int_equal(seen.count, 1);
    assert_memory_equal(seen.trouble, "127.0.0.2: unreachable", 22);
    assert_false(seen.is_failing);
    stop(&s);
    otr_arena_free(arena);
}

static void hosts_that_show_nothing(void **state)
{
    static const struct {
        int kind;
        unsigned timeout_ms;
        bool is_failing;
        const char *trouble;
    } rows[] = {
        { NO_STARTTLS, 20000, true, "127.0.0.1: no-starttls" }, /* mail to it waits where there are records */
        { SILENT, 300, false, "127.0.0.1: timeout" },           /* it may be this network */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_arena *arena = otr_arena_new();
        server s = { .kind = rows[i].kind };
        otr_authority a;
        otr_service seen;

        start(&s);
        a = at_loopback(s.port);
        seen = look(arena, &a, rows[i].timeout_ms);
        assert_int_equal(seen.count, 0);
        assert_int_equal(seen.is_failing, rows[i].is_failing);
        assert_memory_equal(seen.trouble, rows[i].trouble, strlen(rows[i].trouble));
        stop(&s);
        otr_arena_free(arena);
    }
}

static void a_host_without_addresses(void **state)
{
    otr_arena *arena = otr_arena_new();
    otr_authority a = at_loopback(25);

    (void)state;
    a.address_count = 0;
    assert_string_equal(look(arena, &a, 1000).trouble, HOST " has no address");
    otr_arena_free(arena);
}

/* "ADDRESS RECORD ISSUER" each. */
static void one_key_everywhere(void **state)
{
    static const struct {
        const char *what, *chains[4][3], *unseen, *trouble;
        bool is_one;
    } rows[] = {
        { "one address", { { "a", "K", "" } }, "", "", true },
        { "two addresses", { { "a", "K", "" }, { "b", "K", "" } }, "", "", true },
        { "another algorithm beside it", { { "a", "K", "" }, { "a", "R", "" }, { "b", "K", "" } }, "", "", true },
        { "another key at the second", { { "a", "K", "" }, { "b", "L", "" } }, "", "", false },
        { "another issuer at the second", { { "a", "K", "I" }, { "b", "K", "J" } }, "", "", false },
        { "an address was not seen", { { "a", "K", "" } }, "", "b: timeout: no answer", false },
        { "there is no way to an address", { { "a", "K", "" } }, "2001:db8::1", "", false },
        { "nothing was seen", { { NULL } }, "", "", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_service s = { .unseen = rows[i].unseen, .trouble = rows[i].trouble };

        for (; s.count < 4 && rows[i].chains[s.count][0] != NULL; s.count++)
            s.chains[s.count] = (otr_service_chain){ .address = rows[i].chains[s.count][0], .record = rows[i].chains[s.count][1],
                                                     .issuer = rows[i].chains[s.count][2] };
        if ((otr_service_with_key(&s, "K") != NULL) != rows[i].is_one)
            fail_msg("%s", rows[i].what);
    }
}

static int open_all(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    certificate = otr_make_cert(&(otr_cert_plan){ .common_name = HOST, .san = "DNS:" HOST });
    return base == NULL;
}

static int close_all(void **state)
{
    (void)state;
    otr_cert_clear(&certificate);
    event_base_free(base);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_with_one_key),
        cmocka_unit_test(one_address_of_two),
        cmocka_unit_test(hosts_that_show_nothing),
        cmocka_unit_test(a_host_without_addresses),
        cmocka_unit_test(one_key_everywhere),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}

/*
 * probe_test.c - the session with a server that follows a script, over the loopback: what is said in which order, and what
 * becomes of every way in which it can go wrong.
 *
 * A script is steps separated by '|':
 *   > TEXT   send TEXT, CR, LF              raw TEXT   send TEXT as it stands
 *   <        read one line; it is written down          tls        shake hands, and go on in TLS
 *   close    hang up now                    half       read the client hello, answer with half a record, and hang up
 *   drip     one octet every 20 ms, always  flood      lines of one reply without an end
 *   hold     wait until the client hangs up
 * At its end the server hangs up.
 */
#include "smtp/probe.h"
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

#define NAME "probe.example"
#define HOST "mx.example.org"
#define SHORT_MS 1000  /* enough to come as far as the row says, on a busy machine */
#define PATIENT_MS 4000 /* ... and through a handshake */
#define TO_EHLO "> 220 mx ESMTP|<|"
#define TO_STARTTLS TO_EHLO "> 250-mx|> 250 STARTTLS|<|"
#define TO_TLS TO_STARTTLS "> 220 go|tls|"
#define SAID "EHLO " NAME

typedef struct server {
    const char *script;
    int min_version, max_version; /* of TLS; 0: any */
    int listener, fd;
    SSL *ssl;        /* NULL: in clear */
    otr_buf heard;   /* commands, separated by '|'; those in TLS with "tls " before them */
    char sni[64];
} server;

static struct event_base *base;
static otr_cert certificate, root;

/* --- the server ----------------------------------------------------------------------------------------------- */

static ssize_t put(server *s, const char *octets, size_t len)
{
    return s->ssl != NULL ? SSL_write(s->ssl, octets, (int)len) : send(s->fd, octets, len, MSG_NOSIGNAL);
}

static ssize_t get(server *s, char *octet)
{
    return s->ssl != NULL ? SSL_read(s->ssl, octet, 1) : recv(s->fd, octet, 1, 0);
}

static bool read_command(server *s)
{
    char octet;
    bool is_first = true;

    while (get(s, &octet) == 1 && octet != '\n') {
        if (is_first)
            otr_buf_printf(&s->heard, "%s%s", s->heard.len > 0 ? "|" : "", s->ssl != NULL ? "tls " : "");
        is_first = false;
        if (octet != '\r')
            otr_buf_putc(&s->heard, octet);
    }
    return !is_first;
}

static int note_sni(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    snprintf(((server *)arg)->sni, sizeof(((server *)arg)->sni), "%s", name != NULL ? name : "");
    return SSL_TLSEXT_ERR_OK;
}

static bool accept_tls(server *s)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    bool is_good;

    SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(ctx, s->min_version);
    SSL_CTX_set_max_proto_version(ctx, s->max_version);
    SSL_CTX_use_certificate(ctx, certificate.cert);
    SSL_CTX_use_PrivateKey(ctx, certificate.key);
    SSL_CTX_add1_chain_cert(ctx, root.cert);
    SSL_CTX_set_tlsext_servername_callback(ctx, note_sni);
    SSL_CTX_set_tlsext_servername_arg(ctx, s);
    s->ssl = SSL_new(ctx);
    SSL_set_fd(s->ssl, s->fd);
    is_good = SSL_accept(s->ssl) == 1;
    SSL_CTX_free(ctx);
    return is_good;
}

static bool send_forever(server *s, const char *octets, useconds_t pause)
{
    while (put(s, octets, strlen(octets)) > 0) {
        char seen;

        if (pause > 0)
            usleep(pause);
        if (recv(s->fd, &seen, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
            break;
    }
    return false;
}

static bool answer_half(server *s)
{
    char octets[2048];

    return recv(s->fd, octets, sizeof(octets), 0) > 0 && put(s, "\x16\x03\x03\x00\x7a\x02\x00", 7) == 7 && false;
}

static bool hold(server *s)
{
    char octet;

    while (get(s, &octet) == 1)
        continue;
    return false;
}

static bool do_step(server *s, const char *step, size_t len)
{
    char text[512];

    snprintf(text, sizeof(text), "%.*s", (int)len, step);
    if (text[0] == '>') {
        strcat(text, "\r\n");
        return put(s, text + 2, strlen(text + 2)) > 0;
    }
    if (strncmp(text, "raw ", 4) == 0)
        return put(s, text + 4, strlen(text + 4)) > 0;
    if (strcmp(text, "<") == 0)
        return read_command(s);
    if (strcmp(text, "tls") == 0)
        return accept_tls(s);
    if (strcmp(text, "half") == 0)
        return answer_half(s);
    if (strcmp(text, "drip") == 0)
        return send_forever(s, "2", 20000);
    if (strcmp(text, "flood") == 0)
        return send_forever(s, "250-and so on\r\n", 0);
    if (strcmp(text, "hold") == 0)
        return hold(s);
    return false;
}

/* The client is left to hang up first where all went well: a reset would take what is on its way. */
static void *serve(void *arg)
{
    server *s = arg;
    const char *at = s->script;
    bool goes_on = true;

    s->fd = accept(s->listener, NULL, NULL);
    while (*at != '\0' && goes_on) {
        size_t len = strcspn(at, "|");

        goes_on = do_step(s, at, len);
        at += len + (at[len] == '|');
    }
    shutdown(s->fd, SHUT_WR);
    SSL_free(s->ssl);
    close(s->fd);
    return NULL;
}

static uint16_t listen_on(server *s, int backlog)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);

    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (const struct sockaddr *)&at, sizeof(at)), 0);
    if (backlog >= 0)
        assert_int_equal(listen(s->listener, backlog), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &len), 0);
    return ntohs(at.sin_port);
}

/* --- the probe ------------------------------------------------------------------------------------------------ */

typedef struct seen {
    bool is_told;
    otr_probe_result result;
    char version[32];
    int certificates;
    bool is_leaf_ours;
} seen;

static void keep(void *arg, const otr_probe_result *result)
{
    seen *s = arg;

    assert_false(s->is_told);
    s->is_told = true;
    s->result = *result;
    snprintf(s->version, sizeof(s->version), "%s", result->tls_version);
    s->certificates = result->chain != NULL ? sk_X509_num(result->chain) : -1;
    s->is_leaf_ours = s->certificates > 0 && X509_cmp(sk_X509_value(result->chain, 0), certificate.cert) == 0;
    event_base_loopbreak(base);
}

static otr_probe *start(uint16_t port, unsigned timeout_ms, seen *result)
{
    const otr_probe_question question = { .address = { .family = 4, .bytes = { 127, 0, 0, 1 } }, .port = port,
                                          .sni = HOST, .ehlo = NAME, .timeout_ms = timeout_ms };
    otr_probe *probe = otr_probe_start(base, &question, keep, result);

    assert_non_null(probe);
    assert_false(result->is_told);
    return probe;
}

static const struct {
    const char *name;
    const char *script;
    otr_probe_outcome outcome;
    otr_probe_step step;
    const char *reason;
    const char *heard;
    bool is_slow; /* ends by the deadline */
    int min_version, max_version;
    const char *version;
} rows[] = {
    { "all goes well: EHLO, STARTTLS, EHLO, QUIT and nothing else",
      TO_TLS "<|> 250-mx|> 250 SIZE|<|> 221 bye|hold", OTR_PROBE_TLS, OTR_PROBE_HANDSHAKE, "",
      SAID "|STARTTLS|tls " SAID "|tls QUIT", false, 0, 0, "TLSv1.3" },
    { "TLS 1.2 will do", TO_TLS "<|> 250 mx|<|> 221 bye|hold", OTR_PROBE_TLS, OTR_PROBE_HANDSHAKE, "",
      SAID "|STARTTLS|tls " SAID "|tls QUIT", false, TLS1_2_VERSION, TLS1_2_VERSION, "TLSv1.2" },
    { "an older server gets no handshake", TO_TLS, OTR_PROBE_TLS_FAILED, OTR_PROBE_HANDSHAKE,
      "the server speaks no TLS from version 1.2 on", SAID "|STARTTLS", false, TLS1_VERSION, TLS1_1_VERSION, "" },
    { "a greeting of several lines", "> 220-mx|> 220-no spam|> 220 please|<|> 250 mx|<|> 221 bye", OTR_PROBE_NO_STARTTLS,
      OTR_PROBE_EHLO, "STARTTLS is not offered", SAID "|QUIT", false, 0, 0, "" },
    { "STARTTLS is not offered", TO_EHLO "> 250-mx|> 250 SIZE|<|> 221 bye", OTR_PROBE_NO_STARTTLS, OTR_PROBE_EHLO,
      "STARTTLS is not offered", SAID "|QUIT", false, 0, 0, "" },
    { "the server knows HELO only", TO_EHLO "> 502 5.5.1 what?|<|> 221 bye", OTR_PROBE_NO_STARTTLS, OTR_PROBE_EHLO,
      "EHLO is not known, and so no STARTTLS: 502 5.5.1 what?", SAID "|QUIT", false, 0, 0, "" },
    { "the greeting is 421: nobody is there to say QUIT to", "> 421 4.3.2 too busy|<", OTR_PROBE_TURNED_AWAY,
      OTR_PROBE_GREETING, "the greeting is 421 4.3.2 too busy", "", false, 0, 0, "" },
    { "the greeting is 554", "> 554 5.7.1 not you|<|> 221 bye", OTR_PROBE_TURNED_AWAY, OTR_PROBE_GREETING,
      "the greeting is 554 5.7.1 not you", "QUIT", false, 0, 0, "" },
    { "the greeting is 354", "> 354 go ahead|<", OTR_PROBE_NOT_SMTP, OTR_PROBE_GREETING,
      "the server sends a reply that answers nothing", "", false, 0, 0, "" },
    { "EHLO is answered with 550: that is about us", TO_EHLO "> 550 your name|<|> 221 bye", OTR_PROBE_TURNED_AWAY,
      OTR_PROBE_EHLO, "EHLO is answered with 550 your name", SAID "|QUIT", false, 0, 0, "" },
    { "EHLO is answered with 421", TO_EHLO "> 421 later|<", OTR_PROBE_TURNED_AWAY, OTR_PROBE_EHLO,
      "EHLO is answered with 421 later", SAID, false, 0, 0, "" },
    { "STARTTLS is answered with 454", TO_STARTTLS "> 454 4.7.0 no|<|> 221 bye", OTR_PROBE_NO_STARTTLS, OTR_PROBE_STARTTLS,
      "STARTTLS is offered and answered with 454 4.7.0 no", SAID "|STARTTLS|QUIT", false, 0, 0, "" },
    { "STARTTLS is answered with 500", TO_STARTTLS "> 500 5.5.1 what?|<|> 221 bye", OTR_PROBE_NO_STARTTLS,
      OTR_PROBE_STARTTLS, "STARTTLS is offered and answered with 500 5.5.1 what?", SAID "|STARTTLS|QUIT", false, 0, 0, "" },
    { "STARTTLS is answered with 421", TO_STARTTLS "> 421 closing|<", OTR_PROBE_NO_STARTTLS, OTR_PROBE_STARTTLS,
      "STARTTLS is offered and answered with 421 closing", SAID "|STARTTLS", false, 0, 0, "" },
    { "STARTTLS is answered with 250", TO_STARTTLS "> 250 ok|<|> 221 bye", OTR_PROBE_NO_STARTTLS, OTR_PROBE_STARTTLS,
      "STARTTLS is offered and answered with 250 ok", SAID "|STARTTLS|QUIT", false, 0, 0, "" },
    { "CVE-2011-0411: clear text behind the answer to STARTTLS", TO_STARTTLS "raw 220 go\r\n250-evil\r\n250 x\r\n|hold",
      OTR_PROBE_INJECTION, OTR_PROBE_STARTTLS, "clear text follows the answer to STARTTLS: somebody put it there",
      SAID "|STARTTLS", false, 0, 0, "" },
    { "an octet of it is enough", TO_STARTTLS "raw 220 go\r\n2|hold", OTR_PROBE_INJECTION, OTR_PROBE_STARTTLS,
      "clear text follows the answer to STARTTLS: somebody put it there", SAID "|STARTTLS", false, 0, 0, "" },
    { "garbage instead of TLS", TO_STARTTLS "> 220 go|raw <html>hello</html>\r\n|hold", OTR_PROBE_TLS_FAILED,
      OTR_PROBE_HANDSHAKE, "what the server sends is no TLS", SAID "|STARTTLS", false, 0, 0, "" },
    { "the connection is cut in the handshake", TO_STARTTLS "> 220 go|half|close", OTR_PROBE_TLS_FAILED, OTR_PROBE_HANDSHAKE,
      "in the handshake: the connection was closed", SAID "|STARTTLS", false, 0, 0, "" },
    { "the handshake never goes on", TO_STARTTLS "> 220 go|raw \x16\x03\x03|hold", OTR_PROBE_TIMEOUT, OTR_PROBE_HANDSHAKE,
      "no handshake in time", SAID "|STARTTLS", true, 0, 0, "" },
    { "the connection is closed at once", "close", OTR_PROBE_CLOSED, OTR_PROBE_GREETING, "the connection was closed", "",
      false, 0, 0, "" },
    { "the connection is closed within a reply", TO_EHLO "> 250-mx|close", OTR_PROBE_CLOSED, OTR_PROBE_EHLO,
      "the connection was closed", SAID, false, 0, 0, "" },
    { "no greeting ever", "hold", OTR_PROBE_TIMEOUT, OTR_PROBE_GREETING, "no complete answer in time", "", true, 0, 0, "" },
    { "no answer to EHLO", TO_EHLO "hold", OTR_PROBE_TIMEOUT, OTR_PROBE_EHLO, "no complete answer in time", SAID, true, 0, 0,
      "" },
    { "no answer to STARTTLS", TO_STARTTLS "hold", OTR_PROBE_TIMEOUT, OTR_PROBE_STARTTLS, "no complete answer in time",
      SAID "|STARTTLS", true, 0, 0, "" },
    { "one octet now and then", "raw 220 |drip", OTR_PROBE_TIMEOUT, OTR_PROBE_GREETING, "no complete answer in time", "",
      true, 0, 0, "" },
    { "a reply without an end", TO_EHLO "flood", OTR_PROBE_NOT_SMTP, OTR_PROBE_EHLO,
      "the server sends a reply of too many lines", SAID, false, 0, 0, "" },
    { "another protocol", "> SSH-2.0-OpenSSH_9.2|hold", OTR_PROBE_NOT_SMTP, OTR_PROBE_GREETING,
      "the server sends a line that does not begin with a reply code", "", false, 0, 0, "" },
    { "two replies to one command", "raw 220 mx\r\n250 mx\r\n|hold", OTR_PROBE_NOT_SMTP, OTR_PROBE_GREETING,
      "the server sends more than one reply to a command", "", false, 0, 0, "" },
    { "a bare LF", "raw 220 mx\n|hold", OTR_PROBE_NOT_SMTP, OTR_PROBE_GREETING, "the server sends a LF without CR", "", false,
      0, 0, "" },
    { "TLS from the first octet", "tls", OTR_PROBE_TIMEOUT, OTR_PROBE_GREETING, "no complete answer in time", "", true, 0, 0,
      "" },
    { "cut after the handshake: what was shown was shown", TO_TLS "close", OTR_PROBE_TLS, OTR_PROBE_HANDSHAKE,
      "after the handshake the connection was closed", SAID "|STARTTLS", false, 0, 0, "TLSv1.3" },
    { "turned away after the handshake", TO_TLS "<|> 421 no", OTR_PROBE_TLS, OTR_PROBE_HANDSHAKE,
      "EHLO is answered with 421 no under TLS", SAID "|STARTTLS|tls " SAID, false, 0, 0, "TLSv1.3" },
    { "nonsense after the handshake", TO_TLS "<|> hello|hold", OTR_PROBE_TLS, OTR_PROBE_HANDSHAKE,
      "after the handshake a line that does not begin with a reply code", SAID "|STARTTLS|tls " SAID, false, 0, 0,
      "TLSv1.3" },
    { "silence after the handshake", TO_TLS "<|hold", OTR_PROBE_TLS, OTR_PROBE_HANDSHAKE,
      "after the handshake no answer came in time", SAID "|STARTTLS|tls " SAID, true, 0, 0, "TLSv1.3" },
    { "no answer to QUIT is none of our business", TO_TLS "<|> 250 mx|<|hold", OTR_PROBE_TLS, OTR_PROBE_HANDSHAKE, "",
      SAID "|STARTTLS|tls " SAID "|tls QUIT", true, 0, 0, "TLSv1.3" },
    { "nor is nonsense", TO_EHLO "> 250 mx|<|> bye", OTR_PROBE_NO_STARTTLS, OTR_PROBE_EHLO, "STARTTLS is not offered",
      SAID "|QUIT", false, 0, 0, "" },
};

static void check_row(size_t i)
{
    server s = { .script = rows[i].script, .min_version = rows[i].min_version, .max_version = rows[i].max_version };
    uint16_t port = listen_on(&s, 1);
    seen got = { 0 };
    pthread_t thread;
    bool is_tls = rows[i].outcome == OTR_PROBE_TLS;

    assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
    start(port, !rows[i].is_slow ? 0 : is_tls ? PATIENT_MS : SHORT_MS, &got);
    event_base_dispatch(base);
    pthread_join(thread, NULL);
    close(s.listener);
    if (!got.is_told)
        fail_msg("%s: never told", rows[i].name);
    if (got.result.outcome != rows[i].outcome || got.result.step != rows[i].step)
        fail_msg("%s: got %s in %s (%s), want %s in %s", rows[i].name, otr_probe_outcome_names[got.result.outcome],
                 otr_probe_step_names[got.result.step], got.result.reason, otr_probe_outcome_names[rows[i].outcome],
                 otr_probe_step_names[rows[i].step]);
    if (strcmp(got.result.reason, rows[i].reason) != 0)
        fail_msg("%s: got \"%s\", want \"%s\"", rows[i].name, got.result.reason, rows[i].reason);
    if (strcmp(otr_buf_text(&s.heard), rows[i].heard) != 0)
        fail_msg("%s: the server heard \"%s\", want \"%s\"", rows[i].name, otr_buf_text(&s.heard), rows[i].heard);
    if (strcmp(got.version, rows[i].version) != 0 || got.certificates != (is_tls ? 2 : -1) || got.is_leaf_ours != is_tls)
        fail_msg("%s: got %s, %d certificates", rows[i].name, got.version, got.certificates);
    if (is_tls && strcmp(s.sni, HOST) != 0)
        fail_msg("%s: SNI is \"%s\"", rows[i].name, s.sni);
    otr_buf_clear(&s.heard);
}

static void sessions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(i);
}

static void nobody_listens(void **state)
{
    server s = { 0 };
    uint16_t port = listen_on(&s, -1);
    seen got = { 0 };

    (void)state;
    start(port, 0, &got);
    event_base_dispatch(base);
    assert_int_equal(got.result.outcome, OTR_PROBE_UNREACHABLE);
    assert_int_equal(got.result.step, OTR_PROBE_CONNECT);
    assert_string_equal(got.result.reason, "Connection refused");
    close(s.listener);
}

/* With its queue full, the kernel lets further attempts wait. */
static void nobody_answers(void **state)
{
    server s = { 0 };
    uint16_t port = listen_on(&s, 0);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int before = socket(AF_INET, SOCK_STREAM, 0);
    seen got = { 0 };

    (void)state;
    assert_int_equal(connect(before, (const struct sockaddr *)&to, sizeof(to)), 0);
    start(port, SHORT_MS, &got);
    event_base_dispatch(base);
    assert_int_equal(got.result.outcome, OTR_PROBE_UNREACHABLE);
    assert_int_equal(got.result.step, OTR_PROBE_CONNECT);
    assert_string_equal(got.result.reason, "no connection in time");
    close(before);
    close(s.listener);
}

static void a_cancelled_probe_tells_nobody(void **state)
{
    server s = { .script = "hold" };
    uint16_t port = listen_on(&s, 1);
    seen got = { 0 };
    pthread_t thread;
    otr_probe *probe;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
    probe = start(port, SHORT_MS, &got);
    event_base_loop(base, EVLOOP_ONCE);
    otr_probe_cancel(probe);
    otr_probe_cancel(NULL);
    event_base_dispatch(base);
    assert_false(got.is_told);
    pthread_join(thread, NULL);
    close(s.listener);
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* the scripted server writes through OpenSSL */
    root = otr_make_cert(&(otr_cert_plan){ .common_name = "root", .constraints = "critical,CA:TRUE" });
    certificate = otr_make_cert(&(otr_cert_plan){ .common_name = "leaf", .san = "DNS:" HOST, .issuer = &root });
    base = event_base_new();
    return base != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    event_base_free(base);
    otr_cert_clear(&certificate);
    otr_cert_clear(&root);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(a_cancelled_probe_tells_nobody),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

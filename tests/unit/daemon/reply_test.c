/*
 * reply_test.c - what our policy host answers to which request, and the octets of it.
 */
#include "daemon/publish/reply.h"

#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define WELL_KNOWN "/.well-known/mta-sts.txt"
#define BODY "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n"
#define NOW 1000000

static otr_served served, lapsed, lasting;
static otr_site_policy policies[] = {
    { .host = "mta-sts.example.com", .domain = "example.com", .id = "1", .body = { BODY, sizeof(BODY) - 1 }, .served = &lapsed },
    { .host = "mta-sts.example.org", .domain = "example.org", .id = "2", .body = { BODY, sizeof(BODY) - 1 }, .served = &served },
    { .host = "mta-sts.example.org.lab", .domain = "x", .id = "3", .body = { BODY, sizeof(BODY) - 1 }, .served = &lasting },
};
static otr_site_token tokens[] = { { "Abc", { "Abc.thumb", 9 } }, { "abc-_9", { "abc-_9.thumb", 12 } } };
static const otr_site site = { .policies = policies, .policy_count = 3, .tokens = tokens, .token_count = 2 };

static int set_up(void **state)
{
    (void)state;
    atomic_init(&served.horizon, NOW);
    atomic_init(&lasting.horizon, NOW);
    atomic_init(&lapsed.horizon, NOW - 1);
    return 0;
}

static otr_request read_request(const char *head)
{
    otr_request_reader reader = { 0 };
    otr_request request;
    size_t taken;
    unsigned status;

    if (otr_request_read(&reader, head, strlen(head), &request, &taken, &status) != OTR_REQUEST_WHOLE)
        fail_msg("no request: %s", head);
    return request;
}

#define ASK(method, path, host) method " " path " HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define HOST "mta-sts.example.org"
#define TOKEN "/.well-known/acme-challenge/"

static void test_decisions(void **state)
{
    static const struct {
        const char *row;
        otr_web_kind kind;
        const char *sni, *head;
        otr_status_code code;
    } rows[] = {
        { "the policy", OTR_WEB_HTTPS, HOST, ASK("GET", WELL_KNOWN, HOST), OTR_STATUS_200 },
        { "its head", OTR_WEB_HTTPS, HOST, ASK("HEAD", WELL_KNOWN, HOST), OTR_STATUS_200 },
        { "names have no case", OTR_WEB_HTTPS, HOST, ASK("GET", WELL_KNOWN, "MTA-STS.Example.ORG"), OTR_STATUS_200 },
        { "a final dot", OTR_WEB_HTTPS, HOST, ASK("GET", WELL_KNOWN, HOST "."), OTR_STATUS_200 },
        { "a port", OTR_WEB_HTTPS, HOST, ASK("GET", WELL_KNOWN, HOST ":443"), OTR_STATUS_200 },
        { "a query", OTR_WEB_HTTPS, HOST, ASK("GET", WELL_KNOWN "?1", HOST), OTR_STATUS_200 },
        { "absolute-form", OTR_WEB_HTTPS, HOST, ASK("GET", "https://" HOST WELL_KNOWN, "x"), OTR_STATUS_200 },
        { "another name than that of the handshake", OTR_WEB_HTTPS, HOST, ASK("GET", WELL_KNOWN, "mta-sts.example.com"), OTR_STATUS_421 },
        { "the beginning of the name", OTR_WEB_HTTPS, HOST, ASK("GET", WELL_KNOWN, "mta-sts.example"), OTR_STATUS_421 },
        { "more than the name", OTR_WEB_HTTPS, HOST, ASK("GET", WELL_KNOWN, HOST ".lab"), OTR_STATUS_421 },
        { "no name", OTR_WEB_HTTPS, HOST, "GET " WELL_KNOWN " HTTP/1.0\r\n\r\n", OTR_STATUS_421 },
        { "a name that went after the handshake", OTR_WEB_HTTPS, "mta-sts.example.net", ASK("GET", WELL_KNOWN, "mta-sts.example.net"),
          OTR_STATUS_421 },
        { "the root", OTR_WEB_HTTPS, HOST, ASK("GET", "/", HOST), OTR_STATUS_404 },
        { "in capitals", OTR_WEB_HTTPS, HOST, ASK("GET", "/.well-known/MTA-STS.txt", HOST), OTR_STATUS_404 },
        { "a slash more", OTR_WEB_HTTPS, HOST, ASK("GET", WELL_KNOWN "/", HOST), OTR_STATUS_404 },
        { "two slashes", OTR_WEB_HTTPS, HOST, ASK("GET", "/" WELL_KNOWN, HOST), OTR_STATUS_404 },
        { "an escape for a letter", OTR_WEB_HTTPS, HOST, ASK("GET", "/.well-known/mta-sts%2Etxt", HOST), OTR_STATUS_404 },
        { "a way round", OTR_WEB_HTTPS, HOST, ASK("GET", "/../etc/passwd", HOST), OTR_STATUS_404 },
        { "a challenge", OTR_WEB_HTTPS, HOST, ASK("GET", TOKEN "Abc", HOST), OTR_STATUS_404 },
        { "POST", OTR_WEB_HTTPS, HOST, ASK("POST", WELL_KNOWN, HOST), OTR_STATUS_405 },
        { "POST elsewhere", OTR_WEB_HTTPS, HOST, ASK("POST", "/", HOST), OTR_STATUS_404 },
        { "OPTIONS *", OTR_WEB_HTTPS, HOST, ASK("OPTIONS", "*", HOST), OTR_STATUS_404 },
        { "GET with a body", OTR_WEB_HTTPS, HOST,
          "GET " WELL_KNOWN " HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 1\r\n\r\n", OTR_STATUS_413 },
        { "a version that may not be handed out any more", OTR_WEB_HTTPS, "mta-sts.example.com",
          ASK("GET", WELL_KNOWN, "mta-sts.example.com"), OTR_STATUS_503 },

        { "behind a proxy", OTR_WEB_PLAIN, NULL, ASK("GET", WELL_KNOWN, HOST), OTR_STATUS_200 },
        { "behind a proxy, of any name", OTR_WEB_PLAIN, NULL, ASK("GET", WELL_KNOWN, HOST ".lab"), OTR_STATUS_200 },
        { "behind a proxy that does not pass Host on", OTR_WEB_PLAIN, NULL, ASK("GET", WELL_KNOWN, "127.0.0.1:8080"), OTR_STATUS_421 },

        { "a challenge, whatever the name", OTR_WEB_ACME, NULL, ASK("GET", TOKEN "Abc", "x.example"), OTR_STATUS_200 },
        { "its head", OTR_WEB_ACME, NULL, ASK("HEAD", TOKEN "abc-_9", "x.example"), OTR_STATUS_200 },
        { "tokens have case", OTR_WEB_ACME, NULL, ASK("GET", TOKEN "ABC", "x.example"), OTR_STATUS_404 },
        { "the beginning of one", OTR_WEB_ACME, NULL, ASK("GET", TOKEN "Ab", "x.example"), OTR_STATUS_404 },
        { "no token", OTR_WEB_ACME, NULL, ASK("GET", TOKEN, "x.example"), OTR_STATUS_404 },
        { "a way round", OTR_WEB_ACME, NULL, ASK("GET", TOKEN "../Abc", "x.example"), OTR_STATUS_404 },
        { "the policy", OTR_WEB_ACME, NULL, ASK("GET", WELL_KNOWN, HOST), OTR_STATUS_404 },
        { "POST", OTR_WEB_ACME, NULL, ASK("POST", TOKEN "Abc", "x.example"), OTR_STATUS_405 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_request request = read_request(rows[i].head);
        otr_reply reply = otr_reply_decide(&site, rows[i].kind, rows[i].sni, &request, NOW);

        if (reply.code != rows[i].code)
            fail_msg("%s: got %s, want %s", rows[i].row, otr_status_texts[reply.code], otr_status_texts[rows[i].code]);
        reply = otr_reply_decide(NULL, rows[i].kind, rows[i].sni, &request, NOW);
        if (reply.code == OTR_STATUS_200)
            fail_msg("%s: something was shown where there is nothing", rows[i].row);
    }
}

/* Only what a client could be about to write is worth a second look. */
static void test_missing_tokens(void **state)
{
    otr_request missing = read_request(ASK("GET", TOKEN "later", "x")), there = read_request(ASK("GET", TOKEN "Abc", "x"));
    otr_request no_token = read_request(ASK("GET", TOKEN "a.b", "x"));

    (void)state;
    assert_true(otr_reply_decide(&site, OTR_WEB_ACME, NULL, &missing, NOW).is_token_missing);
    assert_true(otr_reply_decide(NULL, OTR_WEB_ACME, NULL, &missing, NOW).is_token_missing);
    assert_false(otr_reply_decide(&site, OTR_WEB_ACME, NULL, &there, NOW).is_token_missing);
    assert_false(otr_reply_decide(&site, OTR_WEB_ACME, NULL, &no_token, NOW).is_token_missing);
}

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define PLAIN "\r\nDate: " DATE "\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nCache-Control: "

static void test_octets(void **state)
{
    static const struct {
        const char *row;
        otr_web_kind kind;
        const char *head, *octets;
    } rows[] = {
        { "the policy", OTR_WEB_PLAIN, ASK("GET", WELL_KNOWN, HOST),
          "HTTP/1.1 200 OK" PLAIN "max-age=60\r\nContent-Length: 44\r\n\r\n" BODY },
        { "its head", OTR_WEB_PLAIN, ASK("HEAD", WELL_KNOWN, HOST), "HTTP/1.1 200 OK" PLAIN "max-age=60\r\nContent-Length: 44\r\n\r\n" },
        { "the last one", OTR_WEB_PLAIN, "GET " WELL_KNOWN " HTTP/1.1\r\nHost: " HOST "\r\nConnection: close\r\n\r\n",
          "HTTP/1.1 200 OK" PLAIN "max-age=60\r\nConnection: close\r\nContent-Length: 44\r\n\r\n" BODY },
        { "HTTP/1.0 that goes on", OTR_WEB_PLAIN, "GET " WELL_KNOWN " HTTP/1.0\r\nHost: " HOST "\r\nConnection: keep-alive\r\n\r\n",
          "HTTP/1.1 200 OK" PLAIN "max-age=60\r\nConnection: keep-alive\r\nContent-Length: 44\r\n\r\n" BODY },
        { "a challenge", OTR_WEB_ACME, ASK("GET", TOKEN "Abc", "x"),
          "HTTP/1.1 200 OK" PLAIN "no-store\r\nContent-Length: 9\r\n\r\nAbc.thumb" },
        { "not there", OTR_WEB_PLAIN, ASK("GET", "/", HOST),
          "HTTP/1.1 404 Not Found" PLAIN "no-store\r\nContent-Length: 14\r\n\r\n404 Not Found\n" },
        { "another method", OTR_WEB_PLAIN, ASK("POST", WELL_KNOWN, HOST),
          "HTTP/1.1 405 Method Not Allowed" PLAIN "no-store\r\nAllow: GET, HEAD\r\nContent-Length: 23\r\n\r\n405 Method Not Allowed\n" },
    };
    char out[OTR_REPLY_HEAD_MAX + sizeof(BODY)];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_request request = read_request(rows[i].head);
        otr_reply reply = otr_reply_decide(&site, rows[i].kind, NULL, &request, NOW);
        size_t len = otr_reply_write(&reply, DATE, out);

        if (len != strlen(rows[i].octets) || memcmp(out, rows[i].octets, len) != 0)
            fail_msg("%s: got\n%.*s\nwant\n%s", rows[i].row, (int)len, out, rows[i].octets);
    }
}

/* No head is larger than there is room for. */
static void test_heads_fit(void **state)
{
    char out[4 * OTR_REPLY_HEAD_MAX];

    (void)state;
    for (unsigned code = 0; code < OTR_STATUS_COUNT; code++) {
        otr_reply reply = { .code = (otr_status_code)code, .is_last = true };

        assert_true(otr_reply_write(&reply, DATE, out) <= OTR_REPLY_HEAD_MAX);
    }
    assert_int_equal(otr_reply_refuse(431).code, OTR_STATUS_431);
    assert_int_equal(otr_reply_refuse(414).code, OTR_STATUS_414);
    assert_int_equal(otr_reply_refuse(505).code, OTR_STATUS_505);
    assert_int_equal(otr_reply_refuse(400).code, OTR_STATUS_400);
}

static void test_dates(void **state)
{
    char date[OTR_HTTP_DATE_SIZE];

    (void)state;
    otr_http_date(784111777, date);
    assert_string_equal(date, DATE);
    otr_http_date(1709251199, date);
    assert_string_equal(date, "Thu, 29 Feb 2024 23:59:59 GMT");
    otr_http_date(INT64_MAX, date); /* no date is better than a wrong one */
    assert_string_equal(date, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions), cmocka_unit_test(test_missing_tokens), cmocka_unit_test(test_octets),
        cmocka_unit_test(test_heads_fit), cmocka_unit_test(test_dates),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

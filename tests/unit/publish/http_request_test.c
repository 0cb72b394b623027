/*
 * http_request_test.c - which heads of requests are understood, and how; each also octet by octet (RFC 9112).
 */
#include "publish/http_request.h"

#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H "Host: a.example\r\n"
#define END "\r\n"

static const struct {
    const char *row, *head;
    unsigned status; /* 0: understood */
} verdicts[] = {
    { "the usual", "GET /x HTTP/1.1\r\n" H END, 0 },
    { "an empty line before it", "\r\nGET /x HTTP/1.1\r\n" H END, 0 },
    { "two empty lines before it", "\r\n\r\nGET /x HTTP/1.1\r\n" H END, 400 },
    { "HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n" END, 0 },
    { "HTTP/1.7 is HTTP/1.1", "GET /x HTTP/1.7\r\n" H END, 0 },
    { "HTTP/2", "PRI * HTTP/2.0\r\n" END, 505 },
    { "HTTP/0.9", "GET /x\r\n" END, 400 },
    { "no version", "GET /x \r\n" H END, 400 },
    { "a version in small letters", "GET /x http/1.1\r\n" H END, 400 },
    { "a version with more digits", "GET /x HTTP/1.10\r\n" H END, 400 },
    { "two blanks", "GET  /x HTTP/1.1\r\n" H END, 400 },
    { "a tab for a blank", "GET\t/x HTTP/1.1\r\n" H END, 400 },
    { "a blank behind the version", "GET /x HTTP/1.1 \r\n" H END, 400 },
    { "a blank in the target", "GET /x y HTTP/1.1\r\n" H END, 400 },
    { "no method", " /x HTTP/1.1\r\n" H END, 400 },
    { "a method that is no token", "G(T /x HTTP/1.1\r\n" H END, 400 },
    { "a method that nobody has heard of", "BREW /x HTTP/1.1\r\n" H END, 0 },
    { "a very long method", "GETGETGETGETGETGETGETGETGETGETGET /x HTTP/1.1\r\n" H END, 400 },
    { "methods have case", "get /x HTTP/1.1\r\n" H END, 0 },
    { "the server as a whole", "OPTIONS * HTTP/1.1\r\n" H END, 0 },
    { "a tunnel", "CONNECT b.example:443 HTTP/1.1\r\n" H END, 0 },
    { "GET of the server as a whole", "GET * HTTP/1.1\r\n" H END, 400 },
    { "a path without its slash", "GET x HTTP/1.1\r\n" H END, 400 },
    { "a fragment", "GET /x#y HTTP/1.1\r\n" H END, 400 },
    { "an escape", "GET /%7ex HTTP/1.1\r\n" H END, 0 },
    { "half an escape", "GET /x% HTTP/1.1\r\n" H END, 400 },
    { "an escape that is none", "GET /%0g HTTP/1.1\r\n" H END, 400 },
    { "an octet above 127 in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" H END, 400 },
    { "a backslash", "GET /..\\x HTTP/1.1\r\n" H END, 400 },
    { "absolute-form", "GET http://b.example/x HTTP/1.1\r\n" H END, 0 },
    { "absolute-form without Host", "GET http://b.example/x HTTP/1.1\r\n" END, 400 },
    { "absolute-form without a host", "GET http:///x HTTP/1.1\r\n" H END, 400 },
    { "absolute-form of another kind", "GET ftp://b.example/x HTTP/1.1\r\n" H END, 400 },
    { "absolute-form with a user", "GET http://u@b.example/x HTTP/1.1\r\n" H END, 400 },

    { "no Host", "GET /x HTTP/1.1\r\n" END, 400 },
    { "Host twice", "GET /x HTTP/1.1\r\n" H H END, 400 },
    { "Host twice in HTTP/1.0", "GET /x HTTP/1.0\r\n" H H END, 400 },
    { "an empty Host", "GET /x HTTP/1.1\r\nHost:\r\n" END, 0 },
    { "Host with a port", "GET /x HTTP/1.1\r\nHost: a.example:8443\r\n" END, 0 },
    { "Host with an empty port", "GET /x HTTP/1.1\r\nHost: a.example:\r\n" END, 0 },
    { "Host with a word for a port", "GET /x HTTP/1.1\r\nHost: a.example:https\r\n" END, 400 },
    { "Host with a user", "GET /x HTTP/1.1\r\nHost: u@a.example\r\n" END, 400 },
    { "Host with a path", "GET /x HTTP/1.1\r\nHost: a.example/x\r\n" END, 400 },
    { "a list of hosts", "GET /x HTTP/1.1\r\nHost: a.example b.example\r\n" END, 400 },
    { "an IPv6 address", "GET /x HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n" END, 0 },
    { "an IPv6 address that never ends", "GET /x HTTP/1.1\r\nHost: [2001:db8::1\r\n" END, 400 },

    { "LF alone behind the request line", "GET /x HTTP/1.1\n" H END, 400 },
    { "LF alone at the end", "GET /x HTTP/1.1\r\n" H "\n", 400 },
    { "CR alone", "GET /x HTTP/1.1\r\nX: a\rb\r\n" H END, 400 },
    { "CR CR LF", "GET /x HTTP/1.1\r\r\n" H END, 400 },
    { "a folded line", "GET /x HTTP/1.1\r\n" H "X: a\r\n b\r\n" END, 400 },
    { "a folded first line", "GET /x HTTP/1.1\r\n " H END, 400 },
    { "a blank before the colon", "GET /x HTTP/1.1\r\nHost : a.example\r\n" END, 400 },
    { "a field without a colon", "GET /x HTTP/1.1\r\n" H "X\r\n" END, 400 },
    { "a field without a name", "GET /x HTTP/1.1\r\n" H ": a\r\n" END, 400 },
    { "a name that is no token", "GET /x HTTP/1.1\r\n" H "X(: a\r\n" END, 400 },
    { "a control character", "GET /x HTTP/1.1\r\n" H "X: a\x01\r\n" END, 400 },
    { "DEL", "GET /x HTTP/1.1\r\n" H "X: a\x7f\r\n" END, 400 },
    { "an octet above 127 in a value", "GET /x HTTP/1.1\r\n" H "X: \xc3\xa4\r\n" END, 0 },
    { "a tab in a value", "GET /x HTTP/1.1\r\n" H "X:\ta\tb\t\r\n" END, 0 },

    { "a body", "POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\n" END, 0 },
    { "a body of no octets", "GET /x HTTP/1.1\r\n" H "Content-Length: 0\r\n" END, 0 },
    { "two lengths", "GET /x HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 0\r\n" END, 400 },
    { "a list of lengths", "GET /x HTTP/1.1\r\n" H "Content-Length: 0, 0\r\n" END, 400 },
    { "a length with a sign", "GET /x HTTP/1.1\r\n" H "Content-Length: +5\r\n" END, 400 },
    { "a length below zero", "GET /x HTTP/1.1\r\n" H "Content-Length: -1\r\n" END, 400 },
    { "an empty length", "GET /x HTTP/1.1\r\n" H "Content-Length:\r\n" END, 400 },
    { "a length and a coding", "GET /x HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END, 400 },
    { "a coding", "GET /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END, 0 },
    { "a coding in HTTP/1.0", "GET /x HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n" END, 400 },
};

/* All at once, and octet by octet; in memory that ends where the text does. */
static otr_request_progress read_it(const char *head, size_t len, otr_request *request, size_t *taken, unsigned *status)
{
    otr_request_reader whole = { 0 }, single = { 0 };
    otr_request_progress progress, last = OTR_REQUEST_MORE;
    unsigned last_status = 0;
    size_t shown = 0;

    *status = 0;
    *taken = 0;
    progress = otr_request_read(&whole, head, len, request, taken, status);
    while (last == OTR_REQUEST_MORE && shown < len) {
        otr_request same;
        size_t same_taken;

        last = otr_request_read(&single, head, ++shown, &same, &same_taken, &last_status);
    }
    if (last != progress || last_status != *status)
        fail_msg("\"%s\": %d, %u at once, %d, %u octet by octet", head, progress, *status, last, last_status);
    return progress;
}

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        otr_request request;
        size_t taken;
        unsigned status;
        otr_request_progress progress = read_it(verdicts[i].head, strlen(verdicts[i].head), &request, &taken, &status);

        if (status != verdicts[i].status || progress != (status == 0 ? OTR_REQUEST_WHOLE : OTR_REQUEST_BAD))
            fail_msg("%s: got %d, %u, want %u", verdicts[i].row, progress, status, verdicts[i].status);
        if (status == 0)
            assert_int_equal(taken, strlen(verdicts[i].head));
    }
}

static const struct {
    const char *row, *head;
    otr_request_method method;
    const char *path, *host, *agent, *forwarded;
    unsigned minor;
    bool is_last, has_body;
} contents[] = {
    { "the usual", "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: A.example\r\nUser-Agent:  b/1 (c) \r\n" END, OTR_METHOD_GET,
      "/.well-known/mta-sts.txt", "A.example", "b/1 (c)", "", 1, false, false },
    { "names of fields have no case", "HEAD / HTTP/1.1\r\nhOST:a\r\nuser-AGENT:b\r\ncONNECTION:Close\r\n" END, OTR_METHOD_HEAD,
      "/", "a", "b", "", 1, true, false },
    { "a query is not the path", "GET /x?y=/z?%20 HTTP/1.1\r\n" H END, OTR_METHOD_GET, "/x", "a.example", "", "", 1, false, false },
    { "a port is not the host", "GET /x HTTP/1.1\r\nHost: [::1]:443\r\n" END, OTR_METHOD_GET, "/x", "[::1]", "", "", 1, false, false },
    { "the host of the target goes before Host", "GET HTTP://b.example:80/x HTTP/1.1\r\n" H END, OTR_METHOD_GET, "/x", "b.example",
      "", "", 1, false, false },
    { "a target without path", "GET https://b.example?x HTTP/1.1\r\n" H END, OTR_METHOD_GET, "/", "b.example", "", "", 1, false, false },
    { "another method without a path", "OPTIONS * HTTP/1.1\r\n" H END, OTR_METHOD_OTHER, "", "a.example", "", "", 1, false, false },
    { "another method with a path", "DELETE /x HTTP/1.1\r\n" H END, OTR_METHOD_OTHER, "/x", "a.example", "", "", 1, false, false },
    { "HTTP/1.0 ends", "GET /x HTTP/1.0\r\n" END, OTR_METHOD_GET, "/x", "", "", "", 0, true, false },
    { "HTTP/1.0 that goes on", "GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n" END, OTR_METHOD_GET, "/x", "", "", "", 0, false, false },
    { "close within a list", "GET /x HTTP/1.1\r\n" H "Connection: keep-alive ,\tclose, x\r\n" END, OTR_METHOD_GET, "/x", "a.example", "",
      "", 1, true, false },
    { "close in a second line", "GET /x HTTP/1.1\r\n" H "Connection: x\r\nConnection: close\r\n" END, OTR_METHOD_GET, "/x", "a.example",
      "", "", 1, true, false },
    { "closed is not close", "GET /x HTTP/1.1\r\n" H "Connection: closed\r\n" END, OTR_METHOD_GET, "/x", "a.example", "", "", 1, false,
      false },
    { "a body ends the connection", "POST /x HTTP/1.1\r\n" H "Content-Length: 05\r\n" END, OTR_METHOD_OTHER, "/x", "a.example", "", "",
      1, true, true },
    { "a body of no octets is none", "GET /x HTTP/1.1\r\n" H "Content-Length: 00\r\n" END, OTR_METHOD_GET, "/x", "a.example", "", "", 1,
      false, false },
    { "a coding is a body", "GET /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END, OTR_METHOD_GET, "/x", "a.example", "", "", 1,
      true, true },
    { "the last that was appended", "GET /x HTTP/1.1\r\n" H "X-Forwarded-For: 192.0.2.1, 2001:db8::1 \r\n" END, OTR_METHOD_GET, "/x",
      "a.example", "", "2001:db8::1", 1, false, false },
    { "the last of several lines", "GET /x HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n" H "X-Forwarded-For: 192.0.2.2\r\n" END,
      OTR_METHOD_GET, "/x", "a.example", "", "192.0.2.2", 1, false, false },
    { "nothing was appended", "GET /x HTTP/1.1\r\n" H "X-Forwarded-For: 192.0.2.1,\r\n" END, OTR_METHOD_GET, "/x", "a.example", "", "", 1,
      false, false },
};

static void check_slice(const char *row, const char *what, otr_slice got, const char *want)
{
    if (!otr_slice_is(got, want))
        fail_msg("%s: %s: got \"%.*s\", want \"%s\"", row, what, (int)got.len, got.ptr, want);
}

static void test_contents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        const char *row = contents[i].row;
        otr_request r;
        size_t taken;
        unsigned status;

        if (read_it(contents[i].head, strlen(contents[i].head), &r, &taken, &status) != OTR_REQUEST_WHOLE)
            fail_msg("%s: %u", row, status);
        check_slice(row, "path", r.path, contents[i].path);
        check_slice(row, "host", r.host, contents[i].host);
        check_slice(row, "agent", r.user_agent, contents[i].agent);
        check_slice(row, "forwarded", r.forwarded_for, contents[i].forwarded);
        if (r.method != contents[i].method || r.minor != contents[i].minor || r.is_last != contents[i].is_last ||
            r.has_body != contents[i].has_body)
            fail_msg("%s: got method %d, minor %u, last %d, body %d", row, r.method, r.minor, r.is_last, r.has_body);
    }
}

static void test_nul(void **state)
{
    static const char head[] = "GET /x HTTP/1.1\r\n" H "X: a\0b\r\n" END;
    otr_request request;
    size_t taken;
    unsigned status;

    (void)state;
    assert_int_equal(read_it(head, sizeof(head) - 1, &request, &taken, &status), OTR_REQUEST_BAD);
    assert_int_equal(status, 400);
}

/* What cannot become a request is refused at once, not when the client is tired: here a TLS client that took the wrong port. */
static void test_refused_early(void **state)
{
    otr_request request;
    size_t taken;
    unsigned status;

    (void)state;
    assert_int_equal(read_it("\x16\x03\x01", 3, &request, &taken, &status), OTR_REQUEST_BAD);
    assert_int_equal(status, 400);
}

static void test_pipeline(void **state)
{
    static const char both[] = "GET /1 HTTP/1.1\r\n" H END "GET /2 HTTP/1.1\r\n" H END;
    otr_request_reader reader = { 0 };
    otr_request request;
    size_t first, second;
    unsigned status;

    (void)state;
    assert_int_equal(otr_request_read(&reader, both, sizeof(both) - 1, &request, &first, &status), OTR_REQUEST_WHOLE);
    check_slice("first", "path", request.path, "/1");
    reader = (otr_request_reader){ 0 };
    assert_int_equal(otr_request_read(&reader, both + first, sizeof(both) - 1 - first, &request, &second, &status),
                     OTR_REQUEST_WHOLE);
    check_slice("second", "path", request.path, "/2");
    assert_int_equal(first + second, sizeof(both) - 1);
}

/* A head of `size` octets whose last field fills it up. */
static char *make_head(const char *line, size_t size)
{
    char *head = malloc(size + 1);
    size_t len = (size_t)snprintf(head, size + 1, "%s" H "X: ", line);

    memset(head + len, 'x', size - len);
    memcpy(head + size - 4, "\r\n\r\n", 5);
    return head;
}

static void test_sizes(void **state)
{
    static const char first[] = "GET /x HTTP/1.1\r\n";
    char *whole = make_head(first, OTR_REQUEST_HEAD_MAX), *large = make_head(first, OTR_REQUEST_HEAD_MAX + 1);
    char *target = malloc(OTR_REQUEST_HEAD_MAX);
    otr_request request;
    size_t taken;
    unsigned status;

    (void)state;
    memset(target, 'x', OTR_REQUEST_HEAD_MAX);
    memcpy(target, "GET /", 5);
    assert_int_equal(read_it(whole, OTR_REQUEST_HEAD_MAX, &request, &taken, &status), OTR_REQUEST_WHOLE);
    assert_int_equal(read_it(large, OTR_REQUEST_HEAD_MAX + 1, &request, &taken, &status), OTR_REQUEST_BAD);
    assert_int_equal(status, 431);
    assert_int_equal(read_it(target, OTR_REQUEST_HEAD_MAX - 1, &request, &taken, &status), OTR_REQUEST_MORE);
    assert_int_equal(read_it(target, OTR_REQUEST_HEAD_MAX, &request, &taken, &status), OTR_REQUEST_BAD);
    assert_int_equal(status, 414);
    free(whole);
    free(large);
    free(target);
}

static void test_fields(void **state)
{
    char head[2048] = "GET /x HTTP/1.1\r\n" H;
    otr_request request;
    size_t taken, len;
    unsigned status;

    (void)state;
    for (int i = 1; i < OTR_REQUEST_FIELDS_MAX; i++)
        strcat(head, "X: a\r\n");
    len = strlen(head);
    strcpy(head + len, END);
    assert_int_equal(read_it(head, len + 2, &request, &taken, &status), OTR_REQUEST_WHOLE);
    strcpy(head + len, "X: a\r\n");
    assert_int_equal(read_it(head, len + 6, &request, &taken, &status), OTR_REQUEST_BAD);
    assert_int_equal(status, 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts), cmocka_unit_test(test_contents),      cmocka_unit_test(test_nul),
        cmocka_unit_test(test_pipeline), cmocka_unit_test(test_refused_early), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

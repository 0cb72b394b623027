/*
 * response_test.c - which response headers are those of a policy (STS-FETCH-09, -11, -19).
 */
#include "sts/response.h"
#include "support/cmocka_all.h"

#include <stdio.h>

/* Lines are separated by '|'; a final '|' is the empty line that ends the header. "" as reason: accepted. */
static const struct {
    const char *name;
    const char *header;
    const char *reason;
} rows[] = {
    { "a plain policy", "HTTP/1.1 200 OK|Content-Type: text/plain|", "" },
    { "STS-FETCH-11: the case of the media type does not matter", "HTTP/1.1 200 OK|CONTENT-TYPE: TEXT/Plain|", "" },
    { "STS-FETCH-11: charset=utf-8", "HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8|", "" },
    { "STS-FETCH-11: charset=\"us-ascii\"", "HTTP/1.1 200 OK|Content-Type: text/plain;charset=\"us-ascii\"|", "" },
    { "STS-FETCH-11: another charset is ignored", "HTTP/1.1 200 OK|Content-Type: text/plain; charset=iso-8859-1|", "" },
    { "STS-FETCH-11: format=flowed is ignored", "HTTP/1.1 200 OK|Content-Type: text/plain ; format=flowed|", "" },
    { "STS-FETCH-11: text/html", "HTTP/1.1 200 OK|Content-Type: text/html|",
      "media type is not text/plain: \"text/html\"" },
    { "STS-FETCH-11: text/plainish", "HTTP/1.1 200 OK|Content-Type: text/plainish|",
      "media type is not text/plain: \"text/plainish\"" },
    { "STS-FETCH-11: an empty media type", "HTTP/1.1 200 OK|Content-Type:|", "media type is not text/plain: \"\"" },
    { "STS-FETCH-11: no media type", "HTTP/1.1 200 OK|Content-Length: 3|", "no media type" },
    { "STS-FETCH-11: two media types, one wrong", "HTTP/1.1 200 OK|Content-Type: text/plain|Content-Type: text/html|",
      "media type is not text/plain: \"text/html\"" },
    { "odd bytes of a peer do not reach the reason", "HTTP/1.1 200 OK|Content-Type: a\x01\"\xff|",
      "media type is not text/plain: \"a?\"?\"" },
    { "STS-FETCH-09: 203", "HTTP/1.1 203 X|Content-Type: text/plain|", "HTTP status 203" },
    { "STS-FETCH-09: 204", "HTTP/1.1 204 X|", "HTTP status 204" },
    { "STS-FETCH-09: 206", "HTTP/1.1 206 X|Content-Type: text/plain|", "HTTP status 206" },
    { "STS-FETCH-09: 304", "HTTP/1.1 304 X|", "HTTP status 304, and redirects are not followed" },
    { "STS-FETCH-09: 404 with a page", "HTTP/1.1 404 X|Content-Type: text/html|", "HTTP status 404" },
    { "STS-FETCH-09: 500", "HTTP/1.1 500 X|", "HTTP status 500" },
    { "STS-FETCH-08: 301", "HTTP/1.1 301 X|Location: /|", "HTTP status 301, and redirects are not followed" },
    { "an interim response comes before", "HTTP/1.1 103 X|Content-Type: text/html||HTTP/1.1 200 OK|Content-Type: text/plain|",
      "" },
    { "STS-FETCH-19: gzip", "HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: gzip|",
      "content coding that was not asked for: \"gzip\"" },
    { "STS-FETCH-19: identity is none", "HTTP/1.1 200 OK|Content-Type: text/plain|Content-Encoding: Identity|", "" },
    { "STS-FETCH-19: a coded transfer", "HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: gzip, chunked|",
      "transfer coding that was not asked for: \"gzip, chunked\"" },
    { "chunks are no coding", "HTTP/1.1 200 OK|Content-Type: text/plain|Transfer-Encoding: chunked|", "" },
    { "no status", "HTTP/1.1 2|", "not an HTTP status line: \"HTTP/1.1 2\"" },
    { "a status that is no number", "HTTP/1.1 abc|", "not an HTTP status line: \"HTTP/1.1 abc\"" },
};

static void feed(otr_response *response, const char *header)
{
    bool is_good = true;

    while (*header != '\0' && is_good) {
        size_t len = strcspn(header, "|");
        char line[200];

        snprintf(line, sizeof(line), "%.*s\r\n", (int)len, header);
        is_good = otr_response_line(response, line, len + 2);
        header += len + (header[len] == '|');
        if (*header == '\0' && is_good)
            is_good = otr_response_line(response, "\r\n", 2);
    }
}

static void headers_are_those_of_a_policy_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_response response = OTR_RESPONSE_INIT;

        feed(&response, rows[i].header);
        if (strcmp(response.reason, rows[i].reason) != 0 || (rows[i].reason[0] == '\0' && !response.is_final))
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].name, response.reason, rows[i].reason);
    }
}

/* For those who tell people; and nothing of it reaches a terminal as it came. */
static void type_and_location_are_told(void **state)
{
    static const struct {
        const char *header, *type, *location;
    } told[] = {
        { "HTTP/1.1 200 OK|Content-Type: text/html; charset=utf-8|", "text/html; charset=utf-8", "" },
        { "HTTP/1.1 301 X|Location: https://www.example.org/|", "", "https://www.example.org/" },
        { "HTTP/1.1 200 OK|Content-Length: 3|", "", "" },
        { "HTTP/1.1 302 X|Location: a\x01\x1b[2J|", "", "a??[2J" },
        { "HTTP/1.1 103 X|Location: /early||HTTP/1.1 200 OK|Content-Type: text/plain|", "text/plain", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        otr_response response = OTR_RESPONSE_INIT;

        feed(&response, told[i].header);
        assert_string_equal(response.type, told[i].type);
        assert_string_equal(response.location, told[i].location);
    }
}

static void an_endless_header_ends_at_its_limit(void **state)
{
    otr_response response = OTR_RESPONSE_INIT;
    size_t taken = 0;

    (void)state;
    assert_true(otr_response_line(&response, "HTTP/1.1 100 Continue\r\n", 23));
    while (otr_response_line(&response, "X: 1234567\r\n", 12) && otr_response_line(&response, "\r\n", 2) &&
           otr_response_line(&response, "HTTP/1.1 100 Continue\r\n", 23))
        taken++;
    assert_in_range(taken, 100, OTR_RESPONSE_HEADER_LIMIT / 37 + 1);
    assert_string_equal(response.reason, "header of more than 32768 octets");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_those_of_a_policy_or_not),
        cmocka_unit_test(type_and_location_are_told),
        cmocka_unit_test(an_endless_header_ends_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

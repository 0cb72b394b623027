/*
 * Next hops as text: what is accepted, what it means, and where the others are refused.
 */
#include "support/cmocka_all.h"
#include "verdict/destination.h"

#include <stdlib.h>

#define BYTES(text) (text), sizeof(text) - 1

static const struct {
    const char *sentence, *text;
    size_t len;
    otr_destination_kind kind;
    const char *domain;
    unsigned port;
    const char *key;
} good[] = {
    { "a domain", BYTES("example.org"), OTR_TO_DOMAIN, "example.org", 25, "example.org" },
    { "EDGE-08: letters are folded and a final dot goes", BYTES("Example.ORG."), OTR_TO_DOMAIN, "example.org",
      25, "example.org" },
    { "EDGE-07: U-labels become A-labels", BYTES("b\xc3\xbc" "cher.example"), OTR_TO_DOMAIN,
      "xn--bcher-kva.example", 25,
      "xn--bcher-kva.example" },
    { "EDGE-07: an emoji, which IDNA2008 does not know and DNS does", BYTES("XN--i-7iq.Example."), OTR_TO_DOMAIN,
      "xn--i-7iq.example", 25, "xn--i-7iq.example" },
    { "an A-label that does not decode, as a host", BYTES("[mx.xn--123456.example]"), OTR_TO_HOST,
      "mx.xn--123456.example", 25, "[mx.xn--123456.example]" },
    { "port 25 in digits is the default", BYTES("example.org:25"), OTR_TO_DOMAIN, "example.org", 25,
      "example.org" },
    { "port 25 by name is the default", BYTES("example.org:smtp"), OTR_TO_DOMAIN, "example.org", 25,
      "example.org" },
    { "EDGE-05: another port is part of the key", BYTES("example.org:587"), OTR_TO_DOMAIN, "example.org", 587,
      "example.org:587" },
    { "submission by name", BYTES("example.org:submission"), OTR_TO_DOMAIN, "example.org", 587,
      "example.org:587" },
    { "submissions by name", BYTES("example.org:submissions"), OTR_TO_DOMAIN, "example.org", 465,
      "example.org:465" },
    { "the highest port", BYTES("example.org:65535"), OTR_TO_DOMAIN, "example.org", 65535, "example.org:65535" },
    { "EDGE-04: a host without MX lookup", BYTES("[Mx.Example.org]"), OTR_TO_HOST, "mx.example.org", 25,
      "[mx.example.org]" },
    { "a host and a port", BYTES("[mx.example.org]:587"), OTR_TO_HOST, "mx.example.org", 587,
      "[mx.example.org]:587" },
    { "a host with its final dot", BYTES("[mx.example.org.]:25"), OTR_TO_HOST, "mx.example.org", 25,
      "[mx.example.org]" },
    { "EDGE-01: an IPv4 literal", BYTES("[192.0.2.1]"), OTR_TO_ADDRESS, "192.0.2.1", 25, "[192.0.2.1]" },
    { "an IPv4 literal and a port", BYTES("[192.0.2.1]:2525"), OTR_TO_ADDRESS, "192.0.2.1", 2525,
      "[192.0.2.1]:2525" },
    { "EDGE-01: an IPv6 literal as RFC 5321 writes it", BYTES("[IPv6:2001:DB8::1]"), OTR_TO_ADDRESS,
      "2001:db8::1", 25,
      "[2001:db8::1]" },
    { "the tag of an IPv6 literal in any case", BYTES("[ipv6:::1]"), OTR_TO_ADDRESS, "::1", 25, "[::1]" },
    { "one spelling for one address", BYTES("[IPv6:2001:0db8:0:0:0:0:0:1]:25"), OTR_TO_ADDRESS, "2001:db8::1", 25,
      "[2001:db8::1]" },
    { "an IPv6 literal as Postfix writes it", BYTES("[2001:db8::1]:26"), OTR_TO_ADDRESS, "2001:db8::1", 26,
      "[2001:db8::1]:26" },
};

static void reads_next_hops(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        otr_destination d = { 0 };
        outrider_diag diag = { 0 };
        outrider_err err = otr_destination_parse(good[i].text, good[i].len, &d, &diag);

        if (err != OUTRIDER_OK || d.kind != good[i].kind || strcmp(d.domain, good[i].domain) != 0 ||
            d.port != good[i].port || strcmp(d.key, good[i].key) != 0)
            fail_msg("%s: \"%s\"\n  got  err %d \"%s\" kind %d domain \"%s\" port %u key \"%s\"\n"
                     "  want kind %d domain \"%s\" port %u key \"%s\"",
                     good[i].sentence, good[i].text, err, diag.message, d.kind, d.domain, d.port, d.key,
                         good[i].kind,
                     good[i].domain, good[i].port, good[i].key);
    }
}

static const struct {
    const char *sentence, *text;
    size_t len;
    unsigned column;
} bad[] = {
    { "nothing", BYTES(""), 1 },
    { "a bare label", BYTES("localhost"), 1 },
    { "a bare label in brackets", BYTES("[localhost]"), 2 },
    { "a final dot does not make two labels", BYTES("localhost."), 1 },
    { "a leading dot (Postfix asks for parents so)", BYTES(".example.org"), 1 },
    { "an empty label", BYTES("example..org"), 9 },
    { "an address without brackets", BYTES("192.0.2.1"), 1 },
    { "an IPv6 address without brackets", BYTES("2001:db8::1"), 1 },
    { "a port without a domain", BYTES(":25"), 1 },
    { "a colon and no port", BYTES("example.org:"), 13 },
    { "port 0", BYTES("example.org:0"), 13 },
    { "DNS-24: a port with a leading zero", BYTES("example.org:025"), 13 },
    { "a port above 65535", BYTES("example.org:65536"), 13 },
    { "a port that would overflow", BYTES("example.org:4294967321"), 13 },
    { "a service nobody knows", BYTES("example.org:imap"), 13 },
    { "text behind the port", BYTES("example.org:25x"), 15 },
    { "a second port", BYTES("example.org:25:25"), 15 },
    { "an open bracket", BYTES("[mx.example.org"), 16 },
    { "empty brackets", BYTES("[]"), 2 },
    { "brackets in brackets", BYTES("[[192.0.2.1]]"), 2 },
    { "text behind the bracket", BYTES("[mx.example.org]x"), 17 },
    { "an address in another notation", BYTES("[192.0.2]"), 2 },
    { "an IPv4 address under the tag of IPv6", BYTES("[IPv6:192.0.2.1]"), 6 },
    { "a tag and nothing", BYTES("[IPv6:]"), 6 },
    { "an IPv4 address that is none", BYTES("[192.0.2.256]"), 2 },
    { "an address with NUL", BYTES("[192.0.2.1\0]"), 11 },
    { "a blank", BYTES("exam ple.org"), 5 },
    { "a blank before", BYTES(" example.org"), 1 },
    { "a newline behind", BYTES("example.org\n"), 12 },
    { "NUL", BYTES("example.org\0.evil.example"), 12 },
    { "an underscore", BYTES("_25._tcp.example.org"), 1 },
    { "a wildcard", BYTES("*.example.org"), 1 },
    { "bytes that are not UTF-8", BYTES("ex\xff" "mple.org"), 1 },
    { "an A-label that does not decode", BYTES("xn--\x61-.example.org"), 1 },
    { "a quote", BYTES("example.org\""), 12 },
};

static void refuses_what_is_no_next_hop(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        otr_destination d = { .port = 4711, .domain = "untouched" };
        outrider_diag diag = { 0 };
        outrider_err err = otr_destination_parse(bad[i].text, bad[i].len, &d, &diag);

        if (err != OUTRIDER_E_SYNTAX || diag.column != bad[i].column || diag.message[0] == '\0' ||
            d.port != 4711 ||
            strcmp(d.domain, "untouched") != 0)
            fail_msg("%s: \"%s\"\n  got  err %d column %u \"%s\" (domain \"%s\")\n  want err %d column %u",
                bad[i].sentence,
                     bad[i].text, err, diag.column, diag.message, d.domain, OUTRIDER_E_SYNTAX, bad[i].column);
        assert_int_equal(otr_destination_parse(bad[i].text, bad[i].len, &d, NULL), OUTRIDER_E_SYNTAX);
    }
}

/* Lengths: 253 octets of name are the most; whatever is longer is refused, without a byte written too far. */
static void keeps_to_the_limit_of_names(void **state)
{
    char text[2000];
    otr_destination d;

    (void)state;
    for (size_t len = 240; len < sizeof(text) - 10; len++) {
        outrider_err err;

        for (size_t i = 0; i < len; i++)
            text[i] = i % 50 == 49 && i + 1 < len ? '.' : 'a';
        memcpy(text + len, ":65535", 7);
        err = otr_destination_parse(text, len + 6, &d, NULL);
        if ((err == OUTRIDER_OK) != (len <= OTR_DOMAIN_MAX))
            fail_msg("a name of %zu octets: got %d", len, err);
        if (err == OUTRIDER_OK && (strlen(d.domain) != len || strlen(d.key) != len + 6))
            fail_msg("a name of %zu octets: domain of %zu, key of %zu", len, strlen(d.domain), strlen(d.key));
    }
}

/* The key is a next hop itself and means the same: what is cached under it is found again. */
static void a_key_reads_as_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        otr_destination d, again;

        assert_int_equal(otr_destination_parse(good[i].text, good[i].len, &d, NULL), OUTRIDER_OK);
        assert_int_equal(otr_destination_parse(d.key, strlen(d.key), &again, NULL), OUTRIDER_OK);
        assert_string_equal(again.key, d.key);
        assert_string_equal(again.domain, d.domain);
        assert_int_equal(again.port, d.port);
        assert_int_equal(again.kind, d.kind);
    }
}

/* The quick way for names in normal form comes to what the parser comes to: in capital letters a name takes the long way. */
static void the_quick_way_and_the_long_way_agree(void **state)
{
    static const char alphabet[] = "abcx0129..--"; /* "xn--" comes about, as do empty labels and hyphens in wrong places */
    unsigned random = 1, accepted = 0;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char text[80] = "", shouted[80] = "";
        otr_destination quick, slow;
        outrider_err err;
        size_t len = 0;

        for (unsigned many = round % 100 == 0 ? 78 : 3 + round % 9; len < many; len++) {
            random = random * 1103515245 + 12345;
            text[len] = alphabet[random >> 16 & 0xff ? (random >> 16) % (sizeof(alphabet) - 1) : 0];
            shouted[len] = text[len] >= 'a' && text[len] <= 'z' ? (char)(text[len] - 'a' + 'A') : text[len];
        }
        err = otr_destination_parse(text, len, &quick, NULL);
        if (err != otr_destination_parse(shouted, len, &slow, NULL))
            fail_msg("%s and %s", text, shouted);
        if (err != OUTRIDER_OK)
            continue;
        accepted++;
        assert_int_equal(quick.kind, slow.kind);
        assert_int_equal(quick.port, slow.port);
        assert_string_equal(quick.domain, slow.domain);
        assert_string_equal(quick.key, slow.key);
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_next_hops),
        cmocka_unit_test(refuses_what_is_no_next_hop),
        cmocka_unit_test(keeps_to_the_limit_of_names),
        cmocka_unit_test(a_key_reads_as_itself),
        cmocka_unit_test(the_quick_way_and_the_long_way_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

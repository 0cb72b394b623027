/*
 * network_test.c - addresses of clients, the networks they stand for, and how many connections those have.
 */
#include "daemon/publish/address_count.h"
#include "daemon/publish/network.h"

#include "support/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static void test_parse(void **state)
{
    static const struct {
        const char *row, *text, *network; /* NULL: no address */
    } rows[] = {
        { "IPv4", "192.0.2.77", "192.0.2.0/24" },
        { "IPv4 with a port", "192.0.2.77:4711", "192.0.2.0/24" },
        { "IPv6", "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48" },
        { "IPv6 in brackets", "[2001:db8::1]", "2001:db8::/48" },
        { "IPv6 in brackets with a port", "[2001:db8::1]:443", "2001:db8::/48" },
        { "IPv4 mapped into IPv6", "::ffff:192.0.2.77", "192.0.2.0/24" },
        { "nothing", "", NULL },
        { "a word", "unknown", NULL },
        { "an obfuscated one (RFC 7239)", "_hidden", NULL },
        { "a port alone", ":80", NULL },
        { "a port that is a word", "192.0.2.77:http", NULL },
        { "an empty port", "192.0.2.77:", NULL },
        { "brackets that never end", "[2001:db8::1", NULL },
        { "something behind the brackets", "[2001:db8::1]x", NULL },
        { "a zone", "fe80::1%eth0", NULL },
        { "a list", "192.0.2.1, 192.0.2.2", NULL },
        { "far too long", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_address address = { .family = 0 };
        bool is_one = otr_address_parse(otr_slice_of(rows[i].text), &address);
        otr_network network = otr_client_network(&address, OTR_PRIVACY_BITS_4, OTR_PRIVACY_BITS_6);
        char text[OTR_NETWORK_SIZE];

        if (is_one != (rows[i].network != NULL) ||
            strcmp(otr_network_text(&network, text), rows[i].network != NULL ? rows[i].network : "other") != 0)
            fail_msg("%s: got %d %s", rows[i].row, is_one, text);
    }
}

static void test_peers(void **state)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    struct sockaddr un = { .sa_family = AF_UNIX };
    otr_address address;
    char text[OTR_ADDRESS_SIZE];

    (void)state;
    inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
    assert_true(otr_address_of_peer((const struct sockaddr *)&in, &address));
    assert_string_equal(otr_address_text(&address, text), "192.0.2.1");
    inet_pton(AF_INET6, "::ffff:192.0.2.2", &in6.sin6_addr);
    assert_true(otr_address_of_peer((const struct sockaddr *)&in6, &address));
    assert_string_equal(otr_address_text(&address, text), "192.0.2.2");
    inet_pton(AF_INET6, "2001:db8::2", &in6.sin6_addr);
    assert_true(otr_address_of_peer((const struct sockaddr *)&in6, &address));
    assert_string_equal(otr_address_text(&address, text), "2001:db8::2");
    assert_false(otr_address_of_peer(&un, &address));
}

static otr_network limited(const char *text)
{
    otr_address address;

    assert_true(otr_address_parse(otr_slice_of(text), &address));
    return otr_client_network(&address, OTR_LIMIT_BITS_4, OTR_LIMIT_BITS_6);
}

/* One customer has 64 bits of IPv6 and can take any address of them. */
static void test_counts(void **state)
{
    otr_address_count *counts = otr_address_count_new(100);
    otr_network one = limited("2001:db8::1"), same = limited("2001:db8::ffff:0:0:1"), next = limited("2001:db8:0:1::1");
    otr_network four = limited("192.0.2.1"), five = limited("192.0.2.5");

    (void)state;
    assert_true(otr_address_count_enter(counts, &one, 2));
    assert_true(otr_address_count_enter(counts, &same, 2));
    assert_false(otr_address_count_enter(counts, &one, 2));
    assert_true(otr_address_count_enter(counts, &next, 2));
    assert_true(otr_address_count_enter(counts, &four, 1));
    assert_false(otr_address_count_enter(counts, &four, 1));
    assert_true(otr_address_count_enter(counts, &five, 1));
    otr_address_count_leave(counts, &same);
    assert_true(otr_address_count_enter(counts, &one, 2));
    otr_address_count_leave(counts, &four);
    assert_true(otr_address_count_enter(counts, &four, 1));
    otr_address_count_free(counts);
    otr_address_count_free(NULL);
}

/* As many networks as connections, again and again: no entry is lost. */
static void test_all_taken(void **state)
{
    enum { MOST = 1000 };
    otr_address_count *counts = otr_address_count_new(MOST);
    otr_network network = limited("10.0.0.0");

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MOST; i++) {
            network.prefix.bytes[2] = (uint8_t)(i >> 8);
            network.prefix.bytes[3] = (uint8_t)i;
            network.prefix.bytes[1] = (uint8_t)round;
            assert_true(otr_address_count_enter(counts, &network, 1));
        }
        for (int i = MOST - 1; i >= 0; i--) {
            network.prefix.bytes[2] = (uint8_t)(i >> 8);
            network.prefix.bytes[3] = (uint8_t)i;
            assert_false(otr_address_count_enter(counts, &network, 1));
            otr_address_count_leave(counts, &network);
        }
    }
    otr_address_count_free(counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_peers),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_all_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

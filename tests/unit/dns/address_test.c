/*
 * address_test.c - where a policy host may lie (STS-FETCH-20), and addresses as text.
 */
#include "dns/address.h"
#include "support/cmocka_all.h"

#include <arpa/inet.h>
#include <string.h>

static otr_address parse(const char *text)
{
    otr_address address = { .family = strchr(text, ':') != NULL ? 6 : 4 };

    if (inet_pton(address.family == 4 ? AF_INET : AF_INET6, text, address.bytes) != 1)
        fail_msg("not an address: %s", text);
    return address;
}

static const struct {
    const char *text;
    bool is_private;
} rows[] = {
    { "0.0.0.0", true },
    { "0.255.255.255", true },
    { "1.0.0.0", false },
    { "9.255.255.255", false },
    { "10.0.0.0", true },
    { "10.255.255.255", true },
    { "11.0.0.0", false },
    { "100.63.255.255", false },
    { "100.64.0.0", true },
    { "100.127.255.255", true },
    { "100.128.0.0", false },
    { "127.0.0.1", true },
    { "127.255.255.254", true },
    { "128.0.0.1", false },
    { "169.253.255.255", false },
    { "169.254.169.254", true }, /* metadata services live there */
    { "169.255.0.0", false },
    { "172.15.255.255", false },
    { "172.16.0.0", true },
    { "172.31.255.255", true },
    { "172.32.0.0", false },
    { "191.255.255.255", false },
    { "192.0.0.8", true }, /* a local gateway's name for itself, RFC 7600 */
    { "192.0.1.1", false },
    { "192.167.255.255", false },
    { "192.168.0.1", true },
    { "192.169.0.0", false },
    { "223.255.255.255", false },
    { "224.0.0.1", true },
    { "239.255.255.255", true },
    { "240.0.0.1", true },
    { "255.255.255.255", true },
    /* Documentation ranges are routed nowhere. */
    { "192.0.2.1", false },
    { "198.51.100.1", false },
    { "203.0.113.1", false },
    { "2001:db8::1", false },
    { "::", true },
    { "::1", true },
    { "::2", true }, /* v4-compatible 0.0.0.2 */
    { "::127.0.0.1", true },
    { "::ffff:0:10.0.0.1", true }, /* v4-translated, which SIIT gateways turn into IPv4 */
    { "::ffff:0:1.2.3.4", false },
    { "::192.0.2.1", false },
    { "::ffff:10.1.2.3", true },
    { "::ffff:192.0.2.1", false },
    { "::fffe:10.1.2.3", false },
    { "64:ff9b::192.168.1.1", true },
    { "64:ff9b::192.0.2.1", false },
    { "64:ff9b:1::1", true },
    { "2002:7f00:1::", true },  /* 6to4 of 127.0.0.1 */
    { "2002:c0a8:101::1", true },
    { "2002:c000:201::1", false },
    { "fe80::1", true },
    { "febf::1", true },
    { "fec0::1", true },
    { "fc00::1", true },
    { "fdff::1", true },
    { "fbff::1", false },
    { "ff02::1", true },
    { "2606:4700::1", false },
};

static void a_policy_host_must_not_be_in_the_own_network(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_address address = parse(rows[i].text);

        if (otr_address_is_private(&address) != rows[i].is_private)
            fail_msg("%s: got %s", rows[i].text, rows[i].is_private ? "public" : "private");
    }
}

static void addresses_are_printed_in_their_shortest_form(void **state)
{
    char text[OTR_ADDRESS_SIZE];
    otr_address v4 = parse("192.0.2.1");
    otr_address v6 = parse("2001:DB8:0:0:0:0:0:1");
    otr_address longest = parse("fedc:ba98:7654:3210:fedc:ba98:7654:3210");

    (void)state;
    assert_string_equal(otr_address_text(&v4, text), "192.0.2.1");
    assert_string_equal(otr_address_text(&v6, text), "2001:db8::1");
    assert_string_equal(otr_address_text(&longest, text), "fedc:ba98:7654:3210:fedc:ba98:7654:3210");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_host_must_not_be_in_the_own_network),
        cmocka_unit_test(addresses_are_printed_in_their_shortest_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

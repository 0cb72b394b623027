/*
 * address.c - addresses of policy hosts and MX hosts: their text, and which of them such a host must not have. A name
 * in somebody else's zone decides where our connection goes, so it must not lead into the operator's own
 * network (STS-FETCH-20).
 */
#include "dns/address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

typedef struct range {
    uint8_t bytes[16];
    unsigned bits;
} range;

/* The documentation ranges (RFC 5737, RFC 3849) are absent: nothing routes them, so nobody's network is there. */
static const range private_v4[] = {
    { { 0 }, 8 },              /* "this network", unspecified */
    { { 10 }, 8 },             /* RFC 1918 */
    { { 100, 64 }, 10 },       /* shared, RFC 6598 */
    { { 127 }, 8 },            /* loopback */
    { { 169, 254 }, 16 },      /* link-local */
    { { 172, 16 }, 12 },       /* RFC 1918 */
    { { 192, 0, 0 }, 24 },     /* of one network only: DS-Lite and the like, RFC 6890 */
    { { 192, 168 }, 16 },      /* RFC 1918 */
    { { 224 }, 4 },            /* multicast */
    { { 240 }, 4 },            /* reserved, broadcast */
};

static const range private_v6[] = {
    { { 0 }, 127 },            /* :: and ::1 */
    { { 0xfe, 0x80 }, 10 },    /* link-local */
    { { 0xfe, 0xc0 }, 10 },    /* site-local, deprecated by RFC 3879 and still configured somewhere */
    { { 0xfc }, 7 },           /* unique local, RFC 4193 */
    { { 0xff }, 8 },           /* multicast */
    { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 }, /* local-use translation, RFC 8215 */
};

/* IPv6 addresses that carry an IPv4 address, and where in them it stands. */
static const struct {
    range prefix;
    size_t offset;
} carriers[] = {
    { { { 0 }, 96 }, 12 },                                                      /* v4-compatible, ::192.0.2.1 */
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, 12 },               /* v4-mapped */
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, 12 },                     /* v4-translated, RFC 2765 */
    { { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 },                                 /* NAT64, RFC 6052 */
    { { { 0x20, 0x02 }, 16 }, 2 },                                              /* 6to4, RFC 3056 */
};

static bool is_within(const uint8_t *bytes, const range *r)
{
    unsigned whole = r->bits / 8;
    unsigned rest = r->bits % 8;

    if (memcmp(bytes, r->bytes, whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ r->bytes[whole]) >> (8 - rest)) == 0;
}

static bool is_private_v4(const uint8_t *bytes)
{
    for (size_t i = 0; i < sizeof(private_v4) / sizeof(private_v4[0]); i++) {
        if (is_within(bytes, &private_v4[i]))
            return true;
    }
    return false;
}

static bool is_private_v6(const uint8_t *bytes)
{
    for (size_t i = 0; i < sizeof(private_v6) / sizeof(private_v6[0]); i++) {
        if (is_within(bytes, &private_v6[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
        if (is_within(bytes, &carriers[i].prefix) && is_private_v4(bytes + carriers[i].offset))
            return true;
    }
    return false;
}

bool otr_address_is_private(const otr_address *address)
{
    return address->family == 4 ? is_private_v4(address->bytes) : is_private_v6(address->bytes);
}

const char *otr_address_text(const otr_address *address, char text[OTR_ADDRESS_SIZE])
{
    /* inet_ntop cannot fail here: the family is one of two and the text has room for the longest address. */
    if (inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, text, OTR_ADDRESS_SIZE) == NULL)
        text[0] = '\0';
    return text;
}

/*
 * network.h - addresses of clients, and the networks they stand for. Pure.
 *
 * Limits are by OTR_LIMIT_BITS: what one customer usually has. What is kept or logged is by OTR_PRIVACY_BITS: which organisation
 * fetched, and not which machine.
 */
#ifndef OTR_DAEMON_NETWORK_H
#define OTR_DAEMON_NETWORK_H

#include "base/slice.h"
#include "dns/address.h"

#include <sys/socket.h>

typedef struct otr_network {
    otr_address prefix; /* further bits are 0; family 0: unknown, or not told apart */
    uint8_t bits;
} otr_network;

#define OTR_NETWORK_OTHER ((otr_network){ .bits = 0 })
#define OTR_NETWORK_SIZE (OTR_ADDRESS_SIZE + 4)

enum { OTR_LIMIT_BITS_4 = 32, OTR_LIMIT_BITS_6 = 64, OTR_PRIVACY_BITS_4 = 24, OTR_PRIVACY_BITS_6 = 48 };

/* An IPv4 address mapped into IPv6 is one. False: neither kind (a Unix socket). */
bool otr_address_of_peer(const struct sockaddr *peer, otr_address *address);

/* As X-Forwarded-For has it: an address, perhaps in brackets, perhaps with a port. */
bool otr_address_parse(otr_slice text, otr_address *address);

otr_network otr_client_network(const otr_address *address, unsigned bits_4, unsigned bits_6);
bool otr_network_same(const otr_network *a, const otr_network *b);

/* "192.0.2.0/24", "2001:db8::/48", "other". */
const char *otr_network_text(const otr_network *network, char text[OTR_NETWORK_SIZE]);

#endif

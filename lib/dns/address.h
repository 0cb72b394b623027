/*
 * address.h - addresses that names in somebody else's zone lead to: their text, and to which of them Outrider does not
 * go. Pure; address_lookup.h finds them.
 */
#ifndef OTR_DNS_ADDRESS_H
#define OTR_DNS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#define OTR_ADDRESSES_MAX 8 /* of one host; the rest is not tried */

typedef struct otr_address {
    uint8_t family; /* 4 or 6 */
    uint8_t bytes[16];
} otr_address;

/* Addresses that a policy host or MX host must not have unless configured (STS-FETCH-20): loopback, link-local, private
 * (RFC 1918, RFC 4193), shared (RFC 6598), unspecified, multicast, and IPv4 of these kinds mapped into IPv6. */
bool otr_address_is_private(const otr_address *address);

/* "192.0.2.1" or "2001:db8::1" (RFC 5952). */
#define OTR_ADDRESS_SIZE 46
const char *otr_address_text(const otr_address *address, char text[OTR_ADDRESS_SIZE]);

#endif

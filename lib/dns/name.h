/*
 * name.h - domain names as text: normal form (A-labels, lower case, no final dot) and what may follow
 * the '@' of an address or stand in an MX record. Pure.
 *
 * Everything behind the border of the program works on normal forms (EDGE-07, EDGE-08): names are
 * normalised once, where they enter, and then compared byte by byte.
 */
#ifndef OTR_DNS_NAME_H
#define OTR_DNS_NAME_H

#include "base/slice.h"

#include <outrider/base.h>

#define OTR_DOMAIN_MAX 253                  /* octets of a name in text, without final dot (RFC 1035 §2.3.4) */
#define OTR_LABEL_MAX 63
#define OTR_DOMAIN_SIZE (OTR_DOMAIN_MAX + 1) /* room for one and its NUL */

/*
 * Bring a domain name into normal form: U-labels become A-labels (IDNA 2008, non-transitional, by libidn2), letters are
 * folded, one final dot is dropped. The result is made of letter-digit-hyphen labels and has at least one
 * label; A-labels that do not decode are refused. Underscore labels, address literals and text with NUL or
 * other odd bytes are refused.
 * Returns OUTRIDER_OK, OUTRIDER_E_SYNTAX (diag has the column) or OUTRIDER_E_NOMEM.
 */
outrider_err otr_domain_normalize(const char *text, size_t len, char domain[OTR_DOMAIN_SIZE], outrider_diag *diag);

/* Whether text is already a normal form (as the function above would leave it), without IDNA round trip. */
bool otr_is_ldh_domain(const char *text, size_t len);

/* Whether a name lies below `parent`, which begins with a dot: "a.example.org" below ".example.org". Normal forms. */
bool otr_is_below(const char *domain, const char *parent);

/* An IPv4 or IPv6 address in text form, with or without brackets ("192.0.2.1", "[IPv6:2001:db8::1]"). */
bool otr_is_address_text(const char *text, size_t len);

#endif

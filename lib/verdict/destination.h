/*
 * destination.h - what a mail server asks about: a next hop as Postfix, Exim and people write it. Pure.
 *
 *     example.org           a domain: MX lookup, port 25
 *     example.org:587       a domain and a port ("example.org:smtp" too)
 *     [mx.example.org]      a host, no MX lookup (M13)
 *     [mx.example.org]:587
 *     [192.0.2.1], [IPv6:2001:db8::1]   an address literal: DANE and MTA-STS do not apply (M1)
 */
#ifndef OTR_VERDICT_DESTINATION_H
#define OTR_VERDICT_DESTINATION_H

#include "dns/name.h"

#include <stdint.h>

typedef enum otr_destination_kind { OTR_TO_DOMAIN, OTR_TO_HOST, OTR_TO_ADDRESS } otr_destination_kind;

#define OTR_SMTP_PORT 25
#define OTR_DESTINATION_SIZE (OTR_DOMAIN_SIZE + 16) /* room for "[name]:65535" and its NUL */

typedef struct otr_destination {
    otr_destination_kind kind;
    char domain[OTR_DOMAIN_SIZE]; /* normal form; for an address literal the address as inet_ntop(3) prints it */
    uint16_t port;
    char key[OTR_DESTINATION_SIZE]; /* the one spelling of this destination: cache key; port only if not 25 */
} otr_destination;

/* OUTRIDER_OK or OUTRIDER_E_SYNTAX. Bare labels ("localhost") and names with a leading dot are refused. */
outrider_err otr_destination_parse(const char *text, size_t len, otr_destination *destination, outrider_diag *diag);

/* A name as it stands in a destination, in normal form: otr_domain_normalize(), and A-labels that IDNA2008 does not know. */
outrider_err otr_destination_domain(const char *text, size_t len, char domain[OTR_DOMAIN_SIZE], outrider_diag *diag);

/*
 * What a rule is for: "example.org", or ".example.org", which is all below it. A bare label is no destination, but all
 * below one may be meant. Normal form; OUTRIDER_OK or OUTRIDER_E_SYNTAX.
 */
outrider_err otr_destination_scope(const char *text, size_t len, char scope[OTR_DOMAIN_SIZE + 1], outrider_diag *diag);

/*
 * Whether there is something behind the host that begins like a port and is none that we know: "[mx.example.org]:submit".
 * For text that otr_destination_parse() has refused: a name that no policy can exist for is one thing, a next hop with a
 * policy whose port nobody can tell is another.
 */
bool otr_destination_has_odd_port(const char *text, size_t len);

#endif

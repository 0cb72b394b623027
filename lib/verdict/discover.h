/*
 * discover.h - one errand through DNS for one destination (RFC 7672 §2.2): LOOKUP_MX -> per host
 * LOOKUP_ADDRESS [-> LOOKUP_CNAME] -> LOOKUP_TLSA (expanded name, then the original) -> finish. Hosts go side by
 * side, at most OTR_HOSTS_AT_ONCE of them.
 */
#ifndef OTR_VERDICT_DISCOVER_H
#define OTR_VERDICT_DISCOVER_H

#include "dns/resolver.h"
#include "verdict/findings.h"

#define OTR_HOSTS_AT_ONCE 8
#define OTR_TLSA_OCTETS_MAX 65536 /* of TLSA records that a finding keeps; whether a host has usable ones, all of them decide */

typedef struct otr_discover_settings {
    bool dane_on_insecure_mx; /* elected: hosts of an insecure MX RRset get DANE too (DNS-29) */
    size_t mx_hosts_max;      /* default OTR_MX_HOSTS_MAX */
    size_t tlsa_max;          /* default OTR_TLSA_MAX */
    const char *const *own_hosts; /* names of this mail server as an MX host (M12), ends with NULL; NULL: none */
} otr_discover_settings;
#define OTR_DISCOVER_SETTINGS_INIT \
    { .dane_on_insecure_mx = true, .mx_hosts_max = OTR_MX_HOSTS_MAX, .tlsa_max = OTR_TLSA_MAX }

typedef struct otr_discover otr_discover;

/* The finding is a new one with one reference that the callback takes over; NULL only when out of memory. */
typedef void otr_discover_done(void *arg, otr_mx_finding *finding);

/*
 * Told, at most once and before done(), that the MX step has left hosts to be looked at (M2, M3, M6): the moment to
 * ask for a policy. Where there is none (null MX, no such domain, MX lookup failed) nothing else is to be asked.
 */
typedef void otr_discover_hosts(void *arg);

/*
 * destination is a domain or a host (for which has_hosts, which may be NULL, is not called: there is no MX step); for
 * an address literal there is nothing to look up (otr_mx_finding_of_address). done() is called once, never from inside;
 * after cancel never. NULL: out of memory. resolver, clock: borrowed.
 */
otr_discover *otr_discover_start(otr_resolver *resolver, otr_clock *clock, const otr_discover_settings *settings,
                                 const otr_destination *destination, otr_discover_hosts *has_hosts,
                                 otr_discover_done *done, void *arg);
void otr_discover_cancel(otr_discover *discover);

#endif

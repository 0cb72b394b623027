/*
 * findings.h - what DNS says about the hosts of a destination: the input of decide(), beside the STS finding.
 * Every row name ("M2", "A1", "T1") is that of the decision table. Immutable, counted by reference. What is added has to be added
 * to findings_pack.c too.
 */
#ifndef OTR_VERDICT_FINDINGS_H
#define OTR_VERDICT_FINDINGS_H

#include "base/arena.h"
#include "base/clock.h"
#include "dane/tlsa.h"
#include "dns/answer.h"
#include "verdict/destination.h"

#define OTR_MX_HOSTS_MAX 50 /* hosts that are looked at; more are dropped from the end, with a note */

/* JSON mx_security */
typedef enum otr_mx_security {
    OTR_MX_SECURE, OTR_MX_INSECURE, OTR_MX_BOGUS, OTR_MX_TEMPFAIL, OTR_MX_NONE /* no MX lookup, or no MX records */
} otr_mx_security;
extern const char *const otr_mx_security_names[];

/* JSON mx[].addresses */
typedef enum otr_host_addresses {
    OTR_HOST_SECURE, OTR_HOST_INSECURE, OTR_HOST_NO_ADDRESS, OTR_HOST_TEMPFAIL
} otr_host_addresses;
extern const char *const otr_host_addresses_names[]; /* "secure", "insecure", "none", "tempfail" */

/* JSON mx[].dane.state. The DANE finding of the decision table: auth/half, enc, none, none, fail. */
typedef enum otr_dane_state {
    OTR_DANE_USABLE, OTR_DANE_UNUSABLE, OTR_DANE_NONE, OTR_DANE_INSECURE, OTR_DANE_TEMPFAIL
} otr_dane_state;
extern const char *const otr_dane_state_names[];

typedef struct otr_host_finding {
    const char *host;         /* exchange name as in the MX record: the name that STS matches and certificates bear */
    const char *canonical;    /* end of its CNAME chain; host if there is none */
    uint16_t preference;
    const char *address_row;  /* "A1" ... "A8" */
    otr_host_addresses addresses;
    bool is_unusable_name;    /* M11: the exchange is no name that can be looked up (an address in text form, ...) */
    bool is_bogus;            /* A8, or TLSA bogus */
    const char *tlsa_row;     /* "T1" ... "T5"; "" if no TLSA query was due */
    otr_dane_state dane;
    const char *base_domain;  /* USABLE, UNUSABLE: the candidate with the records; else "" */
    const otr_tlsa *tlsa;     /* USABLE, UNUSABLE: all records of the RRset */
    size_t tlsa_count;
    const char *reason;       /* one sentence for people */
} otr_host_finding;

typedef struct otr_mx_finding {
    otr_destination destination;
    const char *row;            /* "M1" ... "M13" */
    otr_mx_security security;
    bool is_implicit;           /* M6, M13: the destination itself is the host */
    const char *canonical;      /* next-hop domain after CNAMEs */
    const otr_host_finding *hosts; /* by preference; equal preferences in an order that is shuffled once per finding */
    size_t host_count;
    const char *error;          /* M4, M7, M8 - M10: in words; else "" */
    const char *const *evidence; /* one line a lookup: type, name, status, content, TTL */
    size_t evidence_count;
    otr_time found_at;
    otr_time valid_until;       /* least TTL of all that was looked up */
    otr_arena *arena;           /* owned: holds everything above */
    _Atomic unsigned refs;
} otr_mx_finding;

/* The finding for an address literal (M1): one host, nothing to look up. NULL when out of memory. */
otr_mx_finding *otr_mx_finding_of_address(const otr_destination *destination, otr_time now);

otr_mx_finding *otr_mx_finding_ref(otr_mx_finding *finding);
void otr_mx_finding_unref(otr_mx_finding *finding); /* NULL is fine */

#endif

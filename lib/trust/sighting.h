/*
 * sighting.h - a chain that a host showed, and what it was worth for one destination: the record of which CAs the mail
 * depends on. A value; made by those who shake hands (policy fetches, probes) or told by a mail server.
 */
#ifndef OTR_TRUST_SIGHTING_H
#define OTR_TRUST_SIGHTING_H

#include "dns/name.h"
#include "trust/verify.h"

typedef enum otr_role { OTR_ROLE_POLICY, OTR_ROLE_MX, OTR_ROLE_COUNT } otr_role;
extern const char *const otr_role_names[]; /* "policy", "mx" */

typedef enum otr_sighting_source { OTR_SEEN_IN_FETCH, OTR_SEEN_IN_PROBE, OTR_SEEN_BY_MTA, OTR_SEEN_COUNT } otr_sighting_source;
extern const char *const otr_sighting_source_names[]; /* "fetch", "probe", "mta" */

#define OTR_SIGHTING_ERROR_SIZE 256

typedef struct otr_sighting {
    char domain[OTR_DOMAIN_SIZE]; /* the destination */
    otr_role role;
    char host[OTR_DOMAIN_SIZE];   /* whose certificate it is: the policy host, the MX host */
    otr_sighting_source source;
    otr_time seen_at;
    STACK_OF(X509) *chain;        /* owned: as sent, leaf first, at most OTR_CHAIN_MAX */
    X509 *root;                   /* owned reference: by which it was accepted; NULL: refused */
    char error[OTR_SIGHTING_ERROR_SIZE]; /* refused: why; else "" */
    otr_time expires_at;          /* accepted: the first end in the path; else 0 */
    /* What the store remembers of the time before; "" and 0 in a new one. */
    char root_before[OTR_SHA256_TEXT]; /* fingerprint of the last other root; a refusal is no change of root */
    otr_time changed_at;
} otr_sighting;

/* From a judgement; the chain is referenced, not copied. False: out of memory, and the sighting is empty. */
bool otr_sighting_make(otr_sighting *sighting, const char *domain, otr_role role, const char *host,
                       otr_sighting_source source, otr_time at, const STACK_OF(X509) *chain, const otr_verification *v);
bool otr_sighting_copy(otr_sighting *to, const otr_sighting *from);
void otr_sighting_clear(otr_sighting *sighting);

#endif

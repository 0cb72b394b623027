/*
 * exception.h - one root for one destination until a date: what `outrider trust add` makes, one for each --for. A value.
 */
#ifndef OTR_TRUST_EXCEPTION_H
#define OTR_TRUST_EXCEPTION_H

#include "dns/name.h"
#include "trust/certificate.h"

#define OTR_EXCEPTIONS_MAX 1000
#define OTR_EXCEPTION_DAYS_MAX 366
#define OTR_EXCEPTION_REASON_MAX 200 /* octets, as of an override */

typedef struct otr_exception {
    char root[OTR_SHA256_TEXT];       /* its fingerprint */
    char domain[OTR_DOMAIN_SIZE + 1]; /* normal form, or "." and a domain: all below */
    X509 *cert;                       /* owned reference */
    otr_time until;
    char reason[OTR_EXCEPTION_REASON_MAX + 1];
    otr_time made_at;
    int64_t uid;                      /* of who asked */
} otr_exception;

void otr_exception_clear(otr_exception *exception);

#endif

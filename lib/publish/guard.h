/*
 * guard.h - would it break DANE for anyone to install this certificate now? Counting what may lie in caches (PUB-12). Pure: DNS was asked
 * before (authority.h), what earlier looks saw is an argument (tlsa_history.h), and so is the time.
 *
 * It never fails open: what could not be found out is UNKNOWN, and then the old certificate stays.
 */
#ifndef OTR_PUBLISH_GUARD_H
#define OTR_PUBLISH_GUARD_H

#include "publish/finding.h"
#include "publish/tlsa_cover.h"
#include "publish/tlsa_history.h"

typedef enum otr_guard_outcome {
    OTR_GUARD_SAFE,       /* every set of records that a cache may have is satisfied */
    OTR_GUARD_NO_TLSA,    /* there are none: nobody looks at the certificate by DANE */
    OTR_GUARD_INSECURE,   /* the zone is not signed: DANE does not apply */
    OTR_GUARD_WOULD_BREAK,
    OTR_GUARD_UNKNOWN,
} otr_guard_outcome;
extern const char *const otr_guard_outcome_names[]; /* "safe", "no-tlsa", "insecure", "would-break", "unknown" */

typedef struct otr_guard_question {
    const otr_authority *authority;
    const otr_tlsa_history *history; /* this look included */
    const char *chain_pem;           /* to be installed, leaf first */
    size_t chain_len;
    /*
     * What the host shows now, at every address, if it is known and has the key that is to be installed; else NULL. Whatever a
     * cache holds that does not match it fails today already, and would go on to.
     */
    const char *service_pem;
    size_t service_len;
    otr_time now;
} otr_guard_question;

typedef struct otr_guard_result {
    otr_guard_outcome outcome;
    /* WOULD_BREAK: */
    char record[200];     /* to be published beside those that are there; "" if it is there and only time is missing */
    otr_time safe_from;   /* the earliest: with `record`, if it were published everywhere at once; OTR_NEVER: time does not mend it */
} otr_guard_result;

/*
 * The findings are added to `findings`. Returns OUTRIDER_OK, OUTRIDER_E_SYNTAX or OUTRIDER_E_LIMIT (the chain), OUTRIDER_E_NOMEM.
 */
outrider_err otr_guard(const otr_guard_question *question, otr_guard_result *result, otr_findings *findings, outrider_diag *diag);

/* What is to be said of the records themselves, whatever certificate comes: servers, signatures, TTL, number. */
void otr_guard_look_at_records(const otr_authority *authority, const otr_tlsa_history *history, otr_time now, otr_findings *findings);

#endif

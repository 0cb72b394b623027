/*
 * match.h - do these TLSA records authenticate this chain (RFC 7671 §5, RFC 7672 §3)? Offline and pure: the
 * time is an argument, no trust store is consulted (DANE-06).
 */
#ifndef OTR_DANE_MATCH_H
#define OTR_DANE_MATCH_H

#include "base/clock.h"
#include "dane/tlsa.h"
#include "trust/pem.h" /* limits of a chain */

typedef struct otr_dane_question {
    const otr_tlsa *records;
    size_t record_count;
    const char *chain_pem;      /* leaf first, in the order the server sends */
    size_t chain_len;
    const char *const *names;   /* reference identifiers, NULL-terminated: TLSA base domain first, then the
                                   next-hop domain and its expansion where RFC 7672 §3.2.2 allows them */
    otr_time at;
} otr_dane_question;

typedef struct otr_dane_result {
    bool is_usable;        /* at least one usable record: authentication is mandatory */
    bool is_authenticated;
    int matched;           /* index of the record that matched, -1 if none */
    int depth;             /* depth in the chain of the certificate that matched; -1 if none.
                              With a bare key (2 1 0) the depth of the certificate that the key signed, plus 1 */
    char reason[256];      /* one sentence: why, or why not */
} otr_dane_result;

/*
 * Returns OUTRIDER_OK (also when nothing matches: that is a result), OUTRIDER_E_SYNTAX if the chain holds no
 * certificate or one that does not parse, OUTRIDER_E_LIMIT, OUTRIDER_E_NOMEM.
 */
outrider_err otr_dane_match(const otr_dane_question *question, otr_dane_result *result, outrider_diag *diag);

#endif

/*
 * tlsa_cover.h - does a chain satisfy everybody who has this TLSA RRset? More than "some record matches" (dane/match.h): a sender may know
 * only some of the combinations of usage, selector and matching type, so each that is there must match (RFC 7671 §8, PUB-12). Pure.
 */
#ifndef OTR_PUBLISH_TLSA_COVER_H
#define OTR_PUBLISH_TLSA_COVER_H

#include "base/clock.h"
#include "dane/tlsa.h"

#define OTR_TLSA_SET_MAX 100 /* records of a set; as of dns/answer.h */

typedef struct otr_chain {
    const char *pem;  /* leaf first */
    size_t len;
    const char *base; /* the TLSA base domain, which usage 2 wants in the certificate */
} otr_chain;

typedef enum otr_cover {
    OTR_COVERS,
    OTR_COVERS_NOTHING_ASKED, /* no record is usable, or there is none: no certificate is looked at */
    OTR_COVERS_NOT,
} otr_cover;

typedef struct otr_cover_result {
    otr_cover cover;
    uint8_t usage, selector, mtype; /* NOT: of the combination that does not match */
    char record[200];               /* COVERS: one that matched, as text, cut if long */
    char reason[320];               /* NOT: one sentence */
} otr_cover_result;

/* OUTRIDER_OK, OUTRIDER_E_SYNTAX or OUTRIDER_E_LIMIT (the chain), OUTRIDER_E_NOMEM. */
outrider_err otr_tlsa_cover(const otr_tlsa *records, size_t count, const otr_chain *chain, otr_time at, otr_cover_result *result,
                            outrider_diag *diag);

/* The same for a set as text, a record a line (tlsa_history.h). */
outrider_err otr_tlsa_cover_text(const char *text, const otr_chain *chain, otr_time at, otr_cover_result *result, outrider_diag *diag);

#endif

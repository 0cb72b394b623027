/*
 * record.h - the _smtp._tls TXT record (RFC 8460 §3): grammar, and the choice among several. Pure.
 */
#ifndef OTR_TLSRPT_RECORD_H
#define OTR_TLSRPT_RECORD_H

#include "base/buf.h"

#include <outrider/base.h>

#define OTR_TLSRPT_RUA_MAX 32 /* URIs of one record that are kept */

typedef struct otr_tlsrpt_record {
    otr_slice rua[OTR_TLSRPT_RUA_MAX]; /* URIs as written (still percent-encoded) with a scheme that is used:
                                          mailto: or https:; borrowed from the text */
    size_t rua_count;
    size_t skipped;                    /* URIs of other schemes, or marked invalid (RPT-DNS-04, -05) */
} otr_tlsrpt_record;

/*
 * One record whose character-strings are already joined. A record that leaves no URI in rua is refused.
 * OUTRIDER_OK, OUTRIDER_E_SYNTAX or OUTRIDER_E_LIMIT.
 */
outrider_err otr_tlsrpt_record_parse(const char *txt, size_t len, otr_tlsrpt_record *record, outrider_diag *diag);

typedef enum otr_tlsrpt_found {
    OTR_TLSRPT_NONE, OTR_TLSRPT_ONE, OTR_TLSRPT_SEVERAL, OTR_TLSRPT_INVALID
} otr_tlsrpt_found;
/* Choose among the records of an RRset, as otr_sts_record_find() does. */
otr_tlsrpt_found otr_tlsrpt_record_find(const otr_slice *txts, size_t count, otr_tlsrpt_record *record,
                                        outrider_diag *diag);

#endif

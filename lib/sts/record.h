/*
 * record.h - the _mta-sts TXT record (RFC 8461 §3.1): grammar, and the choice among several. Pure.
 */
#ifndef OTR_STS_RECORD_H
#define OTR_STS_RECORD_H

#include "base/slice.h"

#include <outrider/base.h>

#define OTR_STS_ID_MAX 32

typedef struct otr_sts_record {
    otr_slice id; /* borrowed from the text; 1 to 32 letters and digits */
} otr_sts_record;

/* Parse one record whose character-strings are already joined. OUTRIDER_OK or OUTRIDER_E_SYNTAX. */
outrider_err otr_sts_record_parse(const char *txt, size_t len, otr_sts_record *record, outrider_diag *diag);

typedef enum otr_sts_found {
    OTR_STS_RECORD_NONE,    /* nothing begins with "v=STSv1;" */
    OTR_STS_RECORD_ONE,     /* exactly one does, and it parses */
    OTR_STS_RECORD_SEVERAL, /* more than one begins so: no policy, whether they parse or not (STS-DNS-05) */
    OTR_STS_RECORD_INVALID, /* exactly one begins so and it does not parse; diag says where */
} otr_sts_found;

/*
 * Choose among the records of an RRset. *record is written only for OTR_STS_RECORD_ONE; diag may be NULL and is
 * filled for every other outcome: its line is the number of the record in the RRset, from 1, and for
 * OTR_STS_RECORD_NONE it is about the record that came closest.
 */
otr_sts_found otr_sts_record_find(const otr_slice *txts, size_t count, otr_sts_record *record, outrider_diag *diag);

#endif

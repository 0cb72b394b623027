/*
 * sts_record_fuzz.c - an _mta-sts record, alone and as one of an RRset. What is accepted must keep its promises.
 */
#include "sts/record.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *txt = (const char *)data;
    const otr_slice rrset[] = { { txt, size }, { "v=spf1 -all", 11 }, { txt, size / 2 } };
    otr_sts_record record;
    outrider_diag diag;

    if (otr_sts_record_parse(txt, size, &record, &diag) == OUTRIDER_OK) {
        if (record.id.len == 0 || record.id.len > OTR_STS_ID_MAX || record.id.ptr < txt ||
            record.id.ptr + record.id.len > txt + size)
            abort();
    } else if (diag.line != 1 || diag.column == 0 || diag.column > size + 1) {
        abort();
    }
    otr_sts_record_find(rrset, 3, &record, &diag);
    return 0;
}

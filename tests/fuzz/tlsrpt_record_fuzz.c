/*
 * tlsrpt_record_fuzz.c - an _smtp._tls record, alone and as one of an RRset.
 */
#include "tlsrpt/record.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *txt = (const char *)data;
    const otr_slice rrset[] = { { txt, size }, { "v=spf1 -all", 11 }, { txt, size / 2 } };
    otr_tlsrpt_record record;
    outrider_diag diag;

    if (otr_tlsrpt_record_parse(txt, size, &record, &diag) == OUTRIDER_OK) {
        if (record.rua_count == 0 || record.rua_count > OTR_TLSRPT_RUA_MAX)
            abort();
        for (size_t i = 0; i < record.rua_count; i++)
            for (size_t k = 0; k < record.rua[i].len; k++)
                if (record.rua[i].ptr[k] <= ' ' || record.rua[i].ptr[k] >= 0x7f)
                    abort();
    } else if (diag.line != 1 || diag.column == 0 || diag.column > size + 1) {
        abort();
    }
    otr_tlsrpt_record_find(rrset, 3, &record, &diag);
    return 0;
}

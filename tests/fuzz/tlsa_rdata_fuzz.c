/*
 * tlsa_rdata_fuzz.c - TLSA records off the wire, one as it is and beside others in an RRset.
 */
#include "dane/tlsa.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t half = size / 2;
    const otr_tlsa records[] = { otr_tlsa_from_rdata(data, size), otr_tlsa_from_rdata(data, half),
                                 otr_tlsa_from_rdata(data + half, size - half) };
    bool counts[3];
    size_t selected = otr_tlsa_select(records, 3, counts), counted = 0;
    bool is_any_usable = false;

    for (int i = 0; i < 3; i++) {
        bool is_usable = otr_tlsa_check(&records[i]) == OTR_TLSA_USABLE;

        if (counts[i] && (!is_usable || records[i].len == 0 || records[i].usage < 2 || records[i].usage > 3))
            abort();
        counted += counts[i];
        is_any_usable |= is_usable;
    }
    if (counted != selected || is_any_usable != (selected > 0))
        abort();
    return 0;
}

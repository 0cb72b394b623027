/*
 * dane_chain_fuzz.c - chains in PEM, against records of which none can match.
 */
#include "dane/match.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "mx.example.com", NULL };
    static const uint8_t digest[32] = { 0 };
    const otr_tlsa records[] = { { .usage = 3, .selector = 1, .mtype = 1, .data = digest, .len = sizeof(digest) },
                                 { .usage = 2, .selector = 0, .mtype = 1, .data = digest, .len = sizeof(digest) } };
    const otr_dane_question question = { .records = records, .record_count = 2, .chain_pem = (const char *)data,
                                         .chain_len = size, .names = names, .at = 1767225600 };
    otr_dane_result result;

    if (otr_dane_match(&question, &result, NULL) == OUTRIDER_OK && (result.is_authenticated || !*result.reason))
        abort();
    return 0;
}

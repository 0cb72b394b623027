/*
 * sts_response_fuzz.c - the header of a policy host's answer, line by line as curl hands it over: never good without status 200
 * and a media type, never bad without a reason in printable words, never longer than the limit.
 */
#include "sts/response.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const otr_response *r, bool is_good)
{
    if (is_good != (r->reason[0] == '\0') && (!is_good || r->is_final))
        abort();
    if (is_good && r->is_final && (r->status != 200 || !r->has_type))
        abort();
    if (is_good && r->header_len > OTR_RESPONSE_HEADER_LIMIT)
        abort();
    if (memchr(r->reason, '\0', sizeof(r->reason)) == NULL)
        abort();
    for (const char *at = r->reason; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    otr_response response = OTR_RESPONSE_INIT;
    const char *at = (const char *)data, *end = at + size;
    bool is_good = true;

    while (is_good && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline != NULL ? newline + 1 : end;

        is_good = otr_response_line(&response, at, (size_t)(next - at));
        check(&response, is_good);
        at = next;
    }
    otr_is_text_plain((otr_slice){ (const char *)data, size });
    return 0;
}

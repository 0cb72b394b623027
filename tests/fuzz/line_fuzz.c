/*
 * line_fuzz.c - a request of the line protocol. What is accepted names a destination and, if it tells of a certificate, a
 * host and base64 that lies within the line.
 */
#include "daemon/listen/line.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = (const char *)data;
    otr_line_choice choice;

    otr_line_choose((otr_slice){ line, size }, &choice);
    switch (choice.act) {
    case OTR_LINE_ASK:
        if (choice.destination.key[0] == '\0')
            abort();
        break;
    case OTR_LINE_REPLY:
        if (choice.reply == NULL)
            abort();
        break;
    case OTR_LINE_TELL:
        if (choice.event.destination.kind == OTR_TO_ADDRESS || choice.event.depth >= OTR_CHAIN_MAX ||
            !otr_is_ldh_domain(choice.event.host, strlen(choice.event.host)))
            abort();
        if (choice.event.cert.len == 0 || choice.event.cert.len % 4 != 0 || choice.event.cert.ptr < line ||
            choice.event.cert.ptr + choice.event.cert.len > line + size)
            abort();
        break;
    case OTR_LINE_CLOSE:
        break;
    }
    return 0;
}

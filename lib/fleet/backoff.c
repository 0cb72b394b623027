/*
 * backoff.c - see backoff.h.
 */
#include "fleet/backoff.h"

unsigned otr_backoff_ms(unsigned failures, uint32_t chance)
{
    unsigned span = OTR_BACKOFF_FIRST_MS;

    for (unsigned i = 1; i < failures && span < OTR_BACKOFF_MOST_MS; i++)
        span *= 2;
    if (span > OTR_BACKOFF_MOST_MS)
        span = OTR_BACKOFF_MOST_MS;
    return span - chance % (span / 2 + 1);
}

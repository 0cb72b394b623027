/*
 * domain_name_fuzz.c - a name as typed: what comes out is a normal form and its own normal form.
 */
#include "dns/name.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char domain[OTR_DOMAIN_SIZE], again[OTR_DOMAIN_SIZE];
    outrider_diag diag;

    if (otr_is_ldh_domain(text, size) && otr_is_address_text(text, size))
        abort();
    if (otr_domain_normalize(text, size, domain, &diag) == OUTRIDER_OK) {
        size_t len = strlen(domain);

        if (!otr_is_ldh_domain(domain, len) || otr_is_address_text(domain, len) ||
            otr_domain_normalize(domain, len, again, NULL) != OUTRIDER_OK || strcmp(domain, again) != 0)
            abort();
    } else if (diag.line == 0 || diag.column == 0) {
        abort();
    }
    return 0;
}

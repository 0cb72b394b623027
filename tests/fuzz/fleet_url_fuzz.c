/*
 * fleet_url_fuzz.c - the URL of a fleet's store: what is accepted has a place that reads back the same.
 */
#include "fleet/url.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    otr_fleet_url url, again;
    outrider_diag diag = { 0 };
    char place[OTR_FLEET_PLACE_SIZE];

    if (otr_fleet_url_parse((const char *)data, size, &url, &diag) != OUTRIDER_OK) {
        if (diag.message[0] == '\0')
            abort();
        return 0;
    }
    if ((url.host[0] == '\0') == (url.path[0] == '\0') || url.db > OTR_FLEET_DB_MAX || (url.host[0] != '\0' && url.port == 0))
        abort();
    otr_fleet_url_place(&url, place);
    if (url.host[0] != '\0' && (otr_fleet_url_parse(place, strlen(place), &again, NULL) != OUTRIDER_OK || url.port != again.port ||
                                strcmp(url.host, again.host) != 0 || url.db != again.db || url.is_tls != again.is_tls))
        abort();
    return 0;
}

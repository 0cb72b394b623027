/*
 * control_request_fuzz.c - a request of the control socket. What is accepted must be what the store and the log may
 * take.
 */
#include "daemon/control_request.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    otr_control_request r;
    outrider_diag diag = { 0 };

    if (otr_control_parse((otr_slice){ (const char *)data, size }, &r, &diag) != OUTRIDER_OK) {
        if (diag.message[0] == '\0')
            abort();
        return 0;
    }
    if (r.verb >= OTR_CONTROL_VERB_COUNT || (r.verb == OTR_CONTROL_OVERRIDE_LIST) != (r.domain[0] == '\0'))
        abort();
    if (r.domain[0] != '\0' && !otr_is_ldh_domain(r.domain, strlen(r.domain)))
        abort();
    if (r.verb == OTR_CONTROL_OVERRIDE_ADD) {
        otr_override o = { .level = r.level, .made_at = 1, .until = 2 };

        memcpy(o.domain, r.domain, sizeof(o.domain));
        memcpy(o.reason, r.reason, sizeof(o.reason));
        if (otr_override_check(&o, NULL) != OUTRIDER_OK)
            abort();
    }
    if ((r.verb == OTR_CONTROL_TRUST_RECORD) != (r.pem != NULL))
        abort();
    if (r.verb == OTR_CONTROL_TRUST_RECORD && !otr_is_ldh_domain(r.host, strlen(r.host)))
        abort();
    otr_control_request_clear(&r);
    return 0;
}

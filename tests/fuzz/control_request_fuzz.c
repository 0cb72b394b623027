/*
 * control_request_fuzz.c - a request of the control socket. What is accepted must be what the store and the log may
 * take.
 */
#include "daemon/control_request.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* publish.status is about one domain or about all. */
static bool has_fitting_domain(const otr_control_request *r)
{
    bool is_about_all = r->verb == OTR_CONTROL_OVERRIDE_LIST || r->verb == OTR_CONTROL_PUBLISH_RELOAD ||
                        otr_control_is_fleet(r->verb) || otr_control_is_trust(r->verb);

    return r->verb == OTR_CONTROL_PUBLISH_STATUS || is_about_all == (r->domain[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    otr_control_request r;
    outrider_diag diag = { 0 };

    if (otr_control_parse((otr_slice){ (const char *)data, size }, &r, &diag) != OUTRIDER_OK) {
        if (diag.message[0] == '\0')
            abort();
        return 0;
    }
    if (r.verb >= OTR_CONTROL_VERB_COUNT || !has_fitting_domain(&r))
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
    if ((r.verb == OTR_CONTROL_TRUST_RECORD || r.verb == OTR_CONTROL_TRUST_ADD) != (r.pem != NULL))
        abort();
    if (r.verb == OTR_CONTROL_TRUST_ADD && r.name_count == 0)
        abort();
    if (r.name_count > OTR_CONTROL_NAMES_MAX || (r.verb == OTR_CONTROL_TRUST_REMOVE) != (r.root[0] != '\0'))
        abort();
    for (size_t i = 0; i < r.name_count; i++) {
        const char *name = r.names[i].text + (r.names[i].text[0] == '.');

        if (!otr_is_ldh_domain(name, strlen(name)))
            abort();
    }
    if (r.verb == OTR_CONTROL_TRUST_RECORD && !otr_is_ldh_domain(r.host, strlen(r.host)))
        abort();
    otr_control_request_clear(&r);
    return 0;
}

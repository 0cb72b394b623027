/*
 * record.c - see record.h.
 */
#include "daemon/flow/record.h"

#include "base/diag.h"
#include "store/store_trust.h"

outrider_err otr_record_sighting(otr_worker *worker, const char *domain, otr_role role, const char *host,
                                 otr_sighting_source source, const STACK_OF(X509) *chain, const otr_verification *verification,
                                 outrider_diag *diag)
{
    char before[OTR_SHA256_TEXT];
    otr_sighting sighting;
    outrider_err err;

    if (!otr_sighting_make(&sighting, domain, role, host, source, otr_clock_now(worker->flow->clock), chain, verification))
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    err = otr_store_put_sighting(worker->flow->store, &sighting, before, diag);
    otr_sighting_clear(&sighting);
    return err;
}

/*
 * record_shared.c - chains that other members of the fleet have seen.
 */
#include "daemon/flow/domain.h"
#include "daemon/flow/record.h"
#include "store/store_fleet.h"

#include <stdio.h>

bool otr_record_is_policy_held(const otr_worker *worker, const char *domain)
{
    char host[OTR_DOMAIN_SIZE];
    otr_hold hold;

    return snprintf(host, sizeof(host), "mta-sts.%s", domain) < (int)sizeof(host) &&
           otr_record_find_hold(worker, domain, &hold) &&
           otr_holds_find_host(worker->flow->holds, domain, OTR_ROLE_POLICY, host, &hold);
}

outrider_err otr_record_shared(otr_worker *worker, const otr_fleet_record *r, bool *is_news, outrider_diag *diag)
{
    const otr_anchor_set *set = otr_anchors_for(worker->net.anchors, r->domain);
    otr_verification v = { .depth = -1 };
    otr_sighting sighting;
    otr_time seen_at = 0;
    outrider_err err = otr_store_seen_at(worker->flow->store, r->domain, r->role, r->host, &seen_at, diag);

    *is_news = false;
    if (err != OUTRIDER_OK || r->at <= seen_at)
        return err;
    err = otr_verify_chain(set, r->chain, r->host, r->at, &v);
    *is_news = err == OUTRIDER_OK && otr_verification_root(&v) != NULL;
    if (*is_news) {
        if (otr_sighting_make(&sighting, r->domain, r->role, r->host, r->source, r->at, r->chain, &v)) {
            err = otr_record_seen(worker, &sighting, diag);
            otr_sighting_clear(&sighting);
        } else {
            err = OUTRIDER_E_NOMEM;
        }
    }
    if (err == OUTRIDER_E_NOMEM)
        snprintf(diag->message, sizeof(diag->message), "out of memory");
    otr_verification_clear(&v);
    return err;
}

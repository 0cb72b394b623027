/*
 * control_record.c - see control_record.h.
 */
#include "daemon/flow/control_record.h"

#include "base/diag.h"
#include "daemon/flow/place.h"
#include "daemon/flow/record.h"
#include "trust/pem.h"

#include <string.h>

static json_t *describe(const otr_control_request *r, otr_verification *v)
{
    X509 *root = otr_verification_root(v);
    char name[OTR_CERT_NAME_SIZE], sha256[OTR_SHA256_TEXT] = "", expires[OTR_TIME_TEXT];

    if (root == NULL)
        return json_pack("{s:s, s:s, s:b, s:s}", "domain", r->domain, "host", r->host, "accepted", 0, "error", v->reason);
    otr_cert_fingerprint(root, sha256);
    return json_pack("{s:s, s:s, s:b, s:s, s:s, s:s}", "domain", r->domain, "host", r->host, "accepted", 1,
                     "root", otr_cert_name(root, name), "root_sha256", sha256,
                     "expires_at", otr_time_text(v->expires_at, expires));
}

static bool is_own_host(const otr_worker *worker, const char *host)
{
    for (const char *const *own = worker->flow->discover.own_hosts; own != NULL && *own != NULL; own++)
        if (strcmp(*own, host) == 0)
            return true;
    return false;
}

/*
 * Mail to our own domains would loop, so nobody asks for them, and nobody looks for their policies (M12). Who probes their
 * hosts wants to know what others will see of them, and for that it matters to which policy they hold us.
 */
static void look_for_own_policy(otr_worker *worker, const char *domain)
{
    char flow[OTR_FLOW_ID_SIZE];
    otr_destination destination;
    otr_place *place = NULL;

    if (otr_destination_parse(domain, strlen(domain), &destination, NULL) == OUTRIDER_OK)
        place = otr_place_get(worker, &destination);
    if (place == NULL || place->domain == NULL || place->errand != NULL)
        return;
    otr_worker_name_flow(worker, flow);
    (void)otr_domain_look(place->domain, flow); /* what fails is in the log */
    if (place->answer == NULL)
        otr_worker_arm(place->timer, 1); /* nothing keeps the place once the policy is there */
}

outrider_err otr_control_record(otr_worker *worker, const otr_control_request *r, json_t **sighting, outrider_diag *diag)
{
    const otr_anchor_set *set = otr_anchors_for(worker->net.anchors, r->domain);
    otr_verification v = { .depth = -1 };
    STACK_OF(X509) *chain = NULL;
    outrider_diag why = { 0 };
    outrider_err err = otr_pem_read_certs(r->pem, strlen(r->pem), OTR_CHAIN_MAX, &chain, &why);

    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, "the chain: %s", why.message);
    err = otr_verify_chain(set, chain, r->host, otr_clock_now(worker->flow->clock), &v);
    if (err == OUTRIDER_OK)
        err = otr_record_sighting(worker, r->domain, OTR_ROLE_MX, r->host, r->source, chain, &v, diag);
    else
        otr_fail(diag, err, "out of memory");
    if (err == OUTRIDER_OK)
        *sighting = describe(r, &v);
    if (err == OUTRIDER_OK && is_own_host(worker, r->host))
        look_for_own_policy(worker, r->domain);
    otr_verification_clear(&v);
    sk_X509_pop_free(chain, X509_free);
    return err;
}

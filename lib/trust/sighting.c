/*
 * sighting.c - see sighting.h.
 */
#include "trust/sighting.h"

#include "trust/pem.h"

#include <stdio.h>

const char *const otr_role_names[] = { "policy", "mx" };
const char *const otr_sighting_source_names[] = { "fetch", "probe", "mta" };

/* References to the first OTR_CHAIN_MAX of them. NULL: out of memory. */
static STACK_OF(X509) *reference_chain(const STACK_OF(X509) *chain)
{
    STACK_OF(X509) *made = sk_X509_new_null();

    for (int i = 0; made != NULL && i < sk_X509_num(chain) && i < OTR_CHAIN_MAX; i++) {
        X509 *cert = sk_X509_value(chain, i);

        if (sk_X509_push(made, cert) > 0) {
            X509_up_ref(cert);
            continue;
        }
        sk_X509_pop_free(made, X509_free);
        return NULL;
    }
    return made;
}

bool otr_sighting_make(otr_sighting *sighting, const char *domain, otr_role role, const char *host,
                       otr_sighting_source source, otr_time at, const STACK_OF(X509) *chain, const otr_verification *v)
{
    X509 *root = otr_verification_root(v);

    *sighting = (otr_sighting){ .role = role, .source = source, .seen_at = at };
    sighting->chain = reference_chain(chain);
    if (sighting->chain == NULL)
        return false;
    snprintf(sighting->domain, sizeof(sighting->domain), "%s", domain);
    snprintf(sighting->host, sizeof(sighting->host), "%s", host);
    if (root != NULL) {
        X509_up_ref(root);
        sighting->root = root;
        sighting->expires_at = v->expires_at;
    } else {
        snprintf(sighting->error, sizeof(sighting->error), "%s", v->reason);
    }
    return true;
}

bool otr_sighting_copy(otr_sighting *to, const otr_sighting *from)
{
    *to = (otr_sighting){ 0 };
    STACK_OF(X509) *chain = reference_chain(from->chain);

    if (chain == NULL)
        return false;
    *to = *from;
    to->chain = chain;
    if (to->root != NULL)
        X509_up_ref(to->root);
    return true;
}

void otr_sighting_clear(otr_sighting *sighting)
{
    sk_X509_pop_free(sighting->chain, X509_free);
    X509_free(sighting->root);
    *sighting = (otr_sighting){ 0 };
}

/*
 * trust_verify_fuzz.c - chains in PEM, under a set that holds the first of their self-signed certificates, so that some get
 * as far as being accepted: with and without that root, for names of every kind. What is refused has a reason, in printable
 * words; what is accepted has a root of the set.
 */
#include "trust/pem.h"
#include "trust/sighting.h"

#include <stdlib.h>

#define AT 1767225600 /* 2026-01-01 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static otr_anchors *make_anchors(STACK_OF(X509) *chain)
{
    STACK_OF(X509) *roots = sk_X509_new_null();
    otr_anchor_rule rule = { .name = "default", .roots = roots };
    otr_anchors *anchors = NULL;

    for (int i = 0; roots != NULL && i < sk_X509_num(chain) && sk_X509_num(roots) == 0; i++)
        if (otr_cert_is_self_signed(sk_X509_value(chain, i)))
            sk_X509_push(roots, sk_X509_value(chain, i));
    if (roots == NULL ||
        otr_anchors_make(&(otr_anchor_source){ .rules = &rule, .rule_count = 1 }, &anchors, NULL) != OUTRIDER_OK)
        abort();
    sk_X509_free(roots);
    return anchors;
}

static bool is_any(void *arg, const X509 *root)
{
    (void)arg;
    (void)root;
    return true;
}

static void check(const otr_anchor_set *set, const STACK_OF(X509) *chain, const char *host, otr_verification *v)
{
    otr_sighting seen;

    if (v->is_accepted != (v->reason[0] == '\0') || v->is_accepted != (otr_verification_root(v) != NULL))
        abort();
    if (v->is_accepted && !otr_anchor_set_has(set, otr_verification_root(v)))
        abort();
    for (const char *at = v->reason; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            abort();
    if (!otr_sighting_make(&seen, "example.com", OTR_ROLE_MX, host, OTR_SEEN_IN_PROBE, AT, chain, v))
        abort();
    otr_sighting_clear(&seen);
    otr_verification_clear(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const hosts[] = { "mx.example.com", "", "192.0.2.1", "*.example.com" };
    STACK_OF(X509) *chain = NULL;
    const otr_anchor_set *set;
    otr_anchors *anchors;
    otr_verification v;

    if (size > OTR_CHAIN_PEM_LIMIT ||
        otr_pem_read_certs((const char *)data, size, OTR_CHAIN_MAX + 4, &chain, NULL) != OUTRIDER_OK)
        return 0;
    anchors = make_anchors(chain);
    set = otr_anchors_for(anchors, "example.com");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (otr_verify_chain(set, chain, hosts[i], AT, &v) != OUTRIDER_OK || (i > 0 && v.is_accepted))
            abort();
        check(set, chain, hosts[i], &v);
    }
    if (otr_verify_chain_without(set, chain, hosts[0], AT, is_any, NULL, &v) != OUTRIDER_OK || v.is_accepted)
        abort();
    check(set, chain, hosts[0], &v);
    otr_anchors_free(anchors);
    sk_X509_pop_free(chain, X509_free);
    return 0;
}

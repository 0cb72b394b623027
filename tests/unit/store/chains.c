/*
 * chains.c - see chains.h.
 */
#include "chains.h"

#include <stdio.h>
#include <string.h>

chains test_chains;

void make_chains(void)
{
    chains *c = &test_chains;
    const char *ca = "critical,CA:TRUE";

    c->root_a = otr_make_cert(&(otr_cert_plan){ .common_name = "Root A", .constraints = ca });
    c->root_a_again = otr_make_cert(&(otr_cert_plan){ .common_name = "Root A", .constraints = ca, .key = c->root_a.key });
    c->root_b = otr_make_cert(&(otr_cert_plan){ .common_name = "Root B", .constraints = ca });
    c->middle = otr_make_cert(&(otr_cert_plan){ .common_name = "Middle", .constraints = ca, .issuer = &c->root_a });
    c->leaf = otr_make_cert(&(otr_cert_plan){ .san = "DNS:mx.example.org", .issuer = &c->middle });
    c->other_leaf = otr_make_cert(&(otr_cert_plan){ .san = "DNS:mx.example.org", .issuer = &c->middle });
}

void clear_chains(void)
{
    chains *c = &test_chains;

    otr_cert_clear(&c->root_a);
    otr_cert_clear(&c->root_a_again);
    otr_cert_clear(&c->root_b);
    otr_cert_clear(&c->middle);
    otr_cert_clear(&c->leaf);
    otr_cert_clear(&c->other_leaf);
}

static void push(otr_sighting *sighting, X509 *cert)
{
    X509_up_ref(cert);
    sk_X509_push(sighting->chain, cert);
}

otr_sighting make_sighting(const char *domain, otr_role role, const char *host, otr_time at, const otr_cert *leaf,
                           const otr_cert *root)
{
    otr_sighting s = { .role = role, .source = OTR_SEEN_IN_PROBE, .seen_at = at, .chain = sk_X509_new_null() };

    snprintf(s.domain, sizeof(s.domain), "%s", domain);
    snprintf(s.host, sizeof(s.host), "%s", host);
    push(&s, leaf->cert);
    push(&s, test_chains.middle.cert);
    if (root != NULL) {
        X509_up_ref(root->cert);
        s.root = root->cert;
        s.expires_at = at + 40 * 86400;
    } else {
        strcpy(s.error, "no root of the anchors issued it");
    }
    return s;
}

/*
 * pool.c - see the header.
 */
#include "pool.h"

#include "support/make_cert.h"

#include <stdio.h>
#include <stdlib.h>

struct pool_root pool[POOL_ROOTS];
struct pool_chain pool_chains[POOL_CHAINS];

static otr_cert made[POOL_ROOTS];

enum { ALPHA, ALPHA_RENEWED, ALPHA_BY_BETA, BETA, BETA_BY_ALPHA, GAMMA, GAMMA_REKEYED, DELTA, EPSILON, ZETA, SELF = -1, NEW = -1 };

/* `key`: whose key it has; NEW: one of its own. `issuer`: SELF or another. Both come earlier in `order`. */
static const struct plan {
    int index;
    const char *title, *name;
    unsigned anchor;
    int key, issuer;
} order[POOL_ROOTS] = {
    { ALPHA, "alpha", "Alpha", 0, NEW, SELF },
    { ALPHA_RENEWED, "alpha-renewed", "Alpha", 0, ALPHA, SELF },
    { BETA, "beta", "Beta", 1, NEW, SELF },
    { ALPHA_BY_BETA, "alpha-by-beta", "Alpha", 0, ALPHA, BETA },
    { BETA_BY_ALPHA, "beta-by-alpha", "Beta", 1, BETA, ALPHA },
    { GAMMA, "gamma", "Gamma", 2, NEW, SELF },
    { GAMMA_REKEYED, "gamma-rekeyed", "Gamma", 3, NEW, SELF },
    { DELTA, "delta-with-gammas-key", "Delta", 4, GAMMA, SELF },
    { EPSILON, "epsilon", "Epsilon", 5, NEW, SELF },
    { ZETA, "zeta", "Zeta", 6, NEW, SELF },
};

static void need(bool is_good)
{
    if (is_good)
        return;
    fprintf(stderr, "pool: out of memory\n");
    abort();
}

static X509 *reread(X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    const unsigned char *at = der;
    X509 *again;

    need(len > 0);
    again = d2i_X509(NULL, &at, len);
    need(again != NULL);
    OPENSSL_free(der);
    return again;
}

static void make_chain(struct pool_chain *chain, const char *title, int root, unsigned cross)
{
    otr_cert issuer = otr_make_cert(&(otr_cert_plan){ .common_name = "Issuer", .constraints = "critical,CA:TRUE",
                                                      .issuer = &made[root], .has_key_ids = true });
    otr_cert leaf = otr_make_cert(&(otr_cert_plan){ .common_name = POOL_HOST, .san = "DNS:" POOL_HOST, .issuer = &issuer,
                                                    .has_key_ids = true });

    *chain = (struct pool_chain){ title, sk_X509_new_null(), pool[root].anchor, cross };
    need(chain->certs != NULL && sk_X509_push(chain->certs, leaf.cert) > 0 && sk_X509_push(chain->certs, issuer.cert) > 0);
    X509_up_ref(leaf.cert);
    X509_up_ref(issuer.cert);
    if (cross < POOL_ROOTS) {
        need(sk_X509_push(chain->certs, pool[cross].cert) > 0);
        X509_up_ref(pool[cross].cert);
    }
    otr_cert_clear(&leaf);
    otr_cert_clear(&issuer);
}

void pool_make(void)
{
    size_t chains = 0;

    for (size_t i = 0; i < POOL_ROOTS; i++) {
        const struct plan *p = &order[i];

        made[p->index] = otr_make_cert(&(otr_cert_plan){
            .common_name = p->name, .constraints = "critical,CA:TRUE", .key = p->key != NEW ? made[p->key].key : NULL,
            .issuer = p->issuer != SELF ? &made[p->issuer] : NULL, .has_key_ids = true });
        pool[p->index] = (struct pool_root){ p->title, made[p->index].cert, reread(made[p->index].cert), p->anchor,
                                             p->issuer == SELF, p->issuer == SELF ? p->anchor : pool[p->issuer].anchor };
    }
    for (size_t i = 0; i < POOL_ROOTS; i++)
        if (order[i].issuer == SELF && order[i].index != ALPHA_RENEWED)
            make_chain(&pool_chains[chains++], order[i].title, order[i].index, POOL_ROOTS);
    make_chain(&pool_chains[chains++], "alpha, with alpha-by-beta", ALPHA, ALPHA_BY_BETA);
    make_chain(&pool_chains[chains++], "beta, with beta-by-alpha", BETA, BETA_BY_ALPHA);
}

void pool_clear(void)
{
    for (size_t i = 0; i < POOL_CHAINS; i++)
        sk_X509_pop_free(pool_chains[i].certs, X509_free);
    for (size_t i = 0; i < POOL_ROOTS; i++) {
        X509_free(pool[i].reread);
        otr_cert_clear(&made[i]);
    }
}

unsigned pool_index(const X509 *cert)
{
    unsigned i = 0;

    while (i < POOL_ROOTS && pool[i].cert != cert && pool[i].reread != cert)
        i++;
    return i;
}

roots pool_alike(roots some)
{
    roots all = 0;

    for (unsigned i = 0; i < POOL_ROOTS; i++)
        for (unsigned j = 0; j < POOL_ROOTS; j++)
            if ((some >> i & 1) != 0 && pool[i].anchor == pool[j].anchor)
                all |= (roots)(1u << j);
    return all;
}

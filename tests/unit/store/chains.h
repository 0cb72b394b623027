/*
 * chains.h - a few roots and chains for tests of what the store keeps of trust, made once a program.
 */
#ifndef OTR_STORE_TEST_CHAINS_H
#define OTR_STORE_TEST_CHAINS_H

#include "support/make_cert.h"
#include "trust/sighting.h"

typedef struct chains {
    otr_cert root_a, root_b;
    otr_cert root_a_again; /* another certificate of the same name and key */
    otr_cert middle;       /* by root_a */
    otr_cert leaf, other_leaf;
} chains;
extern chains test_chains;

void make_chains(void);
void clear_chains(void);

/* leaf, middle; accepted by `root`, refused if it is NULL. Clear it. */
otr_sighting make_sighting(const char *domain, otr_role role, const char *host, otr_time at, const otr_cert *leaf,
                           const otr_cert *root);

#endif

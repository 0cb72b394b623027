/*
 * dependants.h - destinations with chains, and anchors to judge them by, each written in a few letters.
 *
 * Chains: "A", "B": a server's certificate from root A, B. "X": from CA X, which sends a certificate of its own that root B
 * has signed, so that roots X and B both end it. "L": from A, lapsed since it was seen. "W": from A, for another name. "D":
 * from root D, which lapses itself before the time in question. "O": from A, was expired when it was seen. "M": from a CA below
 * root A, which is sent.
 */
#ifndef OTR_VERDICT_TEST_DEPENDANTS_H
#define OTR_VERDICT_TEST_DEPENDANTS_H

#include "support/make_cert.h"
#include "verdict/effect.h"

#define DOMAIN "example.org"
#define TEST_HOSTS 4
#define TEST_POLICY_LEFT (10 * OTR_TEST_DAY) /* from OTR_TEST_TIME on */

/* For cmocka's group; everything here wants them. */
int make_test_roots(void **state);
int clear_test_roots(void **state);
X509 *test_root(char letter); /* borrowed */

/* Rules of letters: "default" for all, and one for DOMAIN that may be `only`. */
typedef struct test_world {
    const char *all;      /* "" is a rule without roots */
    const char *here;     /* for DOMAIN; NULL: no such rule */
    const char *confined; /* roots that count for .elsewhere.example and nowhere else; NULL */
    bool is_only;
} test_world;
otr_anchors *make_test_anchors(const test_world *world);

typedef struct test_dependant {
    otr_dependant d;
    char domain[40];
    otr_dependant_host hosts[TEST_HOSTS];
    otr_sighting sightings[TEST_HOSTS + 1];
    char names[TEST_HOSTS][50];
} test_dependant;

/*
 * A destination.
 *   policy  the chain of its policy host; "-": never seen
 *   hosts   "A !B dane daneA -": the MX hosts mx1, mx2, ... with the chain that was seen, or "-" if none was; "!" one that the
 *           policy does not name. "seen:A" hosts that are known from sightings only
 */
test_dependant *make_dependant_of(const char *domain, otr_sts_mode mode, const char *policy, const char *hosts, bool is_own);
test_dependant *make_dependant(otr_sts_mode mode, const char *policy, const char *hosts, bool is_own); /* DOMAIN */
void free_dependant(test_dependant *dependant);

#endif

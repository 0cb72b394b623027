/*
 * selftest.h - what a resolver must know of the self-tests that run on it. Private to lib/dns; the way to
 * start one is in unbound.h.
 */
#ifndef OTR_DNS_SELFTEST_H
#define OTR_DNS_SELFTEST_H

#include "dns/resolver.h"

/* End all self-tests of a resolver without calling back; their queries are cancelled. */
void otr_selftests_abandon(otr_resolver *resolver);

#endif

/*
 * scripted_fetcher.h - an otr_fetcher whose outcomes a test writes down per domain. A domain without a
 * rule fails as FETCH_ERROR, "not scripted: DOMAIN".
 */
#ifndef OTR_SUPPORT_SCRIPTED_FETCHER_H
#define OTR_SUPPORT_SCRIPTED_FETCHER_H

#include "sts/fetch.h"

/* Free with otr_fetcher_free(). base is borrowed. */
otr_fetcher *otr_scripted_fetcher_new(struct event_base *base);

/* One rule per domain; a later one replaces an earlier one. */
void otr_scripted_fetcher_body(otr_fetcher *fetcher, const char *domain, const char *body);
void otr_scripted_fetcher_fail(otr_fetcher *fetcher, const char *domain, otr_sts_failure failure, long http_status,
                               const char *reason);
/* The certificate of the host of a domain that has a rule: judged under the anchors of each fetch, as of that time. The
 * chain is borrowed, and replaced by a later call. A refusal ends the fetch, whatever the rule says. */
void otr_scripted_fetcher_shows(otr_fetcher *fetcher, const char *domain, const STACK_OF(X509) *chain, otr_time at);
void otr_scripted_fetcher_never(otr_fetcher *fetcher, const char *domain);
/* Those that were never to end do so in the next turn of the loop, by the rule that there is then. */
void otr_scripted_fetcher_release(otr_fetcher *fetcher);

/* The fetches that were started, in order: domain, and the addresses as "192.0.2.1 2001:db8::1". */
size_t otr_scripted_fetcher_count(const otr_fetcher *fetcher);
const char *otr_scripted_fetcher_domain(const otr_fetcher *fetcher, size_t i);
const char *otr_scripted_fetcher_addresses(const otr_fetcher *fetcher, size_t i);

/* Fetches that have neither ended nor been cancelled. */
size_t otr_scripted_fetcher_waiting(const otr_fetcher *fetcher);

#endif

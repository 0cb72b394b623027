/*
 * survey.h - gathering the facts of one domain (facts.h): DNS, a visit to each address of each MX host, and a look at the policy at each
 * address of the policy host, as a sender would who has never been there. All at once, and with one deadline.
 *
 *     MX ──► hosts ──► A, AAAA ──► TLSA ──► visits          TXT, TXT, TXT          A, AAAA of mta-sts.D ──► fetches
 *
 * What has not come by the deadline stays unknown. Limits: OTR_FACT_HOSTS_MAX hosts, OTR_ADDRESSES_MAX addresses of each family.
 * Threads: as the event base: one.
 */
#ifndef OTR_PUBLISH_SURVEY_H
#define OTR_PUBLISH_SURVEY_H

#include "dns/resolver.h"
#include "publish/check.h"
#include "publish/probe_desk.h"
#include "sts/fetch.h"

#define OTR_SURVEY_TIMEOUT_MS 60000

/* All borrowed, and needed until the last survey has ended. */
typedef struct otr_survey_net {
    struct event_base *base;
    otr_resolver *resolver;
    otr_fetcher *fetcher;
    otr_probe_desk *desk;
    otr_clock *clock;
    bool allow_private;
    otr_resolver_state resolver_state;
    const char *resolver_words;
    const otr_program_facts *programs; /* program_count of them, at least one: the fetches are under the first */
    size_t program_count;
} otr_survey_net;

typedef struct otr_survey_question {
    const char *domain;            /* normal form; copied */
    const otr_meant *meant;        /* as in the facts, which borrow them */
    const otr_observation *before;
    unsigned groups;               /* OTR_CHECKS_...: nothing is asked that none of them needs */
    unsigned timeout_ms;           /* 0: OTR_SURVEY_TIMEOUT_MS */
} otr_survey_question;

typedef struct otr_survey otr_survey;

/* The facts are the callback's, which frees them. NULL: out of memory. */
typedef void otr_survey_done(void *arg, otr_domain_facts *facts);

/* done() is called once, never from inside; after cancel never. NULL: out of memory. */
otr_survey *otr_survey_start(const otr_survey_net *net, const otr_survey_question *question, otr_survey_done *done, void *arg);
void otr_survey_cancel(otr_survey *survey); /* NULL is fine */

#endif

/*
 * check.h - the checks of a domain that receives mail: named, each a judgement of facts that somebody has gathered (facts.h), without I/O
 * and without a clock. `publish status`, `publish set`, `tlsa guard` and later the audit of any domain are made of them.
 *
 * An id is stable for ever. A check says one of three different things where something is missing: that it is absent, that the lookup
 * failed, that it is not signed.
 */
#ifndef OTR_PUBLISH_CHECK_H
#define OTR_PUBLISH_CHECK_H

#include "base/arena.h"
#include "publish/facts.h"

typedef enum otr_check_status {
    OTR_CHECK_OK,
    OTR_CHECK_INFO,
    OTR_CHECK_WARNING,
    OTR_CHECK_CRITICAL,
    OTR_CHECK_UNKNOWN, /* could not be found out */
    OTR_CHECK_SKIPPED, /* says nothing, because a check that it builds on failed (found: its id) */
} otr_check_status;
extern const char *const otr_check_status_names[]; /* "ok", "info", ... */

typedef struct otr_check_result {
    const char *id;          /* "sts.mx-cover"; static */
    otr_check_status status;
    const char *host;        /* which MX host or policy host it is about; "" the domain */
    const char *address;     /* which of its addresses; "" all */
    const char *message;     /* one sentence */
    const char *found, *expected, *fix; /* "" where there is nothing to say */
} otr_check_result;

typedef struct otr_check_report {
    otr_arena *arena;        /* owned: of all text */
    otr_check_result *results;
    size_t count;
    size_t counts[OTR_CHECK_SKIPPED + 1];
} otr_check_report;

/* Groups, to run some of them. */
enum { OTR_CHECKS_DNS = 1, OTR_CHECKS_SMTP = 2, OTR_CHECKS_DANE = 4, OTR_CHECKS_STS = 8, OTR_CHECKS_RPT = 16, OTR_CHECKS_ALL = 31 };

/* Run the checks over the facts, as of facts->at. NULL: out of memory. */
otr_check_report *otr_checks_run(const otr_domain_facts *facts, unsigned groups);
void otr_check_report_free(otr_check_report *report);

#endif

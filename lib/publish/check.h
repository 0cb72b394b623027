/*
 * check.h - the checks of a domain that receives mail: named, each a judgement of facts that somebody has gathered (facts.h), without I/O
 * and without a clock. `publish status`, `publish set`, `tlsa guard` and later the audit of any domain are made of them.
 *
 * An id is stable for ever. A check says one of three different things where something is missing: that it is absent, that the lookup
 * failed, that it is not signed. What does not apply to a domain is not said at all.
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

/* Groups, to run some of them. */
enum { OTR_CHECKS_DNS = 1, OTR_CHECKS_SMTP = 2, OTR_CHECKS_DANE = 4, OTR_CHECKS_STS = 8, OTR_CHECKS_RPT = 16, OTR_CHECKS_ALL = 31 };
#define OTR_CHECK_GROUPS 5
extern const char *const otr_check_group_names[OTR_CHECK_GROUPS];  /* "dns", "smtp", "dane", "sts", "rpt": by bit */
extern const char *const otr_check_group_titles[OTR_CHECK_GROUPS]; /* "DNS", "Mail TLS", "DANE", "MTA-STS", "TLSRPT" */

/* THE table: each id once, with the worst that it may come to beside "unknown" (docs/checks.md). */
typedef struct otr_check_kind {
    const char *id;
    unsigned group;
    otr_check_status worst;
    const char *says; /* what it looks at: half a sentence */
    const char *why;  /* what it costs, and what to do: sentences */
    const char *ref;  /* "RFC 8461 3.1"; "" */
} otr_check_kind;
extern const otr_check_kind otr_check_kinds[];
extern const size_t otr_check_kind_count;
const otr_check_kind *otr_check_kind_of(const char *id); /* NULL: there is none */

typedef struct otr_check_result {
    const otr_check_kind *kind;
    const char *id;          /* "sts.mx-cover"; static */
    otr_check_status status;
    const char *host;        /* which MX host or policy host it is about; "" the domain */
    const char *address;     /* which of its addresses; "" all */
    const char *message;     /* one sentence, printable */
    const char *found, *expected, *fix; /* "" where there is nothing to say */
} otr_check_result;

typedef struct otr_check_report {
    otr_arena *arena;        /* owned: of all text */
    otr_check_result *results; /* owned; in the order of the groups, then of the table, then of hosts and addresses */
    size_t count;
    size_t counts[OTR_CHECK_SKIPPED + 1];
} otr_check_report;

/* Run the checks over the facts, as of facts->at. NULL: out of memory. Nothing of the facts is needed afterwards. */
otr_check_report *otr_checks_run(const otr_domain_facts *facts, unsigned groups);
void otr_check_report_free(otr_check_report *report); /* NULL is fine */

/* The worst of some groups: critical, else warning, else unknown, else ok (what is skipped or for information is ok). */
otr_check_status otr_check_report_worst(const otr_check_report *report, unsigned groups);

#endif

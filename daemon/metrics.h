/*
 * metrics.h - what is counted, and how: /metrics shows it (http_pages.c), docs/operation.md explains it.
 *
 * A *cell* is one number, that is one sample line. The cells of a metric lie one behind the other, the last label
 * running fastest; otr_metrics in metrics_table.c says which cells belong to which metric. Labels take their values
 * from tables of words: no name of a domain, a host or a client can ever become one.
 *
 * Counting is for the warm path: each thread has a set of counters of its own, on cache lines that no other thread
 * writes. It adds with a relaxed load and a relaxed store: no lock, no allocation, no atomic read-modify-write, and no
 * line that threads fight about. A scrape reads the sets of all threads, relaxed as well, and adds them up; it may find
 * two counters a moment apart, never one torn or going back.
 *
 * Threads: otr_count() any; one that did not otr_metrics_enter() counts nothing.
 */
#ifndef OTR_DAEMON_METRICS_H
#define OTR_DAEMON_METRICS_H

#include "base/buf.h"
#include "daemon/publish/reply.h"
#include "dns/answer.h"
#include "dns/unbound.h"
#include "publish/lifecycle.h"
#include "store/store.h"
#include "verdict/effect.h"
#include "verdict/verdict.h"

#include <stdatomic.h>
#include <stdint.h>

/* What became of a question: a level, or the reason why there is none. */
typedef enum otr_outcome {
    OTR_OUTCOME_NOTFOUND = OTR_LEVEL_DEFER + 1, /* no destination that could have a policy */
    OTR_OUTCOME_REFUSED,  /* no question at all: malformed, unknown map */
    OTR_OUTCOME_TIMEOUT,  /* no verdict within limits.answer */
    OTR_OUTCOME_BUSY,     /* limits.waiting */
    OTR_OUTCOME_FAILED,   /* store, memory: see the log */
    OTR_OUTCOME_STOPPING, /* the daemon ends */
    OTR_OUTCOME_COUNT
} otr_outcome;

enum { OTR_CACHE_HIT, OTR_CACHE_MISS, OTR_CACHE_COUNT };

typedef enum otr_refresh_result {
    OTR_REFRESH_FETCHED,       /* a policy was fetched, another one or the same */
    OTR_REFRESH_UNCHANGED,     /* the record shows the id of the policy on hand, or the policy outlives its record */
    OTR_REFRESH_ABSENT,        /* no record, and no policy on hand */
    OTR_REFRESH_HELD_BACK,     /* a fetch is wanted, and back-off forbids it */
    OTR_REFRESH_RECORD_FAILED, /* the record cannot be looked up */
    OTR_REFRESH_FAILED,        /* a fetch failed */
    OTR_REFRESH_COUNT
} otr_refresh_result;

enum { OTR_TYPE_A, OTR_TYPE_AAAA, OTR_TYPE_MX, OTR_TYPE_TXT, OTR_TYPE_TLSA, OTR_TYPE_OTHER, OTR_TYPE_COUNT };
enum { OTR_LIMIT_CONNECTIONS, OTR_LIMIT_WAITING, OTR_LIMIT_FILES, OTR_LIMIT_HTTP, OTR_LIMIT_WEB, OTR_LIMIT_WEB_ADDRESS, OTR_LIMIT_COUNT };
enum { OTR_POLICY_ENFORCE, OTR_POLICY_TESTING, OTR_POLICY_NONE, OTR_POLICY_COUNT };

enum { OTR_PUBLISH_STORE, OTR_PUBLISH_CERTIFICATE, OTR_PUBLISH_CHALLENGES, OTR_PUBLISH_FAILURES };

/* Records between the members of a fleet, and what became of the wish to fetch a policy. */
enum { OTR_FLEET_SENT, OTR_FLEET_TAKEN, OTR_FLEET_REJECTED, OTR_FLEET_LOST, OTR_FLEET_RESULTS };
enum { OTR_CLAIM_FETCHED, OTR_CLAIM_TAKEN, OTR_CLAIM_FAILED, OTR_CLAIM_IMPATIENT, OTR_CLAIM_ALONE, OTR_CLAIM_COUNT };

enum { OTR_SIGHTING_ACCEPTED, OTR_SIGHTING_REFUSED, OTR_SIGHTING_LOST, OTR_SIGHTING_RESULTS };

/* What became of a TLS handshake of the policy host. */
enum {
    OTR_SHAKEN_FULL, OTR_SHAKEN_RESUMED, OTR_SHAKEN_UNKNOWN_NAME, OTR_SHAKEN_FAILED, OTR_SHAKEN_TIMEOUT, OTR_SHAKEN_COUNT
};

enum otr_cell {
    /* counted by threads */
    OTR_CELL_ANSWERS, /* listener (as enum otr_protocol), outcome */
    OTR_CELL_CACHE = OTR_CELL_ANSWERS + 2 * OTR_OUTCOME_COUNT,
    OTR_CELL_REFRESHES = OTR_CELL_CACHE + OTR_CACHE_COUNT,
    OTR_CELL_FETCH_FAILURES = OTR_CELL_REFRESHES + OTR_REFRESH_COUNT,
    OTR_CELL_LOOKUPS = OTR_CELL_FETCH_FAILURES + OTR_STS_CAUSE_COUNT,
    OTR_CELL_BOGUS = OTR_CELL_LOOKUPS + OTR_DNS_TEMPFAIL + 1,
    OTR_CELL_LOOKUP_FAILURES = OTR_CELL_BOGUS + OTR_TYPE_COUNT,
    OTR_CELL_LIMITS = OTR_CELL_LOOKUP_FAILURES + OTR_DNS_TROUBLE_COUNT - 1, /* no trouble is no failure */
    OTR_CELL_SIGHTINGS = OTR_CELL_LIMITS + OTR_LIMIT_COUNT, /* role, what became of it */
    OTR_CELL_ROOT_CHANGES = OTR_CELL_SIGHTINGS + OTR_ROLE_COUNT * OTR_SIGHTING_RESULTS,
    OTR_CELL_WEB_REPLIES = OTR_CELL_ROOT_CHANGES + OTR_ROLE_COUNT, /* listener (otr_web_kind), status */
    OTR_CELL_WEB_HANDSHAKES = OTR_CELL_WEB_REPLIES + OTR_WEB_KINDS * OTR_STATUS_COUNT,
    OTR_CELL_PUBLISH_FAILURES = OTR_CELL_WEB_HANDSHAKES + OTR_SHAKEN_COUNT,
    OTR_CELL_FLEET_RECORDS = OTR_CELL_PUBLISH_FAILURES + OTR_PUBLISH_FAILURES,
    OTR_CELL_FLEET_CLAIMS = OTR_CELL_FLEET_RECORDS + OTR_FLEET_RESULTS,
    OTR_CELL_FLEET_COMPARISONS = OTR_CELL_FLEET_CLAIMS + OTR_CLAIM_COUNT,
    OTR_CELL_FLEET_LOSSES,
    OTR_CELL_COUNTED,
    /* filled in by the scrape */
    OTR_CELL_STORE_ERRORS = OTR_CELL_COUNTED,
    OTR_CELL_LOG_LOST = OTR_CELL_STORE_ERRORS + OTR_STORE_OPERATIONS,
    OTR_CELL_CACHE_ENTRIES,
    OTR_CELL_POLICIES,
    OTR_CELL_OVERDUE = OTR_CELL_POLICIES + OTR_POLICY_COUNT,
    OTR_CELL_CONNECTIONS,
    OTR_CELL_WAITING,
    OTR_CELL_ANCHORS,
    OTR_CELL_TRUST_EXCEPTIONS,
    OTR_CELL_TRUST_CHANGED,
    OTR_CELL_TRUST_FILES_CHANGED,
    OTR_CELL_TRUST_AFFECTED,
    OTR_CELL_HOLDS = OTR_CELL_TRUST_AFFECTED + OTR_EFFECT_COUNT,
    OTR_CELL_PUBLISH_DOMAINS,
    OTR_CELL_PUBLISH_WITHHELD = OTR_CELL_PUBLISH_DOMAINS + OTR_PHASE_RETIRED + 1,
    OTR_CELL_PUBLISH_ABANDONED,
    OTR_CELL_PUBLISH_LAPSED,
    OTR_CELL_PUBLISH_EXIT,
    OTR_CELL_PUBLISH_CERTIFICATE_EXPIRY,
    OTR_CELL_PUBLISH_CERTIFICATES_FAILED,
    OTR_CELL_FLEET_UP,
    OTR_CELL_FLEET_MEMBERS,
    OTR_CELL_FLEET_COMPARED,
    OTR_CELL_BUILD,
    OTR_CELL_START,
    OTR_CELL_COUNT
};

#define OTR_CACHE_LINE 64

typedef struct otr_metric_set {
    _Alignas(OTR_CACHE_LINE) _Atomic uint64_t cells[OTR_CELL_COUNTED]; /* written by one thread */
    struct otr_metric_set *next; /* never changes once the set is in the list */
} otr_metric_set;

extern _Thread_local otr_metric_set *otr_metrics_mine;

static inline void otr_count(unsigned cell)
{
    otr_metric_set *set = otr_metrics_mine;

    if (set != NULL)
        atomic_store_explicit(&set->cells[cell], atomic_load_explicit(&set->cells[cell], memory_order_relaxed) + 1,
                              memory_order_relaxed);
}

/* Give this thread a set; it stays when the thread ends, as what was counted stays. Without memory nothing counts. */
void otr_metrics_enter(void);

/* What a refresh has come to, from what was known before and after it. */
void otr_count_refresh(const otr_sts_entry *before, const otr_sts_entry *after);
otr_refresh_result otr_refresh_judge(const otr_sts_entry *before, const otr_sts_entry *after);

/* One DNS answer. */
void otr_count_lookup(const otr_dns_answer *answer, otr_dns_trouble trouble);

/* The counters of all threads; the cells from OTR_CELL_COUNTED on are left alone. */
void otr_metrics_sum(uint64_t cells[OTR_CELL_COUNT]);

/* The table ------------------------------------------------------------------------------------------------------ */

typedef struct otr_metric_label {
    const char *name; /* NULL: the metric has no such label */
    const char *const *words;
    unsigned count;
} otr_metric_label;

typedef struct otr_metric {
    const char *name;
    enum { OTR_COUNTER, OTR_GAUGE } type;
    unsigned first; /* cell */
    const char *help;
    otr_metric_label labels[2];
} otr_metric;

extern const otr_metric otr_metrics[];
extern const size_t otr_metric_count;

/* How many cells: the product of its labels' words. */
unsigned otr_metric_cells(const otr_metric *metric);

/* Prometheus' text format, version 0.0.4. Pure. */
void otr_metrics_render(const uint64_t cells[OTR_CELL_COUNT], otr_buf *out);

#endif

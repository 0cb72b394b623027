/*
 * store_publish.h - what the store keeps of our own policies (schema 4): the life cycle of each domain, every text that was ever served
 * with the times at which it was handed out, and who fetched them, by day and network.
 *
 * Bounds: OTR_FETCH_NETWORKS_MAX networks of a domain and day, OTR_FETCH_ROWS_MAX rows in all; what is beyond counts as OTR_FETCH_OTHER.
 * otr_store_sweep() removes fetches after OTR_FETCH_DAYS, versions when OTR_VERSION_DAYS have gone by since the last sender forgot them,
 * and then domains that have none. Threads, durability and errors are those of store.h: life cycles, versions and horizons are on disk
 * when the call returns. Fetches and the times of otr_store_note_fetches() survive kill -9, and may be lost in the last moments with the
 * machine's power: for those the horizon stands. What cannot be one (a domain not in normal form, an impossible time) is refused with
 * OUTRIDER_E_SYNTAX, and nothing of the call is kept.
 */
#ifndef OTR_STORE_STORE_PUBLISH_H
#define OTR_STORE_STORE_PUBLISH_H

#include "publish/lifecycle.h"
#include "store/store.h"

#define OTR_FETCH_DAYS 90
#define OTR_VERSION_DAYS 90
#define OTR_FETCH_NETWORKS_MAX 1000
#define OTR_FETCH_ROWS_MAX 1000000
#define OTR_FETCH_NETWORK_SIZE 52 /* "2001:db8:1234::/48", with its NUL and room */
#define OTR_FETCH_OTHER "other"

/* Life cycles and versions ------------------------------------------------------------------------------------- */

/* One step in the life of a domain. A version that is there already keeps its `since` and its `last`, if these are earlier and later. */
typedef struct otr_publish_step {
    const char *domain;
    otr_lifecycle life;
    const otr_version *version; /* NULL: none that is new */
} otr_publish_step;

/* All of a list, or none. */
outrider_err otr_store_put_steps(otr_store *store, const otr_publish_step *steps, size_t count, outrider_diag *diag);

/* When a version was handed out. `last` only ever grows; `horizon` is replaced. */
typedef struct otr_version_times {
    const char *domain, *id;
    otr_time last, horizon;
} otr_version_times;

/* All of a list, or none. A version that is not there is OUTRIDER_E_SYNTAX: nothing may be handed out that is not in the store. */
outrider_err otr_store_put_horizons(otr_store *store, const otr_version_times *list, size_t count, outrider_diag *diag);

/* What is kept of one domain; versions by `since`. */
typedef struct otr_published {
    const char *domain;
    otr_lifecycle life;
    const otr_version *versions;
    size_t version_count;
} otr_published;

/* Each, by domain. visit() must not call the store. After OUTRIDER_E_SYNTAX all good rows were visited, and diag tells of the first that
 * was not; of a domain with a bad version the others are visited. */
typedef void otr_store_visit_published(void *arg, const otr_published *published);
outrider_err otr_store_each_published(otr_store *store, otr_store_visit_published *visit, void *arg, outrider_diag *diag);

/* Fetches ------------------------------------------------------------------------------------------------------ */

typedef struct otr_fetch_count {
    const char *domain;
    int64_t day;         /* since 1970, UTC */
    const char *network; /* "192.0.2.0/24", "2001:db8:1::/48" or OTR_FETCH_OTHER */
    uint64_t count;
} otr_fetch_count;

/* Add to the counts, and note when versions were last handed out (their horizon is left as it is). All of it or nothing. */
outrider_err otr_store_note_fetches(otr_store *store, const otr_version_times *times, size_t time_count, const otr_fetch_count *fetches,
                                    size_t fetch_count, outrider_diag *diag);

/* By domain, day and network, from a day on; domain "": all. visit() must not call the store. Errors as above. */
typedef void otr_store_visit_fetches(void *arg, const otr_fetch_count *fetches);
outrider_err otr_store_each_fetches(otr_store *store, const char *domain, int64_t from_day, otr_store_visit_fetches *visit, void *arg,
                                    outrider_diag *diag);

#endif

/*
 * store_fleet.h - what the store keeps so that it can be one of a fleet (schema 5): what an operator has removed, under the
 * names of lib/fleet/record.h, until the time at which it would have ended by itself. And going through what it holds.
 * Threads, durability and errors are those of store.h.
 */
#ifndef OTR_STORE_STORE_FLEET_H
#define OTR_STORE_STORE_FLEET_H

#include "store/store_trust.h"

#define OTR_REMOVAL_NAME_SIZE 640

typedef struct otr_removal {
    char name[OTR_REMOVAL_NAME_SIZE]; /* "override/example.org" */
    otr_time at;
    otr_time until; /* it need not be remembered from then on */
    int64_t uid;
} otr_removal;

/* Drop, and remember that: both or neither. */
outrider_err otr_store_remove_override(otr_store *store, const char *domain, const otr_removal *removal, outrider_diag *diag);
/* removals: as many as exceptions, one for each. */
outrider_err otr_store_remove_exceptions(otr_store *store, const otr_exception *list, const otr_removal *removals, size_t count,
                                         outrider_diag *diag);
/* Remember what is not here. */
outrider_err otr_store_put_removal(otr_store *store, const otr_removal *removal, outrider_diag *diag);

/* *removal with at 0: there is none. */
outrider_err otr_store_get_removal(otr_store *store, const char *name, otr_removal *removal, outrider_diag *diag);

/* Those that are still to be remembered at `now`. visit() must not call the store. */
typedef void otr_store_visit_removal(void *arg, const otr_removal *removal);
outrider_err otr_store_each_removal(otr_store *store, otr_time now, otr_store_visit_removal *visit, void *arg,
                                    outrider_diag *diag);

/*
 * At most `most` unexpired policies, by domain, from behind *from on ("": from the beginning), which is left at the last one. What
 * cannot be believed is passed over. *count receives how many rows there were: fewer than `most` are the last.
 */
typedef void otr_store_visit_policy(void *arg, const otr_sts_entry *entry);
outrider_err otr_store_each_policy(otr_store *store, otr_time now, char from[OTR_DOMAIN_SIZE], unsigned most,
                                   otr_store_visit_policy *visit, void *arg, unsigned *count, outrider_diag *diag);

/* The domain behind `from` ("": the first) of which a chain was seen, into next; "": there is none. */
outrider_err otr_store_next_sighted(otr_store *store, const char *from, char next[OTR_DOMAIN_SIZE], outrider_diag *diag);

/* When this host was last seen; 0: never. */
outrider_err otr_store_seen_at(otr_store *store, const char *domain, otr_role role, const char *host, otr_time *at,
                               outrider_diag *diag);

#endif

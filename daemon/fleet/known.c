/*
 * known.c - whether a record that Redis has is known here, by its name and rank alone: so a comparison of a million policies that are the
 * same on both sides moves some forty octets for each of them, and is no work for other threads.
 */
#include "daemon/fleet/inside.h"

#include "store/store_fleet.h"

#include <stdlib.h>

static bool is_known_policy(const otr_fleet *fleet, const char *domain, const char *rank)
{
    char here[OTR_FLEET_RANK + 1];
    otr_sts_entry *entry = NULL;
    otr_fleet_record ours = { 0 };
    bool is_known = false;

    if (otr_store_get(fleet->parts.store, domain, &entry, NULL) != OUTRIDER_OK || entry == NULL)
        return false;
    if (otr_fleet_record_of_entry(&ours, entry, fleet->member) && otr_fleet_record_rank(&ours, here) == OUTRIDER_OK)
        is_known = !otr_fleet_outranks(rank, here);
    otr_fleet_record_clear(&ours);
    otr_sts_entry_unref(entry);
    return is_known;
}

/* DOMAIN/ROLE/HOST. One that was seen here at that time or later is no news. */
static bool is_known_sighting(const otr_fleet *fleet, const char *rest, const char *rank)
{
    const char *first = strchr(rest, '/'), *second = first != NULL ? strchr(first + 1, '/') : NULL;
    char domain[OTR_DOMAIN_SIZE], at[17];
    otr_time seen_at = 0;

    if (second == NULL || (size_t)(first - rest) >= sizeof(domain))
        return false;
    memcpy(domain, rest, (size_t)(first - rest));
    domain[first - rest] = '\0';
    memcpy(at, rank, 16);
    at[16] = '\0';
    for (int role = 0; role < OTR_ROLE_COUNT; role++) {
        size_t len = strlen(otr_role_names[role]);

        if (len == (size_t)(second - first - 1) && strncmp(first + 1, otr_role_names[role], len) == 0 &&
            otr_store_seen_at(fleet->parts.store, domain, (otr_role)role, second + 1, &seen_at, NULL) == OUTRIDER_OK)
            return seen_at > 0 && (uint64_t)seen_at >= strtoull(at, NULL, 16);
    }
    return false;
}

bool otr_fleet_is_known(const otr_fleet *fleet, const char *name, const char *rank)
{
    static const char policy[] = "policy/", sighting[] = "sighting/";

    if (strncmp(name, policy, sizeof(policy) - 1) == 0)
        return is_known_policy(fleet, name + sizeof(policy) - 1, rank);
    if (strncmp(name, sighting, sizeof(sighting) - 1) == 0)
        return is_known_sighting(fleet, name + sizeof(sighting) - 1, rank);
    return false; /* there are few of the others */
}

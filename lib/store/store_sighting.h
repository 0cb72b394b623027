/*
 * store_sighting.h - sightings as rows. Internal to lib/store.
 */
#ifndef OTR_STORE_SIGHTING_H
#define OTR_STORE_SIGHTING_H

#include "store/store_certificate.h"
#include "trust/sighting.h"

#define OTR_STORE_LAST_TIME_SANE (INT64_MAX / 2)

/*
 * What is recorded of a domain's hosts, at most OTR_SIGHTINGS_PER_DOMAIN, each to be cleared by the caller. *fault says
 * why the first row that is left out cannot be believed, NULL: all can.
 */
size_t otr_work_get_sightings(otr_work *w, const char *domain, otr_certificate_cache *cache, otr_sighting *list,
                              const char **fault);

bool otr_read_role(sqlite3_stmt *s, int column, otr_role *role);

/* Printable ASCII on one line, or nothing. */
bool otr_is_printable_line(const char *text);

#endif

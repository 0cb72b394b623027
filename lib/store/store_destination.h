/*
 * store_destination.h - destinations as rows. Internal to lib/store.
 */
#ifndef OTR_STORE_DESTINATION_H
#define OTR_STORE_DESTINATION_H

#include "store/store_work.h"
#include "verdict/effect.h"

typedef struct otr_destination_row {
    char names[OTR_DEPENDANT_HOSTS_MAX * (OTR_DOMAIN_SIZE + 5)]; /* what the hosts' names are in */
    otr_dependant_host hosts[OTR_DEPENDANT_HOSTS_MAX];
    size_t host_count;
    double traffic; /* what is left of it */
} otr_destination_row;

/* False: there is none, or *fault says why it cannot be believed; it has no hosts and no traffic then. */
bool otr_work_get_destination(otr_work *w, const char *domain, otr_time now, otr_destination_row *row, const char **fault);

#endif

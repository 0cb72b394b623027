/*
 * check_dane.h - the TLSA records of one host, as the checks of DANE see them. Internal to lib/publish.
 */
#ifndef OTR_PUBLISH_CHECK_DANE_H
#define OTR_PUBLISH_CHECK_DANE_H

#include "publish/check_judge.h"

/* The records of one host, and what became of each. */
typedef struct otr_host_records {
    const otr_host_facts *host;
    otr_host_tlsa tlsa;
    otr_tlsa list[OTR_TLSA_MAX];
    size_t count;
    bool has_matched[OTR_TLSA_MAX]; /* at some address */
    size_t usable;
    size_t visited, matching;       /* addresses with a chain; those at which some record matches */
} otr_host_records;

static inline otr_remark otr_about_records(const otr_host_records *r, const char *id, otr_check_status status)
{
    return (otr_remark){ .id = id, .status = status, .host = r->host->host };
}

const char *otr_show_tlsa(otr_judge *j, const otr_tlsa *record); /* "3 1 1 ab12cd34..." */

/* Against what each address shows, where the records are signed and one of them at least is usable. */
void otr_check_dane_match(otr_judge *j, otr_host_records *r);

#endif

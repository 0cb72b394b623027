/*
 * check_sts.h - what the checks of the record and those of the policy host both need to know. Internal to lib/publish.
 */
#ifndef OTR_PUBLISH_CHECK_STS_H
#define OTR_PUBLISH_CHECK_STS_H

#include "publish/check_txt.h"

typedef struct otr_sts_view {
    otr_sts_found found;
    char id[OTR_STS_ID_MAX + 1]; /* of the record, if there is one */
    bool is_known;               /* the lookup came to something */
    bool is_wanted;              /* there is some sign of MTA-STS */
    otr_check_status absence;    /* how bad it is that something is not there */
} otr_sts_view;

/* A proposal is judged before it is published, and that its record is not there yet is no fault. */
static inline bool otr_is_published_later(const otr_judge *j)
{
    return j->facts->meant != NULL && j->facts->meant->is_proposal;
}

static inline bool otr_has_records(const otr_dns_answer *answer)
{
    return answer != NULL && answer->content == OTR_DNS_DATA;
}

void otr_check_policy_host(otr_judge *j, const otr_sts_view *view);

#endif

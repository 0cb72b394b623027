/*
 * metrics.c - the sets of the threads, and what is counted where more than one thing has to be looked at.
 */
#include "daemon/metrics.h"

#include <stdlib.h>
#include <string.h>

_Thread_local otr_metric_set *otr_metrics_mine;

static _Atomic(otr_metric_set *) all_sets; /* grows at its head only, so that it can be read while it grows */

void otr_metrics_enter(void)
{
    size_t size = (sizeof(otr_metric_set) + OTR_CACHE_LINE - 1) / OTR_CACHE_LINE * OTR_CACHE_LINE;
    otr_metric_set *set;

    if (otr_metrics_mine != NULL)
        return;
    set = aligned_alloc(OTR_CACHE_LINE, size);
    if (set == NULL)
        return;
    memset(set, 0, size);
    set->next = atomic_load(&all_sets);
    while (!atomic_compare_exchange_weak(&all_sets, &set->next, set))
        ;
    otr_metrics_mine = set;
}

void otr_metrics_sum(uint64_t cells[OTR_CELL_COUNT])
{
    memset(cells, 0, OTR_CELL_COUNTED * sizeof(cells[0]));
    for (otr_metric_set *set = atomic_load(&all_sets); set != NULL; set = set->next)
        for (unsigned i = 0; i < OTR_CELL_COUNTED; i++)
            cells[i] += atomic_load_explicit(&set->cells[i], memory_order_relaxed);
}

otr_refresh_result otr_refresh_judge(const otr_sts_entry *before, const otr_sts_entry *after)
{
    if (after->failure != OTR_STS_NO_FAILURE &&
        (after->tried_at != before->tried_at || after->failures != before->failures))
        return OTR_REFRESH_FAILED;
    if (after->policy != NULL && after->fetched_at != before->fetched_at && !after->is_from_store) /* not by another of the fleet */
        return OTR_REFRESH_FETCHED;
    if (after->record == OTR_STS_LOOKUP_FAILED)
        return OTR_REFRESH_RECORD_FAILED;
    if (after->record == OTR_STS_PRESENT && (after->policy == NULL || strcmp(after->record_id, after->id) != 0))
        return OTR_REFRESH_HELD_BACK;
    return after->policy != NULL ? OTR_REFRESH_UNCHANGED : OTR_REFRESH_ABSENT;
}

void otr_count_refresh(const otr_sts_entry *before, const otr_sts_entry *after)
{
    otr_refresh_result result = otr_refresh_judge(before, after);

    otr_count(OTR_CELL_REFRESHES + result);
    if (result == OTR_REFRESH_FAILED)
        otr_count(OTR_CELL_FETCH_FAILURES + after->cause);
}

static unsigned type_of(uint16_t type)
{
    switch (type) {
    case OTR_RR_A:
        return OTR_TYPE_A;
    case OTR_RR_AAAA:
        return OTR_TYPE_AAAA;
    case OTR_RR_MX:
        return OTR_TYPE_MX;
    case OTR_RR_TXT:
        return OTR_TYPE_TXT;
    case OTR_RR_TLSA:
        return OTR_TYPE_TLSA;
    default:
        return OTR_TYPE_OTHER;
    }
}

void otr_count_lookup(const otr_dns_answer *answer, otr_dns_trouble trouble)
{
    otr_count(OTR_CELL_LOOKUPS + answer->status);
    if (answer->status == OTR_DNS_BOGUS)
        otr_count(OTR_CELL_BOGUS + type_of(answer->qtype));
    if (trouble != OTR_DNS_NO_TROUBLE)
        otr_count(OTR_CELL_LOOKUP_FAILURES + trouble - 1);
}

/*
 * claim.c - see claim.h. In the order in which it happens: claim, the answers, settle.
 */
#include "daemon/flow/claim.h"

#include "base/clock.h"
#include "daemon/flow/domain.h"
#include "daemon/flow/record.h"
#include "daemon/metrics.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MS 500  /* for the fleet's thread and Redis together */
#define AGAIN_MS 250   /* between looks while another member fetches */
#define RECORDS_MAX 3  /* of others that are not what is wanted; then it is fetched */
#define ANY_RANK "g"   /* above every rank: nothing of others is to be sent */
#define NO_ID "!"      /* that of no record: what others have failed at does not matter */

typedef struct otr_claim {
    otr_worker *worker;      /* borrowed */
    char domain[OTR_DOMAIN_SIZE];
    char id[OTR_STS_ID_MAX + 1]; /* that is wanted; "": that of no record */
    bool has_record;
    otr_time fetched_at;     /* of what is here */
    char known[OTR_FLEET_RANK + 1];
    otr_sts_claim_done *done; /* NULL once it was called */
    void *arg;
    struct event *timer;     /* owned */
    otr_lease *lease;        /* borrowed: under way; NULL: none */
    int64_t ends_ms;
    unsigned records;        /* that were not what is wanted */
    bool is_taken;
    bool is_insisting;       /* the operator has done something about what failed */
    char token[OTR_LEASE_TOKEN_SIZE]; /* of the lease that we have; "": none */
} otr_claim;

static void tell(otr_claim *claim, const otr_sts_claim_result *result)
{
    otr_sts_claim_done *done = claim->done;

    claim->done = NULL;
    evtimer_del(claim->timer);
    done(claim->arg, result); /* the claim may be settled by now, and gone */
}

static void fetch(otr_claim *claim, unsigned why)
{
    otr_count(OTR_CELL_FLEET_CLAIMS + why);
    tell(claim, &(otr_sts_claim_result){ .what = OTR_STS_FETCH_IT });
}

static void arm_ms(const otr_claim *claim, unsigned ms)
{
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    evtimer_add(claim->timer, &tv);
}

/* Asking ----------------------------------------------------------------------------------------------------------------- */

/* False: nobody can be asked. */
static bool ask(otr_claim *claim)
{
    otr_fleet *fleet = claim->worker->flow->fleet;
    otr_lease *lease = otr_fleet_is_up(fleet) ? calloc(1, sizeof(*lease)) : NULL;

    if (lease == NULL)
        return false;
    lease->reply_to = &claim->worker->box;
    lease->claim = claim;
    memcpy(lease->domain, claim->domain, sizeof(lease->domain));
    snprintf(lease->id, sizeof(lease->id), "%s", claim->is_insisting ? NO_ID : claim->id);
    memcpy(lease->known, claim->known, sizeof(lease->known));
    claim->lease = lease;
    arm_ms(claim, ANSWER_MS);
    otr_fleet_ask(fleet, lease);
    return true;
}

/* The answer finds nobody any more, and is released where it arrives. */
static void forsake(otr_claim *claim)
{
    if (claim->lease != NULL)
        claim->lease->claim = NULL;
    claim->lease = NULL;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    otr_claim *claim = arg;
    bool is_late = claim->lease != NULL;

    (void)fd;
    (void)what;
    forsake(claim);
    if (is_late || !ask(claim))
        fetch(claim, OTR_CLAIM_ALONE);
}

static void note_known(otr_claim *claim, const otr_sts_entry *known)
{
    otr_fleet_record record = { 0 };

    if (otr_record_is_policy_held(claim->worker, claim->domain)) /* what others took under its root is not taken */
        strcpy(claim->known, ANY_RANK);
    else if (otr_fleet_record_of_entry(&record, known, otr_fleet_member(claim->worker->flow->fleet)))
        (void)otr_fleet_record_rank(&record, claim->known); /* of none: whatever is there is new */
    otr_fleet_record_clear(&record);
}

static void *start(void *arg, const otr_sts_entry *known, otr_sts_claim_done *done, void *done_arg)
{
    otr_worker *worker = arg;
    otr_claim *claim = calloc(1, sizeof(*claim));

    if (claim == NULL)
        return NULL;
    claim->timer = evtimer_new(worker->base, on_timer, claim);
    if (claim->timer == NULL) {
        free(claim);
        return NULL;
    }
    claim->worker = worker;
    claim->done = done;
    claim->arg = done_arg;
    claim->ends_ms = otr_monotonic_recent_ms() + worker->flow->fetch_ms;
    claim->has_record = known->record == OTR_STS_PRESENT;
    claim->is_insisting = known->failures > 0 && known->retry_at == 0;
    claim->fetched_at = known->policy != NULL ? known->fetched_at : 0;
    memcpy(claim->domain, known->domain, sizeof(claim->domain));
    if (claim->has_record)
        memcpy(claim->id, known->record_id, sizeof(claim->id));
    note_known(claim, known);
    if (!ask(claim))
        arm_ms(claim, 0); /* and then alone; there is a claim all the same, for what is fetched is told to the others */
    return claim;
}

/* The answers ------------------------------------------------------------------------------------------------------------ */

static void look_again(otr_claim *claim)
{
    if (otr_monotonic_recent_ms() >= claim->ends_ms)
        fetch(claim, OTR_CLAIM_IMPATIENT);
    else
        arm_ms(claim, AGAIN_MS);
}

static bool is_wanted(const otr_claim *claim, const otr_fleet_record *record, otr_time now)
{
    return record->kind == OTR_FLEET_POLICY && strcmp(record->domain, claim->domain) == 0 && record->at > claim->fetched_at &&
           otr_fleet_record_end(record) > now && (!claim->has_record || strcmp(record->id, claim->id) == 0);
}

/* What cannot be read is refused, and told of, where changes are taken (fleet/pull.c); here it is only passed over. */
static void take_record(otr_claim *claim, const otr_lease *lease)
{
    otr_time now = otr_clock_now(claim->worker->flow->clock);
    otr_fleet_record record;
    outrider_diag diag;

    if (otr_fleet_record_read(lease->record, lease->record_len, now, &record, &diag) != OUTRIDER_OK) {
        strcpy(claim->known, ANY_RANK);
    } else if (is_wanted(claim, &record, now)) {
        claim->is_taken = true;
        otr_count(OTR_CELL_FLEET_CLAIMS + OTR_CLAIM_TAKEN);
        tell(claim, &(otr_sts_claim_result){ .what = OTR_STS_TAKE_IT, .policy = record.policy, .id = record.id,
                                             .fetched_at = record.at });
        otr_fleet_record_clear(&record);
        return;
    } else {
        memcpy(claim->known, lease->record, OTR_FLEET_RANK);
        otr_fleet_record_clear(&record);
    }
    if (++claim->records == RECORDS_MAX)
        strcpy(claim->known, ANY_RANK);
    if (claim->records > RECORDS_MAX || !ask(claim))
        fetch(claim, OTR_CLAIM_ALONE);
}

static void take_answer(otr_claim *claim, const otr_lease *lease)
{
    switch (lease->answer) {
    case OTR_LEASE_GRANTED:
        memcpy(claim->token, lease->token, sizeof(claim->token));
        fetch(claim, OTR_CLAIM_FETCHED);
        break;
    case OTR_LEASE_HELD:
        look_again(claim);
        break;
    case OTR_LEASE_RECORD:
        take_record(claim, lease);
        break;
    case OTR_LEASE_FAILED:
        otr_count(OTR_CELL_FLEET_CLAIMS + OTR_CLAIM_FAILED);
        tell(claim, &(otr_sts_claim_result){ .what = OTR_STS_HAS_FAILED, .failure = lease->failure, .error = lease->error });
        break;
    case OTR_LEASE_LOST:
        fetch(claim, OTR_CLAIM_ALONE);
        break;
    }
}

void otr_claim_take(otr_worker *worker, otr_lease *lease)
{
    otr_claim *claim = lease->claim;

    if (claim != NULL) {
        claim->lease = NULL;
        evtimer_del(claim->timer);
        take_answer(claim, lease);
    } else if (lease->answer == OTR_LEASE_GRANTED) { /* too late */
        otr_fleet_settle(worker->flow->fleet, lease->domain, lease->token, lease->id, OTR_SETTLED_NOT, NULL);
    }
    otr_lease_free(lease);
}

/* The end ------------------------------------------------------------------------------------------------------------------ */

/* Not the host's: memory, and a root that waits to be accepted (record.h), which is no sts-webpki-invalid. */
static bool is_own_failure(const otr_sts_entry *entry)
{
    return entry->cause == OTR_STS_CAUSE_INTERNAL || entry->cause == OTR_STS_CAUSE_FLEET ||
           (entry->cause == OTR_STS_CAUSE_CERTIFICATE && entry->failure != OTR_STS_WEBPKI_INVALID);
}

static otr_settled judge(const otr_claim *claim, const otr_sts_entry *entry)
{
    if (entry == NULL || claim->is_taken)
        return OTR_SETTLED_NOT;
    if (entry->failure != OTR_STS_NO_FAILURE)
        return claim->token[0] != '\0' && !is_own_failure(entry) ? OTR_SETTLED_FAILED : OTR_SETTLED_NOT;
    return entry->policy != NULL && !entry->is_from_store ? OTR_SETTLED_DONE : OTR_SETTLED_NOT;
}

static void settle(void *arg, const otr_sts_entry *entry)
{
    otr_claim *claim = arg;
    otr_settled settled = judge(claim, entry);

    if (claim->token[0] != '\0' || settled == OTR_SETTLED_DONE)
        otr_fleet_settle(claim->worker->flow->fleet, claim->domain, claim->token, claim->id, settled, entry);
    forsake(claim);
    event_free(claim->timer);
    free(claim);
}

const otr_sts_sharing otr_claim_sharing = { start, settle };

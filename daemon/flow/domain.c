/*
 * domain.c - loading, refreshing and storing what is known of a policy domain.
 */
#include "daemon/flow/domain.h"

#include "base/log.h"
#include "daemon/flow/errand.h"
#include "daemon/flow/place.h"
#include "daemon/flow/rest.h"
#include "daemon/metrics.h"

#include <event2/event.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

/* A domain in use is looked at so long before it is due, or a quarter of the pace: no client has to wait for it. */
#define AHEAD_S 20
/* The alert about a policy that cannot be refreshed is repeated after so many more failures (STS-APPLY-15). */
#define ALERT_EVERY 24

static int by_name(const void *a, const void *b)
{
    return strcmp(((const otr_domain *)a)->name, ((const otr_domain *)b)->name);
}

static otr_time now_of(const otr_domain *domain)
{
    return otr_clock_now(domain->worker->flow->clock);
}

/* The store ----------------------------------------------------------------------------------------------- */

static void log_store(const otr_domain *domain, const char *doing, const outrider_diag *diag)
{
    OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", doing }, { "domain", domain->name }, { "error", diag->message },
            { "effect", "mail to this domain is deferred until the store works again" }, { "flow", domain->flow });
}

/* Whether something changed that must outlive this process: the policy, or a failure whose back-off holds. */
static bool is_worth_storing(const otr_sts_entry *old, const otr_sts_entry *new)
{
    return new->fetched_at != old->fetched_at || new->tried_at != old->tried_at || strcmp(new->id, old->id) != 0;
}

/* Whether an entry holds a policy that must not be answered from before it is stored. */
static bool must_be_durable(const otr_sts_entry *old, const otr_sts_entry *new)
{
    return new->policy != NULL && new->policy->mode != OTR_STS_NONE &&
           (new->fetched_at != old->fetched_at || strcmp(new->id, old->id) != 0);
}

static void replace_entry(otr_domain *domain, otr_sts_entry *entry)
{
    otr_sts_entry_unref(domain->entry);
    domain->entry = entry;
}

bool otr_domain_forgive(otr_domain *domain)
{
    otr_sts_entry *entry;

    if (domain->entry == NULL || domain->entry->failure != OTR_STS_WEBPKI_INVALID)
        return false;
    entry = otr_sts_entry_copy(domain->entry);
    if (entry == NULL)
        return false; /* then the back-off holds */
    entry->retry_at = 0;
    replace_entry(domain, entry);
    if (domain->refresh == NULL)
        otr_domain_schedule(domain);
    return !otr_domain_has_policy(domain);
}

bool otr_domain_load(otr_domain *domain)
{
    outrider_diag diag;
    outrider_err err;

    if (domain->entry != NULL)
        return true;
    err = otr_store_get(domain->worker->flow->store, domain->name, &domain->entry, &diag);
    if (err == OUTRIDER_E_SYNTAX) {
        /* A row that cannot be believed is replaced by what a refresh finds; not knowing it must be seen. */
        OTR_LOG(OTR_LOG_ERROR, "store.row.unusable", { "domain", domain->name }, { "error", diag.message },
                { "flow", domain->flow });
    } else if (err != OUTRIDER_OK) {
        log_store(domain, "reading the policy", &diag);
        return false;
    }
    if (domain->entry == NULL)
        domain->entry = otr_sts_entry_new(domain->name);
    else if (domain->entry->tried_at <= otr_trust_widened_at(domain->worker->trust, domain->name))
        otr_domain_forgive(domain);
    return domain->entry != NULL;
}

/*
 * Take over what a refresh has found. A policy is stored first; if that fails, the entry waits in `unsaved`, and
 * an older policy goes on (it is in the store).
 */
static void adopt(otr_domain *domain, otr_sts_entry *entry)
{
    outrider_diag diag;

    if (is_worth_storing(domain->entry, entry) &&
        otr_store_put(domain->worker->flow->store, entry, &diag) != OUTRIDER_OK) {
        log_store(domain, "writing the policy", &diag);
        if (must_be_durable(domain->entry, entry)) {
            otr_sts_entry_unref(domain->unsaved);
            domain->unsaved = entry;
            return;
        }
    }
    otr_sts_entry_unref(domain->unsaved);
    domain->unsaved = NULL;
    replace_entry(domain, entry);
}

/* Try again to store what could not be stored. */
static void retry_unsaved(otr_domain *domain)
{
    otr_sts_entry *entry = domain->unsaved;

    domain->unsaved = NULL;
    if (entry != NULL)
        adopt(domain, entry);
}

bool otr_domain_has_policy(const otr_domain *domain)
{
    return domain->entry != NULL && otr_sts_entry_is_unexpired(domain->entry, now_of(domain));
}

static bool is_blocked(const otr_domain *domain)
{
    return domain->entry == NULL || (domain->unsaved != NULL && !otr_domain_has_policy(domain));
}

/* What the log tells of a refresh --------------------------------------------------------------------------- */

static bool is_same_policy(const otr_sts_entry *a, const otr_sts_entry *b)
{
    return a->policy != NULL && b->policy != NULL && strcmp(a->id, b->id) == 0 &&
           a->policy->body_len == b->policy->body_len &&
           memcmp(a->policy->body, b->policy->body, a->policy->body_len) == 0;
}

static void log_failure(const otr_domain *domain, const otr_sts_entry *entry, otr_time now)
{
    bool is_kept = otr_sts_entry_is_unexpired(entry, now);
    bool is_none = is_kept && entry->policy->mode == OTR_STS_NONE;
    char retry[OTR_TIME_TEXT], left[OTR_TIME_TEXT], count[16];

    otr_time_text(entry->retry_at, retry);
    snprintf(count, sizeof(count), "%u", entry->failures);
    OTR_LOG(is_kept && !is_none ? OTR_LOG_WARNING : OTR_LOG_NOTICE, "sts.refresh.failed", { "domain", domain->name },
            { "failure", otr_sts_failure_names[entry->failure] }, { "error", entry->error }, { "failures", count },
            { "retry_at", retry }, { "policy", is_kept ? "kept" : "none" }, { "flow", domain->flow });
    if (!otr_sts_entry_is_alarming(entry, now) ||
        (entry->failures != OTR_STS_ALARM_FAILURES && entry->failures % ALERT_EVERY != 0))
        return;
    otr_span_text(entry->expires_at - now, left);
    OTR_LOG(OTR_LOG_ERROR, "sts.refresh.alert", { "domain", domain->name },
            { "mode", otr_sts_mode_names[entry->policy->mode] }, { "failures", count }, { "expires_in", left },
            { "error", entry->error },
            { "do", "find out why the policy host cannot be reached; after this time mail goes without the policy" },
            { "flow", domain->flow });
}

static void log_refresh(const otr_domain *domain, const otr_sts_entry *old, const otr_sts_entry *new)
{
    otr_time now = now_of(domain);
    char age[OTR_TIME_TEXT];

    if (new->failure != OTR_STS_NO_FAILURE && (new->tried_at != old->tried_at || new->failures != old->failures)) {
        log_failure(domain, new, now);
    } else if (new->fetched_at != old->fetched_at && new->policy != NULL) {
        otr_span_text(new->policy->max_age, age);
        OTR_LOG(is_same_policy(old, new) ? OTR_LOG_DEBUG : OTR_LOG_NOTICE,
                is_same_policy(old, new) ? "sts.policy.refreshed" : "sts.policy.new", { "domain", domain->name },
                { "mode", otr_sts_mode_names[new->policy->mode] }, { "id", new->id }, { "max_age", age },
                { "flow", domain->flow });
    }
    if (new->record == OTR_STS_LOOKUP_FAILED && old->record != OTR_STS_LOOKUP_FAILED)
        OTR_LOG(OTR_LOG_INFO, "sts.record.failed", { "domain", domain->name }, { "error", new->record_note },
                { "flow", domain->flow });
}

/* Refreshing ------------------------------------------------------------------------------------------------ */

/* The places nobody waits at get a new answer; errands go on by themselves, and leave the queue as they do. */
static void tell_all(otr_domain *domain)
{
    struct otr_errand *errand;
    otr_place *place;

    TAILQ_FOREACH(place, &domain->places, in_domain)
        if (place->errand == NULL)
            otr_place_rebuild(place);
    while ((errand = TAILQ_FIRST(&domain->waiting)) != NULL)
        otr_errand_policy_ready(errand);
    otr_domain_schedule(domain);
}

static bool start_refresh(otr_domain *domain, otr_sts_due due);

static const otr_anchor_set *roots_of(const otr_domain *domain)
{
    return otr_anchors_for(domain->worker->net.anchors, domain->name);
}

/* Than when the refresh that has just ended began: what it found of a certificate says nothing of today. */
static bool has_other_roots(const otr_domain *domain)
{
    return domain->anchors != NULL && !otr_trust_is_same_set(domain->anchors, roots_of(domain));
}

/* What another member has brought while the refresh was under way is not undone by what was known when it began. */
static void keep_newer(const otr_domain *domain, otr_sts_entry *entry)
{
    const otr_sts_entry *known = domain->unsaved != NULL ? domain->unsaved : domain->entry;

    if (known->policy != NULL && known->fetched_at > entry->fetched_at)
        (void)otr_sts_entry_take_policy(entry, known->policy, known->id, known->fetched_at); /* else the next look finds it */
}

static void on_refreshed(void *arg, otr_sts_entry *entry)
{
    otr_domain *domain = arg;

    domain->refresh = NULL;
    keep_newer(domain, entry);
    log_refresh(domain, domain->entry, entry);
    otr_count_refresh(domain->entry, entry);
    adopt(domain, entry);
    if (has_other_roots(domain) && otr_domain_forgive(domain) && start_refresh(domain, OTR_STS_DUE_RECORD))
        return;
    tell_all(domain);
}

bool otr_domain_is_newer(const otr_fleet_record *record, const otr_sts_entry *entry)
{
    char rank[OTR_FLEET_RANK + 1], here[OTR_FLEET_RANK + 1];
    otr_fleet_record ours = { 0 };
    bool is_newer = true;

    if (otr_fleet_record_of_entry(&ours, entry, record->by))
        is_newer = otr_fleet_record_rank(record, rank) == OUTRIDER_OK && otr_fleet_record_rank(&ours, here) == OUTRIDER_OK &&
                   otr_fleet_outranks(rank, here);
    otr_fleet_record_clear(&ours);
    return is_newer;
}

bool otr_domain_take_shared(otr_domain *domain, const otr_fleet_record *record)
{
    otr_sts_entry *entry = otr_fleet_record_to_entry(record, domain->entry);

    if (entry == NULL)
        return false;
    otr_worker_name_flow(domain->worker, domain->flow);
    log_refresh(domain, domain->entry, entry);
    adopt(domain, entry);
    if (domain->refresh == NULL)
        tell_all(domain);
    return true;
}

static bool start_refresh(otr_domain *domain, otr_sts_due due)
{
    /* What could not be stored yet is the newest that is known. */
    const otr_sts_entry *known = domain->unsaved != NULL ? domain->unsaved : domain->entry;

    otr_anchor_set_unref(domain->anchors);
    domain->anchors = otr_anchor_set_ref(roots_of(domain));
    domain->refresh = otr_sts_refresh_start(&domain->worker->net, known, due, on_refreshed, domain);
    return domain->refresh != NULL;
}

otr_domain_state otr_domain_look(otr_domain *domain, const char *flow)
{
    otr_sts_due due;

    if (domain->refresh == NULL)
        snprintf(domain->flow, sizeof(domain->flow), "%s", flow);
    if (!otr_domain_load(domain))
        return OTR_DOMAIN_FAILED;
    if (domain->refresh != NULL)
        return OTR_DOMAIN_LOOKING;
    retry_unsaved(domain);
    if (is_blocked(domain))
        return OTR_DOMAIN_FAILED;
    due = otr_sts_entry_due(domain->entry, &domain->worker->flow->pace, now_of(domain));
    if (due == OTR_STS_DUE_NOTHING)
        return OTR_DOMAIN_READY;
    return start_refresh(domain, due) ? OTR_DOMAIN_LOOKING : OTR_DOMAIN_FAILED;
}

static otr_time lead(const otr_domain *domain)
{
    otr_time quarter = domain->worker->flow->pace.recheck_floor / 4;

    return quarter < AHEAD_S ? quarter : AHEAD_S;
}

/* In use: a client got an answer of one of its places since the last look. */
static bool is_in_use(const otr_domain *domain)
{
    const otr_place *place;

    TAILQ_FOREACH(place, &domain->places, in_domain)
        if (place->answer != NULL &&
            atomic_load_explicit(&place->answer->used_at, memory_order_relaxed) >= domain->entry->checked_at)
            return true;
    return false;
}

/* The look ahead of time. A domain that is not in use is left alone until it is asked for, or until the keeper of the
 * store finds that its policy is to be refreshed. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    otr_domain *domain = arg;
    otr_time now = now_of(domain);
    otr_sts_due due;

    (void)fd;
    (void)what;
    if (domain->refresh != NULL || domain->entry == NULL || !is_in_use(domain))
        return;
    if (otr_sts_entry_next(domain->entry, &domain->worker->flow->pace, now) > now + lead(domain)) {
        otr_domain_schedule(domain);
        return;
    }
    otr_worker_name_flow(domain->worker, domain->flow);
    due = otr_sts_entry_due(domain->entry, &domain->worker->flow->pace, now);
    start_refresh(domain, due == OTR_STS_DUE_POLICY ? due : OTR_STS_DUE_RECORD);
}

void otr_domain_schedule(otr_domain *domain)
{
    otr_time now = now_of(domain), next;

    if (domain->entry == NULL || domain->refresh != NULL)
        return;
    /* Never looked at, and nothing known: there is no MX host, so there is nothing to look for either. */
    if (domain->entry->record == OTR_STS_NOT_ASKED && domain->entry->policy == NULL)
        return;
    next = otr_sts_entry_next(domain->entry, &domain->worker->flow->pace, now) - lead(domain);
    otr_worker_arm(domain->timer, next > now ? next - now : 1);
}

/* Coming and going -------------------------------------------------------------------------------------------- */

otr_domain *otr_domain_join(otr_worker *worker, const char *name, otr_place *place)
{
    otr_domain *domain = calloc(1, sizeof(*domain));
    otr_domain **slot;

    if (domain == NULL)
        return NULL;
    snprintf(domain->name, sizeof(domain->name), "%s", name);
    slot = tsearch(domain, &worker->domains, by_name);
    if (slot == NULL || *slot != domain) {
        free(domain);
        domain = slot != NULL ? *slot : NULL;
    } else {
        domain->worker = worker;
        TAILQ_INIT(&domain->waiting);
        TAILQ_INIT(&domain->places);
        domain->timer = evtimer_new(worker->base, on_timer, domain);
        if (domain->timer == NULL) {
            tdelete(domain, &worker->domains, by_name);
            free(domain);
            domain = NULL;
        }
    }
    if (domain != NULL)
        TAILQ_INSERT_TAIL(&domain->places, place, in_domain);
    return domain;
}

static otr_domain *find_awake(otr_worker *worker, const char *name)
{
    otr_domain wanted;
    otr_domain **slot;

    snprintf(wanted.name, sizeof(wanted.name), "%s", name);
    slot = tfind(&wanted, &worker->domains, by_name);
    return slot != NULL ? *slot : NULL;
}

otr_domain *otr_domain_find(otr_worker *worker, const char *name)
{
    otr_domain *domain = find_awake(worker, name);

    return domain == NULL && otr_rest_wake(worker, name) ? find_awake(worker, name) : domain;
}

void otr_domain_overrule(otr_domain *domain)
{
    otr_place *place;

    TAILQ_FOREACH(place, &domain->places, in_domain)
        otr_place_overrule(place);
}

static otr_sts_entry *without_back_off(const otr_sts_entry *entry)
{
    otr_sts_entry *copy = entry->failure != OTR_STS_NO_FAILURE ? otr_sts_entry_copy(entry) : NULL;

    if (copy != NULL)
        copy->retry_at = 0; /* as otr_domain_forgive() does */
    return copy;
}

/* Nobody has asked about it since the start: what the store says of the back-off is put right. */
static void resume_stored(otr_worker *worker, const char *name)
{
    otr_sts_entry *entry = NULL, *free_again = NULL;
    outrider_diag diag = { 0 };
    outrider_err err = otr_store_get(worker->flow->store, name, &entry, &diag);

    if (err == OUTRIDER_OK && entry != NULL)
        free_again = without_back_off(entry);
    if (free_again != NULL)
        err = otr_store_put(worker->flow->store, free_again, &diag);
    if (err != OUTRIDER_OK)
        OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", "ending a back-off" }, { "domain", name },
                { "error", diag.message }, { "effect", "the policy is fetched again later" });
    otr_sts_entry_unref(free_again);
    otr_sts_entry_unref(entry);
}

void otr_domain_resume(otr_worker *worker, const char *name)
{
    otr_domain *domain = otr_domain_find(worker, name);
    otr_sts_entry *entry;
    otr_place *place;

    if (domain == NULL || domain->entry == NULL) {
        resume_stored(worker, name);
        return;
    }
    otr_sts_refresh_cancel(domain->refresh); /* it may have been held back already */
    domain->refresh = NULL;
    otr_worker_name_flow(worker, domain->flow);
    entry = without_back_off(domain->entry);
    if (entry != NULL)
        adopt(domain, entry);
    if (!otr_domain_has_policy(domain))
        TAILQ_FOREACH(place, &domain->places, in_domain)
            otr_place_withdraw(place);
    if (!start_refresh(domain, otr_domain_has_policy(domain) ? OTR_STS_DUE_POLICY : OTR_STS_DUE_RECORD))
        tell_all(domain);
}

/* What is worth keeping lies in the store; an unsaved policy was never answered from. */
void otr_domain_leave(otr_domain *domain, otr_place *place)
{
    TAILQ_REMOVE(&domain->places, place, in_domain);
    if (!TAILQ_EMPTY(&domain->places))
        return;
    tdelete(domain, &domain->worker->domains, by_name);
    otr_sts_refresh_cancel(domain->refresh);
    event_free(domain->timer);
    otr_anchor_set_unref(domain->anchors);
    otr_sts_entry_unref(domain->unsaved);
    otr_sts_entry_unref(domain->entry);
    free(domain);
}

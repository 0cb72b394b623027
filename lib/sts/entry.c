/*
 * entry.c - what is known of one policy domain, and what follows from it at a given time: the finding (step 4
 * of the decision table) and what is due. All of it pure; refresh.c makes new entries.
 */
#include "sts/entry.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

const char *const otr_sts_failure_names[] = {
    [OTR_STS_NO_FAILURE] = "",
    [OTR_STS_FETCH_ERROR] = "sts-policy-fetch-error",
    [OTR_STS_POLICY_INVALID] = "sts-policy-invalid",
    [OTR_STS_WEBPKI_INVALID] = "sts-webpki-invalid",
};

const char *const otr_sts_cause_names[] = {
    [OTR_STS_CAUSE_INTERNAL] = "internal",       [OTR_STS_CAUSE_DNS] = "dns",
    [OTR_STS_CAUSE_ADDRESS] = "address",         [OTR_STS_CAUSE_CONNECT] = "connect",
    [OTR_STS_CAUSE_TIMEOUT] = "timeout",         [OTR_STS_CAUSE_TLS] = "tls",
    [OTR_STS_CAUSE_CERTIFICATE] = "certificate", [OTR_STS_CAUSE_RESPONSE] = "response",
    [OTR_STS_CAUSE_POLICY] = "policy",           [OTR_STS_CAUSE_FLEET] = "fleet",
    [OTR_STS_CAUSE_COUNT] = NULL,
};

const char *const otr_sts_state_names[] = {
    [OTR_STS_STATE_NONE] = "none",
    [OTR_STS_STATE_VALID] = "valid",
    [OTR_STS_STATE_INVALID] = "invalid",
    [OTR_STS_STATE_TEMPFAIL] = "tempfail",
};

/* Making and sharing ---------------------------------------------------------------------------------- */

otr_sts_entry *otr_sts_entry_new(const char *domain)
{
    size_t len = strlen(domain);
    otr_sts_entry *entry;

    if (len >= OTR_DOMAIN_SIZE)
        return NULL;
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    memcpy(entry->domain, domain, len + 1);
    atomic_init(&entry->refs, 1);
    return entry;
}

/* The policy is read again from its text: it was accepted once, so that only memory can lack. */
otr_sts_entry *otr_sts_entry_copy(const otr_sts_entry *entry)
{
    otr_sts_entry *copy = calloc(1, sizeof(*copy));

    if (copy == NULL)
        return NULL;
    memcpy(copy, entry, offsetof(otr_sts_entry, refs)); /* not refs: others may be counting */
    copy->policy = NULL;
    atomic_init(&copy->refs, 1);
    if (entry->policy != NULL &&
        otr_sts_policy_parse(entry->policy->body, entry->policy->body_len, &copy->policy, NULL) != OUTRIDER_OK) {
        free(copy);
        return NULL;
    }
    return copy;
}

otr_sts_entry *otr_sts_entry_ref(otr_sts_entry *entry)
{
    atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
    return entry;
}

void otr_sts_entry_unref(otr_sts_entry *entry)
{
    if (entry == NULL || atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) != 1)
        return;
    otr_sts_policy_free(entry->policy);
    free(entry);
}

outrider_err otr_sts_entry_take_policy(otr_sts_entry *entry, const otr_sts_policy *policy, const char *id, otr_time fetched_at)
{
    otr_sts_policy *copy = NULL;

    if (otr_sts_policy_parse(policy->body, policy->body_len, &copy, NULL) != OUTRIDER_OK)
        return OUTRIDER_E_NOMEM; /* it was accepted once */
    otr_sts_policy_free(entry->policy);
    entry->policy = copy;
    snprintf(entry->id, sizeof(entry->id), "%s", id);
    entry->fetched_at = fetched_at;
    entry->expires_at = fetched_at + copy->max_age;
    entry->is_from_store = true;
    if (entry->tried_at <= fetched_at)
        otr_sts_entry_forget_failure(entry);
    return OUTRIDER_OK;
}

void otr_sts_entry_forget_failure(otr_sts_entry *entry)
{
    entry->failure = OTR_STS_NO_FAILURE;
    entry->error[0] = '\0';
    entry->tried_id[0] = '\0';
    entry->tried_at = 0;
    entry->retry_at = 0;
    entry->failures = 0;
}

/* What applies ---------------------------------------------------------------------------------------- */

bool otr_sts_entry_is_unexpired(const otr_sts_entry *entry, otr_time now)
{
    return entry->policy != NULL && now < entry->expires_at;
}

/* A policy with max_age 0 is never unexpired, yet governs the attempt that fetched it (STS-BODY-09). */
static bool is_applied(const otr_sts_entry *entry, otr_time now)
{
    if (otr_sts_entry_is_unexpired(entry, now))
        return true;
    return entry->policy != NULL && entry->policy->max_age == 0 && !entry->is_from_store &&
           now >= entry->fetched_at && now - entry->fetched_at <= OTR_STS_ATTEMPT_SPAN;
}

/* A failure counts against what the record asks for now, not against an id that it has left again. */
static bool has_current_failure(const otr_sts_entry *entry)
{
    return entry->failure != OTR_STS_NO_FAILURE &&
           (entry->record != OTR_STS_PRESENT || entry->tried_id[0] == '\0' ||
            strcmp(entry->tried_id, entry->record_id) == 0);
}

static const char *applied_row(const otr_sts_entry *entry, bool is_fresh)
{
    switch (entry->record) {
    case OTR_STS_ABSENT:
        return "S2";
    case OTR_STS_LOOKUP_FAILED:
        return "S4";
    case OTR_STS_NOT_ASKED: /* from the store and not looked at again yet: as if the id were unchanged */
        return "S5";
    case OTR_STS_PRESENT:
        break;
    }
    if (has_current_failure(entry))
        return entry->failure == OTR_STS_POLICY_INVALID ? "S10" : "S8";
    if (strcmp(entry->record_id, entry->id) != 0)
        return "S8"; /* held back */
    return is_fresh ? "S6" : "S5";
}

static otr_sts_finding find_applied(const otr_sts_entry *entry)
{
    bool is_fresh = !entry->is_from_store && entry->fetched_at >= entry->checked_at &&
                    entry->failure == OTR_STS_NO_FAILURE;
    bool has_failed = has_current_failure(entry);
    otr_sts_finding finding = {
        .row = applied_row(entry, is_fresh),
        .state = OTR_STS_STATE_VALID,
        .policy = entry->policy,
        .is_from_cache = !is_fresh,
        .fetched_at = entry->fetched_at,
        .expires_at = entry->expires_at,
        .id = entry->id,
        .error = "",
    };

    if (has_failed)
        finding.error = entry->error;
    else if (entry->record == OTR_STS_LOOKUP_FAILED)
        finding.error = entry->record_note;
    if (has_failed && entry->policy->mode != OTR_STS_NONE) /* nothing is reported under "none" (RFC 8461 §6) */
        finding.failure = entry->failure;
    return finding;
}

static otr_sts_finding find_unknown(const char *row, const char *error)
{
    return (otr_sts_finding){
        .row = row, .state = OTR_STS_STATE_TEMPFAIL, .is_unknown = true, .id = "", .error = error
    };
}

static otr_sts_finding find_failed(const otr_sts_entry *entry)
{
    bool is_invalid = entry->failure == OTR_STS_POLICY_INVALID;

    return (otr_sts_finding){
        .row = is_invalid ? "S9" : "S7",
        .state = is_invalid ? OTR_STS_STATE_INVALID : OTR_STS_STATE_TEMPFAIL,
        .id = "",
        .failure = entry->failure,
        .error = entry->error,
    };
}

static otr_sts_finding find_without_policy(const otr_sts_entry *entry, bool is_pending)
{
    if (is_pending)
        return find_unknown("S11", "the first look at this domain is still under way");
    switch (entry->record) {
    case OTR_STS_ABSENT:
        return (otr_sts_finding){ .row = "S1", .state = OTR_STS_STATE_NONE, .id = "", .error = "" };
    case OTR_STS_LOOKUP_FAILED:
        return find_unknown("S3", entry->record_note);
    case OTR_STS_NOT_ASKED:
        return find_unknown("S11", "this domain was not looked at yet");
    case OTR_STS_PRESENT:
        break;
    }
    if (entry->failure == OTR_STS_NO_FAILURE)
        return find_unknown("S11", "the policy has expired and was not fetched again yet");
    return find_failed(entry);
}

otr_sts_finding otr_sts_entry_finding(const otr_sts_entry *entry, otr_time now, bool is_pending)
{
    return is_applied(entry, now) ? find_applied(entry) : find_without_policy(entry, is_pending);
}

bool otr_sts_entry_is_alarming(const otr_sts_entry *entry, otr_time now)
{
    return otr_sts_entry_is_unexpired(entry, now) && entry->policy->mode != OTR_STS_NONE &&
           entry->failures >= OTR_STS_ALARM_FAILURES;
}

/* What is due ----------------------------------------------------------------------------------------- */

static otr_time least(otr_time a, otr_time b)
{
    return a < b ? a : b;
}

/* Spreads what was fetched together (after a start, say) over the last tenth of the span; the same every time. */
static otr_time spread_of(const otr_sts_entry *entry, otr_time span)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (const char *at = entry->domain; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return span < 10 ? 0 : (otr_time)(hash % (uint32_t)(span / 10));
}

/* When the policy on hand is fetched again, whatever the record says (STS-APPLY-13). */
static otr_time refresh_at(const otr_sts_entry *entry, const otr_sts_pace *pace)
{
    otr_time span = least(pace->refresh_after, entry->policy->max_age / 2);
    otr_time at = entry->fetched_at + span - spread_of(entry, span);

    return entry->failures > 0 && entry->retry_at > at ? entry->retry_at : at;
}

/* When the record is worth a look: its TTL has run out, or what it asks for may be tried again. */
static otr_time look_at(const otr_sts_entry *entry, otr_time now)
{
    bool is_wanted = entry->record == OTR_STS_PRESENT &&
                     (!otr_sts_entry_is_unexpired(entry, now) || strcmp(entry->record_id, entry->id) != 0);

    if (entry->record == OTR_STS_NOT_ASKED)
        return 0;
    if (!is_wanted)
        return entry->recheck_at;
    return entry->failures > 0 ? least(entry->recheck_at, entry->retry_at) : 0;
}

otr_sts_due otr_sts_entry_due(const otr_sts_entry *entry, const otr_sts_pace *pace, otr_time now)
{
    if (otr_sts_entry_is_unexpired(entry, now) && now >= refresh_at(entry, pace))
        return OTR_STS_DUE_POLICY;
    return now >= look_at(entry, now) ? OTR_STS_DUE_RECORD : OTR_STS_DUE_NOTHING;
}

otr_time otr_sts_entry_next(const otr_sts_entry *entry, const otr_sts_pace *pace, otr_time now)
{
    otr_time at = look_at(entry, now);

    /* What is not kept needs no refresh ahead, or a timer would fetch without end (STS-BODY-09). */
    if (entry->policy != NULL && entry->policy->max_age == 0 && entry->failures == 0)
        at = entry->recheck_at;
    if (otr_sts_entry_is_unexpired(entry, now))
        at = least(at, refresh_at(entry, pace));
    return at > now ? at : now;
}

/*
 * records_plan_mx.c - steps for MX hosts that come and go (PUB-06).
 */
#include "publish/records_inside.h"

static size_t find_step_of_keys(const otr_records_draft *d, const char *host, uint32_t *ttl)
{
    for (size_t i = OTR_SET_HOSTS; i < d->set_count; i++) {
        const otr_record_set *set = &d->sets[i];

        if (strcmp(set->host, host) != 0)
            continue;
        *ttl = otr_plan_ttl(d, set->ttl);
        for (size_t l = 0; l < set->line_count; l++)
            if (set->lines[l].step != OTR_NO_STEP && otr_plan_adds(&set->lines[l]))
                return set->lines[l].step;
    }
    return OTR_NO_STEP;
}

/* In the policy, the TTL of the record has passed, its keys are published: then it may enter. */
static void plan_joining(otr_records_draft *d, const char *host, size_t record)
{
    const otr_records_question *q = d->q;
    uint32_t sts_ttl = otr_plan_ttl(d, d->sets[OTR_SET_STS].ttl), keys_ttl = 0;
    size_t widen = OTR_NO_STEP, keys = find_step_of_keys(d, host, &keys_ttl), enter;

    if (otr_plan_has_patterns(q) && !otr_plan_is_admitted(q, host)) {
        widen = otr_plan_step(d, OTR_STEP_CONFIGURE, "Senders that hold the policy would not send to a host that it does not name.",
                              "Add %s to mx of publish \"%s\", load the configuration on every machine that is the policy host, and then "
                              "publish the id that \"outrider records %s\" shows.", host, q->domain, q->domain);
        otr_plan_after(d, widen, record, 0);
    }
    enter = otr_plan_step(d, OTR_STEP_MX,
                          "First the policy, then the TTL of its record, then the MX record (RFC 8461 section 8.1); TLSA records are there "
                          "before it, too.", "Add %s to the MX records of %s.", host, q->domain);
    otr_plan_after(d, enter, widen != OTR_NO_STEP ? widen : record, otr_plan_has_patterns(q) ? sts_ttl : 0);
    otr_plan_after(d, enter, keys, keys_ttl);
    if (otr_plan_has_patterns(q) && widen == OTR_NO_STEP && record == OTR_NO_STEP)
        otr_plan_wait(d, enter, sts_ttl); /* since when the record is there is not known */
}

static size_t count_staying(const otr_records_question *q)
{
    size_t count = q->joining_count;

    for (size_t i = 0; i < q->host_count; i++)
        count += q->hosts[i].is_mx && !otr_is_named(q->leaving, q->leaving_count, q->hosts[i].host);
    return count;
}

static bool is_pattern_needed(const otr_records_question *q, const char *pattern)
{
    for (size_t i = 0; i < q->host_count; i++)
        if (q->hosts[i].is_mx && !otr_is_named(q->leaving, q->leaving_count, q->hosts[i].host) &&
            otr_sts_pattern_matches(pattern, q->hosts[i].host))
            return true;
    for (size_t i = 0; i < q->joining_count; i++)
        if (otr_sts_pattern_matches(pattern, q->joining[i]))
            return true;
    return false;
}

/* The pattern that only this host needs; NULL: none. */
static const char *find_own_pattern(const otr_records_question *q, const char *host)
{
    for (size_t i = 0; otr_plan_has_patterns(q) && i < q->mx_count; i++)
        if (otr_sts_pattern_matches(q->mx[i], host) && !is_pattern_needed(q, q->mx[i]))
            return q->mx[i];
    return NULL;
}

static void plan_leaving(otr_records_draft *d, const char *host)
{
    const otr_records_question *q = d->q;
    uint32_t mx_ttl = otr_plan_ttl(d, q->mx_answer != NULL ? q->mx_answer->ttl : 0);
    const char *pattern = find_own_pattern(q, host);
    size_t last_to_come = OTR_NO_STEP, leave, narrow;

    if (count_staying(q) == 0) {
        otr_plan_step(d, OTR_STEP_LOOK, "No other MX host would be left.", "Leave %s in the MX records of %s.", host, q->domain);
        return;
    }
    for (size_t i = 0; q->joining_count > 0 && i < d->step_count; i++)
        if (d->steps[i].kind == OTR_STEP_MX &&
            (last_to_come == OTR_NO_STEP || d->steps[i].earliest > d->steps[last_to_come].earliest))
            last_to_come = i;
    leave = otr_plan_step(d, OTR_STEP_MX, "Everything else of it stays until nobody holds the MX record any longer.",
                          "Take %s out of the MX records of %s.", host, q->domain);
    otr_plan_after(d, leave, last_to_come, mx_ttl); /* those that come are there before others go */
    if (pattern == NULL)
        return;
    narrow = otr_plan_step(d, OTR_STEP_CONFIGURE,
                           "A sender that still holds the MX record must find its host in the policy (RFC 8461 section 8.1).",
                           "Take %s out of mx of publish \"%s\", load the configuration, and publish the new id.", pattern, q->domain);
    otr_plan_after(d, narrow, leave, mx_ttl);
    d->steps[narrow].is_optional = true;
}

void otr_plan_mx(otr_records_draft *d, size_t record)
{
    const otr_records_question *q = d->q;

    for (size_t i = 0; i < q->joining_count; i++)
        plan_joining(d, q->joining[i], record);
    for (size_t i = 0; i < q->leaving_count; i++)
        plan_leaving(d, q->leaving[i]);
}

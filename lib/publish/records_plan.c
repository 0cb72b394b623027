/*
 * records_plan.c - what to change, in which order: the policy host, the policy, its record, reports. The rules, of the MX RRset as well:
 *
 *   - what could not be looked up is looked up first; nothing is built on it
 *   - a policy is served by HTTPS before the record tells of it (RFC 8461 §8.1, PUB-05)
 *   - no record tells of a policy that leaves an MX host out (SAFE-TO-PUBLISH)
 *   - an MX host is in the policy, and the TTL of the record has passed, before it enters DNS; it leaves the policy when its MX record
 *     and its TTL are gone (PUB-06)
 *   - a retired policy takes its record with it first, then its host (RFC 8461 §8.3)
 */
#include "publish/records_inside.h"

#include "publish/lifecycle.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define GONE(state) (1u << (state))
#define SENTENCE_MAX 2048 /* names of more MX hosts than that are cut */

size_t otr_plan_step(otr_records_draft *d, otr_step_kind kind, const char *why, const char *what, ...)
{
    char sentence[SENTENCE_MAX];
    va_list args;

    assert(d->step_count < d->step_room);
    va_start(args, what);
    vsnprintf(sentence, sizeof(sentence), what, args);
    va_end(args);
    d->steps[d->step_count] = (otr_step){ .kind = kind, .what = otr_arena_text(d->arena, sentence), .why = why, .earliest = d->q->now };
    return d->step_count++;
}

static otr_time later(otr_time a, otr_time b)
{
    return a > b ? a : b;
}

void otr_plan_after(otr_records_draft *d, size_t index, size_t before, uint32_t wait)
{
    otr_step *step = &d->steps[index];

    if (before == OTR_NO_STEP)
        return;
    assert(before < index && step->after_count < OTR_STEP_AFTER_MAX);
    step->after[step->after_count++] = (otr_step_after){ .step = before, .wait = wait };
    step->earliest = later(step->earliest, d->steps[before].earliest + wait);
}

void otr_plan_wait(otr_records_draft *d, size_t index, uint32_t wait)
{
    otr_step *step = &d->steps[index];

    step->wait = wait;
    step->earliest = later(step->earliest, d->q->now + wait);
}

bool otr_step_is_ready(const otr_step *step)
{
    return step->after_count == 0 && step->wait == 0;
}

/* Records that change ----------------------------------------------------------------------------------------------------- */

bool otr_plan_adds(const otr_record_line *line)
{
    return line->state == OTR_RECORD_MISSING || line->state == OTR_RECORD_NOT_ASKED;
}

const otr_record *otr_plan_collect(otr_records_draft *d, otr_record_set *set, unsigned gone, size_t step, size_t *count)
{
    otr_record_line *lines = (otr_record_line *)(uintptr_t)set->lines; /* ours until the set is given away */
    otr_record *records = otr_arena_alloc(d->arena, set->line_count + 1, sizeof(*records));

    *count = 0;
    for (size_t i = 0; records != NULL && i < set->line_count; i++) {
        if (gone != 0 ? (gone & GONE(lines[i].state)) == 0 : !otr_plan_adds(&lines[i]))
            continue;
        records[(*count)++] = lines[i].record;
        lines[i].step = step;
    }
    return records;
}

size_t otr_plan_change(otr_records_draft *d, otr_record_set *set, unsigned gone, const char *why, const char *what)
{
    bool is_due = false;
    size_t index;
    otr_step *step;

    for (size_t i = 0; i < set->line_count; i++)
        is_due |= otr_plan_adds(&set->lines[i]) || (gone & GONE(set->lines[i].state)) != 0;
    if (!is_due)
        return OTR_NO_STEP;
    index = otr_plan_step(d, OTR_STEP_RECORDS, why, "%s", what);
    step = &d->steps[index];
    step->role = set->role;
    step->add = otr_plan_collect(d, set, 0, index, &step->add_count);
    if (gone != 0)
        step->remove = otr_plan_collect(d, set, gone, index, &step->remove_count);
    return index;
}

static bool has_failed(const otr_dns_answer *answer)
{
    return answer != NULL && answer->content == OTR_DNS_UNKNOWN;
}

size_t otr_plan_look_again(otr_records_draft *d, const char *name)
{
    return otr_plan_step(d, OTR_STEP_LOOK, "What is there now is not known, so nothing is changed on a guess.",
                         "Look again at %s, which could not be looked up.", name);
}

uint32_t otr_plan_ttl(const otr_records_draft *d, uint32_t ttl)
{
    return ttl > 0 && (d->q->has_whole_ttls || ttl > OTR_RECORDS_TTL) ? ttl : OTR_RECORDS_TTL;
}

/* The policy --------------------------------------------------------------------------------------------------------------- */

static size_t plan_serving(otr_records_draft *d)
{
    if (d->q->unserved != NULL)
        return otr_plan_step(d, OTR_STEP_SERVE,
                             otr_arena_printf(d->arena, "Nobody can fetch the policy, and the record must not tell of one that is not there: %s.",
                                              d->q->unserved),
                             "Give outriderd a certificate for mta-sts.%s, and see \"outrider publish status\".", d->q->domain);
    if (d->q->source != OTR_POLICY_CONFIGURED)
        return OTR_NO_STEP;
    return otr_plan_step(d, OTR_STEP_SERVE,
                         "Whether outriderd serves it was not asked; the record must not tell of a policy that is not there yet "
                         "(RFC 8461 section 8.1).",
                         "Have the policy with the id %s served on every machine that is the policy host: load the configuration, "
                         "and see \"outrider publish status\".", d->q->id);
}

static size_t plan_policy_host(otr_records_draft *d, size_t serving)
{
    const char *why = "Senders fetch the policy from there, and nowhere else (RFC 8461 section 3.3).";
    otr_record_set *set = &d->sets[OTR_SET_POLICY_HOST];

    if (has_failed(d->q->policy_a) || has_failed(d->q->policy_aaaa))
        return otr_plan_look_again(d, set->asked);
    if (set->is_absent && set->line_count == 0)
        return otr_plan_step(d, OTR_STEP_CONFIGURE, why, "Set policy_host.addresses, or give %s an address or an alias.", set->asked);
    if (otr_set_has(set, OTR_RECORD_DIFFERENT)) {
        size_t move = otr_plan_change(d, set, GONE(OTR_RECORD_DIFFERENT),
                                      "It leads to another policy host now; this one must serve the policy before it is asked.",
                                      otr_arena_printf(d->arena, "Let %s lead to this policy host.", set->asked));

        otr_plan_after(d, move, serving, 0);
        return move;
    }
    return otr_plan_change(d, set, 0, why, otr_arena_printf(d->arena, "Give %s the addresses of this policy host.", set->asked));
}

bool otr_plan_is_admitted(const otr_records_question *q, const char *host)
{
    for (size_t i = 0; i < q->mx_count; i++)
        if (otr_sts_pattern_matches(q->mx[i], host))
            return true;
    return false;
}

bool otr_plan_has_patterns(const otr_records_question *q)
{
    return (q->source == OTR_POLICY_CONFIGURED || q->source == OTR_POLICY_IN_SERVICE) && q->mode != OTR_STS_NONE;
}

/* The MX hosts of today against the patterns. OTR_NO_STEP: each is admitted, or there is nothing to be admitted to. */
static size_t plan_coverage(otr_records_draft *d)
{
    const otr_records_question *q = d->q;
    const char *names = "";

    if (!otr_plan_has_patterns(q))
        return OTR_NO_STEP;
    if (q->mx_answer == NULL || has_failed(q->mx_answer))
        return otr_plan_step(d, OTR_STEP_LOOK,
                             q->mx_answer == NULL ? "The MX records were not looked up." : "The MX records could not be looked up.",
                             "See that the policy admits each MX host of %s.", q->domain);
    for (size_t i = 0; i < q->host_count; i++)
        if (q->hosts[i].is_mx && !otr_plan_is_admitted(q, q->hosts[i].host))
            names = otr_arena_printf(d->arena, "%s%s%s", names, *names != '\0' ? ", " : "", q->hosts[i].host);
    if (*names == '\0')
        return OTR_NO_STEP;
    return otr_plan_step(d, OTR_STEP_CONFIGURE,
                         q->mode == OTR_STS_ENFORCE ? "Mail from senders with MTA-STS does not go there."
                                                    : "A policy that leaves out an MX host stops mail once it is enforced.",
                         "Add to mx of publish \"%s\": %s. Load the configuration, and ask again.", q->domain, names);
}

static size_t plan_record(otr_records_draft *d, size_t addresses, size_t serving, size_t coverage)
{
    otr_record_set *set = &d->sets[OTR_SET_STS];
    size_t index;

    if (has_failed(d->q->sts))
        return otr_plan_look_again(d, set->asked);
    if (otr_set_has(set, OTR_RECORD_DIFFERENT))
        index = otr_plan_change(d, set, GONE(OTR_RECORD_DIFFERENT),
                                "A sender that holds the former policy asks for the new one when it sees another id.",
                                otr_arena_printf(d->arena, "Change %s, in one change.", set->owner));
    else
        index = otr_plan_change(d, set, 0, "It tells senders that there is a policy (RFC 8461 section 3.1).",
                                otr_arena_printf(d->arena, "Publish %s.", set->owner));
    if (index == OTR_NO_STEP)
        return index;
    otr_plan_after(d, index, addresses, otr_plan_ttl(d, d->sets[OTR_SET_POLICY_HOST].ttl));
    otr_plan_after(d, index, serving, OTR_PUBLISH_CACHE_S);
    otr_plan_after(d, index, coverage, 0);
    return index;
}

static void plan_retirement(otr_records_draft *d)
{
    otr_record_set *host = &d->sets[OTR_SET_POLICY_HOST], *sts = &d->sets[OTR_SET_STS];
    size_t record, addresses;

    if (has_failed(d->q->sts)) {
        otr_plan_look_again(d, sts->asked);
        return;
    }
    record = otr_plan_change(d, sts, GONE(OTR_RECORD_DIFFERENT), "The policy is retired: no sender can still hold one that is enforced.",
                             otr_arena_printf(d->arena, "Take %s away.", sts->asked));
    if (has_failed(d->q->policy_a) || has_failed(d->q->policy_aaaa)) {
        otr_plan_look_again(d, host->asked);
        return;
    }
    addresses = otr_plan_change(d, host, GONE(OTR_RECORD_EXTRA) | GONE(OTR_RECORD_DIFFERENT),
                                "The record leaves first, then the host that it sends senders to (RFC 8461 section 8.3).",
                                otr_arena_printf(d->arena, "Take %s away, and the section publish \"%s\".", host->asked, d->q->domain));
    if (addresses != OTR_NO_STEP)
        otr_plan_after(d, addresses, record, otr_plan_ttl(d, sts->ttl));
}

static void plan_reports(otr_records_draft *d)
{
    otr_record_set *set = &d->sets[OTR_SET_TLSRPT];

    if (has_failed(d->q->tlsrpt))
        otr_plan_look_again(d, set->asked);
    else
        otr_plan_change(d, set, GONE(OTR_RECORD_DIFFERENT), "Senders then tell you of failures (RFC 8460 section 3).",
                        otr_arena_printf(d->arena, "Publish %s.", set->owner));
}

void otr_plan(otr_records_draft *d)
{
    const otr_records_question *q = d->q;
    size_t addresses, serving, coverage, record = OTR_NO_STEP;

    if (q->source == OTR_POLICY_RETIRED) {
        plan_retirement(d);
    } else if (q->source != OTR_POLICY_ABSENT) {
        coverage = plan_coverage(d);
        serving = plan_serving(d);
        addresses = plan_policy_host(d, serving);
        record = plan_record(d, addresses, serving, coverage);
        if (record == OTR_NO_STEP)
            record = serving; /* the record is right, and says nothing before the policy is there */
    }
    plan_reports(d);
    for (size_t i = 0; i < q->host_count; i++)
        otr_plan_tlsa(d, &q->hosts[i], &d->sets[OTR_SET_HOSTS + i]);
    otr_plan_mx(d, record);
}

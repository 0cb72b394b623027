/*
 * lifecycle.c - see lifecycle.h.
 */
#include "publish/lifecycle.h"

#include "base/diag.h"

#include <string.h>

const char *const otr_phase_names[] = { "none", "testing", "enforce", "retiring", "retired", NULL };

const char *const otr_holding_names[] = { "nothing", "enforce", "patterns", "none", "retiring" };

const char *const otr_holding_words[] = {
    [OTR_HOLD_NOTHING] = "",
    [OTR_HOLD_ENFORCE] = "the configuration says enforce, and nobody has looked yet: testing is served until outrider publish set",
    [OTR_HOLD_PATTERNS] = "the configured mx no longer cover those in service: the policy in service goes on until outrider publish set "
                          "has looked",
    [OTR_HOLD_NONE] = "the configuration says none: the policy in service goes on until outrider publish retire",
    [OTR_HOLD_RETIRING] = "the domain is being retired, or is: none is served until outrider publish set",
};

/* Clocks ------------------------------------------------------------------------------------------------------- */

otr_time otr_version_end(const otr_version *v)
{
    otr_time handed_out = v->horizon > v->last ? v->horizon : v->last;

    return handed_out > 0 ? handed_out + v->max_age + OTR_PUBLISH_CACHE_S + OTR_PUBLISH_TRANSFER_S : 0;
}

/* The longest over versions whose mode is `least` or stricter: a smaller max_age of today does not shorten what was handed out before. */
static otr_time latest_end(const otr_version *versions, size_t count, otr_sts_mode least)
{
    otr_time latest = 0;

    for (size_t i = 0; i < count; i++) {
        otr_time end = otr_version_end(&versions[i]);

        if (versions[i].mode >= least && end > latest)
            latest = end;
    }
    return latest;
}

otr_time otr_exit_clock(const otr_version *versions, size_t count)
{
    return latest_end(versions, count, OTR_STS_ENFORCE);
}

otr_time otr_memory_clock(const otr_version *versions, size_t count)
{
    return latest_end(versions, count, OTR_STS_TESTING);
}

/* What is served ----------------------------------------------------------------------------------------------- */

static otr_sts_mode mode_of(otr_phase phase)
{
    switch (phase) {
    case OTR_PHASE_TESTING:
        return OTR_STS_TESTING;
    case OTR_PHASE_ENFORCE:
        return OTR_STS_ENFORCE;
    case OTR_PHASE_NONE:
    case OTR_PHASE_RETIRING:
    case OTR_PHASE_RETIRED:
        break;
    }
    return OTR_STS_NONE;
}

static bool is_leaving(otr_phase phase)
{
    return phase == OTR_PHASE_RETIRING || phase == OTR_PHASE_RETIRED;
}

otr_next otr_lifecycle_released(const otr_publication *configured, otr_phase phase)
{
    otr_next next = { .phase = phase, .mode = mode_of(phase), .max_age = configured->max_age };

    if (is_leaving(phase) && next.max_age > OTR_RETIRE_MAX_AGE)
        next.max_age = OTR_RETIRE_MAX_AGE;
    return next;
}

/* A text that does not parse, or for which there is no memory, is covered by nothing: it goes on as it is. */
static bool covers(const otr_publication *configured, const otr_version *in_service)
{
    otr_sts_policy *policy = NULL;
    bool is_covered;

    if (otr_sts_policy_parse(in_service->body, strlen(in_service->body), &policy, NULL) != OUTRIDER_OK)
        return false;
    is_covered = otr_patterns_cover(configured->mx, configured->mx_count, policy->mx, policy->mx_count);
    otr_sts_policy_free(policy);
    return is_covered;
}

/* The phase that the life has come to, as far as a configuration has a say in it. */
static otr_phase phase_of(const otr_publication *configured, const otr_lifecycle *life, const otr_version *in_service)
{
    otr_phase phase = life != NULL ? life->phase : OTR_PHASE_NONE;

    if (phase == OTR_PHASE_NONE && configured->mode != OTR_STS_NONE)
        return OTR_PHASE_TESTING;
    /* Enforce without the text that somebody looked at (a damaged store) is not enforce: which hosts were meant is not known. */
    if (phase == OTR_PHASE_ENFORCE && (in_service == NULL || in_service->mode != OTR_STS_ENFORCE))
        return OTR_PHASE_TESTING;
    return phase;
}

otr_next otr_lifecycle_next(const otr_publication *configured, const otr_lifecycle *life, const otr_version *in_service)
{
    otr_phase phase = phase_of(configured, life, in_service);
    otr_next next = otr_lifecycle_released(configured, phase);

    if (is_leaving(phase)) {
        next.held = configured->mode != OTR_STS_NONE ? OTR_HOLD_RETIRING : OTR_HOLD_NOTHING;
    } else if (phase != OTR_PHASE_NONE && configured->mode == OTR_STS_NONE) {
        next.held = OTR_HOLD_NONE;
        next.is_kept = in_service != NULL;
    } else if (phase == OTR_PHASE_TESTING && configured->mode == OTR_STS_ENFORCE) {
        next.held = OTR_HOLD_ENFORCE;
    } else if (phase == OTR_PHASE_ENFORCE && !covers(configured, in_service)) {
        next.held = OTR_HOLD_PATTERNS;
        next.is_kept = true;
    }
    if (next.is_kept) {
        next.mode = in_service->mode;
        next.max_age = in_service->max_age;
    } else if (next.held == OTR_HOLD_NONE) { /* nothing is in service, and nothing is wanted */
        next = (otr_next){ .phase = OTR_PHASE_NONE, .mode = OTR_STS_NONE, .max_age = configured->max_age };
    }
    return next;
}

/* What an operator wants --------------------------------------------------------------------------------------- */

outrider_err otr_lifecycle_set(const otr_publication *configured, otr_phase now, otr_sts_mode mode, bool is_forced, otr_phase *phase,
                               outrider_diag *diag)
{
    if (mode == OTR_STS_NONE)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: a policy is withdrawn with outrider publish retire, which knows when that is over",
                        configured->domain);
    if (configured->mode == OTR_STS_NONE)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: the configuration says mode = none; change that first, and restart outriderd",
                        configured->domain);
    if (mode == OTR_STS_ENFORCE && (now == OTR_PHASE_NONE || now == OTR_PHASE_RETIRED) && !is_forced)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: is %s; begin with testing", configured->domain,
                        now == OTR_PHASE_NONE ? "not in testing" : "retired");
    *phase = mode == OTR_STS_ENFORCE ? OTR_PHASE_ENFORCE : OTR_PHASE_TESTING;
    return OUTRIDER_OK;
}

otr_phase otr_lifecycle_retire(otr_phase now)
{
    return now == OTR_PHASE_RETIRED ? now : OTR_PHASE_RETIRING;
}

bool otr_lifecycle_is_over(const otr_lifecycle *life, const otr_version *versions, size_t count, otr_time now)
{
    return life->phase == OTR_PHASE_RETIRING && now >= otr_memory_clock(versions, count);
}

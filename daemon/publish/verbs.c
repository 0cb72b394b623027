/*
 * verbs.c - what an operator wants of our domains: publish.status, publish.set, publish.retire, publish.reload. A request is answered
 * when the store has it and the server shows it. Asked again, each is the same; killed in between, what the store has goes on.
 *
 * Whether enforce is safe has been looked at by whoever asks; refused is here what contradicts itself.
 */
#include "base/diag.h"
#include "base/log.h"
#include "daemon/control_reply.h"
#include "daemon/publish/inside.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static outrider_err find(const otr_publisher *p, const char *domain, otr_own_domain **d, outrider_diag *diag)
{
    *d = otr_publisher_find(p, domain);
    if (*d == NULL)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: is none of ours: there is no section publish \"%s\" in the configuration", domain,
                        domain);
    return OUTRIDER_OK;
}

static outrider_err find_configured(const otr_publisher *p, const char *domain, otr_own_domain **d, outrider_diag *diag)
{
    outrider_err err = find(p, domain, d, diag);

    if (err == OUTRIDER_OK && (*d)->conf == NULL)
        err = otr_fail(diag, OUTRIDER_E_CONFIG, "%s: its section publish is not in the configuration any more: put it back, and "
                       "restart outriderd", domain);
    return err;
}

/* publish.set, publish.retire ------------------------------------------------------------------------------------- */

static void log_word(const char *event, const otr_own_domain *d, const otr_job *job)
{
    const otr_control_request *r = &job->request;
    char who[24];

    snprintf(who, sizeof(who), "%lld", (long long)job->uid);
    OTR_LOG(r->is_forced ? OTR_LOG_WARNING : OTR_LOG_NOTICE, event, { "domain", d->domain }, { "phase", otr_phase_names[d->life.phase] },
            { "id", d->life.serving }, { "uid", who }, { "forced", r->is_forced ? "yes" : NULL },
            { "reason", *r->reason != '\0' ? r->reason : NULL }, { "checks", *r->checks != '\0' ? r->checks : NULL });
}

static bool is_same(const otr_life_plan *plan)
{
    const otr_own_domain *d = plan->domain;

    return d->has_life && d->life.phase == plan->life.phase && d->serving == plan->edition && d->held == plan->held;
}

/* Whoever has looked has read a configuration of his own, which may be newer than ours: what he did not look at is not served at his word. */
static outrider_err check_id(const otr_life_plan *plan, const char *id, outrider_diag *diag)
{
    if (*id == '\0' || strcmp(plan->edition->v.id, id) == 0)
        return OUTRIDER_OK;
    return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: what was looked at (id %s) is not what would be served (id %s): outriderd runs with another configuration "
                    "than the one that was read; restart it", plan->domain->domain, id, plan->edition->v.id);
}

/* The domain goes into a phase, with nothing withheld from now on that somebody has looked at. */
static outrider_err enter(otr_publisher *p, otr_own_domain *d, otr_phase phase, const otr_job *job, bool *is_news, outrider_diag *diag)
{
    const otr_control_request *r = &job->request;
    otr_publication configured = otr_publication_of(d->conf);
    otr_next next = otr_lifecycle_released(&configured, phase);
    otr_time now = otr_clock_now(p->clock);
    otr_life_plan plan = { .domain = d };
    outrider_err err;

    if (phase == OTR_PHASE_RETIRING || phase == OTR_PHASE_RETIRED)
        next.held = configured.mode != OTR_STS_NONE ? OTR_HOLD_RETIRING : OTR_HOLD_NOTHING;
    else if (phase == OTR_PHASE_TESTING && configured.mode == OTR_STS_ENFORCE)
        next.held = OTR_HOLD_ENFORCE;
    err = otr_life_plan_make(d, &next, now, &plan, diag);
    if (err != OUTRIDER_OK)
        return err;
    err = check_id(&plan, r->id, diag);
    *is_news = err == OUTRIDER_OK && !is_same(&plan);
    if (*is_news) {
        plan.life.uid = job->uid;
        plan.life.is_forced = r->is_forced;
        snprintf(plan.life.reason, sizeof(plan.life.reason), "%s", *r->reason != '\0' ? r->reason : r->checks);
        err = otr_life_plans_carry_out(p, &plan, 1, now, diag);
        otr_publisher_tell_failure(p, otr_control_verbs[r->verb], err, diag);
    }
    otr_life_plan_clear(&plan);
    return err;
}

static outrider_err change(otr_publisher *p, const otr_job *job, json_t **answer, outrider_diag *diag)
{
    const otr_control_request *r = &job->request;
    bool is_set = r->verb == OTR_CONTROL_PUBLISH_SET, is_news = false;
    otr_time now = otr_clock_now(p->clock);
    otr_phase phase = OTR_PHASE_NONE;
    otr_own_domain *d = NULL;
    outrider_err err = find_configured(p, r->domain, &d, diag);

    if (err == OUTRIDER_OK && is_set) {
        otr_publication configured = otr_publication_of(d->conf);

        err = otr_lifecycle_set(&configured, d->life.phase, r->mode, r->is_forced, &phase, diag);
    } else if (err == OUTRIDER_OK) {
        phase = otr_lifecycle_retire(d->life.phase);
    }
    if (err == OUTRIDER_OK)
        err = enter(p, d, phase, job, &is_news, diag);
    if (err != OUTRIDER_OK)
        return err;
    if (is_news)
        log_word(is_set ? "publish.set" : "publish.retiring", d, job);
    err = otr_publisher_swap_site(p, diag);
    if (err == OUTRIDER_OK && otr_publisher_end_retiring(p, now))
        err = otr_publisher_swap_site(p, diag);
    otr_publisher_count(p, now);
    *answer = json_pack("{s:b, s:o}", "ok", 1, "publication", otr_own_domain_object(p, d, now, r->days));
    return err;
}

/* publish.status, publish.reload ---------------------------------------------------------------------------------- */

static outrider_err status(otr_publisher *p, const otr_job *job, json_t **answer, outrider_diag *diag)
{
    const otr_control_request *r = &job->request;
    otr_time now = otr_clock_now(p->clock);
    json_t *list = json_array();
    otr_own_domain *d = NULL;
    outrider_err err = *r->domain != '\0' ? find(p, r->domain, &d, diag) : OUTRIDER_OK;
    char text[OTR_TIME_TEXT];

    otr_publisher_flush(p); /* so that the counts are in one place */
    for (size_t i = 0; err == OUTRIDER_OK && i < p->domain_count; i++)
        if (d == NULL || d == &p->domains[i])
            json_array_append_new(list, otr_own_domain_object(p, &p->domains[i], now, r->days));
    if (err != OUTRIDER_OK) {
        json_decref(list);
        return err;
    }
    *answer = json_pack("{s:b, s:s, s:b, s:o}", "ok", 1, "at", otr_time_text(now, text), "store_failing", p->is_failing,
                        "publications", list);
    return OUTRIDER_OK;
}

static json_t *certificate_failures(const otr_publisher *p)
{
    json_t *list = json_array();

    for (size_t i = 0; i < p->domain_count; i++)
        if (*p->domains[i].certificate_error != '\0')
            json_array_append_new(list, json_pack("{s:s, s:s}", "domain", p->domains[i].domain, "error", p->domains[i].certificate_error));
    return list;
}

static outrider_err reload(otr_publisher *p, json_t **answer, outrider_diag *diag)
{
    otr_time now = otr_clock_now(p->clock);
    bool is_changed = otr_publisher_look_at_pairs(p, true, now);
    outrider_err err = is_changed ? otr_publisher_swap_site(p, diag) : OUTRIDER_OK;

    otr_publisher_count(p, now);
    if (err == OUTRIDER_OK)
        *answer = json_pack("{s:b, s:b, s:o}", "ok", 1, "changed", is_changed, "failures", certificate_failures(p));
    return err;
}

void otr_publisher_do(otr_publisher *p, otr_job *job)
{
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;
    json_t *answer = NULL;

    switch (job->request.verb) {
    case OTR_CONTROL_PUBLISH_STATUS:
        err = status(p, job, &answer, &diag);
        break;
    case OTR_CONTROL_PUBLISH_RELOAD:
        err = reload(p, &answer, &diag);
        break;
    default: /* the other two of otr_control_is_publish() */
        err = change(p, job, &answer, &diag);
        break;
    }
    if (err == OUTRIDER_OK) {
        job->reply = otr_control_line(answer);
    } else {
        json_decref(answer);
        job->reply = otr_control_refusal(err, diag.message);
    }
    otr_job_return(job);
}

/*
 * control.c - the operator's verbs.
 */
#include "daemon/flow/control.h"

#include "base/diag.h"
#include "base/log.h"
#include "daemon/control_reply.h"
#include "daemon/flow/control_record.h"
#include "daemon/flow/overrides.h"
#include "daemon/flow/place.h"
#include "daemon/flow/record.h"
#include "daemon/flow/shared.h"
#include "store/store_fleet.h"

#include <jansson.h>
#include <stdio.h>

static json_t *override_object(const otr_override *o)
{
    char until[OTR_TIME_TEXT], made[OTR_TIME_TEXT];

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}",
                     "domain", o->domain,
                     "level", otr_level_names[o->level],
                     "until", otr_time_text(o->until, until),
                     "reason", o->reason,
                     "made_at", otr_time_text(o->made_at, made),
                     "uid", (json_int_t)o->uid);
}

/* The verbs ---------------------------------------------------------------------------------------------------- */

static void log_change(const char *event, const otr_override *o, int64_t uid)
{
    char until[OTR_TIME_TEXT], who[24];

    snprintf(who, sizeof(who), "%lld", (long long)uid);
    OTR_LOG(OTR_LOG_NOTICE, event, { "domain", o->domain }, { "level", otr_level_names[o->level] },
            { "until", otr_time_text(o->until, until) }, { "reason", o->reason }, { "uid", uid >= 0 ? who : NULL });
}

/* The answers of the domain are made anew; what is under way finds the change when it decides. */
static void apply(otr_worker *worker, const char *domain)
{
    otr_domain *known = otr_domain_find(worker, domain);

    if (known != NULL)
        otr_domain_overrule(known);
}

static outrider_err check_minimum(const otr_flow *flow, const otr_override *o, outrider_diag *diag)
{
    const otr_minimum_rules *rules = flow->decide.minimum;
    const otr_minimum_rule *rule = rules != NULL ? otr_minimum_find(rules, o->domain) : NULL;

    if (rule == NULL || otr_level_meets(o->level, rule->minimum))
        return OUTRIDER_OK;
    return otr_fail(diag, OUTRIDER_E_CONFIG, "%s is below the minimum %s that the configuration sets for \"%.100s\"",
                    otr_level_names[o->level], otr_minimum_names[rule->minimum], rule->name);
}

/* Later than the word that it takes the place of, whoever said that. */
static void stamp(const otr_worker *worker, otr_override *o, otr_time now)
{
    otr_fleet_record record;
    otr_override before;

    otr_fleet_record_of_override(&record, o, "");
    o->made_at = otr_shared_stamp(worker->flow->store, &record, now,
                                  otr_overrides_find(worker->flow->overrides, o->domain, now, &before) ? before.made_at : 0);
}

static void share(const otr_worker *worker, const otr_override *o)
{
    otr_fleet_record record;

    otr_fleet_record_of_override(&record, o, otr_fleet_member(worker->flow->fleet));
    otr_fleet_share(worker->flow->fleet, &record);
}

static void share_removal(const otr_worker *worker, const otr_override *o, const otr_removal *removal)
{
    otr_fleet_record record;

    otr_fleet_record_of_override(&record, o, otr_fleet_member(worker->flow->fleet));
    record.is_removal = true;
    record.at = removal->at;
    record.uid = removal->uid;
    otr_fleet_share(worker->flow->fleet, &record);
}

static outrider_err add_override(otr_worker *worker, const otr_job *job, char **reply, outrider_diag *diag)
{
    const otr_control_request *r = &job->request;
    otr_time now = otr_clock_now(worker->flow->clock);
    otr_override o = { .level = r->level, .made_at = now, .uid = job->uid };
    outrider_err err = otr_override_until(r->until, now, &o.until, diag);

    memcpy(o.domain, r->domain, sizeof(o.domain));
    memcpy(o.reason, r->reason, sizeof(o.reason));
    stamp(worker, &o, now);
    if (err == OUTRIDER_OK)
        err = check_minimum(worker->flow, &o, diag);
    if (err == OUTRIDER_OK)
        err = otr_overrides_put(worker->flow->overrides, &o, diag);
    if (err != OUTRIDER_OK)
        return err;
    apply(worker, o.domain);
    log_change("override.added", &o, job->uid);
    share(worker, &o);
    *reply = otr_control_line(json_pack("{s:b, s:o}", "ok", 1, "override", override_object(&o)));
    return OUTRIDER_OK;
}

static outrider_err remove_override(otr_worker *worker, const otr_job *job, char **reply, outrider_diag *diag)
{
    const char *domain = job->request.domain;
    otr_time now = otr_clock_now(worker->flow->clock);
    otr_removal removal = { .uid = job->uid };
    otr_fleet_record record;
    otr_override o;
    outrider_err err;

    if (!otr_overrides_find(worker->flow->overrides, domain, now, &o))
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "there is no override for %s", domain);
    otr_fleet_record_of_override(&record, &o, "");
    otr_fleet_record_name(&record, removal.name);
    removal.at = otr_fleet_stamp(now, o.made_at);
    removal.until = o.until;
    err = otr_overrides_remove(worker->flow->overrides, domain, &removal, diag);
    if (err != OUTRIDER_OK)
        return err;
    apply(worker, domain);
    log_change("override.removed", &o, job->uid);
    share_removal(worker, &o, &removal);
    *reply = otr_control_line(json_pack("{s:b, s:o}", "ok", 1, "override", override_object(&o)));
    return OUTRIDER_OK;
}

static void append_override(void *arg, const otr_override *o)
{
    json_array_append_new(arg, override_object(o));
}

static void list_overrides(const otr_worker *worker, char **reply)
{
    json_t *list = json_array();

    otr_overrides_each(worker->flow->overrides, otr_clock_now(worker->flow->clock), append_override, list);
    *reply = otr_control_line(json_pack("{s:b, s:o}", "ok", 1, "overrides", list));
}

static outrider_err record_chain(otr_worker *worker, const otr_job *job, char **reply, outrider_diag *diag)
{
    json_t *sighting = NULL;
    outrider_err err = otr_control_record(worker, &job->request, &sighting, diag);

    if (err == OUTRIDER_OK)
        *reply = otr_control_line(json_pack("{s:b, s:o}", "ok", 1, "sighting", sighting));
    return err;
}

void otr_control_do(otr_worker *worker, otr_job *job)
{
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;

    switch (job->request.verb) {
    case OTR_CONTROL_OVERRIDE_ADD:
        err = add_override(worker, job, &job->reply, &diag);
        break;
    case OTR_CONTROL_OVERRIDE_LIST:
        list_overrides(worker, &job->reply);
        break;
    case OTR_CONTROL_OVERRIDE_REMOVE:
        err = remove_override(worker, job, &job->reply, &diag);
        break;
    case OTR_CONTROL_TRUST_RECORD:
        err = record_chain(worker, job, &job->reply, &diag);
        break;
    case OTR_CONTROL_TRUST_ACCEPT:
        err = otr_record_accept(worker, job->request.domain, job->uid, &diag);
        if (err == OUTRIDER_OK)
            job->reply = otr_control_line(json_pack("{s:b, s:s}", "ok", 1, "domain", job->request.domain));
        break;
    case OTR_CONTROL_TRUST_ADD: /* these are the keeper's */
    case OTR_CONTROL_TRUST_LIST:
    case OTR_CONTROL_TRUST_REMOVE:
    case OTR_CONTROL_PUBLISH_STATUS: /* and these the publisher's */
    case OTR_CONTROL_PUBLISH_SET:
    case OTR_CONTROL_PUBLISH_RETIRE:
    case OTR_CONTROL_PUBLISH_RELOAD:
    case OTR_CONTROL_FLEET_STATUS: /* and this the fleet's */
    case OTR_CONTROL_VERB_COUNT:
        break;
    }
    if (err == OUTRIDER_E_IO)
        OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", otr_control_verbs[job->request.verb] },
                { "error", diag.message }, { "effect", "nothing has changed" });
    if (err != OUTRIDER_OK)
        job->reply = otr_control_refusal(err, diag.message);
    otr_job_return(job);
}

/* The end of their time ------------------------------------------------------------------------------------------ */

static void tell_end(void *arg, const otr_override *o)
{
    (void)arg;
    log_change("override.expired", o, -1);
}

void otr_control_sweep(otr_worker *worker)
{
    outrider_diag diag;

    if (otr_overrides_expire(worker->flow->overrides, otr_clock_now(worker->flow->clock), tell_end, NULL, &diag) !=
        OUTRIDER_OK)
        OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", "removing overrides that have ended" },
                { "error", diag.message });
}

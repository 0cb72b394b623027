/*
 * verbs.c - what an operator wants of the roots: trust.add, trust.list, trust.remove. Judged here and nowhere else (C4).
 */
#include "base/diag.h"
#include "base/log.h"
#include "daemon/control_reply.h"
#include "daemon/flow/shared.h"
#include "daemon/keeper/admit.h"
#include "daemon/keeper/inside.h"
#include "trust/root_file.h"
#include "verdict/hold.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void otr_log_exception(const char *event, const otr_exception *e, int64_t uid)
{
    char name[OTR_CERT_NAME_SIZE], until[OTR_TIME_TEXT], who[24];

    snprintf(who, sizeof(who), "%lld", (long long)uid);
    OTR_LOG(OTR_LOG_NOTICE, event, { "domain", e->domain }, { "root", otr_cert_name(e->cert, name) }, { "sha256", e->root },
            { "until", otr_time_text(e->until, until) }, { "reason", e->reason }, { "uid", uid >= 0 ? who : NULL });
}

/* Answers ------------------------------------------------------------------------------------------------------- */

static json_t *exception_object(const otr_exception *e)
{
    char name[OTR_CERT_NAME_SIZE], until[OTR_TIME_TEXT], made[OTR_TIME_TEXT];

    return json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:I}",
                     "domain", e->domain,
                     "root", "subject", otr_cert_name(e->cert, name), "sha256", e->root,
                     "until", otr_time_text(e->until, until),
                     "reason", e->reason,
                     "made_at", otr_time_text(e->made_at, made),
                     "uid", (json_int_t)e->uid);
}

/* Those that have not ended at `now`. */
static json_t *exception_list(const otr_exceptions *exceptions, otr_time now)
{
    json_t *list = json_array();

    for (size_t i = 0; i < exceptions->count; i++)
        if (now < exceptions->list[i].until)
            json_array_append_new(list, exception_object(&exceptions->list[i]));
    return list;
}

static json_t *note_list(const otr_buf *notes)
{
    json_t *list = json_array();
    const char *line = otr_buf_text(notes), *end;

    for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
        json_array_append_new(list, json_stringn(line, (size_t)(end - line)));
    return list;
}

static void append_hold(void *arg, const otr_hold *h)
{
    char since[OTR_TIME_TEXT];

    json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:s}",
                                         "domain", h->domain,
                                         "role", otr_role_names[h->role],
                                         "host", h->host,
                                         "from", "subject", h->from_name, "sha256", h->from,
                                         "to", "subject", h->to_name, "sha256", h->to,
                                         "since", otr_time_text(h->since, since)));
}

/* trust.add ----------------------------------------------------------------------------------------------------- */

static outrider_err read_root(const char *pem, otr_time now, otr_exception *e, outrider_diag *diag)
{
    outrider_err err = otr_root_read(pem, strlen(pem), &e->cert, diag);

    if (err == OUTRIDER_OK)
        err = otr_cert_check_root(e->cert, now, diag);
    if (err == OUTRIDER_OK && !otr_cert_fingerprint(e->cert, e->root))
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    return err;
}

/* One more, for this name. */
static outrider_err add_name(const otr_keeper *keeper, otr_change *change, otr_exception *e, const char *name,
                             outrider_diag *diag)
{
    const otr_exception *known = otr_exceptions_find(&keeper->exceptions, e->root, name);
    char until[OTR_TIME_TEXT];
    otr_fleet_record record;

    if (known != NULL)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "there is an exception for this root and %.120s already, until %s: remove it "
                        "first", name, otr_time_text(known->until, until));
    snprintf(e->domain, sizeof(e->domain), "%s", name);
    otr_fleet_record_of_exception(&record, e, "");
    e->made_at = otr_shared_stamp(keeper->store, &record, otr_clock_now(keeper->clock), 0);
    otr_fleet_record_clear(&record);
    if (otr_exceptions_insert(&change->exceptions, e) != OUTRIDER_OK ||
        otr_exceptions_insert(&change->added, e) != OUTRIDER_OK)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (change->exceptions.count > OTR_EXCEPTIONS_MAX)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "there would be more than %d exceptions; remove some first", OTR_EXCEPTIONS_MAX);
    return OUTRIDER_OK;
}

static outrider_err admit_all(const otr_keeper *keeper, const otr_change *change, otr_buf *notes, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;

    for (size_t i = 0; err == OUTRIDER_OK && i < change->added.count; i++)
        err = otr_exception_admit(&change->added.list[i], keeper->trust->anchors, notes, diag);
    return err;
}

static outrider_err prepare_add(const otr_keeper *keeper, const otr_job *job, otr_change *change, outrider_diag *diag)
{
    const otr_control_request *r = &job->request;
    otr_time now = otr_clock_now(keeper->clock);
    otr_exception e = { .made_at = now, .uid = job->uid };
    outrider_err err = otr_override_until(r->until, now, &e.until, diag);
    otr_buf notes = OTR_BUF_INIT;

    snprintf(e.reason, sizeof(e.reason), "%s", r->reason);
    if (err == OUTRIDER_OK)
        err = read_root(r->pem, now, &e, diag);
    if (err == OUTRIDER_OK && otr_exceptions_copy(&keeper->exceptions, NULL, NULL, &change->exceptions) != OUTRIDER_OK)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (size_t i = 0; err == OUTRIDER_OK && i < r->name_count; i++)
        err = add_name(keeper, change, &e, r->names[i].text, diag);
    if (err == OUTRIDER_OK)
        err = admit_all(keeper, change, &notes, diag);
    if (err == OUTRIDER_OK)
        err = otr_change_compile(keeper, change, now, diag);
    if (err == OUTRIDER_OK)
        change->reply = otr_control_line(json_pack("{s:b, s:o, s:o}", "ok", 1, "exceptions",
                                                   exception_list(&change->added, now), "notes", note_list(&notes)));
    otr_buf_clear(&notes);
    X509_free(e.cert);
    return err;
}

/* trust.remove -------------------------------------------------------------------------------------------------- */

struct removal {
    const char *root;
    const otr_control_request *request;
};

static bool is_removed(const void *arg, const otr_exception *e)
{
    const struct removal *removal = arg;
    bool is_named = removal->request->name_count == 0;

    for (size_t i = 0; !is_named && i < removal->request->name_count; i++)
        is_named = strcmp(removal->request->names[i].text, e->domain) == 0;
    return is_named && strcmp(e->root, removal->root) == 0;
}

static bool is_kept(const void *arg, const otr_exception *e)
{
    return !is_removed(arg, e);
}

/* What is remembered of those that go, until they would have ended by themselves. */
static outrider_err note_removals(otr_change *change, otr_time now, int64_t uid, outrider_diag *diag)
{
    change->removals = calloc(change->dropped.count + 1, sizeof(*change->removals));
    if (change->removals == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (size_t i = 0; i < change->dropped.count; i++) {
        const otr_exception *e = &change->dropped.list[i];
        otr_removal *removal = &change->removals[i];
        otr_fleet_record record;

        otr_fleet_record_of_exception(&record, e, "");
        otr_fleet_record_name(&record, removal->name);
        otr_fleet_record_clear(&record);
        removal->at = otr_fleet_stamp(now, e->made_at);
        removal->until = e->until;
        removal->uid = uid;
    }
    return OUTRIDER_OK;
}

static outrider_err prepare_remove(const otr_keeper *keeper, const otr_job *job, otr_change *change, outrider_diag *diag)
{
    const otr_control_request *r = &job->request;
    otr_time now = otr_clock_now(keeper->clock);
    char root[OTR_SHA256_TEXT];
    struct removal removal = { root, r };
    outrider_err err = otr_exceptions_resolve(&keeper->exceptions, r->root, root, diag);

    if (err != OUTRIDER_OK)
        return err;
    for (size_t i = 0; i < r->name_count; i++)
        if (otr_exceptions_find(&keeper->exceptions, root, r->names[i].text) == NULL)
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "there is no exception for this root and %.150s", r->names[i].text);
    if (otr_exceptions_copy(&keeper->exceptions, is_kept, &removal, &change->exceptions) != OUTRIDER_OK ||
        otr_exceptions_copy(&keeper->exceptions, is_removed, &removal, &change->dropped) != OUTRIDER_OK)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    err = note_removals(change, now, job->uid, diag);
    if (err == OUTRIDER_OK)
        err = otr_change_compile(keeper, change, now, diag);
    if (err == OUTRIDER_OK)
        change->reply = otr_control_line(json_pack("{s:b, s:o}", "ok", 1, "exceptions", exception_list(&change->dropped, now)));
    return err;
}

/* --------------------------------------------------------------------------------------------------------------- */

static void refuse(otr_job *job, outrider_err err, const char *message)
{
    if (err == OUTRIDER_E_IO || err == OUTRIDER_E_NOMEM)
        OTR_LOG(OTR_LOG_ERROR, "trust.failed", { "doing", otr_control_verbs[job->request.verb] }, { "error", message },
                { "effect", "nothing has changed" });
    job->reply = otr_control_refusal(err, message);
    otr_job_return(job);
}

static void change_something(otr_keeper *keeper, otr_job *job)
{
    bool is_add = job->request.verb == OTR_CONTROL_TRUST_ADD;
    otr_change *change = otr_change_new();
    outrider_diag diag = { .message = "out of memory" };
    outrider_err err = OUTRIDER_E_NOMEM;

    if (change != NULL)
        err = is_add ? prepare_add(keeper, job, change, &diag) : prepare_remove(keeper, job, change, &diag);
    if (err == OUTRIDER_OK && change->reply == NULL)
        err = otr_fail(&diag, OUTRIDER_E_NOMEM, "out of memory");
    if (err == OUTRIDER_OK)
        err = otr_change_make(keeper, change, &diag);
    if (err != OUTRIDER_OK) {
        otr_change_free(change);
        refuse(job, err, diag.message);
        return;
    }
    change->job = job;
    for (size_t i = 0; i < change->added.count; i++)
        otr_log_exception("trust.added", &change->added.list[i], job->uid);
    for (size_t i = 0; i < change->dropped.count; i++)
        otr_log_exception("trust.removed", &change->dropped.list[i], job->uid);
    otr_keeper_share(keeper, change);
}

static void list(const otr_keeper *keeper, otr_job *job)
{
    json_t *exceptions = exception_list(&keeper->exceptions, otr_clock_now(keeper->clock)), *holds = json_array();

    otr_holds_each(keeper->workers[0]->flow->holds, append_hold, holds);
    job->reply = otr_control_line(json_pack("{s:b, s:o, s:o}", "ok", 1, "exceptions", exceptions, "holds", holds));
    otr_job_return(job);
}

void otr_keeper_do(otr_keeper *keeper, otr_job *job)
{
    if (job->request.verb == OTR_CONTROL_TRUST_LIST)
        list(keeper, job);
    else
        change_something(keeper, job);
}

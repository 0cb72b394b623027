/*
 * lives.c - the life of each of our domains: what the store knows of it, what comes next, and taking that step: into the store first,
 * then in memory.
 */
#include "base/diag.h"
#include "base/log.h"
#include "daemon/publish/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

otr_publication otr_publication_of(const otr_publish_conf *conf)
{
    return (otr_publication){ .domain = conf->domain, .mode = (otr_sts_mode)conf->mode, .mx = conf->mx.values,
                              .mx_count = conf->mx.count, .max_age = conf->max_age };
}

otr_time otr_edition_last(const otr_edition *e)
{
    otr_time last = atomic_load_explicit(&e->served.last, memory_order_relaxed);

    return last > e->v.last ? last : e->v.last;
}

otr_time otr_edition_horizon(const otr_edition *e, otr_time now)
{
    otr_time horizon = now + OTR_PUBLISH_HORIZON_S;

    return e->owed > horizon ? e->owed : horizon; /* a clock that was wrong before the crash */
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const otr_own_domain *)a)->domain, ((const otr_own_domain *)b)->domain);
}

/* Among the first `count`, which are sorted. */
static otr_own_domain *find_among(const otr_publisher *p, size_t count, const char *domain)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(domain, p->domains[middle].domain);

        if (order == 0)
            return &p->domains[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

otr_own_domain *otr_publisher_find(const otr_publisher *p, const char *domain)
{
    return find_among(p, p->domain_count, domain);
}

otr_version *otr_own_versions(const otr_own_domain *d, size_t *count)
{
    otr_version *list;
    size_t at = 0;

    for (const otr_edition *e = d->editions; e != NULL; e = e->next)
        at++;
    list = calloc(at + 1, sizeof(*list));
    *count = list != NULL ? at : 0;
    at = 0;
    for (const otr_edition *e = d->editions; list != NULL && e != NULL; e = e->next) {
        list[at] = e->v;
        list[at].last = otr_edition_last(e);
        list[at++].horizon = e->owed; /* what this run has handed out is known exactly */
    }
    return list;
}

/* Loading -------------------------------------------------------------------------------------------------------- */

static otr_edition *new_edition(const otr_version *v)
{
    otr_edition *e = calloc(1, sizeof(*e));

    if (e == NULL)
        return NULL;
    e->v = *v;
    e->body = strdup(v->body);
    if (e->body == NULL) {
        free(e);
        return NULL;
    }
    e->v.body = e->body;
    return e;
}

static void free_edition(otr_edition *e)
{
    free(e->body);
    free(e);
}

static bool fill_domain(otr_own_domain *d, const char *domain)
{
    size_t len = strlen(domain);

    d->domain = strdup(domain);
    d->host = calloc(1, OTR_DOMAIN_SIZE);
    if (d->domain == NULL || d->host == NULL)
        return false;
    if (len + strlen("mta-sts.") <= OTR_DOMAIN_MAX)
        snprintf(d->host, OTR_DOMAIN_SIZE, "mta-sts.%s", domain);
    return true;
}

struct loading {
    otr_publisher *p;
    size_t room;
    bool is_short; /* of memory */
};

static otr_own_domain *append_domain(struct loading *loading, const char *domain)
{
    otr_publisher *p = loading->p;
    size_t room = loading->room * 2 + 16;

    if (p->domain_count == loading->room) {
        otr_own_domain *domains = reallocarray(p->domains, room, sizeof(*domains));

        if (domains == NULL)
            return NULL;
        p->domains = domains;
        loading->room = room;
    }
    p->domains[p->domain_count] = (otr_own_domain){ .life = { .uid = -1 } };
    return fill_domain(&p->domains[p->domain_count++], domain) ? &p->domains[p->domain_count - 1] : NULL;
}

/* A horizon in the store that lies behind what is known to have been handed out is that of a run that could not tell its end. */
static bool append_edition(otr_own_domain *d, const otr_version *v)
{
    otr_edition *e = new_edition(v);

    if (e == NULL)
        return false;
    e->is_stored = true;
    e->owed = v->horizon > v->last ? v->horizon : 0;
    e->next = d->editions;
    d->editions = e;
    if (strcmp(v->id, d->life.serving) == 0)
        d->serving = e;
    return true;
}

static void load_one(void *arg, const otr_published *published)
{
    struct loading *loading = arg;
    otr_own_domain *d = loading->is_short ? NULL : append_domain(loading, published->domain);

    loading->is_short = d == NULL;
    if (d == NULL)
        return;
    d->life = published->life;
    d->has_life = true;
    for (size_t i = 0; i < published->version_count && !loading->is_short; i++)
        loading->is_short = !append_edition(d, &published->versions[i]);
    if (d->serving != NULL && !loading->is_short) /* until the store takes more, this is what may be handed out */
        atomic_store(&d->serving->served.horizon, d->serving->v.horizon);
}

outrider_err otr_publisher_load(otr_publisher *p, outrider_diag *diag)
{
    struct loading loading = { .p = p };
    outrider_err err = otr_store_each_published(p->store, load_one, &loading, diag);
    size_t stored;

    if (err == OUTRIDER_E_SYNTAX) {
        OTR_LOG(OTR_LOG_ERROR, "store.row.unusable", { "error", diag->message },
                { "effect", "an exit clock may be longer than what is shown" });
        err = OUTRIDER_OK;
    }
    stored = p->domain_count; /* sorted; the new ones are put behind them first */
    for (size_t i = 0; err == OUTRIDER_OK && i < p->conf->publish_count && !loading.is_short; i++) {
        const otr_publish_conf *conf = &p->conf->publish[i];
        otr_own_domain *d = find_among(p, stored, conf->domain);

        if (d == NULL)
            d = append_domain(&loading, conf->domain);
        loading.is_short = d == NULL;
        if (d != NULL)
            d->conf = conf;
    }
    if (err == OUTRIDER_OK && loading.is_short)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (p->domain_count > 0)
        qsort(p->domains, p->domain_count, sizeof(p->domains[0]), compare);
    return err;
}

/* What comes next ------------------------------------------------------------------------------------------------ */

/* The edition with this text: one that was there before, or a new one. */
static outrider_err find_edition(otr_own_domain *d, const otr_next *next, const char *text, otr_time now, otr_edition **edition,
                                 outrider_diag *diag)
{
    otr_version v = { .mode = next->mode, .max_age = next->max_age, .since = now, .body = text };
    outrider_err err = otr_publication_id(text, strlen(text), v.id);

    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, "out of memory");
    for (otr_edition *e = d->editions; e != NULL; e = e->next) {
        if (strcmp(e->v.id, v.id) == 0) {
            *edition = e;
            return OUTRIDER_OK;
        }
    }
    *edition = new_edition(&v);
    return *edition != NULL ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
}

/* A policy none says nothing of hosts. */
static outrider_err write_text(const otr_own_domain *d, const otr_next *next, otr_buf *text, outrider_diag *diag)
{
    otr_publication publication = otr_publication_of(d->conf);

    publication.mode = next->mode;
    publication.max_age = next->max_age;
    if (next->mode == OTR_STS_NONE)
        publication.mx_count = 0;
    return otr_publication_text(&publication, text, diag);
}

outrider_err otr_life_plan_make(otr_own_domain *d, const otr_next *next, otr_time now, otr_life_plan *plan, outrider_diag *diag)
{
    otr_life_plan made = { .domain = d, .life = d->life, .edition = d->serving, .held = next->held };
    otr_buf text = OTR_BUF_INIT;
    outrider_err err = OUTRIDER_OK;

    if (*d->host == '\0')
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: the name of its policy host would be too long", d->domain);
    if (!next->is_kept) {
        err = write_text(d, next, &text, diag);
        if (err == OUTRIDER_OK)
            err = find_edition(d, next, otr_buf_text(&text), now, &made.edition, diag);
        otr_buf_clear(&text);
    }
    if (err != OUTRIDER_OK)
        return err;
    if (d->has_life && d->life.phase == OTR_PHASE_RETIRING && next->phase == OTR_PHASE_RETIRED) { /* as somebody wanted it */
        made.life.phase = next->phase;
        made.life.since = now;
    } else if (!d->has_life || next->phase != d->life.phase) {
        made.life = (otr_lifecycle){ .phase = next->phase, .since = now, .uid = -1 };
    }
    memcpy(made.life.serving, made.edition->v.id, sizeof(made.life.serving));
    *plan = made;
    return OUTRIDER_OK;
}

static bool is_of(const otr_own_domain *d, const otr_edition *edition)
{
    for (const otr_edition *e = d->editions; e != NULL; e = e->next)
        if (e == edition)
            return true;
    return false;
}

void otr_life_plan_clear(otr_life_plan *plan)
{
    if (plan->edition != NULL && !is_of(plan->domain, plan->edition))
        free_edition(plan->edition);
    plan->edition = NULL;
}

/* Taking the step ------------------------------------------------------------------------------------------------ */

static void log_step(const otr_life_plan *plan, bool is_new_text)
{
    const otr_own_domain *d = plan->domain;
    const otr_version *v = &plan->edition->v;
    char max_age[16];

    snprintf(max_age, sizeof(max_age), "%u", v->max_age);
    if (is_new_text)
        OTR_LOG(OTR_LOG_NOTICE, "publish.serving", { "domain", d->domain }, { "phase", otr_phase_names[plan->life.phase] },
                { "mode", otr_sts_mode_names[v->mode] }, { "id", v->id }, { "max_age", max_age },
                { "do", "put this id into the TXT record; outrider records shows it" });
    if (plan->held != OTR_HOLD_NOTHING && plan->held != d->held)
        OTR_LOG(OTR_LOG_WARNING, "publish.withheld", { "domain", d->domain }, { "reason", otr_holding_words[plan->held] });
}

static void adopt(otr_life_plan *plan, otr_time now)
{
    otr_own_domain *d = plan->domain;
    otr_edition *e = plan->edition;
    otr_time horizon = otr_edition_horizon(e, now);

    log_step(plan, e != d->serving);
    if (!is_of(d, e)) {
        e->next = d->editions;
        d->editions = e;
    }
    e->is_stored = true;
    e->v.horizon = horizon;
    atomic_store(&e->served.horizon, horizon);
    d->serving = e;
    d->life = plan->life;
    d->has_life = true;
    d->held = plan->held;
    d->fault[0] = '\0';
    plan->edition = NULL;
}

outrider_err otr_life_plans_carry_out(otr_publisher *p, otr_life_plan *plans, size_t count, otr_time now, outrider_diag *diag)
{
    otr_publish_step *steps = calloc(count + 1, sizeof(*steps));
    otr_version *versions = calloc(count + 1, sizeof(*versions));
    outrider_err err = OUTRIDER_E_NOMEM;

    for (size_t i = 0; steps != NULL && versions != NULL && i < count; i++) {
        versions[i] = plans[i].edition->v;
        versions[i].last = otr_edition_last(plans[i].edition);
        versions[i].horizon = otr_edition_horizon(plans[i].edition, now);
        steps[i] = (otr_publish_step){ plans[i].domain->domain, plans[i].life, &versions[i] };
    }
    if (steps != NULL && versions != NULL)
        err = otr_store_put_steps(p->store, steps, count, diag);
    else
        (void)otr_fail(diag, err, "out of memory");
    for (size_t i = 0; err == OUTRIDER_OK && i < count; i++)
        adopt(&plans[i], now);
    free(steps);
    free(versions);
    return err;
}

/* Whatever a domain cannot have, the others get theirs. */
static bool plan_one(otr_own_domain *d, otr_time now, otr_life_plan *plan)
{
    otr_publication configured = otr_publication_of(d->conf);
    otr_next next = otr_lifecycle_next(&configured, d->has_life ? &d->life : NULL, d->serving != NULL ? &d->serving->v : NULL);
    outrider_diag diag = { 0 };

    if (d->has_life && d->life.phase == OTR_PHASE_ENFORCE && next.phase != OTR_PHASE_ENFORCE)
        OTR_LOG(OTR_LOG_ERROR, "publish.withheld", { "domain", d->domain },
                { "reason", "its enforce policy is not in the store any more: testing is served until outrider publish set" });
    if (otr_life_plan_make(d, &next, now, plan, &diag) == OUTRIDER_OK)
        return true;
    if (strcmp(d->fault, diag.message) != 0)
        OTR_LOG(OTR_LOG_ERROR, "publish.refused", { "domain", d->domain }, { "error", diag.message },
                { "effect", d->serving != NULL ? "the policy in service goes on" : "nothing is served for it" });
    memcpy(d->fault, diag.message, sizeof(d->fault));
    return false;
}

outrider_err otr_publisher_catch_up(otr_publisher *p, outrider_diag *diag)
{
    otr_life_plan *plans = calloc(p->domain_count + 1, sizeof(*plans));
    otr_time now = otr_clock_now(p->clock);
    outrider_err err = OUTRIDER_OK;
    size_t count = 0;

    if (plans == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (size_t i = 0; i < p->domain_count; i++)
        if (p->domains[i].conf != NULL && plan_one(&p->domains[i], now, &plans[count]))
            count++;
    if (count > 0)
        err = otr_life_plans_carry_out(p, plans, count, now, diag);
    p->is_behind = err != OUTRIDER_OK;
    for (size_t i = 0; i < count; i++)
        otr_life_plan_clear(&plans[i]);
    free(plans);
    return err;
}

/* The end of retiring --------------------------------------------------------------------------------------------- */

static bool is_over(const otr_own_domain *d, otr_time now)
{
    size_t count = 0;
    otr_version *versions = d->life.phase == OTR_PHASE_RETIRING ? otr_own_versions(d, &count) : NULL;
    bool is_over = versions != NULL && otr_lifecycle_is_over(&d->life, versions, count, now);

    free(versions);
    return is_over;
}

/* The same text goes on: who still asks is told `none`, until the section is taken out of the configuration. */
static outrider_err end_one(otr_publisher *p, otr_own_domain *d, otr_time now, outrider_diag *diag)
{
    otr_publication configured = otr_publication_of(d->conf);
    otr_next next = otr_lifecycle_released(&configured, OTR_PHASE_RETIRED);
    otr_life_plan plan = { .domain = d };
    outrider_err err;

    next.held = configured.mode != OTR_STS_NONE ? OTR_HOLD_RETIRING : OTR_HOLD_NOTHING;
    err = otr_life_plan_make(d, &next, now, &plan, diag);
    if (err == OUTRIDER_OK)
        err = otr_life_plans_carry_out(p, &plan, 1, now, diag);
    otr_life_plan_clear(&plan);
    return err;
}

bool otr_publisher_end_retiring(otr_publisher *p, otr_time now)
{
    bool is_changed = false;

    for (size_t i = 0; i < p->domain_count; i++) {
        otr_own_domain *d = &p->domains[i];
        outrider_diag diag = { 0 };
        outrider_err err;

        if (d->conf == NULL || !is_over(d, now))
            continue;
        err = end_one(p, d, now, &diag);
        otr_publisher_tell_failure(p, "ending a retirement", err, &diag);
        if (err != OUTRIDER_OK)
            return is_changed;
        is_changed = true;
        OTR_LOG(OTR_LOG_NOTICE, "publish.retired", { "domain", d->domain },
                { "do", "remove _mta-sts and mta-sts from DNS, and the section from the configuration" });
    }
    return is_changed;
}

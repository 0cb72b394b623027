/*
 * publisher.c - the publisher's thread: coming, going, mail, and what happens by the clock.
 */
#include "daemon/publish/publisher.h"

#include "base/diag.h"
#include "base/log.h"
#include "daemon/metrics.h"
#include "daemon/publish/inside.h"
#include "daemon/rcu.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Challenges ------------------------------------------------------------------------------------------------------- */

static bool has_challenges(const otr_publisher *p)
{
    return p->conf->policy_host.acme.listen.count > 0 && *p->conf->policy_host.acme_directory != '\0';
}

static void swap(otr_publisher *p)
{
    outrider_diag diag = { 0 };

    if (otr_publisher_swap_site(p, &diag) != OUTRIDER_OK)
        OTR_LOG(OTR_LOG_ERROR, "publish.failed", { "doing", "making the site" }, { "error", diag.message },
                { "effect", "what was shown before is shown" });
}

static void unwatch(otr_publisher *p)
{
    if (p->on_acme != NULL)
        event_free(p->on_acme);
    if (p->acme_fd >= 0)
        close(p->acme_fd);
    p->on_acme = NULL;
    p->acme_fd = -1;
}

static void on_acme(evutil_socket_t fd, short what, void *arg)
{
    otr_publisher *p = arg;
    otr_acme_news news = otr_acme_drain((int)fd);

    (void)what;
    if (news == OTR_ACME_NOTHING)
        return;
    if (news == OTR_ACME_GONE)
        unwatch(p); /* the next tick looks for it again */
    otr_publisher_read_tokens(p);
    swap(p);
}

/* From when it is watched on, nothing that changes is missed. True: the challenges are others. */
static bool watch_challenges(otr_publisher *p)
{
    bool was_failing = p->is_acme_failing;
    outrider_diag diag = { 0 };

    if (!has_challenges(p))
        return false;
    if (p->acme_fd < 0) {
        (void)otr_acme_watch(p->conf->policy_host.acme_directory, &p->acme_fd, &diag); /* reading fails as well then, and tells */
        otr_publisher_read_tokens(p);
        if (p->acme_fd < 0)
            return !was_failing || !p->is_acme_failing; /* it is looked at again and again where it cannot be watched */
    }
    if (p->base != NULL && p->on_acme == NULL) {
        p->on_acme = event_new(p->base, p->acme_fd, EV_READ | EV_PERSIST, on_acme, p);
        if (p->on_acme == NULL || event_add(p->on_acme, NULL) != 0)
            unwatch(p);
    }
    return true;
}

/* By the clock ------------------------------------------------------------------------------------------------------ */

otr_time otr_own_exit(const otr_own_domain *d)
{
    size_t count = 0;
    otr_version *versions = otr_own_versions(d, &count);
    otr_time exit = otr_exit_clock(versions, count);

    free(versions);
    return exit;
}

static void tell_abandoned(const otr_own_domain *d, otr_time now)
{
    otr_time exit = d->conf == NULL ? otr_own_exit(d) : 0;
    char until[OTR_TIME_TEXT];

    if (exit > now)
        OTR_LOG(OTR_LOG_ERROR, "publish.abandoned", { "domain", d->domain }, { "until", otr_time_text(exit, until) },
                { "effect", "senders may hold its enforce policy until then, and cannot learn that it has gone" },
                { "do", "put its section back into the configuration, then outrider publish retire" });
}

static void tell_expiring(const otr_own_domain *d, otr_time now)
{
    otr_time end = d->certificate != NULL ? otr_certificate_not_after(d->certificate) : 0;
    char until[OTR_TIME_TEXT];

    if (end > 0 && end - now < OTR_PUBLISH_WARN_DAYS * (otr_time)OTR_DAY_S)
        OTR_LOG(end <= now ? OTR_LOG_ERROR : OTR_LOG_WARNING, "publish.certificate.expiring", { "domain", d->domain },
                { "not_after", otr_time_text(end, until) },
                { "effect", end <= now ? "it has expired: nobody can fetch this policy" : "after that nobody can fetch this policy" });
}

/* Once a day. */
static void remind(otr_publisher *p, otr_time now)
{
    if (p->told_at != 0 && now - p->told_at < OTR_DAY_S)
        return;
    p->told_at = now;
    for (size_t i = 0; i < p->domain_count; i++) {
        tell_abandoned(&p->domains[i], now);
        tell_expiring(&p->domains[i], now);
    }
}

static bool catch_up(otr_publisher *p)
{
    outrider_diag diag = { 0 };
    outrider_err err;

    if (!p->is_behind)
        return false;
    err = otr_publisher_catch_up(p, &diag);
    otr_publisher_tell_failure(p, "storing what is to be published", err, &diag);
    return err == OUTRIDER_OK;
}

void otr_publisher_beat(otr_publisher *p, otr_time now)
{
    bool is_changed = false;

    otr_publisher_flush(p);
    otr_publisher_extend(p, now);
    is_changed |= catch_up(p);
    is_changed |= otr_publisher_end_retiring(p, now);
    is_changed |= otr_publisher_retry_pairs(p, now);
    if (is_changed)
        swap(p);
    remind(p, now);
    otr_publisher_count(p, now);
    p->beat_at = now + OTR_PUBLISH_BEAT_S;
}

/* After a machine has slept the beat is late, and the horizon may have passed. */
static bool is_urgent(const otr_publisher *p, otr_time now)
{
    for (size_t i = 0; i < p->domain_count; i++)
        if (p->domains[i].conf != NULL && p->domains[i].serving != NULL &&
            p->domains[i].serving->v.horizon - now < OTR_PUBLISH_HORIZON_S / 4)
            return !p->is_failing;
    return false;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    otr_publisher *p = arg;
    otr_time now = otr_clock_now(p->clock);
    bool is_changed = otr_publisher_look_at_pairs(p, false, now);

    (void)fd;
    (void)what;
    if (p->acme_fd < 0 || p->on_acme == NULL)
        is_changed |= watch_challenges(p);
    if (is_changed || p->is_site_old) {
        swap(p);
        otr_publisher_count(p, now);
    }
    if (now >= p->beat_at || is_urgent(p, now))
        otr_publisher_beat(p, now);
}

/* Coming ------------------------------------------------------------------------------------------------------------ */

static outrider_err set_up(otr_publisher *p, outrider_diag *diag)
{
    otr_time now = otr_clock_now(p->clock);
    outrider_err err = otr_publisher_load(p, diag);

    if (err == OUTRIDER_OK)
        err = otr_publisher_pair_up(p, diag);
    if (err != OUTRIDER_OK)
        return err;
    err = otr_publisher_catch_up(p, diag);
    if (err == OUTRIDER_E_NOMEM)
        return err;
    otr_publisher_tell_failure(p, "storing what is to be published", err, diag);
    (void)otr_publisher_end_retiring(p, now);
    (void)otr_publisher_look_at_pairs(p, true, now);
    (void)watch_challenges(p);
    remind(p, now);
    otr_publisher_count(p, now);
    p->beat_at = now + OTR_PUBLISH_BEAT_S;
    return otr_publisher_swap_site(p, diag);
}

outrider_err otr_publisher_new(const otr_conf *conf, otr_store *store, otr_clock *clock, otr_publisher **publisher, outrider_diag *diag)
{
    otr_publisher *p = calloc(1, sizeof(*p));
    outrider_err err = OUTRIDER_E_NOMEM;

    if (p == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    p->conf = conf;
    p->store = store;
    p->clock = clock;
    p->acme_fd = -1;
    otr_snapshot_init(&p->site);
    atomic_init(&p->is_stopping, false);
    p->tally = otr_tally_new();
    err = p->tally != NULL ? set_up(p, diag) : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (err == OUTRIDER_OK)
        *publisher = p;
    else
        otr_publisher_free(p);
    return err;
}

otr_snapshot *otr_publisher_site(otr_publisher *p)
{
    return &p->site;
}

/* Mail -------------------------------------------------------------------------------------------------------------- */

static void take_mail(void *arg, otr_mail *mail)
{
    otr_publisher *p = arg;
    otr_tally *tally;

    switch (mail->kind) {
    case OTR_MAIL_JOB:
        otr_publisher_do(p, caa_container_of(mail, otr_job, mail));
        break;
    case OTR_MAIL_TALLY:
        tally = caa_container_of(mail, otr_tally, mail);
        otr_tally_merge(p->tally, tally);
        otr_tally_free(tally);
        break;
    case OTR_MAIL_TICKET: /* these are never sent here */
    case OTR_MAIL_TOLD:
    case OTR_MAIL_SWAP:
    case OTR_MAIL_PREVIEW:
    case OTR_MAIL_SHARE:
    case OTR_MAIL_SHARED:
    case OTR_MAIL_LEASE:
    case OTR_MAIL_SETTLEMENT:
        break;
    }
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    otr_publisher *p = arg;

    (void)fd;
    (void)what;
    otr_mailbox_take(&p->box, take_mail, p);
    if (atomic_load(&p->is_stopping))
        event_base_loopbreak(p->base);
}

void otr_publisher_submit(otr_publisher *p, otr_job *job)
{
    otr_mailbox_post(&p->box, &job->mail);
}

void otr_publisher_tell(otr_publisher *p, otr_tally *tally)
{
    otr_mailbox_post(&p->box, &tally->mail);
}

/* The thread -------------------------------------------------------------------------------------------------------- */

static void *run(void *arg)
{
    otr_publisher *p = arg;

    urcu_memb_register_thread();
    otr_metrics_enter();
    event_base_dispatch(p->base);
    urcu_memb_unregister_thread();
    return NULL;
}

outrider_err otr_publisher_start(otr_publisher *p, outrider_diag *diag)
{
    struct timeval every = { .tv_sec = OTR_PUBLISH_TICK_S };
    outrider_err err = otr_mailbox_init(&p->box, diag);
    int failed;

    if (err != OUTRIDER_OK)
        return err;
    p->has_box = true;
    p->base = event_base_new();
    if (p->base != NULL) {
        p->on_mail = event_new(p->base, p->box.fd, EV_READ | EV_PERSIST, on_mail, p);
        p->tick = event_new(p->base, -1, EV_PERSIST, on_tick, p);
    }
    if (p->on_mail == NULL || event_add(p->on_mail, NULL) != 0 || p->tick == NULL || event_add(p->tick, &every) != 0)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    (void)watch_challenges(p);
    failed = pthread_create(&p->thread, NULL, run, p);
    if (failed != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "cannot start a thread: %s", strerror(failed));
    p->is_running = true;
    return OUTRIDER_OK;
}

/* Whoever asked has gone. */
static void take_last_mail(void *arg, otr_mail *mail)
{
    if (mail->kind == OTR_MAIL_JOB)
        otr_job_free(caa_container_of(mail, otr_job, mail));
    else
        take_mail(arg, mail);
}

void otr_publisher_stop(otr_publisher *p)
{
    if (p == NULL)
        return;
    if (p->is_running) {
        atomic_store(&p->is_stopping, true);
        otr_mailbox_wake(&p->box);
        pthread_join(p->thread, NULL);
        p->is_running = false;
    }
    if (p->has_box)
        otr_mailbox_take(&p->box, take_last_mail, p);
    otr_publisher_settle(p);
}

static void free_domain(otr_own_domain *d)
{
    otr_edition *e;

    while ((e = d->editions) != NULL) {
        d->editions = e->next;
        free(e->body);
        free(e);
    }
    otr_certificate_free(d->certificate);
    free(d->domain);
    free(d->host);
}

void otr_publisher_free(otr_publisher *p)
{
    if (p == NULL)
        return;
    if (p->has_box) {
        otr_mailbox_take(&p->box, take_last_mail, p);
        otr_mailbox_clear(&p->box);
    }
    unwatch(p);
    if (p->tick != NULL)
        event_free(p->tick);
    if (p->on_mail != NULL)
        event_free(p->on_mail);
    if (p->base != NULL)
        event_base_free(p->base);
    otr_snapshot_clear(&p->site);
    if (p->tokens_arena != NULL)
        otr_arena_free(p->tokens_arena);
    for (size_t i = 0; i < p->domain_count; i++)
        free_domain(&p->domains[i]);
    for (size_t i = 0; i < p->pair_count; i++)
        otr_certificate_free(p->pairs[i].certificate);
    free(p->domains);
    free(p->pairs);
    otr_tally_free(p->tally);
    free(p);
}

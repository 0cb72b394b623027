/*
 * keeper.c - the keeper's thread: coming, going, mail, and what happens by the clock. One change at a time; what comes
 * meanwhile waits in the order in which it came, but what has ended goes first.
 */
#include "daemon/keeper/keeper.h"

#include "base/diag.h"
#include "base/log.h"
#include "daemon/anchor_files.h"
#include "daemon/keeper/inside.h"
#include "daemon/metrics.h"
#include "daemon/rcu.h"
#include "store/store_trust.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_S 2       /* ends of exceptions, a look at the files of the rules */
#define TEND_S 86400   /* anchor files are touched, and old ones removed */

/* Coming ------------------------------------------------------------------------------------------------------- */

outrider_err otr_keeper_new(const otr_conf *conf, otr_keeper **made, outrider_diag *diag)
{
    otr_keeper *keeper = calloc(1, sizeof(*keeper));
    outrider_err err = OUTRIDER_OK;

    if (keeper == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    keeper->conf = conf;
    keeper->folders = otr_conf_anchor_folders(conf);
    STAILQ_INIT(&keeper->queue);
    STAILQ_INIT(&keeper->shared);
    atomic_init(&keeper->is_stopping, false);
    keeper->watch = otr_bundle_watch_new(conf); /* first: what changes while it is read has changed */
    if (keeper->watch == NULL)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    if (err == OUTRIDER_OK)
        err = otr_rule_book_read(conf, &keeper->book, diag);
    for (size_t i = 0; err == OUTRIDER_OK && i < keeper->folders.count; i++)
        err = otr_anchor_files_prepare(keeper->folders.list[i], conf->user, diag);
    if (err == OUTRIDER_OK)
        *made = keeper;
    else
        otr_keeper_free(keeper);
    return err;
}

struct loading {
    otr_exceptions in_force, ended;
    otr_time now;
    outrider_err err;
};

static void load_one(void *arg, const otr_exception *e)
{
    struct loading *loading = arg;
    outrider_err err = otr_exceptions_insert(loading->now < e->until ? &loading->in_force : &loading->ended, e);

    if (err != OUTRIDER_OK)
        loading->err = err;
}

/* Those that ended while nobody looked are told of now. */
static void forget_ended(const otr_keeper *keeper, const otr_exceptions *ended)
{
    outrider_diag diag;

    for (size_t i = 0; i < ended->count; i++)
        otr_log_exception("trust.expired", &ended->list[i], -1);
    if (ended->count > 0 && otr_store_drop_exceptions(keeper->store, ended->list, ended->count, &diag) != OUTRIDER_OK)
        OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", "removing exceptions that have ended" }, { "error", diag.message });
}

static outrider_err load_exceptions(otr_keeper *keeper, outrider_diag *diag)
{
    struct loading loading = { .now = otr_clock_now(keeper->clock) };
    outrider_err err = otr_store_each_exception(keeper->store, load_one, &loading, diag);

    if (err == OUTRIDER_E_SYNTAX) {
        OTR_LOG(OTR_LOG_ERROR, "store.row.unusable", { "error", diag->message });
        err = OUTRIDER_OK;
    }
    if (err == OUTRIDER_OK && loading.err != OUTRIDER_OK)
        err = otr_fail(diag, loading.err, "out of memory");
    if (err == OUTRIDER_OK)
        forget_ended(keeper, &loading.ended);
    keeper->exceptions = loading.in_force;
    otr_exceptions_clear(&loading.ended);
    return err;
}

static outrider_err write_all_files(const otr_keeper *keeper, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;

    for (size_t i = 0; err == OUTRIDER_OK && i < keeper->folders.count; i++)
        err = otr_anchor_files_write_none(keeper->folders.list[i], diag);
    return err == OUTRIDER_OK ? otr_anchor_files_add(&keeper->folders, keeper->trust->anchors, NULL, diag) : err;
}

/* Files of what is in force are touched, or written again where somebody has removed them; old ones go. */
static void tend_files(otr_keeper *keeper)
{
    otr_time now = (otr_time)time(NULL);
    outrider_diag diag = { 0 };
    size_t removed = 0;
    char count[24];

    if (keeper->change != NULL || (now < keeper->tended_at && !keeper->lacks_files))
        return;
    if (otr_anchor_files_tend(&keeper->folders, keeper->trust->anchors, &diag) != OUTRIDER_OK) {
        if (!keeper->lacks_files)
            OTR_LOG(OTR_LOG_ERROR, "trust.files.failed", { "error", diag.message },
                    { "effect", "mail that needs a missing file waits until it can be written" });
        keeper->lacks_files = true;
        return;
    }
    if (keeper->lacks_files)
        OTR_LOG(OTR_LOG_NOTICE, "trust.files.written", { "effect", "no anchor file is missing any more" });
    keeper->lacks_files = false;
    keeper->tended_at = now + TEND_S;
    for (size_t i = 0; i < keeper->folders.count; i++)
        removed += otr_anchor_files_sweep(keeper->folders.list[i], keeper->trust->anchors, now);
    snprintf(count, sizeof(count), "%zu", removed);
    if (removed > 0)
        OTR_LOG(OTR_LOG_INFO, "trust.files.removed", { "files", count });
}

outrider_err otr_keeper_open(otr_keeper *keeper, otr_store *store, otr_clock *clock, outrider_diag *diag)
{
    otr_anchors *anchors = NULL;
    outrider_err err;

    keeper->store = store;
    keeper->clock = clock;
    err = load_exceptions(keeper, diag);
    if (err == OUTRIDER_OK)
        err = otr_rule_book_compile(keeper->book, keeper->exceptions.list, keeper->exceptions.count, otr_clock_now(clock), NULL,
                                    &anchors, diag);
    if (err != OUTRIDER_OK)
        return err;
    keeper->trust = otr_trust_new(anchors, 0, keeper->exceptions.list, keeper->exceptions.count);
    if (keeper->trust == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    otr_keeper_count(keeper);
    err = write_all_files(keeper, diag);
    if (err == OUTRIDER_OK)
        tend_files(keeper);
    return err;
}

otr_trust *otr_keeper_trust(const otr_keeper *keeper)
{
    return keeper->trust;
}

/* By the clock --------------------------------------------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    otr_keeper *keeper = arg;

    (void)fd;
    (void)what;
    otr_keeper_look_at_files(keeper);
    otr_keeper_go_on(keeper);
    tend_files(keeper);
}

/* Mail ----------------------------------------------------------------------------------------------------------- */

void otr_keeper_go_on(otr_keeper *keeper)
{
    while (keeper->change == NULL) {
        otr_job *job = STAILQ_FIRST(&keeper->queue);

        if (otr_keeper_expire(keeper) || otr_keeper_renew(keeper) || otr_keeper_take_shared(keeper))
            return;
        if (job == NULL)
            return;
        STAILQ_REMOVE_HEAD(&keeper->queue, in_queue);
        otr_keeper_do(keeper, job);
    }
}

static void take_mail(void *arg, otr_mail *mail)
{
    otr_keeper *keeper = arg;
    otr_shared *shared;
    otr_swap *swap;
    otr_job *job;

    switch (mail->kind) {
    case OTR_MAIL_JOB:
        job = caa_container_of(mail, otr_job, mail);
        STAILQ_INSERT_TAIL(&keeper->queue, job, in_queue);
        break;
    case OTR_MAIL_SWAP:
        swap = caa_container_of(mail, otr_swap, mail);
        otr_change_acknowledged(keeper, swap);
        otr_swap_free(swap);
        break;
    case OTR_MAIL_SHARED:
        shared = caa_container_of(mail, otr_shared, mail);
        STAILQ_INSERT_TAIL(&keeper->shared, shared, in_queue);
        break;
    case OTR_MAIL_PREVIEW:
        otr_keeper_previewed(keeper);
        break;
    case OTR_MAIL_TICKET: /* these are never sent here */
    case OTR_MAIL_TOLD:
    case OTR_MAIL_TALLY:
    case OTR_MAIL_SHARE:
    case OTR_MAIL_LEASE:
    case OTR_MAIL_SETTLEMENT:
        break;
    }
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    otr_keeper *keeper = arg;

    (void)fd;
    (void)what;
    if (atomic_load(&keeper->is_stopping)) {
        event_base_loopbreak(keeper->base);
        return;
    }
    otr_mailbox_take(&keeper->box, take_mail, keeper);
    otr_keeper_go_on(keeper);
}

void otr_keeper_join(otr_keeper *keeper, otr_fleet *fleet)
{
    keeper->fleet = fleet;
}

void otr_keeper_take(otr_keeper *keeper, otr_shared *shared)
{
    otr_mailbox_post(&keeper->box, &shared->mail);
}

void otr_keeper_submit(otr_keeper *keeper, otr_job *job)
{
    otr_mailbox_post(&keeper->box, &job->mail);
}

/* The thread ------------------------------------------------------------------------------------------------------ */

static void *run(void *arg)
{
    otr_keeper *keeper = arg;

    urcu_memb_register_thread();
    otr_metrics_enter();
    event_base_dispatch(keeper->base);
    urcu_memb_unregister_thread();
    return NULL;
}

static outrider_err make_events(otr_keeper *keeper, outrider_diag *diag)
{
    struct timeval every = { .tv_sec = TICK_S };
    outrider_err err = otr_mailbox_init(&keeper->box, diag);

    if (err != OUTRIDER_OK)
        return err;
    keeper->has_box = true;
    keeper->base = event_base_new();
    if (keeper->base != NULL) {
        keeper->on_mail = event_new(keeper->base, keeper->box.fd, EV_READ | EV_PERSIST, on_mail, keeper);
        keeper->tick = event_new(keeper->base, -1, EV_PERSIST, on_tick, keeper);
    }
    if (keeper->on_mail == NULL || event_add(keeper->on_mail, NULL) != 0 || keeper->tick == NULL ||
        event_add(keeper->tick, &every) != 0)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    return OUTRIDER_OK;
}

outrider_err otr_keeper_start(otr_keeper *keeper, otr_worker *const *workers, size_t count, outrider_diag *diag)
{
    outrider_err err = make_events(keeper, diag);
    int failed;

    if (err != OUTRIDER_OK)
        return err;
    keeper->workers = workers;
    keeper->worker_count = count;
    failed = pthread_create(&keeper->thread, NULL, run, keeper);
    if (failed != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "cannot start a thread: %s", strerror(failed));
    keeper->is_running = true;
    return OUTRIDER_OK;
}

void otr_keeper_stop(otr_keeper *keeper)
{
    if (keeper == NULL || !keeper->is_running)
        return;
    atomic_store(&keeper->is_stopping, true);
    otr_mailbox_wake(&keeper->box);
    pthread_join(keeper->thread, NULL);
    keeper->is_running = false;
    otr_preview_stop(keeper->preview); /* it reads the store, which is closed next */
}

/* A preview is part of its mail, and belongs to the keeper. */
static void drop_mail(void *arg, otr_mail *mail)
{
    (void)arg;
    if (mail->kind == OTR_MAIL_JOB)
        otr_job_free(caa_container_of(mail, otr_job, mail));
    else if (mail->kind == OTR_MAIL_SHARED)
        otr_shared_free(caa_container_of(mail, otr_shared, mail));
    else if (mail->kind == OTR_MAIL_SWAP)
        otr_swap_free(caa_container_of(mail, otr_swap, mail));
}

void otr_keeper_free(otr_keeper *keeper)
{
    otr_shared *shared;
    otr_job *job;

    if (keeper == NULL)
        return;
    if (keeper->has_box) {
        otr_mailbox_take(&keeper->box, drop_mail, NULL);
        otr_mailbox_clear(&keeper->box);
    }
    while ((job = STAILQ_FIRST(&keeper->queue)) != NULL) {
        STAILQ_REMOVE_HEAD(&keeper->queue, in_queue);
        otr_job_free(job);
    }
    while ((shared = STAILQ_FIRST(&keeper->shared)) != NULL) {
        STAILQ_REMOVE_HEAD(&keeper->shared, in_queue);
        otr_shared_free(shared);
    }
    otr_preview_free(keeper->preview);
    otr_change_free(keeper->change);
    if (keeper->tick != NULL)
        event_free(keeper->tick);
    if (keeper->on_mail != NULL)
        event_free(keeper->on_mail);
    if (keeper->base != NULL)
        event_base_free(keeper->base);
    otr_rule_book_free(keeper->next_book);
    otr_rule_book_free(keeper->book);
    otr_bundle_watch_free(keeper->watch);
    otr_exceptions_clear(&keeper->exceptions);
    otr_trust_unref(keeper->trust);
    free(keeper);
}

/* Numbers ---------------------------------------------------------------------------------------------------------- */

void otr_keeper_count(otr_keeper *keeper)
{
    atomic_store_explicit(&keeper->counts.exceptions, keeper->exceptions.count, memory_order_relaxed);
    atomic_store_explicit(&keeper->counts.roots, otr_anchors_for(keeper->trust->anchors, "")->count, memory_order_relaxed);
}

otr_keeper_stats otr_keeper_look(const otr_keeper *keeper)
{
    const otr_keeper_counts *counts = &keeper->counts;
    otr_keeper_stats stats = {
        .exceptions = atomic_load_explicit(&counts->exceptions, memory_order_relaxed),
        .roots = atomic_load_explicit(&counts->roots, memory_order_relaxed),
        .changed_at = atomic_load_explicit(&counts->changed_at, memory_order_relaxed),
        .files_changed_at = atomic_load_explicit(&counts->files_changed_at, memory_order_relaxed),
    };

    for (int class = 0; class < OTR_EFFECT_COUNT; class++)
        stats.affected[class] = atomic_load_explicit(&counts->affected[class], memory_order_relaxed);
    return stats;
}

/*
 * fleet.c - the fleet's thread: coming, going, mail, and what happens by the clock.
 */
#include "daemon/fleet/inside.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/log.h"
#include "daemon/control_reply.h"
#include "daemon/metrics.h"
#include "daemon/rcu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* By the clock ----------------------------------------------------------------------------------------------------------- */

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    otr_fleet *fleet = arg;

    (void)fd;
    (void)what;
    if (otr_link_look(fleet->commands) != OTR_LINK_UP)
        return;
    otr_lease_renew_all(fleet);
    if (++fleet->beats % OTR_FLEET_BEAT_S == 0)
        otr_members_beat(fleet);
    if (otr_monotonic_recent_ms() >= fleet->compare_after_ms || (fleet->pull.has_lost && fleet->beats % 60 == 0)) {
        fleet->compare_after_ms = otr_monotonic_recent_ms() + OTR_FLEET_COMPARE_S * 1000;
        otr_pull_begin(fleet, true);
    }
}

/* Mail ------------------------------------------------------------------------------------------------------------------- */

typedef struct otr_share {
    otr_mail mail; /* first */
    otr_offer *offer; /* owned */
} otr_share;

void otr_fleet_share(otr_fleet *fleet, otr_fleet_record *record)
{
    otr_share *share = fleet != NULL ? calloc(1, sizeof(*share)) : NULL;

    if (share != NULL)
        share->offer = otr_offer_new(record);
    otr_fleet_record_clear(record);
    if (share == NULL || share->offer == NULL) {
        free(share); /* short of memory: the next comparison finds it */
        return;
    }
    share->mail.kind = OTR_MAIL_SHARE;
    otr_mailbox_post(&fleet->box, &share->mail);
}

static void drop_share(otr_share *share)
{
    otr_offer_free(share->offer);
    free(share);
}

static void do_job(const otr_fleet *fleet, otr_job *job)
{
    job->reply = otr_members_describe(fleet);
    otr_job_return(job);
}

static void take_mail(void *arg, otr_mail *mail)
{
    otr_fleet *fleet = arg;
    otr_share *share;

    switch (mail->kind) {
    case OTR_MAIL_SHARE:
        share = caa_container_of(mail, otr_share, mail);
        otr_fleet_offer(fleet, share->offer);
        drop_share(share);
        break;
    case OTR_MAIL_SHARED:
        otr_pull_acknowledged(fleet, caa_container_of(mail, otr_shared, mail));
        break;
    case OTR_MAIL_LEASE:
        otr_lease_do(fleet, caa_container_of(mail, otr_lease, mail));
        break;
    case OTR_MAIL_SETTLEMENT:
        otr_settlement_do(fleet, otr_settlement_of(mail));
        break;
    case OTR_MAIL_JOB:
        do_job(fleet, caa_container_of(mail, otr_job, mail));
        break;
    case OTR_MAIL_TICKET: /* these are never sent here */
    case OTR_MAIL_TOLD:
    case OTR_MAIL_SWAP:
    case OTR_MAIL_PREVIEW:
    case OTR_MAIL_TALLY:
        break;
    }
}

static void drop_mail(void *arg, otr_mail *mail)
{
    (void)arg;
    if (mail->kind == OTR_MAIL_SHARE)
        drop_share(caa_container_of(mail, otr_share, mail));
    else if (mail->kind == OTR_MAIL_SHARED)
        otr_shared_free(caa_container_of(mail, otr_shared, mail));
    else if (mail->kind == OTR_MAIL_LEASE)
        otr_lease_free(caa_container_of(mail, otr_lease, mail));
    else if (mail->kind == OTR_MAIL_SETTLEMENT)
        otr_settlement_free(otr_settlement_of(mail));
    else if (mail->kind == OTR_MAIL_JOB)
        otr_job_free(caa_container_of(mail, otr_job, mail));
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    otr_fleet *fleet = arg;

    (void)fd;
    (void)what;
    if (atomic_load(&fleet->is_stopping))
        event_base_loopbreak(fleet->base);
    else
        otr_mailbox_take(&fleet->box, take_mail, fleet);
}

void otr_fleet_submit(otr_fleet *fleet, otr_job *job)
{
    if (fleet != NULL) {
        otr_mailbox_post(&fleet->box, &job->mail);
        return;
    }
    job->reply = otr_control_refusal(OUTRIDER_E_CONFIG, "there is no fleet: store in outrider.conf is no redis:// URL");
    otr_job_return(job);
}

/* The thread --------------------------------------------------------------------------------------------------------------- */

static void *run(void *arg)
{
    otr_fleet *fleet = arg;

    urcu_memb_register_thread();
    otr_metrics_enter();
    event_base_dispatch(fleet->base);
    event_del(fleet->on_mail);
    event_del(fleet->beat);
    otr_link_free(fleet->news); /* here, as their questions belong to this thread */
    otr_link_free(fleet->commands);
    fleet->news = NULL;
    fleet->commands = NULL;
    urcu_memb_unregister_thread();
    return NULL;
}

/* Of this machine, with what no name may have as "-". */
static void take_host_name(char name[OTR_FLEET_MEMBER_SIZE])
{
    if (gethostname(name, OTR_FLEET_MEMBER_SIZE) != 0)
        name[0] = '\0';
    name[OTR_FLEET_MEMBER_SIZE - 1] = '\0';
    for (char *at = name; *at != '\0'; at++)
        if (!otr_is_alnum(*at) && strchr("-._", *at) == NULL)
            *at = '-';
    if (name[0] == '\0')
        strcpy(name, "unnamed");
}

static outrider_err name_ourselves(otr_fleet *fleet, outrider_diag *diag)
{
    unsigned char random[16];

    if (*fleet->conf->fleet.name != '\0')
        snprintf(fleet->member, sizeof(fleet->member), "%s", fleet->conf->fleet.name);
    else
        take_host_name(fleet->member);
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return otr_fail(diag, OUTRIDER_E_IO, "getrandom: %s", strerror(errno));
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(fleet->run + 2 * i, 3, "%02x", random[i]);
    return OUTRIDER_OK;
}

outrider_err otr_fleet_new(const otr_conf *conf, otr_fleet **made, outrider_diag *diag)
{
    otr_fleet *fleet = calloc(1, sizeof(*fleet));
    outrider_err err;

    if (fleet == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    fleet->conf = conf;
    fleet->settings = (otr_link_settings){ &conf->fleet.url, conf->fleet.password_file, conf->fleet.ca };
    TAILQ_INIT(&fleet->held);
    STAILQ_INIT(&fleet->push.offers);
    STAILQ_INIT(&fleet->push.asked);
    err = otr_mailbox_init(&fleet->box, diag);
    if (err != OUTRIDER_OK) {
        free(fleet);
        return err;
    }
    err = name_ourselves(fleet, diag);
    if (err == OUTRIDER_OK)
        *made = fleet;
    else
        otr_fleet_free(fleet);
    return err;
}

outrider_err otr_fleet_start(otr_fleet *fleet, const otr_fleet_parts *parts, outrider_diag *diag)
{
    struct timeval second = { .tv_sec = 1 };
    int failed;

    fleet->parts = *parts;
    fleet->base = event_base_new();
    if (fleet->base != NULL) {
        fleet->on_mail = event_new(fleet->base, fleet->box.fd, EV_READ | EV_PERSIST, on_mail, fleet);
        fleet->beat = event_new(fleet->base, -1, EV_PERSIST, on_beat, fleet);
    }
    if (fleet->on_mail == NULL || event_add(fleet->on_mail, NULL) != 0 || fleet->beat == NULL ||
        event_add(fleet->beat, &second) != 0 || otr_fleet_connect(fleet) != OUTRIDER_OK)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    failed = pthread_create(&fleet->thread, NULL, run, fleet);
    if (failed != 0)
        return otr_fail(diag, OUTRIDER_E_IO, "cannot start a thread: %s", strerror(failed));
    fleet->is_running = true;
    return OUTRIDER_OK;
}

void otr_fleet_stop(otr_fleet *fleet)
{
    if (fleet == NULL || !fleet->is_running)
        return;
    atomic_store(&fleet->is_stopping, true);
    otr_mailbox_wake(&fleet->box);
    pthread_join(fleet->thread, NULL);
    fleet->is_running = false;
    atomic_store(&fleet->shown.is_up, false);
}

void otr_fleet_free(otr_fleet *fleet)
{
    if (fleet == NULL)
        return;
    otr_link_free(fleet->news);
    otr_link_free(fleet->commands);
    otr_mailbox_take(&fleet->box, drop_mail, NULL);
    otr_mailbox_clear(&fleet->box);
    otr_push_clear(fleet);
    otr_lease_drop_all(fleet);
    if (fleet->on_mail != NULL)
        event_free(fleet->on_mail);
    if (fleet->beat != NULL)
        event_free(fleet->beat);
    if (fleet->base != NULL)
        event_base_free(fleet->base);
    free(fleet);
}

outrider_err otr_fleet_check(const otr_conf *conf, outrider_diag *diag)
{
    const char *path = conf->fleet.password_file;

    if (conf->fleet.is_on && *path != '\0' && access(path, R_OK) != 0)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "password_file: %.150s: %s", path, strerror(errno));
    return OUTRIDER_OK;
}

/* Looking on ---------------------------------------------------------------------------------------------------------------- */

const char *otr_fleet_member(const otr_fleet *fleet)
{
    return fleet != NULL ? fleet->member : "";
}

bool otr_fleet_is_up(const otr_fleet *fleet)
{
    return fleet != NULL && atomic_load_explicit(&fleet->shown.is_up, memory_order_relaxed);
}

otr_fleet_stats otr_fleet_look(const otr_fleet *fleet)
{
    if (fleet == NULL)
        return (otr_fleet_stats){ 0 };
    return (otr_fleet_stats){ .is_on = true, .is_up = otr_fleet_is_up(fleet),
                              .members = atomic_load_explicit(&fleet->shown.members, memory_order_relaxed),
                              .synced_at = atomic_load_explicit(&fleet->shown.synced_at, memory_order_relaxed) };
}

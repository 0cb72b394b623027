/*
 * lease.c - one fetch of a policy for the whole fleet: who may do it, that he still does, and what came of it.
 *
 * A lease that nobody renews ends after 3 s: with the member that held it, or with its way to Redis. A fetch that fails leaves a mark;
 * two of them, of two members, count for all until the back-off is over: fifty hosts do not ask a policy host that is down,
 * and one host whose own network is broken does not speak for the others.
 */
#include "daemon/fleet/inside.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void otr_lease_free(otr_lease *lease)
{
    if (lease == NULL)
        return;
    free(lease->record);
    free(lease);
}

/* Asking --------------------------------------------------------------------------------------------------------------- */

static void answer(otr_lease *lease, otr_lease_answer what)
{
    lease->answer = what;
    otr_mailbox_post(lease->reply_to, &lease->mail);
}

static void hold(otr_fleet *fleet, const otr_lease *lease)
{
    otr_held_lease *held = calloc(1, sizeof(*held));

    if (held == NULL)
        return; /* it ends in 3 s, and another member may fetch besides */
    memcpy(held->domain, lease->domain, sizeof(held->domain));
    memcpy(held->token, lease->token, sizeof(held->token));
    held->ends_ms = otr_monotonic_recent_ms() + OTR_FLEET_LEASE_MOST_MS;
    TAILQ_INSERT_TAIL(&fleet->held, held, next);
}

static void take_failure(otr_lease *lease, const char *failure, const char *error)
{
    lease->failure = OTR_STS_FETCH_ERROR;
    for (int i = OTR_STS_FETCH_ERROR; i <= OTR_STS_WEBPKI_INVALID; i++)
        if (strcmp(failure, otr_sts_failure_names[i]) == 0)
            lease->failure = (otr_sts_failure)i;
    snprintf(lease->error, sizeof(lease->error), "%s", error); /* it is cleaned where it is used */
}

static bool take_record(otr_lease *lease, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING || reply->len > OTR_FLEET_RECORD_MAX)
        return false;
    lease->record = malloc((size_t)reply->len + 1);
    if (lease->record == NULL)
        return false;
    memcpy(lease->record, reply->str, (size_t)reply->len);
    lease->record_len = (size_t)reply->len;
    return true;
}

static otr_lease_answer read_answer(otr_lease *lease, const redisReply *reply)
{
    const char *word;

    if (!otr_fleet_is_status(reply, REDIS_REPLY_ARRAY) || reply->elements < 1 || reply->element[0]->type != REDIS_REPLY_STRING)
        return OTR_LEASE_LOST;
    word = reply->element[0]->str;
    if (strcmp(word, "granted") == 0)
        return OTR_LEASE_GRANTED;
    if (strcmp(word, "held") == 0)
        return OTR_LEASE_HELD;
    if (strcmp(word, "record") == 0 && reply->elements == 2 && take_record(lease, reply->element[1]))
        return OTR_LEASE_RECORD;
    if (strcmp(word, "failed") == 0 && reply->elements == 3 && reply->element[1]->type == REDIS_REPLY_STRING &&
        reply->element[2]->type == REDIS_REPLY_STRING) {
        take_failure(lease, reply->element[1]->str, reply->element[2]->str);
        return OTR_LEASE_FAILED;
    }
    return OTR_LEASE_LOST;
}

struct asking {
    otr_fleet *fleet;
    otr_lease *lease;
};

static void on_lease(void *arg, const redisReply *reply)
{
    struct asking *asking = arg;
    otr_lease_answer what = read_answer(asking->lease, reply);

    if (what == OTR_LEASE_GRANTED)
        hold(asking->fleet, asking->lease);
    answer(asking->lease, what);
    free(asking);
}

void otr_lease_do(otr_fleet *fleet, otr_lease *lease)
{
    struct asking *asking = calloc(1, sizeof(*asking));

    if (asking == NULL) {
        answer(lease, OTR_LEASE_LOST);
        return;
    }
    *asking = (struct asking){ fleet, lease };
    snprintf(lease->token, sizeof(lease->token), "%s/%s/%" PRIu64, fleet->member, fleet->run, ++fleet->tokens);
    if (!otr_fleet_ask_lease(fleet, lease, on_lease, asking)) {
        free(asking);
        answer(lease, OTR_LEASE_LOST);
    }
}

void otr_fleet_ask(otr_fleet *fleet, otr_lease *lease)
{
    lease->mail.kind = OTR_MAIL_LEASE;
    otr_mailbox_post(&fleet->box, &lease->mail);
}

/* Settling ------------------------------------------------------------------------------------------------------------- */

struct otr_settlement {
    otr_mail mail; /* first */
    char domain[OTR_DOMAIN_SIZE];
    char token[OTR_LEASE_TOKEN_SIZE];
    char id[OTR_STS_ID_MAX + 1];
    otr_settled settled;
    otr_sts_failure failure;
    char error[OTR_STS_ERROR_SIZE];
    otr_offer *offer; /* owned; DONE: what was fetched, if it is to be kept */
};

struct otr_settlement *otr_settlement_of(otr_mail *mail)
{
    return caa_container_of(mail, struct otr_settlement, mail);
}

void otr_settlement_free(struct otr_settlement *settlement)
{
    otr_offer_free(settlement->offer);
    free(settlement);
}

void otr_fleet_settle(otr_fleet *fleet, const char *domain, const char *token, const char *id, otr_settled settled,
                      const otr_sts_entry *entry)
{
    struct otr_settlement *s = calloc(1, sizeof(*s));
    otr_fleet_record record = { 0 };

    if (s == NULL)
        return; /* the lease ends by itself */
    s->mail.kind = OTR_MAIL_SETTLEMENT;
    snprintf(s->domain, sizeof(s->domain), "%s", domain);
    snprintf(s->token, sizeof(s->token), "%s", token);
    snprintf(s->id, sizeof(s->id), "%s", id);
    s->settled = settled;
    if (settled == OTR_SETTLED_FAILED) {
        s->failure = entry->failure;
        memcpy(s->error, entry->error, sizeof(s->error));
    }
    if (settled == OTR_SETTLED_DONE && otr_fleet_record_of_entry(&record, entry, fleet->member))
        s->offer = otr_offer_new(&record);
    otr_fleet_record_clear(&record);
    otr_mailbox_post(&fleet->box, &s->mail);
}

static void let_go(otr_fleet *fleet, const char *token)
{
    otr_held_lease *held;

    TAILQ_FOREACH(held, &fleet->held, next)
        if (strcmp(held->token, token) == 0) {
            TAILQ_REMOVE(&fleet->held, held, next);
            free(held);
            return;
        }
}

/* The record first: who gets the lease next finds it there. */
void otr_settlement_do(otr_fleet *fleet, struct otr_settlement *s)
{
    if (s->offer != NULL)
        otr_fleet_offer(fleet, s->offer);
    if (s->token[0] != '\0') {
        let_go(fleet, s->token);
        (void)otr_fleet_release(fleet, s->domain, s->token, s->settled, s->id, s->failure, s->error);
    }
    otr_settlement_free(s);
}

void otr_lease_renew_all(otr_fleet *fleet)
{
    int64_t now = otr_monotonic_recent_ms();
    otr_held_lease *held = TAILQ_FIRST(&fleet->held), *next;

    for (; held != NULL; held = next) {
        next = TAILQ_NEXT(held, next);
        if (held->ends_ms > now) {
            (void)otr_fleet_renew(fleet, held);
            continue;
        }
        TAILQ_REMOVE(&fleet->held, held, next);
        free(held);
    }
}

void otr_lease_drop_all(otr_fleet *fleet)
{
    otr_held_lease *held;

    while ((held = TAILQ_FIRST(&fleet->held)) != NULL) {
        TAILQ_REMOVE(&fleet->held, held, next);
        free(held);
    }
}

/*
 * rollover_stage.c - the beginning of a change of keys: only from a state in which everything matches.
 */
#include "publish/rollover.h"

#include "base/diag.h"
#include "publish/tlsa_cover.h"

#include <string.h>

static bool is_listed(const char *const *list, size_t count, const char *record)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], record) == 0)
            return true;
    return false;
}

static bool add_record(const char **list, size_t *count, const char *record)
{
    if (is_listed(list, *count, record))
        return true;
    if (*count == OTR_ROLLOVER_RECORDS_MAX)
        return false;
    list[(*count)++] = record;
    return true;
}

/* Sound means: seen, signed, and every chain matches what every server has. Without records there is nothing to match yet. */
static outrider_err check_start(const otr_rollover_facts *facts, outrider_diag *diag)
{
    const otr_authority *a = facts->authority;
    otr_cover_result r;

    for (size_t i = 0; i < facts->service->count; i++) {
        const otr_service_chain *c = &facts->service->chains[i];
        const otr_chain chain = { .pem = c->pem, .len = c->len, .base = a->base };

        for (size_t n = 0; n < a->server_count; n++) {
            outrider_err err = a->servers[n].state != OTR_SERVER_ANSWERED ? OUTRIDER_OK :
                               otr_tlsa_cover(a->servers[n].set.records, a->servers[n].set.count, &chain, facts->now, &r, diag);

            if (err != OUTRIDER_OK)
                return err;
            if (a->servers[n].state == OTR_SERVER_ANSWERED && r.cover == OTR_COVERS_NOT)
                return otr_fail(diag, OUTRIDER_E_CONFIG, "repair first: what %s shows at %s (%s) does not match: %.120s", a->host, c->address,
                                c->algorithm, r.reason);
        }
    }
    return OUTRIDER_OK;
}

static outrider_err check_facts(const otr_rollover_facts *facts, outrider_diag *diag)
{
    const otr_authority *a = facts->authority;

    if (*a->trouble != '\0')
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%.200s", a->trouble);
    if (a->status != OTR_DNS_SECURE)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "the zone of %s is not signed: nobody may believe a TLSA record there (PUB-11)", a->owner);
    if (*facts->service->trouble != '\0')
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%.200s", facts->service->trouble);
    return OUTRIDER_OK;
}

static const otr_rollover_key *key_for(const otr_rollover_key *keys, size_t count, const char *algorithm)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].algorithm, algorithm) == 0)
            return &keys[i];
    return NULL;
}

/* The key in service of an algorithm: one for all addresses. NULL: none; `diag` says so if there are two. */
static outrider_err find_current(const otr_service *service, const char *algorithm, const char **current, outrider_diag *diag)
{
    *current = "";
    for (size_t i = 0; i < service->count; i++) {
        const otr_service_chain *c = &service->chains[i];

        if (strcmp(c->algorithm, algorithm) != 0)
            continue;
        if (**current != '\0' && strcmp(*current, c->record) != 0)
            return otr_fail(diag, OUTRIDER_E_CONFIG, "the addresses of the host show different %s keys: a roll-over changes one key for all",
                            algorithm);
        *current = c->record;
    }
    return OUTRIDER_OK;
}

static outrider_err take_key(otr_rollover *plan, const otr_rollover_facts *facts, const otr_rollover_key *key, outrider_diag *diag)
{
    otr_rollover_pair pair = { .algorithm = otr_arena_text(plan->arena, key->algorithm), .next = otr_arena_text(plan->arena, key->record),
                               .key = otr_arena_text(plan->arena, key->path) };
    outrider_err err = find_current(facts->service, key->algorithm, &pair.current, diag);

    if (err != OUTRIDER_OK)
        return err;
    pair.current = otr_arena_text(plan->arena, pair.current);
    if (strcmp(pair.current, pair.next) == 0)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: this key is in service already", key->path);
    if (plan->pair_count == OTR_ROLLOVER_PAIRS_MAX)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "more than %d keys", OTR_ROLLOVER_PAIRS_MAX);
    for (size_t i = 0; i < plan->pair_count; i++)
        if (strcmp(plan->pairs[i].algorithm, pair.algorithm) == 0)
            return otr_fail(diag, OUTRIDER_E_CONFIG, "two next keys of the algorithm %s", pair.algorithm);
    plan->pairs[plan->pair_count++] = pair;
    return OUTRIDER_OK;
}

/* The records of what stays, and in that scheme of the issuers: those that are in service and those that come. */
static outrider_err take_rest(otr_rollover *plan, const otr_rollover_facts *facts, const otr_rollover_key *keys, size_t count,
                              outrider_diag *diag)
{
    bool has_room = true;

    for (size_t i = 0; i < facts->service->count; i++) {
        const otr_service_chain *c = &facts->service->chains[i];

        if (key_for(keys, count, c->algorithm) == NULL)
            has_room &= add_record(plan->kept, &plan->kept_count, otr_arena_text(plan->arena, c->record));
        if (plan->scheme != OTR_SCHEME_KEY_ISSUER)
            continue;
        if (*c->issuer == '\0')
            return otr_fail(diag, OUTRIDER_E_CONFIG, "%s sends no certificate of its issuer: a record 2 1 1 would match nothing (PUB-17)",
                            c->address);
        has_room &= add_record(plan->issuers, &plan->issuer_count, otr_arena_text(plan->arena, c->issuer));
    }
    for (size_t i = 0; i < count && plan->scheme == OTR_SCHEME_KEY_ISSUER; i++)
        if (*keys[i].issuer != '\0')
            has_room &= add_record(plan->issuers, &plan->issuer_count, otr_arena_text(plan->arena, keys[i].issuer));
    if (!has_room || 2 * plan->pair_count + plan->kept_count + plan->issuer_count > OTR_ROLLOVER_RECORDS_MAX)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "more than %d TLSA records would be needed: some large senders cannot process them",
                        OTR_ROLLOVER_RECORDS_MAX);
    return OUTRIDER_OK;
}

static outrider_err begin(otr_rollover *plan, const otr_rollover_facts *facts, otr_rollover_scheme scheme, bool is_emergency,
                          const otr_rollover_key *keys, size_t count, outrider_diag *diag)
{
    otr_rollover made = { .arena = plan->arena, .state = OTR_ROLLOVER_STAGED, .since = facts->now, .scheme = scheme,
                          .is_emergency = is_emergency };
    outrider_err err = check_facts(facts, diag);

    if (err == OUTRIDER_OK && !is_emergency)
        err = check_start(facts, diag);
    for (size_t i = 0; err == OUTRIDER_OK && i < count; i++)
        err = take_key(&made, facts, &keys[i], diag);
    if (err == OUTRIDER_OK)
        err = take_rest(&made, facts, keys, count, diag);
    if (err == OUTRIDER_OK)
        *plan = made;
    return err;
}

static bool is_staged(const otr_rollover *plan, const otr_rollover_key *key)
{
    for (size_t i = 0; i < plan->pair_count; i++)
        if (strcmp(plan->pairs[i].next, key->record) == 0)
            return true;
    return false;
}

/* The CA that comes with a certificate for a staged key may be another one: it is published before the switch (PUB-15). */
static outrider_err go_on(otr_rollover *plan, const otr_rollover_facts *facts, const otr_rollover_key *key, outrider_diag *diag)
{
    if (!is_staged(plan, key))
        return otr_fail(diag, OUTRIDER_E_CONFIG, "%s: a roll-over to another key is under way; it comes first", key->path);
    if (plan->scheme != OTR_SCHEME_KEY_ISSUER || *key->issuer == '\0' || plan->state >= OTR_ROLLOVER_SWITCHED ||
        is_listed(plan->issuers, plan->issuer_count, key->issuer))
        return OUTRIDER_OK;
    if (2 * plan->pair_count + plan->kept_count + plan->issuer_count == OTR_ROLLOVER_RECORDS_MAX)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "there is no room for one more issuer beside %d records", OTR_ROLLOVER_RECORDS_MAX);
    plan->issuers[plan->issuer_count++] = otr_arena_text(plan->arena, key->issuer);
    plan->state = OTR_ROLLOVER_STAGED;
    plan->since = facts->now;
    return OUTRIDER_OK;
}

outrider_err otr_rollover_stage(otr_rollover *plan, const otr_rollover_facts *facts, otr_rollover_scheme scheme, bool is_emergency,
                                const otr_rollover_key *keys, size_t key_count, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;

    if (plan->state == OTR_ROLLOVER_IDLE || plan->state == OTR_ROLLOVER_TRIMMED)
        return begin(plan, facts, scheme, is_emergency, keys, key_count, diag);
    if (scheme != plan->scheme)
        return otr_fail(diag, OUTRIDER_E_CONFIG, "a roll-over in the scheme %s is under way; one change at a time (PUB-14)",
                        otr_rollover_scheme_names[plan->scheme]);
    for (size_t i = 0; err == OUTRIDER_OK && i < key_count; i++)
        err = go_on(plan, facts, &keys[i], diag);
    if (err == OUTRIDER_OK && is_emergency)
        plan->is_emergency = true;
    return err;
}

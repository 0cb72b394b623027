/*
 * rollover_seen.c - what was seen, as the states of a roll-over ask for it: where records are, and what is in service.
 */
#include "publish/rollover_inside.h"

#include "publish/tlsa_cover.h"

#include <string.h>

/* What must be there ------------------------------------------------------------------------------------------------- */

static void want(otr_rollover_run *s, const char *record)
{
    for (size_t i = 0; i < s->wanted_count; i++)
        if (strcmp(s->wanted[i], record) == 0)
            return;
    if (*record != '\0' && s->wanted_count < OTR_ROLLOVER_RECORDS_MAX)
        s->wanted[s->wanted_count++] = record;
}

static bool is_issuer_in_service(const otr_rollover_run *s, const char *issuer)
{
    for (size_t i = 0; i < s->facts->service->count; i++)
        if (strcmp(s->facts->service->chains[i].issuer, issuer) == 0)
            return true;
    return false;
}

/* A current key in the wrong hands is not asked for any more. */
void otr_rollover_gather(otr_rollover_run *s)
{
    const otr_rollover *p = s->plan;

    s->wanted_count = 0;
    for (size_t i = 0; i < p->kept_count; i++)
        want(s, p->kept[i]);
    for (size_t i = 0; i < p->pair_count; i++) {
        if (!p->is_emergency && p->state < OTR_ROLLOVER_VERIFIED)
            want(s, p->pairs[i].current);
        want(s, p->pairs[i].next);
    }
    for (size_t i = 0; i < p->issuer_count; i++)
        if (p->state < OTR_ROLLOVER_VERIFIED || is_issuer_in_service(s, p->issuers[i]))
            want(s, p->issuers[i]);
}

/* Where records are ------------------------------------------------------------------------------------------------- */

bool otr_rollover_set_has(otr_arena *arena, const otr_tlsa_set *set, const char *record)
{
    return otr_tlsa_text_has(otr_tlsa_set_text(arena, set), record);
}

static bool is_everywhere(const otr_rollover_run *s, const char *record)
{
    const otr_authority *a = s->facts->authority;

    for (size_t i = 0; i < a->server_count; i++)
        if (a->servers[i].state == OTR_SERVER_ANSWERED && !otr_rollover_set_has(s->plan->arena, &a->servers[i].set, record))
            return false;
    return a->server_count > 0;
}

bool otr_rollover_is_somewhere(const otr_rollover_run *s, const char *record)
{
    const otr_authority *a = s->facts->authority;

    for (size_t i = 0; i < a->server_count; i++)
        if (a->servers[i].state == OTR_SERVER_ANSWERED && otr_rollover_set_has(s->plan->arena, &a->servers[i].set, record))
            return true;
    return false;
}

/* Records that some server lacks go into `add`; how many there are. */
size_t otr_rollover_missing(otr_rollover_run *s)
{
    otr_rollover_gather(s);
    s->advice->add_count = 0;
    for (size_t i = 0; i < s->wanted_count; i++)
        if (!is_everywhere(s, s->wanted[i]))
            s->advice->add[s->advice->add_count++] = s->wanted[i];
    return s->advice->add_count;
}

static void remove_record(otr_rollover_run *s, const char *record)
{
    if (*record != '\0' && s->advice->remove_count < OTR_ROLLOVER_RECORDS_MAX && otr_rollover_is_somewhere(s, record))
        s->advice->remove[s->advice->remove_count++] = record;
}

/* What nothing in service needs any more: exactly these are taken away, and no stranger's. */
size_t otr_rollover_obsolete(otr_rollover_run *s)
{
    const otr_rollover *p = s->plan;

    s->advice->remove_count = 0;
    for (size_t i = 0; i < p->pair_count; i++)
        remove_record(s, p->pairs[i].current);
    for (size_t i = 0; i < p->issuer_count; i++)
        if (p->state >= OTR_ROLLOVER_VERIFIED && !is_issuer_in_service(s, p->issuers[i]))
            remove_record(s, p->issuers[i]);
    return s->advice->remove_count;
}

/* What is in service ------------------------------------------------------------------------------------------------- */

/* Each algorithm of the plan at each address; an algorithm that is new must be there at all of them. */
otr_rollover_next otr_rollover_next_key(const otr_rollover_run *s)
{
    const otr_service *service = s->facts->service;
    size_t shown = 0, others = 0;

    for (size_t i = 0; i < s->plan->pair_count; i++) {
        size_t before = shown;

        for (size_t n = 0; n < service->count; n++) {
            if (strcmp(service->chains[n].algorithm, s->plan->pairs[i].algorithm) != 0)
                continue;
            if (strcmp(service->chains[n].record, s->plan->pairs[i].next) == 0)
                shown++;
            else
                others++;
        }
        others += shown == before;
    }
    return shown == 0 ? OTR_NEXT_NOWHERE : others == 0 ? OTR_NEXT_EVERYWHERE : OTR_NEXT_SOMEWHERE;
}

struct cover {
    const otr_chain *chain;
    otr_time now;
    otr_cover_result result;
};

/* Whether a set is good for what is in service; what cannot be judged is not good. */
static bool is_covered(void *arg, const otr_seen_set *set)
{
    struct cover *c = arg;

    return otr_tlsa_cover_text(set->text, c->chain, c->now, &c->result, NULL) == OUTRIDER_OK && c->result.cover != OTR_COVERS_NOT;
}

/* Whether everything in service matches at every server; and a complaint if not, or if some cache may have what does not match. */
bool otr_rollover_look_at_service(otr_rollover_run *s)
{
    const otr_service *service = s->facts->service;
    const otr_authority *a = s->facts->authority;
    char when[OTR_TIME_TEXT];
    bool is_good = true;

    for (size_t i = 0; i < service->count; i++) {
        const otr_service_chain *shown = &service->chains[i];
        const otr_chain chain = { .pem = shown->pem, .len = shown->len, .base = a->base };
        struct cover c = { .chain = &chain, .now = s->facts->now };
        const otr_seen_set *blocking = NULL;
        otr_time settled = otr_history_settled(s->facts->history, is_covered, &c, s->facts->now, &blocking);

        if (blocking == NULL || settled <= s->facts->now)
            continue;
        is_good = false;
        if (settled == OTR_NEVER) {
            is_covered(&c, blocking);
            otr_finding_add(s->findings, "dane.match", OTR_CHECK_CRITICAL, "what %s shows (%s) does not match: %s", shown->address,
                            shown->algorithm, c.result.reason);
        } else {
            otr_finding_add(s->findings, "dane.match", OTR_CHECK_CRITICAL,
                            "what %s shows (%s) matches at the servers, and until %s not in every cache: it came too early", shown->address,
                            shown->algorithm, otr_time_text(settled, when));
        }
    }
    if (is_good && service->count > 0 && a->validated.count > 0)
        otr_finding_add(s->findings, "dane.match", OTR_CHECK_OK, "every address and algorithm matches, %zu chains", service->count);
    return is_good;
}

/* A record that nothing in service matches and no plan wants is left over from somewhere. It does no harm here, and hides a mistake. */
void otr_rollover_look_at_strangers(otr_rollover_run *s)
{
    const otr_service *service = s->facts->service;
    const otr_tlsa_set *set = &s->facts->authority->validated;
    otr_cover_result r;

    otr_rollover_gather(s);
    for (size_t i = 0; i < set->count && *service->trouble == '\0'; i++) {
        otr_buf text = OTR_BUF_INIT;
        bool is_known = otr_tlsa_check(&set->records[i]) != OTR_TLSA_USABLE;

        otr_tlsa_print(&set->records[i], &text);
        for (size_t n = 0; n < s->wanted_count; n++)
            is_known |= strcmp(s->wanted[n], otr_buf_text(&text)) == 0;
        for (size_t n = 0; n < s->plan->pair_count; n++)
            is_known |= strcmp(s->plan->pairs[n].current, otr_buf_text(&text)) == 0;
        for (size_t n = 0; n < service->count && !is_known; n++) {
            const otr_chain chain = { .pem = service->chains[n].pem, .len = service->chains[n].len, .base = s->facts->authority->base };

            is_known = otr_tlsa_cover(&set->records[i], 1, &chain, s->facts->now, &r, NULL) != OUTRIDER_OK || r.cover == OTR_COVERS;
        }
        if (!is_known)
            otr_finding_add(s->findings, "dane.stale", OTR_CHECK_WARNING, "the record %.100s matches nothing that is in service or planned",
                            otr_buf_text(&text));
        otr_buf_clear(&text);
    }
}

/*
 * staged.c - see staged.h.
 */
#include "publish/staged.h"

bool otr_staged_add(otr_domain_facts *facts, otr_host_facts *host, const char *record)
{
    otr_tlsa *list = host->staged_count == 0 ? otr_arena_alloc(facts->arena, OTR_TLSA_MAX, sizeof(*list)) :
                                               (otr_tlsa *)(uintptr_t)host->staged; /* ours until the facts are judged */
    otr_buf data = OTR_BUF_INIT;
    otr_tlsa made;
    bool is_good = list != NULL && host->staged_count < OTR_TLSA_MAX &&
                   otr_tlsa_parse(record, strlen(record), &data, &made, NULL) == OUTRIDER_OK && made.len > 0;

    if (is_good) {
        made.data = otr_arena_bytes(facts->arena, made.data, made.len);
        is_good = made.data != NULL;
    }
    otr_buf_clear(&data);
    if (!is_good)
        return false;
    list[host->staged_count++] = made;
    host->staged = list;
    host->knows_staged = true;
    return true;
}

bool otr_staged_take(otr_domain_facts *facts, otr_host_facts *host, const otr_rollover *p)
{
    bool is_good = true;

    if (p->state == OTR_ROLLOVER_IDLE || p->state == OTR_ROLLOVER_TRIMMED)
        return true;
    for (size_t i = 0; is_good && i < p->pair_count; i++)
        is_good = otr_staged_add(facts, host, p->pairs[i].next) &&
                  (*p->pairs[i].current == '\0' || otr_staged_add(facts, host, p->pairs[i].current));
    for (size_t i = 0; is_good && i < p->kept_count; i++)
        is_good = otr_staged_add(facts, host, p->kept[i]);
    for (size_t i = 0; is_good && i < p->issuer_count; i++)
        is_good = otr_staged_add(facts, host, p->issuers[i]);
    return is_good;
}

/*
 * tlsa_generate_live.c - what a host shows at each of its addresses, once as it likes and once for the other kind of key, made into
 * records.
 */
#include "cli/tlsa_generate.h"
#include "cli/command.h"
#include "cli/tlsa_common.h"

#include <stdlib.h>

/* Whether each address shows this key. */
static bool is_shown_by_all(const otr_service *s, const char *record)
{
    for (size_t i = 0; i < s->count; i++) {
        bool has = false;

        for (size_t j = 0; j < s->count; j++)
            has |= strcmp(s->chains[j].address, s->chains[i].address) == 0 && strcmp(s->chains[j].record, record) == 0;
        if (!has)
            return false;
    }
    return true;
}

static int add_chain(otr_generation *g, const otr_service_chain *chain)
{
    otr_tlsa_sources sources = { 0 };
    outrider_diag diag = { 0 };
    int status;

    if (otr_tlsa_sources_read(chain->pem, chain->len, &sources, &diag) != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, g->what, "%s: %s", chain->address, diag.message);
    status = otr_generate_from(g, &sources.list[0], chain->address);
    otr_tlsa_sources_clear(&sources);
    return status;
}

static int take(otr_generation *g, const otr_authority *a, const otr_service *s)
{
    int status = EX_OK;

    if (s->count == 0)
        return otr_complain(EX_TEMPFAIL, g->what, "%s", *s->trouble != '\0' ? s->trouble
                                                        : *a->trouble != '\0' ? a->trouble : "no address was seen");
    for (size_t i = 0; status == EX_OK && i < s->count; i++)
        status = add_chain(g, &s->chains[i]);
    for (size_t i = 0; i < s->count; i++) {
        if (!is_shown_by_all(s, s->chains[i].record)) {
            otr_generate_warn(g, otr_arena_printf(g->arena, "the addresses of %s show different keys; the records are for all of them",
                                                  g->host));
            break;
        }
    }
    if (*s->trouble != '\0')
        otr_generate_warn(g, otr_arena_text(g->arena, s->trouble));
    if (*s->unseen != '\0')
        otr_generate_warn(g, otr_arena_printf(g->arena, "not seen, as this machine has no way there: %s", s->unseen));
    if (*a->trouble != '\0')
        otr_generate_warn(g, otr_arena_text(g->arena, a->trouble));
    else if (a->status != OTR_DNS_SECURE)
        otr_generate_warn(g, otr_arena_printf(g->arena, "%s is not in a signed zone: until it is, nobody uses TLSA records there (RFC 7672 "
                                              "section 2.2)", a->owner));
    return status;
}

int otr_generate_live(otr_generation *g)
{
    otr_tlsa_desk desk;
    otr_authority *a = NULL;
    otr_service service;
    int status = otr_tlsa_desk_open(&desk, g->what, g->config, NULL);

    if (status == EX_OK)
        status = otr_tlsa_desk_look(&desk, g->host, g->port, &a);
    if (status == EX_OK) {
        g->owner = otr_arena_text(g->arena, *a->name != '\0' ? a->name : a->owner);
        g->zone = otr_arena_text(g->arena, a->zone);
        if (a->address_count == 0)
            status = otr_complain(EX_TEMPFAIL, g->what, "%s", *a->trouble != '\0' ? a->trouble : "it has no address");
    }
    if (status == EX_OK)
        status = otr_tlsa_desk_visit(&desk, a, g->arena, &service);
    if (status == EX_OK)
        status = take(g, a, &service);
    otr_authority_free(a);
    otr_tlsa_desk_close(&desk);
    return status;
}

/*
 * records_live.c - MX hosts without a section tlsa, with --live: their keys are those that they show now, at each of their addresses.
 * Where one address was not seen, or has no STARTTLS, nothing is proposed (PUB-11): records would make mail to it wait.
 */
#include "cli/records.h"

#include "cli/command.h"
#include "cli/tlsa_common.h"

#include <string.h>

static bool has_keys(const otr_records_command *c, const char *host)
{
    for (size_t i = 0; i < c->key_count; i++)
        if (strcmp(c->keys[i].host, host) == 0)
            return true;
    return false;
}

/* Two addresses with one key, and one issuer, have the same records. */
static bool is_repeated(const otr_service *service, size_t at)
{
    const otr_service_chain *chains = service->chains;

    for (size_t i = 0; i < at; i++)
        if (strcmp(chains[i].record, chains[at].record) == 0 && strcmp(chains[i].issuer, chains[at].issuer) == 0)
            return true;
    return false;
}

static int take_chains(otr_records_command *c, const char *host, const otr_service *service)
{
    otr_records_keys *k = &c->keys[c->key_count];
    outrider_diag diag = { 0 };

    *k = (otr_records_keys){ .host = host, .port = 25, .ttl = OTR_RECORDS_TTL,
                             .chains = otr_arena_alloc(c->arena, service->count + 1, sizeof(*k->chains)) };
    if (k->chains == NULL)
        return otr_complain(EX_OSERR, OTR_RECORDS_WHAT, "out of memory");
    c->key_count++;
    for (size_t i = 0; i < service->count; i++) {
        otr_tlsa_sources sources = { 0 };

        if (is_repeated(service, i))
            continue;
        if (otr_tlsa_sources_read(service->chains[i].pem, service->chains[i].len, &sources, &diag) != OUTRIDER_OK)
            return otr_complain(EX_DATAERR, host, "%s: %s", service->chains[i].address, diag.message);
        k->chains[k->chain_count++] = sources.list[0];
        sources.list[0] = (otr_tlsa_source){ 0 };
        otr_tlsa_sources_clear(&sources);
    }
    return EX_OK;
}

static int visit(otr_records_command *c, otr_tlsa_desk *desk, const char *host)
{
    otr_authority *a = NULL;
    otr_service service = { 0 };
    int status = otr_tlsa_desk_look(desk, host, 25, &a);

    if (status == EX_OK && a->address_count > 0)
        status = otr_tlsa_desk_visit(desk, a, c->arena, &service);
    if (status != EX_OK)
        ;
    else if (a->address_count == 0)
        otr_records_note(c, "%s has no address that could be looked up: no TLSA record is proposed for it", host);
    else if (service.count == 0 || *service.trouble != '\0')
        otr_records_note(c, "%s was not seen at each address, so no TLSA record is proposed for it: %s", host,
                         *service.trouble != '\0' ? service.trouble : "nobody answered");
    else if (*service.unseen != '\0')
        otr_records_note(c, "no TLSA record is proposed for %s: this machine has no way to %s, so what is shown there is not known", host,
                         service.unseen);
    else
        status = take_chains(c, host, &service);
    otr_authority_free(a);
    return status;
}

int otr_records_visit(otr_records_command *c)
{
    otr_tlsa_desk desk;
    int status = otr_tlsa_desk_open(&desk, OTR_RECORDS_WHAT, c->config, NULL);

    for (size_t i = 0; status == EX_OK && i < c->view.host_count; i++)
        if (c->view.hosts[i].is_mx && !has_keys(c, c->view.hosts[i].host))
            status = visit(c, &desk, c->view.hosts[i].host);
    otr_tlsa_desk_close(&desk);
    return status;
}

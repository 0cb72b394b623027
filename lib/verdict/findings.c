/*
 * findings.c - the life of a finding, and the words for its states.
 */
#include "verdict/findings.h"

const char *const otr_mx_security_names[] = { "secure", "insecure", "bogus", "tempfail", "none" };
const char *const otr_host_addresses_names[] = { "secure", "insecure", "none", "tempfail" };
const char *const otr_dane_state_names[] = { "usable", "unusable", "none", "insecure", "tempfail" };

#define LITERAL_LIFE 3600 /* s; an address literal depends on nothing, this only bounds the cache */

otr_mx_finding *otr_mx_finding_of_address(const otr_destination *destination, otr_time now)
{
    otr_arena *arena = otr_arena_new();
    otr_mx_finding *finding = arena != NULL ? otr_arena_alloc(arena, 1, sizeof(*finding)) : NULL;
    otr_host_finding *host = finding != NULL ? otr_arena_alloc(arena, 1, sizeof(*host)) : NULL;

    if (host == NULL) {
        otr_arena_free(arena);
        return NULL;
    }
    finding->destination = *destination;
    host->host = host->canonical = finding->destination.domain;
    host->address_row = "";
    host->tlsa_row = "";
    host->base_domain = "";
    host->addresses = OTR_HOST_INSECURE;
    host->dane = OTR_DANE_NONE;
    host->reason = "an address literal: DANE does not apply";
    finding->row = "M1";
    finding->security = OTR_MX_NONE;
    finding->canonical = finding->destination.domain;
    finding->hosts = host;
    finding->host_count = 1;
    finding->error = "";
    finding->found_at = now;
    finding->valid_until = now + LITERAL_LIFE;
    finding->arena = arena;
    finding->refs = 1;
    return finding;
}

otr_mx_finding *otr_mx_finding_ref(otr_mx_finding *finding)
{
    finding->refs++;
    return finding;
}

void otr_mx_finding_unref(otr_mx_finding *finding)
{
    if (finding != NULL && --finding->refs == 0)
        otr_arena_free(finding->arena);
}

/*
 * probe_record.c - one request for each host of each destination.
 */
#include "cli/probe_record.h"

#include "cli/ask_control.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "daemon/control_request.h"
#include "trust/sighting.h"

#include <stdlib.h>
#include <string.h>

#define OTHER_KEYS 1024 /* octets of a request beside the chain: two names of 253 octets, and the words around them */
#define BLOCK_END "-----END CERTIFICATE-----\n"

int otr_probe_recorder_open(otr_probe_recorder *r, const char *config, const char *socket)
{
    int status = EX_OK;

    *r = (otr_probe_recorder){ 0 };
    r->path = otr_find_control_socket(config, socket, &r->patience, &status);
    if (r->path != NULL)
        status = otr_try_control(r->path, r->patience);
    return status;
}

void otr_probe_recorder_close(otr_probe_recorder *r)
{
    free(r->path);
    r->path = NULL;
}

/* A line feed takes two octets in JSON. */
size_t otr_probe_fit_chain(const char *chain_pem, size_t room)
{
    const char *at = chain_pem, *end;
    size_t fits = 0, lines = 0;

    while ((end = strstr(at, BLOCK_END)) != NULL) {
        end += strlen(BLOCK_END);
        for (; at < end; at++)
            lines += *at == '\n';
        if ((size_t)(end - chain_pem) + lines > room)
            break;
        fits = (size_t)(end - chain_pem);
    }
    return fits;
}

/* What is wrong with one chain is wrong with it alone; everything else will be so with the next. */
static bool give_up(otr_probe_recorder *r, int status)
{
    if (status != EX_DATAERR) {
        r->is_off = true;
        r->status = status;
        otr_complain(status, "trust probe", "nothing more is recorded");
    }
    return false;
}

bool otr_probe_record(otr_probe_recorder *r, const char *domain, const char *host, const char *chain_pem)
{
    size_t len = otr_probe_fit_chain(chain_pem, OTR_CONTROL_MAX - OTHER_KEYS);
    int status = EX_OK;
    json_t *answer;

    if (r->is_off)
        return false;
    if (chain_pem[len] != '\0')
        otr_complain(EX_DATAERR, host, "the chain is too long for a request; its end is not recorded");
    if (len == 0)
        return false;
    answer = otr_ask_control_at(json_pack("{s:s, s:s, s:s, s:s, s:s%, s:s}", "do",
                                          otr_control_verbs[OTR_CONTROL_TRUST_RECORD], "domain", domain, "role",
                                          otr_role_names[OTR_ROLE_MX], "host", host, "chain", chain_pem, len, "source",
                                          otr_sighting_source_names[OTR_SEEN_IN_PROBE]),
                                host, r->path, r->patience, &status);
    if (answer == NULL)
        return give_up(r, status);
    json_decref(answer);
    r->count++;
    return true;
}

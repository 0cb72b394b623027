/*
 * records_facts.c - keys from the files of the sections tlsa, and what DNS says.
 */
#include "cli/records.h"

#include "cli/command.h"
#include "cli/key_file.h"
#include "daemon/conf/options.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_TIMEOUT_MS 5000 /* a way to the authoritative servers that is closed is not waited for long */

/* Keys ------------------------------------------------------------------------------------------------------------------- */

static int read_files(otr_records_command *c, const otr_list *files, otr_tlsa_source **list, size_t *count)
{
    int status = EX_OK;

    *list = otr_arena_alloc(c->arena, files->count * OTR_TLSA_SOURCES_MAX + 1, sizeof(**list));
    if (*list == NULL)
        return otr_complain(EX_OSERR, OTR_RECORDS_WHAT, "out of memory");
    for (size_t i = 0; status == EX_OK && i < files->count; i++) {
        otr_tlsa_sources sources = { 0 };

        status = otr_key_file_read(OTR_RECORDS_WHAT, files->values[i], &sources);
        for (size_t s = 0; s < sources.count; s++)
            (*list)[(*count)++] = sources.list[s];
    }
    return status;
}

/* A host that has to do with this domain: an MX host, or one that is to be. Where DNS is not asked the policy says which. */
static bool is_concerned(const otr_records_command *c, const char *host)
{
    for (size_t i = 0; i < c->view.host_count; i++)
        if (strcmp(c->view.hosts[i].host, host) == 0)
            return true;
    for (size_t i = 0; c->is_offline && i < c->question.mx_count; i++)
        if (otr_sts_pattern_matches(c->question.mx[i], host))
            return true;
    return false;
}

int otr_records_read_keys(otr_records_command *c)
{
    int status = EX_OK;

    c->keys = otr_arena_alloc(c->arena, c->conf->tlsa_count + OTR_RECORDS_HOSTS_MAX, sizeof(*c->keys));
    if (c->keys == NULL)
        return otr_complain(EX_OSERR, OTR_RECORDS_WHAT, "out of memory");
    for (size_t i = 0; status == EX_OK && i < c->conf->tlsa_count; i++) {
        const otr_tlsa_conf *conf = &c->conf->tlsa[i];
        otr_records_keys *k = &c->keys[c->key_count];

        if (!is_concerned(c, conf->host))
            continue;
        k->host = conf->host;
        k->port = (uint16_t)conf->port;
        k->ttl = conf->ttl;
        c->key_count++;
        status = read_files(c, &conf->certificates, &k->chains, &k->chain_count);
        if (status == EX_OK)
            status = read_files(c, &conf->next_keys, &k->next, &k->next_count);
    }
    return status;
}

static void clear_sources(otr_tlsa_source *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sk_X509_pop_free(list[i].chain, X509_free);
        EVP_PKEY_free(list[i].key);
    }
}

void otr_records_clear_keys(otr_records_command *c)
{
    for (size_t i = 0; i < c->key_count; i++) {
        clear_sources(c->keys[i].chains, c->keys[i].chain_count);
        clear_sources(c->keys[i].next, c->keys[i].next_count);
    }
}

/* DNS -------------------------------------------------------------------------------------------------------------------- */

static int open_resolvers(otr_records_command *c)
{
    otr_unbound_options usual = otr_conf_unbound(c->conf), fresh = usual;
    outrider_diag diag = { 0 };
    outrider_err err;

    c->base = event_base_new();
    if (c->base == NULL)
        return otr_complain(EX_OSERR, OTR_RECORDS_WHAT, "out of memory");
    fresh.is_recursive = fresh.has_whole_ttls = true;
    fresh.forwarders = NULL;
    if (!usual.is_recursive && fresh.timeout_ms > FRESH_TIMEOUT_MS)
        fresh.timeout_ms = FRESH_TIMEOUT_MS;
    c->net.base = c->base;
    err = otr_unbound_new(c->base, &usual, &c->net.usual, &diag);
    if (err == OUTRIDER_OK && otr_unbound_new(c->base, &fresh, &c->net.fresh, NULL) == OUTRIDER_E_NOMEM)
        err = OUTRIDER_E_NOMEM;
    if (err == OUTRIDER_E_NOMEM)
        return otr_complain(EX_OSERR, OTR_RECORDS_WHAT, "out of memory");
    return err == OUTRIDER_OK ? EX_OK : otr_complain(EX_CONFIG, OTR_RECORDS_WHAT, "%s", diag.message);
}

static bool is_wanted(const otr_records_command *c, const char *host)
{
    for (size_t i = 0; i < c->question.joining_count; i++)
        if (strcmp(c->joining[i], host) == 0)
            return true;
    return false;
}

int otr_records_look_up(otr_records_command *c)
{
    otr_records_named *named = otr_arena_alloc(c->arena, c->conf->tlsa_count + 1, sizeof(*named));
    outrider_diag diag = { 0 };
    int status = open_resolvers(c);

    if (status != EX_OK)
        return status;
    if (named == NULL)
        return otr_complain(EX_OSERR, OTR_RECORDS_WHAT, "out of memory");
    for (size_t i = 0; i < c->conf->tlsa_count; i++)
        named[i] = (otr_records_named){ .host = c->conf->tlsa[i].host, .port = (uint16_t)c->conf->tlsa[i].port,
                                        .is_wanted = is_wanted(c, c->conf->tlsa[i].host) };
    switch (otr_records_look(&c->net, c->domain, named, c->conf->tlsa_count, &c->view, &diag)) {
    case OUTRIDER_OK: break;
    case OUTRIDER_E_LIMIT: return otr_complain(EX_DATAERR, c->domain, "%s", diag.message);
    default: return otr_complain(EX_OSERR, OTR_RECORDS_WHAT, "out of memory");
    }
    if (!c->view.has_whole_ttls)
        otr_records_note(c, "TTLs may have counted down in a cache: waits are an hour at least, and too short where a TTL is longer");
    return EX_OK;
}

/* The question ------------------------------------------------------------------------------------------------------------ */

static void take_keys(otr_records_command *c, otr_records_host *host)
{
    for (size_t i = 0; i < c->key_count; i++) {
        const otr_records_keys *k = &c->keys[i];

        if (strcmp(k->host, host->host) != 0)
            continue;
        host->is_known = true;
        host->ttl = k->ttl;
        host->port = k->port;
        host->chains = k->chains;
        host->chain_count = k->chain_count;
        host->next = k->next;
        host->next_count = k->next_count;
    }
}

static void take_addresses(otr_records_command *c)
{
    const otr_list *list = &c->conf->policy_host.addresses;

    for (size_t i = 0; i < list->count; i++) {
        otr_address *a = &c->addresses[c->question.address_count++];

        a->family = strchr(list->values[i], ':') != NULL ? 6 : 4;
        if (inet_pton(a->family == 4 ? AF_INET : AF_INET6, list->values[i], a->bytes) != 1)
            c->question.address_count--; /* not reached: the configuration was checked */
    }
}

int otr_records_gather_hosts(otr_records_command *c)
{
    otr_records_question *q = &c->question;
    size_t count = 0;

    for (size_t i = 0; i < c->view.host_count; i++) {
        const otr_host_view *v = &c->view.hosts[i];

        c->hosts[count] = (otr_records_host){ .host = v->host, .base_domain = v->base_domain, .port = v->port, .ttl = OTR_RECORDS_TTL,
                                              .is_mx = v->is_mx, .tlsa = v->records, .address_status = v->address_status };
        take_keys(c, &c->hosts[count++]);
    }
    for (size_t i = 0; c->is_offline && i < c->key_count && count < OTR_RECORDS_HOSTS_MAX; i++) {
        c->hosts[count] = (otr_records_host){ .host = c->keys[i].host, .base_domain = c->keys[i].host };
        take_keys(c, &c->hosts[count++]);
    }
    take_addresses(c);
    q->addresses = c->addresses;
    q->hosts = c->hosts;
    q->host_count = count;
    q->mx_answer = c->view.mx;
    q->sts = c->view.sts;
    q->tlsrpt = c->view.tlsrpt;
    q->policy_a = c->view.policy_a;
    q->policy_aaaa = c->view.policy_aaaa;
    q->has_whole_ttls = c->view.has_whole_ttls;
    return EX_OK;
}

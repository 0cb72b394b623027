/*
 * facts.c - keeping facts, and the few that follow from others.
 */
#include "publish/facts.h"

#include "publish/check_txt.h"

#include <stdio.h>
#include <stdlib.h>

otr_domain_facts *otr_facts_new(const char *domain, otr_time at)
{
    otr_arena *arena = otr_arena_new();
    otr_domain_facts *facts = calloc(1, sizeof(*facts));

    if (arena == NULL || facts == NULL) {
        otr_arena_free(arena);
        free(facts);
        return NULL;
    }
    facts->arena = arena;
    facts->at = at;
    facts->resolver_words = "";
    facts->domain = otr_arena_text(arena, domain);
    snprintf(facts->policy_host, sizeof(facts->policy_host), "mta-sts.%s", domain);
    if (!otr_arena_failed(arena))
        return facts;
    otr_facts_free(facts);
    return NULL;
}

static void clear_probe(otr_probe_facts *probe)
{
    sk_X509_pop_free(probe->chain, X509_free);
    probe->chain = NULL;
}

static void clear_host(otr_host_facts *host)
{
    otr_dns_answer *const answers[] = { host->a, host->aaaa, host->cname, host->tlsa_alias, host->tlsa };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        otr_dns_answer_free(answers[i]);
    for (size_t i = 0; i < host->address_count; i++) {
        clear_probe(&host->addresses[i].first);
        clear_probe(&host->addresses[i].second);
    }
}

void otr_facts_free(otr_domain_facts *facts)
{
    if (facts == NULL)
        return;
    for (size_t i = 0; i < facts->host_count; i++)
        clear_host(&facts->hosts[i]);
    for (size_t i = 0; i < facts->fetch_count; i++)
        sk_X509_pop_free(facts->fetches[i].chain, X509_free);
    for (size_t i = 0; i < facts->program_count; i++)
        otr_anchor_set_unref(facts->programs[i].set);
    otr_dns_answer_free(facts->mx);
    otr_dns_answer_free(facts->sts_txt);
    otr_dns_answer_free(facts->apex_txt);
    otr_dns_answer_free(facts->rpt_txt);
    otr_dns_answer_free(facts->policy_a);
    otr_dns_answer_free(facts->policy_aaaa);
    otr_arena_free(facts->arena);
    free(facts);
}

bool otr_facts_add_program(otr_domain_facts *facts, const char *name, const otr_anchor_set *set)
{
    if (facts->program_count == OTR_FACT_PROGRAMS_MAX)
        return false;
    facts->programs[facts->program_count++] = (otr_program_facts){ otr_arena_text(facts->arena, name), otr_anchor_set_ref(set) };
    return true;
}

/* Hosts ------------------------------------------------------------------------------------------------------- */

static bool has_host(const otr_domain_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->host_count; i++)
        if (strcmp(facts->hosts[i].host, name) == 0)
            return true;
    return false;
}

static int by_preference(const void *a, const void *b)
{
    const otr_host_facts *one = a, *other = b;

    if (one->preference != other->preference)
        return one->preference < other->preference ? -1 : 1;
    return strcmp(one->host, other->host);
}

static bool take_implicit_host(otr_domain_facts *facts)
{
    facts->hosts = otr_arena_alloc(facts->arena, 1, sizeof(*facts->hosts));
    if (facts->hosts == NULL)
        return false;
    facts->is_implicit = true;
    facts->hosts[facts->host_count++] = (otr_host_facts){ .host = facts->domain, .is_host_name = true };
    return true;
}

bool otr_facts_take_hosts(otr_domain_facts *facts)
{
    const otr_dns_answer *mx = facts->mx;

    if (mx == NULL || facts->hosts != NULL)
        return true;
    if (mx->content == OTR_DNS_NODATA)
        return take_implicit_host(facts);
    if (mx->content != OTR_DNS_DATA)
        return true;
    facts->hosts = otr_arena_alloc(facts->arena, mx->rr_count, sizeof(*facts->hosts));
    if (facts->hosts == NULL)
        return false;
    for (size_t i = 0; i < mx->rr_count; i++) {
        const otr_dns_rr *rr = &mx->rrs[i];

        if (strcmp(rr->mx.exchange, ".") == 0 || has_host(facts, rr->mx.exchange))
            continue;
        facts->hosts[facts->host_count++] = (otr_host_facts){
            .host = otr_arena_text(facts->arena, rr->mx.exchange), .preference = rr->mx.preference, .is_host_name = rr->mx.is_host,
        };
    }
    qsort(facts->hosts, facts->host_count, sizeof(*facts->hosts), by_preference);
    if (facts->host_count > OTR_FACT_HOSTS_MAX) {
        facts->host_count = OTR_FACT_HOSTS_MAX;
        facts->is_cut = true;
    }
    return !otr_arena_failed(facts->arena);
}

static void add_addresses(otr_host_facts *host, const otr_dns_answer *answer, bool allow_private)
{
    for (size_t i = 0; answer != NULL && answer->content == OTR_DNS_DATA && i < answer->rr_count; i++) {
        otr_address address = { .family = answer->rrs[i].address.family };

        if (i == OTR_ADDRESSES_MAX) {
            host->is_cut = true;
            return;
        }
        memcpy(address.bytes, answer->rrs[i].address.bytes, sizeof(address.bytes));
        host->addresses[host->address_count++] = (otr_address_facts){
            .address = address, .is_refused = !allow_private && otr_address_is_private(&address),
        };
    }
}

bool otr_facts_take_addresses(otr_domain_facts *facts, otr_host_facts *host, bool allow_private)
{
    host->addresses = otr_arena_alloc(facts->arena, OTR_FACT_ADDRESSES_MAX, sizeof(*host->addresses));
    if (host->addresses == NULL)
        return false;
    add_addresses(host, host->a, allow_private);
    add_addresses(host, host->aaaa, allow_private);
    return true;
}

bool otr_facts_take_probe(otr_domain_facts *facts, otr_probe_facts *probe, const otr_probe_result *result)
{
    *probe = (otr_probe_facts){ .was_made = true, .outcome = result->outcome, .step = result->step,
                                .reason = otr_arena_text(facts->arena, result->reason),
                                .tls_version = otr_arena_text(facts->arena, result->tls_version) };
    if (result->chain != NULL && (probe->chain = X509_chain_up_ref(result->chain)) == NULL)
        return false;
    return !otr_arena_failed(facts->arena);
}

/* MTA-STS ----------------------------------------------------------------------------------------------------- */

bool otr_facts_have_id(const otr_domain_facts *facts, const char *id)
{
    otr_slice texts[OTR_RR_MAX];
    size_t count = otr_txt_list(facts->sts_txt, texts);
    otr_sts_record record;

    return otr_sts_record_find(texts, count, &record, NULL) == OTR_STS_RECORD_ONE && otr_slice_is(record.id, id);
}

/* DANE -------------------------------------------------------------------------------------------------------- */

static bool is_failure(const otr_dns_answer *answer)
{
    return answer == NULL || answer->content == OTR_DNS_UNKNOWN;
}

const otr_dns_answer *otr_host_address_answer(const otr_host_facts *host)
{
    if (host->a != NULL && host->a->content == OTR_DNS_DATA)
        return host->a;
    if (host->aaaa != NULL && host->aaaa->content == OTR_DNS_DATA)
        return host->aaaa;
    return host->a != NULL ? host->a : host->aaaa;
}

static otr_host_tlsa judge_answer(const otr_host_facts *host, const otr_dns_answer *answer, const char *base, bool is_signed)
{
    otr_host_tlsa tlsa = { .base_domain = base, .answer = answer };

    if (is_failure(answer))
        tlsa.state = OTR_HOST_DANE_UNKNOWN;
    else if (answer->content != OTR_DNS_DATA)
        tlsa = (otr_host_tlsa){ .state = OTR_HOST_DANE_NONE, .base_domain = host->host, .answer = answer };
    else
        tlsa.state = is_signed && answer->status == OTR_DNS_SECURE ? OTR_HOST_DANE_SIGNED : OTR_HOST_DANE_UNSIGNED;
    return tlsa;
}

/*
 * RFC 7672 §2.2.2, §2.2.3: with an alias the records at its end come first, if everything on the way is signed; else those
 * at the name itself, as long as the alias is signed; without, the address must be.
 */
otr_host_tlsa otr_host_tlsa_of(const otr_host_facts *host)
{
    const otr_dns_answer *address = otr_host_address_answer(host);
    bool is_signed = address != NULL && address->status == OTR_DNS_SECURE;
    otr_host_tlsa tlsa;

    if (host->tlsa_alias != NULL) {
        tlsa = judge_answer(host, host->tlsa_alias, address->canonical, is_signed);
        if (tlsa.state != OTR_HOST_DANE_NONE && tlsa.state != OTR_HOST_DANE_UNSIGNED)
            return tlsa;
    }
    if (host->cname != NULL)
        is_signed = is_signed || host->cname->status == OTR_DNS_SECURE;
    return judge_answer(host, host->tlsa, host->host, is_signed);
}

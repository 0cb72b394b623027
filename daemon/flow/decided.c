/*
 * decided.c - see decided.h.
 */
#include "daemon/flow/decided.h"

#include "daemon/flow/place.h"
#include "daemon/flow/record.h"
#include "store/store_trust.h"

#define WRITE_EVERY 3600 /* s, for the traffic */
#define WRITE_FLOOR 5    /* s between two writes of one domain, however often its DNS changes */
#define RETRY 60         /* s, after the store has failed */

void otr_decided_count(otr_decided *decided, otr_answer *answer)
{
    if (decided != NULL && answer != NULL)
        decided->questions += atomic_exchange_explicit(&answer->uses, 0, memory_order_relaxed);
}

/* Which place speaks for the domain: the one with MX records at port 25, if there is one. */
static bool is_speaker(const otr_place *place)
{
    const otr_place *first = TAILQ_FIRST(&place->domain->places), *at;

    TAILQ_FOREACH(at, &place->domain->places, in_domain)
        if (at->destination.kind == OTR_TO_DOMAIN && at->destination.port == 25)
            return at == place;
    return first == place;
}

static bool is_of_interest(const otr_domain *domain)
{
    return domain->has_sighting ||
           (otr_domain_has_policy(domain) && domain->entry->policy->mode != OTR_STS_NONE);
}

static bool has_failed(const otr_host_finding *f)
{
    return f->addresses == OTR_HOST_TEMPFAIL || f->dane == OTR_DANE_TEMPFAIL;
}

/*
 * The hosts that mail could go to. 0: nothing is to be told: a lookup failed (what was known of it before is better), DNS
 * names no host, or an operator's override says nothing about the destination.
 */
static size_t list_hosts(const otr_verdict *v, otr_dependant_host hosts[OTR_DEPENDANT_HOSTS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < v->mx->host_count && !v->is_overridden && count < OTR_DEPENDANT_HOSTS_MAX; i++) {
        const otr_host_verdict *h = &v->hosts[i];

        if (has_failed(h->finding))
            return 0;
        if (h->finding->is_unusable_name || h->finding->addresses == OTR_HOST_NO_ADDRESS)
            continue;
        hosts[count++] = (otr_dependant_host){
            .name = h->finding->host,
            .has_dane = v->mx->security != OTR_MX_INSECURE && h->requirement == OTR_REQUIRE_DANE,
            .is_admitted = h->sts == OTR_STS_ADMITTED,
        };
    }
    return count;
}

/* The order of hosts with one preference changes from answer to answer, so it does not count. Never 0. */
static uint64_t digest_of(const otr_dependant_host *hosts, size_t count)
{
    uint64_t sum = count;

    for (size_t i = 0; i < count; i++) {
        uint64_t hash = 14695981039346656037u ^ (hosts[i].has_dane ? 1u : 0u) ^ (hosts[i].is_admitted ? 2u : 0u);

        for (const char *at = hosts[i].name; *at != '\0'; at++) /* FNV-1a */
            hash = (hash ^ (uint8_t)*at) * 1099511628211u;
        sum += hash;
    }
    return sum != 0 ? sum : 1;
}

static bool is_due(const otr_decided *d, uint64_t digest, otr_time now)
{
    otr_time age = now - d->written_at;

    if (d->digest == 0 || age < 0)
        return true;
    return age >= WRITE_EVERY || (digest != d->digest && age >= WRITE_FLOOR);
}

static void write(otr_domain *domain, const otr_dependant_host *hosts, size_t count, uint64_t digest, otr_time now)
{
    otr_decided *d = &domain->decided;
    outrider_diag diag = { 0 };
    outrider_err err = otr_store_put_destination(domain->worker->flow->store, domain->name, hosts, count,
                                                 (double)d->questions, now, &diag);

    if (err == OUTRIDER_OK) {
        *d = (otr_decided){ .digest = digest, .written_at = now };
        return;
    }
    otr_record_trouble(domain->worker, "recording a destination", domain->name, err, &diag);
    d->digest = digest;
    d->written_at = now - WRITE_EVERY + RETRY;
}

static void consider(otr_place *place, bool is_last)
{
    otr_dependant_host hosts[OTR_DEPENDANT_HOSTS_MAX];
    otr_domain *domain = place->domain;
    otr_time now = otr_clock_now(place->worker->flow->clock);
    const otr_place *at;
    uint64_t digest;
    size_t count;

    if (domain == NULL || place->answer == NULL || !is_of_interest(domain) || !is_speaker(place))
        return;
    TAILQ_FOREACH(at, &domain->places, in_domain)
        otr_decided_count(&domain->decided, at->answer);
    count = list_hosts(place->answer->verdict, hosts);
    digest = digest_of(hosts, count);
    if (count > 0 && (is_last ? domain->decided.questions > 0 : is_due(&domain->decided, digest, now)))
        write(domain, hosts, count, digest, now);
}

void otr_decided_note(otr_place *place)
{
    consider(place, false);
}

void otr_decided_leave(otr_place *place)
{
    consider(place, true);
}

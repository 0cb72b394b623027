/*
 * records_look.c - rounds of questions: the domain; the hosts' addresses; aliases that end unsigned; their TLSA records.
 */
#include "publish/records_look.h"

#include "base/diag.h"
#include "publish/authority_ask.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUND_MAX (4 * OTR_RECORDS_HOSTS_MAX)

typedef struct questions {
    const otr_records_net *net;
    otr_ask asks[ROUND_MAX];
    otr_dns_answer **places[ROUND_MAX];
    size_t count;
    bool has_asked_usual; /* for data */
    bool is_out_of_memory;
} questions;

static void ask(questions *q, const char *name, uint16_t type, otr_dns_answer **place)
{
    if (q->count == ROUND_MAX)
        return; /* not reached: hosts are counted */
    q->asks[q->count] = (otr_ask){ .name = name, .type = type };
    q->places[q->count++] = place;
}

static void keep(void *arg, const otr_dns_answer *answer)
{
    otr_dns_answer **place = arg;

    otr_dns_answer_free(*place);
    *place = otr_dns_answer_copy(answer);
}

/* Those without an answer that says something, of this resolver. */
static bool ask_round(questions *q, otr_resolver *resolver)
{
    otr_ask *round = calloc(q->count + 1, sizeof(*round));
    otr_asker asker = { 0 };
    size_t count = 0;
    bool is_open = round != NULL && otr_asker_open(&asker, q->net->base, OTR_RECORDS_LOOK_MS);

    for (size_t i = 0; is_open && i < q->count; i++) {
        if (*q->places[i] != NULL && (*q->places[i])->content != OTR_DNS_UNKNOWN)
            continue;
        round[count] = q->asks[i];
        round[count].resolver = resolver;
        round[count].take = keep;
        round[count++].arg = q->places[i];
    }
    if (is_open)
        otr_ask_all(&asker, round, count);
    otr_asker_close(&asker);
    free(round);
    return is_open && !asker.is_out_of_memory;
}

static bool has_unknown(const questions *q)
{
    for (size_t i = 0; i < q->count; i++)
        if (*q->places[i] == NULL || (*q->places[i])->content == OTR_DNS_UNKNOWN)
            return true;
    return false;
}

/* All that was asked for since the last time. False: out of memory. */
static bool ask_all(questions *q)
{
    bool is_good = q->net->fresh == NULL || ask_round(q, q->net->fresh);

    if (is_good && has_unknown(q)) {
        q->has_asked_usual = true;
        is_good = ask_round(q, q->net->usual);
    }
    for (size_t i = 0; i < q->count; i++)
        is_good &= *q->places[i] != NULL;
    q->count = 0;
    return is_good;
}

/* Hosts ------------------------------------------------------------------------------------------------------------------ */

static outrider_err add_host(otr_records_view *v, const char *host, uint16_t port, bool is_mx, outrider_diag *diag)
{
    for (size_t i = 0; i < v->host_count; i++) {
        if (strcmp(v->hosts[i].host, host) == 0) {
            v->hosts[i].is_mx |= is_mx;
            return OUTRIDER_OK;
        }
    }
    if (v->host_count == OTR_RECORDS_HOSTS_MAX)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "more than %d MX hosts", OTR_RECORDS_HOSTS_MAX);
    v->hosts[v->host_count++] = (otr_host_view){ .host = otr_arena_text(v->arena, host), .port = port, .is_mx = is_mx };
    return OUTRIDER_OK;
}

static uint16_t port_of(const otr_records_named *named, size_t count, const char *host)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(named[i].host, host) == 0)
            return named[i].port;
    return 25;
}

/* RFC 5321 §5.1: the MX hosts; the domain itself where there is none; nobody at a null MX (RFC 7505). */
static outrider_err add_hosts(otr_records_view *v, const char *domain, const otr_records_named *named, size_t count, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;

    for (size_t i = 0; err == OUTRIDER_OK && i < v->mx->rr_count; i++)
        if (v->mx->rrs[i].mx.is_host)
            err = add_host(v, v->mx->rrs[i].mx.exchange, port_of(named, count, v->mx->rrs[i].mx.exchange), true, diag);
    if (err == OUTRIDER_OK && v->mx->content == OTR_DNS_NODATA)
        err = add_host(v, domain, port_of(named, count, domain), true, diag);
    for (size_t i = 0; err == OUTRIDER_OK && i < count; i++)
        if (named[i].is_wanted)
            err = add_host(v, named[i].host, named[i].port, false, diag);
    return err;
}

/* An address decides; where neither family has one, a failure is not taken for absence. */
static const otr_dns_answer *better_family(const otr_host_view *h)
{
    if (h->a->content == OTR_DNS_DATA && (h->a->status == OTR_DNS_SECURE || h->aaaa->content != OTR_DNS_DATA))
        return h->a;
    if (h->aaaa->content == OTR_DNS_DATA)
        return h->aaaa;
    return h->a->content == OTR_DNS_UNKNOWN ? h->a : h->aaaa;
}

/* Whether the first link of an alias that ends unsigned is signed: then TLSA records at the host itself count (RFC 7672 §2.2.3). */
static bool needs_alias(const otr_host_view *h)
{
    const otr_dns_answer *best = better_family(h);

    return best->status == OTR_DNS_INSECURE && best->cname_count > 0;
}

static void ask_tlsa(questions *q, otr_records_view *v, otr_host_view *h)
{
    const otr_dns_answer *best = better_family(h);

    h->address_status = h->alias != NULL && h->alias->content == OTR_DNS_DATA ? h->alias->status : best->status;
    h->base_domain = h->host;
    if (best->status == OTR_DNS_SECURE && best->cname_count > 0)
        ask(q, otr_arena_printf(v->arena, "_%u._tcp.%s", h->port, best->canonical), OTR_RR_TLSA, &h->tlsa[0]);
    ask(q, otr_arena_printf(v->arena, "_%u._tcp.%s", h->port, h->host), OTR_RR_TLSA, &h->tlsa[1]);
}

/* The end of the alias comes first, unless only the host itself has records. */
static void choose_base(otr_host_view *h)
{
    bool is_at_end = h->tlsa[0] != NULL && (h->tlsa[0]->content == OTR_DNS_DATA || h->tlsa[0]->content == OTR_DNS_UNKNOWN ||
                                            h->tlsa[1]->content != OTR_DNS_DATA);

    h->records = is_at_end ? h->tlsa[0] : h->tlsa[1];
    if (is_at_end)
        h->base_domain = better_family(h)->canonical;
}

static bool ask_hosts(questions *q, otr_records_view *v)
{
    for (size_t i = 0; i < v->host_count; i++) {
        ask(q, v->hosts[i].host, OTR_RR_A, &v->hosts[i].a);
        ask(q, v->hosts[i].host, OTR_RR_AAAA, &v->hosts[i].aaaa);
    }
    if (!ask_all(q))
        return false;
    for (size_t i = 0; i < v->host_count; i++)
        if (needs_alias(&v->hosts[i]))
            ask(q, v->hosts[i].host, OTR_RR_CNAME, &v->hosts[i].alias);
    if (!ask_all(q))
        return false;
    for (size_t i = 0; i < v->host_count; i++)
        ask_tlsa(q, v, &v->hosts[i]);
    if (!ask_all(q))
        return false;
    for (size_t i = 0; i < v->host_count; i++)
        choose_base(&v->hosts[i]);
    return true;
}

outrider_err otr_records_look(const otr_records_net *net, const char *domain, const otr_records_named *named, size_t named_count,
                              otr_records_view *view, outrider_diag *diag)
{
    questions *q = calloc(1, sizeof(*q));
    outrider_err err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");

    view->arena = otr_arena_new();
    if (q == NULL || view->arena == NULL)
        goto out;
    q->net = net;
    ask(q, domain, OTR_RR_MX, &view->mx);
    ask(q, otr_arena_printf(view->arena, "_mta-sts.%s", domain), OTR_RR_TXT, &view->sts);
    ask(q, otr_arena_printf(view->arena, "_smtp._tls.%s", domain), OTR_RR_TXT, &view->tlsrpt);
    ask(q, otr_arena_printf(view->arena, "mta-sts.%s", domain), OTR_RR_A, &view->policy_a);
    ask(q, otr_arena_printf(view->arena, "mta-sts.%s", domain), OTR_RR_AAAA, &view->policy_aaaa);
    if (!ask_all(q))
        goto out;
    err = add_hosts(view, domain, named, named_count, diag);
    if (err == OUTRIDER_OK && (!ask_hosts(q, view) || otr_arena_failed(view->arena)))
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    view->has_whole_ttls = net->fresh != NULL && !q->has_asked_usual;
out:
    free(q);
    return err;
}

void otr_records_view_clear(otr_records_view *v)
{
    otr_dns_answer *const of_domain[] = { v->mx, v->sts, v->tlsrpt, v->policy_a, v->policy_aaaa };

    for (size_t i = 0; i < sizeof(of_domain) / sizeof(of_domain[0]); i++)
        otr_dns_answer_free(of_domain[i]);
    for (size_t i = 0; i < v->host_count; i++) {
        otr_dns_answer_free(v->hosts[i].a);
        otr_dns_answer_free(v->hosts[i].aaaa);
        otr_dns_answer_free(v->hosts[i].alias);
        otr_dns_answer_free(v->hosts[i].tlsa[0]);
        otr_dns_answer_free(v->hosts[i].tlsa[1]);
    }
    otr_arena_free(v->arena);
    *v = (otr_records_view){ 0 };
}

/* Zones ------------------------------------------------------------------------------------------------------------------- */

/* The name itself, and then those above it one by one: nobody is asked about what lies above the zone. */
outrider_err otr_records_find_zone(const otr_records_net *net, otr_arena *arena, const char *name, const char **zone)
{
    questions *q = calloc(1, sizeof(*q));
    bool is_good = q != NULL, is_over = false;

    *zone = "";
    for (const char *at = name; is_good && !is_over && at != NULL && *at != '\0';) {
        otr_dns_answer *answer = NULL;
        const char *dot = strchr(at, '.');

        q->net = net;
        ask(q, at, OTR_RR_SOA, &answer);
        is_good = ask_all(q);
        is_over = is_good && (answer->content == OTR_DNS_UNKNOWN || (answer->content == OTR_DNS_DATA && answer->cname_count == 0));
        if (is_over && answer->content == OTR_DNS_DATA)
            *zone = otr_arena_text(arena, at);
        otr_dns_answer_free(answer);
        at = dot != NULL ? dot + 1 : NULL;
    }
    free(q);
    return is_good ? OUTRIDER_OK : OUTRIDER_E_NOMEM;
}

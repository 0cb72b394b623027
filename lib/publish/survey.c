/*
 * survey.c - see survey.h. Every question has a place in the facts where its answer goes, and a step that follows it.
 */
#include "publish/survey.h"

#include "base/clock.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define NEED_HOSTS (OTR_CHECKS_DNS | OTR_CHECKS_SMTP | OTR_CHECKS_DANE | OTR_CHECKS_STS)
#define NEED_TLSA (OTR_CHECKS_SMTP | OTR_CHECKS_DANE) /* a host without STARTTLS is worse if it has TLSA records */
#define NEED_VISITS (OTR_CHECKS_SMTP | OTR_CHECKS_DANE | OTR_CHECKS_STS)

typedef void next_step(otr_survey *s, otr_host_facts *host);

typedef struct lookup {
    otr_survey *survey;    /* borrowed, as all here but: */
    otr_dns_query *query;  /* owned */
    otr_dns_answer **to;
    otr_host_facts *host;  /* NULL: about the domain */
    next_step *next;       /* NULL: none */
    LIST_ENTRY(lookup) link;
} lookup;

typedef struct visit {
    otr_survey *survey;
    otr_desk_ticket *ticket; /* owned */
    otr_address_facts *at;
    LIST_ENTRY(visit) link;
} visit;

typedef struct fetch {
    otr_survey *survey;
    otr_fetch *fetch; /* owned */
    otr_fetch_facts *to;
    int64_t begin_ms;
    LIST_ENTRY(fetch) link;
} fetch;

struct otr_survey {
    const otr_survey_net *net; /* borrowed */
    unsigned groups;
    otr_domain_facts *facts;   /* owned */
    bool is_out_of_memory;
    LIST_HEAD(, lookup) lookups; /* owned, as the next two: those under way */
    LIST_HEAD(, visit) visits;
    LIST_HEAD(, fetch) fetches;
    struct event *deadline;    /* owned */
    otr_survey_done *done;
    void *arg;
};

/* The end ------------------------------------------------------------------------------------------------------ */

static void drop_what_is_under_way(otr_survey *s)
{
    while (!LIST_EMPTY(&s->lookups)) {
        lookup *l = LIST_FIRST(&s->lookups);

        LIST_REMOVE(l, link);
        otr_dns_cancel(l->query);
        free(l);
    }
    while (!LIST_EMPTY(&s->visits)) {
        visit *v = LIST_FIRST(&s->visits);

        LIST_REMOVE(v, link);
        otr_desk_cancel(v->ticket);
        free(v);
    }
    while (!LIST_EMPTY(&s->fetches)) {
        fetch *f = LIST_FIRST(&s->fetches);

        LIST_REMOVE(f, link);
        otr_fetch_cancel(f->fetch);
        free(f);
    }
}

void otr_survey_cancel(otr_survey *s)
{
    if (s == NULL)
        return;
    drop_what_is_under_way(s);
    if (s->deadline != NULL)
        event_free(s->deadline);
    otr_facts_free(s->facts);
    free(s);
}

/* done() may start the next one, so nothing of this one is left by then. */
static void finish(otr_survey *s)
{
    otr_domain_facts *facts = s->facts;
    otr_survey_done *done = s->done;
    void *arg = s->arg;

    if (s->is_out_of_memory || otr_arena_failed(facts->arena)) {
        otr_facts_free(facts);
        facts = NULL;
    }
    s->facts = NULL;
    otr_survey_cancel(s);
    done(arg, facts);
}

static void finish_if_complete(otr_survey *s)
{
    if (s->is_out_of_memory || (LIST_EMPTY(&s->lookups) && LIST_EMPTY(&s->visits) && LIST_EMPTY(&s->fetches)))
        finish(s);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    finish(arg);
}

/* Questions ---------------------------------------------------------------------------------------------------- */

static void on_answer(void *arg, const otr_dns_answer *answer)
{
    lookup *l = arg;
    otr_survey *s = l->survey;
    next_step *next = l->next;
    otr_host_facts *host = l->host;

    LIST_REMOVE(l, link);
    *l->to = otr_dns_answer_copy(answer);
    if (*l->to == NULL)
        s->is_out_of_memory = true;
    free(l);
    if (next != NULL && !s->is_out_of_memory)
        next(s, host);
    finish_if_complete(s);
}

static void ask(otr_survey *s, const char *name, uint16_t type, otr_dns_answer **to, otr_host_facts *host, next_step *next)
{
    lookup *l = calloc(1, sizeof(*l));

    if (l != NULL) {
        *l = (lookup){ .survey = s, .to = to, .host = host, .next = next };
        l->query = otr_dns_ask(s->net->resolver, name, type, on_answer, l);
    }
    if (l == NULL || l->query == NULL) {
        free(l);
        s->is_out_of_memory = true;
        return;
    }
    LIST_INSERT_HEAD(&s->lookups, l, link);
}

/* MX hosts ------------------------------------------------------------------------------------------------------ */

static void on_visited(void *arg, const otr_probe_result *first, const otr_probe_result *second)
{
    visit *v = arg;
    otr_survey *s = v->survey;

    LIST_REMOVE(v, link);
    if (!otr_facts_take_probe(s->facts, &v->at->first, first) || (second != NULL && !otr_facts_take_probe(s->facts, &v->at->second,
                                                                                                          second)))
        s->is_out_of_memory = true;
    free(v);
    finish_if_complete(s);
}

static void visit_address(otr_survey *s, otr_address_facts *at, const char *sni)
{
    visit *v = calloc(1, sizeof(*v));

    if (v != NULL) {
        *v = (visit){ .survey = s, .at = at };
        v->ticket = otr_probe_desk_ask(s->net->desk, &at->address, sni, on_visited, v);
    }
    if (v == NULL || v->ticket == NULL) {
        free(v);
        s->is_out_of_memory = true;
        return;
    }
    LIST_INSERT_HEAD(&s->visits, v, link);
}

/* SNI is what a sender says: the TLSA base domain where the host has signed records (RFC 7672 §8.1). */
static void visit_host(otr_survey *s, otr_host_facts *host)
{
    otr_host_tlsa tlsa = otr_host_tlsa_of(host);
    const char *sni = tlsa.state == OTR_HOST_DANE_SIGNED ? tlsa.base_domain : host->host;

    for (size_t i = 0; (s->groups & NEED_VISITS) && i < host->address_count; i++)
        if (!host->addresses[i].is_refused)
            visit_address(s, &host->addresses[i], sni);
}

static bool is_under_way(const otr_survey *s, const otr_host_facts *host)
{
    const lookup *l;

    LIST_FOREACH(l, &s->lookups, link)
        if (l->host == host)
            return true;
    return false;
}

static void after_tlsa(otr_survey *s, otr_host_facts *host)
{
    if (!is_under_way(s, host))
        visit_host(s, host);
}

static void ask_for_tlsa(otr_survey *s, const char *base, otr_dns_answer **to, otr_host_facts *host)
{
    char name[sizeof("_25._tcp.") + OTR_DOMAIN_SIZE];

    snprintf(name, sizeof(name), "_25._tcp.%s", base);
    ask(s, name, OTR_RR_TLSA, to, host, after_tlsa);
}

static void after_address(otr_survey *s, otr_host_facts *host)
{
    const otr_dns_answer *answer;

    if (is_under_way(s, host))
        return;
    if (!otr_facts_take_addresses(s->facts, host, s->net->allow_private)) {
        s->is_out_of_memory = true;
        return;
    }
    if (!(s->groups & NEED_TLSA)) {
        visit_host(s, host);
        return;
    }
    answer = otr_host_address_answer(host);
    if (answer->cname_count > 0 && answer->status == OTR_DNS_SECURE && otr_is_ldh_domain(answer->canonical, strlen(answer->canonical)))
        ask_for_tlsa(s, answer->canonical, &host->tlsa_alias, host);
    if (answer->cname_count > 0 && answer->status == OTR_DNS_INSECURE)
        ask(s, host->host, OTR_RR_CNAME, &host->cname, host, after_tlsa);
    ask_for_tlsa(s, host->host, &host->tlsa, host);
}

static void after_mx(otr_survey *s, otr_host_facts *none)
{
    (void)none;
    if (!otr_facts_take_hosts(s->facts)) {
        s->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < s->facts->host_count; i++) {
        otr_host_facts *host = &s->facts->hosts[i];

        if (!host->is_host_name)
            continue;
        ask(s, host->host, OTR_RR_A, &host->a, host, after_address);
        ask(s, host->host, OTR_RR_AAAA, &host->aaaa, host, after_address);
    }
}

/* The policy ----------------------------------------------------------------------------------------------------- */

static void on_fetched(void *arg, const otr_fetch_result *result)
{
    fetch *f = arg;
    otr_survey *s = f->survey;
    otr_arena *arena = s->facts->arena;
    otr_fetch_facts *to = f->to;

    LIST_REMOVE(f, link);
    to->was_made = true;
    to->took_ms = (unsigned)(otr_monotonic_ms() - f->begin_ms);
    to->failure = result->failure;
    to->cause = result->cause;
    to->http_status = result->http_status;
    to->is_too_long = result->is_too_long;
    to->media_type = otr_arena_text(arena, result->media_type);
    to->location = otr_arena_text(arena, result->location);
    to->reason = otr_arena_text(arena, result->reason);
    to->body_len = result->failure == OTR_STS_NO_FAILURE ? result->body_len : 0;
    to->body = otr_arena_slice(arena, (otr_slice){ .ptr = result->body, .len = to->body_len });
    if (result->chain != NULL) {
        to->chain = X509_chain_up_ref((STACK_OF(X509) *)(uintptr_t)result->chain); /* OpenSSL wants it so; it only reads */
        s->is_out_of_memory = s->is_out_of_memory || to->chain == NULL;
    }
    free(f);
    finish_if_complete(s);
}

static void fetch_from(otr_survey *s, otr_fetch_facts *to)
{
    fetch *f = calloc(1, sizeof(*f));

    if (f != NULL) {
        *f = (fetch){ .survey = s, .to = to, .begin_ms = otr_monotonic_ms() };
        f->fetch = otr_fetch_start(s->net->fetcher, s->facts->domain, &to->address, 1, s->net->programs[0].set, on_fetched, f);
    }
    if (f == NULL || f->fetch == NULL) {
        free(f);
        s->is_out_of_memory = true;
        return;
    }
    LIST_INSERT_HEAD(&s->fetches, f, link);
}

static void fetch_from_each(otr_survey *s, const otr_dns_answer *answer)
{
    otr_domain_facts *facts = s->facts;

    for (size_t i = 0; answer->content == OTR_DNS_DATA && i < answer->rr_count && i < OTR_ADDRESSES_MAX; i++) {
        otr_fetch_facts *to = &facts->fetches[facts->fetch_count++];

        *to = (otr_fetch_facts){ .address.family = answer->rrs[i].address.family, .media_type = "", .location = "", .reason = "",
                                 .body = "" };
        memcpy(to->address.bytes, answer->rrs[i].address.bytes, sizeof(to->address.bytes));
        to->is_refused = !s->net->allow_private && otr_address_is_private(&to->address);
        if (!to->is_refused)
            fetch_from(s, to);
    }
}

static void after_policy_a(otr_survey *s, otr_host_facts *none)
{
    (void)none;
    fetch_from_each(s, s->facts->policy_a);
}

static void after_policy_aaaa(otr_survey *s, otr_host_facts *none)
{
    (void)none;
    fetch_from_each(s, s->facts->policy_aaaa);
}

/* The beginning -------------------------------------------------------------------------------------------------- */

static void ask_below(otr_survey *s, const char *label, otr_dns_answer **to)
{
    char name[sizeof("_mta-sts.") + sizeof("_smtp._tls.") + OTR_DOMAIN_SIZE];

    snprintf(name, sizeof(name), "%s%s", label, s->facts->domain);
    ask(s, name, OTR_RR_TXT, to, NULL, NULL);
}

static bool begin(otr_survey *s)
{
    otr_domain_facts *f = s->facts;

    if (s->groups & NEED_HOSTS)
        ask(s, f->domain, OTR_RR_MX, &f->mx, NULL, after_mx);
    if (s->groups & (OTR_CHECKS_STS | OTR_CHECKS_RPT))
        ask_below(s, "", &f->apex_txt);
    if (s->groups & OTR_CHECKS_RPT)
        ask_below(s, "_smtp._tls.", &f->rpt_txt);
    if (s->groups & OTR_CHECKS_STS)
        ask_below(s, "_mta-sts.", &f->sts_txt);
    if (s->groups & (OTR_CHECKS_STS | OTR_CHECKS_SMTP)) { /* how bad a certificate is depends on the policy */
        f->fetches = otr_arena_alloc(f->arena, OTR_FACT_ADDRESSES_MAX, sizeof(*f->fetches));
        if (f->fetches == NULL)
            return false;
        ask(s, f->policy_host, OTR_RR_A, &f->policy_a, NULL, after_policy_a);
        ask(s, f->policy_host, OTR_RR_AAAA, &f->policy_aaaa, NULL, after_policy_aaaa);
    }
    return !s->is_out_of_memory;
}

static bool take_net(otr_survey *s)
{
    s->facts->resolver = s->net->resolver_state;
    s->facts->resolver_words = otr_arena_text(s->facts->arena, s->net->resolver_words != NULL ? s->net->resolver_words : "");
    for (size_t i = 0; i < s->net->program_count; i++)
        if (!otr_facts_add_program(s->facts, s->net->programs[i].name, s->net->programs[i].set))
            break; /* the configuration has no more than fit */
    return !otr_arena_failed(s->facts->arena);
}

otr_survey *otr_survey_start(const otr_survey_net *net, const otr_survey_question *question, otr_survey_done *done, void *arg)
{
    unsigned ms = question->timeout_ms > 0 ? question->timeout_ms : OTR_SURVEY_TIMEOUT_MS;
    struct timeval span = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
    otr_survey *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    *s = (otr_survey){ .net = net, .groups = question->groups, .done = done, .arg = arg };
    s->facts = otr_facts_new(question->domain, otr_clock_now(net->clock));
    s->deadline = evtimer_new(net->base, on_deadline, s);
    if (s->facts != NULL && s->deadline != NULL && evtimer_add(s->deadline, &span) == 0) {
        s->facts->meant = question->meant;
        s->facts->before = question->before;
        if (take_net(s) && begin(s))
            return s;
    }
    otr_survey_cancel(s);
    return NULL;
}

/*
 * discover.c - the errand through DNS: the MX step, and the walk over the hosts. What is asked about one host is
 * in discover_host.c.
 */
#include "verdict/discover_host.h"

#include <assert.h>
#include <stdlib.h>

static void finish(otr_discover *d);
static void start_hosts(otr_discover *d);

static void free_discover(otr_discover *d)
{
    if (d == NULL)
        return;
    otr_dns_cancel(d->mx_query);
    for (size_t i = 0; i < d->host_count; i++)
        otr_host_errand_clear(&d->hosts[i]);
    free(d->hosts);
    free(d->evidence);
    otr_arena_free(d->arena);
    free(d);
}

void otr_discover_cancel(otr_discover *discover)
{
    free_discover(discover);
}

void otr_discover_note(otr_discover *d, const char *line)
{
    if (d->evidence_count == d->evidence_cap) {
        size_t cap = d->evidence_cap ? d->evidence_cap * 2 : 32;
        const char **grown = realloc(d->evidence, cap * sizeof(*grown));

        if (grown == NULL) {
            d->is_out_of_memory = true;
            return;
        }
        d->evidence = grown;
        d->evidence_cap = cap;
    }
    d->evidence[d->evidence_count++] = line;
}

void otr_discover_bound(otr_discover *d, uint32_t ttl)
{
    if (ttl < d->least_ttl)
        d->least_ttl = ttl;
}

/* "MX example.org: secure, 2 records, TTL 3600" - what the answer said, for EXPLAIN. */
void otr_discover_witness(otr_discover *d, const otr_dns_answer *a)
{
    const char *alias = "", *what;

    if (a->cname_count > 0)
        alias = otr_arena_printf(d->arena, " by CNAME at %s", a->canonical);
    if (a->content == OTR_DNS_UNKNOWN)
        what = otr_arena_printf(d->arena, "(%s)", a->reason);
    else if (a->content == OTR_DNS_DATA)
        what = otr_arena_printf(d->arena, "%zu record%s%s, TTL %u", a->rr_count, a->rr_count == 1 ? "" : "s", alias,
                                a->ttl);
    else
        what = otr_arena_printf(d->arena, "%s%s, TTL %u",
                                a->content == OTR_DNS_NXDOMAIN ? "no such name" : "no such record", alias, a->ttl);
    otr_discover_note(d, otr_arena_printf(d->arena, "%s %s: %s, %s", otr_rr_type_name(a->qtype), a->qname,
                                          otr_dns_status_names[a->status], what));
}

/* Names that can be looked up and connected to. Underscores are no host-name syntax, but MTAs deliver to such
 * exchanges, so they are looked at like any other. */
static bool is_exchange_name(const char *name)
{
    size_t len = strlen(name), label = 0;

    if (len == 0 || len > OTR_DOMAIN_MAX || otr_is_address_text(name, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (!(otr_is_alnum(name[i]) || name[i] == '-' || name[i] == '_') || ++label > OTR_LABEL_MAX) {
            return false;
        }
    }
    return label > 0;
}

/* --- MX ------------------------------------------------------------------------------------------------- */

static int by_preference(const void *a, const void *b)
{
    const otr_host_errand *x = a, *y = b;

    if (x->preference != y->preference)
        return x->preference < y->preference ? -1 : 1;
    return x->lot < y->lot ? -1 : x->lot > y->lot;
}

static bool has_host(const otr_discover *d, const char *name)
{
    for (size_t i = 0; i < d->host_count; i++) {
        if (strcmp(d->hosts[i].host, name) == 0)
            return true;
    }
    return false;
}

static void add_host(otr_discover *d, const char *name, uint16_t preference)
{
    otr_host_errand *h = &d->hosts[d->host_count++];

    *h = (otr_host_errand){ .discover = d, .host = otr_arena_text(d->arena, name), .preference = preference };
    h->canonical = h->host;
    h->is_unusable_name = !is_exchange_name(h->host);
    /* RFC 5321 §5.1: equal preferences in random order. One lot a host, drawn once for the finding. */
    h->lot = arc4random();
}

/* --- ourselves among them (M12; RFC 5321 §5.1, RFC 8461 §8.4) --------------------------------------------- */

static bool is_own(const otr_discover *d, const char *name)
{
    for (const char *const *own = d->settings.own_hosts; own != NULL && *own != NULL; own++) {
        if (strcmp(*own, name) == 0)
            return true;
    }
    return false;
}

/*
 * Mail must not go round: where this mail server is an MX host itself, that preference and all equal or worse ones are
 * discarded. On the list as DNS gave it, before any host is looked at or left out for another reason; it is sorted.
 */
static void discard_from_own(otr_discover *d)
{
    for (size_t i = 0; i < d->host_count; i++) {
        size_t kept = i;

        if (!is_own(d, d->hosts[i].host))
            continue;
        while (kept > 0 && d->hosts[kept - 1].preference == d->hosts[i].preference)
            kept--;
        otr_discover_note(d, otr_arena_printf(d->arena,
                                              "%s (preference %u) is one of own_hosts: of %zu MX hosts %zu remain, "
                                              "those with a better preference",
                                              d->hosts[i].host, d->hosts[i].preference, d->host_count, kept));
        d->host_count = kept;
        d->is_at_home = kept == 0;
        return;
    }
}

/* The hosts of the RRset by preference, the best of each name; a null MX beside others is dropped (M5). */
static void take_hosts(otr_discover *d, const otr_dns_answer *a)
{
    size_t most = d->settings.mx_hosts_max;

    d->hosts = calloc(a->rr_count, sizeof(*d->hosts));
    if (d->hosts == NULL) {
        d->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < a->rr_count; i++) {
        if (strcmp(a->rrs[i].mx.exchange, ".") == 0)
            otr_discover_note(d, "a null MX beside other MX records is ignored (RFC 7505 §3)");
        else
            add_host(d, a->rrs[i].mx.exchange, a->rrs[i].mx.preference);
    }
    qsort(d->hosts, d->host_count, sizeof(*d->hosts), by_preference);
    discard_from_own(d);

    size_t total = d->host_count;
    bool is_cut = false;

    d->host_count = 0;
    for (size_t i = 0; i < total; i++) {
        if (has_host(d, d->hosts[i].host))
            continue;
        is_cut = d->host_count == most;
        if (is_cut)
            break;
        d->hosts[d->host_count++] = d->hosts[i];
    }
    if (is_cut)
        otr_discover_note(d, otr_arena_printf(d->arena, "more than %zu MX hosts: the last are left out", most));
    if (a->is_truncated_by_us)
        otr_discover_note(
            d, otr_arena_printf(d->arena, "more than %zu MX records: the rest was not looked at", a->rr_count));
}

static void take_only_host(otr_discover *d)
{
    d->is_implicit = true;
    d->hosts = calloc(1, sizeof(*d->hosts));
    if (d->hosts == NULL)
        d->is_out_of_memory = true;
    else
        add_host(d, d->destination.domain, 0);
}

static bool is_null_mx(const otr_dns_answer *a)
{
    for (size_t i = 0; i < a->rr_count; i++) {
        if (strcmp(a->rrs[i].mx.exchange, ".") != 0)
            return false;
    }
    return true;
}

static void stop_at_mx(otr_discover *d, const char *row, otr_mx_security security, const char *error)
{
    d->row = row;
    d->security = security;
    d->error = error;
    finish(d);
}

/* Step 1 of the decision table: rows M2 to M10. */
static void on_mx(void *arg, const otr_dns_answer *a)
{
    otr_discover *d = arg;
    bool is_secure = a->status == OTR_DNS_SECURE;

    d->mx_query = NULL;
    otr_discover_witness(d, a);
    otr_discover_bound(d, a->ttl);
    d->canonical = otr_arena_text(d->arena, a->canonical);
    if (a->status == OTR_DNS_BOGUS) {
        stop_at_mx(d, "M9", OTR_MX_BOGUS, otr_arena_printf(d->arena, "MX lookup is bogus: %s", a->reason));
        return;
    }
    if (a->status == OTR_DNS_TEMPFAIL) {
        stop_at_mx(d, "M8", OTR_MX_TEMPFAIL, otr_arena_printf(d->arena, "MX lookup failed: %s", a->reason));
        return;
    }
    if (a->content == OTR_DNS_NXDOMAIN) {
        stop_at_mx(d, "M7", OTR_MX_NONE, "no such domain");
        return;
    }
    if (a->content == OTR_DNS_DATA && is_null_mx(a)) {
        stop_at_mx(d, "M4", is_secure ? OTR_MX_SECURE : OTR_MX_INSECURE, "null MX: the domain accepts no mail");
        return;
    }
    if (a->content == OTR_DNS_NODATA) {
        d->row = "M6";
        d->security = OTR_MX_NONE;
        take_only_host(d);
        discard_from_own(d);
    } else {
        d->row = is_secure ? "M2" : "M3";
        d->security = is_secure ? OTR_MX_SECURE : OTR_MX_INSECURE;
        take_hosts(d, a);
    }
    if (d->is_at_home) {
        stop_at_mx(d, "M12", d->security, "the best MX host is this mail server itself (own_hosts)");
        return;
    }
    if (d->has_hosts != NULL)
        d->has_hosts(d->done_arg);
    start_hosts(d);
}

/* --- the hosts ------------------------------------------------------------------------------------------ */

static void start_hosts(otr_discover *d)
{
    while (d->hosts_running < OTR_HOSTS_AT_ONCE && d->next_host < d->host_count && !d->is_out_of_memory) {
        if (otr_host_errand_start(&d->hosts[d->next_host++]))
            d->hosts_running++;
    }
    if (d->hosts_running == 0)
        finish(d);
}

void otr_discover_host_done(otr_discover *d)
{
    d->hosts_running--;
    start_hosts(d);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static otr_mx_finding *make_finding(otr_discover *d)
{
    otr_mx_finding *f = otr_arena_alloc(d->arena, 1, sizeof(*f));
    otr_host_finding *hosts = otr_arena_alloc(d->arena, d->host_count + 1, sizeof(*hosts));
    const char *const *evidence =
        otr_arena_bytes(d->arena, d->evidence, d->evidence_count * sizeof(*d->evidence));

    if (d->is_out_of_memory || otr_arena_failed(d->arena) || f == NULL || hosts == NULL)
        return NULL;
    for (size_t i = 0; i < d->host_count; i++)
        otr_host_errand_result(&d->hosts[i], &hosts[i]);
    f->destination = d->destination;
    f->row = d->row;
    f->security = d->security;
    f->is_implicit = d->is_implicit;
    f->canonical = d->canonical;
    f->hosts = hosts;
    f->host_count = d->host_count;
    f->error = d->error;
    f->evidence = evidence;
    f->evidence_count = d->evidence_count;
    f->found_at = otr_clock_now(d->clock);
    /* A TTL of 0 is good for the transaction it came with (RFC 1035 §3.2.1): one second. */
    f->valid_until = f->found_at + (d->least_ttl > 0 ? d->least_ttl : 1);
    f->arena = d->arena;
    f->refs = 1;
    d->arena = NULL; /* now the finding's */
    return f;
}

static void finish(otr_discover *d)
{
    otr_mx_finding *finding = make_finding(d);
    otr_discover_done *done = d->done;
    void *arg = d->done_arg;

    free_discover(d);
    done(arg, finding);
}

otr_discover *otr_discover_start(otr_resolver *resolver, otr_clock *clock, const otr_discover_settings *settings,
                                 const otr_destination *destination, otr_discover_hosts *has_hosts,
                                 otr_discover_done *done, void *arg)
{
    otr_discover *d = calloc(1, sizeof(*d));

    assert(destination->kind != OTR_TO_ADDRESS);
    if (d == NULL || (d->arena = otr_arena_new()) == NULL) {
        free(d);
        return NULL;
    }
    d->resolver = resolver;
    d->clock = clock;
    d->settings = *settings;
    d->destination = *destination;
    d->canonical = otr_arena_text(d->arena, d->destination.domain);
    d->error = "";
    d->least_ttl = UINT32_MAX;
    d->has_hosts = has_hosts;
    d->done = done;
    d->done_arg = arg;
    if (destination->kind == OTR_TO_DOMAIN) {
        d->mx_query = otr_dns_ask(resolver, d->destination.domain, OTR_RR_MX, on_mx, d);
        if (d->mx_query != NULL)
            return d;
    } else {
        d->row = "M13";
        d->security = OTR_MX_NONE;
        take_only_host(d);
        if (!d->is_out_of_memory && otr_host_errand_start(&d->hosts[d->next_host++])) {
            d->hosts_running++;
            return d;
        }
    }
    free_discover(d);
    return NULL;
}

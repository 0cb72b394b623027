/*
 * authority.c - the look, step by step. Each step asks what it needs at once and goes on when all of it is there.
 */
#include "publish/authority.h"

#include "base/diag.h"
#include "publish/authority_ask.h"
#include "publish/authority_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 127 /* of a name */

struct look {
    otr_asker asker;
    otr_resolver *resolver; /* borrowed; validates */
    otr_authority *found;   /* being made */
    otr_arena *arena;       /* its arena */
};

/* The first thing that goes wrong is what is told. */
static bool give_up(struct look *l, const char *trouble)
{
    if (*l->found->trouble == '\0')
        l->found->trouble = trouble;
    return false;
}

static bool give_up_at(struct look *l, const otr_dns_answer *a)
{
    otr_buf words = OTR_BUF_INIT;

    otr_buf_printf(&words, "%s %s: ", otr_rr_type_name(a->qtype), a->qname);
    otr_buf_put_printable(&words, a->status == OTR_DNS_BOGUS ? "bogus: " : "", 10);
    otr_buf_put_printable(&words, a->reason, 200);
    give_up(l, otr_arena_text(l->arena, otr_buf_text(&words)));
    otr_buf_clear(&words);
    return false;
}

static bool has_failed(const otr_dns_answer *a)
{
    return a->status == OTR_DNS_BOGUS || a->status == OTR_DNS_TEMPFAIL;
}

/* The host: where it is, and what it is called at the end ------------------------------------------------------------ */

struct addresses {
    struct look *look;
    bool is_there, has_failed;
    const char *canonical; /* a secure alias leads there; else NULL */
    char reason[200];
};

static void take_address(void *arg, const otr_dns_answer *a)
{
    struct addresses *at = arg;
    otr_authority *found = at->look->found;

    if (has_failed(a)) {
        at->has_failed = true;
        snprintf(at->reason, sizeof(at->reason), "%s", a->reason);
        return;
    }
    at->is_there |= a->content == OTR_DNS_DATA;
    if (a->status == OTR_DNS_SECURE && a->cname_count > 0)
        at->canonical = otr_arena_text(at->look->arena, a->canonical);
    for (size_t i = 0; i < a->rr_count; i++) {
        otr_address *to = &found->addresses[found->address_count];

        if (found->address_count == OTR_AUTHORITY_HOST_MAX) {
            found->is_cut = true;
            return;
        }
        found->address_count++;
        to->family = a->rrs[i].address.family;
        memcpy(to->bytes, a->rrs[i].address.bytes, sizeof(to->bytes));
    }
}

/* One family that cannot be looked up is no reason to stop, as long as the other is there: so senders see it. Who visits all of them minds. */
static bool look_at_host(struct look *l, struct addresses *at)
{
    otr_ask asks[] = { { .resolver = l->resolver, .name = l->found->host, .type = OTR_RR_A, .take = take_address, .arg = at },
                       { .resolver = l->resolver, .name = l->found->host, .type = OTR_RR_AAAA, .take = take_address, .arg = at } };

    otr_ask_all(&l->asker, asks, 2);
    if (at->has_failed && !at->is_there)
        return give_up(l, otr_arena_printf(l->arena, "the addresses of %s: %s", l->found->host, at->reason));
    if (at->has_failed)
        l->found->half = otr_arena_printf(l->arena, "some addresses of %s could not be looked up: %s", l->found->host, at->reason);
    return true;
}

/* The validated RRset ------------------------------------------------------------------------------------------------ */

struct validated {
    struct look *look;
    bool has_failed, has_alias, is_data;
    otr_dns_status status;
};

static void take_validated(void *arg, const otr_dns_answer *a)
{
    struct validated *v = arg;
    struct look *l = v->look;

    l->found->status = v->status = a->status;
    v->has_failed = has_failed(a);
    if (v->has_failed) {
        give_up_at(l, a);
        return;
    }
    v->has_alias = a->cname_count > 0;
    v->is_data = a->content == OTR_DNS_DATA;
    if (a->is_truncated_by_us)
        give_up(l, otr_arena_printf(l->arena, "%s has more than %d TLSA records", a->qname, OTR_TLSA_MAX));
    l->found->validated = otr_authority_set(l->arena, a);
}

static const char *owner_of(struct look *l, const char *base)
{
    return otr_arena_printf(l->arena, "_%u._tcp.%s", l->found->port, base);
}

/* RFC 7672 §2.2.3: the name at the end of a secure alias, if there are records there; else the host's own. */
static bool look_at_records(struct look *l, const char *canonical, struct validated *v)
{
    const char *candidates[] = { canonical, l->found->host };

    for (size_t i = canonical == NULL || strcmp(canonical, l->found->host) == 0; i < 2; i++) {
        otr_ask ask = { .resolver = l->resolver, .type = OTR_RR_TLSA, .take = take_validated, .arg = v };

        l->found->base = candidates[i];
        l->found->owner = ask.name = owner_of(l, candidates[i]);
        *v = (struct validated){ .look = l, .has_failed = true };
        otr_ask_all(&l->asker, &ask, 1);
        if (v->has_failed)
            return false;
        if (v->status == OTR_DNS_SECURE && v->is_data)
            break;
    }
    return true;
}

/* The zone and its servers ------------------------------------------------------------------------------------------- */

struct apex {
    struct look *look;
    const char *name;
    bool is_apex;
};

static void take_soa(void *arg, const otr_dns_answer *a)
{
    struct apex *apex = arg;

    if (has_failed(a))
        give_up_at(apex->look, a);
    else
        apex->is_apex = a->content == OTR_DNS_DATA && a->cname_count == 0;
}

/* An SOA record stands at the apex of a zone and nowhere else. All names above are asked at once; the lowest apex is it. */
static const char *find_zone(struct look *l, const char *name)
{
    struct apex apices[LABELS_MAX + 1];
    otr_ask asks[LABELS_MAX + 1];
    size_t count = 0;

    for (const char *at = name; at != NULL && count < LABELS_MAX; at = strchr(at, '.') != NULL ? strchr(at, '.') + 1 : NULL) {
        apices[count] = (struct apex){ .look = l, .name = at };
        asks[count] = (otr_ask){ .resolver = l->resolver, .name = at, .type = OTR_RR_SOA, .take = take_soa, .arg = &apices[count] };
        count++;
    }
    otr_ask_all(&l->asker, asks, count);
    if (*l->found->trouble != '\0')
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (apices[i].is_apex)
            return otr_arena_text(l->arena, apices[i].name);
    give_up(l, otr_arena_printf(l->arena, "the zone of %s was not found", name));
    return NULL;
}

struct servers {
    struct look *look;
    otr_server_addresses *list;
    size_t count;
};

static void take_servers(void *arg, const otr_dns_answer *a)
{
    struct servers *s = arg;
    struct look *l = s->look;

    if (has_failed(a))
        give_up_at(l, a);
    else if (a->content != OTR_DNS_DATA)
        give_up(l, otr_arena_printf(l->arena, "the zone %s has no NS records", a->qname));
    else if (a->rr_count > OTR_AUTHORITY_SERVERS_MAX || a->is_truncated_by_us)
        give_up(l, otr_arena_printf(l->arena, "the zone %s has more than %d servers", a->qname, OTR_AUTHORITY_SERVERS_MAX));
    else
        for (size_t i = 0; i < a->rr_count; i++)
            s->list[s->count++] = (otr_server_addresses){ .name = otr_arena_text(l->arena, a->rrs[i].target) };
}

static void take_server_address(void *arg, const otr_dns_answer *a)
{
    otr_server_addresses *server = arg;

    if (has_failed(a))
        snprintf(server->trouble, sizeof(server->trouble), "its addresses: %.150s", a->reason);
    for (size_t i = 0; i < a->rr_count; i++) {
        otr_address *to = &server->addresses[server->count];

        if (server->count == OTR_AUTHORITY_ADDRESSES_MAX) {
            snprintf(server->trouble, sizeof(server->trouble), "more than %d addresses", OTR_AUTHORITY_ADDRESSES_MAX);
            return;
        }
        to->family = a->rrs[i].address.family;
        memcpy(to->bytes, a->rrs[i].address.bytes, sizeof(to->bytes));
        server->count++;
    }
}

/* The servers of a zone with their addresses; false after trouble. */
static bool find_servers(struct look *l, const char *zone, struct servers *s)
{
    otr_ask ns = { .resolver = l->resolver, .name = zone, .type = OTR_RR_NS, .take = take_servers, .arg = s };
    otr_ask asks[2 * OTR_AUTHORITY_SERVERS_MAX];

    *s = (struct servers){ .look = l, .list = otr_arena_alloc(l->arena, OTR_AUTHORITY_SERVERS_MAX, sizeof(*s->list)) };
    if (s->list == NULL)
        return false;
    otr_ask_all(&l->asker, &ns, 1);
    if (*l->found->trouble != '\0')
        return false;
    for (size_t i = 0; i < 2 * s->count; i++)
        asks[i] = (otr_ask){ .resolver = l->resolver, .name = s->list[i / 2].name, .type = i % 2 == 0 ? OTR_RR_A : OTR_RR_AAAA,
                             .take = take_server_address, .arg = &s->list[i / 2] };
    otr_ask_all(&l->asker, asks, 2 * s->count);
    return true;
}

/* Aliases of the owner ----------------------------------------------------------------------------------------------- */

struct link {
    struct look *look;
    const char *target; /* NULL: no alias */
};

static void take_link(void *arg, const otr_dns_answer *a)
{
    struct link *link = arg;

    if (has_failed(a))
        give_up_at(link->look, a);
    else if (a->content == OTR_DNS_DATA)
        link->target = otr_arena_text(link->look->arena, a->rrs[0].target);
}

/* What the servers of its zone say of an alias counts as much as what they say of records: a cache holds it as long as they say. */
static bool ask_about_link(struct look *l, const char *name, const char *target)
{
    const char *zone = find_zone(l, name);
    struct servers servers;
    uint32_t ttl = 0;
    const char *trouble;

    if (zone == NULL || !find_servers(l, zone, &servers))
        return false;
    trouble = otr_authority_ask_alias(&l->asker, l->arena, zone, servers.list, servers.count, name, target, &ttl);
    if (*trouble != '\0')
        return give_up(l, trouble);
    if (ttl > l->found->alias_ttl)
        l->found->alias_ttl = ttl;
    return true;
}

static bool follow_aliases(struct look *l)
{
    for (size_t links = 0; links <= OTR_AUTHORITY_LINKS_MAX; links++) {
        struct link link = { .look = l };
        otr_ask ask = { .resolver = l->resolver, .name = l->found->name, .type = OTR_RR_CNAME, .take = take_link, .arg = &link };

        otr_ask_all(&l->asker, &ask, 1);
        if (*l->found->trouble != '\0')
            return false;
        if (link.target == NULL)
            return true;
        if (!ask_about_link(l, l->found->name, link.target))
            return false;
        l->found->name = link.target;
    }
    return give_up(l, otr_arena_printf(l->arena, "%s: more than %d aliases", l->found->owner, OTR_AUTHORITY_LINKS_MAX));
}

/* All of it ---------------------------------------------------------------------------------------------------------- */

static void look(struct look *l)
{
    struct addresses at = { .look = l };
    struct validated v;
    struct servers servers;

    if (!look_at_host(l, &at) || !look_at_records(l, at.canonical, &v))
        return;
    l->found->name = l->found->owner;
    if (l->found->status != OTR_DNS_SECURE || (v.has_alias && !follow_aliases(l)))
        return;
    l->found->zone = find_zone(l, l->found->name);
    if (l->found->zone == NULL || !find_servers(l, l->found->zone, &servers)) {
        l->found->zone = "";
        return;
    }
    otr_authority_ask_records(&l->asker, l->arena, servers.list, servers.count, l->found);
}

outrider_err otr_authority_look(struct event_base *base, otr_resolver *resolver, const char *host, uint16_t port,
                                otr_authority **authority, outrider_diag *diag)
{
    struct look l = { .resolver = resolver, .arena = otr_arena_new() };
    bool is_whole = l.arena != NULL && (l.found = otr_arena_alloc(l.arena, 1, sizeof(*l.found))) != NULL &&
                    otr_asker_open(&l.asker, base, OTR_AUTHORITY_ALL_MS);

    if (is_whole) {
        *l.found = (otr_authority){ .arena = l.arena, .host = otr_arena_text(l.arena, host), .port = port, .base = "", .owner = "",
                                    .name = "", .zone = "", .half = "", .trouble = "", .status = OTR_DNS_TEMPFAIL };
        look(&l);
        is_whole = !l.asker.is_out_of_memory && !otr_arena_failed(l.arena);
    }
    otr_asker_close(&l.asker);
    if (is_whole) {
        *authority = l.found;
        return OUTRIDER_OK;
    }
    otr_arena_free(l.arena);
    return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
}

void otr_authority_free(otr_authority *authority)
{
    if (authority != NULL)
        otr_arena_free(authority->arena);
}

/*
 * authority_server.c - one server's own word. libunbound is given nothing but that server and does not validate: retries, TCP and the reading
 * of packets are its work, and an answer without authority (AA) it refuses as lame.
 *
 * The server is the stub of the zone, so that the NS records in its answers lead nowhere else, and of the root, so that what it may say of other
 * zones is asked of it again, in vain, and of nobody else. (A stub of the root alone would not do: its NS records are asked for first.)
 */
#include "publish/authority_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_PORT 53

/* One address of one server, while it is asked. */
struct visit {
    otr_arena *arena;
    const char *server;
    char address[OTR_ADDRESS_SIZE];
    otr_resolver *resolver; /* owned; NULL where nobody can be asked */
    otr_server_word word;
    const char *target;     /* of an alias; NULL: none */
    uint32_t target_ttl;
};

struct visits {
    struct visit *list;
    size_t count;
};

otr_tlsa_set otr_authority_set(otr_arena *arena, const otr_dns_answer *a)
{
    otr_tlsa *records = otr_arena_alloc(arena, a->rr_count, sizeof(*records));
    otr_tlsa_set set = { .records = records, .ttl = a->ttl };

    for (size_t i = 0; records != NULL && i < a->rr_count; i++)
        records[i] = otr_tlsa_from_rdata(otr_arena_bytes(arena, a->rrs[i].tlsa.rdata, a->rrs[i].tlsa.len), a->rrs[i].tlsa.len);
    set.count = records != NULL ? a->rr_count : 0;
    return set;
}

/* Whether the machine has any way there: a UDP socket finds out without a packet. */
bool otr_has_route(const otr_address *a)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(DNS_PORT) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT) };
    int fd = socket(a->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int got, why;

    if (fd < 0)
        return errno != EAFNOSUPPORT;
    memcpy(&v4.sin_addr, a->bytes, 4);
    memcpy(&v6.sin6_addr, a->bytes, 16);
    got = a->family == 4 ? connect(fd, (struct sockaddr *)&v4, sizeof(v4)) : connect(fd, (struct sockaddr *)&v6, sizeof(v6));
    why = errno;
    close(fd);
    return got == 0 || (why != ENETUNREACH && why != EADDRNOTAVAIL && why != EAFNOSUPPORT);
}

static void stay_silent(struct visit *v, otr_server_state state, const char *reason)
{
    v->word.state = state;
    v->word.reason = otr_arena_text(v->arena, reason);
}

static void open_visit(otr_asker *asker, struct visit *v, const char *zone, const otr_address *address)
{
    const char *at[] = { v->address, NULL };
    const otr_stub_zone stubs[] = { { .name = zone, .addresses = at }, { .name = ".", .addresses = at }, { .name = NULL } };
    otr_unbound_options options = OTR_UNBOUND_OPTIONS_INIT;
    outrider_diag diag = { 0 };

    options.is_recursive = options.is_plain = options.allow_localhost = true;
    options.stubs = stubs;
    options.timeout_ms = OTR_AUTHORITY_SERVER_MS;
    if (!otr_has_route(address))
        stay_silent(v, OTR_SERVER_NO_ROUTE, "this machine has no way there");
    else if (otr_unbound_new(asker->base, &options, &v->resolver, &diag) != OUTRIDER_OK)
        stay_silent(v, OTR_SERVER_SILENT, diag.message);
}

/* A visit for each address; and one that nobody answers for a server whose addresses are not all known. */
static bool open_visits(otr_asker *asker, otr_arena *arena, const char *zone, const otr_server_addresses *servers, size_t count,
                        struct visits *vs)
{
    size_t room = 0;

    for (size_t i = 0; i < count; i++)
        room += servers[i].count + 1;
    *vs = (struct visits){ .list = calloc(room + 1, sizeof(*vs->list)) };
    if (vs->list == NULL) {
        asker->is_out_of_memory = true;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const otr_server_addresses *s = &servers[i];

        for (size_t n = 0; n < s->count; n++) {
            struct visit *v = &vs->list[vs->count++];

            *v = (struct visit){ .arena = arena, .server = s->name };
            otr_address_text(&s->addresses[n], v->address);
            v->word = (otr_server_word){ .server = s->name, .address = otr_arena_text(arena, v->address), .reason = "" };
            open_visit(asker, v, zone, &s->addresses[n]);
        }
        if (s->count == 0 || s->trouble[0] != '\0') {
            struct visit *v = &vs->list[vs->count++];

            *v = (struct visit){ .arena = arena, .server = s->name, .word = { .server = s->name, .address = "" } };
            stay_silent(v, OTR_SERVER_SILENT, s->trouble[0] != '\0' ? s->trouble : "it has no address");
        }
    }
    return true;
}

static void close_visits(struct visits *vs)
{
    for (size_t i = 0; i < vs->count; i++)
        otr_resolver_free(vs->list[i].resolver);
    free(vs->list);
}

static void ask_each(otr_asker *asker, struct visits *vs, const char *name, uint16_t type, otr_dns_done *take)
{
    otr_ask *asks = calloc(vs->count + 1, sizeof(*asks));
    size_t count = 0;

    if (asks == NULL) {
        asker->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < vs->count; i++)
        if (vs->list[i].resolver != NULL && vs->list[i].word.state == OTR_SERVER_ANSWERED)
            asks[count++] = (otr_ask){ .resolver = vs->list[i].resolver, .name = name, .type = type, .take = take, .arg = &vs->list[i] };
    otr_ask_all(asker, asks, count);
    free(asks);
}

static bool is_answer(struct visit *v, const otr_dns_answer *a)
{
    if (a->status != OTR_DNS_TEMPFAIL && a->status != OTR_DNS_BOGUS)
        return true;
    stay_silent(v, OTR_SERVER_SILENT, a->reason);
    return false;
}

static void take_records(void *arg, const otr_dns_answer *a)
{
    struct visit *v = arg;

    if (!is_answer(v, a))
        return;
    if (a->cname_count > 0)
        stay_silent(v, OTR_SERVER_SILENT, "it has an alias there, and the resolver does not know of one");
    else if (a->is_truncated_by_us)
        stay_silent(v, OTR_SERVER_SILENT, "it has too many TLSA records");
    v->word.set = otr_authority_set(v->arena, a);
    v->word.signed_until = a->signed_until;
}

static void take_soa(void *arg, const otr_dns_answer *a)
{
    struct visit *v = arg;

    if (!is_answer(v, a))
        return;
    if (a->content != OTR_DNS_DATA) {
        stay_silent(v, OTR_SERVER_SILENT, "it has no SOA record for the zone");
        return;
    }
    v->word.serial = a->rrs[0].soa.serial;
    v->word.refresh = a->rrs[0].soa.refresh;
    v->word.negative_ttl = a->rrs[0].soa.minimum < a->rrs[0].ttl ? a->rrs[0].soa.minimum : a->rrs[0].ttl;
}

/* A name of the NS RRset is as good as asked if it has answered somewhere, and is silent nowhere. */
static bool has_answered(const struct visits *vs, const char *server)
{
    for (size_t i = 0; i < vs->count; i++)
        if (vs->list[i].server == server && vs->list[i].word.state == OTR_SERVER_ANSWERED)
            return true;
    return false;
}

static const char *find_silence(const struct visits *vs)
{
    for (size_t i = 0; i < vs->count; i++) {
        const struct visit *v = &vs->list[i];

        if (v->word.state == OTR_SERVER_SILENT || (v->word.state == OTR_SERVER_NO_ROUTE && !has_answered(vs, v->server)))
            return otr_arena_printf(v->arena, "the server %s%s%s%s: %s", v->server, *v->word.address != '\0' ? " (" : "",
                                    v->word.address, *v->word.address != '\0' ? ")" : "", v->word.reason);
    }
    return "";
}

void otr_authority_ask_records(otr_asker *asker, otr_arena *arena, const otr_server_addresses *servers, size_t count,
                               otr_authority *found)
{
    struct visits vs;
    otr_server_word *words;

    if (!open_visits(asker, arena, found->zone, servers, count, &vs))
        return;
    ask_each(asker, &vs, found->name, OTR_RR_TLSA, take_records);
    ask_each(asker, &vs, found->zone, OTR_RR_SOA, take_soa);
    words = otr_arena_alloc(arena, vs.count, sizeof(*words));
    for (size_t i = 0; words != NULL && i < vs.count; i++)
        words[i] = vs.list[i].word;
    found->servers = words;
    found->server_count = words != NULL ? vs.count : 0;
    if (*found->trouble == '\0')
        found->trouble = find_silence(&vs);
    close_visits(&vs);
}

static void take_alias(void *arg, const otr_dns_answer *a)
{
    struct visit *v = arg;

    if (!is_answer(v, a) || a->content != OTR_DNS_DATA)
        return;
    v->target = otr_arena_text(v->arena, a->rrs[0].target);
    v->target_ttl = a->rrs[0].ttl;
}

const char *otr_authority_ask_alias(otr_asker *asker, otr_arena *arena, const char *zone, const otr_server_addresses *servers, size_t count,
                                    const char *name, const char *target, uint32_t *ttl)
{
    struct visits vs;
    const char *trouble;

    if (!open_visits(asker, arena, zone, servers, count, &vs))
        return "out of memory";
    ask_each(asker, &vs, name, OTR_RR_CNAME, take_alias);
    trouble = find_silence(&vs);
    for (size_t i = 0; i < vs.count && *trouble == '\0'; i++) {
        const struct visit *v = &vs.list[i];

        if (v->word.state != OTR_SERVER_ANSWERED)
            continue;
        if (v->target == NULL || strcmp(v->target, target) != 0)
            trouble = otr_arena_printf(arena, "the alias %s is not the same at the server %s as at the resolver", name, v->server);
        else if (v->target_ttl > *ttl)
            *ttl = v->target_ttl;
    }
    close_visits(&vs);
    return trouble;
}

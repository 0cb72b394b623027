/*
 * findings_pack.c - see findings_pack.h. In the order of the structures in findings.h.
 */
#include "verdict/findings_pack.h"

static void pack_host(const otr_host_finding *h, otr_buf *out)
{
    otr_pack_text(out, h->host);
    otr_pack_text(out, strcmp(h->canonical, h->host) == 0 ? "" : h->canonical); /* it is never empty */
    otr_pack_number(out, h->preference);
    otr_pack_text(out, h->address_row);
    otr_pack_number(out, h->addresses);
    otr_pack_number(out, (h->is_unusable_name ? 1u : 0u) | (h->is_bogus ? 2u : 0u));
    otr_pack_text(out, h->tlsa_row);
    otr_pack_number(out, h->dane);
    otr_pack_text(out, h->base_domain);
    otr_pack_number(out, h->tlsa_count);
    for (size_t i = 0; i < h->tlsa_count; i++) {
        const otr_tlsa *t = &h->tlsa[i];

        otr_pack_number(out, (unsigned)t->usage | (unsigned)t->selector << 8 | (unsigned)t->mtype << 16 |
                                 (t->is_short ? 1u : 0u) << 24);
        otr_pack_bytes(out, t->data, t->len);
    }
    otr_pack_text(out, h->reason);
}

void otr_mx_finding_pack(const otr_mx_finding *f, otr_buf *out)
{
    otr_pack_text(out, f->row);
    otr_pack_number(out, f->security);
    otr_pack_number(out, f->is_implicit);
    otr_pack_text(out, f->canonical);
    otr_pack_text(out, f->error);
    otr_pack_number(out, (uint64_t)f->found_at);
    otr_pack_number(out, (uint64_t)f->valid_until);
    otr_pack_number(out, f->host_count);
    for (size_t i = 0; i < f->host_count; i++)
        pack_host(&f->hosts[i], out);
    otr_pack_number(out, f->evidence_count);
    for (size_t i = 0; i < f->evidence_count; i++)
        otr_pack_text(out, f->evidence[i]);
}

static const char *take_text(otr_unpack *in, otr_arena *arena)
{
    return otr_arena_text(arena, otr_unpack_text(in));
}

/* A count that memory is taken for: each takes an octet at least. */
static size_t take_count(otr_unpack *in)
{
    uint64_t count = otr_unpack_number(in);

    if (count <= (uint64_t)(in->end - in->at))
        return (size_t)count;
    in->failed = true;
    return 0;
}

static void unpack_tlsa(otr_unpack *in, otr_arena *arena, otr_host_finding *h)
{
    size_t count = take_count(in);
    otr_tlsa *tlsa = count > 0 ? otr_arena_alloc(arena, count, sizeof(*tlsa)) : NULL;

    h->tlsa = tlsa;
    h->tlsa_count = tlsa != NULL ? count : 0;
    for (size_t i = 0; i < h->tlsa_count; i++) {
        uint64_t words = otr_unpack_number(in);
        otr_slice data = otr_unpack_bytes(in);

        tlsa[i] = (otr_tlsa){ .usage = (uint8_t)words, .selector = (uint8_t)(words >> 8), .mtype = (uint8_t)(words >> 16),
                              .is_short = words >> 24 != 0, .data = otr_arena_bytes(arena, data.ptr, data.len),
                              .len = data.len };
    }
}

static void unpack_host(otr_unpack *in, otr_arena *arena, otr_host_finding *h)
{
    const char *canonical;
    uint64_t flags;

    h->host = take_text(in, arena);
    canonical = otr_unpack_text(in);
    h->canonical = *canonical != '\0' ? otr_arena_text(arena, canonical) : h->host;
    h->preference = (uint16_t)otr_unpack_number(in);
    h->address_row = take_text(in, arena);
    h->addresses = (otr_host_addresses)otr_unpack_number(in);
    flags = otr_unpack_number(in);
    h->is_unusable_name = (flags & 1) != 0;
    h->is_bogus = (flags & 2) != 0;
    h->tlsa_row = take_text(in, arena);
    h->dane = (otr_dane_state)otr_unpack_number(in);
    h->base_domain = take_text(in, arena);
    unpack_tlsa(in, arena, h);
    h->reason = take_text(in, arena);
}

static void unpack_hosts(otr_unpack *in, otr_mx_finding *f)
{
    size_t count = take_count(in);
    otr_host_finding *hosts = count > 0 ? otr_arena_alloc(f->arena, count, sizeof(*hosts)) : NULL;

    f->hosts = hosts;
    f->host_count = hosts != NULL ? count : 0;
    for (size_t i = 0; i < f->host_count; i++)
        unpack_host(in, f->arena, &hosts[i]);
}

static void unpack_evidence(otr_unpack *in, otr_mx_finding *f)
{
    size_t count = take_count(in);
    const char **lines = count > 0 ? otr_arena_alloc(f->arena, count, sizeof(*lines)) : NULL;

    f->evidence = lines;
    f->evidence_count = lines != NULL ? count : 0;
    for (size_t i = 0; i < f->evidence_count; i++)
        lines[i] = take_text(in, f->arena);
}

otr_mx_finding *otr_mx_finding_unpack(otr_unpack *in, const otr_destination *destination)
{
    otr_arena *arena = otr_arena_new();
    otr_mx_finding *f = arena != NULL ? otr_arena_alloc(arena, 1, sizeof(*f)) : NULL;

    if (f == NULL) {
        otr_arena_free(arena);
        return NULL;
    }
    f->arena = arena;
    f->refs = 1;
    f->destination = *destination;
    f->row = take_text(in, arena);
    f->security = (otr_mx_security)otr_unpack_number(in);
    f->is_implicit = otr_unpack_number(in) != 0;
    f->canonical = take_text(in, arena);
    f->error = take_text(in, arena);
    f->found_at = (otr_time)otr_unpack_number(in);
    f->valid_until = (otr_time)otr_unpack_number(in);
    unpack_hosts(in, f);
    unpack_evidence(in, f);
    if (!in->failed && !otr_arena_failed(arena))
        return f;
    otr_mx_finding_unref(f);
    return NULL;
}

/*
 * draw.c - a world is a handful of rules, exceptions, policies and destinations, and one change of one of these. Names come
 * from a short list, so that most worlds have rules that touch one another.
 */
#include "draw.h"

#include <string.h>

/* SplitMix64: small, and good enough for lots. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t draw_seed(uint64_t run, uint64_t n)
{
    uint64_t state = run * 0x100000001b3 + n;

    return mix(&state);
}

struct lot {
    uint64_t state;
    world *w;
    uint8_t titles;
};

static unsigned below(struct lot *lot, unsigned n)
{
    return (unsigned)(mix(&lot->state) % n);
}

static bool is_one_in(struct lot *lot, unsigned n)
{
    return below(lot, n) == 0;
}

static roots some_roots(struct lot *lot)
{
    roots all = (roots)(mix(&lot->state) & mix(&lot->state)) & POOL_ALL;

    return is_one_in(lot, 12) ? 0 : all;
}

static uint8_t some_names(struct lot *lot, name_id names[FACT_NAMES])
{
    uint8_t count = (uint8_t)(1 + below(lot, FACT_NAMES));

    for (size_t i = 0; i < count; i++)
        names[i] = (name_id)below(lot, WORLD_NAMES);
    return count;
}

static fact draw_rule(struct lot *lot)
{
    fact f = { .kind = RULE, .when = BEFORE | AFTER, .title = lot->titles++, .certs = some_roots(lot) };

    f.takes_system = is_one_in(lot, 3);
    f.is_reread = is_one_in(lot, 3);
    if (!is_one_in(lot, 4))
        f.name_count = some_names(lot, f.names);
    if (is_one_in(lot, 4))
        f.confine_count = some_names(lot, f.confine);
    f.is_only = is_one_in(lot, f.name_count > 0 ? 3 : 20);
    f.on_change = is_one_in(lot, 4) ? OTR_ON_CHANGE_DEFER : OTR_ON_CHANGE_LOG;
    return f;
}

static fact draw_fact(struct lot *lot, enum fact_kind kind)
{
    fact f = { .kind = kind, .when = BEFORE | AFTER, .name_count = 1 };

    f.names[0] = (name_id)below(lot, WORLD_NAMES);
    f.is_ended = is_one_in(lot, 4);
    switch (kind) {
    case RULE:
        return draw_rule(lot);
    case EXCEPTION:
        f.certs = (roots)(1u << below(lot, POOL_ROOTS));
        f.is_reread = is_one_in(lot, 2);
        break;
    case SYSTEM:
        f.certs = (roots)(1u << below(lot, POOL_ROOTS));
        f.name_count = 0;
        break;
    case OWN:
        f.choice = (uint8_t)below(lot, OTR_OWN_COUNT);
        f.takes_system = !is_one_in(lot, 3);
        f.certs = some_roots(lot);
        f.name_count = 0;
        break;
    case DESTINATION:
        f.choice = (uint8_t)below(lot, 3);
        break;
    case POLICY:
        f.choice = (uint8_t)(is_one_in(lot, 3) ? below(lot, 3) : 0);
        f.variant = (uint8_t)below(lot, 3);
        break;
    case OVERRIDE:
        f.choice = (uint8_t)below(lot, 3);
        break;
    case MINIMUM:
        f.choice = (uint8_t)below(lot, 4);
        break;
    }
    return f;
}

static void put(struct lot *lot, fact f)
{
    if (lot->w->count < FACTS_MAX)
        lot->w->facts[lot->w->count++] = f;
}

static void put_some(struct lot *lot, enum fact_kind kind, unsigned least, unsigned most)
{
    for (unsigned n = least + below(lot, most - least + 1); n > 0; n--)
        put(lot, draw_fact(lot, kind));
}

/* Another fact in the place of one: the same thing with something about it changed. */
static fact redraw(struct lot *lot, const fact *old)
{
    fact f = *old, fresh = draw_fact(lot, old->kind);

    switch (old->kind) {
    case RULE:
        switch (below(lot, 6)) {
        case 0: f.certs = fresh.certs; f.takes_system = fresh.takes_system; break;
        case 1: memcpy(f.names, fresh.names, sizeof(f.names)); f.name_count = fresh.name_count; break;
        case 2: memcpy(f.confine, fresh.confine, sizeof(f.confine)); f.confine_count = fresh.confine_count; break;
        case 3: f.is_only = !f.is_only; break;
        case 4: f.certs ^= (roots)(1u << below(lot, POOL_ROOTS)); f.takes_system = false; break; /* its bundle changes */
        default: f.on_change = f.on_change == OTR_ON_CHANGE_LOG ? OTR_ON_CHANGE_DEFER : OTR_ON_CHANGE_LOG; break;
        }
        return f;
    case EXCEPTION:
    case POLICY:
    case OVERRIDE:
        if (is_one_in(lot, 2)) { /* its time comes to an end */
            f.is_ended = !f.is_ended;
            return f;
        }
        break;
    case SYSTEM:
    case OWN:
    case DESTINATION:
    case MINIMUM:
        break;
    }
    if (is_one_in(lot, 2))
        fresh.names[0] = f.names[0];
    return fresh;
}

static void draw_change(struct lot *lot)
{
    static const enum fact_kind changing[] = { RULE, RULE, RULE, RULE, EXCEPTION, EXCEPTION, EXCEPTION, SYSTEM, SYSTEM, OWN,
                                               POLICY, POLICY, OVERRIDE, MINIMUM };
    enum fact_kind kind = changing[below(lot, sizeof(changing) / sizeof(changing[0]))];
    size_t at = below(lot, (unsigned)lot->w->count);
    fact added = draw_fact(lot, kind);

    while (at < lot->w->count && (lot->w->facts[at].kind != kind || lot->w->facts[at].when != (BEFORE | AFTER)))
        at++;
    if (at == lot->w->count || is_one_in(lot, 3)) { /* something new */
        added.when = AFTER;
        put(lot, added);
    } else if (is_one_in(lot, 2)) { /* something goes */
        lot->w->facts[at].when = BEFORE;
    } else {
        added = redraw(lot, &lot->w->facts[at]);
        lot->w->facts[at].when = BEFORE;
        added.when = AFTER;
        put(lot, added);
    }
}

void draw_world(uint64_t seed, world *w)
{
    struct lot lot = { .state = seed, .w = w };

    memset(w, 0, sizeof(*w));
    w->seed = seed;
    put_some(&lot, SYSTEM, 0, 4);
    if (!is_one_in(&lot, 5)) /* nearly everybody has the default */
        put(&lot, (fact){ .kind = RULE, .when = BEFORE | AFTER, .title = lot.titles++, .takes_system = true });
    put_some(&lot, RULE, 0, 4);
    put_some(&lot, EXCEPTION, 0, 3);
    put_some(&lot, OWN, 0, 2);
    put_some(&lot, POLICY, 0, 4);
    put_some(&lot, OVERRIDE, 0, 1);
    put_some(&lot, MINIMUM, 0, 1);
    put_some(&lot, DESTINATION, 3, 6);
    draw_change(&lot);
    if (is_one_in(&lot, 8))
        draw_change(&lot);
}

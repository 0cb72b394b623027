/*
 * shrink.c - see the header. Nothing here knows what a failure is.
 */
#include "shrink.h"

#include <string.h>

struct search {
    world *w;
    world_fails *fails;
    void *arg;
};

static bool take_if_it_fails(struct search *s, const world *smaller)
{
    if (!s->fails(s->arg, smaller))
        return false;
    *s->w = *smaller;
    return true;
}

static world without(const world *w, size_t from, size_t count)
{
    world smaller = *w;

    memmove(&smaller.facts[from], &smaller.facts[from + count], (w->count - from - count) * sizeof(w->facts[0]));
    smaller.count -= count;
    return smaller;
}

/* Parts of this size, wherever they lie. */
static bool drop_parts(struct search *s, size_t size)
{
    bool is_smaller = false;

    for (size_t from = 0; from + size <= s->w->count;) {
        world smaller = without(s->w, from, size);

        if (take_if_it_fails(s, &smaller))
            is_smaller = true;
        else
            from++;
    }
    return is_smaller;
}

static void drop_name(name_id names[FACT_NAMES], uint8_t *count, size_t at)
{
    memmove(&names[at], &names[at + 1], (*count - at - 1) * sizeof(*names));
    --*count;
}

/* The n-th way to make a fact plainer; false: there are no more. *is_other: it is another fact now. */
static bool plainer(fact *f, unsigned n, bool *is_other)
{
    fact old = *f;

    if (n < 16) {
        f->certs &= (roots)~(1u << n);
        if (f->kind != RULE && f->kind != OWN) /* which one it is, is all that these say */
            *f = old;
    } else if (n < 16 + FACT_NAMES) {
        if (f->kind == RULE && f->name_count > 1 && n - 16 < f->name_count) /* without the last it would be for everybody */
            drop_name(f->names, &f->name_count, n - 16);
    } else if (n < 16 + 2 * FACT_NAMES) {
        if (n - 16 - FACT_NAMES < f->confine_count)
            drop_name(f->confine, &f->confine_count, n - 16 - FACT_NAMES);
    } else {
        switch (n - 16 - 2 * FACT_NAMES) {
        case 0: f->is_only = false; break;
        case 1: f->on_change = OTR_ON_CHANGE_LOG; break;
        case 2: f->is_reread = false; break;
        case 3: f->is_ended = false; break;
        case 4: f->choice = f->kind == OWN ? f->choice : 0; break;
        case 5: f->variant = 0; break;
        case 6: f->takes_system = false; break;
        case 7: f->when = BEFORE | AFTER; break;
        default: return false;
        }
    }
    *is_other = memcmp(&old, f, sizeof(old)) != 0;
    return true;
}

static bool make_plainer(struct search *s)
{
    bool is_smaller = false;

    for (size_t i = 0; i < s->w->count; i++) {
        for (unsigned n = 0;; n++) {
            world smaller = *s->w;
            bool is_other = false;

            if (!plainer(&smaller.facts[i], n, &is_other))
                break;
            if (is_other && take_if_it_fails(s, &smaller))
                is_smaller = true;
        }
    }
    return is_smaller;
}

void shrink_world(world *w, world_fails *fails, void *arg)
{
    struct search s = { w, fails, arg };
    bool is_smaller;

    do {
        is_smaller = false;
        for (size_t size = w->count / 2 + 1; size > 0; size /= 2)
            is_smaller = drop_parts(&s, size) || is_smaller;
        is_smaller = make_plainer(&s) || is_smaller;
    } while (is_smaller);
}

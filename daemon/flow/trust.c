/*
 * trust.c - making, sharing and taking over what is trusted.
 */
#include "daemon/flow/trust.h"

#include "daemon/flow/place.h"
#include "daemon/flow/rest.h"

#include <stdlib.h>
#include <string.h>

otr_trust *otr_trust_new(otr_anchors *anchors, otr_time roots_at, const otr_exception *exceptions, size_t count)
{
    otr_trust *trust = calloc(1, sizeof(*trust));

    if (trust != NULL)
        trust->news = calloc(count + 1, sizeof(*trust->news));
    if (trust == NULL || trust->news == NULL) {
        free(trust);
        otr_anchors_free(anchors);
        return NULL;
    }
    atomic_init(&trust->refs, 1);
    trust->anchors = anchors;
    trust->roots_at = roots_at;
    for (size_t i = 0; i < count; i++) {
        otr_trust_news *news = &trust->news[trust->news_count++];

        memcpy(news->name, exceptions[i].domain, sizeof(news->name));
        news->at = exceptions[i].made_at;
    }
    return trust;
}

otr_trust *otr_trust_ref(otr_trust *trust)
{
    atomic_fetch_add_explicit(&trust->refs, 1, memory_order_relaxed);
    return trust;
}

void otr_trust_unref(otr_trust *trust)
{
    if (trust == NULL || atomic_fetch_sub_explicit(&trust->refs, 1, memory_order_acq_rel) != 1)
        return;
    otr_anchors_free(trust->anchors);
    free(trust->news);
    free(trust);
}

otr_time otr_trust_widened_at(const otr_trust *trust, const char *domain)
{
    otr_time at = trust->roots_at;

    for (size_t i = 0; i < trust->news_count; i++) {
        const char *const names[] = { trust->news[i].name, NULL };

        if (trust->news[i].at > at && otr_names_match(names, domain))
            at = trust->news[i].at;
    }
    return at;
}

bool otr_trust_is_same_set(const otr_anchor_set *a, const otr_anchor_set *b)
{
    size_t i = 0;

    if (a == b)
        return true;
    if (strcmp(a->name, b->name) != 0 || strcmp(a->file, b->file) != 0 || a->on_change != b->on_change)
        return false;
    for (int own = 0; own < OTR_OWN_COUNT; own++)
        if (a->is_own[own] != b->is_own[own])
            return false;
    while (a->rules[i] != NULL && b->rules[i] != NULL && strcmp(a->rules[i], b->rules[i]) == 0)
        i++;
    return a->rules[i] == NULL && b->rules[i] == NULL;
}

/* Under way: first those awake, at once; then those at rest, with other work in between. */
struct otr_swapping {
    otr_worker *worker; /* borrowed */
    otr_trust *old;     /* owned reference */
    otr_swap *swap;     /* owned, until it is sent back */
};

otr_swap *otr_swap_new(otr_trust *trust, otr_mailbox *reply_to)
{
    otr_swap *swap = calloc(1, sizeof(*swap));

    if (swap != NULL)
        swap->swapping = calloc(1, sizeof(*swap->swapping));
    if (swap == NULL || swap->swapping == NULL) {
        free(swap);
        return NULL;
    }
    swap->mail.kind = OTR_MAIL_SWAP;
    swap->reply_to = reply_to;
    swap->trust = otr_trust_ref(trust);
    return swap;
}

void otr_swap_free(otr_swap *swap)
{
    if (swap == NULL)
        return;
    otr_trust_unref(swap->trust);
    free(swap->swapping);
    free(swap);
}

/* Taking over ---------------------------------------------------------------------------------------------------- */

static bool is_concerned(void *arg, const char *domain)
{
    const struct otr_swapping *s = arg;

    return !otr_trust_is_same_set(otr_anchors_for(s->old->anchors, domain), otr_anchors_for(s->worker->net.anchors, domain));
}

/* One destination whose roots are others now. What cannot be decided anew at once is asked for anew. */
static void remake(void *arg, otr_place *place)
{
    struct otr_swapping *s = arg;

    s->swap->remade++;
    if (place->domain == NULL)
        otr_place_rebuild(place);
    else if (otr_domain_forgive(place->domain))
        otr_place_withdraw(place);
    else
        otr_place_overrule(place);
}

void otr_swap_drop(otr_worker *worker)
{
    struct otr_swapping *s = worker->swapping;

    worker->swapping = NULL;
    if (s == NULL)
        return;
    otr_trust_unref(s->old);
    otr_swap_free(s->swap);
    free(s);
}

static void acknowledge(void *arg)
{
    struct otr_swapping *s = arg;
    otr_swap *swap = s->swap;

    s->swap = NULL;
    otr_swap_drop(s->worker);
    otr_mailbox_post(swap->reply_to, &swap->mail);
}

void otr_swap_do(otr_worker *worker, otr_swap *swap)
{
    struct otr_swapping *s = swap->swapping;
    const otr_rest_visitor visitor = { is_concerned, remake, acknowledge, s };
    otr_place *place;

    swap->swapping = NULL;
    *s = (struct otr_swapping){ .worker = worker, .old = worker->trust, .swap = swap };
    worker->swapping = s;
    worker->trust = swap->trust;
    worker->net.anchors = swap->trust->anchors;
    swap->trust = NULL;
    TAILQ_FOREACH(place, &worker->queue, in_queue)
        if (is_concerned(s, place->destination.domain))
            remake(s, place);
    otr_rest_visit(worker, &visitor);
}

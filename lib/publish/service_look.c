/*
 * service_look.c - two rounds of probes, all addresses at once in each.
 */
#include "publish/service_look.h"

#include "publish/authority_server.h"
#include "smtp/probe.h"

#include <event2/event.h>
#include <string.h>

static const char *const algorithms[] = { "rsa", "ecdsa" };

struct visit {
    otr_service *service;
    const otr_address *address;
    char text[OTR_ADDRESS_SIZE];
    otr_probe *probe;       /* owned while it is under way */
    const char *algorithm;  /* that was asked for; NULL: any */
    const char *shown;      /* what the first round showed; NULL: nothing */
    bool has_no_route;
};

static void on_probe(void *arg, const otr_probe_result *r)
{
    struct visit *v = arg;
    otr_service *s = v->service;
    const otr_service_chain *last;

    v->probe = NULL;
    if (r->outcome != OTR_PROBE_TLS) {
        /* In the second round a handshake that does not come about means that there is no such key. */
        if (v->algorithm != NULL && r->outcome == OTR_PROBE_TLS_FAILED)
            return;
        s->is_failing |= otr_probe_has_learned(r->outcome);
        s->trouble = *s->trouble != '\0' ? s->trouble :
                                            otr_arena_printf(s->arena, "%s: %s: %s", v->text, otr_probe_outcome_names[r->outcome], r->reason);
        return;
    }
    if (!otr_service_add(s, v->text, r->chain))
        return;
    last = &s->chains[s->count - 1];
    if (v->algorithm == NULL)
        v->shown = last->algorithm;
    else if (strcmp(last->algorithm, v->shown) == 0)
        s->count--; /* shown whatever was asked for: seen already */
}

static bool go_round(struct event_base *base, const otr_probe_question *question, struct visit *visits, size_t count)
{
    bool is_whole = true;

    for (size_t i = 0; i < count; i++) {
        otr_probe_question q = *question;

        if (visits[i].has_no_route)
            continue;
        q.address = *visits[i].address;
        q.algorithm = visits[i].algorithm;
        visits[i].probe = otr_probe_start(base, &q, on_probe, &visits[i]);
        is_whole &= visits[i].probe != NULL;
    }
    for (size_t i = 0; i < count; i++)
        while (visits[i].probe != NULL && event_base_loop(base, EVLOOP_ONCE) == 0)
            ;
    for (size_t i = 0; i < count; i++) {
        is_whole &= visits[i].probe == NULL;
        otr_probe_cancel(visits[i].probe);
        visits[i].probe = NULL;
    }
    return is_whole;
}

/* For an address that has shown its RSA key, the ECDSA one; and the other way round. */
static size_t second_round(struct visit *visits, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct visit v = visits[i];

        if (v.shown == NULL)
            continue;
        v.algorithm = algorithms[strcmp(v.shown, algorithms[0]) == 0];
        visits[kept++] = v;
    }
    return kept;
}

bool otr_service_look(struct event_base *base, const otr_authority *a, const char *ehlo, unsigned timeout_ms, otr_service *s)
{
    struct visit visits[OTR_AUTHORITY_HOST_MAX];
    const otr_probe_question question = { .port = a->port, .sni = a->base, .ehlo = ehlo, .timeout_ms = timeout_ms };
    size_t skipped = 0;

    s->unseen = s->trouble = "";
    for (size_t i = 0; i < a->address_count; i++) {
        visits[i] = (struct visit){ .service = s, .address = &a->addresses[i], .has_no_route = !otr_has_route(&a->addresses[i]) };
        otr_address_text(&a->addresses[i], visits[i].text);
        if (!visits[i].has_no_route)
            continue;
        skipped++;
        s->unseen = otr_arena_printf(s->arena, "%s%s%s", s->unseen, *s->unseen != '\0' ? ", " : "", visits[i].text);
    }
    if (*a->half != '\0')
        s->trouble = otr_arena_text(s->arena, a->half);
    if (a->is_cut)
        s->trouble = otr_arena_printf(s->arena, "%s has more than %d addresses", a->host, OTR_AUTHORITY_HOST_MAX);
    if (a->address_count == skipped) {
        s->trouble = otr_arena_printf(s->arena, "%s has no address%s", a->host, skipped > 0 ? " to which this machine has a way" : "");
        return true;
    }
    return go_round(base, &question, visits, a->address_count) &&
           go_round(base, &question, visits, second_round(visits, a->address_count));
}

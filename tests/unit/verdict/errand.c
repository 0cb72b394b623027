/*
 * errand.c - see the header.
 */
#include "support/cmocka_all.h"

#include "errand.h"

#include <stdlib.h>

/* --- a resolver that answers when the test says so ------------------------------------------------------- */

struct held_query {
    otr_dns_query query;
    held_query *next;
    otr_dns_query *inner; /* once released */
    char *name;
    uint16_t type;
    otr_dns_done *done;
    void *arg;
};

static void drop_held(held_query *q)
{
    gate *g = (gate *)q->query.resolver;
    held_query **at = &g->held;

    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    g->held_count--;
    free(q->name);
    free(q);
}

static void on_inner(void *arg, const otr_dns_answer *answer)
{
    held_query *q = arg;
    otr_dns_done *done = q->done;
    void *done_arg = q->arg;

    drop_held(q);
    done(done_arg, answer);
}

static void let_through(held_query *q)
{
    q->inner = otr_dns_ask(((gate *)q->query.resolver)->scripted, q->name, q->type, on_inner, q);
}

static otr_dns_query *gate_ask(otr_resolver *resolver, const char *name, uint16_t type, otr_dns_done *done,
    void *arg)
{
    gate *g = (gate *)resolver;
    held_query *q;

    if (++g->asked == g->fail_at)
        return NULL;
    q = calloc(1, sizeof(*q));
    q->query.resolver = resolver;
    q->name = strdup(name);
    q->type = type;
    q->done = done;
    q->arg = arg;
    q->next = g->held;
    g->held = q;
    g->held_count++;
    if (g->is_open)
        let_through(q);
    return &q->query;
}

static void gate_cancel(otr_dns_query *query)
{
    held_query *q = (held_query *)query;

    otr_dns_cancel(q->inner);
    drop_held(q);
}

static void gate_free(otr_resolver *resolver)
{
    gate *g = (gate *)resolver;

    while (g->held != NULL)
        gate_cancel(&g->held->query);
    otr_resolver_free(g->scripted);
    free(g);
}

static const struct otr_resolver_ops gate_ops = { gate_ask, gate_cancel, gate_free };

/* --- one errand ------------------------------------------------------------------------------------------- */

static void on_done(void *arg, otr_mx_finding *finding)
{
    errand *e = arg;

    e->done_count++;
    e->discover = NULL;
    e->finding = finding;
}

void errand_open(errand *e, const char *const *rules)
{
    *e = (errand){ .base = event_base_new(), .settings = OTR_DISCOVER_SETTINGS_INIT };
    e->gate = calloc(1, sizeof(*e->gate));
    e->gate->resolver.ops = &gate_ops;
    e->gate->is_open = true;
    e->gate->scripted = otr_scripted_resolver_new(e->base);
    for (; rules != NULL && *rules != NULL; rules++)
        otr_scripted_add(e->gate->scripted, *rules);
    otr_clock_init(&e->clock, 0);
    otr_clock_set(&e->clock, NOW);
}

void errand_start(errand *e, const char *to)
{
    otr_destination d;

    assert_int_equal(otr_destination_parse(to, strlen(to), &d, NULL), OUTRIDER_OK);
    e->discover = otr_discover_start(&e->gate->resolver, &e->clock, &e->settings, &d, NULL, on_done, e);
    assert_int_equal(e->done_count, 0); /* never from inside */
}

void errand_turn(errand *e)
{
    event_base_dispatch(e->base);
}

void errand_close(errand *e)
{
    assert_int_equal(e->gate->held_count, 0);
    assert_int_equal(otr_scripted_waiting(e->gate->scripted), 0);
    otr_mx_finding_unref(e->finding);
    otr_resolver_free(&e->gate->resolver);
    event_base_free(e->base);
}

void errand_finish(errand *e, const char *to)
{
    errand_start(e, to);
    errand_turn(e);
    assert_int_equal(e->done_count, 1);
    assert_non_null(e->finding);
}

bool errand_release(errand *e, size_t n)
{
    held_query *q = e->gate->held;

    if (q == NULL)
        return false;
    for (n %= e->gate->held_count; n > 0; n--)
        q = q->next;
    let_through(q);
    errand_turn(e);
    return true;
}

/* --- as text ---------------------------------------------------------------------------------------------- */

void put_finding(otr_buf *out, const otr_mx_finding *f)
{
    otr_buf_printf(out, "%s %s%s", f->row, otr_mx_security_names[f->security], f->is_implicit ? " implicit" : "");
    if (strcmp(f->canonical, f->destination.domain) != 0)
        otr_buf_printf(out, " as %s", f->canonical);
    otr_buf_puts(out, *f->error != '\0' ? ": " : "");
    otr_buf_puts(out, f->error);
    for (size_t i = 0; i < f->host_count; i++) {
        const otr_host_finding *h = &f->hosts[i];

        otr_buf_printf(out, "\n%u %s %s %s", h->preference, h->host, h->address_row,
            otr_host_addresses_names[h->addresses]);
        otr_buf_printf(out, "%s%s, %s%s%s", h->is_unusable_name ? " no-name" : "", h->is_bogus ? " bogus" : "",
            h->tlsa_row,
                       *h->tlsa_row != '\0' ? " " : "", otr_dane_state_names[h->dane]);
        if (*h->base_domain != '\0')
            otr_buf_printf(out, " at %s (%zu)", h->base_domain, h->tlsa_count);
        if (strcmp(h->canonical, h->host) != 0)
            otr_buf_printf(out, " alias of %s", h->canonical);
    }
}

void put_questions(otr_buf *out, const errand *e)
{
    for (size_t i = 0; i < otr_scripted_count(e->gate->scripted); i++)
        otr_buf_printf(out, "%s%s", i > 0 ? ", " : "", otr_scripted_question(e->gate->scripted, i));
}

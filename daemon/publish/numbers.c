/*
 * numbers.c - what monitors want to know of what we publish.
 */
#include "daemon/publish/inside.h"

static void count_own(const otr_own_domain *d, otr_time now, otr_publisher_stats *s)
{
    otr_time exit = otr_own_exit(d), end = d->certificate != NULL ? otr_certificate_not_after(d->certificate) : 0;

    if (d->conf == NULL) {
        s->abandoned += exit > now;
        return;
    }
    s->domains[d->life.phase]++;
    s->withheld += d->held != OTR_HOLD_NOTHING || *d->fault != '\0';
    s->lapsed += d->serving != NULL && d->serving->v.horizon <= now;
    if (d->life.phase != OTR_PHASE_ENFORCE && (uint64_t)exit > s->exit)
        s->exit = (uint64_t)exit;
    if (end > 0 && (s->certificate_expiry == 0 || (uint64_t)end < s->certificate_expiry))
        s->certificate_expiry = (uint64_t)end;
    s->certificates_failed += *d->certificate_error != '\0';
}

void otr_publisher_count(otr_publisher *p, otr_time now)
{
    otr_publisher_counts *c = &p->counts;
    otr_publisher_stats s = { 0 };

    for (size_t i = 0; i < p->domain_count; i++)
        count_own(&p->domains[i], now, &s);
    for (int i = 0; i <= OTR_PHASE_RETIRED; i++)
        atomic_store_explicit(&c->domains[i], s.domains[i], memory_order_relaxed);
    atomic_store_explicit(&c->withheld, s.withheld, memory_order_relaxed);
    atomic_store_explicit(&c->abandoned, s.abandoned, memory_order_relaxed);
    atomic_store_explicit(&c->lapsed, s.lapsed, memory_order_relaxed);
    atomic_store_explicit(&c->exit, s.exit, memory_order_relaxed);
    atomic_store_explicit(&c->certificate_expiry, s.certificate_expiry, memory_order_relaxed);
    atomic_store_explicit(&c->certificates_failed, s.certificates_failed, memory_order_relaxed);
}

otr_publisher_stats otr_publisher_look(const otr_publisher *p)
{
    const otr_publisher_counts *c = &p->counts;
    otr_publisher_stats s = {
        .withheld = atomic_load_explicit(&c->withheld, memory_order_relaxed),
        .abandoned = atomic_load_explicit(&c->abandoned, memory_order_relaxed),
        .lapsed = atomic_load_explicit(&c->lapsed, memory_order_relaxed),
        .exit = atomic_load_explicit(&c->exit, memory_order_relaxed),
        .certificate_expiry = atomic_load_explicit(&c->certificate_expiry, memory_order_relaxed),
        .certificates_failed = atomic_load_explicit(&c->certificates_failed, memory_order_relaxed),
    };

    for (int i = 0; i <= OTR_PHASE_RETIRED; i++)
        s.domains[i] = atomic_load_explicit(&c->domains[i], memory_order_relaxed);
    return s;
}

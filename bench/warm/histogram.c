/*
 * histogram.c - see histogram.h.
 */
#include "histogram.h"

#define HALF (1u << HISTOGRAM_BITS)

static unsigned cell_of(uint64_t value)
{
    unsigned shift = 0;

    if (value >> HISTOGRAM_LONGEST != 0)
        value = (UINT64_C(1) << HISTOGRAM_LONGEST) - 1;
    if (value >= 2 * HALF)
        shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
    return shift * HALF + (unsigned)(value >> shift);
}

/* The largest value that is counted there. */
static int64_t edge_of(unsigned cell)
{
    unsigned shift = cell < 2 * HALF ? 0 : cell / HALF - 1;

    return (int64_t)(((uint64_t)(cell - shift * HALF) + 1) << shift) - 1;
}

void histogram_add(histogram *h, int64_t ns)
{
    h->cells[cell_of(ns > 0 ? (uint64_t)ns : 0)]++;
    h->count++;
    h->most = ns > h->most ? ns : h->most;
}

void histogram_merge(histogram *h, const histogram *other)
{
    for (unsigned i = 0; i < HISTOGRAM_CELLS; i++)
        h->cells[i] += other->cells[i];
    h->count += other->count;
    h->most = other->most > h->most ? other->most : h->most;
}

int64_t histogram_quantile(const histogram *h, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += h->cells[i];
        if (seen > wanted || (seen == h->count && seen > 0))
            return edge_of(i) < h->most ? edge_of(i) : h->most;
    }
    return 0;
}

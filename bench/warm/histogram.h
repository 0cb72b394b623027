/*
 * histogram.h - times in nanoseconds, counted in buckets whose width grows with the value: each is known to 1 part in 128,
 * from one nanosecond to half an hour, and adding one costs a few instructions. (The form is that of HdrHistogram.) Pure.
 */
#ifndef OTR_BENCH_HISTOGRAM_H
#define OTR_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 7  /* of precision */
#define HISTOGRAM_LONGEST 41 /* bits: 2^41 ns */
#define HISTOGRAM_CELLS ((HISTOGRAM_LONGEST - HISTOGRAM_BITS + 2) << HISTOGRAM_BITS)

typedef struct histogram {
    uint64_t cells[HISTOGRAM_CELLS];
    uint64_t count;
    int64_t most;
} histogram;

void histogram_add(histogram *h, int64_t ns);
void histogram_merge(histogram *h, const histogram *other);

/* The time within which this share of all was done (0.99); the upper edge of its bucket, 0 if nothing was counted. */
int64_t histogram_quantile(const histogram *h, double share);

#endif

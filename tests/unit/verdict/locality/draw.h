/*
 * draw.h - worlds by lot. The same seed gives the same world on every machine.
 */
#ifndef OTR_TEST_DRAW_H
#define OTR_TEST_DRAW_H

#include "world.h"

void draw_world(uint64_t seed, world *w);

/* Seeds of a run: the n-th world of it. */
uint64_t draw_seed(uint64_t run, uint64_t n);

#endif

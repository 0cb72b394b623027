/*
 * shrink.h - from a world that fails to a small one that fails in the same way.
 */
#ifndef OTR_TEST_SHRINK_H
#define OTR_TEST_SHRINK_H

#include "world.h"

typedef bool world_fails(void *arg, const world *w);

/*
 * Leaves facts out, by halves and ever smaller parts (delta debugging), then words of the facts that are left: until none
 * can go. The world must fail to begin with, and does at the end.
 */
void shrink_world(world *w, world_fails *fails, void *arg);

#endif

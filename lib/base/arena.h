/*
 * arena.h - memory that is given back all at once. A record made of many small strings (an answer, a
 * finding, a verdict) is one arena: built once, never changed, freed whole.
 *
 * Like otr_buf, an arena keeps its first failure: a failed call returns NULL (or "" for text), and the
 * maker asks otr_arena_failed() once, at the end.
 * Threads: one at a time while it grows; afterwards any number may read what lies in it.
 */
#ifndef OTR_BASE_ARENA_H
#define OTR_BASE_ARENA_H

#include "base/slice.h"

#include <outrider/base.h>

typedef struct otr_arena otr_arena;

/* NULL when out of memory. */
otr_arena *otr_arena_new(void);
void otr_arena_free(otr_arena *arena);

/* Zeroed memory, aligned for any type. NULL on failure or if count * size overflows. */
void *otr_arena_alloc(otr_arena *arena, size_t count, size_t size);

/* Copies that end in NUL. On failure they return "" so that readers need no check. */
const char *otr_arena_text(otr_arena *arena, const char *text);
const char *otr_arena_slice(otr_arena *arena, otr_slice s);
const char *otr_arena_printf(otr_arena *arena, const char *format, ...) OUTRIDER_PRINTF(2, 3);

/* A copy of bytes; NULL on failure (or if len is 0). */
const void *otr_arena_bytes(otr_arena *arena, const void *bytes, size_t len);

bool otr_arena_failed(const otr_arena *arena);

/* Octets that it has taken from the system: what it costs to keep it. */
size_t otr_arena_size(const otr_arena *arena);

#endif

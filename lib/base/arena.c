/*
 * arena.c - blocks in a list, filled from the front.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE 4096
#define ALIGNMENT (_Alignof(max_align_t))

struct block {
    struct block *next;
    size_t used;
    size_t size;
    _Alignas(max_align_t) char data[];
};

struct otr_arena {
    struct block *blocks; /* owned; the one being filled comes first */
    size_t size;          /* of all blocks */
    bool failed;
};

otr_arena *otr_arena_new(void)
{
    return calloc(1, sizeof(otr_arena));
}

void otr_arena_free(otr_arena *arena)
{
    if (arena == NULL)
        return;
    while (arena->blocks != NULL) {
        struct block *next = arena->blocks->next;

        free(arena->blocks);
        arena->blocks = next;
    }
    free(arena);
}

void *otr_arena_alloc(otr_arena *arena, size_t count, size_t size)
{
    struct block *b = arena->blocks;
    size_t need;

    if (size != 0 && count > (SIZE_MAX / 2) / size) {
        arena->failed = true;
        return NULL;
    }
    need = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (b == NULL || b->size - b->used < need) {
        size_t block_size = need > BLOCK_SIZE ? need : BLOCK_SIZE;

        b = calloc(1, sizeof(*b) + block_size);
        if (b == NULL) {
            arena->failed = true;
            return NULL;
        }
        b->size = block_size;
        b->next = arena->blocks;
        arena->blocks = b;
        arena->size += sizeof(*b) + block_size;
    }
    b->used += need;
    return b->data + (b->used - need);
}

const void *otr_arena_bytes(otr_arena *arena, const void *bytes, size_t len)
{
    void *copy = len > 0 ? otr_arena_alloc(arena, len, 1) : NULL;

    if (copy != NULL)
        memcpy(copy, bytes, len);
    return copy;
}

const char *otr_arena_slice(otr_arena *arena, otr_slice s)
{
    char *copy = otr_arena_alloc(arena, s.len + 1, 1);

    if (copy == NULL)
        return "";
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

const char *otr_arena_text(otr_arena *arena, const char *text)
{
    return otr_arena_slice(arena, otr_slice_of(text));
}

const char *otr_arena_printf(otr_arena *arena, const char *format, ...)
{
    va_list args;
    int need;
    char *text;

    va_start(args, format);
    need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (need < 0 || (text = otr_arena_alloc(arena, (size_t)need + 1, 1)) == NULL) {
        arena->failed = true;
        return "";
    }
    va_start(args, format);
    vsnprintf(text, (size_t)need + 1, format, args);
    va_end(args);
    return text;
}

bool otr_arena_failed(const otr_arena *arena)
{
    return arena->failed;
}

size_t otr_arena_size(const otr_arena *arena)
{
    return sizeof(*arena) + arena->size;
}

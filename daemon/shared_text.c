/*
 * shared_text.c - see shared_text.h. A text that only the table holds is kept until the table is full, and goes then: nobody but
 * the table's thread can take a reference, so such a one stays alone. Before it doubles, in number or in octets, the table is swept:
 * what is kept for nobody is never more than what is kept for somebody, and a megabyte.
 */
#include "daemon/shared_text.h"

#include <stdlib.h>

#define BUCKETS_FIRST 256
#define OCTETS_SPARE (1024 * 1024)

static size_t size_of(size_t len)
{
    return sizeof(otr_shared_text) + len;
}

static void sweep(otr_shared_texts *t)
{
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (otr_shared_text **slot = &t->buckets[i]; *slot != NULL;) {
            otr_shared_text *text = *slot;

            if (atomic_load_explicit(&text->refs, memory_order_acquire) == 1) {
                *slot = text->next;
                t->count--;
                t->octets -= size_of(text->len);
                otr_shared_text_unref(text);
            } else {
                slot = &text->next;
            }
        }
    }
    t->octets_max = 2 * t->octets + OCTETS_SPARE;
}

/* False: out of memory, and the table is as it was. */
static bool grow(otr_shared_texts *t)
{
    size_t count = t->bucket_count > 0 ? 2 * t->bucket_count : BUCKETS_FIRST;
    otr_shared_text **buckets = calloc(count, sizeof(*buckets));

    if (buckets == NULL)
        return false;
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (otr_shared_text *text = t->buckets[i], *next; text != NULL; text = next) {
            otr_shared_text **bucket = &buckets[text->hash & (count - 1)];

            next = text->next;
            text->next = *bucket;
            *bucket = text;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = count;
    return true;
}

static otr_shared_text *find(const otr_shared_texts *t, otr_slice text, uint32_t hash)
{
    otr_shared_text *at = t->bucket_count > 0 ? t->buckets[hash & (t->bucket_count - 1)] : NULL;

    while (at != NULL && (at->hash != hash || at->len != text.len || memcmp(at->bytes, text.ptr, text.len) != 0))
        at = at->next;
    return at;
}

/* The table need not grow to go on: its buckets become longer. */
static bool has_room(otr_shared_texts *t)
{
    if (t->count < t->bucket_count && t->octets < t->octets_max)
        return true;
    sweep(t);
    return t->count < t->bucket_count / 4 * 3 || grow(t) || t->bucket_count > 0;
}

otr_shared_text *otr_shared_text_get(otr_shared_texts *t, otr_slice text)
{
    uint32_t hash = (uint32_t)otr_hash(&t->key, text.ptr, text.len);
    otr_shared_text *found = find(t, text, hash), **bucket;

    if (found != NULL) {
        atomic_fetch_add_explicit(&found->refs, 1, memory_order_relaxed);
        return found;
    }
    if (!has_room(t))
        return NULL;
    found = malloc(size_of(text.len));
    if (found == NULL)
        return NULL;
    bucket = &t->buckets[hash & (t->bucket_count - 1)];
    *found = (otr_shared_text){ .next = *bucket, .hash = hash, .len = (uint32_t)text.len };
    atomic_init(&found->refs, 2);
    memcpy(found->bytes, text.ptr, text.len);
    *bucket = found;
    t->count++;
    t->octets += size_of(text.len);
    return found;
}

void otr_shared_text_unref(otr_shared_text *text)
{
    if (text != NULL && atomic_fetch_sub_explicit(&text->refs, 1, memory_order_acq_rel) == 1)
        free(text);
}

void otr_shared_texts_clear(otr_shared_texts *t)
{
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (otr_shared_text *text = t->buckets[i], *next; text != NULL; text = next) {
            next = text->next;
            otr_shared_text_unref(text);
        }
    }
    free(t->buckets);
    *t = (otr_shared_texts){ 0 };
}

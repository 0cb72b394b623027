/*
 * address_count.c - a hash table with chains through an array.
 */
#include "daemon/publish/address_count.h"

#include "daemon/hash.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define NONE UINT32_MAX

struct entry {
    otr_network network;
    unsigned count;
    uint32_t next; /* in the chain, or of the free ones */
};

struct otr_address_count {
    struct entry *entries; /* owned; one a connection */
    uint32_t *buckets;     /* owned; a power of two */
    size_t mask;
    uint32_t free;
    otr_hash_key key;      /* strangers choose their addresses */
};

otr_address_count *otr_address_count_new(size_t most)
{
    otr_address_count *c = calloc(1, sizeof(*c));
    size_t buckets = 16;

    if (c == NULL)
        return NULL;
    while (buckets < most)
        buckets *= 2;
    c->mask = buckets - 1;
    c->entries = calloc(most, sizeof(*c->entries));
    c->buckets = calloc(buckets, sizeof(*c->buckets));
    c->key = otr_hash_key_draw();
    if (c->entries == NULL || c->buckets == NULL) {
        otr_address_count_free(c);
        return NULL;
    }
    for (size_t i = 0; i < buckets; i++)
        c->buckets[i] = NONE;
    for (size_t i = 0; i < most; i++)
        c->entries[i].next = i + 1 < most ? (uint32_t)i + 1 : NONE;
    return c;
}

void otr_address_count_free(otr_address_count *c)
{
    if (c == NULL)
        return;
    free(c->entries);
    free(c->buckets);
    free(c);
}

static uint32_t *find_bucket(otr_address_count *c, const otr_network *network)
{
    return &c->buckets[otr_hash(&c->key, network->prefix.bytes, sizeof(network->prefix.bytes)) & c->mask];
}

/* The link that leads to its entry, or to the end of the chain. */
static uint32_t *find_link(otr_address_count *c, const otr_network *network)
{
    uint32_t *link = find_bucket(c, network);

    while (*link != NONE && !otr_network_same(&c->entries[*link].network, network))
        link = &c->entries[*link].next;
    return link;
}

bool otr_address_count_enter(otr_address_count *c, const otr_network *network, unsigned limit)
{
    uint32_t *link = find_link(c, network), added;

    if (*link != NONE) {
        if (c->entries[*link].count >= limit)
            return false;
        c->entries[*link].count++;
        return true;
    }
    added = c->free;
    assert(added != NONE); /* as many entries as connections */
    c->free = c->entries[added].next;
    c->entries[added] = (struct entry){ .network = *network, .count = 1, .next = NONE };
    *link = added;
    return true;
}

void otr_address_count_leave(otr_address_count *c, const otr_network *network)
{
    uint32_t *link = find_link(c, network), gone = *link;

    assert(gone != NONE);
    if (--c->entries[gone].count > 0)
        return;
    *link = c->entries[gone].next;
    c->entries[gone].next = c->free;
    c->free = gone;
}

/*
 * cache.c - the concurrent hash table of answers.
 */
#include "daemon/cache.h"

#include <semaphore.h>
#include <stdlib.h>

#define BUCKETS_LEAST 1024u
#define BUCKETS_MOST (1u << 22)

struct otr_cache {
    struct cds_lfht *table;
    otr_hash_key key;
    _Atomic size_t count;
    _Atomic size_t retiring; /* answers that are out and not released yet; and one for the cache itself */
    sem_t all_released;      /* posted when `retiring` comes to nothing */
};

struct wanted {
    const char *key;
    size_t len;
};

otr_cache *otr_cache_new(size_t size)
{
    otr_cache *cache = calloc(1, sizeof(*cache));
    unsigned long buckets = BUCKETS_LEAST;

    if (cache == NULL)
        return NULL;
    /* Two for each answer: of the nodes that a look-up meets on its way, each is a wait for memory. */
    while (buckets < 2 * size && buckets < BUCKETS_MOST)
        buckets *= 2;
    cache->key = otr_hash_key_draw();
    atomic_init(&cache->retiring, 1);
    sem_init(&cache->all_released, 0, 0);
    /* All buckets from the start: a table that grows would need a thread of its own for it. */
    cache->table = cds_lfht_new_flavor(buckets, buckets, buckets, 0, &urcu_memb_flavor, NULL);
    if (cache->table == NULL) {
        free(cache);
        return NULL;
    }
    return cache;
}

/* The last one may be the last use of the cache: nothing touches it after the post. */
static void count_released(otr_cache *cache)
{
    if (atomic_fetch_sub(&cache->retiring, 1) == 1)
        sem_post(&cache->all_released);
}

static void release_later(struct rcu_head *head)
{
    otr_answer *answer = caa_container_of(head, otr_answer, rcu);
    otr_cache *cache;

    otr_rcu_after_grace();
    otr_rcu_seen(answer);
    cache = answer->cache;
    otr_answer_unref(answer);
    count_released(cache);
}

static void retire(otr_cache *cache, struct cds_lfht_node *node)
{
    otr_answer *answer = caa_container_of(node, otr_answer, node);

    atomic_fetch_sub_explicit(&cache->count, 1, memory_order_relaxed);
    atomic_fetch_add(&cache->retiring, 1);
    otr_rcu_published(answer);
    urcu_memb_call_rcu(&answer->rcu, release_later);
}

static int is_wanted(struct cds_lfht_node *node, const void *key)
{
    const otr_answer *answer = caa_container_of(node, otr_answer, node);
    const struct wanted *wanted = key;

    otr_rcu_seen(answer);
    if (answer->is_at_rest) /* its replies are elsewhere: they are on their way while the key is looked at */
        __builtin_prefetch(answer->shared->bytes);
    return answer->key_size == wanted->len + 1 && memcmp(otr_answer_key(answer), wanted->key, wanted->len) == 0;
}

uint64_t otr_cache_hash(const otr_cache *cache, const char *name, size_t len)
{
    return otr_hash(&cache->key, name, len);
}

otr_answer *otr_cache_find(otr_cache *cache, const char *key, size_t len)
{
    struct wanted wanted = { key, len };
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;

    cds_lfht_lookup(cache->table, (unsigned long)otr_hash(&cache->key, key, len), is_wanted, &wanted, &iter);
    node = cds_lfht_iter_get_node(&iter);
    return node != NULL ? caa_container_of(node, otr_answer, node) : NULL;
}

void otr_cache_put(otr_cache *cache, otr_answer *answer)
{
    const char *key = otr_answer_key(answer);
    struct wanted wanted = { key, strlen(key) };
    struct cds_lfht_node *old;

    otr_answer_ref(answer);
    answer->cache = cache;
    cds_lfht_node_init(&answer->node);
    atomic_fetch_add_explicit(&cache->count, 1, memory_order_relaxed);
    otr_rcu_published(answer);
    otr_rcu_read_lock();
    old = cds_lfht_add_replace(cache->table, (unsigned long)otr_hash(&cache->key, key, wanted.len), is_wanted, &wanted,
                               &answer->node);
    otr_rcu_read_unlock();
    if (old != NULL)
        retire(cache, old);
}

void otr_cache_drop(otr_cache *cache, otr_answer *answer)
{
    int gone;

    otr_rcu_read_lock();
    gone = cds_lfht_del(cache->table, &answer->node); /* fails if it was replaced or dropped before */
    otr_rcu_read_unlock();
    if (gone == 0)
        retire(cache, &answer->node);
}

size_t otr_cache_count(const otr_cache *cache)
{
    return atomic_load_explicit(&cache->count, memory_order_relaxed);
}

void otr_cache_free(otr_cache *cache)
{
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;

    if (cache == NULL)
        return;
    otr_rcu_read_lock();
    for (cds_lfht_first(cache->table, &iter); (node = cds_lfht_iter_get_node(&iter)) != NULL;) {
        cds_lfht_next(cache->table, &iter);
        if (cds_lfht_del(cache->table, node) == 0)
            retire(cache, node);
    }
    otr_rcu_read_unlock();
    count_released(cache);
    while (sem_wait(&cache->all_released) != 0)
        ; /* a signal */
    sem_destroy(&cache->all_released);
    cds_lfht_destroy(cache->table, NULL);
    free(cache);
}

/*
 * cache.c - the hash table of answers: buckets of lists, which readers walk under RCU and writers change under a lock. liburcu's
 * own table (rculfhash) does as much, but hides its buckets: a thread that has many questions in hand could not fetch what they
 * need ahead of time, and waiting for memory was the largest part of a warm answer (docs/performance.md).
 */
#include "daemon/cache.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#define BUCKETS_LEAST 1024u
#define BUCKETS_MOST (1u << 23)
#define LINE 64 /* octets that are fetched at a time */

typedef struct otr_answer *_Atomic bucket; /* the first of its list */

struct otr_cache {
    bucket *buckets;          /* owned */
    size_t mask;              /* their number, less one */
    otr_hash_key key;
    pthread_mutex_t writing;
    _Atomic size_t count;
    _Atomic size_t retiring;  /* answers that are out and not released yet; and one for the cache itself */
    sem_t all_released;       /* posted when `retiring` comes to nothing */
};

otr_cache *otr_cache_new(size_t size)
{
    otr_cache *cache = calloc(1, sizeof(*cache));
    size_t buckets = BUCKETS_LEAST;

    if (cache == NULL)
        return NULL;
    /* Two for each answer: of those that a look-up meets on its way, each is a wait for memory. All from the start: a table that
     * grows would need a thread of its own for it. */
    while (buckets < 2 * size && buckets < BUCKETS_MOST)
        buckets *= 2;
    cache->buckets = calloc(buckets, sizeof(*cache->buckets));
    if (cache->buckets == NULL) {
        free(cache);
        return NULL;
    }
    cache->mask = buckets - 1;
    cache->key = otr_hash_key_draw();
    pthread_mutex_init(&cache->writing, NULL);
    atomic_init(&cache->retiring, 1);
    sem_init(&cache->all_released, 0, 0);
    return cache;
}

/* Reading ----------------------------------------------------------------------------------------------------------- */

uint64_t otr_cache_hash(const otr_cache *cache, const char *name, size_t len)
{
    return otr_hash(&cache->key, name, len);
}

static bucket *bucket_of(const otr_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & cache->mask];
}

static otr_answer *next_in(bucket *link)
{
    return atomic_load_explicit(link, memory_order_acquire);
}

static bool is_for(const otr_answer *answer, uint64_t hash, const char *key, size_t len)
{
    return answer->hash == hash && answer->key_size == len + 1 && memcmp(otr_answer_key(answer), key, len) == 0;
}

otr_answer *otr_cache_find(const otr_cache *cache, const char *key, size_t len)
{
    uint64_t hash = otr_cache_hash(cache, key, len);
    otr_answer *answer = next_in(bucket_of(cache, hash));

    while (answer != NULL && !is_for(answer, hash, key, len))
        answer = next_in(&answer->next);
    return answer;
}

/* The first of the bucket is taken for the one that is wanted; it is in four of five cases. */
void otr_cache_prefetch(const otr_cache *cache, uint64_t hash, otr_cache_step step)
{
    bucket *first = bucket_of(cache, hash);
    const otr_answer *answer = step == OTR_CACHE_BUCKET ? NULL : next_in(first);

    if (step == OTR_CACHE_BUCKET) {
        __builtin_prefetch(first);
    } else if (step == OTR_CACHE_ANSWER && answer != NULL) {
        __builtin_prefetch(answer);
        __builtin_prefetch((const char *)answer + LINE);
        __builtin_prefetch((const char *)answer + 2 * LINE);
    } else if (step == OTR_CACHE_REPLY && answer != NULL && answer->is_at_rest) { /* its replies are elsewhere */
        __builtin_prefetch(answer->shared->bytes);
        __builtin_prefetch(answer->shared->bytes + LINE);
        __builtin_prefetch(answer->shared->bytes + 2 * LINE);
    }
}

size_t otr_cache_count(const otr_cache *cache)
{
    return atomic_load_explicit(&cache->count, memory_order_relaxed);
}

/* Writing ----------------------------------------------------------------------------------------------------------- */

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

/* Out of its list already; who has met it there may go on from it until the read sections of now are over. */
static void retire(otr_cache *cache, otr_answer *answer)
{
    atomic_fetch_sub_explicit(&cache->count, 1, memory_order_relaxed);
    atomic_fetch_add(&cache->retiring, 1);
    otr_rcu_published(answer);
    urcu_memb_call_rcu(&answer->rcu, release_later);
}

static void link_to(bucket *link, otr_answer *answer)
{
    atomic_store_explicit(link, answer, memory_order_release);
}

void otr_cache_put(otr_cache *cache, otr_answer *answer)
{
    const char *key = otr_answer_key(answer);
    size_t len = strlen(key);
    otr_answer *old;
    bucket *link;

    otr_answer_ref(answer);
    answer->cache = cache;
    answer->hash = otr_cache_hash(cache, key, len);
    atomic_fetch_add_explicit(&cache->count, 1, memory_order_relaxed);
    link = bucket_of(cache, answer->hash);
    pthread_mutex_lock(&cache->writing);
    while ((old = next_in(link)) != NULL && !is_for(old, answer->hash, key, len))
        link = &old->next;
    link_to(&answer->next, old != NULL ? next_in(&old->next) : NULL);
    link_to(link, answer);
    pthread_mutex_unlock(&cache->writing);
    if (old != NULL)
        retire(cache, old);
}

void otr_cache_drop(otr_cache *cache, otr_answer *answer)
{
    bucket *link = bucket_of(cache, answer->hash);
    otr_answer *at;

    pthread_mutex_lock(&cache->writing);
    while ((at = next_in(link)) != NULL && at != answer)
        link = &at->next;
    if (at != NULL)
        link_to(link, next_in(&at->next));
    pthread_mutex_unlock(&cache->writing);
    if (at != NULL) /* else it was replaced or dropped before */
        retire(cache, at);
}

void otr_cache_free(otr_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i <= cache->mask; i++) {
        otr_answer *answer;

        while ((answer = next_in(&cache->buckets[i])) != NULL)
            otr_cache_drop(cache, answer);
    }
    count_released(cache);
    while (sem_wait(&cache->all_released) != 0)
        ; /* a signal */
    sem_destroy(&cache->all_released);
    pthread_mutex_destroy(&cache->writing);
    free(cache->buckets);
    free(cache);
}

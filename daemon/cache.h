/*
 * cache.h - the answers that are ready: read by all front threads without a lock, written by the resolver threads.
 *
 * A key belongs to one resolver thread, so nobody competes for writing it; a lock keeps the writers of a bucket apart. How many answers there are is bounded by
 * the resolver threads, each of which owns its share (flow/place.h): they know which are in use. Policies do not
 * live here; they are in the store, whatever is evicted (STS-APPLY-19).
 *
 * Threads: any that are registered with RCU (urcu_memb_register_thread).
 */
#ifndef OTR_DAEMON_CACHE_H
#define OTR_DAEMON_CACHE_H

#include "daemon/answer.h"
#include "daemon/hash.h"

typedef struct otr_cache otr_cache;

/* `size`: how many answers are expected at most. NULL: out of memory. */
otr_cache *otr_cache_new(size_t size);
void otr_cache_free(otr_cache *cache); /* when no thread uses it any more */

/*
 * The answer for a key, whether it is still valid or not; NULL if there is none. Call it inside a read section;
 * the answer may be used until the section ends, or longer with a reference of its own.
 */
otr_answer *otr_cache_find(const otr_cache *cache, const char *key, size_t len);

/*
 * What find() will wait for can be on its way before, step by step, while something else is done; best for many keys at a time, so
 * that their waits for memory overlap. Each step needs what the one before has fetched. In a read section.
 */
typedef enum otr_cache_step { OTR_CACHE_BUCKET, OTR_CACHE_ANSWER, OTR_CACHE_REPLY } otr_cache_step;
void otr_cache_prefetch(const otr_cache *cache, uint64_t hash, otr_cache_step step);

/* Put or replace; the cache takes a reference of its own. */
void otr_cache_put(otr_cache *cache, otr_answer *answer);

/* Take this very answer out, if it is still in. */
void otr_cache_drop(otr_cache *cache, otr_answer *answer);

size_t otr_cache_count(const otr_cache *cache);

/* The same hash decides which resolver thread a name belongs to. */
uint64_t otr_cache_hash(const otr_cache *cache, const char *name, size_t len);

#endif

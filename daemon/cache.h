/*
 * cache.h - the answers that are ready: read by all front threads without a lock, written by the resolver threads.
 *
 * A key belongs to one resolver thread, so nobody competes for writing it. How many answers there are is bounded by
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
otr_answer *otr_cache_find(otr_cache *cache, const char *key, size_t len);

/* Put or replace; the cache takes a reference of its own. */
void otr_cache_put(otr_cache *cache, otr_answer *answer);

/* Take this very answer out, if it is still in. */
void otr_cache_drop(otr_cache *cache, otr_answer *answer);

size_t otr_cache_count(const otr_cache *cache);

/* The same hash decides which resolver thread a name belongs to. */
uint64_t otr_cache_hash(const otr_cache *cache, const char *name, size_t len);

#endif

/*
 * hash.h - SipHash-2-4 (Aumasson and Bernstein) over cache keys. Names come from strangers: with a key that is drawn
 * at start nobody can choose names that all fall into one bucket.
 */
#ifndef OTR_DAEMON_HASH_H
#define OTR_DAEMON_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct otr_hash_key {
    uint64_t k[2];
} otr_hash_key;

otr_hash_key otr_hash_key_draw(void);
uint64_t otr_hash(const otr_hash_key *key, const void *bytes, size_t len);

#endif

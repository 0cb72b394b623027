/*
 * hash.c - SipHash-2-4.
 */
#include "daemon/hash.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static inline uint64_t rotated(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

/* Inlined, so that the state stays in registers: each question is hashed. */
static inline __attribute__((always_inline)) void mix(uint64_t v[4], unsigned rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotated(v[1], 13) ^ v[0];
        v[3] = rotated(v[3], 16) ^ v[2];
        v[0] = rotated(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotated(v[1], 17) ^ v[2];
        v[3] = rotated(v[3], 21) ^ v[0];
        v[2] = rotated(v[2], 32);
    }
}

static inline uint64_t whole_word(const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return le64toh(word);
}

static inline uint64_t part_of_word(const unsigned char *p, size_t len)
{
    uint64_t word = 0;

    while (len-- > 0)
        word = word << 8 | p[len];
    return word;
}

uint64_t otr_hash(const otr_hash_key *key, const void *bytes, size_t len)
{
    /* The initial state spells "somepseudorandomlygeneratedbytes". */
    uint64_t v[4] = { key->k[0] ^ 0x736f6d6570736575, key->k[1] ^ 0x646f72616e646f6d, key->k[0] ^ 0x6c7967656e657261,
                      key->k[1] ^ 0x7465646279746573 };
    const unsigned char *p = bytes;
    size_t left = len;
    uint64_t word;

    for (; left >= 8; left -= 8, p += 8) {
        word = whole_word(p);
        v[3] ^= word;
        mix(v, 2);
        v[0] ^= word;
    }
    word = part_of_word(p, left) | (uint64_t)(len & 0xff) << 56;
    v[3] ^= word;
    mix(v, 2);
    v[0] ^= word;
    v[2] ^= 0xff;
    mix(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

otr_hash_key otr_hash_key_draw(void)
{
    otr_hash_key key;

    if (getrandom(&key, sizeof(key), 0) != sizeof(key)) {
        /* Cannot happen on the systems we support; the clock is better than a constant. */
        key.k[0] = (uint64_t)time(NULL);
        key.k[1] = (uint64_t)(uintptr_t)&key;
    }
    return key;
}

/*
 * keys.h - what is asked for: domains of a file or made up, drawn with the same chance each or by Zipf's law. The same seed
 * draws the same.
 */
#ifndef OTR_BENCH_KEYS_H
#define OTR_BENCH_KEYS_H

#include <stddef.h>
#include <stdint.h>

typedef struct keys {
    const char **names; /* owned; NULL: made up by world_name() */
    char *text;         /* owned: of the file */
    size_t count;
    double exponent;    /* of Zipf's law; 0: uniform */
    double above, span; /* of it: see keys.c */
    uint64_t state;
} keys;

/* From a file, one a line ('#' begins a comment); or made up (file NULL). Returns 0, or -1 with errno. */
int keys_init(keys *k, const char *file, size_t count, double exponent, uint64_t seed);
void keys_clear(keys *k);

size_t keys_draw(keys *k); /* an index */
#define KEY_SIZE 256
const char *keys_name(const keys *k, size_t i, char made[KEY_SIZE]);

uint64_t random_next(uint64_t *state);

#endif

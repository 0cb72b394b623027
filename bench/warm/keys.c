/*
 * keys.c - see keys.h.
 *
 * Zipf's law is drawn by rejection-inversion (W. Hörmann, G. Derflinger, 1996): no table, so that five million names cost as
 * much as ten. H is the integral of x^-s; a value drawn evenly from its range is turned back into a rank, and kept if it
 * falls under the step of that rank.
 */
#include "keys.h"

#include "world.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64 */
uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double draw_even(uint64_t *state)
{
    return (double)(random_next(state) >> 11) * 0x1p-53;
}

static double integral(double s, double x)
{
    return fabs(s - 1) < 1e-9 ? log(x) : (pow(x, 1 - s) - 1) / (1 - s);
}

static double inverse(double s, double y)
{
    return fabs(s - 1) < 1e-9 ? exp(y) : pow(1 + y * (1 - s), 1 / (1 - s));
}

static int read_file(keys *k, const char *path)
{
    FILE *file = fopen(path, "r");
    size_t size = 0, room = 0;
    ssize_t got;

    if (file == NULL)
        return -1;
    got = getdelim(&k->text, &size, '\0', file);
    fclose(file);
    if (got <= 0)
        return -1;
    for (char *line = strtok(k->text, "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
        if (*line == '#')
            continue;
        if (k->count == room) {
            const char **more = realloc(k->names, (room = room * 2 + 1024) * sizeof(*more));

            if (more == NULL)
                return -1;
            k->names = more;
        }
        k->names[k->count++] = line;
    }
    errno = EINVAL; /* if there is none */
    return k->count > 0 ? 0 : -1;
}

int keys_init(keys *k, const char *file, size_t count, double exponent, uint64_t seed)
{
    *k = (keys){ .exponent = exponent, .state = seed };
    if (file != NULL && read_file(k, file) != 0)
        return -1;
    if (file == NULL || (count > 0 && count < k->count))
        k->count = count;
    k->above = integral(exponent, 1.5) - 1;
    k->span = integral(exponent, (double)k->count + 0.5) - k->above;
    return 0;
}

void keys_clear(keys *k)
{
    free(k->names);
    free(k->text);
}

size_t keys_draw(keys *k)
{
    if (k->exponent <= 0)
        return (size_t)(random_next(&k->state) % k->count);
    for (;;) {
        double y = k->above + draw_even(&k->state) * k->span;
        double x = inverse(k->exponent, y), rank = floor(x + 0.5);

        if (rank < 1)
            rank = 1;
        if (y >= integral(k->exponent, rank + 0.5) - pow(rank, -k->exponent))
            return (size_t)rank <= k->count ? (size_t)rank - 1 : k->count - 1;
    }
}

const char *keys_name(const keys *k, size_t i, char made[KEY_SIZE])
{
    if (k->names != NULL)
        return k->names[i];
    world_name(i, made);
    return made;
}

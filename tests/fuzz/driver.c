/*
 * driver.c - runs a fuzz target without libFuzzer: every seed in the given folders, and after each a fixed
 * number of mutations of it. The same seeds give the same run, so a failure can be repeated.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTATIONS_PER_SEED 2000
#define SEED_LIMIT (1 << 20) /* octets of one seed file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void run_once(const uint8_t *data, size_t len)
{
    /* An exact copy on the heap, so that a sanitizer sees a read past the end. */
    uint8_t *copy = malloc(len ? len : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static size_t mutate(uint8_t *data, size_t len, size_t cap, uint32_t *state)
{
    for (uint32_t edits = 1 + next_random(state) % 4; edits > 0; edits--) {
        size_t at = len ? next_random(state) % len : 0;
        uint8_t byte = (uint8_t)next_random(state);

        switch (next_random(state) % 5) {
        case 0:
            if (len > 0)
                data[at] = byte;
            break;
        case 1:
            if (len > 0)
                data[at] ^= (uint8_t)(1u << (byte % 8));
            break;
        case 2:
            if (len < cap) {
                memmove(data + at + 1, data + at, len - at);
                data[at] = byte;
                len++;
            }
            break;
        case 3:
            if (len > 0) {
                memmove(data + at, data + at + 1, len - at - 1);
                len--;
            }
            break;
        default:
            len = at;
        }
    }
    return len;
}

static void run_seed(const uint8_t *seed, size_t len)
{
    uint32_t state = 2463534242u;
    uint8_t *work = malloc(len + 16);

    if (work == NULL)
        abort();
    run_once(seed, len);
    for (int i = 0; i < MUTATIONS_PER_SEED; i++) {
        memcpy(work, seed, len);
        run_once(work, mutate(work, len, len + 16, &state));
    }
    free(work);
}

static int run_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    uint8_t *data = malloc(SEED_LIMIT);
    size_t len;

    if (in == NULL || data == NULL) {
        perror(path);
        exit(1);
    }
    len = fread(data, 1, SEED_LIMIT, in);
    fclose(in);
    run_seed(data, len);
    free(data);
    return 1;
}

int main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        struct dirent *entry;

        if (dir == NULL) {
            perror(argv[i]);
            return 1;
        }
        while ((entry = readdir(dir)) != NULL) {
            char path[4096];

            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            files += run_file(path);
        }
        closedir(dir);
    }
    if (files == 0) {
        fprintf(stderr, "no seeds: a target that was never run proves nothing\n");
        return 1;
    }
    printf("%d seeds, %d mutations each\n", files, MUTATIONS_PER_SEED);
    return 0;
}

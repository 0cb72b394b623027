/*
 * tlsa_key.h - keys that come next: read from files, or made.
 */
#ifndef OTR_CLI_TLSA_KEY_H
#define OTR_CLI_TLSA_KEY_H

#include "publish/rollover.h"

/*
 * The keys of a PEM file (private or public keys, or chains, of which the issuer is taken as well), appended to `keys`.
 * EX_OK, or a status after complaining.
 */
int otr_tlsa_keys_read(const char *what, const char *path, otr_arena *arena, otr_rollover_key *keys, size_t *count);

/*
 * Make a key, "rsa" (3072 bits) or "ecdsa" (P-256), in a new file below `directory` that nobody but its owner may read, and append it.
 */
int otr_tlsa_key_make(const char *what, const char *directory, const char *host, uint16_t port, const char *algorithm, otr_time now,
                      otr_arena *arena, otr_rollover_key *keys, size_t *count);

#endif

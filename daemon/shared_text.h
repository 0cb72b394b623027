/*
 * shared_text.h - texts that many have alike, once: the replies for all domains whose mail goes to the same hosts under the same
 * policy are the same octets.
 *
 * Threads: the table belongs to one; a text may be held, read and released by any.
 */
#ifndef OTR_DAEMON_SHARED_TEXT_H
#define OTR_DAEMON_SHARED_TEXT_H

#include "base/slice.h"
#include "daemon/hash.h"

#include <stdatomic.h>
#include <stdint.h>

typedef struct otr_shared_text {
    struct otr_shared_text *next; /* in its bucket */
    uint32_t hash;
    uint32_t len;
    _Atomic unsigned refs;        /* one is the table's */
    char bytes[];
} otr_shared_text;

typedef struct otr_shared_texts {
    otr_shared_text **buckets; /* owned */
    size_t bucket_count;       /* a power of two, or 0 */
    size_t count, octets;      /* of texts, with those that nobody else holds */
    size_t octets_max;         /* beyond it is looked who those are */
    otr_hash_key key;          /* drawn by the owner: what strangers publish decides the texts */
} otr_shared_texts;

/* One reference to the text with these octets, made if there is none. NULL: out of memory. */
otr_shared_text *otr_shared_text_get(otr_shared_texts *texts, otr_slice text);
void otr_shared_text_unref(otr_shared_text *text);

/* What nobody else holds goes; the rest goes with its holders. */
void otr_shared_texts_clear(otr_shared_texts *texts);

#endif

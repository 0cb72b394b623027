/*
 * pack.h - values as few octets, for memory of our own: what was packed by a process is unpacked by the same one. Numbers take
 * as many octets as they need, texts end in NUL.
 *
 * The reader keeps its first failure and gives zeros and "" from then on; its maker asks `failed` once, at the end.
 */
#ifndef OTR_BASE_PACK_H
#define OTR_BASE_PACK_H

#include "base/buf.h"

#include <stdint.h>

void otr_pack_number(otr_buf *out, uint64_t value);
void otr_pack_text(otr_buf *out, const char *text);
void otr_pack_bytes(otr_buf *out, const void *bytes, size_t len);

typedef struct otr_unpack {
    const char *at, *end; /* borrowed */
    bool failed;
} otr_unpack;

uint64_t otr_unpack_number(otr_unpack *in);
const char *otr_unpack_text(otr_unpack *in); /* borrowed, as the packed octets are */
otr_slice otr_unpack_bytes(otr_unpack *in);
void otr_unpack_copy(otr_unpack *in, char *text, size_t size); /* a text into an array that must have room for it */

#endif

/*
 * squeeze.c - see squeeze.h. The streams are kept: making one costs more than what is squeezed. Windows of 4 KiB are enough for
 * an ordinary destination and keep them small.
 */
#include "daemon/flow/squeeze.h"

#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#define WINDOW_BITS (-12) /* negative: raw, without a header and a checksum; a dictionary is no longer than the window */
#define MEMORY_LEVEL 6
#define ROOM 512

/* What is met most stands last: it is nearest then, and cheapest to point at. */
static const char dictionary[] =
#include "daemon/flow/squeeze_words.h"
    ;

struct otr_squeeze {
    z_stream in, out;
};

otr_squeeze *otr_squeeze_new(void)
{
    otr_squeeze *made = calloc(1, sizeof(*made));

    if (made == NULL)
        return NULL;
    if (deflateInit2(&made->in, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(made);
        return NULL;
    }
    if (inflateInit2(&made->out, WINDOW_BITS) != Z_OK) {
        deflateEnd(&made->in);
        free(made);
        return NULL;
    }
    return made;
}

void otr_squeeze_free(otr_squeeze *squeeze)
{
    if (squeeze == NULL)
        return;
    deflateEnd(&squeeze->in);
    inflateEnd(&squeeze->out);
    free(squeeze);
}

static const Bytef *bytes_of(const char *text)
{
    return (const Bytef *)text;
}

bool otr_squeeze_in(otr_squeeze *squeeze, otr_slice raw, otr_buf *out)
{
    z_stream *z = &squeeze->in;
    int rc = Z_OK;

    if (deflateReset(z) != Z_OK || deflateSetDictionary(z, bytes_of(dictionary), sizeof(dictionary) - 1) != Z_OK)
        return false;
    z->next_in = bytes_of(raw.ptr);
    z->avail_in = (uInt)raw.len;
    while (rc == Z_OK) {
        Bytef room[ROOM];

        z->next_out = room;
        z->avail_out = sizeof(room);
        rc = deflate(z, Z_FINISH);
        otr_buf_put(out, room, sizeof(room) - z->avail_out);
    }
    return rc == Z_STREAM_END && out->err == OUTRIDER_OK;
}

bool otr_squeeze_out(otr_squeeze *squeeze, otr_slice squeezed, size_t raw_len, otr_buf *out)
{
    z_stream *z = &squeeze->out;
    size_t before = out->len;
    int rc = Z_OK;

    if (inflateReset(z) != Z_OK || inflateSetDictionary(z, bytes_of(dictionary), sizeof(dictionary) - 1) != Z_OK)
        return false;
    z->next_in = bytes_of(squeezed.ptr);
    z->avail_in = (uInt)squeezed.len;
    while (rc == Z_OK && out->len - before <= raw_len) {
        Bytef room[ROOM];

        z->next_out = room;
        z->avail_out = sizeof(room);
        rc = inflate(z, Z_NO_FLUSH);
        otr_buf_put(out, room, sizeof(room) - z->avail_out);
    }
    return rc == Z_STREAM_END && out->err == OUTRIDER_OK && out->len - before == raw_len;
}

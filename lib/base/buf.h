/*
 * buf.h - composing bytes. A buffer keeps its first failure (out of memory, limit) and ignores what
 * follows, so a long composition is checked once, at its end. Its data always ends in a NUL that is
 * not counted in len.
 */
#ifndef OTR_BASE_BUF_H
#define OTR_BASE_BUF_H

#include "base/slice.h"

#include <outrider/base.h>

typedef struct otr_buf {
    char *data; /* owned; NULL until something was written */
    size_t len;
    size_t cap;
    size_t limit; /* most bytes it may hold; 0: no limit */
    outrider_err err;
} otr_buf;

#define OTR_BUF_INIT { 0 }

void otr_buf_put(otr_buf *buf, const void *bytes, size_t len);
void otr_buf_puts(otr_buf *buf, const char *text);
void otr_buf_putc(otr_buf *buf, char c);
void otr_buf_printf(otr_buf *buf, const char *format, ...) OUTRIDER_PRINTF(2, 3);

/* At most `most` octets of a text from outside, as printable ASCII on one line; other bytes become '?'. */
void otr_buf_put_printable(otr_buf *buf, const char *text, size_t most);

/* The text so far, "" if nothing was written or writing failed. Valid until the next call. */
const char *otr_buf_text(const otr_buf *buf);

/* Hand the bytes to the caller, who frees them; the buffer is empty afterwards. NULL if it failed. */
char *otr_buf_steal(otr_buf *buf);

/* Forget the content and the error, keep the memory. */
void otr_buf_reset(otr_buf *buf);
void otr_buf_clear(otr_buf *buf);

#endif

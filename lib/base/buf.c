/*
 * buf.c - a growing byte buffer with a sticky error.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool make_room(otr_buf *buf, size_t more)
{
    size_t cap = buf->cap ? buf->cap : 64;
    char *grown;

    if (buf->err != OUTRIDER_OK)
        return false;
    if (more > (size_t)-1 / 4 - buf->len || (buf->limit != 0 && buf->len + more > buf->limit)) {
        buf->err = OUTRIDER_E_LIMIT;
        return false;
    }
    if (buf->len + more < buf->cap)
        return true;
    while (cap <= buf->len + more)
        cap *= 2;
    grown = realloc(buf->data, cap);
    if (grown == NULL) {
        buf->err = OUTRIDER_E_NOMEM;
        return false;
    }
    buf->data = grown;
    buf->cap = cap;
    return true;
}

void otr_buf_put(otr_buf *buf, const void *bytes, size_t len)
{
    if (!make_room(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void otr_buf_puts(otr_buf *buf, const char *text)
{
    otr_buf_put(buf, text, strlen(text));
}

void otr_buf_putc(otr_buf *buf, char c)
{
    otr_buf_put(buf, &c, 1);
}

void otr_buf_printf(otr_buf *buf, const char *format, ...)
{
    va_list args;
    int need;

    va_start(args, format);
    need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (need < 0 || !make_room(buf, (size_t)need))
        return;
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)need + 1, format, args);
    va_end(args);
    buf->len += (size_t)need;
}

void otr_buf_put_printable(otr_buf *buf, const char *text, size_t most)
{
    for (size_t i = 0; text[i] != '\0' && i < most; i++)
        otr_buf_putc(buf, text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?');
}

const char *otr_buf_text(const otr_buf *buf)
{
    return buf->err == OUTRIDER_OK && buf->data != NULL ? buf->data : "";
}

char *otr_buf_steal(otr_buf *buf)
{
    char *data;

    if (buf->err == OUTRIDER_OK && buf->data == NULL)
        otr_buf_put(buf, "", 0);
    if (buf->err != OUTRIDER_OK) {
        otr_buf_clear(buf);
        return NULL;
    }
    data = buf->data;
    *buf = (otr_buf){ .limit = buf->limit };
    return data;
}

void otr_buf_reset(otr_buf *buf)
{
    buf->len = 0;
    buf->err = OUTRIDER_OK;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void otr_buf_clear(otr_buf *buf)
{
    free(buf->data);
    *buf = (otr_buf){ .limit = buf->limit };
}

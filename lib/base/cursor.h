/*
 * cursor.h - reading text in grammar order. A take_ function either succeeds and advances, or leaves
 * the cursor where it was. The cursor borrows the text; nothing is copied or allocated.
 */
#ifndef OTR_BASE_CURSOR_H
#define OTR_BASE_CURSOR_H

#include "base/slice.h"

#include <outrider/base.h>

typedef struct otr_cursor {
    const char *begin; /* borrowed */
    const char *at;
    const char *end;
} otr_cursor;

static inline otr_cursor otr_cursor_over(const char *text, size_t len)
{
    return (otr_cursor){ .begin = text, .at = text, .end = text + len };
}

static inline bool otr_cursor_at_end(const otr_cursor *c)
{
    return c->at == c->end;
}

bool otr_take_literal(otr_cursor *c, const char *literal);
bool otr_take_char(otr_cursor *c, char wanted);

/* The longest run of bytes for which is_member() holds; may be empty. */
otr_slice otr_take_while(otr_cursor *c, bool (*is_member)(char));

/* *WSP (RFC 5234): space and horizontal tab. Returns how many were taken. */
size_t otr_take_wsp(otr_cursor *c);

/*
 * Fill diag (may be NULL) with the line and column of `at` within the cursor's text and a formatted
 * message. Returns OUTRIDER_E_SYNTAX, so that a parser can `return otr_syntax(...)`.
 */
outrider_err otr_syntax(const otr_cursor *c, const char *at, outrider_diag *diag, const char *format, ...)
    OUTRIDER_PRINTF(4, 5);

/* Line and column, from 1, of a byte within text. Lines end with LF. */
void otr_locate(const char *begin, const char *at, unsigned *line, unsigned *column);

#endif

/*
 * cursor.c - the primitives that every text parser is written with.
 */
#include "base/cursor.h"

#include <stdarg.h>
#include <stdio.h>

bool otr_take_literal(otr_cursor *c, const char *literal)
{
    size_t len = strlen(literal);

    if ((size_t)(c->end - c->at) < len || memcmp(c->at, literal, len) != 0)
        return false;
    c->at += len;
    return true;
}

bool otr_take_char(otr_cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

otr_slice otr_take_while(otr_cursor *c, bool (*is_member)(char))
{
    otr_slice run = { .ptr = c->at, .len = 0 };

    while (c->at < c->end && is_member(*c->at))
        c->at++;
    run.len = (size_t)(c->at - run.ptr);
    return run;
}

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

size_t otr_take_wsp(otr_cursor *c)
{
    return otr_take_while(c, is_wsp).len;
}

void otr_locate(const char *begin, const char *at, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (const char *p = begin; p < at; p++) {
        if (*p == '\n') {
            (*line)++;
            *column = 1;
        } else {
            (*column)++;
        }
    }
}

outrider_err otr_syntax(const otr_cursor *c, const char *at, outrider_diag *diag, const char *format, ...)
{
    va_list args;

    if (diag != NULL) {
        otr_locate(c->begin, at, &diag->line, &diag->column);
        va_start(args, format);
        vsnprintf(diag->message, sizeof(diag->message), format, args);
        va_end(args);
    }
    return OUTRIDER_E_SYNTAX;
}

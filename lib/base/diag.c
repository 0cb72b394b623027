/*
 * diag.c - diagnostics without a place.
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

outrider_err otr_fail(outrider_diag *diag, outrider_err err, const char *format, ...)
{
    va_list args;

    if (diag != NULL) {
        diag->line = 0;
        diag->column = 0;
        va_start(args, format);
        vsnprintf(diag->message, sizeof(diag->message), format, args);
        va_end(args);
    }
    return err;
}

/*
 * diag.h - filling a diagnostic that is not about a place in a text (for those see otr_syntax()).
 */
#ifndef OTR_BASE_DIAG_H
#define OTR_BASE_DIAG_H

#include <outrider/base.h>

/* Fill diag (may be NULL) and return err, so that a caller can `return otr_fail(diag, OUTRIDER_E_IO, ...)`. */
outrider_err otr_fail(outrider_diag *diag, outrider_err err, const char *format, ...) OUTRIDER_PRINTF(3, 4);

#endif

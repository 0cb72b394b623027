/*
 * txtfields.h - the shape that the TXT records of MTA-STS and TLSRPT share (RFC 8461 §3.1, RFC 8460 §3): a
 * version, then fields NAME=VALUE behind semicolons. Each record's own file has the fields it knows. Pure.
 *
 *   record      = version 1*(field-delim field) [field-delim]
 *   field-delim = *WSP ";" *WSP
 *   ext-name    = (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")
 *   ext-value   = 1*(%x21-3A / %x3C / %x3E-7E)
 */
#ifndef OTR_DNS_TXTFIELDS_H
#define OTR_DNS_TXTFIELDS_H

#include "base/cursor.h"

#define OTR_TXT_FIELD_NAME_MAX 32

/* Take the version if the text begins with it and a semicolon; the cursor then stands at the semicolon. */
bool otr_txt_take_version(otr_cursor *c, const char *version);

/* Why otr_txt_take_version() refuses, at the first byte that differs. Returns OUTRIDER_E_SYNTAX. */
outrider_err otr_txt_explain_foreign(const otr_cursor *c, const char *version, outrider_diag *diag);

/* *WSP delim *WSP */
bool otr_txt_take_delim(otr_cursor *c, char delim);

/* ext-name "="; the names with a meaning fit it too. */
outrider_err otr_txt_take_name(otr_cursor *c, otr_slice *name, outrider_diag *diag);

/* ext-value, and otr_txt_check_end(). */
outrider_err otr_txt_take_value(otr_cursor *c, outrider_diag *diag);

/* Behind a value: a field-delim or the end of the record. */
outrider_err otr_txt_check_end(const otr_cursor *c, outrider_diag *diag);

/*
 * Which records of an RRset begin with the version and a semicolon; the others are discarded before
 * counting. Returns how many (2 for more than one) and the index of the first in *chosen. For any other count
 * than one diag says why: its line is the number of the record in the RRset, from 1.
 */
size_t otr_txt_choose(const otr_slice *txts, size_t count, const char *version, size_t *chosen, outrider_diag *diag);

#endif

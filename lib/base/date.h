/*
 * date.h - dates as people write them: "2026-01-31", or RFC 3339 with a time, "2026-01-31T12:00:00+01:00". Pure.
 */
#ifndef OTR_BASE_DATE_H
#define OTR_BASE_DATE_H

#include "base/clock.h"

/*
 * date = full-date [("T" / " ") full-time]   RFC 3339 §5.6
 * A date alone is its first second in UTC; *has_time (may be NULL) tells. A fraction of a second is read and dropped.
 * False if it is no date; the outputs are untouched then.
 */
bool otr_date_parse(const char *text, size_t len, otr_time *at, bool *has_time);

#endif

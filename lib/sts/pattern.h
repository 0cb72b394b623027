/*
 * pattern.h - the value of an mx line: ["*."] Domain (RFC 8461 §3.2). Matching is declared in policy.h.
 */
#ifndef OTR_STS_PATTERN_H
#define OTR_STS_PATTERN_H

#include "base/slice.h"

/* Why this is no pattern, *at receives the offending byte (or the end); NULL if it is one. Either case of letters. */
const char *otr_sts_pattern_fault(otr_slice pattern, const char **at);

/* What follows a leading "*.", or all of it. */
otr_slice otr_sts_pattern_domain(otr_slice pattern);

#endif

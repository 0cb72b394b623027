/*
 * override.h - the word of an operator for a destination that is broken on its side: one domain, one level, a reason
 * and an end (FLOW-12). Pure.
 *
 * An override counts for destinations of exactly this name (any port, and the host of the name) and for nothing else
 * (LOCALITY), until its end. A minimum of the configuration is stronger: an override below it has no effect.
 */
#ifndef OTR_VERDICT_OVERRIDE_H
#define OTR_VERDICT_OVERRIDE_H

#include "base/clock.h"
#include "base/slice.h"
#include "dns/name.h"
#include "verdict/level.h"
#include "verdict/minimum.h"

#define OTR_OVERRIDE_REASON_MAX 200             /* octets */
#define OTR_OVERRIDE_LONGEST (366 * (otr_time)86400) /* s */

typedef struct otr_override {
    char domain[OTR_DOMAIN_SIZE]; /* normal form */
    otr_level level;              /* MAY, ENCRYPT or DEFER */
    otr_time until;               /* it counts before this */
    otr_time made_at;
    int64_t uid;                  /* of who made it */
    char reason[OTR_OVERRIDE_REASON_MAX + 1]; /* printable UTF-8 */
} otr_override;

/* "may", "encrypt" or "defer". */
bool otr_override_level(const char *word, otr_level *level);

/*
 * The end as it is written: a date ("2026-12-01": until that day is over in UTC) or RFC 3339 with a time. It must lie
 * in the future, at most OTR_OVERRIDE_LONGEST ahead. OUTRIDER_OK or OUTRIDER_E_SYNTAX.
 */
outrider_err otr_override_until(const char *text, otr_time now, otr_time *until, outrider_diag *diag);

/* A reason is one line of printable UTF-8, not blank. OUTRIDER_OK or OUTRIDER_E_SYNTAX. */
outrider_err otr_override_reason(const char *text, size_t len, outrider_diag *diag);

/* Whether all that a row of the store or a request holds is as it must be; the end may lie in the past. */
outrider_err otr_override_check(const otr_override *override, outrider_diag *diag);

/* Whether a level meets a minimum. Mail that waits meets every one. */
bool otr_level_meets(otr_level level, otr_minimum minimum);

#endif

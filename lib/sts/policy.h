/*
 * policy.h - MTA-STS policies (RFC 8461 §3.2): reading them, and whether one admits an MX host (§4.1).
 * Pure: no DNS, no HTTP, no clock.
 *
 * Threads    A policy never changes once made; any number of threads may read it.
 * Units      max_age in seconds.
 */
#ifndef OTR_STS_POLICY_H
#define OTR_STS_POLICY_H

#include "base/slice.h"

#include <outrider/base.h>

#include <stdint.h>

#define OTR_STS_POLICY_LIMIT 65536       /* octets of a policy body (§3.3 suggests 64 kilobytes) */
#define OTR_STS_MX_MAX 255               /* mx lines */
#define OTR_STS_MAX_AGE_LIMIT 31557600   /* about a year; larger values count as this (STS-BODY-08) */
#define OTR_STS_NOTES_MAX 16             /* errors or warnings that are kept for a lint */

typedef enum otr_sts_mode { OTR_STS_NONE, OTR_STS_TESTING, OTR_STS_ENFORCE } otr_sts_mode;
extern const char *const otr_sts_mode_names[]; /* "none", "testing", "enforce"; NULL-terminated */

typedef struct otr_sts_policy {
    otr_sts_mode mode;
    uint32_t max_age;      /* seconds, at most OTR_STS_MAX_AGE_LIMIT */
    const char *const *mx; /* patterns in lower case, "mx.example.org" or "*.example.org"; mx_count of them */
    size_t mx_count;
    const char *body;      /* owned copy of the text as received, NUL-terminated besides */
    size_t body_len;
} otr_sts_policy;

/* What a lint has to say beside "valid": tolerated deviations are warnings. */
typedef struct otr_sts_notes {
    outrider_diag errors[OTR_STS_NOTES_MAX];
    size_t error_count;
    outrider_diag warnings[OTR_STS_NOTES_MAX];
    size_t warning_count;
} otr_sts_notes;

/*
 * Parse a policy body.
 *   policy  on OUTRIDER_OK receives a policy owned by the caller; otherwise untouched
 *   notes   may be NULL; receives every error that can be found (not only the first) and the warnings,
 *           each with line and column; errors[0] is the first in the text
 * Returns OUTRIDER_OK, OUTRIDER_E_SYNTAX, OUTRIDER_E_LIMIT (body, mx lines) or OUTRIDER_E_NOMEM.
 */
outrider_err otr_sts_policy_parse(const char *text, size_t len, otr_sts_policy **policy, otr_sts_notes *notes);
void otr_sts_policy_free(otr_sts_policy *policy);

/* Whether one of the patterns admits this MX host (normal form; case and a final dot do not matter). */
bool otr_sts_policy_admits(const otr_sts_policy *policy, const char *mx_host);

/* One pattern against one host: a leading "*." stands for exactly one label (STS-APPLY-02). */
bool otr_sts_pattern_matches(const char *pattern, const char *mx_host);

#endif

/*
 * publication.h - what one of our own domains publishes: its MTA-STS policy as text, and the id of that text. Pure.
 *
 * The id is made of the text alone: it changes exactly when the text does (PUB-04), on every machine that serves it, and
 * returns when the text returns.
 */
#ifndef OTR_PUBLISH_PUBLICATION_H
#define OTR_PUBLISH_PUBLICATION_H

#include "base/buf.h"
#include "sts/policy.h"
#include "sts/record.h"

#define OTR_PUBLISH_MAX_AGE_LEAST 3600 /* s; with less a sender hardly ever holds the policy when it needs it */

typedef struct otr_publication {
    const char *domain;        /* normal form */
    otr_sts_mode mode;
    const char *const *mx;     /* patterns in normal form, in the order of the file; mx_count of them */
    size_t mx_count;
    uint32_t max_age;          /* s */
} otr_publication;

/*
 * Append the policy (RFC 8461 §3.2): CR LF, version first, each field once and in a fixed order, nothing behind the last line (PUB-03).
 * What our own parser would not read back as the very same is refused, and so is what contradicts itself: testing or enforce
 * without a pattern, a pattern that is none, a pattern twice, a max_age out of bounds.
 * Returns OUTRIDER_OK, OUTRIDER_E_SYNTAX (diag says what is wrong) or OUTRIDER_E_NOMEM. Nothing is appended on failure.
 */
outrider_err otr_publication_text(const otr_publication *publication, otr_buf *text, outrider_diag *diag);

/* 1 to 32 lower-case letters and digits, by the text. OUTRIDER_OK or OUTRIDER_E_NOMEM. */
outrider_err otr_publication_id(const char *text, size_t len, char id[OTR_STS_ID_MAX + 1]);

/* Whether the patterns of `wide` admit every host that those of `narrow` do. */
bool otr_patterns_cover(const char *const *wide, size_t wide_count, const char *const *narrow, size_t narrow_count);

#endif

/*
 * setup_version.h - which version and build of a mail server lines of configuration are for. Pure.
 *
 * A condition is a list of words with commas between, all of which must hold:
 *
 *     3.10.5+     this version and later         openssl      the build has this feature
 *     3.4-3.6     from 3.4 to the last 3.6.x     no-dane      the build lacks it
 *     -3.9        up to the last 3.9.x
 */
#ifndef OTR_CLI_SETUP_VERSION_H
#define OTR_CLI_SETUP_VERSION_H

#include "base/slice.h"

#define OTR_VERSION_PARTS 4
#define OTR_VERSION_SIZE 24 /* room for a version as text, and its NUL */

typedef struct otr_version {
    unsigned part[OTR_VERSION_PARTS];
    unsigned count; /* parts that were written: a bound of two parts says nothing about the third */
} otr_version;

/* What a mail server is, as far as conditions ask. */
typedef struct otr_traits {
    otr_version version;
    const char *const *features; /* borrowed; NULL-terminated */
} otr_traits;

/*
 * version = 1*DIGIT *3("." 1*DIGIT), at the beginning of the text; behind it nothing, or what developers append
 * ("-RC1", "_dev", " #2"). False leaves *version as it was.
 */
bool otr_version_parse(otr_slice text, otr_version *version);
void otr_version_print(const otr_version *version, char text[OTR_VERSION_SIZE]);

/* Below, equal or above zero, looking at the parts that `bound` has: 3.6.16 is equal to the bound 3.6. */
int otr_version_compare(const otr_version *version, const otr_version *bound);

/* Whether a condition holds. One that cannot be read holds never; *is_valid (may be NULL) tells. */
bool otr_condition_holds(otr_slice condition, const otr_traits *traits, bool *is_valid);

#endif

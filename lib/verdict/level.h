/*
 * level.h - what must be verified for a destination as a whole, in the words Postfix administrators know.
 */
#ifndef OTR_VERDICT_LEVEL_H
#define OTR_VERDICT_LEVEL_H

typedef enum otr_level {
    OTR_LEVEL_DANE_ONLY, OTR_LEVEL_DANE, OTR_LEVEL_SECURE, OTR_LEVEL_ENCRYPT, OTR_LEVEL_MAY, OTR_LEVEL_DEFER
} otr_level;
extern const char *const otr_level_names[]; /* "dane-only", "dane", "secure", "encrypt", "may", "defer" */

#endif

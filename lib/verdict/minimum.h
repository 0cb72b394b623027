/*
 * minimum.h - the least that the operator accepts for a destination, whatever the destination itself promises
 * (decision table, step 9: "mandatory DANE" and its weaker kin). From the configuration; pure.
 *
 *     "bank.example"   this domain (and the host of this name) only
 *     ".gov.example"   everything below gov.example, and not gov.example itself
 *
 * The most specific rule decides, also where a less specific one demands more: an exact name before every ".name", a
 * longer ".name" before a shorter.
 */
#ifndef OTR_VERDICT_MINIMUM_H
#define OTR_VERDICT_MINIMUM_H

#include <stddef.h>

/* In rising order. */
typedef enum otr_minimum {
    OTR_MINIMUM_NONE,
    OTR_MINIMUM_ENCRYPT,   /* TLS, any certificate */
    OTR_MINIMUM_SECURE,    /* an authenticated host: DANE behind signed MX records, or an enforced policy */
    OTR_MINIMUM_DANE_ONLY, /* DANE behind signed MX records */
} otr_minimum;
extern const char *const otr_minimum_names[]; /* the levels' own words: "may", "encrypt", "secure", "dane-only", NULL */

typedef struct otr_minimum_rule {
    const char *name; /* a domain in normal form, with a dot in front or without */
    otr_minimum minimum;
} otr_minimum_rule;

typedef struct otr_minimum_rules {
    const otr_minimum_rule *rules;
    size_t count;
} otr_minimum_rules;

/* The rule that decides for a domain in normal form; NULL if there is none. */
const otr_minimum_rule *otr_minimum_find(const otr_minimum_rules *rules, const char *domain);

#endif

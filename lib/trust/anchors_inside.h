/*
 * anchors_inside.h - what compiled rules look like, for the files that make them (anchors.c) and explain them
 * (anchors_why.c). Who else has questions asks anchors.h.
 */
#ifndef OTR_TRUST_ANCHORS_INSIDE_H
#define OTR_TRUST_ANCHORS_INSIDE_H

#include "base/arena.h"
#include "trust/anchors.h"

#define OTR_WORD_BITS 64

typedef uint64_t otr_word;

struct otr_root {
    X509 *cert; /* owned reference */
    char fingerprint[OTR_SHA256_TEXT];
    char anchor_id[OTR_SHA256_TEXT];
};

struct otr_rule {
    otr_anchor_rule shown; /* its texts in the arena */
    STACK_OF(X509) *owned_roots;
    otr_word *roots;       /* bits: what it brings */
    otr_word *confined;    /* bits: what it confines; NULL: nothing */
    bool has_ended;        /* it is known, to be told of, and matches nobody */
};

/* The set of a name, or of those below it. */
struct otr_place {
    const char *name;
    const otr_anchor_set *set; /* owned reference */
};

struct otr_anchors {
    otr_arena *arena; /* owned */
    struct otr_root *roots;
    size_t root_count;
    size_t words; /* of a row of bits */
    struct otr_rule *rules;
    size_t rule_count;
    struct otr_place *places; /* by name */
    size_t place_count;
    const otr_anchor_set *everyone; /* owned reference: who has no place */
    const otr_anchor_set **sets;    /* owned references: each set once */
    otr_word *set_bits;             /* set_count rows: what each was made of */
    size_t set_count;
    _Atomic unsigned refs;
};

static inline bool otr_has_bit(const otr_word *bits, size_t i)
{
    return (bits[i / OTR_WORD_BITS] >> i % OTR_WORD_BITS & 1) != 0;
}

/* Whether it names the domain, be it over or not; whether it does, and is not; whether its roots count then. */
bool otr_rule_names(const struct otr_rule *rule, const char *domain);
bool otr_rule_matches(const struct otr_rule *rule, const char *domain);
bool otr_rule_counts(const struct otr_rule *rule, bool is_only, const char *domain);

/* The row of bits that is the set of this domain. Whoever changes it decides about LOCALITY. */
void otr_anchors_gather(const otr_anchors *anchors, const char *domain, otr_word *bits);

#endif

/*
 * world.h - a world: a list of small facts, some of which hold only before a change and some only after it. So a change is
 * nothing but facts, and a world can be made smaller by leaving any of them out.
 */
#ifndef OTR_TEST_WORLD_H
#define OTR_TEST_WORLD_H

#include "pool.h"
#include "trust/anchors.h"
#include "verdict/level.h"
#include "verdict/minimum.h"

#include <stddef.h>

/* Names are numbers. An odd one begins with a dot: all below. */
#define BASE_NAMES 10
#define WORLD_NAMES (2 * BASE_NAMES)
typedef uint8_t name_id;
const char *name_text(name_id name);

/* Destinations: an even number is the name itself, an odd one somebody below it whom no rule names. */
typedef uint8_t dest_id;
const char *dest_text(dest_id dest);

enum side { BEFORE = 1, AFTER = 2 };

enum fact_kind { RULE, EXCEPTION, SYSTEM, OWN, DESTINATION, POLICY, OVERRIDE, MINIMUM };

#define FACT_NAMES 3

typedef struct fact {
    enum fact_kind kind;
    unsigned when;        /* BEFORE, AFTER or both */
    uint8_t title;        /* RULE: its number */
    roots certs;          /* RULE, OWN: what its file holds; EXCEPTION, SYSTEM: one */
    bool takes_system;    /* RULE, OWN: "system" instead */
    bool is_reread;       /* RULE, EXCEPTION: other objects in memory, the same octets */
    name_id names[FACT_NAMES], confine[FACT_NAMES];
    uint8_t name_count;   /* RULE: 0: everybody. SYSTEM and OWN have none, others one: EXCEPTION and MINIMUM a name_id,
                             DESTINATION, POLICY and OVERRIDE a dest_id */
    uint8_t confine_count; /* 0: not confined */
    bool is_only;
    otr_on_change on_change;
    bool is_ended;        /* EXCEPTION, POLICY, OVERRIDE: its time is over */
    uint8_t choice;       /* OWN: otr_own; POLICY: mode; OVERRIDE: level; MINIMUM: minimum; DESTINATION: which MX hosts */
    uint8_t variant;      /* POLICY: which mx */
} fact;

#define FACTS_MAX 40
#define WORLD_TIME 1 /* at which exceptions have ended, or not */

typedef struct world {
    uint64_t seed; /* that it was drawn from */
    size_t count;
    fact facts[FACTS_MAX];
} world;

/* A side of a world, or one like it. */
struct view {
    enum side side;
    bool is_unconfined, is_without_only, is_without_exceptions;
    bool is_backwards;      /* the rules in the opposite order */
    roots left_out;         /* what if these roots were nowhere */
};

/* All certificates in the system's bundle. */
roots world_system(const world *w, const struct view *view);

/* Compiled, as the rule book of the daemon does: exceptions that have ended are handed over, and do not count. */
otr_anchors *world_anchors(const world *w, const struct view *view);

#endif

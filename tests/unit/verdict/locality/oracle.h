/*
 * oracle.h - what the anchors of a destination are, said a second time and as plainly as can be: from the sentences of the
 * manual, root by root, without sets, places or bits in common with lib/trust. And whom a change may touch.
 */
#ifndef OTR_TEST_ORACLE_H
#define OTR_TEST_ORACLE_H

#include "world.h"

/* The oracle with one sentence got wrong: each must be seen to disagree with the library. */
typedef enum oracle_fault {
    NO_FAULT,
    SUFFIX_WITHOUT_DOT,    /* ".example.org" takes in xexample.org */
    PARENT_IS_BELOW,       /* ".example.org" takes in example.org */
    NAME_HAS_CHILDREN,     /* "example.org" takes in a.example.org */
    ONE_LABEL_BELOW,       /* ".example.org" does not take in b.a.example.org */
    ONLY_IGNORED,
    ONLY_FOR_EVERYBODY,    /* an `only` rule of somebody silences everybody's others */
    CONFINE_IGNORED,
    CONFINE_THIS_CERTIFICATE, /* another certificate of the same root stays free */
    CONFINE_OWN_RULE,      /* what another rule brings in stays free */
    CONFINE_WIDENS,        /* two rules confine a root: either's names will do */
    CONFINE_ADDS,          /* the names that a root is confined to have it by that */
    EXCEPTION_FOR_EVERYBODY,
    EXCEPTION_WITHOUT_END,
    EXCEPTION_BEFORE_ONLY, /* an exception counts beside `only` rules */
    FIRST_RULE_WINS,
    ORACLE_FAULTS
} oracle_fault;
extern const char *const oracle_faults[ORACLE_FAULTS];

bool oracle_matches(name_id name, dest_id dest, oracle_fault fault);
/* Whether a rule or an exception is about a destination, its end aside. */
bool oracle_is_about(const fact *f, dest_id dest, oracle_fault fault);
bool oracle_is_confined_away(const fact *f, dest_id dest, oracle_fault fault);

/* The roots that count. */
roots oracle_anchors(const world *w, const struct view *view, dest_id dest, oracle_fault fault);
/* Those that any rule about it brings. */
roots oracle_brought(const world *w, const struct view *view, dest_id dest);
/* Those that an exception about it brought, and brings no more. */
roots oracle_ended(const world *w, const struct view *view, dest_id dest);

otr_on_change oracle_on_change(const world *w, const struct view *view, dest_id dest);

/* Which roots of a destination the change of this world may add or take away. */
roots oracle_touched(const world *w, dest_id dest);
/* Whether anything else about it may be answered differently. */
bool oracle_is_answer_touched(const world *w, dest_id dest);

#endif

/*
 * trust_what_if.h - what `outrider trust what-if` has found out, and showing it.
 */
#ifndef OTR_CLI_TRUST_WHAT_IF_H
#define OTR_CLI_TRUST_WHAT_IF_H

#include "cli/trust_common.h"

/* One destination. Texts owned. */
typedef struct otr_outcome {
    char *domain;
    otr_effect_class class;
    otr_sts_mode mode;
    otr_time when, policy_expires_at;
    double traffic;
    bool is_own, loses_policy_host;
    size_t hosts_lost, hosts_left, hosts_unseen;
    char *reason;
} otr_outcome;

typedef struct otr_what_if {
    const char *without;              /* as it was asked for; NULL: */
    const char *bundle;               /* the path of the next bundle */
    const char *in_place_of;          /* the path of the file that it stands for */
    X509 *root;                       /* owned reference; with `without` */
    STACK_OF(X509) *leaving, *coming; /* owned */
    const char *store_path;
    bool is_recorded;                 /* there is a store */
    bool is_used;                     /* some rule has that file; else a bundle changes nothing */
    bool is_all;                      /* list those that are not affected, too */
    otr_time at;
    otr_outcome *outcomes;            /* owned: the affected, or all; sorted */
    size_t outcome_count;
    size_t counts[OTR_EFFECT_COUNT];  /* of all that are recorded */
    double traffic;                   /* of all */
    const char **unrecorded;          /* owned array, NULL-terminated: domains that were asked for, of which nothing is known */
} otr_what_if;

void otr_what_if_print(const otr_what_if *w);
struct json_t *otr_what_if_json(const otr_what_if *w); /* NULL: out of memory */

#endif

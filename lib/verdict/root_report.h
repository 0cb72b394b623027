/*
 * root_report.h - what the mail depends on: per root how many destinations, in which role, and what would become of them
 * without it; per destination the roots that it hangs on. Added up from what is recorded; no I/O, no clock.
 *
 * A destination hangs on a root if one of its chains ends there now and losing the root would change something: so the
 * classes are those of effect.h, asked for each root by itself, and agree with "what if it were gone".
 */
#ifndef OTR_VERDICT_ROOT_REPORT_H
#define OTR_VERDICT_ROOT_REPORT_H

#include "verdict/dependence.h"

#define OTR_REPORT_MOST 80 /* per cent of the destinations that the concentration speaks of */

/* Two certificates with one anchor id are one root. */
typedef struct otr_report_root {
    X509 *cert;                 /* owned reference */
    char id[OTR_SHA256_TEXT];   /* as a trust anchor */
    char sha256[OTR_SHA256_TEXT];
    size_t destinations;        /* that hang on it */
    size_t by_role[OTR_ROLE_COUNT]; /* of these, by a policy host, by an MX host; a destination may be in both */
    size_t counts[OTR_EFFECT_COUNT]; /* of these, what would become of their mail without it */
    double traffic;
    otr_time first_end, last_end; /* of the chains that end here */
    size_t came, left;          /* hosts that have changed to it, and from it, of late */
    otr_anchors *after;         /* owned: the anchors without it; until otr_report_finish() */
} otr_report_root;

/* A CA between: by its name and key, below one root. */
typedef struct otr_report_ca {
    X509 *cert;  /* owned reference */
    char id[OTR_SHA256_TEXT];
    size_t root; /* index */
    size_t destinations, by_role[OTR_ROLE_COUNT];
    otr_time first_end;
    size_t marks[OTR_ROLE_COUNT + 1]; /* the destination that was counted last, plus 1 */
} otr_report_ca;

/* What a destination has of one root. */
typedef struct otr_report_link {
    size_t root;            /* index */
    otr_effect_class class; /* without this root */
    size_t hosts[OTR_ROLE_COUNT]; /* of which the chains end there */
    otr_time expires_at;    /* the first end of these chains */
} otr_report_link;

typedef struct otr_report_row {
    char *domain;            /* owned */
    otr_sts_mode mode;
    otr_time policy_expires_at;
    double traffic;
    bool is_own, has_only_dane;
    size_t dane, refused, unseen; /* MX hosts, as in dependence.h */
    otr_effect_class class;  /* the worst of the links; without any A, F, "?" (unseen or refused) or "-" (some host has DANE) */
    otr_report_link *links;  /* owned; by root */
    size_t link_count;
} otr_report_row;

/* A host that has come to another root of late. Texts owned. */
typedef struct otr_report_change {
    char *domain, *host;
    otr_role role;
    char from[OTR_SHA256_TEXT]; /* the fingerprint; the certificate may not be kept any more */
    X509 *to;                   /* owned reference */
    otr_time at;
} otr_report_change;

/* The fewest roots (taken greedily) that most destinations hang on which have a policy and nothing better. */
typedef struct otr_concentration {
    size_t destinations;   /* with a policy in force, not DANE on every MX host, and a chain that is accepted */
    size_t covered;        /* of these, with a chain that ends in one of the roots */
    size_t roots, owners;
    double traffic, traffic_covered;
} otr_concentration;

typedef struct otr_report {
    otr_time at;
    otr_time since;        /* changes from then on are of late */
    otr_report_root *roots; /* owned, as all here; after otr_report_finish() those with most destinations first */
    size_t root_count;
    otr_report_ca *cas;
    size_t ca_count;
    otr_report_row *rows;  /* worst class first, then by traffic */
    size_t row_count;
    otr_report_change *changes; /* the latest first */
    size_t change_count;
    size_t counts[OTR_EFFECT_COUNT]; /* of all destinations, by their class */
    size_t refused, unseen; /* destinations with such an MX host, of those with a policy */
    double traffic;        /* of all */
    otr_concentration concentration;
    size_t root_room, ca_room, row_room, change_room;
} otr_report;

/* The anchors as they would be without a root; owned by the caller. OUTRIDER_OK, or an error that ends the report. */
typedef outrider_err otr_report_without(void *arg, const char *anchor_id, otr_anchors **after, outrider_diag *diag);

/* Add a destination; `before`: the anchors as they are. OUTRIDER_OK, OUTRIDER_E_NOMEM, or what `without` says. */
outrider_err otr_report_add(otr_report *report, const otr_dependant *dependant, const otr_anchors *before,
                            otr_report_without *without, void *arg, outrider_diag *diag);

/* When all have been added: sort, and add up. OUTRIDER_OK, OUTRIDER_E_NOMEM. */
outrider_err otr_report_finish(otr_report *report, outrider_diag *diag);

void otr_report_clear(otr_report *report);

#endif

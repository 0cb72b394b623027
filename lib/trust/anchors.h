/*
 * anchors.h - which roots may vouch for a destination (LOCALITY).
 *
 *   anchors(D) = the union of the roots of the rules that match D, or, where `only` rules match, of those alone,
 *                without each root that some rule confines to names among which D is not.
 *
 * Rules come from the configuration, and exceptions from `outrider trust add`: an exception is a rule with names and
 * an end. A rule without names matches every destination. A change of a rule with names can change the anchors of these
 * names and of no others; nothing else here depends on who else is in the rules.
 *
 * All is compiled when the rules are: the sets that can come about are few (one a name that the rules know, at most),
 * equal ones are one set, and a question is a walk over the labels of the name. A set is immutable; it has one
 * X509_STORE that all who use it share, and one name, which is that of its file for mail servers.
 *
 * Threads: any may ask and hold; references are atomic.
 */
#ifndef OTR_TRUST_ANCHORS_H
#define OTR_TRUST_ANCHORS_H

#include "base/buf.h"
#include "base/clock.h"
#include "trust/certificate.h"

typedef struct x509_store_st X509_STORE;
typedef struct otr_anchors otr_anchors;

#define OTR_SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"
#define OTR_ROOTS_LIMIT (8 * 1024 * 1024) /* octets of a bundle */
#define OTR_ANCHOR_NAMES_MAX 10000        /* names in all rules together */
#define OTR_ANCHOR_SETS_MAX 1000          /* different sets that they may come to */

typedef enum otr_on_change { OTR_ON_CHANGE_LOG, OTR_ON_CHANGE_DEFER } otr_on_change; /* later is stricter */
extern const char *const otr_on_change_names[]; /* "log", "defer"; ends with NULL */

/* Mail servers that trust roots of their own where an answer names no file. */
typedef enum otr_own { OTR_OWN_EXIM, OTR_OWN_POSTFIX, OTR_OWN_COUNT } otr_own;

/* "system", "none" (no root at all) or the path of a PEM file. A root that the file has twice is one. */
outrider_err otr_roots_load(const char *roots, STACK_OF(X509) **certs, outrider_diag *diag);
bool otr_roots_is_system(const char *roots); /* "system", or the path that this means */

typedef struct otr_anchor_rule {
    const char *name;            /* its title in the configuration; of an exception "exception" */
    const char *file;            /* where its roots come from, for people; NULL: given at run time */
    const STACK_OF(X509) *roots; /* may be empty */
    const char *const *names;    /* "example.org", ".example.org" (all below), NULL-terminated; NULL: every destination */
    const char *const *confine;  /* the same form; NULL: its roots are not confined */
    bool is_only;
    otr_on_change on_change;     /* for those whom it matches */
    otr_time until;              /* exceptions: the end, from which on it is for nobody; 0: none */
    const char *reason;          /* exceptions; else NULL */
} otr_anchor_rule;

/* What anchors are made of. */
typedef struct otr_anchor_source {
    const otr_anchor_rule *rules;
    size_t rule_count;
    const STACK_OF(X509) *own[OTR_OWN_COUNT]; /* what each mail server trusts by itself; NULL: not known */
    const STACK_OF(X509_CRL) *crls;           /* revocation lists for all sets; NULL: nobody is asked */
    otr_time at;                              /* rules that have ended by then are told of, and do nothing; 0: none has */
} otr_anchor_source;

/* Compile. Everything is copied (certificates by reference). One reference. OUTRIDER_OK, OUTRIDER_E_LIMIT, _NOMEM. */
outrider_err otr_anchors_make(const otr_anchor_source *source, otr_anchors **anchors, outrider_diag *diag);

/* One rule "default" from one source of roots, own[] being the same where that is the system's. */
outrider_err otr_anchors_load(const char *roots, otr_anchors **anchors, outrider_diag *diag);

otr_anchors *otr_anchors_ref(otr_anchors *anchors);
void otr_anchors_free(otr_anchors *anchors); /* drops one reference; NULL is fine */

/* The anchors that apply to one destination. */
typedef struct otr_anchor_set {
    const char *const *rules;    /* names of the rules that match, NULL-terminated: { "default", NULL } */
    const char *file;            /* the file they come from; "" if they come from several, or from none */
    STACK_OF(X509) *roots;       /* in the order of their fingerprints; borrowed from the set, as all here */
    size_t count;
    X509_STORE *store;           /* with nothing but the roots */
    const char *name;            /* of the file for mail servers, without its suffix: the SHA-256 of its content; of
                                    the empty set "none" */
    bool is_own[OTR_OWN_COUNT];  /* the mail server trusts exactly these by itself, and needs no file */
    otr_on_change on_change;     /* the strictest of the rules */
    struct otr_set_life *life;   /* references; NULL in a set that a test has made by hand, which is never freed */
} otr_anchor_set;

/*
 * Never NULL. `domain` is the destination in normal form. Valid as long as the otr_anchors, or as a reference to the set.
 * Equal pointers are equal sets; of different otr_anchors, sets are equal if their names are and their rules are.
 */
const otr_anchor_set *otr_anchors_for(const otr_anchors *anchors, const char *domain);
const otr_anchor_set *otr_anchor_set_ref(const otr_anchor_set *set);
void otr_anchor_set_unref(const otr_anchor_set *set); /* NULL is fine */
bool otr_anchor_set_has(const otr_anchor_set *set, const X509 *cert); /* this very certificate */

/* The content of its file: the roots as PEM, in the order of their fingerprints, nothing else. */
void otr_anchor_set_pem(const otr_anchor_set *set, otr_buf *out);

/* Each set that some destination can have, once. */
typedef outrider_err otr_anchors_visit(void *arg, const otr_anchor_set *set); /* an error ends the visits */
outrider_err otr_anchors_each(const otr_anchors *anchors, otr_anchors_visit *visit, void *arg);

/* Each kind of destination that the rules tell apart: `domain` is one of them, "*" in it for a label that no rule names. */
typedef outrider_err otr_anchors_visit_place(void *arg, const char *domain, const otr_anchor_set *set);
outrider_err otr_anchors_each_place(const otr_anchors *anchors, otr_anchors_visit_place *visit, void *arg);

/*
 * Which roots leave the set of somebody, and which come into one: what a change of a file is about. A root that an exception
 * keeps for one destination has left all others all the same. Each once; sk_X509_pop_free() both.
 */
outrider_err otr_anchors_compare(const otr_anchors *before, const otr_anchors *after, STACK_OF(X509) **leaving,
                                 STACK_OF(X509) **coming);

/* --- why ---------------------------------------------------------------------------------------------------------- */

/*
 * What is told here is read from the bits of which the sets were made: nobody else works out again why a root counts. What
 * points at rules or certificates lives as long as the anchors; of the lists, the caller frees the list.
 */

typedef enum otr_rule_state {
    OTR_RULE_COUNTS,
    OTR_RULE_NOT_ONLY, /* it matches, and another that matches says `only` */
    OTR_RULE_ENDED,    /* an exception that named the destination, until its end */
    OTR_RULE_OTHERS,   /* it is for others */
} otr_rule_state;
extern const char *const otr_rule_state_names[]; /* "counts", "not-only", "ended", "others" */

typedef struct otr_rule_reason {
    const otr_anchor_rule *rule;
    otr_rule_state state;
    size_t root_count; /* how many roots it has, each once */
    size_t counting;   /* how many of these count for the destination because of it: some may be confined to others */
} otr_rule_reason;

/* Each rule, and what it does for this destination; those that count first, within a state in their order. */
outrider_err otr_anchors_explain_rules(const otr_anchors *anchors, const char *domain, otr_rule_reason **reasons,
                                       size_t *count);

typedef enum otr_root_state {
    OTR_ROOT_COUNTS,
    OTR_ROOT_NOT_ONLY, /* a rule brings it, and another that matches says `only` */
    OTR_ROOT_CONFINED, /* a rule confines it to other names */
    OTR_ROOT_ENDED,    /* an exception brought it, and has ended */
} otr_root_state;
extern const char *const otr_root_state_names[]; /* "counts", "not-only", "confined", "ended" */

typedef struct otr_root_reason {
    X509 *cert;
    otr_root_state state;
    const otr_anchor_rule *brought_by; /* the first rule that counts and has it; else that matches; else that did */
    const otr_anchor_rule *const *rules; /* all of that kind, in their order, NULL-terminated */
    const otr_anchor_rule *barred_by;  /* NOT_ONLY and CONFINED: which rule says so; else NULL */
} otr_root_reason;

/*
 * Each root that the rules which match this destination bring, or that an exception for it has brought until its end, and
 * what became of it; those that count first, within a state by fingerprint. Each certificate once.
 */
outrider_err otr_anchors_explain(const otr_anchors *anchors, const char *domain, otr_root_reason **reasons, size_t *count);

/* The rule that confines this root to names among which `domain` is not; NULL: none does. */
const otr_anchor_rule *otr_anchors_confining(const otr_anchors *anchors, const X509 *root, const char *domain);

/* The first rule with `only` that matches this destination; NULL: none does. */
const otr_anchor_rule *otr_anchors_only(const otr_anchors *anchors, const char *domain);

/* Whether one of `names` is the domain, or ".parent" of it. */
bool otr_names_match(const char *const *names, const char *domain);

#endif

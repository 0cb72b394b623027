/*
 * trust_explain.h - what `outrider trust explain` has to tell of one destination, and showing it. What counts and why not comes
 * from the compiled rules (trust/anchors.h), what can be verified by from the verifier; nothing is worked out again here.
 */
#ifndef OTR_CLI_TRUST_EXPLAIN_H
#define OTR_CLI_TRUST_EXPLAIN_H

#include "cli/trust_common.h"
#include "verdict/destination.h"

/* What a mail server is handed where a policy decides. */
typedef enum otr_handing {
    OTR_HANDS_FILE,
    OTR_HANDS_NONE_NEEDED, /* it has exactly these roots by itself */
    OTR_HANDS_NO_FOLDER,   /* nobody has said where files for it are to lie: it goes by its own roots */
    OTR_HANDS_NOT_ASKED,   /* outriderd does not listen for it */
} otr_handing;
extern const char *const otr_handing_names[]; /* "file", "own", "no-folder", "not-asked" */

typedef enum otr_presence { OTR_IS_THERE, OTR_IS_MISSING, OTR_IS_UNKNOWN } otr_presence;

typedef struct otr_handed {
    otr_handing how;
    char *file;         /* owned: as the answer names it; HANDS_FILE only */
    char *path;         /* owned: where it lies */
    otr_presence is_there;
} otr_handed;

/* Of a root: whether anything can be verified by it at the time in question. */
typedef struct otr_fitness {
    bool is_usable;
    char why_not[256]; /* one sentence */
} otr_fitness;

typedef struct otr_explanation {
    const otr_trust_view *view; /* borrowed */
    char domain[OTR_DOMAIN_SIZE];
    const otr_anchor_set *set;  /* of the view's anchors */
    const otr_anchor_rule *only; /* the first rule with `only` that matches; NULL: none */
    otr_rule_reason *rules;     /* owned */
    size_t rule_count;
    otr_root_reason *roots;     /* owned */
    otr_fitness *fitness;       /* owned: of each root */
    size_t root_count;
    otr_hold *holds;            /* owned: of this destination */
    size_t hold_count;
    bool is_held;               /* there are, and the rules say that mail waits for that */
    size_t crl_count;
    otr_handed handed[OTR_OWN_COUNT];
} otr_explanation;

void otr_explanation_print(const otr_explanation *e, bool is_all);
struct json_t *otr_explanation_json(const otr_explanation *e); /* NULL: out of memory */

#endif

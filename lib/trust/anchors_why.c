/*
 * anchors_why.c - why a set of anchors is what it is: which rules are for a destination, and what became of each root.
 *
 * Whether a root counts is not asked again here: it is the bit that otr_anchors_gather() has set, as in the set itself.
 * Only for those without it a reason is looked for.
 */
#include "trust/anchors_inside.h"

#include <stdlib.h>
#include <string.h>

const char *const otr_rule_state_names[] = { "counts", "not-only", "ended", "others" };
const char *const otr_root_state_names[] = { "counts", "not-only", "confined", "ended" };

const otr_anchor_rule *otr_anchors_only(const otr_anchors *a, const char *domain)
{
    for (size_t i = 0; i < a->rule_count; i++)
        if (a->rules[i].shown.is_only && otr_rule_matches(&a->rules[i], domain))
            return &a->rules[i].shown;
    return NULL;
}

/* Confinement ------------------------------------------------------------------------------------------------- */

static const otr_anchor_rule *confining(const otr_anchors *a, size_t root, const char *domain)
{
    for (size_t i = 0; i < a->rule_count; i++) {
        const struct otr_rule *rule = &a->rules[i];

        if (rule->confined != NULL && otr_has_bit(rule->confined, root) && !otr_names_match(rule->shown.confine, domain))
            return &rule->shown;
    }
    return NULL;
}

const otr_anchor_rule *otr_anchors_confining(const otr_anchors *a, const X509 *cert, const char *domain)
{
    char id[OTR_SHA256_TEXT];

    /* It may be no root of any rule, and have the name and key of one that is. */
    for (size_t i = 0; otr_cert_anchor_id(cert, id) && i < a->root_count; i++)
        if (strcmp(a->roots[i].anchor_id, id) == 0)
            return confining(a, i, domain);
    return NULL;
}

/* Rules ------------------------------------------------------------------------------------------------------- */

static otr_rule_state rule_state(const struct otr_rule *rule, bool is_only, const char *domain)
{
    if (otr_rule_counts(rule, is_only, domain))
        return OTR_RULE_COUNTS;
    if (otr_rule_matches(rule, domain))
        return OTR_RULE_NOT_ONLY;
    return otr_rule_names(rule, domain) ? OTR_RULE_ENDED : OTR_RULE_OTHERS;
}

/* Those of the domain, and how they stand to it. */
struct asking {
    const otr_anchors *a;
    const char *domain;
    bool is_only;
    otr_word *bits; /* owned: the set */
};

static outrider_err begin(struct asking *asking)
{
    asking->is_only = otr_anchors_only(asking->a, asking->domain) != NULL;
    asking->bits = calloc(asking->a->words, sizeof(otr_word));
    if (asking->bits == NULL)
        return OUTRIDER_E_NOMEM;
    otr_anchors_gather(asking->a, asking->domain, asking->bits);
    return OUTRIDER_OK;
}

static otr_rule_reason explain_rule(const struct asking *asking, const struct otr_rule *rule)
{
    otr_rule_reason reason = { .rule = &rule->shown, .state = rule_state(rule, asking->is_only, asking->domain) };

    for (size_t i = 0; i < asking->a->root_count; i++) {
        bool is_brought = otr_has_bit(rule->roots, i);

        reason.root_count += is_brought;
        reason.counting += is_brought && reason.state == OTR_RULE_COUNTS && otr_has_bit(asking->bits, i);
    }
    return reason;
}

outrider_err otr_anchors_explain_rules(const otr_anchors *a, const char *domain, otr_rule_reason **reasons, size_t *count)
{
    struct asking asking = { .a = a, .domain = domain };
    otr_rule_reason *list = calloc(a->rule_count + 1, sizeof(*list));
    size_t found = 0;

    if (list == NULL || begin(&asking) != OUTRIDER_OK) {
        free(list);
        return OUTRIDER_E_NOMEM;
    }
    for (int state = OTR_RULE_COUNTS; state <= OTR_RULE_OTHERS; state++)
        for (size_t i = 0; i < a->rule_count; i++)
            if (rule_state(&a->rules[i], asking.is_only, domain) == (otr_rule_state)state)
                list[found++] = explain_rule(&asking, &a->rules[i]);
    free(asking.bits);
    *reasons = list;
    *count = found;
    return OUTRIDER_OK;
}

/* Roots ------------------------------------------------------------------------------------------------------- */

/*
 * The rules that bring a root, of the best kind that there is: those that count before those that merely match, and these
 * before those that have ended. OTR_RULE_OTHERS: none of them is of any concern to the domain.
 */
static otr_rule_state bringing(const struct asking *asking, size_t root, const otr_anchor_rule **rules, size_t *count)
{
    otr_rule_state best = OTR_RULE_OTHERS;

    *count = 0;
    for (size_t i = 0; i < asking->a->rule_count; i++) {
        const struct otr_rule *rule = &asking->a->rules[i];
        otr_rule_state state;

        if (!otr_has_bit(rule->roots, root))
            continue;
        state = rule_state(rule, asking->is_only, asking->domain);
        if (state == OTR_RULE_OTHERS || state > best)
            continue;
        if (state < best)
            *count = 0;
        best = state;
        rules[(*count)++] = &rule->shown;
    }
    rules[*count] = NULL;
    return best;
}

/* What became of a root that rules of this state bring. */
static void explain_root(const struct asking *asking, size_t root, otr_rule_state state, otr_root_reason *reason)
{
    reason->cert = asking->a->roots[root].cert;
    reason->brought_by = reason->rules[0];
    if (otr_has_bit(asking->bits, root)) {
        reason->state = OTR_ROOT_COUNTS;
    } else if (state == OTR_RULE_COUNTS) { /* nothing else takes a root away from a rule that counts */
        reason->state = OTR_ROOT_CONFINED;
        reason->barred_by = confining(asking->a, root, asking->domain);
    } else if (state == OTR_RULE_NOT_ONLY) {
        reason->state = OTR_ROOT_NOT_ONLY;
        reason->barred_by = otr_anchors_only(asking->a, asking->domain);
    } else {
        reason->state = OTR_ROOT_ENDED;
    }
}

/* Moves the reasons of one state to the front of what is left; within a state the order stays that of fingerprints. */
static void sort_reasons(otr_root_reason *list, size_t count)
{
    size_t done = 0;

    for (int state = OTR_ROOT_COUNTS; state <= OTR_ROOT_ENDED; state++) {
        for (size_t i = done; i < count; i++) {
            otr_root_reason reason = list[i];

            if (reason.state != (otr_root_state)state)
                continue;
            memmove(&list[done + 1], &list[done], (i - done) * sizeof(*list));
            list[done++] = reason;
        }
    }
}

/* One block, so that one free() is enough: the reasons, and behind them their lists of rules. */
static otr_root_reason *new_reasons(const otr_anchors *a, const otr_anchor_rule ***rules)
{
    size_t brought = 0;
    otr_root_reason *list;

    for (size_t i = 0; i < a->rule_count; i++)
        brought += (size_t)sk_X509_num(a->rules[i].owned_roots);
    /* Each list has its NULL, and while one is written all rules may stand in it. */
    list = calloc(1, (a->root_count + 1) * sizeof(*list) + (brought + a->root_count + a->rule_count + 1) * sizeof(**rules));
    if (list != NULL)
        *rules = (const otr_anchor_rule **)(list + a->root_count + 1);
    return list;
}

outrider_err otr_anchors_explain(const otr_anchors *a, const char *domain, otr_root_reason **reasons, size_t *count)
{
    struct asking asking = { .a = a, .domain = domain };
    const otr_anchor_rule **rules = NULL;
    otr_root_reason *list = new_reasons(a, &rules);
    size_t found = 0;

    if (list == NULL || begin(&asking) != OUTRIDER_OK) {
        free(list);
        return OUTRIDER_E_NOMEM;
    }
    for (size_t i = 0; i < a->root_count; i++) {
        size_t bringers;
        otr_rule_state state = bringing(&asking, i, rules, &bringers);

        if (state == OTR_RULE_OTHERS)
            continue;
        list[found].rules = rules;
        explain_root(&asking, i, state, &list[found++]);
        rules += bringers + 1;
    }
    free(asking.bits);
    sort_reasons(list, found);
    *reasons = list;
    *count = found;
    return OUTRIDER_OK;
}

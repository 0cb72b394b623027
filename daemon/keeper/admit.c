/*
 * admit.c - an exception that would not count is refused: whoever made it would believe that the mail goes now.
 */
#include "daemon/keeper/admit.h"

#include "base/diag.h"

#include <stdio.h>

/* Of ".example.org" a destination below it that no rule names by itself: "*" is no label of a destination. */
static void put_destination(const otr_exception *e, char domain[OTR_DOMAIN_SIZE + 2])
{
    snprintf(domain, OTR_DOMAIN_SIZE + 2, "%s%s", e->domain[0] == '.' ? "*" : "", e->domain);
}

outrider_err otr_exception_admit(const otr_exception *e, const otr_anchors *before, otr_buf *notes, outrider_diag *diag)
{
    char domain[OTR_DOMAIN_SIZE + 2];
    const otr_anchor_rule *rule;

    put_destination(e, domain);
    rule = otr_anchors_only(before, domain);
    if (rule != NULL)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%.100s is under the rule \"%.60s\" with only = true: no other root counts for "
                        "it", e->domain, rule->name);
    rule = otr_anchors_confining(before, e->cert, domain);
    if (rule != NULL)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the rule \"%.60s\" confines this root to other names: it would not count "
                        "for %.100s", rule->name, e->domain);
    if (otr_anchor_set_has(otr_anchors_for(before, domain), e->cert))
        otr_buf_printf(notes, "%s has this root today without the exception\n", e->domain);
    return OUTRIDER_OK;
}

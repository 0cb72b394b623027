/*
 * admit.c - an exception that would not count is refused: whoever made it would believe that the mail goes now.
 */
#include "daemon/keeper/admit.h"

#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of ".example.org" a destination below it that no rule names by itself: "*" is no label of a destination. */
static void put_destination(const otr_exception *e, char domain[OTR_DOMAIN_SIZE + 2])
{
    snprintf(domain, OTR_DOMAIN_SIZE + 2, "%s%s", e->domain[0] == '.' ? "*" : "", e->domain);
}

static outrider_err judge(const otr_exception *e, const otr_root_reason *reason, outrider_diag *diag)
{
    switch (reason->state) {
    case OTR_ROOT_COUNTS:
        return OUTRIDER_OK;
    case OTR_ROOT_NOT_ONLY:
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%.100s is under the rule \"%.60s\" with only = true: no other root counts "
                        "for it", e->domain, reason->barred_by->name);
    case OTR_ROOT_CONFINED:
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the rule \"%.60s\" confines this root to other names: it would not count "
                        "for %.100s", reason->barred_by->name, e->domain);
    }
    return OUTRIDER_OK;
}

static const otr_root_reason *find_reason(const otr_root_reason *reasons, size_t count, const X509 *cert)
{
    for (size_t i = 0; i < count; i++)
        if (X509_cmp(reasons[i].cert, cert) == 0)
            return &reasons[i];
    return NULL;
}

outrider_err otr_exception_admit(const otr_exception *e, const otr_anchors *before, const otr_anchors *after,
                                 otr_buf *notes, outrider_diag *diag)
{
    char domain[OTR_DOMAIN_SIZE + 2];
    const otr_root_reason *reason;
    otr_root_reason *reasons = NULL;
    size_t count = 0;
    outrider_err err;

    put_destination(e, domain);
    err = otr_anchors_explain(after, domain, &reasons, &count);
    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, "out of memory");
    reason = find_reason(reasons, count, e->cert);
    err = reason != NULL ? judge(e, reason, diag)
                         : otr_fail(diag, OUTRIDER_E_SYNTAX, "the exception for %.100s would have ended", e->domain);
    free(reasons);
    if (err == OUTRIDER_OK && otr_anchor_set_has(otr_anchors_for(before, domain), e->cert))
        otr_buf_printf(notes, "%s has this root today without the exception\n", e->domain);
    return err;
}

/*
 * sts_policy_fuzz.c - a policy body, with and without notes: the same answer, errors in the order of the text.
 */
#include "sts/policy.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_order(const outrider_diag *diags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (diags[i].line == 0 || diags[i].column == 0 || diags[i].message[0] == '\0')
            abort();
        if (i > 0 && (diags[i].line < diags[i - 1].line ||
                      (diags[i].line == diags[i - 1].line && diags[i].column < diags[i - 1].column)))
            abort();
    }
}

static void check_policy(const otr_sts_policy *policy)
{
    if (policy->max_age > OTR_STS_MAX_AGE_LIMIT || policy->mx_count > OTR_STS_MX_MAX ||
        (policy->mx_count == 0 && policy->mode != OTR_STS_NONE))
        abort();
    for (size_t i = 0; i < policy->mx_count; i++)
        otr_sts_policy_admits(policy, policy->mx[i][0] == '*' ? policy->mx[i] + 1 : policy->mx[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    otr_sts_policy *policy = NULL, *again = NULL;
    otr_sts_notes notes;
    outrider_err err = otr_sts_policy_parse((const char *)data, size, &policy, &notes);

    if (otr_sts_policy_parse((const char *)data, size, &again, NULL) != err ||
        (err == OUTRIDER_OK) != (notes.error_count == 0) || (err == OUTRIDER_OK) != (policy != NULL))
        abort();
    check_order(notes.errors, notes.error_count);
    if (policy != NULL)
        check_policy(policy);
    otr_sts_policy_free(policy);
    otr_sts_policy_free(again);
    return 0;
}

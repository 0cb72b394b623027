/*
 * gate.c - which checks bar enforce. Those of the policy host do not: without a policy senders go on as they did.
 */
#include "publish/gate.h"

#include <string.h>

static const char *const barring[] = { "mx.exists",     "mx.null",     "mx.addr",      "mx.reserved", "smtp.connect", "smtp.starttls",
                                       "smtp.starttls-all", "tls.version", "sts.mx-cover", "sts.mx-cert" };

static bool is_barring(const char *id)
{
    for (size_t i = 0; i < sizeof(barring) / sizeof(barring[0]); i++)
        if (strcmp(barring[i], id) == 0)
            return true;
    return false;
}

bool otr_gate_is_barred_by(const otr_check_result *result)
{
    if (result->status == OTR_CHECK_WARNING) /* a domain that takes no mail has no host that could be looked at */
        return strcmp(result->id, "mx.null") == 0;
    return (result->status == OTR_CHECK_CRITICAL || result->status == OTR_CHECK_UNKNOWN) && is_barring(result->id);
}

/* Silence is no consent: some host must have been looked at and have passed. */
otr_gate otr_gate_judge(const otr_check_report *report)
{
    bool is_unknown = false, has_passed = false;

    for (size_t i = 0; i < report->count; i++) {
        const otr_check_result *r = &report->results[i];

        has_passed = has_passed || (r->status == OTR_CHECK_OK && strcmp(r->id, "sts.mx-cert") == 0);
        if (!otr_gate_is_barred_by(r))
            continue;
        if (r->status != OTR_CHECK_UNKNOWN)
            return OTR_GATE_SHUT;
        is_unknown = true;
    }
    return is_unknown || !has_passed ? OTR_GATE_UNKNOWN : OTR_GATE_OPEN;
}

/*
 * gate.c - which checks bar enforce.
 *
 * A fault of the policy host loses no mail: without a policy senders go on as they did. It bars all the same, for nobody would be protected, and
 * who got the policy from one of several machines could not be told of another one (RFC 8461 §8.3). That it could not be reached from here is
 * only told: this network may be the cause.
 */
#include "publish/gate.h"

#include <string.h>

static const char *const of_mail[] = { "mx.exists",     "mx.null",     "mx.addr",      "mx.reserved", "smtp.connect", "smtp.starttls",
                                       "smtp.starttls-all", "tls.version", "sts.mx-cover", "sts.mx-cert", NULL };
static const char *const of_host[] = { "sts.host", "sts.https", "sts.redirect", "sts.status", "sts.type", "sts.size", "sts.syntax", NULL };
static const char *const told[] = { "sts.host-expiry", "sts.views", "sts.id-step", NULL };

static bool is_in(const char *const *list, const char *id)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, id) == 0)
            return true;
    return false;
}

static bool bars_for_mail(const otr_check_result *r)
{
    if (r->status == OTR_CHECK_WARNING) /* a domain that takes no mail has no host that could be looked at */
        return strcmp(r->id, "mx.null") == 0;
    return (r->status == OTR_CHECK_CRITICAL || r->status == OTR_CHECK_UNKNOWN) && is_in(of_mail, r->id);
}

static bool bars_for_host(const otr_check_result *r)
{
    return r->status == OTR_CHECK_CRITICAL && is_in(of_host, r->id);
}

bool otr_gate_is_barred_by(const otr_check_result *result)
{
    return bars_for_mail(result) || bars_for_host(result);
}

bool otr_gate_warns_of(const otr_check_result *r)
{
    if (r->status == OTR_CHECK_UNKNOWN)
        return is_in(of_host, r->id);
    return (r->status == OTR_CHECK_WARNING || r->status == OTR_CHECK_CRITICAL) && is_in(told, r->id);
}

/* Silence is no consent: some host must have been looked at and have passed. */
otr_gate otr_gate_judge(const otr_check_report *report)
{
    bool is_unknown = false, is_unheard = false, has_passed = false;

    for (size_t i = 0; i < report->count; i++) {
        const otr_check_result *r = &report->results[i];

        has_passed = has_passed || (r->status == OTR_CHECK_OK && strcmp(r->id, "sts.mx-cert") == 0);
        is_unheard = is_unheard || bars_for_host(r);
        if (!bars_for_mail(r))
            continue;
        if (r->status != OTR_CHECK_UNKNOWN)
            return OTR_GATE_SHUT;
        is_unknown = true;
    }
    if (is_unknown || !has_passed)
        return OTR_GATE_UNKNOWN;
    return is_unheard ? OTR_GATE_UNHEARD : OTR_GATE_OPEN;
}

/*
 * effect_words.c - see effect_words.h. Names of hosts and roots come from outside: they are shown as printable ASCII, and a
 * sentence that becomes too long is cut.
 */
#include "verdict/effect_words.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#define NAMED_MAX 2 /* hosts and roots that are named; the others are counted */
#define NAME_MAX_SHOWN 100

typedef bool host_filter(const otr_host_fate *host);

static bool is_lost(const otr_host_fate *host)
{
    return otr_fate_is_lost(host);
}

static bool is_moved(const otr_host_fate *host)
{
    return otr_fate_is_moved(host);
}

static bool is_left(const otr_host_fate *host)
{
    return host->after == OTR_FATE_ACCEPTED || host->after == OTR_FATE_DANE;
}

static bool is_unseen(const otr_host_fate *host)
{
    return host->before == OTR_FATE_UNSEEN && host->sighting == NULL;
}

static bool is_refused_already(const otr_host_fate *host)
{
    return host->is_touched && host->before == OTR_FATE_REFUSED && host->after == OTR_FATE_REFUSED;
}

static bool is_gained(const otr_host_fate *host)
{
    return host->before == OTR_FATE_REFUSED && host->after == OTR_FATE_ACCEPTED;
}

static bool is_refused(const otr_host_fate *host)
{
    return host->before == OTR_FATE_REFUSED && host->after == OTR_FATE_REFUSED;
}

static bool is_spared(const otr_host_fate *host)
{
    return host->is_spared;
}

static size_t count_hosts(const otr_fates *fates, host_filter *filter)
{
    size_t count = 0;

    for (size_t i = 0; i < fates->count; i++)
        count += filter(&fates->mx[i]);
    return count;
}

/* "mx1.example.org, mx2.example.org and 3 others" */
static void put_hosts(otr_buf *out, const otr_fates *fates, host_filter *filter)
{
    size_t count = count_hosts(fates, filter), named = 0;

    for (size_t i = 0; i < fates->count && named < NAMED_MAX; i++) {
        if (!filter(&fates->mx[i]))
            continue;
        if (named++ > 0)
            otr_buf_puts(out, count == 2 ? " and " : ", ");
        otr_buf_put_printable(out, fates->mx[i].name, NAME_MAX_SHOWN);
    }
    if (count > named)
        otr_buf_printf(out, " and %zu other%s", count - named, count - named == 1 ? "" : "s");
}

static void put_root(otr_buf *out, const X509 *root)
{
    char name[OTR_CERT_NAME_SIZE];

    otr_buf_put_printable(out, root != NULL ? otr_cert_name(root, name) : "no root", NAME_MAX_SHOWN);
}

/* The roots by which they were accepted, each once. */
static void put_roots(otr_buf *out, const otr_fates *fates, host_filter *filter)
{
    const X509 *shown[NAMED_MAX];
    size_t count = 0;
    bool has_more = false;

    for (size_t i = 0; i < fates->count; i++) {
        const X509 *root = fates->mx[i].root_before;
        bool is_new = filter(&fates->mx[i]) && root != NULL;

        for (size_t k = 0; is_new && k < count; k++)
            is_new = X509_cmp(shown[k], root) != 0;
        if (!is_new)
            continue;
        if (count == NAMED_MAX) {
            has_more = true;
            break;
        }
        if (count > 0)
            otr_buf_puts(out, ", ");
        put_root(out, root);
        shown[count++] = root;
    }
    if (has_more)
        otr_buf_puts(out, " and others");
}

/* "mx1.example.org loses ROOT" */
static void put_lost(otr_buf *out, const otr_fates *fates)
{
    put_hosts(out, fates, is_lost);
    otr_buf_puts(out, count_hosts(fates, is_lost) == 1 ? " loses " : " lose ");
    put_roots(out, fates, is_lost);
}

static void put_policy_lost(otr_buf *out, const otr_fates *fates)
{
    otr_buf_puts(out, "the policy host ");
    if (fates->policy.name != NULL)
        otr_buf_put_printable(out, fates->policy.name, NAME_MAX_SHOWN);
    otr_buf_puts(out, " loses ");
    put_root(out, fates->policy.root_before);
}

static void put_moved(otr_buf *out, const otr_fates *fates)
{
    const otr_host_fate *host = otr_fate_is_moved(&fates->policy) ? &fates->policy : NULL;

    for (size_t i = 0; i < fates->count && (host == NULL || host == &fates->policy); i++)
        if (is_moved(&fates->mx[i]))
            host = &fates->mx[i];
    if (host == NULL)
        return;
    otr_buf_put_printable(out, host->name, NAME_MAX_SHOWN);
    otr_buf_puts(out, " ends in ");
    put_root(out, host->root_after);
    otr_buf_puts(out, " instead of ");
    put_root(out, host->root_before);
}

/* What is lost or becomes another, where it does no harm. */
static void put_change(otr_buf *out, const otr_fates *fates, const otr_effect *effect)
{
    if (effect->hosts_lost > 0)
        put_lost(out, fates);
    else if (effect->loses_policy_host)
        put_policy_lost(out, fates);
    else
        put_moved(out, fates);
}

/* The classes ------------------------------------------------------------------------------------------------------ */

static void put_deferred(otr_buf *out, const otr_dependant *d, const otr_fates *fates, const otr_effect *effect)
{
    put_lost(out, fates);
    otr_buf_puts(out, ", and no other root vouches for ");
    otr_buf_puts(out, effect->hosts_lost == 1 ? "it" : "them");
    if (count_hosts(fates, is_refused) > 0) {
        otr_buf_puts(out, "; refused already before: ");
        put_hosts(out, fates, is_refused);
    }
    if (effect->loses_policy_host)
        otr_buf_puts(out, "; so does its policy host");
    if (d->is_own)
        otr_buf_puts(out, "; one of its MX hosts is ours");
}

static void put_own(otr_buf *out, const otr_fates *fates, const otr_effect *effect)
{
    otr_buf_puts(out, "ours: ");
    put_change(out, fates, effect);
    otr_buf_puts(out, effect->hosts_lost > 0 ? "; senders who drop that root as well cannot use it"
                                             : "; senders who drop that root as well lose our policy when it expires");
}

static void put_downgraded(otr_buf *out, const otr_fates *fates, const otr_effect *effect)
{
    put_policy_lost(out, fates);
    otr_buf_puts(out, "; the policy in hand holds until it expires, then there is none");
    if (effect->hosts_lost > 0) {
        otr_buf_puts(out, "; ");
        put_lost(out, fates);
    }
}

static void put_unknown(otr_buf *out, const otr_dependant *d, const otr_fates *fates, const otr_effect *effect)
{
    if (effect->hosts_lost > 0) {
        put_lost(out, fates);
        otr_buf_puts(out, "; ");
    } else if (count_hosts(fates, is_refused) > 0) {
        otr_buf_puts(out, "refused already before: ");
        put_hosts(out, fates, is_refused);
        otr_buf_puts(out, "; ");
    }
    otr_buf_puts(out, "no certificate was ever seen of ");
    if (effect->hosts_unseen > 0)
        put_hosts(out, fates, is_unseen);
    else
        otr_buf_puts(out, "its MX hosts");
    otr_buf_puts(out, ": outrider trust probe ");
    otr_buf_put_printable(out, d->domain, OTR_DOMAIN_SIZE);
}

static void put_reported(otr_buf *out, const otr_fates *fates, const otr_effect *effect)
{
    put_change(out, fates, effect);
    otr_buf_puts(out, effect->hosts_lost > 0 ? "; delivered all the same, reports will tell of it"
                                             : "; nothing is enforced, and reports end with the policy");
}

static void put_other_path(otr_buf *out, const otr_fates *fates, const otr_effect *effect)
{
    put_change(out, fates, effect);
    if (effect->hosts_lost > 0) {
        otr_buf_puts(out, "; left: ");
        put_hosts(out, fates, is_left);
    }
}

static void put_none(otr_buf *out, const otr_fates *fates)
{
    if (count_hosts(fates, is_gained) > 0) {
        otr_buf_puts(out, "refused until now, accepted then: ");
        put_hosts(out, fates, is_gained);
    } else if (count_hosts(fates, is_refused_already) > 0) {
        otr_buf_puts(out, "refused already before: ");
        put_hosts(out, fates, is_refused_already);
    }
}

static void put_dane(otr_buf *out, const otr_fates *fates, const otr_effect *effect)
{
    otr_buf_puts(out, "DANE on every MX host; ");
    if (count_hosts(fates, is_spared) > 0) {
        otr_buf_puts(out, "no CA is asked whether ");
        put_roots(out, fates, is_spared);
        otr_buf_puts(out, " vouches for ");
        put_hosts(out, fates, is_spared);
        if (effect->loses_policy_host)
            otr_buf_puts(out, "; ");
    }
    if (effect->loses_policy_host || count_hosts(fates, is_spared) == 0)
        put_change(out, fates, effect);
}

void otr_effect_explain(const otr_dependant *d, const otr_fates *fates, otr_effect *effect)
{
    otr_buf out = OTR_BUF_INIT;

    switch (effect->class) {
    case OTR_EFFECT_DEFERRED: put_deferred(&out, d, fates, effect); break;
    case OTR_EFFECT_OWN: put_own(&out, fates, effect); break;
    case OTR_EFFECT_DOWNGRADED: put_downgraded(&out, fates, effect); break;
    case OTR_EFFECT_UNKNOWN: put_unknown(&out, d, fates, effect); break;
    case OTR_EFFECT_REPORTED: put_reported(&out, fates, effect); break;
    case OTR_EFFECT_OTHER_PATH: put_other_path(&out, fates, effect); break;
    case OTR_EFFECT_DANE: put_dane(&out, fates, effect); break;
    case OTR_EFFECT_NO_POLICY:
        otr_buf_puts(&out, "no policy, opportunistic as before; ");
        put_change(&out, fates, effect);
        break;
    case OTR_EFFECT_NONE: put_none(&out, fates); break;
    case OTR_EFFECT_COUNT: break;
    }
    snprintf(effect->reason, sizeof(effect->reason), "%s", otr_buf_text(&out));
    if (out.len >= sizeof(effect->reason))
        memcpy(effect->reason + sizeof(effect->reason) - 4, "...", 4);
    otr_buf_clear(&out);
}

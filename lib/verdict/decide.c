/*
 * decide.c - step 5 of the decision table: what is required of each host, and which of the levels that mail
 * servers know says so. Where one level cannot say what differs from host to host, the choice is the one that lets no
 * host through unverified: mail may wait then, it never leaks.
 */
#include "verdict/decide.h"

#include <assert.h>
#include <stdlib.h>

const char *const otr_level_names[] = { "dane-only", "dane", "secure", "encrypt", "may", "defer" };
const char *const otr_requirement_names[] = { "DANE", "STS", "DANE+STS", "TLS", "OPP", "SKIP" };

static const otr_sts_mode *mode_in_force(const otr_sts_finding *sts)
{
    return sts->state == OTR_STS_STATE_VALID && sts->policy != NULL ? &sts->policy->mode : NULL;
}

static bool is_in_mode(const otr_sts_finding *sts, otr_sts_mode mode)
{
    const otr_sts_mode *in_force = mode_in_force(sts);

    return in_force != NULL && *in_force == mode;
}

/* --- one host ------------------------------------------------------------------------------------------- */

/* The table of step 5. `is_half`: the host was found through an insecure MX RRset (COMBO-05). */
static otr_requirement require(const otr_host_finding *host, bool is_half, bool is_enforced,
                               const otr_decide_settings *settings)
{
    otr_dane_state dane = host->dane;

    if (host->addresses == OTR_HOST_NO_ADDRESS || host->addresses == OTR_HOST_TEMPFAIL)
        return OTR_SKIP;
    if (is_half && !settings->is_dane_on_insecure_mx)
        dane = OTR_DANE_INSECURE;
    switch (dane) {
    case OTR_DANE_TEMPFAIL:
        return OTR_SKIP; /* NO-DOWNGRADE: what could not be asked is not absent */
    case OTR_DANE_USABLE:
        return is_enforced && (is_half || settings->is_both) ? OTR_REQUIRE_DANE_AND_STS : OTR_REQUIRE_DANE;
    case OTR_DANE_UNUSABLE:
        return is_enforced ? OTR_REQUIRE_STS : OTR_REQUIRE_TLS;
    case OTR_DANE_NONE:
    case OTR_DANE_INSECURE:
        break;
    }
    return is_enforced ? OTR_REQUIRE_STS : OTR_OPPORTUNISTIC;
}

static bool needs_admission(const otr_host_verdict *h)
{
    return h->requirement == OTR_REQUIRE_STS || h->requirement == OTR_REQUIRE_DANE_AND_STS;
}

bool otr_host_is_usable(const otr_host_verdict *h)
{
    return h->requirement != OTR_SKIP && !(needs_admission(h) && h->sts == OTR_STS_NOT_ADMITTED);
}

/*
 * Below a minimum a host is raised where that needs nothing of the host's (any server can be asked for TLS); else it is
 * not used. Under `dane-only` each host must have the finding `auth` (V73, V74); `secure` is wider by an
 * enforced policy, and both leave out DANE behind unsigned MX records, which authenticates a name that nobody has.
 */
static bool is_auth(const otr_verdict *v, const otr_host_verdict *h)
{
    return v->mx->security != OTR_MX_INSECURE &&
           (h->requirement == OTR_REQUIRE_DANE || h->requirement == OTR_REQUIRE_DANE_AND_STS);
}

static bool meets_minimum(const otr_verdict *v, const otr_host_verdict *h)
{
    switch (v->minimum) {
    case OTR_MINIMUM_NONE:
        return true;
    case OTR_MINIMUM_ENCRYPT:
        return h->requirement != OTR_OPPORTUNISTIC;
    case OTR_MINIMUM_SECURE:
        return is_auth(v, h) || needs_admission(h);
    case OTR_MINIMUM_DANE_ONLY:
        break;
    }
    return is_auth(v, h);
}

/* The causes of `dane-required` (decision table, step 8), in words that logs can be searched for. */
static const char *missing_dane(const otr_verdict *v, const otr_host_finding *f)
{
    if (v->mx->security == OTR_MX_INSECURE || (v->mx->is_implicit && f->addresses == OTR_HOST_INSECURE))
        return "mx-insecure";
    return f->dane == OTR_DANE_UNUSABLE ? "unusable" : "no-tlsa";
}

static void raise_to_minimum(const otr_verdict *v, otr_host_verdict *h)
{
    if (!otr_host_is_usable(h) || meets_minimum(v, h))
        return;
    h->is_raised = v->minimum == OTR_MINIMUM_ENCRYPT;
    h->is_below_minimum = !h->is_raised;
    h->requirement = h->is_raised ? OTR_REQUIRE_TLS : OTR_SKIP;
}

static const char *reason_below(const otr_verdict *v, const otr_host_verdict *h)
{
    if (v->minimum == OTR_MINIMUM_DANE_ONLY)
        return otr_arena_printf(v->arena, "dane-required, %s", missing_dane(v, h->finding));
    return "neither DANE behind signed MX records nor an enforced MTA-STS policy";
}

static const char *host_reason(const otr_verdict *v, const otr_host_verdict *h)
{
    otr_arena *arena = v->arena;

    if (v->is_overridden && h->requirement != OTR_SKIP)
        return otr_arena_printf(arena, "%s, by override: %s",
                                h->requirement == OTR_REQUIRE_TLS ? "TLS without authentication" : "opportunistic TLS",
                                h->finding->reason);
    if (h->is_below_minimum)
        return otr_arena_printf(arena, "not used, below the minimum %s: %s: %s", otr_minimum_names[v->minimum],
                                reason_below(v, h), h->finding->reason);
    if (h->is_raised)
        return otr_arena_printf(arena, "TLS without authentication, for the minimum encrypt: %s", h->finding->reason);
    if (needs_admission(h) && h->sts == OTR_STS_NOT_ADMITTED)
        return "not used: the MTA-STS policy does not name this host";
    switch (h->requirement) {
    case OTR_REQUIRE_DANE:
        return otr_arena_printf(arena, "DANE: %s", h->finding->reason);
    case OTR_REQUIRE_DANE_AND_STS:
        return otr_arena_printf(arena, "DANE and MTA-STS: %s, and the enforced policy names the host",
                                h->finding->reason);
    case OTR_REQUIRE_STS:
        return otr_arena_printf(arena, "MTA-STS: the enforced policy names the host (%s)", h->finding->reason);
    case OTR_REQUIRE_TLS:
        return otr_arena_printf(arena, "TLS without authentication: %s (RFC 7672 section 2.2)", h->finding->reason);
    case OTR_OPPORTUNISTIC:
        return otr_arena_printf(arena, "opportunistic TLS: %s", h->finding->reason);
    case OTR_SKIP:
        break;
    }
    return otr_arena_printf(arena, "not used: %s", h->finding->reason);
}

/* Under an override DANE and MTA-STS count for nothing, nor do lookups that failed: the operator has decided. */
static otr_requirement require_by_override(const otr_verdict *v, const otr_host_finding *finding)
{
    if (finding->addresses == OTR_HOST_NO_ADDRESS || v->override->level == OTR_LEVEL_DEFER)
        return OTR_SKIP;
    return v->override->level == OTR_LEVEL_ENCRYPT ? OTR_REQUIRE_TLS : OTR_OPPORTUNISTIC;
}

static void judge_host(otr_verdict *v, otr_host_verdict *h, const otr_host_finding *finding,
                       const otr_decide_settings *settings)
{
    bool is_half = v->mx->security == OTR_MX_INSECURE;

    h->finding = finding;
    h->requirement = v->is_overridden
                         ? require_by_override(v, finding)
                         : require(finding, is_half, is_in_mode(&v->sts, OTR_STS_ENFORCE), settings);
    h->sts = OTR_STS_NO_PATTERNS;
    if (is_in_mode(&v->sts, OTR_STS_ENFORCE) || is_in_mode(&v->sts, OTR_STS_TESTING)) {
        bool is_admitted = !finding->is_unusable_name && otr_sts_policy_admits(v->sts.policy, finding->host);

        h->sts = is_admitted ? OTR_STS_ADMITTED : OTR_STS_NOT_ADMITTED;
    }
    h->is_sts_watched = !v->is_overridden && is_in_mode(&v->sts, OTR_STS_TESTING);
    if (!v->is_overridden)
        raise_to_minimum(v, h);
    h->reason = host_reason(v, h);
}

/* --- all hosts ------------------------------------------------------------------------------------------ */

struct tally {
    size_t dane, dane_and_sts, sts, tls, opportunistic; /* hosts that may be used */
    size_t not_admitted;                                /* refused by an enforced policy */
    size_t failed;                                      /* skipped because a lookup failed */
    size_t raised, below;                               /* by the minimum: of `tls`; skipped */
};

/* Under an override no policy is in force. */
static bool is_enforced(const otr_verdict *v)
{
    return !v->is_overridden && is_in_mode(&v->sts, OTR_STS_ENFORCE);
}

static struct tally count_hosts(const otr_verdict *v)
{
    struct tally t = { 0 };

    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_verdict *h = &v->hosts[i];
        bool is_nowhere = h->finding->addresses == OTR_HOST_NO_ADDRESS;

        /* An exchange that is an address in text form is refused by the policy rather than "without
         * address": mail waits for the domain to mend it (V83). */
        if (is_enforced(v) && h->sts == OTR_STS_NOT_ADMITTED && !h->is_below_minimum &&
            (needs_admission(h) || h->finding->is_unusable_name)) {
            t.not_admitted++;
            continue;
        }
        switch (h->requirement) {
        case OTR_REQUIRE_DANE: t.dane++; break;
        case OTR_REQUIRE_DANE_AND_STS: t.dane_and_sts++; break;
        case OTR_REQUIRE_STS: t.sts++; break;
        case OTR_REQUIRE_TLS: t.tls++; t.raised += h->is_raised; break;
        case OTR_OPPORTUNISTIC: t.opportunistic++; break;
        case OTR_SKIP:
            t.below += h->is_below_minimum;
            t.failed += !is_nowhere && !h->is_below_minimum;
            break;
        }
    }
    return t;
}

static void conclude(otr_verdict *v, otr_level level, const char *reason)
{
    v->level = level;
    v->reason = reason;
}

/*
 * DNS says that no mail can go there: the mail server is to see that for itself, and bounce. Where more than `may` was
 * promised or demanded, an answer lets nothing through, should DNS tell the mail server another story.
 */
static void conclude_undeliverable(otr_verdict *v, const char *status, const char *reason)
{
    bool is_strict = v->is_overridden ? v->override->level != OTR_LEVEL_MAY
                                      : is_enforced(v) || v->minimum != OTR_MINIMUM_NONE || v->hold != NULL;

    v->undeliverable = status;
    conclude(v, is_strict ? OTR_LEVEL_SECURE : OTR_LEVEL_MAY, reason);
}

static void conclude_below(otr_verdict *v)
{
    size_t i = 0;

    while (!v->hosts[i].is_below_minimum)
        i++;
    conclude(v, OTR_LEVEL_DEFER,
             otr_arena_printf(v->arena, "minimum %s for %s is not met: %s", otr_minimum_names[v->minimum],
                              v->destination.domain, reason_below(v, &v->hosts[i])));
}

/* Nothing can be delivered anywhere: what DNS says is definite, or it is not. */
static void conclude_without_host(otr_verdict *v, const struct tally *t)
{
    if (t->below > 0)
        conclude_below(v);
    else if (t->not_admitted > 0)
        conclude(v, OTR_LEVEL_SECURE, "no MX host is named by the enforced MTA-STS policy");
    else if (t->failed > 0)
        conclude(v, OTR_LEVEL_DEFER, "no MX host can be used: lookups failed");
    else
        conclude_undeliverable(v, "5.4.4 no MX host has an address", "no MX host has an address");
}

static void conclude_enforced(otr_verdict *v, const struct tally *t)
{
    if (v->mx->security == OTR_MX_INSECURE || t->dane + t->dane_and_sts == 0) {
        conclude(v, OTR_LEVEL_SECURE, "an enforced MTA-STS policy");
    } else if (t->sts > 0) {
        /* V67: some hosts have DANE, the others only the policy. One level for both would weaken one of them. */
        conclude(v, OTR_LEVEL_DANE_ONLY,
                 "DANE on some hosts; the others, under the enforced MTA-STS policy, are left aside "
                 "where one level must do for all");
    } else {
        conclude(v, OTR_LEVEL_DANE_ONLY,
                 t->dane_and_sts > 0 ? "DANE, and an enforced MTA-STS policy besides"
                                     : "DANE on every host, which comes before the MTA-STS policy");
    }
}

static void conclude_unenforced(otr_verdict *v, const struct tally *t)
{
    bool is_weaker_host = t->tls + t->opportunistic > 0;

    if (t->dane > 0 && v->mx->security != OTR_MX_INSECURE && t->raised > 0)
        /* At level dane Postfix would send in clear text to a host without TLSA records. */
        conclude(v, OTR_LEVEL_DANE_ONLY,
                 "DANE on some hosts; the others, which must offer TLS for the minimum, are left aside where one level "
                 "must do for all");
    else if (t->dane > 0 && v->mx->security != OTR_MX_INSECURE && !is_weaker_host)
        conclude(v, OTR_LEVEL_DANE_ONLY, "DANE on every host that can be used");
    else if (t->dane > 0 && v->mx->security == OTR_MX_INSECURE)
        conclude(v, OTR_LEVEL_DANE,
                 "DANE on hosts of unsigned MX records: it authenticates the host, not the way to it");
    else if (t->dane > 0)
        conclude(v, OTR_LEVEL_DANE, "DANE on some hosts, not on all");
    else if (t->failed > 0 || (t->tls > 0 && t->opportunistic > 0))
        conclude(v, OTR_LEVEL_DANE,
                 t->failed > 0 ? "lookups failed for some hosts: those must not be used"
                               : "hosts with TLSA records that are all unusable, beside hosts without any");
    else if (t->raised > 0)
        conclude(v, OTR_LEVEL_ENCRYPT, "the configured minimum: TLS, unauthenticated");
    else if (t->tls > 0)
        conclude(v, OTR_LEVEL_ENCRYPT, "TLSA records exist and none is usable: TLS, unauthenticated");
    else if (is_in_mode(&v->sts, OTR_STS_TESTING))
        conclude(v, OTR_LEVEL_MAY, "an MTA-STS policy in testing mode, no DANE");
    else
        conclude(v, OTR_LEVEL_MAY, "neither DANE nor an MTA-STS policy in force");
}

/* Rows of step 1 that leave no host, for good. */
static bool is_without_hosts(otr_verdict *v)
{
    const char *row = v->mx->row;

    if (strcmp(row, "M7") == 0)
        conclude_undeliverable(v, "5.1.2 no such domain", "no such domain");
    else if (strcmp(row, "M4") == 0)
        conclude_undeliverable(v, "5.1.10 null MX", "null MX: the domain accepts no mail");
    else if (strcmp(row, "M12") == 0)
        conclude_undeliverable(v, "5.4.6 the best MX host is this mail server itself",
                               "the best MX host is one of own_hosts, so that mail would loop");
    else
        return false;
    return true;
}

static void judge_overridden(otr_verdict *v, const struct tally *t)
{
    const otr_override *o = v->override;
    char until[OTR_TIME_TEXT];

    if (v->mx->host_count > 0 && t->tls + t->opportunistic + t->failed == 0)
        conclude_without_host(v, t);
    else
        conclude(v, o->level,
                 otr_arena_printf(v->arena, "override until %s: %s", otr_time_text(o->until, until), o->reason));
}

/*
 * Mail that is authenticated by DANE alone depends on no root, so a change of roots does not hold it back (DANE-FIRST).
 * That must be so for each host that may be used: where one of them is under the policy, all wait, as an answer that
 * left it out would depend on who reads it. And DANE must be known: what could not be looked up is skipped, not counted.
 */
static bool depends_on_roots(const otr_verdict *v)
{
    size_t usable = 0;

    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_verdict *h = &v->hosts[i];

        if (!otr_host_is_usable(h))
            continue;
        if (v->mx->security == OTR_MX_INSECURE || h->requirement != OTR_REQUIRE_DANE)
            return true;
        usable++;
    }
    return usable == 0;
}

static bool is_held(const otr_verdict *v)
{
    return !v->is_overridden && v->hold != NULL && depends_on_roots(v);
}

static void conclude_held(otr_verdict *v)
{
    char text[OTR_HOLD_TEXT];

    conclude(v, OTR_LEVEL_DEFER, otr_arena_text(v->arena, otr_hold_text(v->hold, text)));
}

static void judge(otr_verdict *v, const otr_decide_settings *settings)
{
    struct tally t = count_hosts(v);

    v->undeliverable = "";
    if (is_without_hosts(v))
        return;
    v->is_held = is_held(v);
    if (v->is_overridden) {
        judge_overridden(v, &t);
    } else if (v->is_held) {
        conclude_held(v);
    } else if (v->mx->security == OTR_MX_BOGUS || v->mx->security == OTR_MX_TEMPFAIL) {
        conclude(v, OTR_LEVEL_DEFER, otr_arena_text(v->arena, v->mx->error));
    } else if (v->sts.is_unknown && settings->defer_on_unknown_sts) {
        conclude(v, OTR_LEVEL_DEFER,
                 "whether there is an MTA-STS policy could not be found out, and sts.on_unknown is defer");
    } else if (t.dane + t.dane_and_sts + t.sts + t.tls + t.opportunistic == 0) {
        conclude_without_host(v, &t);
    } else if (is_enforced(v)) {
        conclude_enforced(v, &t);
    } else {
        conclude_unenforced(v, &t);
    }
}

/* --- the verdict ---------------------------------------------------------------------------------------- */

static otr_time earlier(otr_time a, otr_time b)
{
    return a < b ? a : b;
}

/* Nothing is believed longer than the TTLs it came with, nor a policy past its end. */
static otr_time lifetime(const otr_verdict *v, otr_time now)
{
    otr_time until = v->mx->valid_until;

    if (mode_in_force(&v->sts) != NULL)
        until = earlier(until, v->sts.expires_at);
    else if (v->sts.is_unknown)
        until = earlier(until, now + OTR_FAILURE_TTL);
    else if (v->entry != NULL && v->entry->recheck_at > 0)
        until = earlier(until, v->entry->recheck_at);
    if (v->override != NULL)
        until = earlier(until, v->override->until);
    return until > now ? until : now + 1;
}

/* An address literal has no policy domain. And where DNS names no MX host nobody looks for a policy: not having
 * looked is no failure then. */
static otr_sts_finding find_sts(const otr_mx_finding *mx, const otr_sts_entry *entry, bool is_pending, otr_time now)
{
    static const otr_sts_finding none = { .row = "", .state = OTR_STS_STATE_NONE, .id = "", .error = "" };
    otr_sts_finding finding = entry != NULL ? otr_sts_entry_finding(entry, now, is_pending) : none;

    return mx->host_count == 0 && finding.policy == NULL ? none : finding;
}

/* What the operator has said. The minimum is stronger than an override below it. */
static void take_operators_word(otr_verdict *v, const otr_decide_settings *settings, otr_time now)
{
    const otr_minimum_rule *rule =
        settings->minimum != NULL ? otr_minimum_find(settings->minimum, v->destination.domain) : NULL;

    v->minimum = rule != NULL ? rule->minimum : OTR_MINIMUM_NONE;
    if (settings->hold != NULL)
        v->hold = otr_arena_bytes(v->arena, settings->hold, sizeof(*settings->hold));
    if (settings->override == NULL || settings->override->until <= now)
        return;
    v->override = otr_arena_bytes(v->arena, settings->override, sizeof(*settings->override));
    v->is_overridden = v->override != NULL && otr_level_meets(v->override->level, v->minimum);
}

otr_verdict *otr_decide(otr_mx_finding *mx, otr_sts_entry *entry, bool is_sts_pending,
                        const otr_decide_settings *settings, const otr_anchors *anchors, otr_time now)
{
    otr_arena *arena = otr_arena_new();
    otr_verdict *v = arena != NULL ? otr_arena_alloc(arena, 1, sizeof(*v)) : NULL;
    otr_host_verdict *hosts = v != NULL ? otr_arena_alloc(arena, mx->host_count + 1, sizeof(*hosts)) : NULL;

    /* SCOPE: the policy of the next hop itself; an address literal has none (RFC 8461 §3.4). */
    assert(entry == NULL ||
           (mx->destination.kind != OTR_TO_ADDRESS && strcmp(entry->domain, mx->destination.domain) == 0));
    /* LOCALITY: an override counts for its own domain, and so does a hold. */
    assert(settings->override == NULL || strcmp(settings->override->domain, mx->destination.domain) == 0);
    assert(settings->hold == NULL || strcmp(settings->hold->domain, mx->destination.domain) == 0);
    if (hosts == NULL) {
        otr_arena_free(arena);
        return NULL;
    }
    v->arena = arena;
    v->refs = 1;
    v->destination = mx->destination;
    v->mx = otr_mx_finding_ref(mx);
    v->entry = entry != NULL ? otr_sts_entry_ref(entry) : NULL;
    v->sts = find_sts(mx, entry, is_sts_pending, now);
    v->anchors = otr_anchor_set_ref(otr_anchors_for(anchors, v->destination.domain));
    v->made_at = now;
    take_operators_word(v, settings, now);
    v->hosts = hosts;
    for (size_t i = 0; i < mx->host_count; i++)
        judge_host(v, &hosts[i], &mx->hosts[i], settings);
    judge(v, settings);
    v->valid_until = lifetime(v, now);
    if (otr_arena_failed(arena)) {
        otr_verdict_unref(v);
        return NULL;
    }
    return v;
}

otr_verdict *otr_verdict_ref(otr_verdict *verdict)
{
    verdict->refs++;
    return verdict;
}

void otr_verdict_unref(otr_verdict *verdict)
{
    if (verdict == NULL || --verdict->refs != 0)
        return;
    otr_mx_finding_unref(verdict->mx);
    otr_sts_entry_unref(verdict->entry);
    otr_anchor_set_unref(verdict->anchors);
    otr_arena_free(verdict->arena);
}

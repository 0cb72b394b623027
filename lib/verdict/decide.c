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

/* The table of step 5. `is_half`: the host was found through an insecure MX RRset (R2). */
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

static const char *host_reason(otr_arena *arena, const otr_host_verdict *h)
{
    if (needs_admission(h) && h->sts == OTR_STS_NOT_ADMITTED)
        return "not used: the MTA-STS policy does not name this host";
    switch (h->requirement) {
    case OTR_REQUIRE_DANE:
        return otr_arena_printf(arena, "DANE: %s", h->finding->reason);
    case OTR_REQUIRE_DANE_AND_STS:
        return otr_arena_printf(arena, "DANE and MTA-STS: %s, and the enforced policy names the host", h->finding->reason);
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

static void judge_host(otr_verdict *v, otr_host_verdict *h, const otr_host_finding *finding,
                       const otr_decide_settings *settings)
{
    bool is_half = v->mx->security == OTR_MX_INSECURE;

    h->finding = finding;
    h->requirement = require(finding, is_half, is_in_mode(&v->sts, OTR_STS_ENFORCE), settings);
    h->sts = OTR_STS_NO_PATTERNS;
    if (is_in_mode(&v->sts, OTR_STS_ENFORCE) || is_in_mode(&v->sts, OTR_STS_TESTING)) {
        bool is_admitted = !finding->is_unusable_name && otr_sts_policy_admits(v->sts.policy, finding->host);

        h->sts = is_admitted ? OTR_STS_ADMITTED : OTR_STS_NOT_ADMITTED;
    }
    h->is_sts_watched = is_in_mode(&v->sts, OTR_STS_TESTING);
    h->reason = host_reason(v->arena, h);
}

/* --- all hosts ------------------------------------------------------------------------------------------ */

struct tally {
    size_t dane, dane_and_sts, sts, tls, opportunistic; /* hosts that may be used */
    size_t not_admitted;                                /* refused by an enforced policy */
    size_t failed;                                      /* skipped because a lookup failed */
};

static struct tally count_hosts(const otr_verdict *v)
{
    struct tally t = { 0 };

    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_verdict *h = &v->hosts[i];
        bool is_nowhere = h->finding->addresses == OTR_HOST_NO_ADDRESS;

        /* An exchange that is an address in text form is refused by the policy rather than "without
         * address": mail waits for the domain to mend it (V83). */
        if (is_in_mode(&v->sts, OTR_STS_ENFORCE) && h->sts == OTR_STS_NOT_ADMITTED &&
            (needs_admission(h) || h->finding->is_unusable_name)) {
            t.not_admitted++;
            continue;
        }
        switch (h->requirement) {
        case OTR_REQUIRE_DANE: t.dane++; break;
        case OTR_REQUIRE_DANE_AND_STS: t.dane_and_sts++; break;
        case OTR_REQUIRE_STS: t.sts++; break;
        case OTR_REQUIRE_TLS: t.tls++; break;
        case OTR_OPPORTUNISTIC: t.opportunistic++; break;
        case OTR_SKIP: t.failed += !is_nowhere; break;
        }
    }
    return t;
}

static void conclude(otr_verdict *v, otr_level level, const char *reason)
{
    v->level = level;
    v->reason = reason;
}

/* Nothing can be delivered anywhere: what DNS says is definite, or it is not. */
static void conclude_without_host(otr_verdict *v, const struct tally *t)
{
    if (t->not_admitted > 0) {
        conclude(v, OTR_LEVEL_SECURE, "no MX host is named by the enforced MTA-STS policy");
    } else if (t->failed > 0) {
        conclude(v, OTR_LEVEL_DEFER, "no MX host can be used: lookups failed");
    } else {
        v->undeliverable = "5.4.4 no MX host has an address";
        conclude(v, is_in_mode(&v->sts, OTR_STS_ENFORCE) ? OTR_LEVEL_SECURE : OTR_LEVEL_MAY, "no MX host has an address");
    }
}

static void conclude_enforced(otr_verdict *v, const struct tally *t)
{
    if (v->mx->security == OTR_MX_INSECURE || t->dane + t->dane_and_sts == 0) {
        conclude(v, OTR_LEVEL_SECURE, "an enforced MTA-STS policy");
    } else if (t->sts > 0) {
        /* V67: some hosts have DANE, the others only the policy. One level for both would weaken one of them. */
        conclude(v, OTR_LEVEL_DANE_ONLY, "DANE on some hosts; the others, under the enforced MTA-STS policy, are left aside "
                                         "where one level must do for all");
    } else {
        conclude(v, OTR_LEVEL_DANE_ONLY, t->dane_and_sts > 0 ? "DANE, and an enforced MTA-STS policy besides"
                                                             : "DANE on every host, which comes before the MTA-STS policy");
    }
}

static void conclude_unenforced(otr_verdict *v, const struct tally *t)
{
    bool is_weaker_host = t->tls + t->opportunistic > 0;

    if (t->dane > 0 && v->mx->security != OTR_MX_INSECURE && !is_weaker_host)
        conclude(v, OTR_LEVEL_DANE_ONLY, "DANE on every host that can be used");
    else if (t->dane > 0 && v->mx->security == OTR_MX_INSECURE)
        conclude(v, OTR_LEVEL_DANE, "DANE on hosts of unsigned MX records: it authenticates the host, not the way to it");
    else if (t->dane > 0)
        conclude(v, OTR_LEVEL_DANE, "DANE on some hosts, not on all");
    else if (t->failed > 0 || (t->tls > 0 && t->opportunistic > 0))
        conclude(v, OTR_LEVEL_DANE, t->failed > 0 ? "lookups failed for some hosts: those must not be used"
                                                  : "hosts with TLSA records that are all unusable, beside hosts without any");
    else if (t->tls > 0)
        conclude(v, OTR_LEVEL_ENCRYPT, "TLSA records exist and none is usable: TLS, unauthenticated");
    else if (is_in_mode(&v->sts, OTR_STS_TESTING))
        conclude(v, OTR_LEVEL_MAY, "an MTA-STS policy in testing mode, no DANE");
    else
        conclude(v, OTR_LEVEL_MAY, "neither DANE nor an MTA-STS policy in force");
}

static void judge(otr_verdict *v, const otr_decide_settings *settings)
{
    struct tally t = count_hosts(v);
    const char *row = v->mx->row;
    bool is_enforced = is_in_mode(&v->sts, OTR_STS_ENFORCE);

    v->undeliverable = "";
    if (v->mx->security == OTR_MX_BOGUS || v->mx->security == OTR_MX_TEMPFAIL) {
        conclude(v, OTR_LEVEL_DEFER, otr_arena_text(v->arena, v->mx->error));
    } else if (strcmp(row, "M7") == 0) {
        v->undeliverable = "5.1.2 no such domain";
        conclude(v, is_enforced ? OTR_LEVEL_SECURE : OTR_LEVEL_MAY, "no such domain");
    } else if (strcmp(row, "M4") == 0) {
        v->undeliverable = "5.1.10 null MX";
        conclude(v, is_enforced ? OTR_LEVEL_SECURE : OTR_LEVEL_MAY, "null MX: the domain accepts no mail");
    } else if (v->sts.is_unknown && settings->defer_on_unknown_sts) {
        conclude(v, OTR_LEVEL_DEFER, "whether there is an MTA-STS policy could not be found out, and sts.on_unknown is defer");
    } else if (t.dane + t.dane_and_sts + t.sts + t.tls + t.opportunistic == 0) {
        conclude_without_host(v, &t);
    } else if (is_enforced) {
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
    return until > now ? until : now + 1;
}

static const otr_sts_finding no_sts = { .row = "", .state = OTR_STS_STATE_NONE, .id = "", .error = "" };

otr_verdict *otr_decide(otr_mx_finding *mx, otr_sts_entry *entry, bool is_sts_pending,
                        const otr_decide_settings *settings, const otr_anchors *anchors, otr_time now)
{
    otr_arena *arena = otr_arena_new();
    otr_verdict *v = arena != NULL ? otr_arena_alloc(arena, 1, sizeof(*v)) : NULL;
    otr_host_verdict *hosts = v != NULL ? otr_arena_alloc(arena, mx->host_count + 1, sizeof(*hosts)) : NULL;

    /* SCOPE: the policy of the next hop itself; an address literal has none (RFC 8461 §3.4). */
    assert(entry == NULL || (mx->destination.kind != OTR_TO_ADDRESS && strcmp(entry->domain, mx->destination.domain) == 0));
    if (hosts == NULL) {
        otr_arena_free(arena);
        return NULL;
    }
    v->arena = arena;
    v->refs = 1;
    v->destination = mx->destination;
    v->mx = otr_mx_finding_ref(mx);
    v->entry = entry != NULL ? otr_sts_entry_ref(entry) : NULL;
    v->sts = entry != NULL ? otr_sts_entry_finding(entry, now, is_sts_pending) : no_sts;
    v->anchors = otr_anchors_for(anchors, v->destination.domain);
    v->made_at = now;
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
    otr_arena_free(verdict->arena);
}

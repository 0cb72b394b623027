/*
 * Step 5 of the decision table in full, the levels that say it to mail servers, and the invariants, each by its name.
 * The vectors of step 10 are in vectors_test.c.
 */
#include "support/cmocka_all.h"

#include "scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const otr_decide_settings defaults = OTR_DECIDE_SETTINGS_INIT;

static otr_decide_settings with_both(void)
{
    otr_decide_settings s = OTR_DECIDE_SETTINGS_INIT;

    s.is_both = true;
    return s;
}

static otr_decide_settings without_election(void)
{
    otr_decide_settings s = OTR_DECIDE_SETTINGS_INIT;

    s.is_dane_on_insecure_mx = false;
    return s;
}

static otr_decide_settings with_defer(void)
{
    otr_decide_settings s = OTR_DECIDE_SETTINGS_INIT;

    s.defer_on_unknown_sts = true;
    return s;
}

/* --- step 5: what is required of a host ------------------------------------------------------------------- */

static const char *const columns[] = {
    "S5 enforce mx.example.org", "S5 testing mx.example.org", "S5 none", "S1", "S5 enforce mx.example.org",
};
enum { ENFORCE, TESTING, MODE_NONE, ABSENT, ENFORCE_BOTH };

static const struct {
    const char *finding; /* the row of the matrix */
    const char *mx;
    otr_requirement want[5];
} matrix[] = {
#define DANE OTR_REQUIRE_DANE
#define STS OTR_REQUIRE_STS
#define BOTH OTR_REQUIRE_DANE_AND_STS
#define TLS OTR_REQUIRE_TLS
#define OPP OTR_OPPORTUNISTIC
#define SKIP OTR_SKIP
    { "auth, MX secure", "M2: mx.example.org A1 T1", { DANE, DANE, DANE, DANE, BOTH } },
    { "auth, MX secure, by an alias", "M2: mx.example.org>r.example.net A2 T1", { DANE, DANE, DANE, DANE, BOTH } },
    { "auth, MX secure, alias into an unsigned zone", "M2: mx.example.org>r.example.net A3 T1",
      { DANE, DANE, DANE, DANE, BOTH } },
    { "auth, implicit", "M6: mx.example.org A1 T1", { DANE, DANE, DANE, DANE, BOTH } },
    { "auth, a host", "M13: mx.example.org A1 T1", { DANE, DANE, DANE, DANE, BOTH } },
    { "half", "M3: mx.example.org A1 T1", { BOTH, DANE, DANE, DANE, BOTH } },
    { "half, alias into an unsigned zone", "M3: mx.example.org>r.example.net A3 T1",
      { BOTH, DANE, DANE, DANE, BOTH } },
    { "enc, MX secure", "M2: mx.example.org A1 T2", { STS, TLS, TLS, TLS, STS } },
    { "enc, implicit", "M6: mx.example.org A1 T2", { STS, TLS, TLS, TLS, STS } },
    { "enc, MX insecure, elected", "M3: mx.example.org A1 T2", { STS, TLS, TLS, TLS, STS } },
    { "fail by error", "M2: mx.example.org A1 T3", { SKIP, SKIP, SKIP, SKIP, SKIP } },
    { "fail by bogus", "M2: mx.example.org A1 T3b", { SKIP, SKIP, SKIP, SKIP, SKIP } },
    { "fail, implicit", "M6: mx.example.org A1 T3", { SKIP, SKIP, SKIP, SKIP, SKIP } },
    { "fail, MX insecure, elected", "M3: mx.example.org A1 T3", { SKIP, SKIP, SKIP, SKIP, SKIP } },
    { "fail: the alias could not be judged", "M2: mx.example.org>r.example.net A3",
      { SKIP, SKIP, SKIP, SKIP, SKIP } },
    { "none: denied", "M2: mx.example.org A1 T4", { STS, OPP, OPP, OPP, STS } },
    { "none: insecure records", "M2: mx.example.org A1 T5", { STS, OPP, OPP, OPP, STS } },
    { "none: insecure address", "M2: mx.example.org A7", { STS, OPP, OPP, OPP, STS } },
    { "none: insecure throughout", "M3: mx.example.org A7", { STS, OPP, OPP, OPP, STS } },
    { "none: MX insecure, elected, denied", "M3: mx.example.org A1 T4", { STS, OPP, OPP, OPP, STS } },
    { "A4", "M2: mx.example.org A4", { SKIP, SKIP, SKIP, SKIP, SKIP } },
    { "A5", "M2: mx.example.org A5", { SKIP, SKIP, SKIP, SKIP, SKIP } },
    { "A8", "M2: mx.example.org A8", { SKIP, SKIP, SKIP, SKIP, SKIP } },
};

static void step_5_requires_of_a_host(void **state)
{
    otr_decide_settings both = with_both();

    (void)state;
    for (size_t i = 0; i < COUNT(matrix); i++) {
        for (size_t k = 0; k < COUNT(columns); k++) {
            otr_verdict *v = scene_verdict("mx.example.org", matrix[i].mx, columns[k],
                k == ENFORCE_BOTH ? &both : &defaults);
            const otr_host_verdict *h = &v->hosts[0];
            bool has_patterns = k == ENFORCE || k == TESTING || k == ENFORCE_BOTH;

            if (h->requirement != matrix[i].want[k])
                fail_msg("%s x %s%s: got %s, want %s", matrix[i].finding, columns[k],
                    k == ENFORCE_BOTH ? " (both)" : "",
                         otr_requirement_names[h->requirement], otr_requirement_names[matrix[i].want[k]]);
            assert_int_equal(h->sts, has_patterns ? OTR_STS_ADMITTED : OTR_STS_NO_PATTERNS);
            assert_int_equal(h->is_sts_watched, k == TESTING);
            assert_int_equal(otr_host_is_usable(h), h->requirement != OTR_SKIP);
            assert_true(*h->reason != '\0');
            assert_true(*v->reason != '\0');
            otr_verdict_unref(v);
        }
    }
}

/* dane.insecure_mx = no: behind an insecure MX RRset every DANE finding is "none" - but only there. */
static void without_election_an_insecure_mx_has_no_dane(void **state)
{
    static const char *const tlsa[] = { "T1", "T2", "T3", "T3b", "T4", "T5" };
    otr_decide_settings settings = without_election();

    (void)state;
    for (size_t i = 0; i < COUNT(tlsa); i++) {
        char insecure[60], secure[60];
        otr_verdict *v;

        snprintf(insecure, sizeof(insecure), "M3: mx.example.org A1 %s", tlsa[i]);
        snprintf(secure, sizeof(secure), "M2: mx.example.org A1 %s", tlsa[i]);
        v = scene_verdict("example.org", insecure, "S1", &settings);
        assert_int_equal(v->hosts[0].requirement, OTR_OPPORTUNISTIC);
        assert_int_equal(v->level, OTR_LEVEL_MAY);
        otr_verdict_unref(v);
        v = scene_verdict("example.org", insecure, "S5 enforce mx.example.org", &settings);
        assert_int_equal(v->hosts[0].requirement, OTR_REQUIRE_STS);
        otr_verdict_unref(v);
        v = scene_verdict("example.org", secure, "S1", &settings);
        assert_int_equal(v->hosts[0].requirement == OTR_OPPORTUNISTIC, i >= 4);
        otr_verdict_unref(v);
    }
}

/* Which requirements an unlisted name stops (step 6, "decided before the session"). */
static void an_unlisted_host_is_skipped_only_where_sts_is_required(void **state)
{
    static const struct { const char *mx, *sts; bool is_both, is_usable; } rows[] = {
        { "M2: mx.example.org A1 T1", "S5 enforce other.example.org", false, true },   /* DANE first (V65) */
        { "M2: mx.example.org A1 T1", "S5 enforce other.example.org", true, false },
        { "M3: mx.example.org A1 T1", "S5 enforce other.example.org", false, false },  /* V42 */
        { "M2: mx.example.org A1 T2", "S5 enforce other.example.org", false, false },
        { "M2: mx.example.org A1 T4", "S5 enforce other.example.org", false, false },
        { "M3: mx.example.org A7", "S5 enforce other.example.org", false, false },     /* V46 */
        { "M2: mx.example.org A1 T1", "S5 testing other.example.org", true, true },
        { "M2: mx.example.org A1 T2", "S5 testing other.example.org", false, true },
        { "M3: mx.example.org A7", "S5 testing other.example.org", false, true },      /* V51 */
        { "M3: mx.example.org A7", "S5 enforce *.example.org", false, true },
        { "M3: a.b.example.org A7", "S5 enforce *.example.org", false, false },        /* one label */
        { "M3: example.org A7", "S5 enforce *.example.org", false, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_decide_settings both = with_both();
        otr_verdict *v = scene_verdict("example.org", rows[i].mx, rows[i].sts,
            rows[i].is_both ? &both : &defaults);

        if (otr_host_is_usable(&v->hosts[0]) != rows[i].is_usable)
            fail_msg("%s x %s%s: usable is not %d", rows[i].mx, rows[i].sts, rows[i].is_both ? " (both)" : "",
                rows[i].is_usable);
        otr_verdict_unref(v);
    }
}

/* --- levels ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *sentence;
    const char *mx, *sts;
    otr_level want;
    const char *undeliverable;
} levels[] = {
    { "DANE on every host", "M2: a.example.org A1 T1; b.example.org A1 T1", "S1", OTR_LEVEL_DANE_ONLY, "" },
    { "DANE on every host that can be used: one has no address", "M2: a.example.org A1 T1; b.example.org A4",
      "S1", OTR_LEVEL_DANE_ONLY, "" },
    { "DANE on every host that can be used: one lookup failed", "M2: a.example.org A1 T1; b.example.org A1 T3",
      "S1", OTR_LEVEL_DANE_ONLY, "" },
    { "DANE on the implicit MX", "M6: example.org A1 T1", "S1", OTR_LEVEL_DANE_ONLY, "" },
    { "DANE on some hosts", "M2: a.example.org A1 T1; b.example.org A1 T4", "S1", OTR_LEVEL_DANE, "" },
    { "DANE beside unusable records", "M2: a.example.org A1 T1; b.example.org A1 T2", "S1", OTR_LEVEL_DANE, "" },
    { "DANE behind an insecure MX is never dane-only", "M3: a.example.org A1 T1; b.example.org A1 T1", "S1",
      OTR_LEVEL_DANE, "" },
    { "unusable records on every host", "M2: a.example.org A1 T2; b.example.org A1 T2", "S1",
      OTR_LEVEL_ENCRYPT, "" },
    { "unusable records beside none: no one level for both but dane",
      "M2: a.example.org A1 T2; b.example.org A1 T4", "S1", OTR_LEVEL_DANE, "" },
    { "unusable records beside a failed lookup", "M2: a.example.org A1 T2; b.example.org A1 T3", "S1",
      OTR_LEVEL_DANE, "" },
    { "no TLSA beside a failed lookup: that host must not be used",
      "M2: a.example.org A1 T4; b.example.org A1 T3", "S1", OTR_LEVEL_DANE, "" },
    { "no TLSA beside a failed address lookup (V71)", "M2: a.example.org A5; b.example.org A7", "S1",
      OTR_LEVEL_DANE, "" },
    { "no TLSA beside a host without address", "M2: a.example.org A4; b.example.org A7", "S1", OTR_LEVEL_MAY, "" },
    { "nothing", "M2: a.example.org A1 T4; b.example.org A7", "S1", OTR_LEVEL_MAY, "" },
    { "testing changes no level: DANE", "M2: a.example.org A1 T1", "S5 testing a.example.org",
      OTR_LEVEL_DANE_ONLY, "" },
    { "testing changes no level: unusable", "M2: a.example.org A1 T2", "S5 testing a.example.org",
      OTR_LEVEL_ENCRYPT, "" },
    { "testing changes no level: nothing", "M3: a.example.org A7", "S5 testing b.example.org", OTR_LEVEL_MAY, "" },
    { "all lookups failed", "M2: a.example.org A5; b.example.org A1 T3", "S1", OTR_LEVEL_DEFER, "" },
    { "lookups failed or no address: not definite", "M2: a.example.org A4; b.example.org A5", "S1",
      OTR_LEVEL_DEFER, "" },
    { "no host has an address", "M2: a.example.org A4; b.example.org A4", "S1", OTR_LEVEL_MAY,
      "5.4.4 no MX host has an address" },
    { "no host is a name (M11)", "M2: 192.0.2.1 A4!; 192.0.2.2 A4!", "S1", OTR_LEVEL_MAY,
      "5.4.4 no MX host has an address" },
    { "enforce, no host has an address", "M2: a.example.org A4", "S5 enforce a.example.org", OTR_LEVEL_SECURE,
      "5.4.4 no MX host has an address" },
    { "enforce, all lookups failed", "M3: a.example.org A5", "S5 enforce a.example.org", OTR_LEVEL_DEFER, "" },
    { "enforce", "M3: a.example.org A7; b.example.org A7", "S5 enforce a.example.org b.example.org",
      OTR_LEVEL_SECURE, "" },
    { "enforce, one host not listed", "M3: a.example.org A7; b.example.org A7", "S5 enforce b.example.org",
      OTR_LEVEL_SECURE, "" },
    { "enforce, no host listed", "M3: a.example.org A7; b.example.org A7", "S5 enforce c.example.org",
      OTR_LEVEL_SECURE, "" },
    { "enforce, one lookup failed", "M3: a.example.org A7; b.example.org A5", "S5 enforce *.example.org",
      OTR_LEVEL_SECURE, "" },
    { "enforce and unusable records", "M2: a.example.org A1 T2", "S5 enforce a.example.org", OTR_LEVEL_SECURE,
      "" },
    { "enforce and DANE on every host", "M2: a.example.org A1 T1; b.example.org A1 T1",
      "S5 enforce a.example.org", OTR_LEVEL_DANE_ONLY, "" },
    { "enforce and DANE on some (V67)", "M2: a.example.org A1 T1; b.example.org A1 T4",
      "S5 enforce *.example.org", OTR_LEVEL_DANE_ONLY, "" },
    { "enforce and DANE, the others not listed", "M2: a.example.org A1 T1; b.example.org A1 T4",
      "S5 enforce a.example.org", OTR_LEVEL_DANE_ONLY, "" },
    { "enforce and DANE behind an insecure MX: never without STS", "M3: a.example.org A1 T1",
      "S5 enforce a.example.org", OTR_LEVEL_SECURE, "" },
    { "mode none is no policy", "M3: a.example.org A7", "S5 none", OTR_LEVEL_MAY, "" },
    { "M4 under enforce", "M4", "S5 enforce a.example.org", OTR_LEVEL_SECURE, "5.1.10 null MX" },
    { "M4", "M4", "S1", OTR_LEVEL_MAY, "5.1.10 null MX" },
    { "M7", "M7", "S1", OTR_LEVEL_MAY, "5.1.2 no such domain" },
    { "M12", "M12", "S1", OTR_LEVEL_MAY, "5.4.6 the best MX host is this mail server itself" },
    { "M12 under enforce", "M12", "S5 enforce a.example.org", OTR_LEVEL_SECURE,
      "5.4.6 the best MX host is this mail server itself" },
    { "M8", "M8", "S1", OTR_LEVEL_DEFER, "" },
    { "M9 under enforce", "M9", "S5 enforce a.example.org", OTR_LEVEL_DEFER, "" },
};

static void one_level_says_it_to_mail_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(levels); i++) {
        otr_verdict *v = scene_verdict("example.org", levels[i].mx, levels[i].sts, &defaults);

        if (v->level != levels[i].want || strcmp(v->undeliverable, levels[i].undeliverable) != 0)
            fail_msg("%s: %s x %s\n  got  %s \"%s\"\n  want %s \"%s\"", levels[i].sentence, levels[i].mx,
                levels[i].sts,
                     otr_level_names[v->level], v->undeliverable, otr_level_names[levels[i].want],
                         levels[i].undeliverable);
        otr_verdict_unref(v);
    }
}

/* sts.on_unknown = defer: S3 and S11 wait; what is known does not, and neither does mail that cannot go anywhere. */
static void defers_on_an_unknown_policy_if_told_so(void **state)
{
    static const struct { const char *mx, *sts; otr_level proceed, defer; } rows[] = {
        { "M3: mx.example.org A7", "S3", OTR_LEVEL_MAY, OTR_LEVEL_DEFER },
        { "M3: mx.example.org A7", "S11", OTR_LEVEL_MAY, OTR_LEVEL_DEFER },
        { "M2: mx.example.org A1 T1", "S3", OTR_LEVEL_DANE_ONLY, OTR_LEVEL_DEFER },
        { "M3: mx.example.org A7", "S1", OTR_LEVEL_MAY, OTR_LEVEL_MAY },
        { "M3: mx.example.org A7", "S4 enforce mx.example.org", OTR_LEVEL_SECURE, OTR_LEVEL_SECURE },
        { "M3: mx.example.org A7", "S7", OTR_LEVEL_MAY, OTR_LEVEL_MAY },
        { "M3: mx.example.org A7", "S9", OTR_LEVEL_MAY, OTR_LEVEL_MAY },
        { "M4", "S3", OTR_LEVEL_MAY, OTR_LEVEL_MAY },
        { "M7", "S11", OTR_LEVEL_MAY, OTR_LEVEL_MAY },
    };
    otr_decide_settings defer = with_defer();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_verdict *proceeds = scene_verdict("example.org", rows[i].mx, rows[i].sts, &defaults);
        otr_verdict *defers = scene_verdict("example.org", rows[i].mx, rows[i].sts, &defer);

        if (proceeds->level != rows[i].proceed || defers->level != rows[i].defer)
            fail_msg("%s x %s: got %s and %s", rows[i].mx, rows[i].sts, otr_level_names[proceeds->level],
                otr_level_names[defers->level]);
        otr_verdict_unref(proceeds);
        otr_verdict_unref(defers);
    }
}

/* --- lifetime ----------------------------------------------------------------------------------------------- */

static void lives_no_longer_than_what_it_rests_on(void **state)
{
    static const struct { const char *sentence, *sts; otr_time mx_life, policy_life, want; } rows[] = {
        { "the TTLs", "S5 enforce mx.example.org", 300, 5000, 300 },
        { "the policy", "S5 enforce mx.example.org", 300, 40, 40 },
        { "a policy of mode none too", "S5 none", 300, 40, 40 },
        { "the next look for a policy", "S1", 400, 0, 300 },
        { "an unknown policy is asked about again soon", "S3", 300, 0, OTR_FAILURE_TTL },
        { "and one under way", "S11", 300, 0, OTR_FAILURE_TTL },
        { "TTLs that have run out count as a moment", "S1", -10, 0, 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        otr_mx_finding *mx = scene_finding("example.org", "M2: mx.example.org A1 T4");
        otr_sts_entry *entry = scene_entry("example.org", rows[i].sts);
        otr_verdict *v;

        mx->valid_until = NOW + rows[i].mx_life;
        if (entry->policy != NULL)
            entry->expires_at = NOW + rows[i].policy_life;
        v = otr_decide(mx, entry, scene_is_pending(rows[i].sts), &defaults, scene_anchors(), NOW);
        if (v->valid_until != NOW + rows[i].want)
            fail_msg("%s: got %ld s, want %ld s", rows[i].sentence, (long)(v->valid_until - NOW),
                (long)rows[i].want);
        assert_int_equal(v->made_at, NOW);
        otr_verdict_unref(v);
        otr_mx_finding_unref(mx);
        otr_sts_entry_unref(entry);
    }
}

/* The verdict holds references of its own: its makers may go first. */
static void holds_what_it_rests_on(void **state)
{
    otr_verdict *v = scene_verdict("example.org", "M2: mx.example.org A1 T1", "S5 enforce mx.example.org",
        &defaults);

    (void)state;
    assert_ptr_equal(otr_verdict_ref(v), v);
    otr_verdict_unref(v);
    assert_string_equal(v->hosts[0].finding->host, "mx.example.org");
    assert_string_equal(v->entry->domain, "example.org");
    assert_ptr_equal(v->anchors, otr_anchors_for(scene_anchors(), "example.org"));
    otr_verdict_unref(v);
    otr_verdict_unref(NULL);
}

/* --- invariants --------------------------------------------------------------------------------------------- */

static const char *const all_sts[] = {
    "", "S1", "S2 enforce mx.example.org", "S2 testing mx.example.org", "S3", "S4 enforce mx.example.org",
    "S5 enforce mx.example.org",
    "S5 enforce other.example.org", "S5 testing other.example.org", "S5 none", "S6 enforce mx.example.org",
    "S7", "S7x enforce mx.example.org",
    "S7w", "S8 enforce mx.example.org", "S8w testing mx.example.org", "S9", "S9x enforce mx.example.org",
    "S10 enforce mx.example.org", "S11",
};

/* DANE-FIRST: whatever the policy, usable records behind a secure MX decide; behind an insecure one they only add. */
static void dane_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(all_sts); i++) {
        otr_verdict *v = scene_verdict("example.org", "M2: mx.example.org A1 T1", all_sts[i], &defaults);

        assert_int_equal(v->hosts[0].requirement, OTR_REQUIRE_DANE);
        assert_true(otr_host_is_usable(&v->hosts[0]));
        assert_int_equal(v->level, OTR_LEVEL_DANE_ONLY);
        otr_verdict_unref(v);
        v = scene_verdict("example.org", "M3: mx.example.org A1 T1", all_sts[i], &defaults);
        if (v->sts.policy != NULL && v->sts.policy->mode == OTR_STS_ENFORCE)
            assert_int_equal(v->hosts[0].requirement, OTR_REQUIRE_DANE_AND_STS);
        else
            assert_int_equal(v->hosts[0].requirement, OTR_REQUIRE_DANE);
        otr_verdict_unref(v);
    }
}

/* NO-PKIX-USAGES: records of usages 0 and 1 alone never make a host a DANE host, with any policy. */
static void no_pkix_usages(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(all_sts); i++) {
        otr_verdict *v = scene_verdict("example.org", "M2: mx.example.org A1 T2", all_sts[i], &defaults);

        assert_int_equal(v->hosts[0].finding->tlsa[0].usage, 1);
        assert_true(v->hosts[0].requirement == OTR_REQUIRE_STS || v->hosts[0].requirement == OTR_REQUIRE_TLS);
        assert_true(v->level == OTR_LEVEL_SECURE || v->level == OTR_LEVEL_ENCRYPT);
        otr_verdict_unref(v);
    }
}

/* NO-DOWNGRADE: what could not be found out is never "no DANE", with any policy and any setting. */
static void no_downgrade(void **state)
{
    static const char *const broken[] = {
        "M2: mx.example.org A1 T3", "M2: mx.example.org A1 T3b", "M2: mx.example.org A5", "M2: mx.example.org A8",
        "M2: mx.example.org>r.example.net A3", "M6: mx.example.org A1 T3", "M3: mx.example.org A1 T3",
        "M3: mx.example.org A5",
        "M8", "M9",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(broken); i++) {
        for (size_t k = 0; k < COUNT(all_sts); k++) {
            for (unsigned bits = 0; bits < 4; bits++) {
                otr_decide_settings settings = { .is_dane_on_insecure_mx = true, .is_both = (bits & 1) != 0,
                    .defer_on_unknown_sts = (bits & 2) != 0 };
                otr_verdict *v = scene_verdict("example.org", broken[i], all_sts[k], &settings);

                for (size_t n = 0; n < v->mx->host_count; n++)
                    assert_false(otr_host_is_usable(&v->hosts[n]));
                if (v->level != OTR_LEVEL_DEFER || *v->undeliverable != '\0')
                    fail_msg("%s x %s: got %s", broken[i], all_sts[k], otr_level_names[v->level]);
                otr_verdict_unref(v);
            }
        }
    }
}

/* NO-DOWNGRADE: nor does a good host open the way to one that failed. */
static void no_downgrade_beside_a_good_host(void **state)
{
    static const char *const broken[] = { "A1 T3", "A1 T3b", "A5", "A8" };
    static const char *const good[] = { "A1 T1", "A1 T2", "A1 T4", "A1 T5", "A7", "A4" };
    static const char *const mx[] = { "M2", "M3" };
    static const char *const sts[] = { "S1", "S5 testing *.example.org", "S5 enforce *.example.org" };

    (void)state;
    for (size_t i = 0; i < COUNT(broken) * COUNT(good) * COUNT(mx) * COUNT(sts); i++) {
        size_t m = i / COUNT(broken) / COUNT(good) % COUNT(mx), s = i / COUNT(broken) / COUNT(good) / COUNT(mx);
        char text[100];
        otr_verdict *v;

        snprintf(text, sizeof(text), "%s: mx1.example.org %s; mx2.example.org %s", mx[m],
            broken[i % COUNT(broken)],
                 good[i / COUNT(broken) % COUNT(good)]);
        v = scene_verdict("example.org", text, sts[s], &defaults);
        assert_int_equal(v->hosts[0].requirement, OTR_SKIP);
        if (v->level == OTR_LEVEL_MAY || v->level == OTR_LEVEL_ENCRYPT)
            fail_msg("%s x %s: got %s", text, sts[s], otr_level_names[v->level]);
        otr_verdict_unref(v);
    }
}

/* REMEMBER: an unexpired enforce policy holds in every row that can show one; an expired one never. */
static void remember(void **state)
{
    static const char *const cached[] = {
        "S2 enforce mx.example.org", "S4 enforce mx.example.org", "S5 enforce mx.example.org",
        "S6 enforce mx.example.org",
        "S8 enforce mx.example.org", "S8w enforce mx.example.org", "S10 enforce mx.example.org",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cached); i++) {
        otr_mx_finding *mx = scene_finding("example.org", "M3: mx.example.org A7");
        otr_sts_entry *entry = scene_entry("example.org", cached[i]);

        for (otr_time at = entry->expires_at - 2; at < entry->expires_at + 2; at++) {
            bool is_expired = at >= entry->expires_at;
            otr_verdict *v = otr_decide(mx, entry, false, &defaults, scene_anchors(), at);

            if (v->hosts[0].requirement != (is_expired ? OTR_OPPORTUNISTIC : OTR_REQUIRE_STS) ||
                v->level != (is_expired ? OTR_LEVEL_MAY : OTR_LEVEL_SECURE))
                fail_msg("%s, %ld s before its end: got %s", cached[i], (long)(entry->expires_at - at),
                    otr_level_names[v->level]);
            if (!is_expired)
                assert_true(v->valid_until <= entry->expires_at);
            otr_verdict_unref(v);
        }
        otr_mx_finding_unref(mx);
        otr_sts_entry_unref(entry);
    }
}

/* Run in a child; true if it was stopped by abort(3). */
static bool is_stopped(const char *to, const char *mx_text, const char *policy_domain)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        otr_mx_finding *mx = scene_finding(to, mx_text);
        otr_sts_entry *entry = scene_entry(policy_domain, "S5 enforce mx.example.org");
        const struct rlimit none = { 0, 0 };

        setrlimit(RLIMIT_CORE, &none);
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL); /* not cmocka's handler */
        otr_decide(mx, entry, false, &defaults, scene_anchors(), NOW);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/*
 * SCOPE: a policy is that of the destination: not of the end of its alias, of an MX host, of its parent or of another
 * domain. To hand over a foreign one is an error of our own code, which does not go on with it.
 */
static void scope(void **state)
{
    (void)state;
    assert_true(is_stopped("example.org", "M2: mx.example.org A7", "mx.example.org"));
    assert_true(is_stopped("a.example.org", "M2: mx.example.org A7", "example.org"));
    assert_true(is_stopped("example.org", "M2: mx.example.org A7", "example.net"));
    assert_true(is_stopped("[192.0.2.1]", "M1: 192.0.2.1 A7", "192.0.2.1")); /* EDGE-01 */
    assert_false(is_stopped("example.org", "M2: mx.example.org A7", "example.org"));
    assert_false(is_stopped("example.org:587", "M2: mx.example.org A7", "example.org"));
    assert_false(is_stopped("[mx.example.org]", "M13: mx.example.org A7", "mx.example.org"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_5_requires_of_a_host),
        cmocka_unit_test(without_election_an_insecure_mx_has_no_dane),
        cmocka_unit_test(an_unlisted_host_is_skipped_only_where_sts_is_required),
        cmocka_unit_test(one_level_says_it_to_mail_servers),
        cmocka_unit_test(defers_on_an_unknown_policy_if_told_so),
        cmocka_unit_test(lives_no_longer_than_what_it_rests_on),
        cmocka_unit_test(holds_what_it_rests_on),
        cmocka_unit_test(dane_first),
        cmocka_unit_test(no_pkix_usages),
        cmocka_unit_test(no_downgrade),
        cmocka_unit_test(no_downgrade_beside_a_good_host),
        cmocka_unit_test(remember),
        cmocka_unit_test(scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The vectors of step 10 of the decision table, as far as they are decided before a session: what each host requires,
 * whether the policy names it, and the level. One row a vector. V73 and V74 rest on a minimum (minimum_test.c), V86 to
 * V89 on what there is not yet (REQUIRETLS, TLS-Required, reports); V90 is V45 with a new policy.
 */
#include "support/cmocka_all.h"

#include "base/buf.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT = 0, ELECTED = 1, BOTH = 2, DEFER = 4 };

/*
 * want: for each host its requirement, "+" or "!" if the policy names it or not, "w" if STS is watched, "-" if the host
 * is not used; then the level, and the enhanced status if mail cannot go there at all.
 */
typedef struct vector {
    const char *name, *mx, *sts, *want;
    int settings;
} vector;

#define ONE "M2: mx.example.org A1 T1"
#define LISTED " mx.example.org"
#define OTHER " other.example.org"

static const vector vectors[] = {
    { "V01", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V02", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V03", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V04", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V05", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V06", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V07", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V08", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V09", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V10", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V11", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V12", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V13", "M2: mx.example.org A1 T2", "S1", "TLS = encrypt", DEFAULT },
    { "V14", "M2: mx.example.org A1 T2", "S1", "TLS = encrypt", DEFAULT },
    { "V15", "M2: mx.example.org A1 T2", "S5 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V16", "M2: mx.example.org A1 T2", "S5 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V17", "M2: mx.example.org A1 T2", "S5 testing" LISTED, "TLS+w = encrypt", DEFAULT },
    { "V18", "M2: mx.example.org A1 T4", "S1", "OPP = may", DEFAULT },
    { "V19", "M2: mx.example.org A1 T4", "S1", "OPP = may", DEFAULT },
    { "V20", "M2: mx.example.org A1 T4", "S1", "OPP = may", DEFAULT },
    { "V21", "M2: mx.example.org A1 T5", "S1", "OPP = may", DEFAULT },
    { "V22", "M2: mx.example.org A1 T3", "S1", "SKIP- = defer", DEFAULT },
    { "V23", "M2: mx.example.org A1 T3b", "S5 enforce" LISTED, "SKIP+- = defer", DEFAULT },
    { "V24", "M2: mx.example.org A1 T3", "S5 testing" LISTED, "SKIP+w- = defer", DEFAULT },
    { "V25", "M2: mx.example.org A7", "S1", "OPP = may", DEFAULT },
    { "V26", "M2: mx.example.org A7", "S5 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V27", "M2: mx.example.org A1 T1", "S1", "DANE = dane-only", DEFAULT },
    { "V28", "M2: mx.example.org A4", "S1", "SKIP- = may 5.4.4", DEFAULT },
    { "V29", "M2: mx.example.org A5", "S1", "SKIP- = defer", DEFAULT },
    { "V30", "M2: mx.example.org A8", "S5 enforce" LISTED, "SKIP+- = defer", DEFAULT },
    { "V31", "M2: mx.example.org>real.example.net A2 T1", "S1", "DANE = dane-only", DEFAULT },
    { "V32", "M2: mx.example.org>real.example.net A2 T1", "S1", "DANE = dane-only", DEFAULT },
    { "V33", "M2: mx.example.org>real.example.net A2 T3", "S1", "SKIP- = defer", DEFAULT },
    { "V34", "M2: mx.example.org>real.example.net A2 T2", "S1", "TLS = encrypt", DEFAULT },
    { "V35", "M2: mx.example.org>real.example.net A3 T1", "S1", "DANE = dane-only", DEFAULT },
    { "V36", "M2: mx.example.org>real.example.net A7", "S1", "OPP = may", DEFAULT },
    { "V37", ONE, "S1", "DANE = dane-only", DEFAULT },
    { "V38", "M3: mx.example.org A1 T1", "S1", "OPP = may", DEFAULT },
    { "V39", "M3: mx.example.org A1 T1", "S1", "DANE = dane", ELECTED },
    { "V40", "M3: mx.example.org A1 T1", "S1", "DANE = dane", ELECTED },
    { "V41", "M3: mx.example.org A1 T1", "S1", "DANE = dane", ELECTED },
    { "V42", "M3: mx.example.org A1 T1", "S5 enforce" OTHER, "DANE+STS!- = secure", ELECTED },
    { "V43", "M3: mx.example.org A1 T1", "S5 enforce" LISTED, "DANE+STS+ = secure", ELECTED },
    { "V44", "M3: mx.example.org A1 T3", "S1", "SKIP- = defer", ELECTED },
    { "V45", "M3: mx.example.org A7", "S5 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V46", "M3: mx.example.org A7", "S5 enforce" OTHER, "STS!- = secure", DEFAULT },
    { "V47", "M3: mx.example.org A7", "S5 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V48", "M3: mx.example.org A7", "S5 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V49", "M3: mx.example.org A7", "S5 enforce" LISTED OTHER, "STS+ = secure", DEFAULT },
    { "V50", "M3: mx.example.org A7", "S5 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V51", "M3: mx.example.org A7", "S5 testing" OTHER, "OPP!w = may", DEFAULT },
    { "V52", "M3: mx.example.org A7", "S5 testing" LISTED, "OPP+w = may", DEFAULT },
    { "V53", "M3: mx.example.org A7", "S5 none", "OPP = may", DEFAULT },
    { "V54", "M3: mx.example.org A7", "S7", "OPP = may", DEFAULT },
    { "V55", "M3: mx.example.org A7", "S8 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V56", "M3: mx.example.org A7", "S2 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V57", "M3: mx.example.org A7", "S4 enforce" LISTED, "STS+ = secure", DEFAULT },
    { "V58", "M3: mx.example.org A7", "S3", "OPP = may", DEFAULT },
    { "V58, by setting", "M3: mx.example.org A7", "S3", "OPP = defer", DEFER },
    { "V59", "M3: mx.example.org A7", "S7x enforce" LISTED, "OPP = may", DEFAULT },
    { "V60", "M3: mx.example.org A7", "S8w none", "OPP = may", DEFAULT },
    { "V61", "M3: mx.example.org A7", "S9", "OPP = may", DEFAULT },
    { "V62", ONE, "S5 enforce" LISTED, "DANE+ = dane-only", DEFAULT },
    { "V62, both", ONE, "S5 enforce" LISTED, "DANE+STS+ = dane-only", BOTH },
    { "V63", ONE, "S5 enforce" LISTED, "DANE+ = dane-only", DEFAULT },
    { "V64", ONE, "S5 testing" OTHER, "DANE!w = dane-only", DEFAULT },
    { "V65", ONE, "S5 enforce" OTHER, "DANE! = dane-only", DEFAULT },
    { "V65, both", ONE, "S5 enforce" OTHER, "DANE+STS!- = secure", BOTH },
    { "V66", "M2: mx1.example.org A1 T1; mx2.example.org A1 T4", "S1", "DANE, OPP = dane", DEFAULT },
    { "V67", "M2: mx1.example.org A1 T1; mx2.example.org A1 T4", "S5 enforce *.example.org",
      "DANE+, STS+ = dane-only", DEFAULT },
    { "V68", "M2: mx1.example.org A1 T1; mx2.example.org A1 T4", "S5 enforce *.example.org",
      "DANE+, STS+ = dane-only", DEFAULT },
    { "V69", "M2: mx1.example.org A1 T4; mx2.example.org A1 T1", "S1", "OPP, DANE = dane", DEFAULT },
    { "V70", "M2: mx1.example.org A1 T3; mx2.example.org A1 T1", "S1", "SKIP-, DANE = dane-only", DEFAULT },
    { "V71", "M2: mx1.example.org A5; mx2.example.org A7", "S1", "SKIP-, OPP = dane", DEFAULT },
    { "V72", "M2: mx1.example.org A1 T1; mx2.example.org A7", "S5 testing *.example.org",
      "DANE+w, OPP+w = dane", DEFAULT },
    { "V75", "M9", "S5 enforce" LISTED, " = defer", DEFAULT },
    { "V76", "M8", "S1", " = defer", DEFAULT },
    { "V77", "M7", "S5 enforce" LISTED, " = secure 5.1.2", DEFAULT },
    { "V78", "M4i", "S5 enforce" LISTED, " = secure 5.1.10", DEFAULT },
    { "V79", "M6: example.org A1 T1", "S1", "DANE = dane-only", DEFAULT },
    { "V80", "M6: example.org A7", "S5 enforce example.org", "STS+ = secure", DEFAULT },
    { "V81", "M6: example.org A4", "S1", "SKIP- = may 5.4.4", DEFAULT },
    { "V82", "M1: 192.0.2.1 A7", "", "OPP = may", DEFAULT },
    { "V83", "M2: 192.0.2.1 A4!", "S5 enforce" LISTED, "SKIP!- = secure", DEFAULT },
    { "V84", "M2: mx.target.example A1 T1", "S1", "DANE = dane-only", DEFAULT },
    { "V85", "M3: mx.target.example A7", "S1", "OPP = may", DEFAULT },
};

static void put_verdict(otr_buf *out, const otr_verdict *v)
{
    static const char *const sts[] = { "", "+", "!" };

    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_verdict *h = &v->hosts[i];

        otr_buf_printf(out, "%s%s%s%s%s", i > 0 ? ", " : "", otr_requirement_names[h->requirement], sts[h->sts],
                       h->is_sts_watched ? "w" : "", otr_host_is_usable(h) ? "" : "-");
    }
    otr_buf_printf(out, " = %s", otr_level_names[v->level]);
    if (*v->undeliverable != '\0')
        otr_buf_printf(out, " %.*s", (int)strcspn(v->undeliverable, " "), v->undeliverable);
}

static void decides_the_vector(void **state)
{
    const vector *row = *state;
    otr_decide_settings settings = {
        .is_dane_on_insecure_mx = (row->settings & ELECTED) != 0,
        .is_both = (row->settings & BOTH) != 0,
        .defer_on_unknown_sts = (row->settings & DEFER) != 0,
    };
    otr_verdict *v = scene_verdict(strncmp(row->mx, "M1:", 3) == 0 ? "[192.0.2.1]" : "example.org", row->mx,
        row->sts, &settings);
    otr_buf got = OTR_BUF_INIT;

    put_verdict(&got, v);
    if (strcmp(otr_buf_text(&got), row->want) != 0)
        fail_msg("%s: %s x %s\n  got  %s\n  want %s", row->name, row->mx, row->sts, otr_buf_text(&got), row->want);
    otr_buf_clear(&got);
    otr_verdict_unref(v);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(vectors)];

    for (size_t i = 0; i < COUNT(vectors); i++)
        tests[i] = (struct CMUnitTest){ .name = vectors[i].name, .test_func = decides_the_vector,
            .initial_state = (void *)(uintptr_t)&vectors[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

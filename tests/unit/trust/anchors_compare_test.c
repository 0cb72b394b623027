/*
 * anchors_compare_test.c - what people are told of sets: the file that one comes from, and which roots come and go.
 */
#include "support/cmocka_all.h"
#include "support/make_cert.h"
#include "trust/anchors.h"

#include <string.h>

/* What people are shown as the file of a destination: the one that its roots come from, whatever the order of the rules. */
static void a_rule_without_roots_is_no_source(void **state)
{
    otr_cert root = otr_make_cert(&(otr_cert_plan){ .common_name = "Root", .constraints = "critical,CA:TRUE" });
    STACK_OF(X509) *none = sk_X509_new_null(), *one = sk_X509_new_null();
    otr_anchor_rule rules[] = { { .name = "empty", .file = "/empty.pem", .roots = none }, { .name = "exception", .roots = one },
                                { .name = "more", .file = "/more.pem", .roots = one } };
    static const struct {
        int order[3]; /* -1: no further rule */
        const char *file;
    } rows[] = { { { 0, 1, -1 }, "" }, { { 1, 0, -1 }, "" }, { { 0, 2, -1 }, "/more.pem" }, { { 2, 0, -1 }, "/more.pem" },
                 { { 1, 2, 0 }, "" }, { { 0, 2, 1 }, "" }, { { 0, -1, -1 }, "" } };

    (void)state;
    sk_X509_push(one, root.cert);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_anchor_rule in_order[3];
        otr_anchor_source source = { .rules = in_order };
        otr_anchors *anchors = NULL;

        for (int k = 0; k < 3 && rows[i].order[k] >= 0; k++)
            in_order[source.rule_count++] = rules[rows[i].order[k]];
        assert_int_equal(otr_anchors_make(&source, &anchors, NULL), OUTRIDER_OK);
        assert_string_equal(otr_anchors_for(anchors, "example.org")->file, rows[i].file);
        otr_anchors_free(anchors);
    }
    sk_X509_free(none);
    sk_X509_free(one);
    otr_cert_clear(&root);
}

/* Rules of letters: "A" is a root; names NULL for everybody. */
typedef struct small_rule {
    const char *roots, *name;
    bool is_only, is_confining;
} small_rule;

static otr_cert letters[3]; /* A, B, C */

static otr_anchors *make_small(const small_rule rules[3])
{
    otr_anchor_rule made[3];
    otr_anchor_source source = { .rules = made };
    const char *names[3][2] = { { NULL } };
    STACK_OF(X509) *stacks[3] = { NULL };
    otr_anchors *anchors = NULL;

    for (size_t i = 0; i < 3 && rules[i].roots != NULL; i++, source.rule_count++) {
        stacks[i] = sk_X509_new_null();
        for (const char *at = rules[i].roots; *at != '\0'; at++)
            sk_X509_push(stacks[i], letters[*at - 'A'].cert);
        names[i][0] = rules[i].name;
        made[i] = (otr_anchor_rule){ .name = "rule", .roots = stacks[i], .names = rules[i].name != NULL ? names[i] : NULL,
                                     .is_only = rules[i].is_only, .confine = rules[i].is_confining ? names[i] : NULL };
    }
    assert_int_equal(otr_anchors_make(&source, &anchors, NULL), OUTRIDER_OK);
    for (size_t i = 0; i < 3; i++)
        sk_X509_free(stacks[i]);
    return anchors;
}

#define ALL(letters) { .roots = letters }
#define FOR(letters, who) { .roots = letters, .name = who }
#define ONLY(letters, who) { .roots = letters, .name = who, .is_only = true }
#define CONFINED(letters, who) { .roots = letters, .name = who, .is_confining = true }

static const struct {
    const char *sentence;
    small_rule before[3], after[3];
    const char *leaving, *coming;
} comparisons[] = {
    { "the same", { ALL("AB") }, { ALL("BA") }, "", "" },
    { "one goes and one comes", { ALL("AB") }, { ALL("BC") }, "A", "C" },
    { "one goes for all but for whom an exception keeps it", { ALL("AB"), FOR("A", "a.example") }, { ALL("B"), FOR("A", "a.example") }, "A", "" },
    { "and for whom it is kept below a name", { ALL("AB"), FOR("A", ".a.example") }, { ALL("B"), FOR("A", ".a.example") }, "A", "" },
    { "a rule for a name goes", { ALL("B"), FOR("A", "a.example") }, { ALL("B") }, "A", "" },
    { "a rule for a name comes", { ALL("B") }, { ALL("B"), FOR("A", ".a.example") }, "", "A" },
    { "only comes: the default goes for this name", { ALL("AB") }, { ALL("AB"), ONLY("C", "a.example") }, "AB", "C" },
    { "another file under only, the default as it was", { ALL("AB"), ONLY("C", "a.example") }, { ALL("AB"), ONLY("B", "a.example") }, "C", "B" },
    { "confine comes", { ALL("AB") }, { ALL("AB"), CONFINED("A", "a.example") }, "A", "" },
    { "what a rule brings that everybody has is nothing new", { ALL("AB") }, { ALL("AB"), FOR("A", "a.example") }, "", "" },
};

static const char *letters_of(const STACK_OF(X509) *roots, char text[4])
{
    size_t len = 0;

    for (size_t i = 0; i < 3; i++)
        for (int k = 0; k < sk_X509_num(roots); k++)
            if (X509_cmp(sk_X509_value(roots, k), letters[i].cert) == 0)
                text[len++] = (char)('A' + i);
    text[len] = '\0';
    return text;
}

/* Who is told that a root leaves is told so though somebody keeps it. */
static void roots_that_come_and_go_are_those_of_somebody(void **state)
{
    static const char *const names[] = { "Root A", "Root B", "Root C" };

    (void)state;
    for (size_t i = 0; i < 3; i++)
        letters[i] = otr_make_cert(&(otr_cert_plan){ .common_name = names[i], .constraints = "critical,CA:TRUE" });
    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
        otr_anchors *before = make_small(comparisons[i].before), *after = make_small(comparisons[i].after);
        STACK_OF(X509) *leaving = NULL, *coming = NULL;
        char left[4], came[4];

        assert_int_equal(otr_anchors_compare(before, after, &leaving, &coming), OUTRIDER_OK);
        if (strcmp(letters_of(leaving, left), comparisons[i].leaving) != 0 || strcmp(letters_of(coming, came), comparisons[i].coming) != 0 ||
            (size_t)sk_X509_num(leaving) != strlen(left) || (size_t)sk_X509_num(coming) != strlen(came))
            fail_msg("%s\n  got  -%s +%s\n  want -%s +%s", comparisons[i].sentence, left, came, comparisons[i].leaving,
                     comparisons[i].coming);
        sk_X509_pop_free(leaving, X509_free);
        sk_X509_pop_free(coming, X509_free);
        otr_anchors_free(before);
        otr_anchors_free(after);
    }
    for (size_t i = 0; i < 3; i++)
        otr_cert_clear(&letters[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_without_roots_is_no_source),
        cmocka_unit_test(roots_that_come_and_go_are_those_of_somebody),
    };
    return cmocka_run_group_tests_name("trust/anchors_compare", tests, NULL, NULL);
}

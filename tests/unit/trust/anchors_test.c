/*
 * anchors_test.c - a bundle is loaded once and whole, or refused with its name (STS-FETCH-21); and why the roots of a
 * destination are what they are (PKIX-12, EXPLAIN). What they must be is asked of random worlds in verdict/locality.
 */
#include "support/cmocka_all.h"
#include "support/make_cert.h"
#include "trust/anchors.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

static char path[] = "/tmp/outrider-anchors-XXXXXX";

static void write_bundle(const char *text, size_t len)
{
    FILE *out = fopen(path, "wb");

    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

static int make_path(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void put_root(const char *name, otr_buf *bundle)
{
    otr_cert root = otr_make_cert(&(otr_cert_plan){ .common_name = name, .constraints = "critical,CA:TRUE" });

    otr_buf_printf(bundle, "%s:\n", name); /* comments between the blocks are common */
    otr_cert_put_pem(&root, bundle);
    otr_cert_clear(&root);
}

static void loads_a_bundle(void **state)
{
    otr_buf bundle = OTR_BUF_INIT, pem = OTR_BUF_INIT;
    otr_anchors *anchors = NULL;
    const otr_anchor_set *set;
    outrider_diag diag;
    char digest[65] = "";
    unsigned char bytes[32];

    (void)state;
    put_root("Root One", &bundle);
    put_root("Root Two", &bundle);
    write_bundle(bundle.data, bundle.len);
    if (otr_anchors_load(path, &anchors, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    set = otr_anchors_for(anchors, "example.org");
    assert_ptr_equal(set, otr_anchors_for(anchors, "other.example"));
    assert_int_equal(set->count, 2);
    assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(set->store)), 2);
    assert_string_equal(set->file, path);
    assert_string_equal(set->rules[0], "default");
    assert_null(set->rules[1]);
    assert_false(set->is_own[OTR_OWN_EXIM] || set->is_own[OTR_OWN_POSTFIX]);
    otr_anchor_set_pem(set, &pem);
    EVP_Digest(pem.data, pem.len, bytes, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 32; i++)
        sprintf(digest + 2 * i, "%02x", bytes[i]);
    assert_string_equal(set->name, digest);
    otr_buf_clear(&pem);
    otr_anchors_free(anchors);
    otr_buf_clear(&bundle);
}

static void counts_a_repeated_root_once(void **state)
{
    otr_buf bundle = OTR_BUF_INIT;
    otr_anchors *anchors = NULL;
    otr_cert root = otr_make_cert(&(otr_cert_plan){ .common_name = "Root" });

    (void)state;
    otr_cert_put_pem(&root, &bundle);
    otr_cert_put_pem(&root, &bundle);
    write_bundle(bundle.data, bundle.len);
    assert_int_equal(otr_anchors_load(path, &anchors, NULL), OUTRIDER_OK);
    assert_int_equal(otr_anchors_for(anchors, "example.org")->count, 1);
    otr_anchors_free(anchors);
    otr_cert_clear(&root);
    otr_buf_clear(&bundle);
}

/* The name of the file and the reason, in one message. */
static void assert_refused(const char *row, const char *file, outrider_err want, const char *reason)
{
    otr_anchors *anchors = NULL;
    outrider_diag diag = { 0 };
    outrider_err err = otr_anchors_load(file, &anchors, &diag);

    assert_null(anchors);
    if (err != want || strstr(diag.message, file) != diag.message || strstr(diag.message, reason) == NULL)
        fail_msg("%s\n got  %d '%s'\n want %d '%s: ...%s'", row, err, diag.message, want, file, reason);
}

static void names_the_file_it_refuses(void **state)
{
    static const struct {
        const char *row;
        const char *text;
        const char *reason;
    } rows[] = {
        { "STS-FETCH-21 empty", "", "no certificate" },
        { "STS-FETCH-21 words", "these are not roots\n", "no certificate" },
        { "STS-FETCH-21 block cut short", "-----BEGIN CERTIFICATE-----\nMIIB\n", "a PEM block that does not parse" },
        { "STS-FETCH-21 block that is no base64",
          "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "a PEM block that does not parse" },
        { "STS-FETCH-21 block that is no certificate",
          "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a certificate that does not parse" },
        { "STS-FETCH-21 a private key among the roots",
          "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a certificate" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_bundle(rows[i].text, strlen(rows[i].text));
        assert_refused(rows[i].row, path, OUTRIDER_E_SYNTAX, rows[i].reason);
    }
    assert_refused("STS-FETCH-21 missing", "/nonexistent/roots.pem", OUTRIDER_E_IO, "No such file");
    assert_refused("STS-FETCH-21 a directory", "/tmp", OUTRIDER_E_IO, "directory");
}

static void refuses_the_whole_bundle_for_one_bad_root(void **state)
{
    otr_buf bundle = OTR_BUF_INIT;
    otr_anchors *anchors = NULL;
    outrider_diag diag = { 0 };

    (void)state;
    put_root("Good Root", &bundle);
    otr_buf_puts(&bundle, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write_bundle(bundle.data, bundle.len);
    assert_int_equal(otr_anchors_load(path, &anchors, &diag), OUTRIDER_E_SYNTAX);
    assert_null(anchors);
    assert_true(diag.line > 5); /* the line of the second block */
    otr_buf_clear(&bundle);
}

static void refuses_a_bundle_beyond_the_limit(void **state)
{
    otr_buf bundle = OTR_BUF_INIT;

    (void)state;
    put_root("Root", &bundle);
    while (bundle.len <= OTR_ROOTS_LIMIT)
        otr_buf_puts(&bundle, "# a comment that never ends, and another, and another, and one more after that\n");
    write_bundle(bundle.data, bundle.len);
    assert_refused("beyond OTR_ROOTS_LIMIT", path, OUTRIDER_E_LIMIT, "larger than");
    otr_buf_clear(&bundle);
}

static void knows_the_system_bundle(void **state)
{
    otr_anchors *anchors = NULL;
    outrider_diag diag;

    (void)state;
    if (access(OTR_SYSTEM_ROOTS, R_OK) != 0)
        skip(); /* ca-certificates is not installed */
    if (otr_anchors_load("system", &anchors, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    assert_true(otr_anchors_for(anchors, "example.org")->is_own[OTR_OWN_EXIM]);
    assert_string_equal(otr_anchors_for(anchors, "example.org")->file, OTR_SYSTEM_ROOTS);
    assert_true(otr_anchors_for(anchors, "example.org")->count > 0);
    otr_anchors_free(anchors);
}

/* Why -------------------------------------------------------------------------------------------------------------- */

enum { A, B, C, D, ROOTS };
#define NOW 1000

static const char *const for_a[] = { "a.example", NULL }, *const for_below[] = { ".a.example", NULL },
                         *const for_b[] = { "b.example", ".b.example", NULL }, *const for_c[] = { "c.example", NULL };
static otr_cert roots[ROOTS];
static otr_anchors *world;

static STACK_OF(X509) *hold(const char *letters)
{
    STACK_OF(X509) *stack = sk_X509_new_null();

    for (; *letters != '\0'; letters++)
        assert_true(sk_X509_push(stack, roots[*letters - 'A'].cert) > 0);
    return stack;
}

/* A default of A, B and C; D is added for a.example, and replaces all for b.example; C is confined to c.example. */
static int make_world(void **state)
{
    otr_anchor_rule rules[] = {
        { .name = "default", .file = "/d.pem", .roots = hold("ABC") },
        { .name = "added", .file = "/a.pem", .roots = hold("DA"), .names = for_a, .on_change = OTR_ON_CHANGE_DEFER },
        { .name = "instead", .file = "/b.pem", .roots = hold("D"), .names = for_b, .is_only = true },
        { .name = "narrow", .file = "/c.pem", .roots = hold("C"), .names = for_c, .confine = for_c },
        { .name = "exception", .roots = hold("D"), .names = for_below, .until = NOW + 1, .reason = "in force" },
        { .name = "exception", .roots = hold("D"), .names = for_c, .until = NOW, .reason = "over" },
        { .name = "exception", .roots = hold("B"), .names = for_b, .until = NOW + 9, .reason = "under only" },
        { .name = "exception", .roots = hold("A"), .names = for_c, .until = NOW - 1, .reason = "long over" },
    };
    otr_anchor_source source = { .rules = rules, .rule_count = sizeof(rules) / sizeof(rules[0]), .at = NOW };
    outrider_err err;

    (void)state;
    err = otr_anchors_make(&source, &world, NULL);
    for (size_t i = 0; i < source.rule_count; i++)
        sk_X509_free((STACK_OF(X509) *)(uintptr_t)rules[i].roots);
    return err == OUTRIDER_OK ? 0 : -1;
}

static int make_all(void **state)
{
    for (int i = 0; i < ROOTS; i++) {
        char name[] = { 'R', 'o', 'o', 't', ' ', (char)('A' + i), '\0' };

        roots[i] = otr_make_cert(&(otr_cert_plan){ .common_name = name, .constraints = "critical,CA:TRUE" });
    }
    return make_path(state) != 0 ? -1 : make_world(state);
}

static int clear_all(void **state)
{
    otr_anchors_free(world);
    for (int i = 0; i < ROOTS; i++)
        otr_cert_clear(&roots[i]);
    return remove_path(state);
}

static char letter_of(const X509 *cert)
{
    for (int i = 0; i < ROOTS; i++)
        if (X509_cmp(roots[i].cert, cert) == 0)
            return (char)('A' + i);
    return '?';
}

/* An exception is told by its reason. */
static const char *called(const otr_anchor_rule *rule)
{
    return rule->reason != NULL ? rule->reason : rule->name;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "A counts: default added", one line a root, by letter: fingerprints are others in each run. */
static void put_roots(const char *domain, otr_buf *out)
{
    otr_root_reason *reasons = NULL;
    size_t count = 0;
    char *lines[ROOTS];

    assert_int_equal(otr_anchors_explain(world, domain, &reasons, &count), OUTRIDER_OK);
    for (size_t i = 0; i < count; i++) {
        otr_buf line = OTR_BUF_INIT;

        assert_true(i == 0 || reasons[i - 1].state <= reasons[i].state);
        assert_ptr_equal(reasons[i].brought_by, reasons[i].rules[0]);
        assert_int_equal(reasons[i].state == OTR_ROOT_COUNTS, otr_anchor_set_has(otr_anchors_for(world, domain), reasons[i].cert));
        otr_buf_printf(&line, "%c %s:", letter_of(reasons[i].cert), otr_root_state_names[reasons[i].state]);
        for (size_t k = 0; reasons[i].rules[k] != NULL; k++)
            otr_buf_printf(&line, " %s", called(reasons[i].rules[k]));
        if (reasons[i].barred_by != NULL)
            otr_buf_printf(&line, ", says %s", called(reasons[i].barred_by));
        lines[i] = strdup(otr_buf_text(&line));
        otr_buf_clear(&line);
    }
    qsort(lines, count, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < count; i++) {
        otr_buf_printf(out, "%s\n", lines[i]);
        free(lines[i]);
    }
    free(reasons);
}

static void tells_what_became_of_each_root(void **state)
{
    static const struct {
        const char *row, *domain, *want;
    } rows[] = {
        { "nobody's rules but the default's", "other.example",
          "A counts: default\nB counts: default\nC confined: default, says narrow\n" },
        { "a root that two rules bring has both", "a.example",
          "A counts: default added\nB counts: default\nC confined: default, says narrow\nD counts: added\n" },
        { "an exception for all below", "x.a.example",
          "A counts: default\nB counts: default\nC confined: default, says narrow\nD counts: in force\n" },
        { "only displaces the default and an exception alike", "b.example",
          "A not-only: default, says instead\nB not-only: default under only, says instead\nC not-only: default, says instead\n"
          "D counts: instead\n" },
        { "a confined root at home; an exception that ends now has ended; a root that still comes another way counts", "c.example",
          "A counts: default\nB counts: default\nC counts: default narrow\nD ended: over\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_buf got = OTR_BUF_INIT;

        put_roots(rows[i].domain, &got);
        if (strcmp(otr_buf_text(&got), rows[i].want) != 0)
            fail_msg("%s\n got:\n%s\n want:\n%s", rows[i].row, otr_buf_text(&got), rows[i].want);
        otr_buf_clear(&got);
    }
}

/* "default counts 2/3": of its three roots, two count because of it. */
static void tells_what_each_rule_does(void **state)
{
    static const struct {
        const char *domain, *want;
    } rows[] = {
        { "other.example", "default counts 2/3, added others 0/2, instead others 0/1, narrow others 0/1, in force others 0/1, "
                           "over others 0/1, under only others 0/1, long over others 0/1, " },
        { "a.example", "default counts 2/3, added counts 2/2, instead others 0/1, narrow others 0/1, in force others 0/1, "
                       "over others 0/1, under only others 0/1, long over others 0/1, " },
        { "b.example", "instead counts 1/1, default not-only 0/3, under only not-only 0/1, added others 0/2, narrow others 0/1, "
                       "in force others 0/1, over others 0/1, long over others 0/1, " },
        { "c.example", "default counts 3/3, narrow counts 1/1, over ended 0/1, long over ended 0/1, added others 0/2, "
                       "instead others 0/1, in force others 0/1, under only others 0/1, " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_rule_reason *reasons = NULL;
        otr_buf got = OTR_BUF_INIT;
        size_t count = 0;

        assert_int_equal(otr_anchors_explain_rules(world, rows[i].domain, &reasons, &count), OUTRIDER_OK);
        for (size_t k = 0; k < count; k++)
            otr_buf_printf(&got, "%s %s %zu/%zu, ", called(reasons[k].rule), otr_rule_state_names[reasons[k].state],
                           reasons[k].counting, reasons[k].root_count);
        assert_string_equal(otr_buf_text(&got), rows[i].want);
        free(reasons);
        otr_buf_clear(&got);
    }
}

/* LOCALITY in time: what is over gives no root, no name of a rule and no set of its own. */
static void what_has_ended_does_nothing(void **state)
{
    const otr_anchor_set *set = otr_anchors_for(world, "c.example");

    (void)state;
    assert_int_equal(set->count, 3);
    assert_string_equal(set->rules[0], "default");
    assert_string_equal(set->rules[1], "narrow");
    assert_null(set->rules[2]);
    assert_false(otr_anchor_set_has(set, roots[D].cert));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_a_bundle),
        cmocka_unit_test(counts_a_repeated_root_once),
        cmocka_unit_test(names_the_file_it_refuses),
        cmocka_unit_test(refuses_the_whole_bundle_for_one_bad_root),
        cmocka_unit_test(refuses_a_bundle_beyond_the_limit),
        cmocka_unit_test(knows_the_system_bundle),
        cmocka_unit_test(tells_what_became_of_each_root),
        cmocka_unit_test(tells_what_each_rule_does),
        cmocka_unit_test(what_has_ended_does_nothing),
    };
    return cmocka_run_group_tests(tests, make_all, clear_all);
}

/*
 * keeper_test.c - the parts of the keeper that need no thread: the list of exceptions, what is admitted, which anchor files
 * are written and removed, when a file has changed, and what resolver threads take over.
 */
#include "daemon/keeper/admit.h"
#include "daemon/keeper/bundle.h"
#include "daemon/keeper/exceptions.h"
#include "daemon/keeper/files.h"
#include "daemon/flow/trust.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NOW 1800000000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static X509 *roots[3];

static otr_exception make(int root, const char *domain, otr_time until)
{
    otr_exception e = { .cert = roots[root], .until = until, .reason = "x", .made_at = NOW };

    assert_true(otr_cert_fingerprint(e.cert, e.root));
    snprintf(e.domain, sizeof(e.domain), "%s", domain);
    return e;
}

/* Exceptions --------------------------------------------------------------------------------------------------------- */

static bool ends_first(const void *arg, const otr_exception *e)
{
    return e->until == *(const otr_time *)arg;
}

static void the_list_is_in_order_and_is_found_in(void **state)
{
    static const char *const domains[] = { "b.example", ".a.example", "c.example", "a.example" };
    otr_exceptions list = { 0 }, picked = { 0 };
    otr_time first = NOW + 2;

    (void)state;
    assert_int_equal(otr_exceptions_first_end(&list), 0);
    for (size_t i = 0; i < COUNT(domains); i++) {
        otr_exception e = make((int)(i % 2), domains[i], NOW + 5 - (otr_time)i);

        assert_int_equal(otr_exceptions_insert(&list, &e), OUTRIDER_OK);
    }
    for (size_t i = 1; i < list.count; i++) {
        int by_root = strcmp(list.list[i - 1].root, list.list[i].root);

        assert_true(by_root < 0 || (by_root == 0 && strcmp(list.list[i - 1].domain, list.list[i].domain) < 0));
    }
    assert_int_equal(otr_exceptions_first_end(&list), first);
    assert_non_null(otr_exceptions_find(&list, make(0, "b.example", 0).root, "b.example"));
    assert_null(otr_exceptions_find(&list, make(1, "b.example", 0).root, "b.example"));
    assert_int_equal(otr_exceptions_copy(&list, ends_first, &first, &picked), OUTRIDER_OK);
    assert_int_equal(picked.count, 1);
    assert_string_equal(picked.list[0].domain, "a.example");
    otr_exceptions_clear(&list);
    assert_string_equal(picked.list[0].domain, "a.example");
    otr_exceptions_clear(&picked);
}

static void a_root_is_found_by_the_beginning_of_its_fingerprint(void **state)
{
    otr_exception a = make(0, "a.example", NOW + 1), b = make(0, "b.example", NOW + 1), c = make(1, "a.example", NOW + 1);
    otr_exceptions list = { 0 };
    char root[OTR_SHA256_TEXT], prefix[OTR_SHA256_TEXT];
    outrider_diag diag;

    (void)state;
    assert_int_equal(otr_exceptions_insert(&list, &a), OUTRIDER_OK);
    assert_int_equal(otr_exceptions_insert(&list, &b), OUTRIDER_OK);
    assert_int_equal(otr_exceptions_insert(&list, &c), OUTRIDER_OK);
    snprintf(prefix, sizeof(prefix), "%.8s", a.root);
    assert_int_equal(otr_exceptions_resolve(&list, prefix, root, &diag), OUTRIDER_OK); /* two exceptions, one root */
    assert_string_equal(root, a.root);
    assert_int_equal(otr_exceptions_resolve(&list, "", root, &diag), OUTRIDER_E_SYNTAX); /* as if both began so */
    assert_non_null(strstr(diag.message, "two roots"));
    assert_int_equal(otr_exceptions_resolve(&list, make(2, "x.example", 0).root, root, &diag), OUTRIDER_E_SYNTAX);
    assert_non_null(strstr(diag.message, "no exception for a root"));
    otr_exceptions_clear(&list);
}

/* Anchors ------------------------------------------------------------------------------------------------------------ */

static STACK_OF(X509) *one(int root)
{
    STACK_OF(X509) *stack = sk_X509_new_null();

    assert_non_null(stack);
    if (root >= 0)
        sk_X509_push(stack, roots[root]);
    return stack;
}

/* "default" with root 0; "bank" only root 1 for bank.example; "gov" confines root 2; and an exception, if there is one. */
static otr_anchors *compile(const otr_exception *e)
{
    static const char *const bank[] = { "bank.example", NULL }, *const gov[] = { ".gov.example", NULL };
    const char *names[] = { e != NULL ? e->domain : NULL, NULL };
    STACK_OF(X509) *stacks[] = { one(0), one(1), one(2), one(-1) };
    otr_anchor_rule rules[] = {
        { .name = "default", .roots = stacks[0] },
        { .name = "bank", .roots = stacks[1], .names = bank, .is_only = true },
        { .name = "gov", .roots = stacks[2], .names = gov, .confine = gov },
        { .name = "exception", .roots = stacks[3], .names = names },
    };
    otr_anchor_source source = { .rules = rules, .rule_count = e != NULL ? 4 : 3 };
    otr_anchors *anchors = NULL;

    if (e != NULL)
        sk_X509_push(stacks[3], e->cert);
    assert_int_equal(otr_anchors_make(&source, &anchors, NULL), OUTRIDER_OK);
    for (size_t i = 0; i < COUNT(stacks); i++)
        sk_X509_free(stacks[i]);
    return anchors;
}

static const struct {
    const char *sentence;
    int root;
    const char *domain;
    const char *refusal, *note; /* NULL: none */
} admissions[] = {
    { "a root that nobody has", 1, "a.example", NULL, NULL },
    { "a root that everybody has", 0, "a.example", NULL, "a.example has this root today" },
    { "a root that everybody has, for all below", 0, ".a.example", NULL, ".a.example has this root today" },
    { "under only", 0, "bank.example", "the rule \"bank\" with only = true", NULL },
    { "under only, the very root", 1, "bank.example", "the rule \"bank\" with only = true", NULL },
    { "all below what is under only", 1, ".bank.example", NULL, NULL },
    { "confined elsewhere", 2, "a.example", "the rule \"gov\" confines this root", NULL },
    { "confined, for what is below its name", 2, "tax.gov.example", NULL, "has this root today" },
    { "confined, for its name itself, which is not below it", 2, "gov.example", "the rule \"gov\" confines this root", NULL },
    { "confined, for all below its name", 2, ".gov.example", NULL, "has this root today" },
};

static void an_exception_that_would_not_count_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(admissions); i++) {
        otr_exception e = make(admissions[i].root, admissions[i].domain, NOW + 1);
        otr_anchors *before = compile(NULL);
        otr_buf notes = OTR_BUF_INIT;
        outrider_diag diag = { 0 };
        outrider_err err = otr_exception_admit(&e, before, &notes, &diag);
        const char *refusal = admissions[i].refusal, *note = admissions[i].note;

        if ((err != OUTRIDER_OK) != (refusal != NULL) || (refusal != NULL && strstr(diag.message, refusal) == NULL) ||
            (note == NULL) != (notes.len == 0) || (note != NULL && strstr(otr_buf_text(&notes), note) == NULL))
            fail_msg("%s\n  got  %s / %s\n  want %s / %s", admissions[i].sentence, diag.message, otr_buf_text(&notes),
                     refusal != NULL ? refusal : "", note != NULL ? note : "");
        otr_buf_clear(&notes);
        otr_anchors_free(before);
    }
}

static void more_is_trusted_since(void **state)
{
    otr_exception list[] = { make(1, "a.example", NOW + 9), make(1, ".b.example", NOW + 9) };
    otr_trust *trust;

    (void)state;
    list[1].made_at = NOW + 1;
    trust = otr_trust_new(compile(NULL), 7, list, 2);
    assert_non_null(trust);
    assert_int_equal(otr_trust_widened_at(trust, "a.example"), NOW);
    assert_int_equal(otr_trust_widened_at(trust, "x.a.example"), 7);
    assert_int_equal(otr_trust_widened_at(trust, "x.b.example"), NOW + 1);
    assert_int_equal(otr_trust_widened_at(trust, "b.example"), 7);
    otr_trust_unref(otr_trust_ref(trust));
    otr_trust_unref(trust);
}

static void sets_are_the_same_by_what_they_mean(void **state)
{
    otr_exception e = make(0, "a.example", NOW + 1); /* a root that is there anyway: the same file, other rules */
    otr_anchors *before = compile(NULL), *again = compile(NULL), *after = compile(&e);

    (void)state;
    assert_true(otr_trust_is_same_set(otr_anchors_for(before, "a.example"), otr_anchors_for(again, "a.example")));
    assert_false(otr_trust_is_same_set(otr_anchors_for(before, "a.example"), otr_anchors_for(before, "bank.example")));
    assert_false(otr_trust_is_same_set(otr_anchors_for(before, "a.example"), otr_anchors_for(after, "a.example")));
    assert_true(otr_trust_is_same_set(otr_anchors_for(before, "b.example"), otr_anchors_for(after, "b.example")));
    otr_anchors_free(before);
    otr_anchors_free(again);
    otr_anchors_free(after);
}

/* Files -------------------------------------------------------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/outrider-keeper-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static size_t count_files(void)
{
    DIR *dir = opendir(folder);
    size_t count = 0;

    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static const char *path_of(const char *name, const char *suffix)
{
    static char path[300];

    snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
    return path;
}

static void age(const char *path, otr_time days)
{
    time_t at = time(NULL) - (time_t)days * 86400;
    struct timespec times[2] = { { .tv_sec = at }, { .tv_sec = at } };

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void ten_thousand_names_share_a_file(void **state)
{
    static char names[OTR_ANCHOR_NAMES_MAX][16];
    static const char *list[OTR_ANCHOR_NAMES_MAX + 1];
    STACK_OF(X509) *stacks[] = { one(0), one(1) };
    otr_anchor_rule rules[] = { { .name = "default", .roots = stacks[0] },
                                { .name = "many", .roots = stacks[1], .names = list } };
    otr_anchor_source source = { .rules = rules, .rule_count = 2 };
    otr_anchor_folders folders = { { folder, NULL }, 1 };
    otr_anchors *anchors = NULL;

    (void)state;
    for (size_t i = 0; i < OTR_ANCHOR_NAMES_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "d%zu.example", i);
        list[i] = names[i];
    }
    assert_int_equal(otr_anchors_make(&source, &anchors, NULL), OUTRIDER_OK);
    assert_int_equal(otr_anchor_files_add(&folders, anchors, NULL, NULL), OUTRIDER_OK);
    assert_int_equal(count_files(), 4); /* two sets, each with its list of fingerprints */
    assert_ptr_equal(otr_anchors_for(anchors, names[17]), otr_anchors_for(anchors, names[9999]));
    otr_anchors_free(anchors);
    sk_X509_free(stacks[0]);
    sk_X509_free(stacks[1]);
}

static void files_go_a_week_after_their_last_use(void **state)
{
    otr_exception e = make(1, "a.example", NOW + 1);
    otr_anchors *before = compile(&e), *after = compile(NULL);
    otr_anchor_folders folders = { { folder, NULL }, 1 };
    const char *gone = otr_anchors_for(before, "a.example")->name, *stays = otr_anchors_for(before, "b.example")->name;
    size_t count;

    (void)state;
    assert_int_equal(otr_anchor_files_add(&folders, before, NULL, NULL), OUTRIDER_OK);
    count = count_files();
    age(path_of(gone, ".pem"), 6);
    age(path_of(gone, ".fp"), 6);
    age(path_of(stays, ".pem"), 60);
    assert_int_equal(otr_anchor_files_sweep(folder, after, time(NULL)), 0);
    age(path_of(gone, ".pem"), 8);
    age(path_of(gone, ".fp"), 8);
    assert_int_equal(otr_anchor_files_sweep(folder, before, time(NULL)), 0); /* in use, however old */
    otr_anchor_files_part(&folders, before, after);                   /* until now */
    assert_int_equal(otr_anchor_files_sweep(folder, after, time(NULL)), 0);
    age(path_of(gone, ".pem"), 8);
    age(path_of(gone, ".fp"), 8);
    assert_int_equal(otr_anchor_files_sweep(folder, after, time(NULL)), 2);
    assert_int_equal(count_files(), count - 2);
    otr_anchors_free(before);
    otr_anchors_free(after);
}

static void a_damaged_file_is_written_again(void **state)
{
    otr_anchors *anchors = compile(NULL);
    otr_anchor_folders folders = { { folder, NULL }, 1 };
    const char *path = path_of(otr_anchors_for(anchors, "b.example")->name, ".pem");
    struct stat whole, found;

    (void)state;
    assert_int_equal(otr_anchor_files_add(&folders, anchors, NULL, NULL), OUTRIDER_OK);
    assert_int_equal(stat(path, &whole), 0);
    age(path, 3);
    assert_int_equal(otr_anchor_files_add(&folders, anchors, NULL, NULL), OUTRIDER_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_true(found.st_ino == whole.st_ino && found.st_mtime > time(NULL) - 86400); /* touched, not another */
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(otr_anchor_files_add(&folders, anchors, NULL, NULL), OUTRIDER_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, whole.st_size);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(otr_anchor_files_add(&folders, anchors, anchors, NULL), OUTRIDER_OK); /* said to be there */
    assert_int_equal(stat(path, &found), -1);
    otr_anchors_free(anchors);
}

/* Exim's answers name none.pem for every host with DANE; without it that mail waits. */
static void the_file_without_roots_is_tended_too(void **state)
{
    otr_anchors *anchors = compile(NULL);
    otr_anchor_folders folders = { { folder, NULL }, 1 };
    struct stat first, found;
    size_t count;

    (void)state;
    assert_int_equal(otr_anchor_files_tend(&folders, anchors, NULL), OUTRIDER_OK);
    assert_int_equal(stat(path_of("none", ".pem"), &first), 0);
    count = count_files();
    age(path_of("none", ".pem"), 30);
    age(path_of("none", ".fp"), 30);
    assert_int_equal(otr_anchor_files_tend(&folders, anchors, NULL), OUTRIDER_OK);
    assert_int_equal(stat(path_of("none", ".pem"), &found), 0);
    assert_true(found.st_ino == first.st_ino && found.st_mtime > time(NULL) - 86400); /* touched, not another */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(unlink(path_of("none", i == 0 ? ".pem" : ".fp")), 0);
        assert_int_equal(otr_anchor_files_tend(&folders, anchors, NULL), OUTRIDER_OK);
        assert_int_equal(count_files(), count);
    }
    otr_anchors_free(anchors);
}

/* Watching ----------------------------------------------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void a_file_has_changed_when_it_is_left_alone_again(void **state)
{
    char path[100], text[200];
    otr_mistakes *mistakes = calloc(1, sizeof(*mistakes));
    otr_bundle_watch *watch;
    otr_conf *conf = NULL;

    (void)state;
    snprintf(path, sizeof(path), "%s/roots.pem", folder);
    put(path, "one");
    snprintf(text, sizeof(text), "anchors \"default\" { roots = \"%s\" exim_own = \"\" postfix_own = \"\" }", path);
    assert_int_equal(otr_conf_parse(text, strlen(text), &conf, mistakes), OUTRIDER_OK);
    watch = otr_bundle_watch_new(conf);
    assert_non_null(watch);
    for (int i = 0; i < 5; i++)
        assert_false(otr_bundle_watch_look(watch));
    put(path, "more");
    assert_false(otr_bundle_watch_look(watch));
    assert_false(otr_bundle_watch_look(watch));
    put(path, "and more");
    assert_false(otr_bundle_watch_look(watch));
    assert_false(otr_bundle_watch_look(watch));
    assert_true(otr_bundle_watch_look(watch));
    put(path, "while it is read");
    assert_false(otr_bundle_watch_settle(watch));
    assert_false(otr_bundle_watch_look(watch));
    assert_false(otr_bundle_watch_look(watch));
    assert_true(otr_bundle_watch_look(watch));
    assert_true(otr_bundle_watch_settle(watch));
    for (int i = 0; i < 5; i++)
        assert_false(otr_bundle_watch_look(watch)); /* known, of use or not */
    assert_int_equal(unlink(path), 0);
    assert_false(otr_bundle_watch_look(watch));
    assert_false(otr_bundle_watch_look(watch));
    assert_true(otr_bundle_watch_look(watch));
    otr_bundle_watch_free(watch);
    otr_conf_free(conf);
    free(mistakes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_in_order_and_is_found_in),
        cmocka_unit_test(a_root_is_found_by_the_beginning_of_its_fingerprint),
        cmocka_unit_test(an_exception_that_would_not_count_is_refused),
        cmocka_unit_test(more_is_trusted_since),
        cmocka_unit_test(sets_are_the_same_by_what_they_mean),
        cmocka_unit_test_setup_teardown(ten_thousand_names_share_a_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(files_go_a_week_after_their_last_use, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_written_again, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_file_without_roots_is_tended_too, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_has_changed_when_it_is_left_alone_again, make_folder, remove_folder),
    };
    otr_cert made[COUNT(roots)];
    int failed;

    for (size_t i = 0; i < COUNT(roots); i++) {
        made[i] = otr_make_cert(&(otr_cert_plan){ .common_name = "root", .constraints = "critical,CA:TRUE" });
        roots[i] = made[i].cert;
    }
    failed = cmocka_run_group_tests_name("daemon/keeper", tests, NULL, NULL);
    for (size_t i = 0; i < COUNT(roots); i++)
        otr_cert_clear(&made[i]);
    return failed;
}

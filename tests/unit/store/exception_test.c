/*
 * exception_test.c - exceptions are kept over a restart, all of a list or none, and a row that cannot be believed is
 * told of and not used.
 */
#include "fixture.h"

#include "chains.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static otr_exception make(const char *domain, const otr_cert *root, otr_time until)
{
    otr_exception e = { .cert = root->cert, .until = until, .made_at = NOW, .uid = 1000, .reason = "G1 \xc3\xbc" "bergang" };

    snprintf(e.domain, sizeof(e.domain), "%s", domain);
    assert_true(otr_cert_fingerprint(root->cert, e.root));
    return e;
}

static void put(otr_store *store, const char *domain, const otr_cert *root, otr_time until)
{
    otr_exception e = make(domain, root, until);
    outrider_diag diag = { 0 };

    if (otr_store_put_exceptions(store, &e, 1, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
}

struct found {
    char text[2000]; /* "domain:until:common name:uid:reason " */
    char roots[20][OTR_SHA256_TEXT];
    size_t count;
};

static void collect(void *arg, const otr_exception *e)
{
    struct found *found = arg;
    char name[OTR_CERT_NAME_SIZE];

    sprintf(found->text + strlen(found->text), "%s:%d:%s:%d:%s ", e->domain, (int)(e->until - NOW),
            otr_cert_name(e->cert, name), (int)e->uid, e->reason);
    if (found->count < 20)
        memcpy(found->roots[found->count], e->root, OTR_SHA256_TEXT);
    found->count++;
}

static outrider_err look(otr_store *store, struct found *found, outrider_diag *diag)
{
    *found = (struct found){ 0 };
    return otr_store_each_exception(store, collect, found, diag);
}

static void they_survive_a_restart(void **state)
{
    otr_store *store = open_store();
    otr_exception two[] = { make(".below.example", &test_chains.root_a, NOW + 5), make("a.example", &test_chains.root_a, NOW + 6) };
    struct found found;

    (void)state;
    put(store, "a.example", &test_chains.root_a, NOW + 10);
    assert_int_equal(otr_store_put_exceptions(store, two, 2, NULL), OUTRIDER_OK); /* replaces the first */
    put(store, "gone.example", &test_chains.root_a, NOW + 10);
    assert_int_equal(otr_store_drop_exception(store, two[0].root, "gone.example", NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_drop_exception(store, two[0].root, "never.example", NULL), OUTRIDER_OK);
    otr_store_close(store);
    store = open_store();
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
    assert_string_equal(found.text, ".below.example:5:Root A:1000:G1 \xc3\xbc" "bergang a.example:6:Root A:1000:G1 \xc3\xbc" "bergang ");
    put(store, "a.example", &test_chains.root_b, NOW + 7); /* another root for the same */
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.count, 3);
    for (size_t i = 1; i < 3; i++)
        assert_true(strcmp(found.roots[i - 1], found.roots[i]) <= 0);
    otr_store_close(store);
    assert_int_equal(ask_number("SELECT count(*) FROM certificates"), 2); /* once each */
}

static void of_a_list_all_or_none(void **state)
{
    static const struct {
        const char *sentence;
        const char *domain;
        otr_time until;
        bool has_cert, is_other_cert;
        const char *why;
    } rows[] = {
        { "a domain that is none", "Not.Normal", NOW + 1, true, false, "the domain is none" },
        { "an end in the past", "b.example", NOW, true, false, "the time is impossible" },
        { "an end too far away", "b.example", NOW + (OTR_EXCEPTION_DAYS_MAX + 1) * (otr_time)DAY, true, false, "the time is impossible" },
        { "no certificate", "b.example", NOW + 1, false, false, "there is no certificate" },
        { "the certificate of another root", "b.example", NOW + 1, true, true, "the certificate is another" },
    };
    otr_store *store = open_store();
    struct found found;

    (void)state;
    put(store, "kept.example", &test_chains.root_a, NOW + 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_exception list[] = { make("a.example", &test_chains.root_a, NOW + 1),
                                 make(rows[i].domain, &test_chains.root_a, rows[i].until) };
        outrider_diag diag = { 0 };

        if (!rows[i].has_cert)
            list[1].cert = NULL;
        if (rows[i].is_other_cert)
            list[1].cert = test_chains.root_b.cert;
        if (otr_store_put_exceptions(store, list, 2, &diag) != OUTRIDER_E_SYNTAX || strstr(diag.message, rows[i].why) == NULL)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].sentence, diag.message, rows[i].why);
        assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
        if (found.count != 1)
            fail_msg("%s: %s", rows[i].sentence, found.text);
    }
    assert_false(otr_store_is_failing(store, OTR_STORE_WRITE)); /* it was not the store that failed */
    otr_store_close(store);
}

static void count(void *arg, const otr_exception *e)
{
    (void)e;
    ++*(size_t *)arg;
}

static void there_is_room_for_so_many_and_no_more(void **state)
{
    otr_store *store = open_store();
    otr_exception *list = calloc(OTR_EXCEPTIONS_MAX, sizeof(*list));
    otr_exception more = make("more.example", &test_chains.root_a, NOW + 1);
    outrider_diag diag = { 0 };
    size_t found = 0;

    (void)state;
    for (int i = 0; i < OTR_EXCEPTIONS_MAX; i++) {
        list[i] = make("x", &test_chains.root_a, NOW + 1);
        sprintf(list[i].domain, "d%d.example", i);
    }
    assert_int_equal(otr_store_put_exceptions(store, list, OTR_EXCEPTIONS_MAX, NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_put_exceptions(store, list, OTR_EXCEPTIONS_MAX, NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_put_exceptions(store, &more, 1, &diag), OUTRIDER_E_LIMIT);
    assert_non_null(strstr(diag.message, "more than 1000 exceptions; remove some first"));
    assert_int_equal(otr_store_each_exception(store, count, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found, OTR_EXCEPTIONS_MAX);
    run_sql("INSERT INTO exceptions SELECT root, 'more.example', until, reason, made_at, uid FROM exceptions LIMIT 1");
    found = 0;
    assert_int_equal(otr_store_each_exception(store, count, &found, &diag), OUTRIDER_E_SYNTAX);
    assert_int_equal(found, OTR_EXCEPTIONS_MAX);
    free(list);
    otr_store_close(store);
}

static void a_row_that_cannot_be_believed_is_not_used(void **state)
{
    static const struct {
        const char *sql;
        const char *why;
    } rows[] = {
        { "UPDATE exceptions SET domain = 'Bad.example' WHERE domain = 'bad.example'", "the domain is none" },
        { "UPDATE exceptions SET domain = '..bad.example' WHERE domain = 'bad.example'", "the domain is none" },
        { "UPDATE exceptions SET domain = 'bad' || char(0) || '.example' WHERE domain = 'bad.example'", "domain or reason is none" },
        { "UPDATE exceptions SET reason = '' WHERE domain = 'bad.example'", "the reason is none" },
        { "UPDATE exceptions SET reason = 'a' || char(27) WHERE domain = 'bad.example'", "the reason is none" },
        { "UPDATE exceptions SET until = made_at WHERE domain = 'bad.example'", "the time is impossible" },
        { "UPDATE exceptions SET until = 9000000000 WHERE domain = 'bad.example'", "the time is impossible" },
        { "UPDATE exceptions SET made_at = -1 WHERE domain = 'bad.example'", "the time is impossible" },
        { "UPDATE exceptions SET root = upper(root) WHERE domain = 'bad.example'", "the root is no fingerprint" },
        { "UPDATE exceptions SET root = CASE substr(root, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END || substr(root, 2) WHERE domain = 'bad.example'",
          "certificate is missing" },
        { "DELETE FROM certificates WHERE sha256 = (SELECT root FROM exceptions WHERE domain = 'bad.example')", "certificate is missing" },
        { "UPDATE certificates SET der = CAST(der || x'00' AS BLOB) WHERE sha256 = (SELECT root FROM exceptions WHERE domain = 'bad.example')",
          "missing or damaged" },
        { "UPDATE certificates SET der = x'' WHERE sha256 = (SELECT root FROM exceptions WHERE domain = 'bad.example')",
          "missing or damaged" },
        /* a whole certificate, of another root */
        { "UPDATE certificates SET der = (SELECT der FROM certificates c JOIN exceptions ON root = c.sha256 "
          "WHERE domain = 'good.example')", "missing or damaged" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        outrider_diag diag = { 0 };
        struct found found;
        otr_store *store;

        fresh(state);
        store = open_store();
        put(store, "bad.example", &test_chains.root_a, NOW + 10);
        put(store, "good.example", &test_chains.root_b, NOW + 10);
        run_sql(rows[i].sql);
        if (look(store, &found, &diag) != OUTRIDER_E_SYNTAX || strstr(diag.message, rows[i].why) == NULL)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].sql, diag.message, rows[i].why);
        if (found.count != 1 || strncmp(found.text, "good.example", 12) != 0)
            fail_msg("%s: %s", rows[i].sql, found.text);
        otr_store_close(store);
    }
}

/* A certificate that was damaged on disk is whole again when it is given again. */
static void what_is_put_again_is_mended(void **state)
{
    otr_store *store = open_store();
    struct found found;

    (void)state;
    put(store, "a.example", &test_chains.root_a, NOW + 10);
    run_sql("UPDATE certificates SET der = x'3000'");
    assert_int_equal(look(store, &found, NULL), OUTRIDER_E_SYNTAX);
    put(store, "a.example", &test_chains.root_a, NOW + 10);
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.count, 1);
    otr_store_close(store);
}

static void the_sweep_takes_those_that_have_ended(void **state)
{
    otr_store *store = open_store();
    struct found found;

    (void)state;
    put(store, "a.example", &test_chains.root_a, NOW + 10);
    put(store, "b.example", &test_chains.root_b, NOW + 11);
    assert_int_equal(otr_store_sweep(store, NOW + 10, NULL), OUTRIDER_OK);
    assert_int_equal(look(store, &found, NULL), OUTRIDER_OK);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.roots[0], make("b.example", &test_chains.root_b, NOW + 11).root);
    otr_store_close(store);
    assert_int_equal(ask_number("SELECT count(*) FROM certificates"), 1); /* the other root went as well */
}

/* Until the disk is full: what was acknowledged is there, what was not is not, and later all goes on. */
static void a_full_disk_loses_nothing(void **state)
{
    otr_store *store = open_store();
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;
    struct found found;
    int good = 0;

    (void)state;
    limit_file_size(200 * 1024);
    for (; good < OTR_EXCEPTIONS_MAX && err == OUTRIDER_OK; good += err == OUTRIDER_OK) {
        otr_exception list[2];
        otr_cert root = otr_make_cert(&(otr_cert_plan){ .common_name = "Filler", .constraints = "critical,CA:TRUE" });

        list[0] = make("a.example", &root, NOW + 10);
        list[1] = make("b.example", &root, NOW + 10);
        for (int i = 0; i < 2; i++)
            memset(list[i].reason, 'x', OTR_EXCEPTION_REASON_MAX);
        err = otr_store_put_exceptions(store, list, 2, &diag);
        otr_cert_clear(&root);
    }
    lift_file_size();
    if (err != OUTRIDER_E_IO || strncmp(diag.message, store_path, strlen(store_path)) != 0)
        fail_msg("after %d: got \"%s\"", good, diag.message);
    assert_in_range(good, 3, OTR_EXCEPTIONS_MAX / 2 - 1);
    assert_true(otr_store_is_failing(store, OTR_STORE_WRITE));
    for (int turn = 0; turn < 2; turn++) {
        size_t seen = 0;

        assert_int_equal(otr_store_each_exception(store, count, &seen, NULL), OUTRIDER_OK);
        assert_int_equal(seen, 2 * good);
        otr_store_close(store);
        store = open_store();
    }
    put(store, "later.example", &test_chains.root_a, NOW + 10);
    assert_false(otr_store_is_failing(store, OTR_STORE_WRITE));
    (void)found;
    otr_store_close(store);
}

static int set_up(void **state)
{
    make_chains();
    return make_folder(state);
}

static int tear_down(void **state)
{
    clear_chains();
    return remove_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_survive_a_restart),
        TEST(of_a_list_all_or_none),
        TEST(there_is_room_for_so_many_and_no_more),
        TEST(a_row_that_cannot_be_believed_is_not_used),
        TEST(what_is_put_again_is_mended),
        TEST(the_sweep_takes_those_that_have_ended),
        TEST(a_full_disk_loses_nothing),
    };
    return cmocka_run_group_tests_name("store/exception", tests, set_up, tear_down);
}

/*
 * sighting_test.c - the latest chain of each host is kept over a restart, with what was before; most of it is not written
 * at all; a row that cannot be believed is told of and not used.
 */
#include "fixture.h"

#include "chains.h"
#include "store/store_statements.h"

#include <stdio.h>
#include <stdlib.h>

#define A (&test_chains.root_a)
#define AGAIN (&test_chains.root_a_again)
#define B (&test_chains.root_b)

/* What was there before, as put tells it: "A", "B", "" or "?". */
static const char *name_root(const char *sha256)
{
    const struct {
        const char *name;
        const otr_cert *root;
    } roots[] = { { "A", A }, { "A'", AGAIN }, { "B", B } };
    char own[OTR_SHA256_TEXT];

    for (size_t i = 0; i < 3; i++)
        if (otr_cert_fingerprint(roots[i].root->cert, own) && strcmp(own, sha256) == 0)
            return roots[i].name;
    return sha256[0] == '\0' ? "" : "?";
}

static const char *put(otr_store *store, otr_sighting s)
{
    char before[OTR_SHA256_TEXT] = "x";
    outrider_diag diag = { 0 };

    if (otr_store_put_sighting(store, &s, before, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    otr_sighting_clear(&s);
    return name_root(before);
}

struct seen {
    otr_sighting list[OTR_SIGHTINGS_PER_DOMAIN];
    size_t count;
};

static bool keep(void *arg, const otr_dependant *d)
{
    struct seen *seen = arg;

    for (size_t i = 0; i < d->sighting_count; i++)
        assert_true(otr_sighting_copy(&seen->list[seen->count++], &d->sightings[i]));
    return false;
}

static outrider_err look(otr_store *store, const char *domain, struct seen *seen, outrider_diag *diag)
{
    bool is_found = false;

    *seen = (struct seen){ 0 };
    return otr_store_dependant(store, domain, NOW, NULL, keep, seen, &is_found, diag);
}

static void forget(struct seen *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        otr_sighting_clear(&seen->list[i]);
}

/* Has it the root by this name ("" for none), and all else of `want`? */
static void expect_same(const otr_sighting *got, const otr_sighting *want)
{
    assert_string_equal(got->domain, want->domain);
    assert_string_equal(got->host, want->host);
    assert_int_equal(got->role, want->role);
    assert_int_equal(got->source, want->source);
    assert_int_equal(got->seen_at, want->seen_at);
    assert_int_equal(got->expires_at, want->expires_at);
    assert_string_equal(got->error, want->error);
    assert_int_equal(sk_X509_num(got->chain), sk_X509_num(want->chain));
    for (int i = 0; i < sk_X509_num(want->chain); i++)
        assert_int_equal(X509_cmp(sk_X509_value(got->chain, i), sk_X509_value(want->chain, i)), 0);
    assert_int_equal(got->root != NULL, want->root != NULL);
    assert_true(want->root == NULL || X509_cmp(got->root, want->root) == 0);
}

static void it_survives_a_restart(void **state)
{
    otr_store *store = open_store();
    otr_sighting mx = make_sighting("example.org", OTR_ROLE_MX, "mx.example.org", NOW, &test_chains.leaf, A);
    otr_sighting host = make_sighting("example.org", OTR_ROLE_POLICY, "mta-sts.example.org", NOW + 1, &test_chains.leaf, NULL);
    char before[OTR_SHA256_TEXT];
    struct seen seen;

    (void)state;
    host.source = OTR_SEEN_IN_FETCH;
    sk_X509_pop_free(host.chain, X509_free);
    host.chain = NULL; /* it broke off before it showed one */
    assert_int_equal(otr_store_put_sighting(store, &mx, before, NULL), OUTRIDER_OK);
    assert_int_equal(otr_store_put_sighting(store, &host, before, NULL), OUTRIDER_OK);
    put(store, make_sighting("other.example", OTR_ROLE_MX, "mx.example.org", NOW, &test_chains.leaf, B));
    otr_store_close(store);
    store = open_store();
    assert_int_equal(look(store, "example.org", &seen, NULL), OUTRIDER_OK);
    assert_int_equal(seen.count, 2);
    expect_same(&seen.list[0], &mx);
    assert_int_equal(sk_X509_num(seen.list[1].chain), 0);
    assert_string_equal(seen.list[1].error, host.error);
    assert_int_equal(seen.list[1].source, OTR_SEEN_IN_FETCH);
    assert_string_equal(seen.list[0].root_before, "");
    assert_int_equal(seen.list[0].changed_at, 0);
    forget(&seen);
    otr_sighting_clear(&mx);
    otr_sighting_clear(&host);
    otr_store_close(store);
    assert_int_equal(ask_number("SELECT count(*) FROM certificates"), 4);
    assert_int_equal(ask_number("SELECT count(*) FROM chains"), 2);
}

/* What one host shows, one after the other; what put tells of before, and what is kept at the end. */
static void a_change_of_root_is_told_once_and_remembered(void **state)
{
    static const struct {
        const char *sentence;
        const char *shown;  /* a: accepted by A, c: by the other certificate of A, b: by B, x: refused; one a day */
        const char *told;   /* by the last one */
        const char *root_before;
        int changed;        /* days after the first; -1: never */
    } rows[] = {
        { "the first is no change", "a", "", "", -1 },
        { "the same again is none", "aa", "", "", -1 },
        { "another root", "ab", "A", "A", 1 },
        { "told once, and remembered", "abb", "", "A", 1 },
        { "and back", "aba", "B", "B", 2 },
        { "another certificate of the same root is no other root", "ac", "", "", -1 },
        { "nor is it one back", "aca", "", "", -1 },
        { "another root after that", "acb", "A'", "A'", 2 },
        { "a refusal is no change of root, and remembers the accepted one", "ax", "", "A", -1 },
        { "refused and accepted again by the same", "axa", "", "", -1 },
        { "a refusal in between does not hide a change", "axb", "A", "A", 2 },
        { "nor do several", "axxxb", "A", "A", 4 },
        { "never accepted", "xx", "", "", -1 },
        { "accepted for the first time", "xa", "", "", -1 },
        { "the root before the last survives a refusal", "abxb", "", "A", 1 },
        { "while it is refused the last one is told", "abx", "", "B", 1 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_store *store;
        const char *told = "";
        struct seen seen;
        int changed;

        fresh(state);
        store = open_store();
        for (int day = 0; rows[i].shown[day] != '\0'; day++) {
            char c = rows[i].shown[day];
            const otr_cert *root = c == 'a' ? A : c == 'b' ? B : c == 'c' ? AGAIN : NULL;

            told = put(store, make_sighting("example.org", OTR_ROLE_MX, "mx.example.org", NOW + day * DAY, &test_chains.leaf, root));
        }
        assert_int_equal(look(store, "example.org", &seen, NULL), OUTRIDER_OK);
        assert_int_equal(seen.count, 1);
        changed = seen.list[0].changed_at == 0 ? -1 : (int)((seen.list[0].changed_at - NOW) / DAY);
        if (strcmp(told, rows[i].told) != 0 || strcmp(name_root(seen.list[0].root_before), rows[i].root_before) != 0 ||
            changed != rows[i].changed)
            fail_msg("%s (%s): got \"%s\", before \"%s\", day %d; want \"%s\", \"%s\", %d", rows[i].sentence, rows[i].shown,
                     told, name_root(seen.list[0].root_before), changed, rows[i].told, rows[i].root_before, rows[i].changed);
        forget(&seen);
        otr_store_close(store);
    }
}

/* What is seen again and again is written once an hour. */
static void what_has_not_changed_is_hardly_written(void **state)
{
    static const struct {
        const char *sentence;
        int after; /* s */
        const otr_cert *leaf, *root;
        bool is_written;
    } rows[] = {
        { "soon after", 10, &test_chains.leaf, A, false },
        { "at the end of the hour", OTR_SIGHTING_TOUCH - 1, &test_chains.leaf, A, false },
        { "after an hour", OTR_SIGHTING_TOUCH, &test_chains.leaf, A, true },
        { "with a clock that was set back a little", -10, &test_chains.leaf, A, false },
        { "with a clock that was set back far", -DAY, &test_chains.leaf, A, true },
        { "another leaf", 10, &test_chains.other_leaf, A, true },
        { "another root", 10, &test_chains.leaf, B, true },
        { "refused", 10, &test_chains.leaf, NULL, true },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_store *store;
        otr_sighting again;
        struct seen seen;

        fresh(state);
        store = open_store();
        again = make_sighting("example.org", OTR_ROLE_MX, "mx.example.org", NOW, rows[i].leaf, rows[i].root);
        again.seen_at += rows[i].after;
        put(store, make_sighting("example.org", OTR_ROLE_MX, "mx.example.org", NOW, &test_chains.leaf, A));
        put(store, again);
        assert_int_equal(look(store, "example.org", &seen, NULL), OUTRIDER_OK);
        if ((seen.list[0].seen_at != NOW) != rows[i].is_written)
            fail_msg("%s: seen at NOW%+d", rows[i].sentence, (int)(seen.list[0].seen_at - NOW));
        forget(&seen);
        otr_store_close(store);
    }
}

static void put_host(otr_store *store, const char *domain, otr_role role, int number, otr_time at)
{
    char host[40];

    sprintf(host, "h%02d.example.org", number);
    put(store, make_sighting(domain, role, host, at, &test_chains.leaf, A));
}

/* Of one destination, the host seen longest ago makes room; the policy host comes last. */
static void one_destination_has_room_for_so_many_hosts(void **state)
{
    otr_store *store = open_store();
    struct seen seen;
    char hosts[OTR_SIGHTINGS_PER_DOMAIN * 20] = "";

    (void)state;
    put_host(store, "example.org", OTR_ROLE_POLICY, 99, NOW - DAY);
    for (int i = 0; i < OTR_SIGHTINGS_PER_DOMAIN + 3; i++)
        put_host(store, "example.org", OTR_ROLE_MX, i, i == 5 ? NOW - 5 : NOW + i);
    put_host(store, "other.example", OTR_ROLE_MX, 1, NOW - 9); /* another's are not touched */
    assert_int_equal(look(store, "example.org", &seen, NULL), OUTRIDER_OK);
    assert_int_equal(seen.count, OTR_SIGHTINGS_PER_DOMAIN);
    for (size_t i = 0; i < seen.count; i++)
        strcat(hosts, seen.list[i].host);
    for (int i = 0; i < OTR_SIGHTINGS_PER_DOMAIN + 3; i++) {
        bool has_made_room = i == 5 || i < 3;
        char host[40];

        sprintf(host, "h%02d.example.org", i);
        if ((strstr(hosts, host) == NULL) != has_made_room)
            fail_msg("%s: %s", host, hosts);
    }
    assert_non_null(strstr(hosts, "h99.example.org"));
    forget(&seen);
    assert_int_equal(look(store, "other.example", &seen, NULL), OUTRIDER_OK);
    assert_int_equal(seen.count, 1);
    forget(&seen);
    otr_store_close(store);
}

/* In all. Two million rows would take a minute to make, so it is told that it has them. */
static void there_is_room_for_so_many_in_all(void **state)
{
    otr_store *store = open_store();
    char before[OTR_SHA256_TEXT];
    otr_sighting s = make_sighting("b.example", OTR_ROLE_MX, "mx.b.example", NOW, &test_chains.leaf, A);
    outrider_diag diag = { 0 };

    (void)state;
    put_host(store, "a.example", OTR_ROLE_MX, 1, NOW);
    assert_int_equal(store->sightings, 1);
    store->sightings = OTR_SIGHTINGS_MAX;
    assert_int_equal(otr_store_put_sighting(store, &s, before, &diag), OUTRIDER_E_LIMIT);
    assert_non_null(strstr(diag.message, "2000000 sightings are recorded"));
    assert_false(otr_store_is_failing(store, OTR_STORE_WRITE));
    store->sightings = OTR_SIGHTINGS_MAX;
    put_host(store, "a.example", OTR_ROLE_MX, 1, NOW + DAY); /* what is there already is renewed */
    assert_int_equal(store->sightings, OTR_SIGHTINGS_MAX);
    assert_int_equal(otr_store_sweep(store, NOW, NULL), OUTRIDER_OK); /* and then it counts again */
    assert_int_equal(otr_store_put_sighting(store, &s, before, &diag), OUTRIDER_OK);
    assert_int_equal(store->sightings, 2);
    otr_sighting_clear(&s);
    otr_store_close(store);
}

static void what_is_none_is_not_kept(void **state)
{
    static const char *const sentences[] = { "a domain that is none", "a host that is none", "no time", "a time that is none",
                                             "neither accepted nor refused", "both", "accepted without a chain", "accepted for ever" };
    otr_store *store = open_store();

    (void)state;
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
        otr_sighting s = make_sighting("example.org", OTR_ROLE_MX, "mx.example.org", NOW, &test_chains.leaf, A);
        char before[OTR_SHA256_TEXT];

        if (i == 0)
            strcpy(s.domain, "a b");
        if (i == 1)
            strcpy(s.host, "*.example.org");
        if (i == 2)
            s.seen_at = 0;
        if (i == 3)
            s.seen_at = INT64_MAX;
        if (i == 4) {
            X509_free(s.root);
            s.root = NULL;
            s.expires_at = 0;
        }
        if (i == 5)
            strcpy(s.error, "refused");
        if (i == 6)
            X509_free(sk_X509_pop(s.chain)), X509_free(sk_X509_pop(s.chain));
        if (i == 7)
            s.expires_at = 0;
        if (otr_store_put_sighting(store, &s, before, NULL) != OUTRIDER_E_SYNTAX)
            fail_msg("%s", sentences[i]);
        otr_sighting_clear(&s);
    }
    otr_store_close(store);
    assert_int_equal(ask_number("SELECT count(*) FROM sightings"), 0);
}

/* A host may show what it likes; a chain beyond all measure is not kept. */
static void a_chain_that_is_too_large_is_refused(void **state)
{
    otr_store *store = open_store();
    otr_sighting s = make_sighting("example.org", OTR_ROLE_MX, "mx.example.org", NOW, &test_chains.leaf, NULL);
    char *names = calloc(1, 100000), before[OTR_SHA256_TEXT];
    outrider_diag diag = { 0 };
    otr_cert large;

    (void)state;
    for (int i = 0; i < 2500; i++)
        sprintf(names + strlen(names), "%sDNS:name-%016d.example", i > 0 ? "," : "", i);
    large = otr_make_cert(&(otr_cert_plan){ .common_name = "Large", .san = names });
    X509_up_ref(large.cert);
    sk_X509_push(s.chain, large.cert);
    assert_int_equal(otr_store_put_sighting(store, &s, before, &diag), OUTRIDER_E_LIMIT);
    assert_non_null(strstr(diag.message, "mx.example.org has more than 65536 octets"));
    otr_sighting_clear(&s);
    otr_cert_clear(&large);
    free(names);
    otr_store_close(store);
}

/* What a terminal would obey cannot get in by the words of a refusal. */
static void the_error_is_one_printable_line(void **state)
{
    otr_store *store = open_store();
    otr_sighting s = make_sighting("example.org", OTR_ROLE_MX, "mx.example.org", NOW, &test_chains.leaf, NULL);
    struct seen seen;

    (void)state;
    strcpy(s.error, "bad\n\x1b[31m name");
    put(store, s);
    assert_int_equal(look(store, "example.org", &seen, NULL), OUTRIDER_OK);
    assert_string_equal(seen.list[0].error, "bad??[31m name");
    forget(&seen);
    otr_store_close(store);
}

static void a_row_that_cannot_be_believed_is_not_used(void **state)
{
    static const struct {
        const char *sql; /* of the row of bad.example */
        const char *why;
    } rows[] = {
        { "UPDATE sightings SET host = 'Bad' WHERE host = 'bad.example'", "role, host or source is none" },
        { "UPDATE sightings SET role = 'friend' WHERE host = 'bad.example'", "role, host or source is none" },
        { "UPDATE sightings SET source = 'hearsay' WHERE host = 'bad.example'", "role, host or source is none" },
        { "UPDATE sightings SET seen_at = 0 WHERE host = 'bad.example'", "the time is impossible" },
        { "UPDATE sightings SET seen_at = 9223372036854775807 WHERE host = 'bad.example'", "the time is impossible" },
        { "UPDATE sightings SET expires_at = 0 WHERE host = 'bad.example'", "the time is impossible" },
        { "UPDATE sightings SET error = 'refused' WHERE host = 'bad.example'", "the time is impossible" },
        { "UPDATE sightings SET error = char(27), expires_at = 0 WHERE host = 'bad.example'", "the error is none" },
        { "UPDATE sightings SET chain = 99 WHERE host = 'bad.example'", "a certificate of the chain" },
        { "UPDATE sightings SET root = '' WHERE host = 'bad.example'", "a root is no fingerprint" },
        { "UPDATE sightings SET root = 'x' || substr(root, 2) WHERE host = 'bad.example'", "a root is no fingerprint" },
        { "UPDATE sightings SET root = CASE substr(root, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END || substr(root, 2) WHERE host = 'bad.example'",
          "its root is missing" },
        { "UPDATE sightings SET root_before = 'DROP TABLE' WHERE host = 'bad.example'", "a root is no fingerprint" },
        { "UPDATE sightings SET root_before = root, changed_at = 1 WHERE host = 'bad.example'", "a root is no fingerprint" },
        { "UPDATE sightings SET changed_at = 1 WHERE host = 'bad.example'", "the time of the change is impossible" },
        { "UPDATE chains SET certificates = '' WHERE id = (SELECT chain FROM sightings WHERE host = 'bad.example')", "of the chain" },
        { "UPDATE chains SET certificates = certificates || ' ' WHERE id = (SELECT chain FROM sightings WHERE host = 'bad.example')", "of the chain" },
        { "UPDATE chains SET certificates = replace(certificates, ' ', 'a') WHERE id = (SELECT chain FROM sightings WHERE host = 'bad.example')",
          "of the chain" },
        { "UPDATE chains SET certificates = upper(certificates) WHERE id = (SELECT chain FROM sightings WHERE host = 'bad.example')",
          "of the chain" },
        { "UPDATE certificates SET der = CAST(substr(der, 2) AS BLOB) WHERE sha256 = (SELECT substr(certificates, 1, 64) FROM sightings "
          "JOIN chains ON id = chain WHERE host = 'bad.example')", "of the chain" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        outrider_diag diag = { 0 };
        struct seen seen;
        otr_store *store;

        fresh(state);
        store = open_store();
        put(store, make_sighting("example.org", OTR_ROLE_MX, "bad.example", NOW, &test_chains.leaf, A));
        put(store, make_sighting("example.org", OTR_ROLE_MX, "good.example", NOW, &test_chains.other_leaf, B));
        run_sql(rows[i].sql);
        if (look(store, "example.org", &seen, &diag) != OUTRIDER_E_SYNTAX || strstr(diag.message, rows[i].why) == NULL)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].sql, diag.message, rows[i].why);
        if (seen.count != 1 || strcmp(seen.list[0].host, "good.example") != 0)
            fail_msg("%s: %zu sightings", rows[i].sql, seen.count);
        forget(&seen);
        /* It stands in nobody's way: neither of the sweep nor of the next sighting of the host. */
        assert_int_equal(otr_store_sweep(store, NOW, NULL), OUTRIDER_OK);
        put(store, make_sighting("example.org", OTR_ROLE_MX, "bad.example", NOW + DAY, &test_chains.leaf, A));
        otr_store_close(store);
    }
}

static void the_sweep_takes_what_was_not_renewed(void **state)
{
    otr_store *store = open_store();
    otr_time at = NOW + OTR_SIGHTING_DAYS * (otr_time)DAY;

    (void)state;
    put(store, make_sighting("old.example", OTR_ROLE_MX, "mx.old.example", NOW, &test_chains.other_leaf, B));
    put(store, make_sighting("new.example", OTR_ROLE_MX, "mx.new.example", NOW + 1, &test_chains.leaf, A));
    assert_int_equal(otr_store_sweep(store, at - 1, NULL), OUTRIDER_OK);
    assert_int_equal(ask_number("SELECT count(*) FROM sightings"), 2);
    assert_int_equal(ask_number("SELECT count(*) FROM certificates"), 5);
    assert_int_equal(otr_store_sweep(store, at, NULL), OUTRIDER_OK);
    assert_int_equal(ask_number("SELECT count(*) FROM sightings"), 1);
    assert_int_equal(ask_number("SELECT count(*) FROM chains"), 1);
    assert_int_equal(ask_number("SELECT count(*) FROM certificates"), 3); /* what another refers to stays */
    otr_store_close(store);
}

static void a_full_disk_loses_nothing(void **state)
{
    otr_store *store = open_store();
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;
    char before[OTR_SHA256_TEXT];
    int good = 0;

    (void)state;
    limit_file_size(300 * 1024);
    for (; good < 5000 && err == OUTRIDER_OK; good += err == OUTRIDER_OK) {
        otr_cert leaf = otr_make_cert(&(otr_cert_plan){ .san = "DNS:mx.example.org", .issuer = &test_chains.middle });
        char domain[40];
        otr_sighting s;

        sprintf(domain, "d%d.example", good);
        s = make_sighting(domain, OTR_ROLE_MX, "mx.example.org", NOW, &leaf, A);
        err = otr_store_put_sighting(store, &s, before, &diag);
        otr_sighting_clear(&s);
        otr_cert_clear(&leaf);
    }
    lift_file_size();
    if (err != OUTRIDER_E_IO || strncmp(diag.message, store_path, strlen(store_path)) != 0)
        fail_msg("after %d: got \"%s\"", good, diag.message);
    assert_in_range(good, 3, 4999);
    for (int i = 0; i < good; i++) {
        char domain[40];
        struct seen seen;

        sprintf(domain, "d%d.example", i);
        assert_int_equal(look(store, domain, &seen, NULL), OUTRIDER_OK);
        assert_int_equal(seen.count, 1);
        forget(&seen);
    }
    otr_store_close(store);
    store = open_store();
    assert_int_equal(ask_number("SELECT count(*) FROM sightings"), good);
    put_host(store, "later.example", OTR_ROLE_MX, 1, NOW);
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
        TEST(it_survives_a_restart),
        TEST(a_change_of_root_is_told_once_and_remembered),
        TEST(what_has_not_changed_is_hardly_written),
        TEST(one_destination_has_room_for_so_many_hosts),
        TEST(there_is_room_for_so_many_in_all),
        TEST(what_is_none_is_not_kept),
        TEST(a_chain_that_is_too_large_is_refused),
        TEST(the_error_is_one_printable_line),
        TEST(a_row_that_cannot_be_believed_is_not_used),
        TEST(the_sweep_takes_what_was_not_renewed),
        TEST(a_full_disk_loses_nothing),
    };
    return cmocka_run_group_tests_name("store/sighting", tests, set_up, tear_down);
}

/*
 * guard_test.c - PUB-12, PUB-13, PUB-16, PUB-17: what was seen at the servers, hour by hour, and whether a certificate may be installed.
 */
#include "tlsa_scene.h"

#include "support/cmocka_all.h"

#include <stdint.h>
#include <stdio.h>

#define NOW (OTR_TEST_TIME)
#define NEVER_SAFE (-1) /* time does not mend it */
#define LOOKS_MAX 6
#define TTL 900
#define REFRESH 7200
#define NEGATIVE 2700

enum chain { PLAIN, RENEWED, BARE };

struct look {
    int minutes_ago;
    const char *first, *second; /* two servers; "-": it does not answer */
};

static const struct row {
    const char *what;
    struct look looks[LOOKS_MAX]; /* the last one is now; ends with minutes_ago 0 */
    char key;                     /* of the certificate to be installed */
    otr_guard_outcome outcome;
    int minutes;                  /* WOULD_BREAK: safe in so many; NEVER_SAFE */
    const char *record;           /* to be published: letters; NULL: none */
    char service;                 /* the host shows this key; 0: not known */
    enum chain chain;
    uint32_t ttl;                 /* 0: TTL */
} rows[] = {
    { "a record that has been there for hours", { { 600, "A", "A" }, { 0, "A", "A" } }, 'A', OTR_GUARD_SAFE, .chain = PLAIN },
    { "first look: since when it is there nobody knows", { { 0, "A", "A" } }, 'A', OTR_GUARD_WOULD_BREAK, 60, .chain = PLAIN },
    { "first look, and the key is in service", { { 0, "A", "A" } }, 'A', OTR_GUARD_SAFE, .service = 'A' },
    { "first look, in service, renewed with its key", { { 0, "A", "A" } }, 'A', OTR_GUARD_SAFE, .service = 'A', .chain = RENEWED },
    { "another key", { { 600, "A", "A" }, { 0, "A", "A" } }, 'B', OTR_GUARD_WOULD_BREAK, 60, "B", .chain = PLAIN },
    { "the next record has come just now", { { 600, "A", "A" }, { 0, "AB", "AB" } }, 'B', OTR_GUARD_WOULD_BREAK, 60, .chain = PLAIN },
    { "it came 59 minutes ago", { { 600, "A", "A" }, { 59, "AB", "AB" }, { 0, "AB", "AB" } }, 'B', OTR_GUARD_WOULD_BREAK, 1, .chain = PLAIN },
    { "it came an hour ago", { { 600, "A", "A" }, { 60, "AB", "AB" }, { 0, "AB", "AB" } }, 'B', OTR_GUARD_SAFE, .chain = PLAIN },
    { "the old key meanwhile", { { 600, "A", "A" }, { 10, "AB", "AB" }, { 0, "AB", "AB" } }, 'A', OTR_GUARD_SAFE, .chain = PLAIN },
    { "one server does not have it yet", { { 600, "A", "A" }, { 0, "AB", "A" } }, 'B', OTR_GUARD_WOULD_BREAK, 60, "B", .chain = PLAIN },
    { "one server was late: its refresh counts, from when it had it", { { 600, "A", "A" }, { 500, "AB", "A" }, { 100, "AB", "AB" },
      { 0, "AB", "AB" } }, 'B', OTR_GUARD_WOULD_BREAK, 2 * TTL / 60 + REFRESH / 60 - 100, .chain = PLAIN },
    { "and then it is over", { { 600, "A", "A" }, { 500, "AB", "A" }, { 150, "AB", "AB" }, { 0, "AB", "AB" } }, 'B', OTR_GUARD_SAFE, .chain = PLAIN },
    { "long TTLs take twice their time", { { 3000, "A", "A" }, { 2879, "AB", "AB" }, { 0, "AB", "AB" } }, 'B', OTR_GUARD_WOULD_BREAK, 1,
      .ttl = 86400 },
    { "one server does not answer", { { 600, "A", "A" }, { 0, "A", "-" } }, 'A', OTR_GUARD_UNKNOWN, .chain = PLAIN },
    { "nor can it be found out that it would break", { { 600, "A", "A" }, { 0, "A", "-" } }, 'B', OTR_GUARD_UNKNOWN, .chain = PLAIN },
    { "a look at one server is none at both", { { 600, "A", "-" }, { 0, "A", "A" } }, 'A', OTR_GUARD_WOULD_BREAK, 60, .chain = PLAIN },
    { "no record, and there never was one", { { 0, "", "" } }, 'A', OTR_GUARD_NO_TLSA, .chain = PLAIN },
    { "no record any more, and caches have one", { { 600, "A", "A" }, { 10, "", "" }, { 0, "", "" } }, 'B', OTR_GUARD_WOULD_BREAK, 50, .chain = PLAIN },
    { "no record any more, for long", { { 600, "A", "A" }, { 70, "", "" }, { 0, "", "" } }, 'B', OTR_GUARD_NO_TLSA, .chain = PLAIN },
    { "first publication: a denial is kept for longer than a record", { { 600, "", "" }, { 60, "B", "B" }, { 0, "B", "B" } }, 'B',
      OTR_GUARD_WOULD_BREAK, 2 * NEGATIVE / 60 - 60, .chain = PLAIN },
    { "first publication, long ago", { { 600, "", "" }, { 91, "B", "B" }, { 0, "B", "B" } }, 'B', OTR_GUARD_SAFE, .chain = PLAIN },
    { "replaced instead of added: those who have the old one", { { 600, "A", "A" }, { 5, "B", "B" }, { 0, "B", "B" } }, 'B',
      OTR_GUARD_WOULD_BREAK, 55, .chain = PLAIN },
    { "added, taken back, added again: from the last time", { { 600, "A", "A" }, { 300, "AB", "AB" }, { 50, "A", "A" }, { 20, "AB", "AB" },
      { 0, "AB", "AB" } }, 'B', OTR_GUARD_WOULD_BREAK, 40, .chain = PLAIN },
    { "usages that mail does not use ask for nothing", { { 600, "x", "x" }, { 0, "x", "x" } }, 'B', OTR_GUARD_SAFE, .chain = PLAIN },
    { "own key and CA, both match", { { 600, "Aa", "Aa" }, { 0, "Aa", "Aa" } }, 'A', OTR_GUARD_SAFE, .chain = PLAIN },
    { "another key of the same CA: one combination of two is not enough", { { 600, "Aa", "Aa" }, { 0, "Aa", "Aa" } }, 'B',
      OTR_GUARD_WOULD_BREAK, 60, "B", .chain = PLAIN },
    { "the CA alone, and any key of it", { { 600, "a", "a" }, { 0, "a", "a" } }, 'C', OTR_GUARD_SAFE, .chain = PLAIN },
    { "the CA is not sent", { { 600, "a", "a" }, { 0, "a", "a" } }, 'C', OTR_GUARD_WOULD_BREAK, 60, "C", .chain = BARE },
    { "selector 0 and the certificate", { { 600, "s", "s" }, { 0, "s", "s" } }, 'A', OTR_GUARD_SAFE, .chain = PLAIN },
    { "selector 0 and a renewal with the same key, which is in service", { { 600, "s", "s" }, { 0, "s", "s" } }, 'A', OTR_GUARD_WOULD_BREAK, 60,
      "?", .service = 'A', .chain = RENEWED },
};

static const char *chain_of(const struct row *r)
{
    return r->chain == RENEWED ? scene_renewed(r->key) : r->chain == BARE ? scene_bare(r->key) : scene_chain(r->key);
}

static otr_authority *look_at(const struct row *r, const struct look *look)
{
    const char *sets[] = { strcmp(look->first, "-") == 0 ? NULL : look->first, strcmp(look->second, "-") == 0 ? NULL : look->second };

    return scene_authority(sets, 2, r->ttl != 0 ? r->ttl : TTL, REFRESH, NEGATIVE);
}

/* Everything that was seen before, and what is seen now. */
static otr_authority *live_through(const struct row *r, otr_tlsa_history *history)
{
    for (const struct look *look = r->looks;; look++) {
        otr_authority *a = look_at(r, look);

        otr_history_observe(history, a, NOW - look->minutes_ago * 60);
        if (look->minutes_ago == 0)
            return a;
        otr_authority_free(a);
    }
}

static bool is_as_expected(const struct row *r, const otr_guard_result *got)
{
    otr_time safe_from = r->minutes == NEVER_SAFE ? OTR_NEVER : NOW + r->minutes * 60;
    const char *record = r->record == NULL ? "" : *r->record == '?' ? got->record : scene_record(*r->record);

    if (got->outcome != r->outcome || strcmp(got->record, record) != 0 || (r->record != NULL && got->record[0] == '\0'))
        return false;
    return r->outcome != OTR_GUARD_WOULD_BREAK || got->safe_from == safe_from;
}

static void test_what_may_be_installed(void **state)
{
    size_t failed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        otr_arena *arena = otr_arena_new();
        otr_tlsa_history history = { .arena = arena };
        otr_findings findings = { .arena = arena };
        otr_authority *a = live_through(r, &history);
        const char *service = r->service != 0 ? scene_chain(r->service) : NULL;
        const otr_guard_question q = { .authority = a, .history = &history, .chain_pem = chain_of(r), .chain_len = strlen(chain_of(r)),
                                       .service_pem = service, .service_len = service != NULL ? strlen(service) : 0, .now = NOW };
        otr_guard_result got = { 0 };
        outrider_diag diag = { 0 };

        assert_int_equal(otr_guard(&q, &got, &findings, &diag), OUTRIDER_OK);
        if (!is_as_expected(r, &got)) {
            failed++;
            print_error("%s: got %s, %+.1f minutes, \"%s\"\n", r->what, otr_guard_outcome_names[got.outcome],
                        got.safe_from == OTR_NEVER ? -1.0 : (double)(got.safe_from - NOW) / 60, got.record);
            for (size_t n = 0; n < findings.count; n++)
                print_error("    %s %s\n", findings.list[n].id, findings.list[n].message);
        }
        otr_authority_free(a);
        otr_arena_free(arena);
    }
    assert_int_equal(failed, 0);
}

/*
 * What the servers have handed out for long does not help where our own resolver still, or again, has what does not match: so may others.
 */
static void test_a_cache_that_has_what_was_gone(void **state)
{
    static const struct {
        int gone_minutes_ago;
        otr_guard_outcome outcome;
        int minutes;
    } cases[] = {
        { 10, OTR_GUARD_WOULD_BREAK, 50 },  /* of before: it is waited for anyway */
        { 120, OTR_GUARD_WOULD_BREAK, 60 }, /* a TTL would have ended it: it came back between two looks */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        otr_arena *arena = otr_arena_new();
        otr_tlsa_history history = { .arena = arena };
        otr_findings findings = { .arena = arena };
        const char *old[] = { "A" }, *both[] = { "AB" };
        otr_authority *before = scene_authority(old, 1, TTL, REFRESH, NEGATIVE), *now = scene_authority(both, 1, TTL, REFRESH, NEGATIVE);
        otr_guard_question q = { .authority = now, .history = &history, .chain_pem = scene_chain('B'), .chain_len = strlen(scene_chain('B')),
                                 .now = NOW };
        otr_guard_result got = { 0 };

        otr_history_observe(&history, before, NOW - 86400);
        otr_history_observe(&history, now, NOW - cases[i].gone_minutes_ago * 60);
        now->validated = before->validated;
        otr_history_observe(&history, now, NOW);
        assert_int_equal(otr_guard(&q, &got, &findings, NULL), OUTRIDER_OK);
        assert_int_equal(got.outcome, cases[i].outcome);
        assert_int_equal(got.safe_from - NOW, cases[i].minutes * 60);
        otr_authority_free(before);
        otr_authority_free(now);
        otr_arena_free(arena);
    }
}

/* Never open: a lookup that failed is no absence, and a chain that cannot be read is no reason that could be told. */
static void test_what_cannot_be_judged(void **state)
{
    otr_arena *arena = otr_arena_new();
    otr_tlsa_history history = { .arena = arena };
    otr_findings findings = { .arena = arena };
    const char *sets[] = { "A" };
    otr_authority *a = scene_authority(sets, 1, TTL, REFRESH, NEGATIVE);
    otr_guard_question q = { .authority = a, .history = &history, .chain_pem = "no chain", .chain_len = 8, .now = NOW };
    otr_guard_result got = { .outcome = OTR_GUARD_SAFE };

    (void)state;
    otr_history_observe(&history, a, NOW);
    assert_int_equal(otr_guard(&q, &got, &findings, NULL), OUTRIDER_E_SYNTAX);
    assert_int_equal(got.outcome, OTR_GUARD_SAFE); /* untouched */
    assert_int_equal(findings.count, 0);
    q.chain_pem = scene_chain('A');
    q.chain_len = strlen(q.chain_pem);
    a->status = OTR_DNS_TEMPFAIL;
    a->server_count = 0;
    a->validated = (otr_tlsa_set){ 0 };
    assert_int_equal(otr_guard(&q, &got, &findings, NULL), OUTRIDER_OK);
    assert_int_equal(got.outcome, OTR_GUARD_UNKNOWN);
    otr_authority_free(a);
    otr_arena_free(arena);
}

/* RFC 2181 §5: once, however often a server sends it; a file with a set that is none would be refused at the next run. */
static void test_a_record_that_comes_twice(void **state)
{
    otr_arena *arena = otr_arena_new();
    const char *twice[] = { "ABA" }, *once[] = { "AB" };
    otr_authority *a = scene_authority(twice, 1, TTL, REFRESH, NEGATIVE), *b = scene_authority(once, 1, TTL, REFRESH, NEGATIVE);

    (void)state;
    assert_string_equal(otr_tlsa_set_text(arena, &a->validated), otr_tlsa_set_text(arena, &b->validated));
    assert_true(otr_tlsa_sets_are_equal(&a->validated, &b->validated));
    otr_authority_free(a);
    otr_authority_free(b);
    otr_arena_free(arena);
}

/* A zone that is not signed any more: nothing to believe, and what caches believed before. */
static void test_a_zone_that_is_not_signed(void **state)
{
    otr_arena *arena = otr_arena_new();
    otr_tlsa_history history = { .arena = arena };
    const char *sets[] = { "A" };
    otr_authority *before = scene_authority(sets, 1, TTL, REFRESH, NEGATIVE), *now = scene_authority(sets, 0, TTL, REFRESH, NEGATIVE);
    static const struct {
        int minutes_ago;
        otr_guard_outcome outcome;
    } cases[] = { { 10, OTR_GUARD_WOULD_BREAK }, { 61, OTR_GUARD_INSECURE } };

    (void)state;
    now->status = OTR_DNS_INSECURE;
    now->validated = (otr_tlsa_set){ 0 };
    for (size_t i = 0; i < 2; i++) {
        otr_findings findings = { .arena = arena };
        otr_guard_question q = { .authority = now, .history = &history, .chain_pem = scene_chain('B'), .chain_len = strlen(scene_chain('B')),
                                 .now = NOW };
        otr_guard_result got;

        history = (otr_tlsa_history){ .arena = arena };
        otr_history_observe(&history, before, NOW - 86400);
        otr_history_observe(&history, now, NOW - cases[i].minutes_ago * 60);
        assert_int_equal(otr_guard(&q, &got, &findings, NULL), OUTRIDER_OK);
        assert_int_equal(got.outcome, cases[i].outcome);
    }
    otr_authority_free(before);
    otr_authority_free(now);
    otr_arena_free(arena);
}

/* A TTL of a day ago counts for a week; a clock that was set back, or too many sets, and what was known is not known any more. */
static void test_what_is_remembered(void **state)
{
    otr_arena *arena = otr_arena_new();
    otr_tlsa_history h = { .arena = arena };
    const char *sets[] = { "A" };
    otr_authority *slow = scene_authority(sets, 1, 43200, REFRESH, NEGATIVE), *quick = scene_authority(sets, 1, 300, REFRESH, NEGATIVE);

    (void)state;
    otr_history_observe(&h, slow, NOW - 8 * 86400);
    otr_history_observe(&h, slow, NOW - 6 * 86400);
    otr_history_observe(&h, quick, NOW);
    assert_int_equal(otr_history_ttl(&h, NOW), 43200);
    assert_int_equal(otr_history_ttl(&h, NOW + 86400 + 1), 300);
    assert_int_equal(h.begun, NOW - 8 * 86400);
    otr_history_observe(&h, quick, NOW - 86400);
    assert_int_equal(h.begun, NOW - 86400);
    for (int i = 0; i <= OTR_HISTORY_SETS_MAX; i++) {
        char letters[2] = { 0 };
        otr_seen_set *s = &h.sets[h.set_count < OTR_HISTORY_SETS_MAX ? h.set_count++ : 0];

        letters[0] = (char)('!' + i);
        *s = (otr_seen_set){ .text = otr_arena_text(arena, letters), .first = NOW, .last = NOW, .gone = NOW };
    }
    sets[0] = "B";
    otr_authority_free(slow);
    slow = scene_authority(sets, 1, 43200, REFRESH, NEGATIVE);
    otr_history_observe(&h, slow, NOW + 5);
    assert_int_equal(h.set_count, OTR_HISTORY_SETS_MAX);
    assert_int_equal(h.begun, NOW + 5);
    otr_authority_free(slow);
    otr_authority_free(quick);
    otr_arena_free(arena);
}

/* PUB-18: what makes an emergency last is told before there is one; and a signature that ends soon. */
static void test_what_is_told_of_records(void **state)
{
    static const struct {
        uint32_t ttl;
        int days; /* that the signature holds */
        const char *id;
        otr_check_status status;
    } cases[] = {
        { 3600, 14, "dane.ttl", OTR_CHECK_SKIPPED },
        { 3600, 14, "dnssec.sig-expiry", OTR_CHECK_SKIPPED },
        { 2 * 86400, 14, "dane.ttl", OTR_CHECK_WARNING },
        { 3600, 2, "dnssec.sig-expiry", OTR_CHECK_WARNING },
        { 3600, 60, "dnssec.sig-expiry", OTR_CHECK_INFO },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        otr_arena *arena = otr_arena_new();
        otr_tlsa_history history = { .arena = arena };
        otr_findings findings = { .arena = arena };
        const char *sets[] = { "A", "A" };
        otr_authority *a = scene_authority(sets, 2, cases[i].ttl, REFRESH, NEGATIVE);
        otr_check_status got = OTR_CHECK_SKIPPED;

        ((otr_server_word *)(uintptr_t)a->servers)[1].signed_until = (uint32_t)(NOW + cases[i].days * 86400);
        otr_history_observe(&history, a, NOW);
        otr_guard_look_at_records(a, &history, NOW, &findings);
        for (size_t n = 0; n < findings.count; n++)
            if (strcmp(findings.list[n].id, cases[i].id) == 0)
                got = findings.list[n].status;
        assert_int_equal(got, cases[i].status);
        otr_authority_free(a);
        otr_arena_free(arena);
    }
}

static int open_scene(void **state)
{
    (void)state;
    scene_open();
    return 0;
}

static int close_scene(void **state)
{
    (void)state;
    scene_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_may_be_installed),
        cmocka_unit_test(test_a_cache_that_has_what_was_gone),
        cmocka_unit_test(test_what_cannot_be_judged),
        cmocka_unit_test(test_a_record_that_comes_twice),
        cmocka_unit_test(test_a_zone_that_is_not_signed),
        cmocka_unit_test(test_what_is_remembered),
        cmocka_unit_test(test_what_is_told_of_records),
    };

    return cmocka_run_group_tests(tests, open_scene, close_scene);
}

/*
 * rollover_test.c - a change of keys as rows: what is seen, when, and what comes of it. How it stands with caches is in rollover_caches_test.c.
 */
#include "tlsa_scene.h"

#include "support/cmocka_all.h"

#define NOW (OTR_TEST_TIME)
#define DAY 86400
#define TTL 900

struct change {
    otr_arena *arena;
    otr_tlsa_history history;
    otr_rollover plan;
    otr_rollover_advice advice;
    otr_findings findings;
    otr_time now;
};

static void begin(struct change *c)
{
    *c = (struct change){ .arena = otr_arena_new(), .now = NOW };
    c->history.arena = c->plan.arena = c->arena;
}

static void end(struct change *c)
{
    otr_arena_free(c->arena);
}

/* One run of the command: all servers have `sets`, the host shows `keys`; staging of `next` if it is not NULL. */
static outrider_err run(struct change *c, const char *first, const char *second, const char *keys, const char *next, bool is_emergency)
{
    const char *sets[] = { first, second };
    otr_authority *a = scene_authority(sets, 2, TTL, 3600, TTL);
    const otr_rollover_facts facts = { .authority = a, .history = &c->history, .service = scene_service(c->arena, keys), .now = c->now };
    const otr_rollover_key key = { .algorithm = "ecdsa", .record = next != NULL ? scene_record(*next) : "", .path = "next.key", .issuer = "" };
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;

    otr_history_observe(&c->history, a, c->now);
    if (next != NULL || is_emergency)
        err = otr_rollover_stage(&c->plan, &facts, OTR_SCHEME_KEY, is_emergency, &key, next != NULL, &diag);
    c->findings = (otr_findings){ .arena = c->arena };
    if (err == OUTRIDER_OK)
        otr_rollover_step(&c->plan, &facts, &c->advice, &c->findings);
    otr_authority_free(a);
    return err;
}

static bool says(const struct change *c, const char *id, otr_check_status status)
{
    for (size_t i = 0; i < c->findings.count; i++)
        if (strcmp(c->findings.list[i].id, id) == 0 && c->findings.list[i].status == status)
            return true;
    return false;
}

static const struct row {
    const char *what;
    const char *first, *second; /* servers; NULL: no answer */
    const char *keys;           /* in service */
    int minutes;                /* since the row before */
    otr_rollover_state state;
    otr_rollover_act act;
    const char *add, *remove;   /* letters */
} whole[] = {
    { "staged: to be published", "A", "A", "A", 0, OTR_ROLLOVER_STAGED, OTR_ACT_CHANGE_DNS, "B", "" },
    { "a second run says the same", "A", "A", "A", 1, OTR_ROLLOVER_STAGED, OTR_ACT_CHANGE_DNS, "B", "" },
    { "one server has it", "AB", "A", "A", 1, OTR_ROLLOVER_STAGED, OTR_ACT_CHANGE_DNS, "B", "" },
    { "one server is silent", "AB", NULL, "A", 1, OTR_ROLLOVER_STAGED, OTR_ACT_FIND_OUT, "", "" },
    { "both have it", "AB", "AB", "A", 1, OTR_ROLLOVER_PUBLISHED, OTR_ACT_WAIT, "", "" },
    { "one has lost it again", "AB", "A", "A", 30, OTR_ROLLOVER_STAGED, OTR_ACT_CHANGE_DNS, "B", "" },
    { "both have it again: the wait begins anew, with the refresh of the late one", "AB", "AB", "A", 1, OTR_ROLLOVER_PUBLISHED, OTR_ACT_WAIT,
      "", "" },
    { "not yet", "AB", "AB", "A", 89, OTR_ROLLOVER_PUBLISHED, OTR_ACT_WAIT, "", "" },
    { "now", "AB", "AB", "A", 1, OTR_ROLLOVER_SETTLED, OTR_ACT_SWITCH, "", "" },
    { "it is not taken into service at once", "AB", "AB", "A", 1000, OTR_ROLLOVER_SETTLED, OTR_ACT_SWITCH, "", "" },
    { "it is: verified in the same look", "AB", "AB", "B", 1, OTR_ROLLOVER_VERIFIED, OTR_ACT_WAIT, "", "" },
    { "the old one is in service again", "AB", "AB", "A", 5, OTR_ROLLOVER_SETTLED, OTR_ACT_SWITCH, "", "" },
    { "and the next again", "AB", "AB", "B", 5, OTR_ROLLOVER_VERIFIED, OTR_ACT_WAIT, "", "" },
    { "one TTL of grace", "AB", "AB", "B", 14, OTR_ROLLOVER_VERIFIED, OTR_ACT_WAIT, "", "" },
    { "take the old one away, and nothing else", "ABx", "ABx", "B", 1, OTR_ROLLOVER_VERIFIED, OTR_ACT_CHANGE_DNS, "", "A" },
    { "one server still has it", "Bx", "ABx", "B", 1, OTR_ROLLOVER_VERIFIED, OTR_ACT_CHANGE_DNS, "", "A" },
    { "gone", "Bx", "Bx", "B", 1, OTR_ROLLOVER_TRIMMED, OTR_ACT_NOTHING, "", "" },
};

static bool is_list(const char *const *list, size_t count, const char *letters)
{
    if (count != strlen(letters))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], scene_record(letters[i])) != 0)
            return false;
    return true;
}

/* PUB-13: each step only when what was seen allows it. */
static void test_a_whole_change(void **state)
{
    struct change c;
    size_t failed = 0;

    (void)state;
    begin(&c);
    run(&c, "A", "A", "A", NULL, false);
    assert_int_equal(c.plan.state, OTR_ROLLOVER_IDLE);
    c.now += DAY;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        const struct row *r = &whole[i];

        c.now += r->minutes * 60;
        assert_int_equal(run(&c, r->first, r->second, r->keys, i < 2 ? "B" : NULL, false), OUTRIDER_OK);
        if (c.plan.state == r->state && c.advice.act == r->act && is_list(c.advice.add, c.advice.add_count, r->add) &&
            is_list(c.advice.remove, c.advice.remove_count, r->remove))
            continue;
        failed++;
        print_error("%s: got %s, %s, %zu to add, %zu to remove: %s\n", r->what, otr_rollover_state_names[c.plan.state],
                    otr_rollover_act_names[c.advice.act], c.advice.add_count, c.advice.remove_count, c.advice.words);
    }
    end(&c);
    assert_int_equal(failed, 0);
}

static const struct start {
    const char *what, *sets, *keys, *next;
    bool is_good;
} starts[] = {
    { "all is well", "A", "A", "B", true },
    { "there is no record yet", "", "A", "B", true },
    { "the next record is there already", "AB", "A", "B", true },
    { "nothing matches: repair first", "C", "A", "B", false },
    { "one combination does not match", "Ca", "A", "B", false },
    { "the next key is in service", "A", "A", "A", false },
    { "the host was not seen", "A", "", "B", true },
};

/* 6.3, step 1. */
static void test_where_a_change_may_begin(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        struct change c;
        outrider_err err;

        begin(&c);
        err = run(&c, starts[i].sets, starts[i].sets, starts[i].keys, starts[i].next, false);
        if ((err == OUTRIDER_OK) != starts[i].is_good)
            fail_msg("%s: got %d", starts[i].what, err);
        assert_true(starts[i].is_good == (c.plan.state != OTR_ROLLOVER_IDLE));
        end(&c);
    }
}

static void test_what_is_told(void **state)
{
    struct change c;

    (void)state;
    begin(&c);
    run(&c, "A", "A", "A", NULL, false);
    c.now += DAY;
    run(&c, "AC", "AC", "A", "B", false);
    assert_true(says(&c, "dane.stale", OTR_CHECK_WARNING));
    assert_true(says(&c, "dane.match", OTR_CHECK_OK));
    run(&c, "AB", "AB", "B", NULL, false);
    assert_true(says(&c, "dane.match", OTR_CHECK_CRITICAL)); /* in service before its time */
    c.now += 8 * DAY;
    run(&c, "A", "A", "A", NULL, false);
    assert_true(says(&c, "dane.next", OTR_CHECK_WARNING) || says(&c, "dane.next", OTR_CHECK_CRITICAL));
    c.now += 8 * DAY; /* the certificates of the scene are good for 15 days */
    run(&c, "A", "A", "A", NULL, false);
    assert_true(says(&c, "cert.expiry", OTR_CHECK_CRITICAL));
    assert_true(says(&c, "dane.next", OTR_CHECK_WARNING));
    end(&c);
}

/* PUB-18: out with the old record and in with the next key, without a wait. */
static void test_an_emergency(void **state)
{
    struct change c;

    (void)state;
    begin(&c);
    run(&c, "A", "A", "A", NULL, false);
    c.now += DAY;
    run(&c, "A", "A", "A", "B", true);
    assert_int_equal(c.plan.state, OTR_ROLLOVER_STAGED);
    assert_true(is_list(c.advice.add, c.advice.add_count, "B") && is_list(c.advice.remove, c.advice.remove_count, "A"));
    run(&c, "AB", "AB", "A", NULL, false);
    assert_int_equal(c.plan.state, OTR_ROLLOVER_SETTLED);
    assert_true(c.advice.act == OTR_ACT_SWITCH && is_list(c.advice.remove, c.advice.remove_count, "A"));
    run(&c, "AB", "AB", "B", NULL, false);
    assert_true(c.plan.state == OTR_ROLLOVER_VERIFIED && is_list(c.advice.remove, c.advice.remove_count, "A"));
    run(&c, "B", "B", "B", NULL, false);
    assert_int_equal(c.plan.state, OTR_ROLLOVER_TRIMMED);
    end(&c);
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
        cmocka_unit_test(test_a_whole_change),
        cmocka_unit_test(test_where_a_change_may_begin),
        cmocka_unit_test(test_what_is_told),
        cmocka_unit_test(test_an_emergency),
    };

    return cmocka_run_group_tests(tests, open_scene, close_scene);
}

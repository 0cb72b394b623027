/*
 * locality_test.c - LOCALITY by lot: random worlds, in each of which a change about A leaves every other B alone, and the
 * rules say what they say. A world that fails is made as small as it gets, and printed.
 *
 *   OUTRIDER_WORLDS  how many (default below)
 *   OUTRIDER_SEED    of the run; "random" for another each time; default: always the same, so that a failure comes again
 *   OUTRIDER_WORLD   the seed of one world: this one alone, with everything checked
 */
#include "support/cmocka_all.h"

#include "answers.h"
#include "check.h"
#include "draw.h"
#include "shrink.h"
#include "tell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WORLDS 3000
#else
#define WORLDS 100000
#endif
#define VERIFIED_ONE_IN 200
#define FAULT_WORLDS 5000 /* within so many worlds a wrong sentence is found out */
#define SMALL 5           /* facts: what is left of a world that shows it; a destination is one of them */

static uint64_t read_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t read_seed(void)
{
    const char *text = getenv("OUTRIDER_SEED");

    return text != NULL && strcmp(text, "random") == 0 ? (uint64_t)time(NULL) : read_number("OUTRIDER_SEED", 1);
}

/* Fails with the property that it failed with at first. */
struct same_failure {
    struct checking how;
    const char *property;
};

static bool fails_alike(void *arg, const world *w)
{
    const struct same_failure *same = arg;
    struct failure failure;

    return !check_world(w, &same->how, &failure) && strcmp(failure.property, same->property) == 0;
}

static void shrink_failure(world *w, const struct checking *how, struct failure *failure)
{
    struct same_failure same = { *how, failure->property };

    same.how.is_every = true;
    if (!fails_alike(&same, w)) /* something else is wrong as well, and comes first if everything is looked at */
        same.how = *how;
    shrink_world(w, fails_alike, &same);
    check_world(w, &same.how, failure);
}

static void fail_with(world *w, const struct checking *how, struct failure *failure)
{
    otr_buf drawn = OTR_BUF_INIT, shrunk = OTR_BUF_INIT;
    uint64_t seed = w->seed;

    tell_failure(w, failure, &drawn);
    shrink_failure(w, how, failure);
    tell_failure(w, failure, &shrunk);
    /* print_error() cuts what is long. */
    fprintf(stderr, "as drawn:\n%s\nas small as it gets:\n%s\nagain: OUTRIDER_WORLD=%" PRIu64 "\n", otr_buf_text(&drawn),
            otr_buf_text(&shrunk), seed);
    otr_buf_clear(&drawn);
    otr_buf_clear(&shrunk);
    fail_msg("a world fails, see above");
}

/* --- tests ----------------------------------------------------------------------------------------------------- */

static void trust_stays_local_in_random_worlds(void **state)
{
    uint64_t seed = read_seed(), worlds = read_number("OUTRIDER_WORLDS", WORLDS), one = read_number("OUTRIDER_WORLD", 0);
    struct failure failure;
    world w;

    (void)state;
    print_message("run %" PRIu64 ": %" PRIu64 " worlds\n", seed, one != 0 ? 1 : worlds);
    for (uint64_t n = 0; n < (one != 0 ? 1 : worlds); n++) {
        struct checking how = { .turn = (unsigned)n, .is_every = one != 0, .is_with_verifier = one != 0 || n % VERIFIED_ONE_IN == 0 };

        draw_world(one != 0 ? one : draw_seed(seed, n), &w);
        if (!check_world(&w, &how, &failure)) {
            print_error("world %" PRIu64 " of run %" PRIu64 "\n", n, seed);
            fail_with(&w, &how, &failure);
        }
    }
}

/* The lots must be worth something: the changes that the property is about, and destinations that they are not about. */
static void worlds_are_worth_looking_at(void **state)
{
    size_t changed = 0, alone = 0, differing = 0, destinations = 0;
    const struct view before = { .side = BEFORE }, after = { .side = AFTER };
    world w;

    (void)state;
    for (uint64_t n = 0; n < 2000; n++) {
        bool is_changed = false;

        draw_world(draw_seed(1, n), &w);
        for (dest_id dest = 0; dest < WORLD_NAMES; dest++) {
            roots was = oracle_anchors(&w, &before, dest, NO_FAULT), is = oracle_anchors(&w, &after, dest, NO_FAULT);

            destinations++;
            is_changed = is_changed || was != is;
            differing += was != is;
            alone += was != 0 && oracle_touched(&w, dest) == 0;
        }
        changed += is_changed;
    }
    print_message("%zu of 2000 worlds change somebody; of destinations %zu%% change, %zu%% have roots and must not\n", changed,
                  100 * differing / destinations, 100 * alone / destinations);
    assert_true(changed > 600);
    assert_true(differing * 20 > destinations);
    assert_true(alone * 3 > destinations);
}

/* The test can fail: with one sentence of the rules got wrong, library and oracle disagree, and a small world shows it. */
static void a_wrong_sentence_is_found_out(void **state)
{
    (void)state;
    for (int fault = NO_FAULT + 1; fault < ORACLE_FAULTS; fault++) {
        struct checking how = { .fault = (oracle_fault)fault };
        struct failure failure;
        uint64_t n = 0;
        world w;

        do
            draw_world(draw_seed(1, n), &w);
        while (check_world(&w, &how, &failure) && ++n < FAULT_WORLDS);
        if (n == FAULT_WORLDS)
            fail_msg("%s: not found out in %d worlds", oracle_faults[fault], FAULT_WORLDS);
        assert_string_equal(failure.property, "the anchors are what the rules say");
        shrink_failure(&w, &how, &failure);
        print_message("%s: found out in world %" PRIu64 ", shrunk to %zu facts\n", oracle_faults[fault], n + 1, w.count);
        if (w.count > SMALL) {
            otr_buf told = OTR_BUF_INIT;

            tell_failure(&w, &failure, &told);
            fail_msg("%s: is not small:\n%s", oracle_faults[fault], otr_buf_text(&told));
        }
    }
}

/* Fails as long as an exception for alpha and an only rule with beta are there: whatever else is there. */
static bool fails_by_two(void *arg, const world *w)
{
    bool has_exception = false, has_only = false;

    ++*(size_t *)arg;
    for (size_t i = 0; i < w->count; i++) {
        has_exception = has_exception || (w->facts[i].kind == EXCEPTION && w->facts[i].certs == 1);
        has_only = has_only || (w->facts[i].kind == RULE && w->facts[i].is_only && (w->facts[i].certs >> 3 & 1) != 0);
    }
    return has_exception && has_only;
}

static void a_failure_is_shrunk_to_what_it_takes(void **state)
{
    size_t tries = 0, found = 0;

    (void)state;
    for (uint64_t n = 0; n < 20000 && found < 20; n++) {
        world w;

        draw_world(draw_seed(2, n), &w);
        if (!fails_by_two(&tries, &w))
            continue;
        found++;
        shrink_world(&w, fails_by_two, &tries);
        assert_int_equal(w.count, 2);
        for (size_t i = 0; i < 2; i++) {
            const fact *f = &w.facts[i];
            bool is_rule = f->kind == RULE;

            assert_int_equal(f->certs, is_rule ? 1 << 3 : 1);
            assert_int_equal(f->is_only, is_rule);
            assert_true(f->name_count <= 1 && f->confine_count == 0 && !f->is_reread && !f->takes_system);
            assert_int_equal(f->when, BEFORE | AFTER);
        }
    }
    assert_int_equal(found, 20);
    assert_true(tries < 20000 + 20 * 2000);
}

static void the_same_seed_is_the_same_world(void **state)
{
    otr_buf a = OTR_BUF_INIT, b = OTR_BUF_INIT;
    world w;

    (void)state;
    draw_world(42, &w);
    tell_world(&w, &a);
    draw_world(43, &w);
    draw_world(42, &w);
    tell_world(&w, &b);
    assert_string_equal(otr_buf_text(&a), otr_buf_text(&b));
    assert_non_null(strstr(otr_buf_text(&a), "anchors \"r0\" {"));
    otr_buf_clear(&a);
    otr_buf_clear(&b);
}

static int make_pool(void **state)
{
    (void)state;
    pool_make();
    return 0;
}

static int clear_pool(void **state)
{
    (void)state;
    clear_answers();
    pool_clear();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_is_the_same_world),
        cmocka_unit_test(worlds_are_worth_looking_at),
        cmocka_unit_test(a_failure_is_shrunk_to_what_it_takes),
        cmocka_unit_test(a_wrong_sentence_is_found_out),
        cmocka_unit_test(trust_stays_local_in_random_worlds),
    };
    return cmocka_run_group_tests(tests, make_pool, clear_pool);
}

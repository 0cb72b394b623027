/*
 * rollover_caches_test.c - PUB-12, by lot: an operator who does what the plan says, servers that are late, and the worst caches there can be.
 *
 * A set that some server has handed out at a time t is held until t + TTL by a cache, and until t + 2 TTL by one that asks a cache and begins
 * anew. So the worst cache of a set ends 2 TTL after any server had it last; whenever such a cache lives, the key in service must
 * match what it holds.
 *
 * The same worlds are run with one wait taken out at a time: then some of them must break, or this test could not fail.
 */
#include "tlsa_scene.h"

#include "support/cmocka_all.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define WORLDS 16
#define CHANGES 2 /* of keys, one after the other, in each world */
#define SERVERS_MAX 4
#define VERSIONS_MAX 32
#define RUNS_MAX 2000
#define MINUTE 60
#define HOUR 3600
#define DAY 86400
#define NOW_OF_WORLDS (OTR_TEST_TIME)

enum fault { NONE, ONE_TTL, NO_WAIT, ONE_SERVER, NO_HISTORY, FAULT_COUNT };
static const char *const fault_words[] = { "nothing", "half of the TTLs", "the wait for caches", "the look at the other servers",
                                           "what was before the first look" };

/* A state of the zone at the primary. */
struct version {
    char letters[SCENE_KEYS + 1];
    uint32_t ttl;
    otr_time arrives[SERVERS_MAX]; /* at each server */
};

struct world {
    unsigned seed;
    enum fault fault;
    size_t server_count;
    uint32_t refresh;
    struct version versions[VERSIONS_MAX];
    size_t version_count;
    char in_service;
    otr_time now;
    bool is_broken;
};

static unsigned draw(struct world *w, unsigned below)
{
    return (unsigned)rand_r(&w->seed) % below;
}

static size_t version_at(const struct world *w, size_t server, otr_time t)
{
    size_t v = 0;

    for (size_t i = 0; i < w->version_count; i++)
        if (w->versions[i].arrives[server] <= t)
            v = i;
    return v;
}

/* A server that gets a later version has no earlier one any more. */
static void change_zone(struct world *w, const char *letters)
{
    struct version *v = &w->versions[w->version_count++];
    static const uint32_t ttls[] = { 60, 300, 3600, 14400, 86400 };

    assert_true(w->version_count <= VERSIONS_MAX);
    snprintf(v->letters, sizeof(v->letters), "%s", letters);
    v->ttl = ttls[draw(w, sizeof(ttls) / sizeof(ttls[0]))];
    for (size_t s = 0; s < w->server_count; s++)
        v->arrives[s] = w->now + (s == 0 || draw(w, 3) == 0 ? 0 : (otr_time)draw(w, w->refresh));
}

/* Until when the worst cache may hold a version: two TTLs after some server gave it up. */
static otr_time last_copy(const struct world *w, size_t version)
{
    otr_time last = 0;

    for (size_t s = 0; s < w->server_count; s++) {
        otr_time end = w->now;

        for (size_t later = w->version_count - 1; later > version; later--)
            if (w->versions[later].arrives[s] < end)
                end = w->versions[later].arrives[s];
        if (w->versions[version].arrives[s] < end && end > last)
            last = end;
    }
    return last == 0 ? 0 : last + 2 * (otr_time)w->versions[version].ttl;
}

static void look_at_caches(struct world *w)
{
    for (size_t v = 0; v < w->version_count; v++) {
        const char *letters = w->versions[v].letters;

        if (*letters != '\0' && last_copy(w, v) > w->now && strchr(letters, w->in_service) == NULL)
            w->is_broken = true;
    }
}

static void let_pass(struct world *w, otr_time seconds)
{
    for (otr_time step = seconds / 8 + 1, end = w->now + seconds; w->now < end;) {
        w->now += step;
        look_at_caches(w);
    }
}

static otr_authority *look_at_servers(struct world *w)
{
    const char *sets[SERVERS_MAX];
    size_t count = w->fault == ONE_SERVER ? 1 : w->server_count;
    otr_authority *a;

    for (size_t s = 0; s < count; s++)
        sets[s] = w->versions[version_at(w, s, w->now)].letters;
    a = scene_authority(sets, count, 0, w->refresh, 300);
    for (size_t s = 0; s < count; s++) { /* ours to change: made a moment ago */
        otr_server_word *word = (otr_server_word *)(uintptr_t)&a->servers[s];

        word->set.ttl = w->versions[version_at(w, s, w->now)].ttl / (w->fault == ONE_TTL ? 2 : 1);
    }
    return a;
}

static void apply(struct world *w, const otr_rollover_advice *advice)
{
    char letters[SCENE_KEYS + 1] = "";
    size_t n = 0;

    for (char key = 'A'; key < 'A' + SCENE_KEYS; key++) {
        bool is_in = strchr(w->versions[w->version_count - 1].letters, key) != NULL;

        for (size_t i = 0; i < advice->add_count; i++)
            is_in |= strcmp(advice->add[i], scene_record(key)) == 0;
        for (size_t i = 0; i < advice->remove_count; i++)
            is_in &= strcmp(advice->remove[i], scene_record(key)) != 0;
        if (is_in)
            letters[n++] = key;
    }
    if (strcmp(letters, w->versions[w->version_count - 1].letters) != 0)
        change_zone(w, letters);
}

/* The operator does what is said, sooner or later. */
static void obey(struct world *w, const otr_rollover_advice *advice, char next)
{
    if (draw(w, 2) == 0)
        let_pass(w, (otr_time)draw(w, 2 * HOUR));
    if (advice->act == OTR_ACT_CHANGE_DNS)
        apply(w, advice);
    else if (advice->act == OTR_ACT_SWITCH)
        w->in_service = next;
    look_at_caches(w);
}

static void run_once(struct world *w, otr_tlsa_history *history, otr_rollover *plan, otr_rollover_advice *advice, char next)
{
    otr_arena *arena = plan->arena;
    otr_authority *a = look_at_servers(w);
    otr_findings findings = { .arena = arena };
    const char keys[] = { w->in_service, '\0' };
    otr_rollover_facts facts = { .authority = a, .history = history, .service = scene_service(arena, keys), .now = w->now };
    const otr_rollover_key key = { .algorithm = "ecdsa", .record = scene_record(next), .path = "", .issuer = "" };

    otr_history_observe(history, a, w->now);
    if (w->fault == NO_HISTORY)
        history->begun = 1;
    if (plan->state == OTR_ROLLOVER_IDLE)
        otr_rollover_stage(plan, &facts, OTR_SCHEME_KEY, false, &key, 1, NULL);
    if (w->fault == NO_WAIT && plan->state == OTR_ROLLOVER_PUBLISHED)
        plan->state = OTR_ROLLOVER_SETTLED;
    otr_rollover_step(plan, &facts, advice, &findings);
    otr_authority_free(a);
}

/* In half of the worlds the next record is there at the first look, since when nobody knows; with the TTL that is seen then. */
static void live(struct world *w)
{
    otr_arena *arena = otr_arena_new();
    otr_tlsa_history history = { .arena = arena };
    size_t runs = 0;

    w->now = NOW_OF_WORLDS;
    w->server_count = 1 + draw(w, SERVERS_MAX);
    w->refresh = 600 + draw(w, DAY / 2);
    w->in_service = 'A';
    change_zone(w, "A");
    for (size_t s = 0; s < w->server_count; s++)
        w->versions[0].arrives[s] = 0;
    if (draw(w, 2) == 0)
        change_zone(w, "AB");
    w->versions[w->version_count - 1].ttl = w->versions[0].ttl;
    let_pass(w, (otr_time)draw(w, 2 * HOUR));
    for (char next = 'B'; next < 'B' + CHANGES; next++) {
        otr_rollover plan = { .arena = arena };
        otr_rollover_advice advice;

        do {
            let_pass(w, 1 + (otr_time)draw(w, draw(w, 3) == 0 ? 6 * HOUR : 20 * MINUTE));
            run_once(w, &history, &plan, &advice, next);
            obey(w, &advice, next);
        } while (plan.state != OTR_ROLLOVER_TRIMMED && ++runs < RUNS_MAX);
        if (w->fault == NONE)
            assert_int_equal(plan.state, OTR_ROLLOVER_TRIMMED); /* it comes to an end */
    }
    otr_arena_free(arena);
}

/* With a fault the first broken world is enough. */
static size_t count_broken(enum fault fault)
{
    size_t broken = 0;

    for (unsigned seed = 1; seed <= WORLDS && (fault == NONE || broken == 0); seed++) {
        struct world w = { .seed = seed, .fault = fault };

        live(&w);
        broken += w.is_broken;
        if (w.is_broken && fault == NONE)
            print_error("world %u is broken\n", seed);
    }
    return broken;
}

static void test_no_cache_is_left_behind(void **state)
{
    (void)state;
    assert_int_equal(count_broken(NONE), 0);
}

static void test_without_one_of_the_waits_some_cache_is(void **state)
{
    (void)state;
    for (int fault = NONE + 1; fault < FAULT_COUNT; fault++) {
        size_t broken = count_broken((enum fault)fault);

        if (broken == 0)
            fail_msg("without %s no world is broken", fault_words[fault]);
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
        cmocka_unit_test(test_no_cache_is_left_behind),
        cmocka_unit_test(test_without_one_of_the_waits_some_cache_is),
    };

    return cmocka_run_group_tests(tests, open_scene, close_scene);
}

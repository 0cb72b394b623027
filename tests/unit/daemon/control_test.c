/*
 * control_test.c - an operator's jobs in a resolver thread: what becomes of the answers that are out, of what is under
 * way, of the store; and the set of overrides while others read it.
 */
#include "daemon/flow/control.h"
#include "daemon/flow/errand.h"
#include "fixture.h"
#include "support/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>

static fixture f;
static struct event_base *base;
static otr_worker *worker;
static otr_mailbox replies;
static otr_answer *answer; /* of the last question; a reference */
static char *said;         /* of the last job */

static void take_reply(void *arg, otr_mail *mail)
{
    (void)arg;
    if (otr_mail_is_job(mail)) {
        otr_job *job = caa_container_of(mail, otr_job, mail);

        free(said);
        said = job->reply;
        job->reply = NULL;
        otr_job_free(job);
    } else {
        otr_ticket *ticket = caa_container_of(mail, otr_ticket, mail);

        otr_answer_unref(answer);
        answer = ticket->answer;
        ticket->answer = NULL;
        otr_ticket_free(ticket);
    }
}

static void settle(void)
{
    for (int turns = 0; turns < 50; turns++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    otr_mailbox_take(&replies, take_reply, NULL);
}

static void post_question(const char *text)
{
    otr_destination destination;

    assert_int_equal(otr_destination_parse(text, strlen(text), &destination, NULL), OUTRIDER_OK);
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_post(worker, otr_ticket_new(&destination, &replies, NULL));
}

static otr_answer *ask(const char *text)
{
    post_question(text);
    for (int turns = 0; answer == NULL; turns++) {
        assert_true(turns < 1000);
        event_base_loop(base, EVLOOP_ONCE);
        otr_mailbox_take(&replies, take_reply, NULL);
    }
    return answer;
}

/* What a mail server would get now, without another question. */
static otr_level cached(const char *key)
{
    otr_answer *found;
    otr_level level = OTR_LEVEL_DEFER;

    otr_rcu_read_lock();
    found = otr_cache_find(f.cache, key, strlen(key));
    if (found != NULL)
        level = found->level;
    otr_rcu_read_unlock();
    assert_non_null(found);
    return level;
}

static bool is_cached(const char *key)
{
    otr_answer *found;

    otr_rcu_read_lock();
    found = otr_cache_find(f.cache, key, strlen(key));
    otr_rcu_read_unlock();
    return found != NULL;
}

/* Done at once: the thread has nothing else to do. */
static const char *do_job(const char *line)
{
    otr_control_request request;
    outrider_diag diag = { 0 };

    if (otr_control_parse(otr_slice_of(line), &request, &diag) != OUTRIDER_OK)
        fail_msg("%s: %s", line, diag.message);
    free(said);
    said = NULL;
    otr_worker_submit(worker, otr_job_new(&request, 7, &replies, NULL));
    settle();
    assert_non_null(said);
    return said;
}

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define UNTIL "2027-01-16" /* the clock stands at 2027-01-15T08:00:00Z */
#define ADD(domain, level) \
    "{\"do\":\"override.add\",\"domain\":\"" domain "\",\"until\":\"" UNTIL "\",\"reason\":\"x\",\"level\":\"" level "\"}"
#define REMOVE(domain) "{\"do\":\"override.remove\",\"domain\":\"" domain "\"}"
#define IS_OK(said) (strncmp((said), "{\"ok\":true,", 11) == 0)

static void script(const char *rule)
{
    otr_scripted_add(worker->resolver, rule);
}

static void script_domain(const char *name)
{
    char rule[200];

    snprintf(rule, sizeof(rule), "%s MX secure ttl=900 10 mx.example.org", name);
    script(rule);
    snprintf(rule, sizeof(rule), "_mta-sts.%s TXT insecure ttl=600 nxdomain", name);
    script(rule);
}

static void script_host(void)
{
    script("mx.example.org A secure ttl=900 192.0.2.25");
    script("mx.example.org AAAA secure ttl=900 nodata");
    script("_25._tcp.mx.example.org TLSA secure ttl=900 3 1 1 " DIGEST);
    script("_587._tcp.mx.example.org TLSA secure ttl=900 3 1 1 " DIGEST);
    script("example.org A insecure ttl=900 192.0.2.1");
    script("example.org AAAA insecure ttl=900 nodata");
    script_domain("example.org");
    script_domain("example.net");
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&f);
    base = event_base_new();
    assert_int_equal(otr_mailbox_init(&replies, NULL), OUTRIDER_OK);
    worker = fixture_worker(&f, base);
    script_host();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    otr_mailbox_take(&replies, take_reply, NULL);
    otr_answer_unref(answer);
    answer = NULL;
    free(said);
    said = NULL;
    fixture_end(&f, worker, base, &replies);
    return 0;
}

/* FLOW-12: the answers that are out change with the reply; all of that domain, none of another (LOCALITY). */
static void answers_that_are_out_change_at_once(void **state)
{
    static const char *const keys[] = { "example.org", "example.org:587", "[example.org]" };

    (void)state;
    for (size_t i = 0; i < 3; i++)
        ask(keys[i]);
    ask("example.net");
    assert_true(IS_OK(do_job(ADD("example.org", "encrypt"))));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(cached(keys[i]), OTR_LEVEL_ENCRYPT);
    assert_int_equal(cached("example.net"), OTR_LEVEL_DANE_ONLY);
    assert_true(IS_OK(do_job(ADD("example.org", "defer"))));
    assert_int_equal(cached("example.org"), OTR_LEVEL_DEFER);
    assert_true(IS_OK(do_job(REMOVE("example.org"))));
    assert_int_equal(cached("example.org"), OTR_LEVEL_DANE_ONLY);
    assert_int_equal(cached("[example.org]"), OTR_LEVEL_MAY);
    assert_false(IS_OK(do_job(REMOVE("example.org"))));
    assert_non_null(strstr(said, "\"status\":65,\"error\":\"there is no override for example.org\""));
}

/* A question under way when it is said is answered by it. */
static void what_is_under_way_is_decided_by_it(void **state)
{
    (void)state;
    otr_scripted_reset(worker->resolver);
    script("example.org MX never");
    post_question("example.org");
    settle();
    assert_true(IS_OK(do_job(ADD("example.org", "may"))));
    assert_null(answer);
    otr_scripted_reset(worker->resolver);
    script_host();
    otr_place_free_all(worker); /* the errand goes with its place; who asks again starts another */
    assert_int_equal(ask("example.org")->verdict->level, OTR_LEVEL_MAY);
}

/* The answer is out, and what it rests on is being looked up anew: it must not be given any more. */
static void an_answer_that_is_being_renewed_is_withdrawn(void **state)
{
    otr_destination destination;
    otr_place *place;

    (void)state;
    ask("example.org");
    assert_int_equal(otr_destination_parse("example.org", 11, &destination, NULL), OUTRIDER_OK);
    place = otr_place_get(worker, &destination);
    otr_clock_set(&f.clock, NOW + 901);
    otr_scripted_reset(worker->resolver);
    script("example.org MX never");
    otr_errand_start(place, NULL);
    assert_true(is_cached("example.org"));
    assert_true(IS_OK(do_job(ADD("example.org", "may"))));
    assert_false(is_cached("example.org"));
}

/* FLOW-12: it ends by itself, and no answer outlives it. */
static void it_ends_by_itself(void **state)
{
    static const char *const line =
        "{\"do\":\"override.add\",\"domain\":\"example.org\",\"until\":\"2027-01-15T08:00:10Z\",\"reason\":\"x\"}";

    (void)state;
    assert_true(IS_OK(do_job(line)));
    assert_int_equal(ask("example.org")->verdict->level, OTR_LEVEL_MAY);
    assert_int_equal(answer->valid_until, NOW + 10);
    otr_clock_set(&f.clock, NOW + 10);
    assert_int_equal(ask("example.org")->verdict->level, OTR_LEVEL_DANE_ONLY);
    assert_string_equal(do_job("{\"do\":\"override.list\"}"), "{\"ok\":true,\"overrides\":[]}\n");
    otr_control_sweep(worker);
    otr_clock_set(&f.clock, NOW); /* it would count again, were it still there */
    assert_string_equal(do_job("{\"do\":\"override.list\"}"), "{\"ok\":true,\"overrides\":[]}\n");
}

/* Kept over a restart. */
static void it_is_there_after_a_restart(void **state)
{
    (void)state;
    do_job(ADD("example.org", "encrypt"));
    do_job(ADD("b.example", "may"));
    do_job(REMOVE("b.example"));
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_free(worker);
    fixture_reopen_store(&f);
    worker = fixture_worker(&f, base);
    script_host();
    assert_int_equal(ask("example.org")->verdict->level, OTR_LEVEL_ENCRYPT);
    assert_string_equal(do_job("{\"do\":\"override.list\"}"),
                        "{\"ok\":true,\"overrides\":[{\"domain\":\"example.org\",\"level\":\"encrypt\",\"until\":"
                        "\"2027-01-16T23:59:59Z\",\"reason\":\"x\",\"made_at\":\"2027-01-15T08:00:00Z\",\"uid\":7}]}\n");
}

static void a_minimum_refuses_what_is_below_it(void **state)
{
    static const otr_minimum_rule list[] = { { "example.org", OTR_MINIMUM_SECURE }, { ".example.org", OTR_MINIMUM_ENCRYPT } };
    static const otr_minimum_rules rules = { list, 2 };

    (void)state;
    f.flow.decide.minimum = &rules;
    assert_false(IS_OK(do_job(ADD("example.org", "may"))));
    assert_non_null(strstr(said, "\"status\":65"));
    assert_non_null(strstr(said, "may is below the minimum secure that the configuration sets for \\\"example.org\\\""));
    assert_false(IS_OK(do_job(ADD("example.org", "encrypt"))));
    assert_false(IS_OK(do_job(ADD("a.example.org", "may"))));
    assert_true(IS_OK(do_job(ADD("a.example.org", "encrypt"))));
    assert_true(IS_OK(do_job(ADD("example.org", "defer"))));
    assert_true(IS_OK(do_job(ADD("example.net", "may"))));
}

/* Written before it is applied: what cannot be written changes nothing. */
static void what_cannot_be_stored_is_not_applied(void **state)
{
    struct rlimit old, none = { .rlim_cur = 0 };

    (void)state;
    do_job(ADD("example.net", "may"));
    ask("example.org");
    ask("example.net");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    none.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &none);
    assert_false(IS_OK(do_job(ADD("example.org", "may"))));
    assert_non_null(strstr(said, "\"status\":74"));
    assert_false(IS_OK(do_job(REMOVE("example.net"))));
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(cached("example.org"), OTR_LEVEL_DANE_ONLY);
    assert_int_equal(cached("example.net"), OTR_LEVEL_MAY);
    do_job("{\"do\":\"override.list\"}");
    assert_null(strstr(said, "example.org"));
    assert_non_null(strstr(said, "example.net"));
}

static void there_is_a_limit(void **state)
{
    otr_override o = { .level = OTR_LEVEL_MAY, .until = NOW + 10, .made_at = NOW, .reason = "x" };
    outrider_diag diag;

    (void)state;
    for (int i = 0; i < OTR_OVERRIDES_MAX; i++) {
        snprintf(o.domain, sizeof(o.domain), "d%d.example", i);
        assert_int_equal(otr_overrides_put(f.overrides, &o, &diag), OUTRIDER_OK);
    }
    assert_int_equal(otr_overrides_put(f.overrides, &o, &diag), OUTRIDER_OK); /* replaces */
    strcpy(o.domain, "one-more.example");
    assert_int_equal(otr_overrides_put(f.overrides, &o, &diag), OUTRIDER_E_LIMIT);
    assert_false(otr_overrides_find(f.overrides, o.domain, NOW, &o));
}

/* --- others read while it changes (meant for ThreadSanitizer too) ------------------------------------------ */

enum { READERS = 3, CHANGES = 60 };
static _Atomic bool is_over;

/* Whatever is seen is whole: reason and uid were set together. */
static void *read_all_the_time(void *arg)
{
    unsigned seen = 0;

    (void)arg;
    urcu_memb_register_thread();
    while (!is_over) {
        otr_override o;
        char want[24];

        if (otr_overrides_find(f.overrides, "example.org", NOW, &o)) {
            snprintf(want, sizeof(want), "%lld", (long long)o.uid);
            if (strcmp(want, o.reason) != 0 || strcmp(o.domain, "example.org") != 0)
                abort();
            seen++;
        }
    }
    urcu_memb_unregister_thread();
    return (void *)(uintptr_t)seen;
}

static void a_reader_sees_the_old_or_the_new(void **state)
{
    pthread_t threads[READERS];
    otr_override o = { .domain = "example.org", .level = OTR_LEVEL_MAY, .until = NOW + 10, .made_at = NOW };

    (void)state;
    is_over = false;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, NULL), 0);
    for (int i = 0; i < CHANGES; i++) {
        o.uid = i;
        snprintf(o.reason, sizeof(o.reason), "%d", i);
        if (i % 10 == 9)
            assert_int_equal(otr_overrides_drop(f.overrides, o.domain, NULL), OUTRIDER_OK);
        else
            assert_int_equal(otr_overrides_put(f.overrides, &o, NULL), OUTRIDER_OK);
    }
    is_over = true;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(answers_that_are_out_change_at_once),
        TEST(what_is_under_way_is_decided_by_it),
        TEST(an_answer_that_is_being_renewed_is_withdrawn),
        TEST(it_ends_by_itself),
        TEST(it_is_there_after_a_restart),
        TEST(a_minimum_refuses_what_is_below_it),
        TEST(what_cannot_be_stored_is_not_applied),
        TEST(there_is_a_limit),
        TEST(a_reader_sees_the_old_or_the_new),
    };
    return cmocka_run_group_tests_name("daemon/control", tests, NULL, NULL);
}

/*
 * rest_bounds_test.c - many destinations at rest stop nothing: who goes through them does so in turns, what is due waits its turn
 * asleep, and what was woken makes room again. Scripted, as errand_test.
 */
#include "daemon/flow/rest.h"
#include "daemon/flow/rest_pack.h"
#include "fixture.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MANY 300

static fixture f;
static struct event_base *base;
static otr_worker *worker;
static otr_mailbox replies;
static unsigned answered;
static unsigned seen[MANY], seen_in_all;
static bool is_done;

static void take_reply(void *arg, otr_mail *mail)
{
    (void)arg;
    answered++;
    if (mail->kind == OTR_MAIL_JOB) {
        otr_job *job = caa_container_of(mail, otr_job, mail);

        assert_non_null(strstr(job->reply, "\"ok\":true"));
        otr_job_free(job);
    } else {
        otr_ticket_free(caa_container_of(mail, otr_ticket, mail));
    }
}

static void await_answer(unsigned before)
{
    for (int turns = 0; answered == before; turns++) {
        assert_true(turns < 1000);
        event_base_loop(base, EVLOOP_ONCE);
        otr_mailbox_take(&replies, take_reply, NULL);
    }
}

static void ask(const char *text)
{
    otr_destination destination;
    unsigned before = answered;

    assert_int_equal(otr_destination_parse(text, strlen(text), &destination, NULL), OUTRIDER_OK);
    otr_worker_post(worker, otr_ticket_new(&destination, &replies, NULL));
    await_answer(before);
}

static void do_job(const char *line)
{
    otr_control_request request;
    unsigned before = answered;

    assert_int_equal(otr_control_parse(otr_slice_of(line), &request, NULL), OUTRIDER_OK);
    otr_worker_submit(worker, otr_job_new(&request, 7, &replies, NULL));
    await_answer(before);
}

/* All that may rest does. */
static void rest(void)
{
    size_t most = f.flow.awake_max;

    f.flow.awake_max = 1;
    for (int round = 0; round < 3 * MANY; round++)
        otr_rest_make_room(worker);
    f.flow.awake_max = most;
    assert_int_equal(worker->place_count, 0);
}

static void name_of(unsigned n, char name[40])
{
    snprintf(name, 40, "[192.0.%u.%u]", n / 100, n % 100);
}

static void make_many(void)
{
    char name[40];

    for (unsigned n = 0; n < MANY; n++) {
        name_of(n, name);
        ask(name);
    }
    rest();
    assert_int_equal(worker->rests.count, MANY);
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&f);
    f.flow.awake_max = 0;
    base = event_base_new();
    worker = fixture_worker(&f, base);
    assert_int_equal(otr_mailbox_init(&replies, NULL), OUTRIDER_OK);
    memset(seen, 0, sizeof(seen));
    answered = seen_in_all = 0;
    is_done = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_end(&f, worker, base, &replies);
    return 0;
}

/* A visitor ------------------------------------------------------------------------------------------------------ */

/* The third hundred does not concern it. */
static bool is_concerned(void *arg, const char *domain)
{
    (void)arg;
    return strncmp(domain, "192.0.2.", 8) != 0;
}

static void visit(void *arg, otr_place *place)
{
    unsigned hundred, one;

    (void)arg;
    assert_int_equal(sscanf(place->destination.key, "[192.0.%u.%u]", &hundred, &one), 2);
    seen[hundred * 100 + one]++;
    seen_in_all++;
}

static void done(void *arg)
{
    (void)arg;
    is_done = true;
}

static const otr_rest_visitor visitor = { is_concerned, visit, done, NULL };

static unsigned an_unseen(void)
{
    for (unsigned n = 0; n < 200; n++)
        if (seen[n] == 0)
            return n;
    fail_msg("all were seen in one turn");
    return 0;
}

static void a_visitor_sees_each_once_and_questions_are_answered_meanwhile(void **state)
{
    char name[40];
    unsigned next;

    (void)state;
    make_many();
    otr_rest_visit(worker, &visitor);
    assert_true(seen_in_all > 0 && seen_in_all < 100);
    assert_false(is_done);
    next = an_unseen();
    name_of(next, name);
    assert_true(otr_rest_wake(worker, name)); /* whoever wakes it does not meet it as it was */
    assert_int_equal(seen[next], 1);
    assert_true(otr_rest_wake(worker, "[192.0.2.7]"));
    name_of(an_unseen(), name);
    ask(name);
    assert_false(is_done);
    for (int turns = 0; !is_done; turns++) {
        assert_true(turns < 1000);
        event_base_loop(base, EVLOOP_ONCE);
    }
    assert_int_equal(seen_in_all, 200);
    for (unsigned n = 0; n < 200; n++)
        assert_int_equal(seen[n], 1);
    assert_int_equal(worker->rests.count + worker->place_count, MANY);
    is_done = false;
    rest();
    otr_rest_visit(worker, &visitor); /* the next one sees all of them again */
    for (int turns = 0; !is_done; turns++) {
        assert_true(turns < 1000);
        event_base_loop(base, EVLOOP_ONCE);
    }
    assert_int_equal(seen_in_all, 400);
}

static void a_visitor_of_none_is_through_at_once(void **state)
{
    (void)state;
    otr_rest_visit(worker, &visitor);
    assert_true(is_done);
    assert_int_equal(seen_in_all, 0);
}

static void a_thread_may_end_before_a_visitor_has(void **state)
{
    (void)state;
    make_many();
    otr_rest_visit(worker, &visitor);
    assert_false(is_done);
}

/* What is awake -------------------------------------------------------------------------------------------------- */

static void let_pass(unsigned seconds)
{
    worker->rests.began_at -= seconds;
    otr_clock_set(&f.clock, NOW + seconds);
    event_active(worker->rests.timer, EV_TIMEOUT, 0);
    for (int turns = 0; turns < 50; turns++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        usleep(1000);
    }
}

static void what_is_due_waits_asleep_while_others_are_renewed(void **state)
{
    (void)state;
    make_many();
    worker->renewals = OTR_RENEWALS_MAX;
    let_pass(4000);
    assert_int_equal(worker->rests.count, MANY);
    ask("[192.0.1.1]"); /* but not for who asks */
    worker->renewals = 0;
    for (int turns = 0; worker->rests.count > 0; turns++) {
        assert_true(turns < 2000);
        event_base_loop(base, EVLOOP_NONBLOCK);
        usleep(1000);
    }
}

static void what_an_operator_wakes_makes_room_again(void **state)
{
    char text[200];

    (void)state;
    for (unsigned n = 0; n < 40; n++) {
        snprintf(text, sizeof(text), "d%u.example MX secure ttl=900 0 .", n);
        otr_scripted_add(worker->resolver, text);
        snprintf(text, sizeof(text), "d%u.example", n);
        ask(text);
    }
    rest();
    assert_int_equal(worker->rests.count, 40);
    f.flow.awake_max = 4;
    for (unsigned n = 0; n < 40; n++) {
        snprintf(text, sizeof(text), "{\"do\":\"override.add\",\"domain\":\"d%u.example\",\"until\":\"2027-01-16\",\"reason\":\"x\"}", n);
        do_job(text);
    }
    assert_in_range(worker->place_count, 1, 4);
    assert_int_equal(worker->rests.count + worker->place_count, 40);
}

/* Texts that nobody holds any more are not kept for long, however long they are. */
static void texts_are_bounded_by_octets(void **state)
{
    static char text[60000];
    otr_shared_texts texts = { 0 };

    (void)state;
    for (int i = 0; i < 500; i++) {
        otr_shared_text *got;

        snprintf(text, sizeof(text), "%d", i);
        got = otr_shared_text_get(&texts, (otr_slice){ text, sizeof(text) });
        assert_non_null(got);
        otr_shared_text_unref(got);
        assert_true(texts.octets < 2 * 1024 * 1024);
    }
    otr_shared_texts_clear(&texts);
}

#define REST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REST_TEST(a_visitor_sees_each_once_and_questions_are_answered_meanwhile),
        REST_TEST(a_visitor_of_none_is_through_at_once),
        REST_TEST(a_thread_may_end_before_a_visitor_has),
        REST_TEST(what_is_due_waits_asleep_while_others_are_renewed),
        REST_TEST(what_an_operator_wakes_makes_room_again),
        cmocka_unit_test(texts_are_bounded_by_octets),
    };

    return cmocka_run_group_tests_name("daemon/rest bounds", tests, NULL, NULL);
}

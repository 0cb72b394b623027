/*
 * rest_test.c - destinations at rest: that they take little, that they wake as they were, and when they do. Scripted, as
 * errand_test.
 */
#include "daemon/flow/rest.h"
#include "daemon/flow/rest_pack.h"
#include "daemon/flow/squeeze.h"
#include "fixture.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BODY "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\nmx: *.example.net\r\nmax_age: 86400\r\n"
#define TLSA "3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static fixture f;
static struct event_base *base;
static otr_worker *worker;
static otr_mailbox replies;
static otr_answer *answer; /* of the last question; a reference */

static void take_reply(void *arg, otr_mail *mail)
{
    otr_ticket *ticket = caa_container_of(mail, otr_ticket, mail);

    (void)arg;
    otr_answer_unref(answer);
    answer = ticket->answer;
    ticket->answer = NULL;
    otr_ticket_free(ticket);
}

static otr_destination destination_of(const char *text)
{
    otr_destination destination;

    assert_int_equal(otr_destination_parse(text, strlen(text), &destination, NULL), OUTRIDER_OK);
    return destination;
}

static void ask(const char *text)
{
    otr_destination destination = destination_of(text);

    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_post(worker, otr_ticket_new(&destination, &replies, NULL));
    for (int turns = 0; answer == NULL; turns++) {
        assert_true(turns < 1000);
        event_base_loop(base, EVLOOP_ONCE);
        otr_mailbox_take(&replies, take_reply, NULL);
    }
}

static otr_answer *cached(const char *key)
{
    otr_answer *found;

    otr_rcu_read_lock();
    found = otr_cache_find(f.cache, key, strlen(key));
    otr_rcu_read_unlock();
    return found; /* no other thread is there to take it away */
}

/* All that may rest does. */
static void rest(void)
{
    f.flow.awake_max = 1;
    for (size_t before = 0; before != worker->place_count;) {
        before = worker->place_count;
        otr_rest_make_room(worker);
    }
    f.flow.awake_max = 0;
}

static void script(const char *rule)
{
    otr_scripted_add(worker->resolver, rule);
}

static void script_domain(const char *name, const char *body)
{
    char rule[300];

    snprintf(rule, sizeof(rule), "_mta-sts.%s TXT insecure ttl=600 v=STSv1; id=a;", name);
    script(rule);
    snprintf(rule, sizeof(rule), "mta-sts.%s A insecure ttl=600 192.0.2.80", name);
    script(rule);
    snprintf(rule, sizeof(rule), "mta-sts.%s AAAA insecure ttl=600 nodata", name);
    script(rule);
    if (body != NULL)
        otr_scripted_fetcher_body(worker->fetcher, name, body);
    else
        otr_scripted_fetcher_fail(worker->fetcher, name, OTR_STS_FETCH_ERROR, 404, "HTTP status 404");
}

static void script_world(void)
{
    script("example.org MX insecure ttl=900 10 mx1.example.org");
    script("example.org MX insecure ttl=900 20 mx.example.net");
    script("mx1.example.org A insecure ttl=900 192.0.2.25");
    script("mx1.example.org AAAA insecure ttl=900 2001:db8::25");
    script("mx.example.net A insecure ttl=900 192.0.2.26");
    script("mx.example.net AAAA insecure ttl=900 nodata");
    script("example.org A insecure ttl=900 192.0.2.1");
    script("example.org AAAA insecure ttl=900 nodata");
    script_domain("example.org", BODY);
    script("dane.example MX secure ttl=900 10 mx.dane.example");
    script("mx.dane.example A secure ttl=900 192.0.2.27");
    script("mx.dane.example AAAA secure ttl=900 nodata");
    script("_25._tcp.mx.dane.example TLSA secure ttl=900 " TLSA);
    script("_25._tcp.mx.dane.example TLSA secure ttl=900 hex:03");
    script("_mta-sts.dane.example TXT secure ttl=900 nxdomain");
    script("failing.example MX insecure ttl=900 10 mx1.example.org");
    script_domain("failing.example", NULL);
    script("null.example MX secure ttl=900 0 .");
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&f);
    f.flow.awake_max = 0;
    base = event_base_new();
    worker = fixture_worker(&f, base);
    assert_int_equal(otr_mailbox_init(&replies, NULL), OUTRIDER_OK);
    script_world();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    otr_answer_unref(answer);
    answer = NULL;
    fixture_end(&f, worker, base, &replies);
    return 0;
}

/* All that anybody can see of an answer. */
static char *seen_of(const otr_answer *a)
{
    otr_buf out = OTR_BUF_INIT;

    otr_render_json(a->verdict, &f.flow.views, &out);
    otr_render_text(a->verdict, &f.flow.views, true, &out);
    for (int form = 0; form < OTR_FORM_READY_COUNT; form++) {
        otr_slice reply = otr_answer_reply(a, (otr_form)form);

        otr_buf_put(&out, reply.ptr, reply.len);
    }
    otr_buf_printf(&out, "%s until %lld, used %lld, forms %x", otr_answer_key(a), (long long)a->valid_until,
                   (long long)a->used_at, a->asked);
    return otr_buf_steal(&out);
}

static const struct {
    const char *sentence, *name;
    otr_level level;
} rows[] = {
    { "an enforced policy, two hosts", "example.org", OTR_LEVEL_SECURE },
    { "another port of a domain", "example.org:587", OTR_LEVEL_SECURE },
    { "a host of that name, which the policy does not name", "[example.org]", OTR_LEVEL_SECURE },
    { "DANE, and a record that is too short", "dane.example", OTR_LEVEL_DANE_ONLY },
    { "a policy that cannot be fetched", "failing.example", OTR_LEVEL_MAY },
    { "a null MX", "null.example", OTR_LEVEL_MAY },
    { "an IPv4 address", "[192.0.2.1]", OTR_LEVEL_MAY },
    { "an IPv6 address and a port", "[2001:db8::1]:26", OTR_LEVEL_MAY },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void each_wakes_as_it_was(void **state)
{
    char *before[ROWS];

    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        ask(rows[i].name);
    for (size_t i = 0; i < ROWS; i++) {
        otr_answer_note_use(cached(rows[i].name), NOW + 1);
        before[i] = seen_of(cached(rows[i].name));
    }
    rest();
    rest(); /* the first time they had been used */
    assert_int_equal(worker->rests.place_count, ROWS);
    assert_int_equal(worker->place_count, 0);
    otr_clock_set(&f.clock, NOW + 60); /* it is not decided as of now */
    for (size_t i = 0; i < ROWS; i++) {
        otr_destination destination = destination_of(rows[i].name);
        otr_place *place = otr_place_find(worker, &destination);
        char *after;

        assert_non_null(place);
        assert_ptr_equal(place->answer, cached(rows[i].name));
        if (place->answer->level != rows[i].level)
            fail_msg("%s: %s", rows[i].sentence, otr_level_names[place->answer->level]);
        after = seen_of(place->answer);
        for (size_t at = 0; after[at] != '\0' || before[i][at] != '\0'; at++)
            if (after[at] != before[i][at])
                fail_msg("%s: got \"%.80s\", want \"%.80s\"", rows[i].sentence, after + at, before[i] + at);
        free(after);
        free(before[i]);
    }
    assert_int_equal(worker->place_count, ROWS);
    assert_int_equal(worker->rests.count, 0);
    assert_true(otr_domain_find(worker, "example.org")->decided.questions >= 3); /* what was counted is kept */
}

/* What the cache holds meanwhile: the forms that were asked for, and no verdict. */
static void its_answer_has_the_forms_that_were_asked_for(void **state)
{
    otr_slice reply;
    char copy[400];
    otr_answer *a;

    (void)state;
    ask("example.org");
    ask("dane.example");
    a = cached("example.org");
    otr_answer_note_form(a, OTR_FORM_EXIM);
    reply = otr_answer_reply(a, OTR_FORM_EXIM);
    assert_true(reply.len > 0 && reply.len < sizeof(copy));
    memcpy(copy, reply.ptr, reply.len);
    rest();
    a = cached("example.org");
    assert_true(a->is_at_rest);
    assert_int_equal(a->level, OTR_LEVEL_SECURE);
    for (int form = 0; form <= OTR_FORM_EXPLAIN; form++)
        assert_int_equal(otr_answer_has(a, (otr_form)form), form == OTR_FORM_EXIM);
    assert_int_equal(otr_answer_reply(a, OTR_FORM_EXIM).len, reply.len);
    assert_memory_equal(otr_answer_reply(a, OTR_FORM_EXIM).ptr, copy, reply.len);
    ask("example.org"); /* in a form that is not there, says a front thread */
    assert_true(otr_answer_has(answer, OTR_FORM_POSTFIX) && otr_answer_has(answer, OTR_FORM_JSON));
    assert_ptr_equal(cached("example.org"), answer);
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 1); /* and nothing was looked up */
}

static void what_is_under_way_or_lapses_soon_stays_awake(void **state)
{
    otr_destination silent = destination_of("silent.example");

    (void)state;
    script("short.example MX insecure ttl=5 10 mx1.example.org");
    script("_mta-sts.short.example TXT insecure ttl=900 nxdomain");
    ask("short.example");
    script("silent.example MX never");
    otr_worker_post(worker, otr_ticket_new(&silent, NULL, NULL));
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(worker->place_count, 2);
    rest();
    assert_int_equal(worker->rests.count, 0);
}

/* The time of the thread goes on: what its timers are counted from moves into the past. */
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

static bool was_asked(const char *question)
{
    for (size_t i = 0; i < otr_scripted_count(worker->resolver); i++)
        if (strcmp(otr_scripted_question(worker->resolver, i), question) == 0)
            return true;
    return false;
}

static void one_in_use_is_renewed_when_it_lapses_and_another_goes(void **state)
{
    (void)state;
    ask("dane.example");
    ask("null.example");
    ask("[192.0.2.1]"); /* holds for an hour */
    otr_answer_note_use(cached("dane.example"), NOW + 1);
    cached("null.example")->used_at = 0;
    rest();
    rest();
    assert_int_equal(worker->rests.count, 3);
    otr_scripted_forget_questions(worker->resolver);
    let_pass(30); /* nothing is due */
    assert_int_equal(otr_scripted_count(worker->resolver), 0);
    assert_int_equal(worker->rests.count, 3);
    let_pass(1000);
    assert_non_null(cached("dane.example"));
    assert_true(cached("dane.example")->valid_until > NOW + 1000);
    assert_true(was_asked("MX dane.example"));
    assert_false(was_asked("MX null.example"));
    assert_null(cached("null.example"));
    assert_non_null(cached("[192.0.2.1]"));
}

/* STS-APPLY-19: places are bounded, also those at rest; the one that was not used for longest goes first. */
static void those_at_rest_are_evicted_first(void **state)
{
    char name[40], rule[120];

    (void)state;
    f.flow.places_max = 4;
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "[192.0.2.%d]", i);
        ask(name);
        cached(name)->used_at = NOW + 10 - i;
    }
    rest();
    rest();
    assert_int_equal(worker->rests.count, 4);
    snprintf(rule, sizeof(rule), "[192.0.2.%d]", 99);
    ask(rule);
    assert_int_equal(worker->place_count + worker->rests.place_count, 4);
    assert_int_equal(otr_cache_count(f.cache), 4);
    assert_null(cached("[192.0.2.3]"));
}

/* Many domains have the mail of one provider: the replies for all of them are in memory once. */
static void equal_replies_are_shared(void **state)
{
    const otr_shared_text *shared;

    (void)state;
    script("one.example MX insecure ttl=900 10 mx1.example.org");
    script("two.example MX insecure ttl=900 10 mx1.example.org");
    script_domain("one.example", BODY);
    script_domain("two.example", BODY);
    ask("one.example");
    ask("two.example");
    ask("example.org");
    otr_answer_note_form(cached("one.example"), OTR_FORM_POSTFIX);
    otr_answer_note_form(cached("two.example"), OTR_FORM_POSTFIX);
    otr_answer_note_form(cached("example.org"), OTR_FORM_POSTFIX);
    rest();
    shared = cached("one.example")->shared;
    assert_ptr_equal(cached("two.example")->shared, shared);
    assert_ptr_not_equal(cached("example.org")->shared, shared); /* it has one host more */
    assert_int_equal(shared->refs, 3);
    assert_int_equal(worker->rests.texts.count, 2);
}

static void texts_that_nobody_holds_make_room(void **state)
{
    otr_shared_texts texts = { 0 };
    otr_shared_text *kept[1000];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        char text[20];
        otr_slice bytes = { text, (size_t)snprintf(text, sizeof(text), "%d", i) };
        otr_shared_text *got = otr_shared_text_get(&texts, bytes);

        assert_non_null(got);
        assert_memory_equal(got->bytes, text, bytes.len);
        if (i < 1000)
            kept[i] = got;
        else
            otr_shared_text_unref(got);
    }
    assert_true(texts.count <= 2048 && texts.bucket_count <= 2048);
    for (int i = 0; i < 1000; i++) {
        char text[20];
        otr_slice bytes = { text, (size_t)snprintf(text, sizeof(text), "%d", i) };
        otr_shared_text *got = otr_shared_text_get(&texts, bytes);

        assert_ptr_equal(got, kept[i]);
        otr_shared_text_unref(got);
    }
    otr_shared_texts_clear(&texts); /* what is held stays */
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(kept[i]->refs, 1);
        otr_shared_text_unref(kept[i]);
    }
}

static void an_ordinary_one_takes_less_than_600_octets(void **state)
{
    size_t before = worker->octets, octets;

    (void)state;
    ask("example.org");
    assert_true(worker->octets - before > 8000);
    otr_answer_note_form(cached("example.org"), OTR_FORM_POSTFIX);
    rest();
    assert_int_equal(worker->rests.count, 1);
    octets = otr_rest_octets(worker->rests.heap[0]);
    if (octets >= 600)
        fail_msg("%zu octets", octets);
}

/* What comes back is what was squeezed, and nothing else is taken for it. */
static void squeezing_loses_nothing(void **state)
{
    otr_squeeze *squeeze = otr_squeeze_new();
    otr_buf raw = OTR_BUF_INIT, small = OTR_BUF_INIT, again = OTR_BUF_INIT;
    unsigned random = 1;

    (void)state;
    for (size_t len = 0; len < 40000; len = len * 3 + 1) {
        otr_buf_reset(&raw);
        otr_buf_reset(&small);
        otr_buf_reset(&again);
        while (raw.len < len) {
            otr_buf_putc(&raw, (char)((random = random * 1103515245 + 12345) >> 20));
            otr_buf_put(&raw, "MX example.org: insecure", raw.len % 25);
        }
        assert_true(otr_squeeze_in(squeeze, (otr_slice){ otr_buf_text(&raw), raw.len }, &small));
        assert_true(otr_squeeze_out(squeeze, (otr_slice){ small.data, small.len }, raw.len, &again));
        assert_int_equal(again.len, raw.len);
        assert_memory_equal(otr_buf_text(&again), otr_buf_text(&raw), raw.len);
        otr_buf_reset(&again);
        assert_false(otr_squeeze_out(squeeze, (otr_slice){ small.data, small.len - 1 }, raw.len, &again));
        otr_buf_reset(&again);
        assert_false(otr_squeeze_out(squeeze, (otr_slice){ small.data, small.len }, raw.len + 1, &again));
    }
    otr_buf_clear(&raw);
    otr_buf_clear(&small);
    otr_buf_clear(&again);
    otr_squeeze_free(squeeze);
}

#define REST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REST_TEST(each_wakes_as_it_was),
        REST_TEST(its_answer_has_the_forms_that_were_asked_for),
        REST_TEST(what_is_under_way_or_lapses_soon_stays_awake),
        REST_TEST(one_in_use_is_renewed_when_it_lapses_and_another_goes),
        REST_TEST(those_at_rest_are_evicted_first),
        REST_TEST(equal_replies_are_shared),
        cmocka_unit_test(texts_that_nobody_holds_make_room),
        REST_TEST(an_ordinary_one_takes_less_than_600_octets),
        cmocka_unit_test(squeezing_loses_nothing),
    };

    return cmocka_run_group_tests_name("daemon/rest", tests, NULL, NULL);
}

/*
 * errand_test.c - a resolver thread's inside, driven by hand: tickets in, answers out, on a scripted resolver and
 * fetcher and a clock that stands still. Timers of the event loop are short, or fired by hand.
 */
#include "daemon/flow/errand.h"
#include "fixture.h"
#include "support/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define BODY(mode, age) "version: STSv1\nmode: " mode "\nmx: mx.example.org\nmax_age: " age "\n"
#define TICKETS 8
#define HOURS_MS 7200000
#define LATER (NOW + 700) /* the record is due (600 s and jitter), what DNS said of the hosts still holds (900 s) */

static fixture f;
static struct event_base *base;
static otr_worker *worker;
static otr_mailbox replies;
static otr_ticket *back[TICKETS]; /* tickets that came back, in order */
static int back_count;

static void take_reply(void *arg, otr_mail *mail)
{
    (void)arg;
    assert_true(back_count < TICKETS);
    back[back_count++] = caa_container_of(mail, otr_ticket, mail);
}

static void forget_replies(void)
{
    while (back_count > 0)
        otr_ticket_free(back[--back_count]);
}

static void ask(const char *text)
{
    otr_destination destination;
    otr_ticket *ticket;

    assert_int_equal(otr_destination_parse(text, strlen(text), &destination, NULL), OUTRIDER_OK);
    ticket = otr_ticket_new(&destination, &replies, NULL);
    assert_non_null(ticket);
    otr_worker_post(worker, ticket);
}

/* Let the loop work until so many tickets have come back. The mailbox of the replies is looked at in between. */
static void await(int count)
{
    for (int turns = 0; back_count < count; turns++) {
        assert_true(turns < 1000);
        event_base_loop(base, EVLOOP_ONCE);
        otr_mailbox_take(&replies, take_reply, NULL);
    }
}

/* Let the loop work until nothing is left to do at once. */
static void settle(void)
{
    for (int turns = 0; turns < 50; turns++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    otr_mailbox_take(&replies, take_reply, NULL);
}

static otr_answer *ask_and_await(const char *text)
{
    forget_replies();
    ask(text);
    await(1);
    return back[0]->answer;
}

static void expect(const otr_answer *answer, otr_level level, const char *row)
{
    assert_non_null(answer);
    if (answer->verdict->level != level || strcmp(answer->verdict->sts.row, row) != 0)
        fail_msg("got %s by %s, want %s by %s: %s", otr_level_names[answer->verdict->level], answer->verdict->sts.row,
                 otr_level_names[level], row, answer->verdict->reason);
}

static otr_place *place_of(const char *text)
{
    otr_destination destination;

    assert_int_equal(otr_destination_parse(text, strlen(text), &destination, NULL), OUTRIDER_OK);
    return otr_place_get(worker, &destination);
}

static otr_answer *cached(const char *key)
{
    otr_answer *answer;

    otr_rcu_read_lock();
    answer = otr_cache_find(f.cache, key, strlen(key));
    otr_rcu_read_unlock();
    return answer; /* no other thread is there to take it away */
}

static void script(const char *rule)
{
    otr_scripted_add(worker->resolver, rule);
}

static void script_mail(void)
{
    script("example.org MX insecure ttl=900 10 mx.example.org");
    script("mx.example.org A insecure ttl=900 192.0.2.25");
    script("mx.example.org AAAA insecure ttl=900 nodata");
}

static void script_policy(const char *id, const char *body)
{
    char rule[200];

    snprintf(rule, sizeof(rule), "_mta-sts.example.org TXT insecure ttl=600 v=STSv1; id=%s;", id);
    script(rule);
    script("mta-sts.example.org A insecure ttl=600 192.0.2.80");
    script("mta-sts.example.org AAAA insecure ttl=600 nodata");
    if (body != NULL)
        otr_scripted_fetcher_body(worker->fetcher, "example.org", body);
}

static size_t times_asked(const char *question)
{
    size_t n = 0;

    for (size_t i = 0; i < otr_scripted_count(worker->resolver); i++)
        n += strcmp(otr_scripted_question(worker->resolver, i), question) == 0;
    return n;
}

/* In the daemon a ticket goes to the thread of its domain; here there is one. */
static void route(void *arg, otr_ticket *ticket)
{
    (void)arg;
    otr_worker_post(worker, ticket);
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&f);
    f.flow.ask = route;
    base = event_base_new();
    worker = fixture_worker(&f, base);
    assert_int_equal(otr_mailbox_init(&replies, NULL), OUTRIDER_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    otr_mailbox_take(&replies, take_reply, NULL);
    forget_replies();
    fixture_end(&f, worker, base, &replies);
    return 0;
}

/* The worker and everything in memory go; the store stays. */
static void restart(void)
{
    forget_replies();
    otr_worker_free(worker);
    fixture_reopen_store(&f);
    worker = fixture_worker(&f, base);
}

/* STS-FETCH-15: many ask, one errand goes: one MX lookup, one TXT lookup, one GET. */
static void identical_questions_meet_in_one_errand(void **state)
{
    (void)state;
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    for (int i = 0; i < TICKETS; i++)
        ask(i % 2 == 0 ? "example.org" : "EXAMPLE.org.");
    await(TICKETS);
    for (int i = 0; i < TICKETS; i++)
        assert_ptr_equal(back[i]->answer, back[0]->answer);
    expect(back[0]->answer, OTR_LEVEL_SECURE, "S6");
    assert_ptr_equal(cached("example.org"), back[0]->answer);
    assert_int_equal(times_asked("MX example.org"), 1);
    assert_int_equal(times_asked("TXT _mta-sts.example.org"), 1);
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 1);
}

/* RFC 8461 §3.4: the policy is that of the domain, whatever port or brackets the next hop has. */
static void destinations_of_one_domain_share_its_policy(void **state)
{
    (void)state;
    script_mail();
    script("example.org A insecure 192.0.2.1");
    script("example.org AAAA insecure nodata");
    script_policy("a", BODY("testing", "86400"));
    ask("example.org");
    ask("example.org:587");
    ask("[example.org]");
    await(3);
    assert_int_equal(times_asked("TXT _mta-sts.example.org"), 1);
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 1);
    assert_int_equal(worker->place_count, 3);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(back[i]->answer->verdict->entry, back[0]->answer->verdict->entry);
}

/* S11, STS-APPLY-16: the bound on waiting is reached while the first look is under way. */
static void a_silent_policy_host_ends_in_a_verdict(void **state)
{
    (void)state;
    script_mail();
    script_policy("a", NULL);
    otr_scripted_fetcher_never(worker->fetcher, "example.org");
    expect(ask_and_await("example.org"), OTR_LEVEL_MAY, "S11");
    assert_true(back[0]->answer->valid_until <= NOW + OTR_FAILURE_TTL);
    assert_int_equal(otr_scripted_fetcher_waiting(worker->fetcher), 1); /* it goes on */
}

static void a_silent_policy_host_defers_where_that_is_wanted(void **state)
{
    (void)state;
    f.flow.decide.defer_on_unknown_sts = true;
    script_mail();
    script_policy("a", NULL);
    otr_scripted_fetcher_never(worker->fetcher, "example.org");
    expect(ask_and_await("example.org"), OTR_LEVEL_DEFER, "S11");
}

/* REMEMBER: the policy is in the store before it is answered from, and a restart finds it there. */
static void a_policy_survives_a_restart(void **state)
{
    otr_sts_entry *entry = NULL;

    (void)state;
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    expect(ask_and_await("example.org"), OTR_LEVEL_SECURE, "S6");
    assert_int_equal(otr_store_get(f.store, "example.org", &entry, NULL), OUTRIDER_OK);
    assert_non_null(entry);
    otr_sts_entry_unref(entry);

    restart();
    script_mail();
    script("_mta-sts.example.org TXT tempfail SERVFAIL");
    expect(ask_and_await("example.org"), OTR_LEVEL_SECURE, "S4");
}

/* REMEMBER: expired is expired (STS-APPLY-11). */
static void an_expired_policy_is_not_answered_from(void **state)
{
    (void)state;
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    expect(ask_and_await("example.org"), OTR_LEVEL_SECURE, "S6");
    restart();
    otr_clock_set(&f.clock, NOW + 86400);
    script_mail();
    script("_mta-sts.example.org TXT tempfail SERVFAIL");
    expect(ask_and_await("example.org"), OTR_LEVEL_MAY, "S3");
}

/* No file of this process may grow: a full disk. */
static void fill_disk(bool is_full)
{
    static rlim_t before;
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    if (is_full)
        before = limit.rlim_cur;
    limit.rlim_cur = is_full ? 0 : before;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* REMEMBER, "durable before it is first answered from": a policy that cannot be stored is not answered from, nor is
 * the mail let go without it; when the disk has room again, it need not be fetched again. */
static void a_policy_that_cannot_be_stored_defers(void **state)
{
    (void)state;
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    fill_disk(true);
    assert_null(ask_and_await("example.org"));
    assert_null(cached("example.org"));
    assert_null(ask_and_await("example.org"));
    fill_disk(false);
    expect(ask_and_await("example.org"), OTR_LEVEL_SECURE, "S6");
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 1);
    restart();
    script_mail();
    script("_mta-sts.example.org TXT tempfail SERVFAIL");
    expect(ask_and_await("example.org"), OTR_LEVEL_SECURE, "S4");
}

/* "none" protects nothing: it need not be durable, and takes effect although the disk is full. */
static void no_policy_needs_no_disk(void **state)
{
    (void)state;
    script_mail();
    script_policy("a", BODY("none", "86400"));
    fill_disk(true);
    expect(ask_and_await("example.org"), OTR_LEVEL_MAY, "S6");
    fill_disk(false);
}

/* A policy on hand, a long rest, and a policy host that is silent when the record is looked at again: the mail is
 * answered all the same, by the policy on hand. What is not meant to end the wait takes hours: were it needed, the
 * test would never end. How long the answer took, in ms, is at least what ended it, less a tick of the event loop. */
static long answer_after_a_rest(const char *id, otr_time rest, unsigned recheck_ms, unsigned first_look_ms)
{
    struct timespec begin, end;

    script_mail();
    script_policy("a", BODY("enforce", "864000"));
    expect(ask_and_await("example.org"), OTR_LEVEL_SECURE, "S6");
    restart();
    otr_clock_set(&f.clock, NOW + rest);
    f.flow.recheck_ms = recheck_ms;
    f.flow.first_look_ms = first_look_ms;
    f.flow.bound_ms = HOURS_MS;
    script_mail();
    script_policy(id, NULL);
    otr_scripted_fetcher_never(worker->fetcher, "example.org");
    forget_replies();
    clock_gettime(CLOCK_MONOTONIC, &begin);
    ask("example.org");
    await(1);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(back[0]->answer->verdict->level, OTR_LEVEL_SECURE);
    assert_int_equal(otr_scripted_fetcher_waiting(worker->fetcher), 1);
    return (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
}

/* STS-APPLY-16: with a policy on hand nobody waits for a slow policy host... */
static void a_known_policy_is_answered_from_while_it_is_refreshed(void **state)
{
    (void)state;
    assert_true(answer_after_a_rest("a", 90000, 50, HOURS_MS) >= 25);
}

/* ... unless the record says that there is another policy: this could be the last attempt (STS-APPLY-06). */
static void another_policy_is_waited_for(void **state)
{
    (void)state;
    assert_true(answer_after_a_rest("b", 700, 1, 500) >= 250);
}

static void fire(struct event *timer)
{
    event_active(timer, EV_TIMEOUT, 1);
    settle();
}

/* STS-APPLY-16, -17: a domain in use is looked at ahead of time, and the answer changes without a question. "none"
 * replaces at once. */
static void a_changed_policy_changes_the_answer_in_the_background(void **state)
{
    const otr_answer *first;

    (void)state;
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    first = ask_and_await("example.org");
    expect(first, OTR_LEVEL_SECURE, "S6");
    otr_scripted_reset(worker->resolver);
    script_mail();
    script_policy("b", BODY("none", "86400"));
    otr_clock_set(&f.clock, LATER);
    fire(place_of("example.org")->domain->timer);
    assert_ptr_not_equal(cached("example.org"), first);
    expect(cached("example.org"), OTR_LEVEL_MAY, "S6");
    assert_int_equal(times_asked("MX example.org"), 1);
}

/* STS-APPLY-12, -17: a refresh that fails changes nothing but the evidence. */
static void a_failed_refresh_changes_nothing(void **state)
{
    (void)state;
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    expect(ask_and_await("example.org"), OTR_LEVEL_SECURE, "S6");
    otr_scripted_reset(worker->resolver);
    script_mail();
    script_policy("b", NULL);
    otr_scripted_fetcher_fail(worker->fetcher, "example.org", OTR_STS_WEBPKI_INVALID, 0, "certificate has expired");
    otr_clock_set(&f.clock, LATER);
    fire(place_of("example.org")->domain->timer);
    expect(cached("example.org"), OTR_LEVEL_SECURE, "S8");
}

static void a_domain_that_nobody_uses_is_left_alone(void **state)
{
    otr_place *place;

    (void)state;
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    ask_and_await("example.org");
    place = place_of("example.org");
    atomic_store(&place->answer->used_at, 0);
    otr_scripted_forget_questions(worker->resolver);
    otr_clock_set(&f.clock, LATER);
    fire(place->domain->timer);
    assert_int_equal(otr_scripted_count(worker->resolver), 0);
}

/* STS-APPLY-13: a policy is fetched again before it expires, whether anybody asks for it or not. */
static void a_stored_policy_is_refreshed_though_nobody_asks(void **state)
{
    otr_sts_entry *entry = NULL;

    (void)state;
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    ask_and_await("example.org");
    restart();
    assert_int_equal(otr_worker_keep_house(worker), OUTRIDER_OK);
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    fire(worker->housekeeping);
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 0);

    otr_clock_set(&f.clock, NOW + 86400 / 2);
    fire(worker->housekeeping);
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 1);
    assert_int_equal(otr_store_get(f.store, "example.org", &entry, NULL), OUTRIDER_OK);
    assert_int_equal(entry->expires_at, NOW + 86400 / 2 + 86400);
    otr_sts_entry_unref(entry);
}

static void store_policy(const char *domain, otr_time fetched_at)
{
    otr_sts_entry *entry = otr_sts_entry_new(domain);

    assert_int_equal(otr_sts_policy_parse(BODY("enforce", "86400"), strlen(BODY("enforce", "86400")), &entry->policy,
                                          NULL), OUTRIDER_OK);
    entry->fetched_at = fetched_at;
    entry->expires_at = fetched_at + 86400;
    assert_int_equal(otr_store_put(f.store, entry, NULL), OUTRIDER_OK);
    otr_sts_entry_unref(entry);
}

/* REMEMBER, LOCALITY: domains whose policies are due for ever, as DNS names no MX host of theirs any more, are many and
 * come first. The policies of others are refreshed all the same. */
static void domains_that_cannot_be_refreshed_hold_up_nobody(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        char domain[40];

        snprintf(domain, sizeof(domain), "gone%d.example", i);
        store_policy(domain, NOW - 80000);
    }
    store_policy("example.org", NOW - 70000);
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    assert_int_equal(otr_worker_keep_house(worker), OUTRIDER_OK);
    fire(worker->housekeeping);
    assert_int_equal(times_asked("MX gone0.example"), 1);
    assert_int_equal(times_asked("MX gone149.example"), 0); /* a few at a time */
    while (event_pending(worker->refreshing, EV_TIMEOUT, NULL))
        fire(worker->refreshing);
    assert_int_equal(times_asked("MX gone149.example"), 1);
    assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 1);
    assert_int_equal(times_asked("MX gone0.example"), 1); /* once a minute is enough */
    otr_clock_set(&f.clock, NOW + 60);
    fire(worker->housekeeping); /* from the oldest again */
    assert_int_equal(times_asked("MX gone0.example"), 2);
}

/* An answer in use is renewed when it lapses; the renewed one, which nobody used, goes with its place. */
static void an_answer_in_use_is_renewed_and_another_lapses(void **state)
{
    const otr_answer *first;

    (void)state;
    script_mail();
    script("_mta-sts.example.org TXT insecure ttl=600 nxdomain");
    first = ask_and_await("example.org");
    expect(first, OTR_LEVEL_MAY, "S1");
    assert_in_range(first->valid_until, NOW + 600, NOW + 660);
    otr_clock_set(&f.clock, NOW + 900);
    fire(place_of("example.org")->timer);
    assert_int_equal(times_asked("MX example.org"), 2);
    assert_int_equal(times_asked("TXT _mta-sts.example.org"), 2);
    assert_non_null(cached("example.org"));
    assert_ptr_not_equal(cached("example.org"), first);
    assert_in_range(cached("example.org")->valid_until, NOW + 1500, NOW + 1560);
    assert_int_equal(worker->renewals, 0);

    otr_clock_set(&f.clock, NOW + 1800);
    fire(place_of("example.org")->timer);
    assert_null(cached("example.org"));
    assert_int_equal(worker->place_count, 0);
    assert_null(worker->domains);
}

/* STS-APPLY-13: an answer that lapses soon (a short TTL, a failed lookup) takes no refresh down with it. */
static void a_refresh_outlives_the_answer_beside_it(void **state)
{
    (void)state;
    script("example.org MX insecure ttl=1 10 mx.example.org");
    script("mx.example.org A tempfail SERVFAIL");
    script("mx.example.org AAAA tempfail SERVFAIL");
    script_policy("a", NULL);
    store_policy("example.org", NOW - 70000);
    otr_scripted_fetcher_never(worker->fetcher, "example.org");
    expect(ask_and_await("example.org"), OTR_LEVEL_DEFER, "S5");
    otr_clock_set(&f.clock, NOW + 10);
    fire(place_of("example.org")->timer);
    assert_int_equal(worker->place_count, 1);
    assert_non_null(place_of("example.org")->domain->refresh);
}

/* NO-DOWNGRADE, RFC 9520: a failure is an answer for seconds only, whatever the TTLs beside it. */
static void a_failure_is_not_kept(void **state)
{
    const otr_answer *answer;

    (void)state;
    script("example.org MX bogus ttl=3600 signature expired");
    script("_mta-sts.example.org TXT insecure ttl=3600 nxdomain");
    answer = ask_and_await("example.org");
    expect(answer, OTR_LEVEL_DEFER, "");
    assert_true(answer->valid_until <= NOW + OTR_FAILURE_TTL);
    assert_memory_equal(strchr(otr_answer_reply(answer, OTR_FORM_POSTFIX).ptr, ':') + 1, "TEMP ", 5);
    assert_int_equal(otr_answer_reply(answer, OTR_FORM_EXIM).len, 0); /* L1: no answer, Exim defers */
}

/* DNS-13: where there is no MX host nothing else is looked up, fetched or reported, neither now nor later. */
static void without_an_mx_host_no_policy_is_asked_for(void **state)
{
    static const struct {
        const char *rule;
        otr_level level;
    } rows[] = {
        { "example.org MX insecure ttl=900 0 .", OTR_LEVEL_MAY },
        { "example.org MX insecure ttl=900 nxdomain", OTR_LEVEL_MAY },
        { "example.org MX tempfail SERVFAIL", OTR_LEVEL_DEFER },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const otr_answer *answer;

        restart();
        script(rows[i].rule);
        script_policy("a", BODY("enforce", "86400"));
        answer = ask_and_await("example.org");
        expect(answer, rows[i].level, "");
        if (rows[i].level == OTR_LEVEL_MAY)
            assert_int_equal(answer->valid_until, NOW + 900);
        settle();
        assert_int_equal(otr_scripted_count(worker->resolver), 1);
        assert_int_equal(otr_scripted_fetcher_count(worker->fetcher), 0);
    }
}

/* S11 also where there was no record at the last look: what is under way now may be its first policy. */
static void a_first_policy_that_is_being_fetched_is_not_absent(void **state)
{
    (void)state;
    script_mail();
    script("_mta-sts.example.org TXT insecure ttl=600 nxdomain");
    expect(ask_and_await("example.org"), OTR_LEVEL_MAY, "S1");
    otr_scripted_reset(worker->resolver);
    script_mail();
    script_policy("a", NULL);
    otr_scripted_fetcher_never(worker->fetcher, "example.org");
    otr_clock_set(&f.clock, NOW + 1000);
    expect(ask_and_await("example.org"), OTR_LEVEL_MAY, "S11");
}

static void dns_that_never_answers_is_not_waited_for(void **state)
{
    (void)state;
    script("example.org MX never");
    script("_mta-sts.example.org TXT insecure nxdomain");
    assert_null(ask_and_await("example.org"));
    assert_int_equal(otr_scripted_waiting(worker->resolver), 0);
    script_mail();
}

/* STS-APPLY-19: what is evicted is an answer; the policy stays. */
static void destinations_are_bounded_and_policies_are_not_lost(void **state)
{
    char name[32];

    (void)state;
    f.flow.places_max = 3;
    script_mail();
    script_policy("a", BODY("enforce", "86400"));
    expect(ask_and_await("example.org"), OTR_LEVEL_SECURE, "S6");
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "d%d.example", i);
        ask_and_await(name);
        assert_true(worker->place_count <= 3);
    }
    assert_true(otr_cache_count(f.cache) <= 3);
    assert_null(cached("example.org"));
    otr_scripted_reset(worker->resolver);
    script_mail();
    script("_mta-sts.example.org TXT tempfail SERVFAIL");
    expect(ask_and_await("example.org"), OTR_LEVEL_SECURE, "S4");
}

#define SIXTY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."

/* BOUNDED: destinations that take much memory take the room of many. */
static void destinations_are_bounded_by_what_they_cost_too(void **state)
{
    char text[400];

    (void)state;
    f.flow.places_max = 20;
    for (int host = 0; host < 50; host++) {
        snprintf(text, sizeof(text), "mx%d." SIXTY SIXTY SIXTY "example A insecure 192.0.2.1", host);
        script(text);
        snprintf(text, sizeof(text), "mx%d." SIXTY SIXTY SIXTY "example AAAA insecure nodata", host);
        script(text);
    }
    for (int i = 0; i < 20; i++) {
        for (int host = 0; host < 50; host++) {
            snprintf(text, sizeof(text), "d%d.example MX insecure 10 mx%d." SIXTY SIXTY SIXTY "example", i, host);
            script(text);
        }
        snprintf(text, sizeof(text), "_mta-sts.d%d.example TXT insecure nxdomain", i);
        script(text);
        snprintf(text, sizeof(text), "d%d.example", i);
        ask_and_await(text);
        assert_true(worker->octets <= 2 * 20 * OTR_PLACE_OCTETS);
    }
    assert_in_range(worker->place_count + worker->rests.place_count, 2, f.flow.awake_max > 0 ? 20 : 10); /* rest is cheaper */
}

/* EDGE-01 */
static void an_address_literal_needs_no_lookup(void **state)
{
    (void)state;
    assert_int_equal(ask_and_await("[192.0.2.1]")->verdict->level, OTR_LEVEL_MAY);
    assert_int_equal(otr_scripted_count(worker->resolver), 0);
}

static void what_is_under_way_at_the_end_is_taken_down(void **state)
{
    (void)state;
    script("example.org MX never");
    script("_mta-sts.example.org TXT never");
    ask("example.org");
    ask("other.example");
    settle();
    ask("third.example"); /* and one that still lies in the mailbox */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(identical_questions_meet_in_one_errand),
        TEST(destinations_of_one_domain_share_its_policy),
        TEST(a_silent_policy_host_ends_in_a_verdict),
        TEST(a_silent_policy_host_defers_where_that_is_wanted),
        TEST(a_policy_survives_a_restart),
        TEST(an_expired_policy_is_not_answered_from),
        TEST(a_policy_that_cannot_be_stored_defers),
        TEST(no_policy_needs_no_disk),
        TEST(a_known_policy_is_answered_from_while_it_is_refreshed),
        TEST(another_policy_is_waited_for),
        TEST(a_changed_policy_changes_the_answer_in_the_background),
        TEST(a_failed_refresh_changes_nothing),
        TEST(a_domain_that_nobody_uses_is_left_alone),
        TEST(a_stored_policy_is_refreshed_though_nobody_asks),
        TEST(domains_that_cannot_be_refreshed_hold_up_nobody),
        TEST(an_answer_in_use_is_renewed_and_another_lapses),
        TEST(a_refresh_outlives_the_answer_beside_it),
        TEST(a_failure_is_not_kept),
        TEST(without_an_mx_host_no_policy_is_asked_for),
        TEST(a_first_policy_that_is_being_fetched_is_not_absent),
        TEST(dns_that_never_answers_is_not_waited_for),
        TEST(destinations_are_bounded_and_policies_are_not_lost),
        TEST(destinations_are_bounded_by_what_they_cost_too),
        TEST(an_address_literal_needs_no_lookup),
        TEST(what_is_under_way_at_the_end_is_taken_down),
    };

    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests_name("daemon/errand", tests, NULL, NULL);
}

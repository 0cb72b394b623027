/*
 * record_test.c - what becomes of the chains that are seen: the record, the change of a root, and the mail that waits for
 * the operator's word. A resolver thread with a real store, real certificates and a scripted network.
 */
#include "daemon/flow/errand.h"
#include "daemon/flow/record.h"
#include "daemon/metrics.h"
#include "fixture.h"
#include "store/store_trust.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define BODY(mode, age) "version: STSv1\nmode: " mode "\nmx: mx.example.org\nmax_age: " age "\n"
#define A 0
#define B 1
#define OTHER 2 /* a root that nobody trusts */
#define POLICY_HOST "mta-sts.example.org"
#define MX_HOST "mx.example.org"

static fixture f;
static struct event_base *base;
static otr_worker *worker;
static otr_mailbox replies;
static otr_answer *answer; /* of the last question; a reference */
static otr_cert roots[3];
static STACK_OF(X509) *policy_chains[3], *mx_chains[3], *neighbour_chains[3]; /* a leaf of each root */

/* Certificates, once for all tests ----------------------------------------------------------------------------- */

static STACK_OF(X509) *make_chain(const otr_cert *root, const char *name)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    char san[100];
    otr_cert leaf;

    snprintf(san, sizeof(san), "DNS:%s", name);
    leaf = otr_make_cert(&(otr_cert_plan){ .san = san, .issuer = root, .from = NOW - 86400, .until = NOW + 90 * 86400 });
    X509_up_ref(leaf.cert);
    sk_X509_push(chain, leaf.cert);
    otr_cert_clear(&leaf);
    return chain;
}

static int make_certificates(void **state)
{
    static const char *const names[] = { "Root A", "Root B", "Other Root" };

    (void)state;
    for (int i = 0; i < 3; i++) {
        roots[i] = otr_make_cert(&(otr_cert_plan){ .common_name = names[i], .constraints = "critical,CA:TRUE",
                                                   .from = NOW - 86400, .until = NOW + 900 * 86400 });
        policy_chains[i] = make_chain(&roots[i], POLICY_HOST);
        mx_chains[i] = make_chain(&roots[i], MX_HOST);
        neighbour_chains[i] = make_chain(&roots[i], "mta-sts.neighbour.example");
    }
    return 0;
}

static int free_certificates(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        otr_cert_clear(&roots[i]);
        sk_X509_pop_free(policy_chains[i], X509_free);
        sk_X509_pop_free(mx_chains[i], X509_free);
        sk_X509_pop_free(neighbour_chains[i], X509_free);
    }
    return 0;
}

/* Roots A and B for everybody; example.org, and it alone, says what a change of root does. */
static otr_anchors *make_anchors(otr_on_change on_change)
{
    const char *const names[] = { "example.org", NULL };
    STACK_OF(X509) *both = sk_X509_new_null();
    otr_anchors *made = NULL;

    sk_X509_push(both, roots[A].cert);
    sk_X509_push(both, roots[B].cert);
    {
        const otr_anchor_rule rules[] = {
            { .name = "default", .roots = both },
            { .name = "watched", .roots = both, .names = names, .on_change = on_change },
        };
        const otr_anchor_source source = { .rules = rules, .rule_count = 2 };

        assert_int_equal(otr_anchors_make(&source, &made, NULL), OUTRIDER_OK);
    }
    sk_X509_free(both);
    return made;
}

/* The stage ---------------------------------------------------------------------------------------------------- */

static void take_reply(void *arg, otr_mail *mail)
{
    otr_ticket *ticket;

    (void)arg;
    if (mail->kind == OTR_MAIL_SWAP) {
        otr_swap_free(caa_container_of(mail, otr_swap, mail));
        return;
    }
    ticket = caa_container_of(mail, otr_ticket, mail);
    otr_answer_unref(answer);
    answer = ticket->answer;
    ticket->answer = NULL;
    otr_ticket_free(ticket);
}

static otr_answer *ask(const char *text)
{
    otr_destination destination;

    assert_int_equal(otr_destination_parse(text, strlen(text), &destination, NULL), OUTRIDER_OK);
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_post(worker, otr_ticket_new(&destination, &replies, NULL));
    for (int turns = 0; answer == NULL; turns++) {
        assert_true(turns < 1000);
        event_base_loop(base, EVLOOP_ONCE);
        otr_mailbox_take(&replies, take_reply, NULL);
    }
    return answer;
}

static void settle(void)
{
    for (int turns = 0; turns < 50; turns++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

static void expect_level(const char *text, otr_level level)
{
    ask(text);
    if (answer->verdict->level != level)
        fail_msg("%s: got %s, want %s: %s", text, otr_level_names[answer->verdict->level], otr_level_names[level],
                 answer->verdict->reason);
}

static otr_level cached_level(const char *key)
{
    otr_answer *found;
    otr_level level = OTR_LEVEL_DANE_ONLY;

    otr_rcu_read_lock();
    found = otr_cache_find(f.cache, key, strlen(key));
    if (found != NULL)
        level = found->level;
    otr_rcu_read_unlock();
    assert_non_null(found);
    return level;
}

static void script(const char *rule)
{
    otr_scripted_add(worker->resolver, rule);
}

static void script_policy_of(const char *domain, const char *id, const char *body)
{
    char rule[200];

    snprintf(rule, sizeof(rule), "%s MX insecure ttl=900 10 mx.example.org", domain);
    script(rule);
    snprintf(rule, sizeof(rule), "_mta-sts.%s TXT insecure ttl=600 v=STSv1; id=%s;", domain, id);
    script(rule);
    snprintf(rule, sizeof(rule), "mta-sts.%s A insecure ttl=600 192.0.2.80", domain);
    script(rule);
    snprintf(rule, sizeof(rule), "mta-sts.%s AAAA insecure ttl=600 nodata", domain);
    script(rule);
    otr_scripted_fetcher_body(worker->fetcher, domain, body);
}

static void script_hosts(void)
{
    script("mx.example.org A insecure ttl=900 192.0.2.25");
    script("mx.example.org AAAA insecure ttl=900 nodata");
}

/* What the owner publishes, and from which root the certificate of his policy host comes. */
static void publish(const char *id, const char *body, int root)
{
    otr_scripted_reset(worker->resolver);
    script_hosts();
    script_policy_of("example.org", id, body);
    otr_scripted_fetcher_shows(worker->fetcher, "example.org", policy_chains[root], NOW);
}

static void use_anchors(otr_anchors *anchors)
{
    otr_trust_unref(f.trust);
    otr_anchors_free(f.anchors);
    f.anchors = anchors;
    f.trust = otr_trust_new(otr_anchors_ref(anchors), 0, NULL, 0);
    assert_non_null(f.trust);
    f.flow.trust = f.trust;
}

static void start(otr_on_change on_change)
{
    fixture_init(&f);
    use_anchors(make_anchors(on_change));
    base = event_base_new();
    worker = fixture_worker(&f, base);
    assert_int_equal(otr_mailbox_init(&replies, NULL), OUTRIDER_OK);
    script_hosts();
}

static int start_logging(void **state)
{
    (void)state;
    start(OTR_ON_CHANGE_LOG);
    return 0;
}

static int start_deferring(void **state)
{
    (void)state;
    start(OTR_ON_CHANGE_DEFER);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_free(worker);
    event_base_free(base);
    otr_mailbox_clear(&replies);
    fixture_clear(&f);
    return 0;
}

static void restart(void)
{
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_free(worker);
    fixture_reopen_store(&f);
    worker = fixture_worker(&f, base);
    script_hosts();
}

/* The record of the policy looks on: the record's TTL has run out (600 s and jitter). */
static void pass(otr_time seconds)
{
    otr_clock_set(&f.clock, otr_clock_now(&f.clock) + seconds);
}

static void see_mx(STACK_OF(X509) *chain, const char *host)
{
    const otr_anchor_set *set = otr_anchors_for(f.anchors, "example.org");
    otr_verification v = { 0 };
    outrider_diag diag = { 0 };

    assert_int_equal(otr_verify_chain(set, chain, host, NOW, &v), OUTRIDER_OK);
    if (otr_record_sighting(worker, "example.org", OTR_ROLE_MX, host, OTR_SEEN_IN_PROBE, chain, &v, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    otr_verification_clear(&v);
}

/* What the store has ------------------------------------------------------------------------------------------- */

struct looking {
    char text[1000];
};

static bool describe(void *arg, const otr_dependant *d)
{
    struct looking *looking = arg;
    otr_buf out = OTR_BUF_INIT;
    char name[OTR_CERT_NAME_SIZE];

    for (size_t i = 0; i < d->host_count; i++)
        otr_buf_printf(&out, "%s%s%s; ", d->hosts[i].name, d->hosts[i].has_dane ? " dane" : "",
                       d->hosts[i].is_admitted ? " admitted" : "");
    for (size_t i = 0; i < d->sighting_count; i++) {
        const otr_sighting *s = &d->sightings[i];

        otr_buf_printf(&out, "%s %s by %s: %s%s; ", otr_role_names[s->role], s->host, otr_sighting_source_names[s->source],
                       s->root != NULL ? otr_cert_name(s->root, name) : "refused", s->changed_at > 0 ? ", changed" : "");
    }
    snprintf(looking->text, sizeof(looking->text), "%s", otr_buf_text(&out));
    otr_buf_clear(&out);
    return false;
}

static void expect_recorded(const char *domain, const char *want)
{
    struct looking looking = { "nothing" };
    outrider_diag diag = { 0 };
    bool is_found;

    if (otr_store_dependant(f.store, domain, otr_clock_now(&f.clock), NULL, describe, &looking, &is_found, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    if (strcmp(looking.text, want) != 0)
        fail_msg("%s\n  got  %s\n  want %s", domain, looking.text, want);
}

static bool take_traffic(void *arg, const otr_dependant *d)
{
    *(double *)arg = d->traffic;
    return false;
}

static double traffic(void)
{
    double found = -1;
    bool is_found;

    assert_int_equal(otr_store_dependant(f.store, "example.org", otr_clock_now(&f.clock), NULL, take_traffic, &found, &is_found,
                                         NULL), OUTRIDER_OK);
    return found;
}

static bool is_held(otr_role role, const char *host)
{
    otr_hold hold;

    return otr_holds_find_host(f.holds, "example.org", role, host, &hold);
}

static unsigned long counted(unsigned cell)
{
    uint64_t cells[OTR_CELL_COUNT];

    otr_metrics_sum(cells);
    return (unsigned long)cells[cell];
}

/* Tests: the record -------------------------------------------------------------------------------------------- */

static void a_policy_fetch_leaves_a_record(void **state)
{
    unsigned long before = counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_ACCEPTED);

    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    expect_recorded("example.org", "mx.example.org admitted; policy mta-sts.example.org by fetch: Root A; ");
    assert_int_equal(counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_ACCEPTED), before + 1);
}

static void a_refused_one_as_well(void **state)
{
    unsigned long before = counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_REFUSED);

    (void)state;
    publish("a", BODY("enforce", "86400"), OTHER);
    expect_level("example.org", OTR_LEVEL_MAY);
    expect_recorded("example.org", "mx.example.org; policy mta-sts.example.org by fetch: refused; ");
    assert_int_equal(counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_REFUSED), before + 1);
}

/* The anchors of all, of which B is gone. */
static void take_away_root_b(void)
{
    STACK_OF(X509) *left = sk_X509_new_null();
    otr_anchors *anchors = NULL;
    otr_trust *trust;

    sk_X509_push(left, roots[A].cert);
    assert_int_equal(otr_anchors_make(&(otr_anchor_source){ .rules = &(otr_anchor_rule){ .name = "default", .roots = left },
                                                            .rule_count = 1 }, &anchors, NULL), OUTRIDER_OK);
    sk_X509_free(left);
    trust = otr_trust_new(anchors, 0, NULL, 0);
    assert_non_null(trust);
    otr_swap_do(worker, otr_swap_new(trust, &replies));
    otr_trust_unref(trust);
}

/* Whoever takes a root away is told that it counts for nobody: so it replaces no policy a moment later. */
static void a_root_that_goes_while_the_policy_is_fetched(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("none", "864000"), B);
    otr_scripted_fetcher_never(worker->fetcher, "example.org");
    expect_level("example.org", OTR_LEVEL_SECURE); /* the policy on hand applies, and the fetch goes on */
    assert_int_equal(otr_scripted_fetcher_waiting(worker->fetcher), 1);
    take_away_root_b();
    otr_scripted_fetcher_body(worker->fetcher, "example.org", BODY("none", "864000"));
    otr_scripted_fetcher_shows(worker->fetcher, "example.org", policy_chains[B], NOW);
    otr_scripted_fetcher_release(worker->fetcher);
    settle();
    assert_int_equal(otr_scripted_fetcher_waiting(worker->fetcher), 0);
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_string_equal(answer->verdict->sts.id, "a");
    assert_non_null(strstr(answer->verdict->sts.error, "the roots have changed while it was asked"));
    expect_recorded("example.org", "mx.example.org admitted; policy mta-sts.example.org by fetch: refused; ");
}

static void without_a_policy_there_is_nothing_to_put_down(void **state)
{
    (void)state;
    script("example.org MX insecure ttl=900 10 mx.example.org");
    script("_mta-sts.example.org TXT insecure ttl=600 nxdomain");
    expect_level("example.org", OTR_LEVEL_MAY);
    expect_recorded("example.org", "nothing");
}

static void what_was_decided_is_put_down_when_it_changes(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(1000);
    script("example.org MX insecure ttl=900 20 spare.example.org");
    script("spare.example.org A insecure ttl=900 192.0.2.26");
    script("spare.example.org AAAA insecure ttl=900 nodata");
    expect_level("example.org", OTR_LEVEL_SECURE);
    expect_recorded("example.org", "mx.example.org admitted; spare.example.org; policy mta-sts.example.org by fetch: Root A; ");
}

/* What is known of a host outlives a lookup that fails: it would be counted among those that depend on a root. */
static void a_failed_lookup_takes_nothing_back(void **state)
{
    static const char *const tlsa[] = { "_25._tcp.mx.example.org TLSA secure 3 1 1 "
                                        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
                                        "_25._tcp.mx.example.org TLSA tempfail SERVFAIL" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        otr_scripted_reset(worker->resolver);
        script("example.org MX secure ttl=900 10 mx.example.org");
        script("mx.example.org A secure ttl=900 192.0.2.25");
        script("mx.example.org AAAA secure ttl=900 nodata");
        script("_mta-sts.example.org TXT insecure ttl=600 v=STSv1; id=a;");
        script("mta-sts.example.org A insecure ttl=600 192.0.2.80");
        script("mta-sts.example.org AAAA insecure ttl=600 nodata");
        otr_scripted_fetcher_body(worker->fetcher, "example.org", BODY("enforce", "86400"));
        script(tlsa[i]);
        expect_level("example.org", i == 0 ? OTR_LEVEL_DANE_ONLY : OTR_LEVEL_DEFER);
        expect_recorded("example.org", "mx.example.org dane admitted; ");
        pass(1000);
    }
}

static void the_domain_speaks_for_its_other_destinations(void **state)
{
    (void)state;
    script("example.org A insecure 192.0.2.1");
    script("example.org AAAA insecure nodata");
    publish("a", BODY("enforce", "86400"), A);
    ask("example.org");
    ask("[example.org]");
    expect_recorded("example.org", "mx.example.org admitted; policy mta-sts.example.org by fetch: Root A; ");
}

/* Seconds in which there was a question, written once an hour. */
static void traffic_is_counted(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    for (int i = 0; i < 5; i++) {
        ask("example.org");
        ask("example.org");
        pass(1);
    }
    assert_true(traffic() < 2);
    pass(3700);
    ask("example.org");
    if (traffic() < 4.9 || traffic() > 6.1)
        fail_msg("%f", traffic());
}

/* The disk is full: nothing is recorded, and no mail waits for that. */
static void a_record_that_fails_fails_no_mail(void **state)
{
    unsigned long before = counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_LOST);
    struct rlimit limit;
    rlim_t was;

    (void)state;
    publish("a", BODY("none", "86400"), A); /* a policy that needs no disk */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    was = limit.rlim_cur;
    limit.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect_level("example.org", OTR_LEVEL_MAY);
    limit.rlim_cur = was;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(counted(OTR_CELL_SIGHTINGS + OTR_SIGHTING_LOST), before + 1);
    assert_true(worker->record_trouble[OUTRIDER_E_IO] > 0);
}

/* Tests: another root ------------------------------------------------------------------------------------------ */

static void another_root_is_told_and_used(void **state)
{
    unsigned long before = counted(OTR_CELL_ROOT_CHANGES + OTR_ROLE_POLICY);

    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("testing", "86400"), B);
    expect_level("example.org", OTR_LEVEL_MAY);
    expect_recorded("example.org", "mx.example.org admitted; policy mta-sts.example.org by fetch: Root B, changed; ");
    assert_int_equal(counted(OTR_CELL_ROOT_CHANGES + OTR_ROLE_POLICY), before + 1);
    assert_int_equal(otr_holds_count(f.holds), 0);
}

static void first_contact_is_no_change(void **state)
{
    unsigned long before = counted(OTR_CELL_ROOT_CHANGES + OTR_ROLE_POLICY);

    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    see_mx(mx_chains[B], MX_HOST);
    assert_int_equal(counted(OTR_CELL_ROOT_CHANGES + OTR_ROLE_POLICY), before);
    assert_int_equal(otr_holds_count(f.holds), 0);
}

/* REMEMBER: what the policy host says under a root that is held is not taken, be it a better policy or none. */
static void the_new_policy_waits_with_the_mail(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("none", "86400"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_true(answer->verdict->is_held);
    assert_string_equal(answer->verdict->sts.id, "a");
    assert_int_equal(answer->verdict->sts.policy->mode, OTR_STS_ENFORCE);
    assert_non_null(strstr(answer->verdict->sts.error, "held"));
    assert_true(is_held(OTR_ROLE_POLICY, POLICY_HOST));
    pass(4000); /* asked again and again, it says the same */
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_string_equal(answer->verdict->sts.id, "a");
}

/* LOCALITY: a neighbour at the same MX host whose policy host changes in the same way, under the default rule. */
static void others_are_not_held(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    script_policy_of("neighbour.example", "a", BODY("enforce", "864000"));
    otr_scripted_fetcher_shows(worker->fetcher, "neighbour.example", neighbour_chains[A], NOW);
    expect_level("example.org", OTR_LEVEL_SECURE);
    expect_level("neighbour.example", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("enforce", "864000"), B);
    script_policy_of("neighbour.example", "b", BODY("enforce", "864000"));
    otr_scripted_fetcher_shows(worker->fetcher, "neighbour.example", neighbour_chains[B], NOW);
    expect_level("example.org", OTR_LEVEL_DEFER);
    expect_level("neighbour.example", OTR_LEVEL_SECURE);
    assert_string_equal(answer->verdict->sts.id, "b");
    assert_int_equal(otr_holds_count(f.holds), 1);
}

static void it_is_held_over_a_restart(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    restart();
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_true(answer->verdict->is_held);
    pass(5000);
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_string_equal(answer->verdict->sts.id, "a");
}

static void accept_it(void)
{
    outrider_diag diag = { 0 };

    if (otr_record_accept(worker, "example.org", 7, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
}

static void it_is_accepted(void **state)
{
    outrider_diag diag = { 0 };

    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_int_equal(otr_record_accept(worker, "example.org", 7, &diag), OUTRIDER_E_SYNTAX);
    assert_string_equal(diag.message, "nothing of example.org is held");
    pass(700);
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    accept_it();
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_SECURE); /* before the reply goes out: by the old policy */
    settle();
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_string_equal(answer->verdict->sts.id, "b"); /* and by the new one without a wait for the back-off */
    assert_int_equal(otr_holds_count(f.holds), 0);
    restart();
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(90000); /* fetched again: the root is known now */
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_int_equal(otr_holds_count(f.holds), 0);
}

/* NO-DOWNGRADE: the old policy has expired while mail waited; nobody gets an answer before the new one is there. */
static void accepted_after_the_old_policy_has_expired(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "86400"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(50000);
    publish("b", BODY("enforce", "86400"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    pass(50000);
    expect_level("example.org", OTR_LEVEL_DEFER);
    assert_null(answer->verdict->sts.policy);
    accept_it();
    otr_rcu_read_lock();
    assert_null(otr_cache_find(f.cache, "example.org", strlen("example.org")));
    otr_rcu_read_unlock();
    expect_level("example.org", OTR_LEVEL_SECURE);
}

static void accepted_while_nobody_has_asked(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    pass(700);
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_DEFER);
    restart();
    accept_it();
    publish("b", BODY("enforce", "864000"), B);
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_string_equal(answer->verdict->sts.id, "b");
}

/* Mail that goes by MX hosts which were probed. */
static void an_mx_host_holds_the_mail_too(void **state)
{
    otr_hold hold;

    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    see_mx(mx_chains[A], MX_HOST);
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_SECURE);
    see_mx(mx_chains[B], MX_HOST);
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_DEFER); /* at once, without another question */
    assert_true(otr_record_find_hold(worker, "example.org", &hold));
    assert_string_equal(hold.from_name, "Root A");
    assert_string_equal(hold.to_name, "Root B");
    see_mx(mx_chains[A], MX_HOST); /* back again: the operator has the word, and learns what he would accept */
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_DEFER);
    assert_true(otr_holds_find_host(f.holds, "example.org", OTR_ROLE_MX, MX_HOST, &hold));
    assert_string_equal(hold.from_name, "Root A");
    assert_string_equal(hold.to_name, "Root A");
    accept_it();
    assert_int_equal(cached_level("example.org"), OTR_LEVEL_SECURE);
}

/* A refusal in between does not make a first contact of what follows. */
static void a_refusal_hides_no_change(void **state)
{
    (void)state;
    see_mx(mx_chains[A], MX_HOST);
    see_mx(mx_chains[OTHER], MX_HOST);
    assert_int_equal(otr_holds_count(f.holds), 0);
    expect_recorded("example.org", "mx mx.example.org by probe: refused; ");
    see_mx(mx_chains[A], MX_HOST);
    assert_int_equal(otr_holds_count(f.holds), 0);
    see_mx(mx_chains[OTHER], MX_HOST);
    see_mx(mx_chains[B], MX_HOST);
    assert_true(is_held(OTR_ROLE_MX, MX_HOST));
}

/* The rule was taken out of the configuration: the hold stays on disk, and has no effect. */
static void without_the_rule_it_does_not_count(void **state)
{
    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    see_mx(mx_chains[A], MX_HOST);
    see_mx(mx_chains[B], MX_HOST);
    otr_answer_unref(answer);
    answer = NULL;
    otr_worker_free(worker);
    use_anchors(make_anchors(OTR_ON_CHANGE_LOG));
    fixture_reopen_store(&f);
    worker = fixture_worker(&f, base);
    script_hosts();
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    assert_null(answer->verdict->hold);
    assert_int_equal(otr_holds_count(f.holds), 1);
}

/* Tests: told by a mail server ---------------------------------------------------------------------------------- */

static _Atomic unsigned on_their_way;

/* One certificate, as it comes from a front thread. */
static void tell(X509 *cert, const char *host, uint32_t conn, unsigned depth)
{
    otr_event event = { .conn = conn, .depth = depth };
    unsigned char *der = NULL, base64[8192];
    int len = i2d_X509(cert, &der);

    assert_int_equal(otr_destination_parse("example.org", strlen("example.org"), &event.destination, NULL), OUTRIDER_OK);
    snprintf(event.host, sizeof(event.host), "%s", host);
    assert_true(len > 0 && len < 6000);
    event.cert = (otr_slice){ (const char *)base64, (size_t)EVP_EncodeBlock(base64, der, len) };
    OPENSSL_free(der);
    otr_told_take(worker, otr_told_new(&event, &on_their_way));
}

static unsigned long mx_sightings(void)
{
    return counted(OTR_CELL_SIGHTINGS + OTR_ROLE_MX * OTR_SIGHTING_RESULTS + OTR_SIGHTING_ACCEPTED);
}

static void a_chain_is_put_together(void **state)
{
    unsigned long before = mx_sightings();

    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    tell(roots[A].cert, MX_HOST, 1, 1);
    tell(roots[B].cert, MX_HOST, 2, 1); /* another connection */
    assert_int_equal(mx_sightings(), before);
    tell(sk_X509_value(mx_chains[A], 0), MX_HOST, 1, 0);
    assert_int_equal(mx_sightings(), before + 1);
    expect_recorded("example.org", "mx.example.org admitted; mx mx.example.org by mta: Root A; policy mta-sts.example.org by "
                                   "fetch: Root A; ");
    for (uint32_t conn = 3; conn < 6; conn++) { /* the same again: not judged again, for an hour */
        tell(roots[A].cert, MX_HOST, conn, 1);
        tell(sk_X509_value(mx_chains[A], 0), MX_HOST, conn, 0);
    }
    assert_int_equal(mx_sightings(), before + 1);
    pass(OTR_TOLD_AGAIN);
    ask("example.org");
    tell(roots[A].cert, MX_HOST, 7, 1);
    tell(sk_X509_value(mx_chains[A], 0), MX_HOST, 7, 0);
    assert_int_equal(mx_sightings(), before + 2);
    assert_int_equal(on_their_way, 0);
}

static void halves_and_strangers_come_to_nothing(void **state)
{
    unsigned long before = mx_sightings();
    X509 *leaf = sk_X509_value(mx_chains[A], 0);

    (void)state;
    tell(leaf, MX_HOST, 1, 0); /* nobody has asked about the destination */
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    tell(leaf, "mx.elsewhere.example", 1, 0);
    tell(roots[A].cert, MX_HOST, 2, 1);
    tell(roots[A].cert, MX_HOST, 3, 2);
    assert_int_equal(mx_sightings(), before);
    pass(OTR_TOLD_SPAN + 1); /* begun too long ago: what follows begins anew, a chain of one */
    ask("example.org");
    tell(leaf, MX_HOST, 2, 0);
    assert_int_equal(mx_sightings(), before + 1);
}

/* However many begin and never end: they make room for each other, and for one that does. */
static void unfinished_chains_are_bounded(void **state)
{
    unsigned long before = mx_sightings();
    size_t begun = 0;

    (void)state;
    publish("a", BODY("enforce", "864000"), A);
    expect_level("example.org", OTR_LEVEL_SECURE);
    for (uint32_t conn = 10; conn < 10 + 3 * OTR_TOLD_CHAINS; conn++)
        tell(roots[A].cert, MX_HOST, conn, 5);
    for (size_t i = 0; i < OTR_TOLD_CHAINS; i++)
        begun += worker->told.chains[i].certs != NULL;
    assert_int_equal(begun, OTR_TOLD_CHAINS);
    tell(roots[A].cert, MX_HOST, 1, 1);
    tell(sk_X509_value(mx_chains[A], 0), MX_HOST, 1, 0);
    assert_int_equal(mx_sightings(), before + 1);
}

static void too_many_on_their_way_are_passed_over(void **state)
{
    otr_told *told[OTR_TOLD_MAX];
    otr_event event = { .cert = otr_slice_of("AAAA") };

    (void)state;
    assert_int_equal(otr_destination_parse("example.org", strlen("example.org"), &event.destination, NULL), OUTRIDER_OK);
    for (size_t i = 0; i < OTR_TOLD_MAX; i++)
        assert_non_null(told[i] = otr_told_new(&event, &on_their_way));
    assert_null(otr_told_new(&event, &on_their_way));
    for (size_t i = 0; i < OTR_TOLD_MAX; i++)
        otr_told_free(told[i]);
    assert_int_equal(on_their_way, 0);
}

#define LOGGING(name) cmocka_unit_test_setup_teardown(name, start_logging, stop)
#define DEFERRING(name) cmocka_unit_test_setup_teardown(name, start_deferring, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOGGING(a_policy_fetch_leaves_a_record),
        LOGGING(a_refused_one_as_well),
        LOGGING(a_root_that_goes_while_the_policy_is_fetched),
        LOGGING(without_a_policy_there_is_nothing_to_put_down),
        LOGGING(what_was_decided_is_put_down_when_it_changes),
        LOGGING(a_failed_lookup_takes_nothing_back),
        LOGGING(the_domain_speaks_for_its_other_destinations),
        LOGGING(traffic_is_counted),
        LOGGING(a_record_that_fails_fails_no_mail),
        LOGGING(another_root_is_told_and_used),
        DEFERRING(first_contact_is_no_change),
        DEFERRING(the_new_policy_waits_with_the_mail),
        DEFERRING(others_are_not_held),
        DEFERRING(it_is_held_over_a_restart),
        DEFERRING(it_is_accepted),
        DEFERRING(accepted_after_the_old_policy_has_expired),
        DEFERRING(accepted_while_nobody_has_asked),
        DEFERRING(an_mx_host_holds_the_mail_too),
        DEFERRING(a_refusal_hides_no_change),
        DEFERRING(without_the_rule_it_does_not_count),
        LOGGING(a_chain_is_put_together),
        LOGGING(halves_and_strangers_come_to_nothing),
        LOGGING(unfinished_chains_are_bounded),
        LOGGING(too_many_on_their_way_are_passed_over),
    };

    signal(SIGXFSZ, SIG_IGN); /* writing past the limit is then an error like a full disk */
    otr_metrics_enter();
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}

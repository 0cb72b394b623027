/*
 * publisher_test.c - what we publish over restarts, crashes, changes of the configuration, failing disks and time: what is served, until
 * when it may be, and what the exit clock says. The server is played by the test: it reads the site and notes what it hands out.
 */
#include "daemon/publish/inside.h"
#include "daemon/rcu.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <jansson.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW OTR_TEST_TIME
#define DAY 86400
#define BETWEEN (OTR_PUBLISH_CACHE_S + OTR_PUBLISH_TRANSFER_S)
#define TWO_WEEKS (14 * DAY)

static char folder[64], store_path[100];
static otr_clock test_clock;

/* A daemon: configuration, store and publisher, without its threads. */
typedef struct daemon_under_test {
    otr_conf *conf;
    otr_store *store;
    otr_publisher *p;
} daemon_under_test;

static void limit_disk(rlim_t most)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The disk fills up when the store has just been opened, if is_full. */
static daemon_under_test start_on(const char *sections, bool is_full)
{
    static otr_mistakes mistakes;
    daemon_under_test d = { NULL, NULL, NULL };
    outrider_diag diag = { 0 };
    char text[4000];

    snprintf(text, sizeof(text), "dns { trust_anchor = /dev/null forwarders = { 127.0.0.1 } }\n"
                                 "policy_host { plain = { \"unix:/run/outrider/policy.sock\" } }\n%s", sections);
    if (otr_conf_parse(text, strlen(text), &d.conf, &mistakes) != OUTRIDER_OK)
        fail_msg("%u: %s\n%s", mistakes.list[0].line, mistakes.list[0].reason, text);
    if (otr_store_open(store_path, &d.store, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    if (is_full)
        limit_disk(4096);
    if (otr_publisher_new(d.conf, d.store, &test_clock, &d.p, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    return d;
}

static daemon_under_test start(const char *sections)
{
    return start_on(sections, false);
}

static void end(daemon_under_test *d, bool is_crash)
{
    if (!is_crash)
        otr_publisher_stop(d->p);
    otr_publisher_free(d->p);
    otr_store_close(d->store);
    otr_conf_free(d->conf);
}

static void pass(otr_time seconds)
{
    otr_clock_set(&test_clock, otr_clock_now(&test_clock) + seconds);
}

/* What a fetch of the policy gives: "enforce mx1.a.example,mx2.a.example 86400", "503" or "404". */
static const char *fetch(daemon_under_test *d, const char *domain)
{
    static char text[400];
    char host[200];
    const otr_site_policy *policy;
    otr_time now = otr_clock_now(&test_clock);

    snprintf(host, sizeof(host), "mta-sts.%s", domain);
    snprintf(text, sizeof(text), "404");
    otr_rcu_read_lock();
    policy = otr_site_find((const otr_site *)otr_snapshot_read(otr_publisher_site(d->p)), otr_slice_of(host));
    if (policy != NULL && now > atomic_load(&policy->served->horizon)) {
        snprintf(text, sizeof(text), "503");
    } else if (policy != NULL) {
        otr_sts_policy *read = NULL;

        assert_int_equal(otr_sts_policy_parse(policy->body.ptr, policy->body.len, &read, NULL), OUTRIDER_OK);
        sprintf(text, "%s", otr_sts_mode_names[read->mode]);
        for (size_t i = 0; i < read->mx_count; i++)
            sprintf(text + strlen(text), "%c%s", i == 0 ? ' ' : ',', read->mx[i]);
        sprintf(text + strlen(text), " %u", read->max_age);
        otr_sts_policy_free(read);
        atomic_store(&policy->served->last, now);
    }
    otr_rcu_read_unlock();
    return text;
}

static void let_lie(void *arg, otr_mail *mail)
{
    (void)arg;
    (void)mail;
}

/* One request of an operator, as it comes over the control socket; the answer is the caller's. */
static json_t *ask(daemon_under_test *d, const char *request)
{
    otr_control_request r;
    otr_mailbox box;
    otr_job *job;
    json_t *answer;
    outrider_diag diag = { 0 };

    if (otr_control_parse(otr_slice_of(request), &r, &diag) != OUTRIDER_OK)
        fail_msg("%s: %s", request, diag.message);
    assert_int_equal(otr_mailbox_init(&box, NULL), OUTRIDER_OK);
    job = otr_job_new(&r, 1000, &box, NULL);
    assert_non_null(job);
    otr_publisher_do(d->p, job);
    answer = json_loads(job->reply, 0, NULL);
    assert_non_null(answer);
    otr_mailbox_take(&box, let_lie, NULL);
    otr_mailbox_clear(&box);
    otr_job_free(job);
    return answer;
}

static void tell(daemon_under_test *d, const char *request)
{
    json_t *answer = ask(d, request);

    if (!json_is_true(json_object_get(answer, "ok")))
        fail_msg("%s: %s", request, json_string_value(json_object_get(answer, "error")));
    json_decref(answer);
}

static void expect_refusal(daemon_under_test *d, const char *request, const char *part)
{
    json_t *answer = ask(d, request);
    const char *error = json_string_value(json_object_get(answer, "error"));

    if (error == NULL || strstr(error, part) == NULL)
        fail_msg("%s: got \"%s\", want \"%s\"", request, error != NULL ? error : "ok", part);
    json_decref(answer);
}

/* A value of the status of a domain: "phase", "serving.mode", "withheld.what"; null is "". */
static const char *value_of(daemon_under_test *d, const char *domain, const char *path)
{
    static char text[400];
    char request[200], first[40] = "";
    const char *dot = strchr(path, '.');
    json_t *answer, *value;

    snprintf(request, sizeof(request), "{\"do\":\"publish.status\",\"domain\":\"%s\",\"days\":2}", domain);
    answer = ask(d, request);
    value = json_array_get(json_object_get(answer, "publications"), 0);
    if (dot != NULL) {
        memcpy(first, path, (size_t)(dot - path));
        value = json_object_get(json_object_get(value, first), dot + 1);
    } else {
        value = json_object_get(value, path);
    }
    if (json_is_integer(value))
        snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
    else
        snprintf(text, sizeof(text), "%s", json_is_string(value) ? json_string_value(value) : "");
    json_decref(answer);
    return text;
}

static otr_time exit_of(daemon_under_test *d, const char *domain)
{
    return otr_own_exit(otr_publisher_find(d->p, domain));
}

#define SET(mode) "{\"do\":\"publish.set\",\"domain\":\"a.example\",\"mode\":\"" mode "\"}"
#define RETIRE "{\"do\":\"publish.retire\",\"domain\":\"a.example\",\"reason\":\"moving\"}"
#define TWO "publish a.example { mx = { mx1.a.example, mx2.a.example } }"
#define TWO_ENFORCE "publish a.example { mode = enforce mx = { mx1.a.example, mx2.a.example } }"
#define ONE "publish a.example { mx = { mx1.a.example } }"
#define THREE "publish a.example { mx = { mx1.a.example, mx2.a.example, mx3.a.example } }"
#define SHORT "publish a.example { mx = { mx1.a.example, mx2.a.example } max_age = 1d }"
#define NONE "publish a.example { mode = none }"

/* Changes of the configuration ------------------------------------------------------------------------------------ */

static const struct {
    const char *sentence;
    const char *before, *request; /* NULL: nobody asked */
    const char *after;
    const char *want, *phase, *withheld;
} changes[] = {
    { "a new domain is in testing", TWO, NULL, TWO, "testing mx1.a.example,mx2.a.example 1209600", "testing", "" },
    { "enforce by configuration is testing", TWO_ENFORCE, NULL, TWO_ENFORCE, "testing mx1.a.example,mx2.a.example 1209600", "testing",
      "enforce" },
    { "testing, and now enforce is configured", TWO, NULL, TWO_ENFORCE, "testing mx1.a.example,mx2.a.example 1209600", "testing",
      "enforce" },
    { "enforce outlives a restart", TWO, SET("enforce"), TWO, "enforce mx1.a.example,mx2.a.example 1209600", "enforce", "" },
    { "PUB-06: a host more is served", TWO, SET("enforce"), THREE, "enforce mx1.a.example,mx2.a.example,mx3.a.example 1209600",
      "enforce", "" },
    { "PUB-06: a host less is withheld", TWO, SET("enforce"), ONE, "enforce mx1.a.example,mx2.a.example 1209600", "enforce", "patterns" },
    { "in testing a host less is served", TWO, NULL, ONE, "testing mx1.a.example 1209600", "testing", "" },
    { "another max_age is served", TWO, SET("enforce"), SHORT, "enforce mx1.a.example,mx2.a.example 86400", "enforce", "" },
    { "none by configuration is withheld", TWO, SET("enforce"), NONE, "enforce mx1.a.example,mx2.a.example 1209600", "enforce", "none" },
    { "retiring outlives a restart", TWO, RETIRE, TWO, "none 86400", "retired", "retiring" }, /* nobody had fetched anything */
    { "a domain that left is not shown", TWO, SET("enforce"), "", "404", "enforce", "" },
    { "a domain with none", NONE, NULL, NONE, "none 1209600", "none", "" },
    { "from none to testing", NONE, NULL, TWO, "testing mx1.a.example,mx2.a.example 1209600", "testing", "" },
};

static void changes_of_the_configuration_do_what_the_rows_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(changes) * 2; i++) {
        bool is_crash = i % 2 == 1;
        daemon_under_test d;
        char got[400];

        unlink(store_path);
        otr_clock_set(&test_clock, NOW);
        d = start(changes[i / 2].before);
        if (changes[i / 2].request != NULL)
            tell(&d, changes[i / 2].request);
        end(&d, is_crash);
        pass(60);
        d = start(changes[i / 2].after);
        snprintf(got, sizeof(got), "%s", fetch(&d, "a.example"));
        if (strcmp(got, changes[i / 2].want) != 0 || strcmp(value_of(&d, "a.example", "phase"), changes[i / 2].phase) != 0 ||
            strcmp(value_of(&d, "a.example", "withheld.what"), changes[i / 2].withheld) != 0)
            fail_msg("%s%s\n  got  %s; %s; %s\n  want %s; %s; %s", changes[i / 2].sentence, is_crash ? ", after a crash" : "", got,
                     value_of(&d, "a.example", "phase"), value_of(&d, "a.example", "withheld.why"), changes[i / 2].want,
      changes[i / 2].phase,
                     changes[i / 2].withheld);
        end(&d, false);
    }
}

static void what_is_withheld_is_served_when_somebody_has_looked(void **state)
{
    daemon_under_test d = start(TWO);

    (void)state;
    tell(&d, SET("enforce"));
    end(&d, false);
    d = start(ONE);
    assert_string_equal(fetch(&d, "a.example"), "enforce mx1.a.example,mx2.a.example 1209600");
    assert_int_equal(otr_publisher_look(d.p).withheld, 1);
    tell(&d, SET("enforce"));
    assert_string_equal(fetch(&d, "a.example"), "enforce mx1.a.example 1209600");
    assert_int_equal(otr_publisher_look(d.p).withheld, 0);
    end(&d, false);
    d = start(ONE);
    assert_string_equal(fetch(&d, "a.example"), "enforce mx1.a.example 1209600");
    end(&d, false);
}

static void refusals_change_nothing(void **state)
{
    daemon_under_test d = start(TWO "\npublish n.example { mode = none }");

    (void)state;
    expect_refusal(&d, SET("none"), "publish retire");
    expect_refusal(&d, "{\"do\":\"publish.set\",\"domain\":\"b.example\",\"mode\":\"testing\"}", "is none of ours");
    expect_refusal(&d, "{\"do\":\"publish.set\",\"domain\":\"n.example\",\"mode\":\"testing\"}", "mode = none");
    expect_refusal(&d, "{\"do\":\"publish.retire\",\"domain\":\"b.example\"}", "is none of ours");
    assert_string_equal(fetch(&d, "a.example"), "testing mx1.a.example,mx2.a.example 1209600");
    tell(&d, SET("enforce"));
    end(&d, false);
    d = start("");
    expect_refusal(&d, SET("enforce"), "not in the configuration any more");
    expect_refusal(&d, RETIRE, "not in the configuration any more");
    end(&d, false);
}

static void asked_again_it_is_the_same(void **state)
{
    daemon_under_test d = start(TWO);
    char since[OTR_TIME_TEXT];

    (void)state;
    tell(&d, "{\"do\":\"publish.set\",\"domain\":\"a.example\",\"mode\":\"enforce\",\"forced\":true,\"checks\":\"mx2: no STARTTLS\"}");
    snprintf(since, sizeof(since), "%s", value_of(&d, "a.example", "phase_since"));
    pass(100);
    tell(&d, SET("enforce"));
    assert_string_equal(value_of(&d, "a.example", "phase_since"), since);
    assert_string_equal(value_of(&d, "a.example", "reason"), "mx2: no STARTTLS");
    assert_string_equal(value_of(&d, "a.example", "uid"), "1000");
    end(&d, false);
}

/* Clocks ----------------------------------------------------------------------------------------------------------- */

static void the_exit_clock_is_that_of_the_last_fetch(void **state)
{
    daemon_under_test d = start(TWO);

    (void)state;
    assert_int_equal(exit_of(&d, "a.example"), 0);
    tell(&d, SET("enforce"));
    assert_int_equal(exit_of(&d, "a.example"), 0); /* nobody has fetched it */
    pass(10);
    fetch(&d, "a.example");
    pass(1000);
    assert_int_equal(exit_of(&d, "a.example"), NOW + 10 + TWO_WEEKS + BETWEEN);
    end(&d, false);
    pass(1000);
    d = start(TWO);
    assert_int_equal(exit_of(&d, "a.example"), NOW + 10 + TWO_WEEKS + BETWEEN); /* a clean stop: exact */
    end(&d, true);
    pass(1000);
    d = start(TWO); /* a crash: it may have been handed out for an hour since the last start */
    assert_int_equal(exit_of(&d, "a.example"), NOW + 2010 + OTR_PUBLISH_HORIZON_S + TWO_WEEKS + BETWEEN);
    end(&d, false);
    d = start(TWO); /* and a clean stop does not forget that */
    assert_int_equal(exit_of(&d, "a.example"), NOW + 2010 + OTR_PUBLISH_HORIZON_S + TWO_WEEKS + BETWEEN);
    end(&d, false);
}

/* PUB-08: max_age lowered a week ago: the wait is computed from the older version. */
static void a_lowered_max_age_shortens_nothing(void **state)
{
    daemon_under_test d = start(TWO);

    (void)state;
    tell(&d, SET("enforce"));
    fetch(&d, "a.example");
    end(&d, false);
    d = start(SHORT);
    pass(7 * DAY);
    otr_publisher_beat(d.p, otr_clock_now(&test_clock));
    assert_string_equal(fetch(&d, "a.example"), "enforce mx1.a.example,mx2.a.example 86400");
    tell(&d, RETIRE);
    assert_int_equal(exit_of(&d, "a.example"), NOW + TWO_WEEKS + BETWEEN);
    end(&d, false);
}

/* RFC 8461 §8.3, interrupted again and again. */
static void a_domain_is_retired(void **state)
{
    daemon_under_test d = start(TWO);

    (void)state;
    fetch(&d, "a.example");
    tell(&d, SET("enforce"));
    pass(100);
    fetch(&d, "a.example");
    tell(&d, RETIRE);
    assert_string_equal(fetch(&d, "a.example"), "none 86400");
    for (int day = 0; day < 14; day++) {
        assert_string_equal(value_of(&d, "a.example", "phase"), "retiring");
        assert_string_equal(value_of(&d, "a.example", "reason"), "moving");
        end(&d, false);
        pass(DAY);
        d = start(TWO);
        assert_string_equal(fetch(&d, "a.example"), "none 86400");
        tell(&d, RETIRE);
    }
    pass(BETWEEN - 1);
    otr_publisher_beat(d.p, otr_clock_now(&test_clock));
    assert_string_equal(value_of(&d, "a.example", "phase"), "retiring");
    assert_string_equal(value_of(&d, "a.example", "exit_seconds"), "1");
    pass(1);
    otr_publisher_beat(d.p, otr_clock_now(&test_clock));
    assert_string_equal(value_of(&d, "a.example", "phase"), "retired");
    assert_string_equal(value_of(&d, "a.example", "reason"), "moving");
    assert_string_equal(fetch(&d, "a.example"), "none 86400");
    expect_refusal(&d, SET("enforce"), "begin with testing");
    tell(&d, SET("testing"));
    assert_string_equal(fetch(&d, "a.example"), "testing mx1.a.example,mx2.a.example 1209600");
    end(&d, false);
}

static void a_domain_that_left_too_early_is_told_of(void **state)
{
    daemon_under_test d = start(TWO);

    (void)state;
    tell(&d, SET("enforce"));
    fetch(&d, "a.example");
    end(&d, false);
    d = start("");
    assert_int_equal(otr_publisher_look(d.p).abandoned, 1);
    assert_string_equal(value_of(&d, "a.example", "exit_seconds"), "1209720");
    pass(TWO_WEEKS + BETWEEN);
    otr_publisher_beat(d.p, otr_clock_now(&test_clock));
    assert_int_equal(otr_publisher_look(d.p).abandoned, 0);
    end(&d, false);
}

/* Disks -------------------------------------------------------------------------------------------------------------- */

static void beat_for(daemon_under_test *d, otr_time seconds)
{
    for (otr_time at = 0; at < seconds; at += OTR_PUBLISH_BEAT_S) {
        pass(OTR_PUBLISH_BEAT_S);
        otr_publisher_beat(d->p, otr_clock_now(&test_clock));
    }
}

static void a_failing_disk_is_503_when_the_horizon_has_passed(void **state)
{
    daemon_under_test d = start(TWO);
    const char *want = "testing mx1.a.example,mx2.a.example 1209600";

    (void)state;
    beat_for(&d, 3 * OTR_PUBLISH_HORIZON_S); /* it is renewed */
    assert_string_equal(fetch(&d, "a.example"), want);
    limit_disk(4096);
    beat_for(&d, OTR_PUBLISH_HORIZON_S / 2);
    assert_string_equal(fetch(&d, "a.example"), want);
    expect_refusal(&d, SET("enforce"), "o.db: ");
    assert_string_equal(fetch(&d, "a.example"), want);
    assert_string_equal(value_of(&d, "a.example", "phase"), "testing");
    beat_for(&d, OTR_PUBLISH_HORIZON_S);
    assert_string_equal(fetch(&d, "a.example"), "503");
    assert_int_equal(otr_publisher_look(d.p).lapsed, 1);
    limit_disk(RLIM_INFINITY);
    beat_for(&d, OTR_PUBLISH_BEAT_S);
    assert_string_equal(fetch(&d, "a.example"), want);
    assert_int_equal(otr_publisher_look(d.p).lapsed, 0);
    tell(&d, SET("enforce"));
    end(&d, false);
}

static void a_start_with_a_full_disk_serves_what_it_may(void **state)
{
    daemon_under_test d = start(TWO);

    (void)state;
    end(&d, true); /* its horizon is an hour ahead */
    d = start_on(THREE "\npublish b.example { mx = { mx.b.example } }", true);
    assert_string_equal(fetch(&d, "a.example"), "testing mx1.a.example,mx2.a.example 1209600");
    assert_string_equal(fetch(&d, "b.example"), "404"); /* nothing is handed out that is not in the store */
    limit_disk(RLIM_INFINITY);
    beat_for(&d, OTR_PUBLISH_BEAT_S);
    assert_string_equal(fetch(&d, "a.example"), "testing mx1.a.example,mx2.a.example,mx3.a.example 1209600");
    assert_string_equal(fetch(&d, "b.example"), "testing mx.b.example 1209600");
    end(&d, false);
}

/* Fetches ------------------------------------------------------------------------------------------------------------ */

static void fetches_are_counted_exactly(void **state)
{
    daemon_under_test d = start(TWO);
    otr_tally *tally = otr_tally_new(), *last = otr_tally_new();
    json_t *answer, *fetches;

    (void)state;
    assert_int_equal(otr_publisher_start(d.p, NULL), OUTRIDER_OK);
    for (int i = 0; i < 5; i++)
        otr_tally_add(tally, "a.example", NOW / DAY, i < 3 ? "192.0.2.0/24" : "2001:db8::/48", 1);
    otr_tally_add(tally, "a.example", NOW / DAY - 1, "192.0.2.0/24", 7);
    otr_tally_add(tally, "a.example", NOW / DAY - 2, "192.0.2.0/24", 100);
    otr_publisher_tell(d.p, tally);
    otr_tally_add(last, "a.example", NOW / DAY, OTR_FETCH_OTHER, 1);
    otr_publisher_tell(d.p, last);
    end(&d, false);
    d = start(TWO);
    answer = ask(&d, "{\"do\":\"publish.status\",\"days\":2}");
    fetches = json_object_get(json_array_get(json_object_get(answer, "publications"), 0), "fetches");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(fetches, "days"), 0), "count")), 6);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(fetches, "days"), 1), "count")), 7);
    assert_int_equal(json_array_size(json_object_get(fetches, "days")), 2);
    assert_int_equal(json_array_size(json_object_get(fetches, "networks")), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(fetches, "networks"), 0), "network")),
                        "192.0.2.0/24");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(fetches, "networks"), 0), "count")), 10);
    json_decref(answer);
    end(&d, false);
}

/* Certificates ------------------------------------------------------------------------------------------------------- */

static void write_pair(const char *san, otr_time from, otr_time until)
{
    otr_cert cert = otr_make_cert(&(otr_cert_plan){ .common_name = "x", .san = san, .from = from, .until = until });
    otr_buf text = OTR_BUF_INIT;
    char path[200];
    FILE *out;

    otr_cert_put_pem(&cert, &text);
    snprintf(path, sizeof(path), "%s/c.pem", folder);
    out = fopen(path, "we");
    assert_int_equal(fwrite(text.data, 1, text.len, out), text.len);
    fclose(out);
    snprintf(path, sizeof(path), "%s/k.pem", folder);
    out = fopen(path, "we");
    assert_int_equal(PEM_write_PrivateKey(out, cert.key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(out);
    otr_buf_clear(&text);
    otr_cert_clear(&cert);
}

static SSL_CTX *tls_of(daemon_under_test *d, const char *host)
{
    const otr_site_policy *policy;
    SSL_CTX *tls;

    otr_rcu_read_lock();
    policy = otr_site_find((const otr_site *)otr_snapshot_read(otr_publisher_site(d->p)), otr_slice_of(host));
    assert_non_null(policy);
    tls = policy->tls;
    otr_rcu_read_unlock();
    return tls;
}

static void the_last_good_certificate_goes_on(void **state)
{
    char sections[600];
    daemon_under_test d;
    SSL_CTX *first;

    (void)state;
    snprintf(sections, sizeof(sections),
             "publish a.example { mx = { mx.a.example } certificate = \"%s/c.pem\" key = \"%s/k.pem\" }\n"
             "publish b.example { mx = { mx.b.example } certificate = \"%s/c.pem\" key = \"%s/k.pem\" }", folder, folder, folder, folder);
    write_pair("DNS:mta-sts.a.example,DNS:mta-sts.b.example", 0, 0);
    d = start(sections);
    first = tls_of(&d, "mta-sts.a.example");
    assert_non_null(first);
    assert_ptr_equal(first, tls_of(&d, "mta-sts.b.example")); /* PUB-02; equal files share it */
    write_pair("DNS:mta-sts.a.example", 0, 0); /* b has been forgotten */
    tell(&d, "{\"do\":\"publish.reload\"}");
    assert_ptr_not_equal(tls_of(&d, "mta-sts.a.example"), first);
    assert_ptr_equal(tls_of(&d, "mta-sts.b.example"), first);
    assert_string_equal(value_of(&d, "b.example", "certificate.state"), "former");
    assert_non_null(strstr(value_of(&d, "b.example", "certificate.error"), "not for mta-sts.b.example"));
    assert_int_equal(otr_publisher_look(d.p).certificates_failed, 1);
    write_pair("DNS:mta-sts.a.example,DNS:mta-sts.b.example", NOW - 10 * DAY, NOW - DAY); /* expired */
    first = tls_of(&d, "mta-sts.a.example");
    assert_false(otr_publisher_look_at_pairs(d.p, false, NOW)); /* it may still be written */
    assert_false(otr_publisher_look_at_pairs(d.p, false, NOW)); /* it has stood still, and is refused */
    assert_string_equal(value_of(&d, "a.example", "certificate.state"), "former");
    assert_ptr_equal(tls_of(&d, "mta-sts.a.example"), first);
    write_pair("DNS:mta-sts.a.example,DNS:mta-sts.b.example", NOW - DAY, NOW + 3 * DAY);
    assert_false(otr_publisher_look_at_pairs(d.p, false, NOW));
    assert_true(otr_publisher_look_at_pairs(d.p, false, NOW));
    assert_int_equal(otr_publisher_swap_site(d.p, NULL), OUTRIDER_OK);
    assert_ptr_equal(tls_of(&d, "mta-sts.a.example"), tls_of(&d, "mta-sts.b.example"));
    assert_string_equal(value_of(&d, "b.example", "certificate.days"), "3");
    otr_publisher_count(d.p, NOW);
    assert_int_equal(otr_publisher_look(d.p).certificate_expiry, NOW + 3 * DAY);
    end(&d, false);
}

static void without_a_certificate_there_is_no_tls(void **state)
{
    char sections[300];
    daemon_under_test d;

    (void)state;
    snprintf(sections, sizeof(sections), "publish a.example { mx = { mx.a.example } certificate = \"%s/none.pem\" key = \"%s/k.pem\" }",
             folder, folder);
    d = start(sections);
    assert_null(tls_of(&d, "mta-sts.a.example"));
    assert_string_equal(value_of(&d, "a.example", "certificate.state"), "none");
    assert_non_null(strstr(value_of(&d, "a.example", "certificate.error"), "No such file"));
    assert_string_equal(fetch(&d, "a.example"), "testing mx.a.example 1209600"); /* behind a proxy it goes on */
    end(&d, false);
}

/* -------------------------------------------------------------------------------------------------------------------- */

static int fresh(void **state)
{
    char name[120];

    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", store_path, (const char *[]){ "", "-wal", "-shm" }[i]);
        unlink(name);
    }
    otr_clock_set(&test_clock, NOW);
    limit_disk(RLIM_INFINITY);
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    urcu_memb_register_thread();
    otr_clock_init(&test_clock, 0);
    snprintf(folder, sizeof(folder), "/tmp/outrider-publisher-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(store_path, sizeof(store_path), "%s/o.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char command[100];

    (void)state;
    urcu_memb_unregister_thread();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_of_the_configuration_do_what_the_rows_say),
        TEST(what_is_withheld_is_served_when_somebody_has_looked),
        TEST(refusals_change_nothing),
        TEST(asked_again_it_is_the_same),
        TEST(the_exit_clock_is_that_of_the_last_fetch),
        TEST(a_lowered_max_age_shortens_nothing),
        TEST(a_domain_is_retired),
        TEST(a_domain_that_left_too_early_is_told_of),
        TEST(a_failing_disk_is_503_when_the_horizon_has_passed),
        TEST(a_start_with_a_full_disk_serves_what_it_may),
        TEST(fetches_are_counted_exactly),
        TEST(the_last_good_certificate_goes_on),
        TEST(without_a_certificate_there_is_no_tls),
    };
    return cmocka_run_group_tests_name("daemon/publisher", tests, make_folder, remove_folder);
}

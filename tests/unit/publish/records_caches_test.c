/*
 * records_caches_test.c - plans carried out in a world with caches: PUB-12 (TLSA records match what is shown at all times), PUB-06 (no
 * sender holds a policy that leaves out an MX host it sees). A resolver may have any version that was there within the last TTL.
 *
 * Each world also shows that it notices: the same steps without their waits do harm.
 */
#include "records_scene.h"
#include "support/cmocka_all.h"

#include <stdio.h>

#define VERSIONS 40
#define HOST "mx1.example.org"

/* What there was, and from when on. */
typedef struct timeline {
    otr_time from[VERSIONS];
    char what[VERSIONS][300];
    size_t count;
} timeline;

static void change(timeline *t, otr_time at, const char *what)
{
    assert_true(t->count < VERSIONS && (t->count == 0 || at >= t->from[t->count - 1]));
    t->from[t->count] = at;
    snprintf(t->what[t->count++], sizeof(t->what[0]), "%s", what);
}

static const char *current(const timeline *t)
{
    return t->what[t->count - 1];
}

/* Whether somebody can have version i at a time: it was there at some moment of the last `ttl` seconds. */
static bool is_seen(const timeline *t, size_t i, otr_time at, uint32_t ttl)
{
    otr_time end = i + 1 < t->count ? t->from[i + 1] : at + 1;

    return t->from[i] <= at && end > at - (otr_time)ttl && end > t->from[i];
}

static size_t version_at(const timeline *t, otr_time at)
{
    size_t i = t->count - 1;

    while (i > 0 && t->from[i] > at)
        i--;
    return i;
}

/* Keys ----------------------------------------------------------------------------------------------------------------- */

#define TLSA_TTL 5000

typedef struct keys_world {
    timeline records, shown; /* "3 1 1 a|3 1 1 b" or "nodata"; "a" */
    bool is_hasty;           /* does not wait */
} keys_world;

static const otr_dns_answer *tlsa_answer(const char *records)
{
    char text[400];

    snprintf(text, sizeof(text), "secure %u %s", TLSA_TTL, records);
    return otr_scene_answer("_25._tcp." HOST, OTR_RR_TLSA, text);
}

/* Every usable combination of parameters has a record that matches (RFC 7671 §8.4). */
static bool is_matched(const otr_dns_answer *answer, const otr_tlsa_source *shown)
{
    for (size_t i = 0; i < answer->rr_count; i++) {
        otr_tlsa r = otr_tlsa_from_rdata(answer->rrs[i].tlsa.rdata, answer->rrs[i].tlsa.len);
        bool is_good = otr_tlsa_check(&r) != OTR_TLSA_USABLE;

        for (size_t j = 0; j < answer->rr_count && !is_good; j++) {
            otr_tlsa other = otr_tlsa_from_rdata(answer->rrs[j].tlsa.rdata, answer->rrs[j].tlsa.len);

            is_good = other.usage == r.usage && other.selector == r.selector && other.mtype == r.mtype && otr_tlsa_is_of(&other, shown);
        }
        if (!is_good)
            return false;
    }
    return true;
}

/* The first moment at which somebody with some version meets a server that does not match it; 0: there is none. */
static otr_time first_harm(const keys_world *w, otr_time from, otr_time until)
{
    for (otr_time at = from; at <= until; at += 100) {
        const otr_tlsa_source *shown = otr_scene_source(w->shown.what[version_at(&w->shown, at)]);

        for (size_t i = 0; i < w->records.count; i++)
            if (is_seen(&w->records, i, at, TLSA_TTL) && !is_matched(tlsa_answer(w->records.what[i]), shown))
                return at;
    }
    return 0;
}

/* The RRset with these added and those taken away, in the words of the scene. */
static void apply(keys_world *w, const otr_step *step, otr_time at)
{
    char text[300] = "";
    const otr_dns_answer *now = tlsa_answer(current(&w->records));
    static const char *const names[] = { "a", "b", "r" };
    static const char *const forms[] = { "3 1 1", "3 1 2", "2 1 1", "2 0 1", "3 0 1" };

    for (size_t f = 0; f < 5; f++)
        for (size_t n = 0; n < 3; n++) {
            otr_tlsa_form form;
            otr_tlsa_digest digest;
            otr_tlsa tlsa;
            bool is_there = false;

            assert_int_equal(otr_tlsa_form_parse(forms[f], 5, &form, NULL), OUTRIDER_OK);
            assert_int_equal(otr_tlsa_make(otr_scene_source(names[n]), form, &digest, NULL), OUTRIDER_OK);
            tlsa = otr_tlsa_of_digest(&digest);
            for (size_t i = 0; i < now->rr_count; i++)
                is_there |= now->rrs[i].tlsa.len == (size_t)digest.len + 3 && now->rrs[i].tlsa.rdata[0] == form.usage &&
                            now->rrs[i].tlsa.rdata[1] == form.selector && memcmp(now->rrs[i].tlsa.rdata + 3, tlsa.data, tlsa.len) == 0;
            for (size_t i = 0; i < step->add_count; i++)
                is_there |= step->add[i].rdata.len == (size_t)digest.len + 3 && (uint8_t)step->add[i].rdata.ptr[0] == form.usage &&
                            (uint8_t)step->add[i].rdata.ptr[1] == form.selector &&
                            memcmp(step->add[i].rdata.ptr + 3, tlsa.data, tlsa.len) == 0;
            for (size_t i = 0; i < step->remove_count; i++)
                if (step->remove[i].rdata.len == (size_t)digest.len + 3 && (uint8_t)step->remove[i].rdata.ptr[0] == form.usage &&
                    (uint8_t)step->remove[i].rdata.ptr[1] == form.selector &&
                    memcmp(step->remove[i].rdata.ptr + 3, tlsa.data, tlsa.len) == 0)
                    is_there = false;
            if (is_there && (form.usage == 3 || n == 0)) /* the issuer of all three is one */
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s", *text != '\0' ? "|" : "", forms[f], names[n]);
        }
    change(&w->records, at, *text != '\0' ? text : "nodata");
}

/* Carries out a plan made at `now`; returns when it is done. */
static otr_time live(keys_world *w, const char *next, otr_time now)
{
    otr_records_host host = { .host = HOST, .base_domain = HOST, .port = 25, .ttl = 3600, .is_mx = true, .is_known = true,
                              .address_status = OTR_DNS_SECURE };
    otr_records_question q = { .domain = "example.org", .hosts = &host, .host_count = 1, .has_whole_ttls = true, .now = now };
    otr_records *plan;
    otr_time done = now;

    otr_scene_sources(current(&w->shown), &host.chains, &host.chain_count);
    otr_scene_sources(next, &host.next, &host.next_count);
    host.tlsa = tlsa_answer(current(&w->records));
    q.sts = otr_scene_answer("_mta-sts.example.org", OTR_RR_TXT, "secure 60 nodata");
    plan = otr_records_make(&q);
    assert_non_null(plan);
    for (size_t i = 0; i < plan->step_count; i++) {
        otr_time at = w->is_hasty ? now : plan->steps[i].earliest;

        done = at > done ? at : done;
        if (plan->steps[i].kind == OTR_STEP_RECORDS)
            apply(w, &plan->steps[i], done);
        else if (plan->steps[i].kind == OTR_STEP_KEY)
            change(&w->shown, done, next);
        else
            fail_msg("a step of an unexpected kind: %s", plan->steps[i].what);
    }
    otr_records_free(plan);
    return done;
}

/* PUB-12, PUB-13, PUB-14: key after key, from each way to begin, in each form. */
static void keys_change_without_harm(void **state)
{
    static const struct { const char *row, *records; bool is_harm_from_the_start; } rows[] = {
        { "from nothing", "nodata", false },
        { "from 3 1 1", "3 1 1 a", false },
        { "from 3 1 1 and 2 1 1", "3 1 1 a|2 1 1 a", false },
        { "from SHA2-512 beside SHA2-256", "3 1 1 a|3 1 2 a", false },
        { "from 2 1 1 alone", "2 1 1 a", false },
        { "from two keys", "3 1 1 a|3 1 1 b", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const char *const keys[] = { "b", "r", "a", "b" };
        keys_world w = { 0 };
        otr_time now = OTR_SCENE_NOW, harm;

        change(&w.records, now - 10 * TLSA_TTL, rows[i].records);
        change(&w.shown, now - 10 * TLSA_TTL, "a");
        for (size_t k = 0; k < 4; k++)
            now = live(&w, keys[k], now) + 10;
        harm = first_harm(&w, OTR_SCENE_NOW - TLSA_TTL, now + TLSA_TTL);
        if (harm != 0)
            fail_msg("%s: harm at +%lld: %s while %s is shown", rows[i].row, (long long)(harm - OTR_SCENE_NOW),
                     w.records.what[version_at(&w.records, harm)], w.shown.what[version_at(&w.shown, harm)]);
        assert_int_equal(w.shown.count, 5);
    }
}

static void haste_does_harm_to_keys(void **state)
{
    keys_world w = { .is_hasty = true };

    (void)state;
    change(&w.records, OTR_SCENE_NOW - 10 * TLSA_TTL, "3 1 1 a");
    change(&w.shown, OTR_SCENE_NOW - 10 * TLSA_TTL, "a");
    live(&w, "b", OTR_SCENE_NOW);
    assert_int_not_equal(first_harm(&w, OTR_SCENE_NOW, OTR_SCENE_NOW + TLSA_TTL), 0);
}

/* MX hosts --------------------------------------------------------------------------------------------------------------- */

#define STS_TTL 700
#define MX_TTL 1900

typedef struct hosts_world {
    timeline served, record, mx; /* patterns; an id; hosts. Words with blanks between */
    bool is_hasty;
} hosts_world;

static bool has_word(const char *words, const char *word, size_t len)
{
    for (const char *at = words; (at = strstr(at, word)) != NULL; at++)
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0') && strncmp(at, word, len) == 0)
            return true;
    return false;
}

static bool admits(const char *patterns, const char *hosts)
{
    char copy[300], *save = NULL;

    snprintf(copy, sizeof(copy), "%s", hosts);
    for (char *host = strtok_r(copy, " ", &save); host != NULL; host = strtok_r(NULL, " ", &save))
        if (!has_word(patterns, host, strlen(host)))
            return false;
    return true;
}

/* Whether somebody who sees id version r at a time may hold policy version p: it was served while that id could be seen. */
static bool is_held(const hosts_world *w, size_t r, size_t p, otr_time at)
{
    otr_time end = p + 1 < w->served.count ? w->served.from[p + 1] : at + 1;

    return is_seen(&w->record, r, at, STS_TTL) && w->served.from[p] <= at && end > w->record.from[r];
}

static otr_time first_refusal(const hosts_world *w, otr_time from, otr_time until)
{
    for (otr_time at = from; at <= until; at += 20)
        for (size_t m = 0; m < w->mx.count; m++)
            for (size_t r = 0; is_seen(&w->mx, m, at, MX_TTL) && r < w->record.count; r++)
                for (size_t p = 0; p < w->served.count; p++)
                    if (is_held(w, r, p, at) && !admits(w->served.what[p], w->mx.what[m]))
                        return at;
    return 0;
}

/* A step of the plan that changes the policy: HTTPS, then the record. */
static void serve(hosts_world *w, otr_time at, const char *patterns)
{
    char id[20];

    snprintf(id, sizeof(id), "%zu", w->record.count + 7);
    change(&w->served, at, patterns);
    change(&w->record, at, id);
}

static void move(hosts_world *w)
{
    static const char *const mx[] = { "mx1.example.org" };
    static const char *const joining[] = { "mx2.example.org" };
    otr_records_host hosts[] = { { .host = "mx1.example.org", .base_domain = "mx1.example.org", .port = 25, .is_mx = true } };
    otr_records_question q = { .domain = "example.org", .source = OTR_POLICY_IN_SERVICE, .id = "7", .mode = OTR_STS_ENFORCE, .mx = mx,
                               .mx_count = 1, .hosts = hosts, .host_count = 1, .joining = joining, .joining_count = 1, .leaving = mx,
                               .leaving_count = 1, .has_whole_ttls = true, .now = OTR_SCENE_NOW };
    char text[100];
    otr_records *plan;
    size_t mx_steps = 0, policy_steps = 0;

    snprintf(text, sizeof(text), "secure %u v=STSv1; id=7;", STS_TTL);
    q.sts = otr_scene_answer("_mta-sts.example.org", OTR_RR_TXT, text);
    snprintf(text, sizeof(text), "secure %u 10 mx1.example.org", MX_TTL);
    q.mx_answer = otr_scene_answer("example.org", OTR_RR_MX, text);
    q.policy_a = otr_scene_answer("mta-sts.example.org", OTR_RR_A, "secure 60 192.0.2.1");
    q.policy_aaaa = otr_scene_answer("mta-sts.example.org", OTR_RR_AAAA, "secure 60 nodata");
    plan = otr_records_make(&q);
    assert_non_null(plan);
    for (size_t i = 0; i < plan->step_count; i++) {
        otr_time at = w->is_hasty ? OTR_SCENE_NOW + (otr_time)i * 20 : plan->steps[i].earliest;

        if (plan->steps[i].kind == OTR_STEP_MX)
            change(&w->mx, at, mx_steps++ == 0 ? "mx1.example.org mx2.example.org" : "mx2.example.org");
        else if (plan->steps[i].kind == OTR_STEP_CONFIGURE)
            serve(w, at, policy_steps++ == 0 ? "mx1.example.org mx2.example.org" : "mx2.example.org");
    }
    assert_int_equal(mx_steps, 2);
    assert_int_equal(policy_steps, 2);
    otr_records_free(plan);
}

/* PUB-06: from one MX host to another while senders enforce. */
static void hosts_change_without_harm(void **state)
{
    hosts_world w = { 0 };
    otr_time refusal;

    (void)state;
    change(&w.served, OTR_SCENE_NOW - 100000, "mx1.example.org");
    change(&w.record, OTR_SCENE_NOW - 100000, "7");
    change(&w.mx, OTR_SCENE_NOW - 100000, "mx1.example.org");
    move(&w);
    refusal = first_refusal(&w, OTR_SCENE_NOW - MX_TTL, OTR_SCENE_NOW + 20000);
    if (refusal != 0)
        fail_msg("a sender leaves out an MX host at +%lld", (long long)(refusal - OTR_SCENE_NOW));
}

static void haste_does_harm_to_hosts(void **state)
{
    hosts_world w = { .is_hasty = true };

    (void)state;
    change(&w.served, OTR_SCENE_NOW - 100000, "mx1.example.org");
    change(&w.record, OTR_SCENE_NOW - 100000, "7");
    change(&w.mx, OTR_SCENE_NOW - 100000, "mx1.example.org");
    move(&w);
    assert_int_not_equal(first_refusal(&w, OTR_SCENE_NOW, OTR_SCENE_NOW + 20000), 0);
}

static int open_scene(void **state)
{
    (void)state;
    otr_scene_open();
    return 0;
}

static int close_scene(void **state)
{
    (void)state;
    otr_scene_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_change_without_harm),
        cmocka_unit_test(haste_does_harm_to_keys),
        cmocka_unit_test(hosts_change_without_harm),
        cmocka_unit_test(haste_does_harm_to_hosts),
    };
    return cmocka_run_group_tests(tests, open_scene, close_scene);
}

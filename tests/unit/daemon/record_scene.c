/*
 * record_scene.c - see record_scene.h.
 */
#include "record_scene.h"

#include "support/cmocka_all.h"

#include <stdio.h>

fixture f;
struct event_base *base;
otr_worker *worker;
otr_mailbox replies;
otr_answer *answer; /* of the last question; a reference */
otr_cert roots[3];
STACK_OF(X509) *policy_chains[3], *mx_chains[3], *neighbour_chains[3]; /* a leaf of each root */

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

int make_certificates(void **state)
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

int free_certificates(void **state)
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
otr_anchors *make_anchors(otr_on_change on_change)
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

otr_answer *ask(const char *text)
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

void expect_level(const char *text, otr_level level)
{
    ask(text);
    if (answer->verdict->level != level)
        fail_msg("%s: got %s, want %s: %s", text, otr_level_names[answer->verdict->level], otr_level_names[level],
                 answer->verdict->reason);
}

void script(const char *rule)
{
    otr_scripted_add(worker->resolver, rule);
}

void script_policy_of(const char *domain, const char *id, const char *body)
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

void script_hosts(void)
{
    script("mx.example.org A insecure ttl=900 192.0.2.25");
    script("mx.example.org AAAA insecure ttl=900 nodata");
}

/* What the owner publishes, and from which root the certificate of his policy host comes. */
void publish(const char *id, const char *body, int root)
{
    otr_scripted_reset(worker->resolver);
    script_hosts();
    script_policy_of("example.org", id, body);
    otr_scripted_fetcher_shows(worker->fetcher, "example.org", policy_chains[root], NOW);
}

void use_anchors(otr_anchors *anchors)
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

int start_logging(void **state)
{
    (void)state;
    start(OTR_ON_CHANGE_LOG);
    return 0;
}

int start_deferring(void **state)
{
    (void)state;
    start(OTR_ON_CHANGE_DEFER);
    return 0;
}

int stop(void **state)
{
    (void)state;
    otr_answer_unref(answer);
    answer = NULL;
    fixture_end(&f, worker, base, &replies);
    return 0;
}

void pass(otr_time seconds)
{
    otr_clock_set(&f.clock, otr_clock_now(&f.clock) + seconds);
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

void expect_recorded(const char *domain, const char *want)
{
    struct looking looking = { "nothing" };
    outrider_diag diag = { 0 };
    bool is_found;

    if (otr_store_dependant(f.store, domain, otr_clock_now(&f.clock), NULL, describe, &looking, &is_found, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    if (strcmp(looking.text, want) != 0)
        fail_msg("%s\n  got  %s\n  want %s", domain, looking.text, want);
}

unsigned long counted(unsigned cell)
{
    uint64_t cells[OTR_CELL_COUNT];

    otr_metrics_sum(cells);
    return (unsigned long)cells[cell];
}

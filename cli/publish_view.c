/*
 * publish_view.c - see publish_view.h.
 */
#include "cli/publish_view.h"

#include "cli/command.h"
#include "cli/settings.h"
#include "cli/trust_common.h"
#include "dns/unbound.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SMTP_PORT 25
#define DOMAINS_AT_ONCE 8
#define VISITS_AT_ONCE 10
#define VISIT_GAP_MS 50          /* they are our own hosts, or those of our provider */
#define ADDRESS_GAP_MS 500
#define VISIT_TIMEOUT_MS 20000
#define INTERRUPTED 130

/* Opening ----------------------------------------------------------------------------------------------------- */

static int find_ehlo(const char *what, const char *ehlo, char name[OTR_DOMAIN_SIZE])
{
    char own[OTR_DOMAIN_SIZE];
    outrider_diag diag;

    if (ehlo == NULL && gethostname(own, sizeof(own)) == 0) {
        own[sizeof(own) - 1] = '\0';
        ehlo = own;
    }
    if (ehlo != NULL && otr_domain_normalize(ehlo, strlen(ehlo), name, &diag) == OUTRIDER_OK)
        return EX_OK;
    return otr_complain(EX_USAGE, what, "\"%.100s\" is no name for EHLO; give one with --ehlo", ehlo != NULL ? ehlo : "");
}

/* Without a rule for anybody: what these senders trust, they trust for everybody. */
static int read_programs(const char *what, otr_publish_view *view)
{
    const otr_list *list = &view->conf->policy_host.root_programs;

    if (list->count > OTR_FACT_PROGRAMS_MAX)
        return otr_complain(EX_CONFIG, what, "root_programs: more than %d bundles", OTR_FACT_PROGRAMS_MAX);
    for (size_t i = 0; i < list->count; i++) {
        outrider_diag diag = { 0 };
        outrider_err err = otr_anchors_load(list->values[i], &view->anchors[i], &diag);

        if (err != OUTRIDER_OK)
            return otr_trust_complain(what, err, &diag);
        view->programs[i] = (otr_program_facts){ list->values[i], otr_anchors_for(view->anchors[i], "example.org") };
        view->program_count++;
    }
    return EX_OK;
}

static void on_tested(void *arg, otr_selftest_result result, const char *words)
{
    otr_publish_view *view = arg;

    view->resolver_state = result == OTR_SELFTEST_OK ? OTR_RESOLVER_VALIDATES : OTR_RESOLVER_DOES_NOT;
    snprintf(view->resolver_words, sizeof(view->resolver_words), "%s", words != NULL ? words : "");
    event_base_loopbreak(view->lookout.base);
}

static int test_resolver(const char *what, otr_publish_view *view)
{
    if (otr_selftest_start(view->lookout.resolver, on_tested, view) != OUTRIDER_OK)
        return otr_complain(EX_OSERR, what, "out of memory");
    event_base_dispatch(view->lookout.base);
    return EX_OK;
}

int otr_publish_view_open(const char *what, const char *config, const char *ehlo, otr_publish_view *view)
{
    outrider_diag diag = { 0 };
    outrider_err err;
    int status = find_ehlo(what, ehlo, view->ehlo);

    if (status != EX_OK)
        return status;
    view->conf = otr_read_settings(config, &status);
    if (view->conf == NULL || (status = read_programs(what, view)) != EX_OK)
        return status;
    err = otr_lookout_open(&view->lookout, view->conf, view->anchors[0], NULL, &diag);
    if (err != OUTRIDER_OK)
        return otr_trust_complain(what, err, &diag);
    return test_resolver(what, view);
}

void otr_publish_view_clear(otr_publish_view *view)
{
    otr_probe_desk_free(view->desk);
    otr_lookout_close(&view->lookout);
    for (size_t i = 0; i < view->program_count; i++)
        otr_anchors_free(view->anchors[i]);
    otr_conf_free(view->conf);
}

/* What is meant ------------------------------------------------------------------------------------------------- */

const otr_publish_conf *otr_publish_find(const otr_conf *conf, const char *domain)
{
    for (size_t i = 0; i < conf->publish_count; i++)
        if (strcmp(conf->publish[i].domain, domain) == 0)
            return &conf->publish[i];
    return NULL;
}

void otr_publish_mean_configured(otr_publish_look *look)
{
    const otr_publish_conf *c = look->conf;

    look->has_meant = true;
    look->meant = (otr_meant){
        .publication = { .domain = c->domain, .mode = (otr_sts_mode)c->mode, .mx = c->mx.values, .mx_count = c->mx.count,
                         .max_age = c->max_age },
        .wants_reports = c->tlsrpt.count > 0,
    };
}

outrider_err otr_publish_propose(otr_publish_look *look, otr_sts_mode mode, outrider_diag *diag)
{
    otr_buf text = OTR_BUF_INIT;
    outrider_err err;

    otr_publish_mean_configured(look);
    look->meant.publication.mode = mode;
    look->meant.is_proposal = true;
    err = otr_publication_text(&look->meant.publication, &text, diag);
    if (err == OUTRIDER_OK)
        err = otr_publication_id(text.data, text.len, look->meant.id);
    if (err == OUTRIDER_OK) {
        look->meant.text_len = text.len;
        look->meant.text = look->text = otr_buf_steal(&text);
    }
    otr_buf_clear(&text);
    return err;
}

void otr_publish_look_clear(otr_publish_look *look)
{
    otr_survey_cancel(look->survey);
    otr_check_report_free(look->report);
    otr_facts_free(look->facts);
    otr_sts_policy_free(look->served);
    free(look->text);
    *look = (otr_publish_look){ 0 };
}

/* Looking -------------------------------------------------------------------------------------------------------- */

typedef struct otr_publish_run {
    const char *what; /* the command, for complaints */
    otr_publish_view *view;
    otr_publish_look *looks;
    size_t count, next, running;
    unsigned groups, timeout_ms;
    bool is_out_of_memory, is_interrupted;
} run;

static void go_on(run *r);

static void on_facts(void *arg, otr_domain_facts *facts)
{
    otr_publish_look *look = arg;
    run *r = look->run;

    look->survey = NULL;
    look->facts = facts;
    if (facts != NULL && (!(r->groups & OTR_CHECKS_DANE) || otr_publish_stage(r->what, r->view, facts)))
        look->report = otr_checks_run(facts, r->groups);
    r->is_out_of_memory = r->is_out_of_memory || look->report == NULL;
    r->running--;
    go_on(r);
}

static void go_on(run *r)
{
    while (r->next < r->count && r->running < DOMAINS_AT_ONCE && !r->is_out_of_memory) {
        otr_publish_look *look = &r->looks[r->next++];
        otr_survey_question question = { .domain = look->conf->domain, .meant = look->has_meant ? &look->meant : NULL, .groups = r->groups,
                                         .timeout_ms = r->timeout_ms };

        look->run = r;
        look->survey = otr_survey_start(&r->view->net, &question, on_facts, look);
        if (look->survey == NULL)
            r->is_out_of_memory = true;
        else
            r->running++;
    }
    if (r->is_out_of_memory || r->running == 0)
        event_base_loopbreak(r->view->lookout.base);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    run *r = arg;

    (void)fd;
    (void)what;
    r->is_interrupted = true;
    event_base_loopbreak(r->view->lookout.base);
}

static bool set_up(otr_publish_view *view, unsigned timeout_ms, bool is_twice)
{
    otr_desk_settings desk = {
        .pace = { .at_once = VISITS_AT_ONCE, .gap_ms = VISIT_GAP_MS, .address_gap_ms = ADDRESS_GAP_MS, .seed = (uint32_t)time(NULL) },
        .port = SMTP_PORT, .timeout_ms = timeout_ms < VISIT_TIMEOUT_MS ? timeout_ms : VISIT_TIMEOUT_MS, .ehlo = view->ehlo,
        .is_twice = is_twice,
    };

    if (view->desk == NULL)
        view->desk = otr_probe_desk_new(view->lookout.base, &desk);
    view->net = (otr_survey_net){
        .base = view->lookout.base, .resolver = view->lookout.resolver, .fetcher = view->lookout.fetcher, .desk = view->desk,
        .clock = &view->lookout.clock, .allow_private = view->conf->sts.allow_private, .resolver_state = view->resolver_state,
        .resolver_words = view->resolver_words, .programs = view->programs, .program_count = view->program_count,
    };
    return view->desk != NULL;
}

int otr_publish_look_at(const char *what, otr_publish_view *view, otr_publish_look *looks, size_t count, unsigned groups,
                        unsigned timeout_ms, bool is_twice)
{
    run r = { .what = what, .view = view, .looks = looks, .count = count, .groups = groups, .timeout_ms = timeout_ms };
    struct event *on_int = evsignal_new(view->lookout.base, SIGINT, on_signal, &r);
    struct event *on_term = evsignal_new(view->lookout.base, SIGTERM, on_signal, &r);

    if (on_int == NULL || on_term == NULL || event_add(on_int, NULL) != 0 || event_add(on_term, NULL) != 0 ||
        !set_up(view, timeout_ms, is_twice))
        r.is_out_of_memory = true;
    else
        go_on(&r);
    if (!r.is_out_of_memory && r.running > 0)
        event_base_dispatch(view->lookout.base);
    for (size_t i = 0; i < count; i++) {
        otr_survey_cancel(looks[i].survey);
        looks[i].survey = NULL;
    }
    if (on_int != NULL)
        event_free(on_int);
    if (on_term != NULL)
        event_free(on_term);
    if (r.is_interrupted)
        return INTERRUPTED;
    return r.is_out_of_memory ? otr_complain(EX_OSERR, what, "out of memory") : EX_OK;
}

bool otr_publish_read_timeout(const char *text, unsigned *timeout)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value < 1 || value > OTR_PUBLISH_TIMEOUT_MAX) {
        otr_complain(EX_USAGE, text, "--timeout takes 1 to %d seconds", OTR_PUBLISH_TIMEOUT_MAX);
        return false;
    }
    *timeout = (unsigned)value;
    return true;
}

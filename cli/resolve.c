/*
 * resolve.c - DNS discovery and, once there are MX hosts, the look for a policy beside it, on an event loop of this
 * process; then the decision, and out.
 */
#include "cli/resolve.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "daemon/conf/options.h"
#include "daemon/conf/rule_book.h"
#include "sts/refresh.h"

#include <event2/event.h>

struct errand {
    const otr_conf *conf; /* borrowed */
    struct event_base *base;
    otr_resolver *resolver;
    otr_fetcher *fetcher;
    otr_anchors *anchors;
    otr_clock clock;
    otr_sts_net net;
    otr_mx_finding *mx;   /* NULL until discovery has ended */
    otr_sts_entry *entry; /* what is known of the policy: nothing, until the look for it has ended */
    unsigned waiting;     /* flows under way */
    bool is_out_of_memory;
};

static void one_has_ended(struct errand *e)
{
    if (--e->waiting == 0)
        event_base_loopbreak(e->base);
}

static void on_finding(void *arg, otr_mx_finding *finding)
{
    struct errand *e = arg;

    e->mx = finding;
    one_has_ended(e);
}

static void on_entry(void *arg, otr_sts_entry *entry)
{
    struct errand *e = arg;

    otr_sts_entry_unref(e->entry);
    e->entry = entry;
    one_has_ended(e);
}

static void look_for_policy(void *arg)
{
    struct errand *e = arg;

    if (otr_sts_refresh_start(&e->net, e->entry, OTR_STS_DUE_RECORD, on_entry, e) != NULL)
        e->waiting++;
    else
        e->is_out_of_memory = true;
}

static outrider_err open_errand(struct errand *e, outrider_diag *diag)
{
    otr_unbound_options dns = otr_conf_unbound(e->conf);
    otr_fetcher_options https = OTR_FETCHER_OPTIONS_INIT;
    outrider_err err;

    https.timeout_ms = e->conf->sts.fetch_timeout * 1000;
    otr_clock_init(&e->clock, 0);
    e->base = event_base_new();
    if (e->base == NULL)
        return OUTRIDER_E_NOMEM;
    if ((err = otr_conf_anchors(e->conf, NULL, 0, otr_clock_now(&e->clock), &e->anchors, diag)) != OUTRIDER_OK ||
        (err = otr_unbound_new(e->base, &dns, &e->resolver, diag)) != OUTRIDER_OK ||
        (err = otr_curl_fetcher_new(e->base, &https, &e->fetcher, diag)) != OUTRIDER_OK)
        return err;
    e->net = (otr_sts_net){
        .base = e->base, .resolver = e->resolver, .fetcher = e->fetcher, .clock = &e->clock, .anchors = e->anchors,
        .pace = otr_conf_pace(e->conf), .fetch_ms = https.timeout_ms, .allow_private = e->conf->sts.allow_private,
    };
    return OUTRIDER_OK;
}

/* An address literal has no policy and nothing to look up (M1). */
static bool find_out(struct errand *e, const otr_destination *destination)
{
    otr_discover_settings settings = otr_conf_discover(e->conf);

    if (destination->kind == OTR_TO_ADDRESS) {
        e->mx = otr_mx_finding_of_address(destination, otr_clock_now(&e->clock));
        return e->mx != NULL;
    }
    e->entry = otr_sts_entry_new(destination->domain);
    if (e->entry == NULL || otr_discover_start(e->resolver, &e->clock, &settings, destination, look_for_policy,
                                               on_finding, e) == NULL)
        return false;
    e->waiting = 1;
    if (destination->kind == OTR_TO_HOST)
        look_for_policy(e);
    return event_base_dispatch(e->base) >= 0 && e->mx != NULL && !e->is_out_of_memory;
}

static int print_verdict(struct errand *e, otr_query_form form)
{
    otr_decide_settings settings = otr_conf_decide(e->conf);
    otr_anchor_views views = otr_conf_views(e->conf);
    otr_verdict *v = otr_decide(e->mx, e->entry, false, &settings, e->anchors, otr_clock_now(&e->clock));
    otr_buf out = OTR_BUF_INIT;
    int status;

    if (v != NULL && form == OTR_QUERY_JSON) {
        otr_render_json(v, &views, &out);
        otr_buf_putc(&out, '\n');
    } else if (v != NULL) {
        otr_render_text(v, &views, form == OTR_QUERY_EXPLAIN, &out);
    }
    if (v == NULL || out.err != OUTRIDER_OK)
        status = otr_complain(EX_OSERR, "query", "out of memory");
    else
        status = v->level == OTR_LEVEL_DEFER ? EX_TEMPFAIL : EX_OK;
    fwrite(otr_buf_text(&out), 1, out.len, stdout);
    otr_buf_clear(&out);
    otr_verdict_unref(v);
    return otr_flush_output(status);
}

static void close_errand(struct errand *e)
{
    otr_fetcher_free(e->fetcher);
    otr_resolver_free(e->resolver);
    otr_mx_finding_unref(e->mx);
    otr_sts_entry_unref(e->entry);
    otr_anchors_free(e->anchors);
    if (e->base != NULL)
        event_base_free(e->base);
}

int otr_resolve_directly(const otr_destination *destination, otr_query_form form, const char *config)
{
    struct errand e = { 0 };
    outrider_diag diag = { 0 };
    outrider_err err;
    otr_conf *conf;
    int status = EX_OK;

    conf = otr_read_settings(config, &status);
    if (conf == NULL)
        return status;
    e.conf = conf;
    err = open_errand(&e, &diag);
    if (err != OUTRIDER_OK)
        status = otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_CONFIG, "query", "%s",
                              err == OUTRIDER_E_NOMEM ? "out of memory" : diag.message);
    else if (!find_out(&e, destination))
        status = otr_complain(EX_OSERR, "query", "out of memory");
    else
        status = print_verdict(&e, form);
    close_errand(&e);
    otr_conf_free(conf);
    return status;
}

/*
 * lookout.c - each look is two flows side by side, discovery and the look for a policy; the second to end decides.
 */
#include "cli/lookout.h"

#include "daemon/conf/options.h"
#include "daemon/conf/rule_book.h"
#include "verdict/decide.h"
#include "verdict/discover.h"

#include <event2/event.h>
#include <stdlib.h>

struct otr_look {
    otr_lookout *lookout;     /* borrowed */
    otr_destination destination;
    otr_discover *discover;   /* owned; set while it is under way */
    otr_sts_refresh *refresh; /* owned; set while it is under way */
    struct event *ending;     /* owned; where there is nothing to look up */
    otr_mx_finding *mx;       /* owned reference; NULL until discovery has ended */
    otr_sts_entry *entry;     /* owned reference; nothing in it until the look for a policy has ended */
    bool is_out_of_memory;
    otr_look_done *done;
    void *arg;
};

static outrider_err take_anchors(otr_lookout *l, otr_anchors *anchors, outrider_diag *diag)
{
    if (anchors == NULL)
        return otr_conf_anchors(l->conf, NULL, 0, otr_clock_now(&l->clock), &l->anchors, diag);
    l->anchors = otr_anchors_ref(anchors);
    return OUTRIDER_OK;
}

outrider_err otr_lookout_open(otr_lookout *l, const otr_conf *conf, otr_anchors *anchors, otr_store *store,
                              outrider_diag *diag)
{
    otr_unbound_options dns = otr_conf_unbound(conf);
    otr_fetcher_options https = OTR_FETCHER_OPTIONS_INIT;
    outrider_err err;

    l->conf = conf;
    l->store = store;
    https.timeout_ms = conf->sts.fetch_timeout * 1000;
    otr_clock_init(&l->clock, 0);
    l->base = event_base_new();
    if (l->base == NULL)
        return OUTRIDER_E_NOMEM;
    if ((err = take_anchors(l, anchors, diag)) != OUTRIDER_OK ||
        (err = otr_unbound_new(l->base, &dns, &l->resolver, diag)) != OUTRIDER_OK ||
        (err = otr_curl_fetcher_new(l->base, &https, &l->fetcher, diag)) != OUTRIDER_OK)
        return err;
    l->net = (otr_sts_net){
        .base = l->base, .resolver = l->resolver, .fetcher = l->fetcher, .clock = &l->clock, .anchors = l->anchors,
        .pace = otr_conf_pace(conf), .fetch_ms = https.timeout_ms, .allow_private = conf->sts.allow_private,
    };
    return OUTRIDER_OK;
}

void otr_lookout_close(otr_lookout *l)
{
    otr_fetcher_free(l->fetcher);
    otr_resolver_free(l->resolver);
    otr_anchors_free(l->anchors);
    if (l->base != NULL)
        event_base_free(l->base);
}

void otr_look_cancel(otr_look *look)
{
    if (look == NULL)
        return;
    otr_discover_cancel(look->discover);
    otr_sts_refresh_cancel(look->refresh);
    if (look->ending != NULL)
        event_free(look->ending);
    otr_mx_finding_unref(look->mx);
    otr_sts_entry_unref(look->entry);
    free(look);
}

/* done() may start the next look, so nothing of this one is left by then. */
static void end_if_complete(otr_look *look)
{
    otr_lookout *l = look->lookout;
    otr_decide_settings settings = otr_conf_decide(l->conf);
    otr_look_done *done = look->done;
    void *arg = look->arg;
    otr_verdict *verdict = NULL;

    if (look->discover != NULL || look->refresh != NULL)
        return;
    if (look->mx != NULL && !look->is_out_of_memory)
        verdict = otr_decide(look->mx, look->entry, false, &settings, l->anchors, otr_clock_now(&l->clock));
    otr_look_cancel(look);
    done(arg, verdict);
}

static void on_finding(void *arg, otr_mx_finding *finding)
{
    otr_look *look = arg;

    look->discover = NULL;
    look->mx = finding;
    end_if_complete(look);
}

static void on_entry(void *arg, otr_sts_entry *entry)
{
    otr_look *look = arg;

    look->refresh = NULL;
    otr_sts_entry_unref(look->entry);
    look->entry = entry;
    end_if_complete(look);
}

static void look_for_policy(void *arg)
{
    otr_look *look = arg;

    look->refresh = otr_sts_refresh_start(&look->lookout->net, look->entry, OTR_STS_DUE_RECORD, on_entry, look);
    if (look->refresh == NULL)
        look->is_out_of_memory = true;
}

static void on_nothing_to_look_up(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    end_if_complete(arg);
}

/* An address literal has no policy and nothing to look up (M1). */
static bool take_address(otr_look *look)
{
    static const struct timeval at_once = { 0 };

    look->mx = otr_mx_finding_of_address(&look->destination, otr_clock_now(&look->lookout->clock));
    look->ending = evtimer_new(look->lookout->base, on_nothing_to_look_up, look);
    return look->mx != NULL && look->ending != NULL && evtimer_add(look->ending, &at_once) == 0;
}

/* A row that cannot be believed is as good as none, as it is for outriderd. */
static bool recall(otr_look *look)
{
    otr_store *store = look->lookout->store;

    if (store != NULL && otr_store_get(store, look->destination.domain, &look->entry, NULL) != OUTRIDER_OK)
        look->entry = NULL;
    if (look->entry == NULL)
        look->entry = otr_sts_entry_new(look->destination.domain);
    return look->entry != NULL;
}

static bool begin(otr_look *look)
{
    otr_lookout *l = look->lookout;
    otr_discover_settings settings = otr_conf_discover(l->conf);

    if (l->takes_own_hosts)
        settings.own_hosts = NULL;
    if (look->destination.kind == OTR_TO_ADDRESS)
        return take_address(look);
    if (!recall(look))
        return false;
    look->discover = otr_discover_start(l->resolver, &l->clock, &settings, &look->destination, look_for_policy,
                                        on_finding, look);
    if (look->discover != NULL && look->destination.kind == OTR_TO_HOST)
        look_for_policy(look);
    return look->discover != NULL;
}

otr_look *otr_look_start(otr_lookout *l, const otr_destination *destination, otr_look_done *done, void *arg)
{
    otr_look *look = calloc(1, sizeof(*look));

    if (look == NULL)
        return NULL;
    look->lookout = l;
    look->destination = *destination;
    look->done = done;
    look->arg = arg;
    if (!begin(look)) {
        otr_look_cancel(look);
        return NULL;
    }
    return look;
}

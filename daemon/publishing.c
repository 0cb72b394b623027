/*
 * publishing.c - see publishing.h.
 */
#include "daemon/publishing.h"

#include "base/diag.h"

#include <stdlib.h>

static otr_web_kind kind_of(otr_protocol protocol)
{
    return protocol == OTR_POLICY_HTTPS ? OTR_WEB_HTTPS : protocol == OTR_POLICY_PLAIN ? OTR_WEB_PLAIN : OTR_WEB_ACME;
}

static void tell(void *arg, otr_tally *tally)
{
    otr_publisher_tell(arg, tally);
}

static outrider_err start_server(otr_publishing *publishing, const otr_conf *conf, const otr_sockets *sockets, otr_clock *clock,
                                 outrider_diag *diag)
{
    size_t count = sockets->policy_count;
    const otr_listener *first = sockets->listeners + sockets->count - count;
    otr_web_listener *listeners;
    outrider_err err;

    if (count == 0)
        return OUTRIDER_OK;
    listeners = calloc(count, sizeof(*listeners));
    if (listeners == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        listeners[i] = (otr_web_listener){ first[i].fd, kind_of(first[i].protocol) };
    err = otr_policy_server_start(&(otr_policy_server_options){ .listeners = listeners, .listener_count = count,
                                                                .site = otr_publisher_site(publishing->publisher), .clock = clock,
                                                                .tell = tell, .tell_arg = publishing->publisher,
                                                                .connections_max = conf->policy_host.connections,
                                                                .connections_per_address = conf->policy_host.connections_per_address,
                                                                .timeout_ms = conf->policy_host.timeout * 1000 },
                                  &publishing->server, diag);
    free(listeners);
    return err;
}

unsigned long otr_publishing_connections(const otr_conf *conf)
{
    const otr_listen_conf *groups[] = { &conf->policy_host.https, &conf->policy_host.plain, &conf->policy_host.acme };
    size_t listeners = 0;

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        listeners += groups[i]->listen.count;
    return listeners > 0 ? conf->policy_host.connections + listeners : 0;
}

outrider_err otr_publishing_start(otr_publishing *publishing, const otr_conf *conf, const otr_sockets *sockets, otr_store *store,
                                  otr_clock *clock, outrider_diag *diag)
{
    outrider_err err = otr_publisher_new(conf, store, clock, &publishing->publisher, diag);

    if (err == OUTRIDER_OK)
        err = otr_publisher_start(publishing->publisher, diag);
    return err == OUTRIDER_OK ? start_server(publishing, conf, sockets, clock, diag) : err;
}

/* The server tells the last of what it handed out while it ends. */
void otr_publishing_stop(otr_publishing *publishing)
{
    otr_policy_server_stop(publishing->server);
    publishing->server = NULL;
    otr_publisher_stop(publishing->publisher);
}

void otr_publishing_clear(otr_publishing *publishing)
{
    otr_publisher_free(publishing->publisher);
    publishing->publisher = NULL;
}

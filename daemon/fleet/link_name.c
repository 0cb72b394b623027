/*
 * link_name.c - from the name in the URL to an address, by libevent's resolver, which does not block: of several addresses the next one
 * with each attempt. No DNSSEC: it is TLS that says whether this is our Redis.
 */
#include "daemon/fleet/link_inside.h"

#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE 100 /* turns of the loop until libevent has told of a lookup that was cancelled; it takes one */

struct otr_link_lookup {
    otr_link *link;
    bool is_forsaken;
};

static size_t count_addresses(const struct evutil_addrinfo *list)
{
    size_t count = 0;

    for (; list != NULL; list = list->ai_next)
        count++;
    return count;
}

static void connect_to_one(otr_link *link, const struct evutil_addrinfo *list)
{
    for (size_t skip = link->failures % count_addresses(list); skip > 0; skip--)
        list = list->ai_next;
    if (bufferevent_socket_connect(link->bev, list->ai_addr, (int)list->ai_addrlen) != 0)
        otr_link_fail(link, "it cannot be connected to");
}

/* Perhaps from inside evdns_getaddrinfo(), for what /etc/hosts knows. */
static void on_addresses(int result, struct evutil_addrinfo *list, void *arg)
{
    struct otr_link_lookup *lookup = arg;
    otr_link *link = lookup->link;
    bool is_forsaken = lookup->is_forsaken;

    link->lookups--;
    free(lookup);
    if (!is_forsaken) {
        link->lookup = NULL;
        link->request = NULL;
        if (result == 0 && list != NULL) {
            connect_to_one(link, list);
        } else {
            snprintf(link->why, sizeof(link->why), "the name %.150s: %.60s", link->settings->url->host, evutil_gai_strerror(result));
            otr_link_fail(link, link->why);
        }
    }
    if (list != NULL)
        evutil_freeaddrinfo(list);
}

/* /etc/hosts is read once, /etc/resolv.conf for each connection: it changes while a machine runs. */
static bool prepare(otr_link *link)
{
    if (link->dns == NULL) {
        link->dns = evdns_base_new(link->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (link->dns == NULL)
            return false;
        evdns_base_load_hosts(link->dns, "/etc/hosts"); /* without one only DNS knows the name */
    } else {
        evdns_base_clear_nameservers_and_suspend(link->dns);
    }
    /* What it cannot find there is 127.0.0.1, as in resolv.conf(5). */
    evdns_base_resolv_conf_parse(link->dns, DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC, "/etc/resolv.conf");
    evdns_base_resume(link->dns);
    return true;
}

bool otr_link_connect_name(otr_link *link)
{
    struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = EVUTIL_AI_ADDRCONFIG };
    struct otr_link_lookup *lookup = calloc(1, sizeof(*lookup));
    struct evdns_getaddrinfo_request *request;
    uint64_t connection = link->connection;
    char port[8];

    if (lookup == NULL || !prepare(link)) {
        free(lookup);
        return false;
    }
    lookup->link = link;
    link->lookup = lookup;
    link->lookups++;
    snprintf(port, sizeof(port), "%u", link->settings->url->port);
    request = evdns_getaddrinfo(link->dns, link->settings->url->host, port, &hints, on_addresses, lookup);
    if (link->connection == connection && link->lookup != NULL)
        link->request = request;
    return true; /* what has failed by now has been told of */
}

/* It is told of once more, later, as cancelled. */
void otr_link_drop_lookup(otr_link *link)
{
    struct evdns_getaddrinfo_request *request = link->request;

    if (link->lookup != NULL)
        link->lookup->is_forsaken = true;
    link->lookup = NULL;
    link->request = NULL;
    if (request != NULL)
        evdns_getaddrinfo_cancel(request);
}

void otr_link_close_names(otr_link *link)
{
    if (link->dns == NULL)
        return;
    for (int i = 0; i < PATIENCE && link->lookups > 0; i++)
        event_base_loop(link->base, EVLOOP_NONBLOCK);
    evdns_base_free(link->dns, 0);
    link->dns = NULL;
}

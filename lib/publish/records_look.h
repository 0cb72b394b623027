/*
 * records_look.h - looking up what records.h compares with: the names of a domain, its MX hosts, their addresses and TLSA records; and the
 * zones that names are in.
 *
 * Asked first is a resolver that goes to the authoritative servers itself and has just begun, so that TTLs are whole and nothing is old;
 * what it cannot find out (port 53 may be closed) the usual one is asked.
 */
#ifndef OTR_PUBLISH_RECORDS_LOOK_H
#define OTR_PUBLISH_RECORDS_LOOK_H

#include "dns/resolver.h"

#include <outrider/base.h>

#define OTR_RECORDS_HOSTS_MAX 50  /* MX hosts and those named beside; more is refused */
#define OTR_RECORDS_LOOK_MS 20000 /* for each round of questions */

typedef struct otr_records_net {
    struct event_base *base;  /* nothing else should be on it that minds */
    otr_resolver *fresh;      /* NULL: none */
    otr_resolver *usual;
} otr_records_net;

/* A host that somebody knows of: its port, and whether it is looked at although it is no MX host. */
typedef struct otr_records_named {
    const char *host; /* normal form */
    uint16_t port;
    bool is_wanted;
} otr_records_named;

typedef struct otr_host_view {
    const char *host;
    uint16_t port;
    bool is_mx;
    const char *base_domain;       /* RFC 7672 §2.2.3 */
    otr_dns_status address_status; /* the better of both families; of an alias that ends unsigned, that of the alias */
    otr_dns_answer *a, *aaaa, *alias; /* owned; alias: the CNAME question */
    otr_dns_answer *tlsa[2];          /* owned; at the end of the alias, and at the host itself */
    const otr_dns_answer *records; /* the one of `tlsa` at the base domain */
} otr_host_view;

typedef struct otr_records_view {
    otr_dns_answer *mx, *sts, *tlsrpt, *policy_a, *policy_aaaa; /* owned, as the hosts' */
    otr_host_view hosts[OTR_RECORDS_HOSTS_MAX];
    size_t host_count;
    bool has_whole_ttls;           /* all came from authoritative servers */
    otr_arena *arena;
} otr_records_view;

/* `view` is zeroed, and to be cleared either way. OUTRIDER_OK, OUTRIDER_E_LIMIT (diag) or OUTRIDER_E_NOMEM. */
outrider_err otr_records_look(const otr_records_net *net, const char *domain, const otr_records_named *named, size_t named_count,
                              otr_records_view *view, outrider_diag *diag);
void otr_records_view_clear(otr_records_view *view);

/* The zone that a name is in, by its SOA record, in the arena; "" if it cannot be found out. OUTRIDER_OK or OUTRIDER_E_NOMEM. */
outrider_err otr_records_find_zone(const otr_records_net *net, otr_arena *arena, const char *name, const char **zone);

#endif

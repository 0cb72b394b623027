/*
 * whole.c - what must hold between the settings of a configuration.
 */
#include "daemon/conf/draft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* The line of a setting by the place of its value; 0 if it is a default. */
static unsigned line_of(const otr_conf_draft *draft, size_t offset)
{
    for (size_t i = 0; i < otr_setting_count; i++)
        if (otr_settings[i].offset == offset)
            return draft->lines[i];
    return 0;
}

#define LINE_OF(draft, member) line_of((draft), offsetof(otr_conf, member))

static void check_readable(otr_conf_draft *draft, const char *what, const char *path, unsigned line)
{
    if (access(path, R_OK) != 0)
        MISTAKE(draft, line, "%s: %s: %s", what, path, strerror(errno));
}

static void check_files(otr_conf_draft *draft)
{
    const otr_conf *c = draft->conf;

    check_readable(draft, "trust_anchor", c->dns.trust_anchor, LINE_OF(draft, dns.trust_anchor));
    for (size_t i = 0; i < c->dns.extra_anchors.count; i++)
        check_readable(draft, "extra_anchors", c->dns.extra_anchors.values[i], LINE_OF(draft, dns.extra_anchors));
    if (c->dns.mode == OTR_DNS_RECURSIVE)
        check_readable(draft, "root_hints", c->dns.root_hints, LINE_OF(draft, dns.root_hints));
    else if (c->dns.forwarders.count == 0)
        check_readable(draft, "resolv_conf", c->dns.resolv_conf, LINE_OF(draft, dns.resolv_conf));
    for (size_t i = 0; i < c->rule_count; i++)
        if (c->rules[i].roots[0] == '/')
            check_readable(draft, "roots", c->rules[i].roots, draft->rule_lines[i]);
    if (c->anchors.exim_own[0] == '/')
        check_readable(draft, "exim_own", c->anchors.exim_own, LINE_OF(draft, anchors.exim_own));
    if (c->anchors.postfix_own[0] == '/')
        check_readable(draft, "postfix_own", c->anchors.postfix_own, LINE_OF(draft, anchors.postfix_own));
    if (*c->anchors.crls != '\0')
        check_readable(draft, "crls", c->anchors.crls, LINE_OF(draft, anchors.crls));
}

static void fill_group(otr_listen_conf *listen)
{
    struct group *group = listen->group != NULL && *listen->group != '\0' ? getgrnam(listen->group) : NULL;

    listen->gid = group != NULL ? group->gr_gid : (gid_t)-1;
}

static void fill_addresses(otr_conf_draft *draft, otr_listen_conf *listen)
{
    listen->addresses = otr_arena_alloc(draft->conf->arena, listen->listen.count + 1, sizeof(*listen->addresses));
    for (size_t i = 0; listen->addresses != NULL && i < listen->listen.count; i++)
        (void)otr_listen_address_parse(listen->listen.values[i], &listen->addresses[i], NULL); /* as when it was taken */
    fill_group(listen);
}

/* No address of `listen` in another place of its list, nor among those of a section before it. */
static void check_apart(otr_conf_draft *draft, const otr_listen_conf *listen, const otr_listen_conf *before, unsigned line)
{
    if (listen->addresses == NULL || before->addresses == NULL)
        return; /* out of memory, which is told of at the end */
    for (size_t i = 0; i < listen->listen.count; i++)
        for (size_t j = 0; j < (before == listen ? i : before->listen.count); j++)
            if (otr_listen_address_same(&listen->addresses[i], &before->addresses[j]))
                MISTAKE(draft, line, "listen: %s is given twice", listen->addresses[i].text);
}

static void check_listeners(otr_conf_draft *draft)
{
    otr_conf *c = draft->conf;
    otr_listen_conf *const sections[] = { &c->socketmap, &c->line, &c->http, &c->control, &c->policy_host.https,
                                          &c->policy_host.plain, &c->policy_host.acme };
    const unsigned lines[] = { LINE_OF(draft, socketmap.listen), LINE_OF(draft, line.listen), LINE_OF(draft, http.listen),
                               LINE_OF(draft, control.listen), LINE_OF(draft, policy_host.https.listen),
                               LINE_OF(draft, policy_host.plain.listen), LINE_OF(draft, policy_host.acme.listen) };

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        fill_addresses(draft, sections[i]);
        for (size_t j = 0; j <= i; j++)
            check_apart(draft, sections[i], sections[j], lines[i]);
    }
    if (c->socketmap.listen.count + c->line.listen.count + c->policy_host.https.listen.count +
            c->policy_host.plain.listen.count == 0)
        MISTAKE(draft, lines[1], "no section has an address to listen on");
}

/* What can be said there changes what is demanded of destinations: nobody but the administrator is to reach it. */
static void check_control(otr_conf_draft *draft)
{
    const otr_conf *c = draft->conf;
    unsigned line = LINE_OF(draft, control.listen);

    for (size_t i = 0; i < c->control.listen.count; i++)
        if (c->control.addresses != NULL && c->control.addresses[i].len > 0 &&
            c->control.addresses[i].sockaddr.ss_family != AF_UNIX)
            MISTAKE(draft, line, "control: %s: only Unix sockets, which know who is there",
                    c->control.listen.values[i]);
    if ((c->control.mode & 07) != 0)
        MISTAKE(draft, LINE_OF(draft, control.mode), "control: mode %04o lets everybody in", c->control.mode);
    if (*c->control.group != '\0' && (c->control.mode & 070) != 0 &&
        (strcmp(c->control.group, c->line.group) == 0 || strcmp(c->control.group, c->socketmap.group) == 0))
        MISTAKE(draft, LINE_OF(draft, control.group), "control: group \"%s\" is that of a mail server's socket",
                c->control.group);
}

/* inet sockets of these addresses only: what is said there in clear text stays on this machine. */
static bool is_of_this_machine(const otr_listen_address *address)
{
    const struct sockaddr_in *v4 = (const void *)&address->sockaddr;
    const struct sockaddr_in6 *v6 = (const void *)&address->sockaddr;

    switch (address->sockaddr.ss_family) {
    case AF_INET:
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    default:
        return true;
    }
}

static void check_policy_host(otr_conf_draft *draft)
{
    const otr_conf *c = draft->conf;
    unsigned https = LINE_OF(draft, policy_host.https.listen), plain = LINE_OF(draft, policy_host.plain.listen);
    const otr_listen_conf *h = &c->policy_host.https, *p = &c->policy_host.plain, *a = &c->policy_host.acme;

    for (size_t i = 0; h->addresses != NULL && i < h->listen.count; i++)
        if (h->addresses[i].sockaddr.ss_family == AF_UNIX)
            MISTAKE(draft, https, "listen: %s: a Unix socket behind a reverse proxy is for plain", h->listen.values[i]);
    for (size_t i = 0; p->addresses != NULL && i < p->listen.count; i++)
        if (!is_of_this_machine(&p->addresses[i]))
            MISTAKE(draft, plain, "plain: %s: without TLS only on Unix sockets and on loopback addresses, behind a reverse proxy",
                    p->listen.values[i]);
    if (a->listen.count > 0 && *c->policy_host.acme_directory == '\0')
        MISTAKE(draft, LINE_OF(draft, policy_host.acme.listen), "acme: needs acme_directory, where the challenges are");
    for (size_t i = 0; h->listen.count > 0 && i < c->publish_count; i++)
        if (*c->publish[i].certificate == '\0')
            MISTAKE(draft, c->publish[i].line, "publish \"%s\" needs certificate and key for mta-sts.%s", c->publish[i].domain,
                    c->publish[i].domain);
    for (size_t i = 0; i < c->policy_host.root_programs.count; i++)
        if (*c->policy_host.root_programs.values[i] == '/')
            check_readable(draft, "root_programs", c->policy_host.root_programs.values[i],
                           LINE_OF(draft, policy_host.root_programs));
}

/* A path is one more way to write store.path. */
static void check_store(otr_conf_draft *draft)
{
    otr_conf *c = draft->conf;
    unsigned line = LINE_OF(draft, fleet.store);
    const unsigned places[] = { LINE_OF(draft, fleet.password_file), LINE_OF(draft, fleet.ca), LINE_OF(draft, fleet.name),
                                LINE_OF(draft, fleet.prefix) };

    if (c->fleet.store[0] == '/' && LINE_OF(draft, store.path) > 0)
        MISTAKE(draft, line, "store: the path is set in the section \"store\" as well, on line %u", LINE_OF(draft, store.path));
    if (c->fleet.store[0] == '/')
        c->store.path = c->fleet.store;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !c->fleet.is_on && draft->mistakes->count == 0; i++)
        if (places[i] > 0)
            MISTAKE(draft, places[i], "fleet: has no effect without store = \"redis://...\" at top level");
    if (c->fleet.url.password[0] != '\0' && *c->fleet.password_file != '\0')
        MISTAKE(draft, LINE_OF(draft, fleet.password_file), "password_file: there is a password in the URL of store as well");
    if (LINE_OF(draft, fleet.ca) > 0 && c->fleet.is_on && !c->fleet.url.is_tls)
        MISTAKE(draft, LINE_OF(draft, fleet.ca), "ca: has no effect without rediss://");
    if (c->fleet.ca[0] == '/')
        check_readable(draft, "ca", c->fleet.ca, LINE_OF(draft, fleet.ca));
}

void otr_conf_check_whole(otr_conf_draft *draft)
{
    otr_conf *c = draft->conf;

    check_listeners(draft);
    check_control(draft);
    check_policy_host(draft);
    check_store(draft);
    if (c->dns.mode == OTR_DNS_RECURSIVE && c->dns.forwarders.count > 0)
        MISTAKE(draft, LINE_OF(draft, dns.forwarders), "forwarders: of no use with mode = recursive");
    if (c->sts.fetch_timeout >= c->limits.answer && LINE_OF(draft, sts.fetch_timeout) > 0)
        MISTAKE(
            draft, LINE_OF(draft, sts.fetch_timeout),
            "fetch_timeout: %u s is not less than limits.answer (%u s): a first question could never end in a verdict",
            c->sts.fetch_timeout, c->limits.answer);
    if (*c->group != '\0' && *c->user == '\0')
        MISTAKE(draft, LINE_OF(draft, group), "group: has no effect without user");
    check_files(draft);
}

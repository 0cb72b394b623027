/*
 * reach.c - see reach.h.
 */
#include "daemon/sandbox/reach.h"

#include "base/diag.h"
#include "daemon/conf/rule_book.h"

#include <stdlib.h>
#include <string.h>

#define DNS_PORT 53
#define HTTPS_PORT 443

/* What libraries look at by themselves. Nothing secret lies there. */
static const otr_reach of_libraries[] = {
    { "/usr", OTR_REACH_READ },
    { "/lib", OTR_REACH_READ }, /* the C library loads libgcc when a thread is first cancelled */
    { "/lib64", OTR_REACH_READ },
    { "/etc/ssl", OTR_REACH_READ }, /* openssl.cnf; private keys below it are protected by their mode */
    { "/etc/localtime", OTR_REACH_READ },
    { "/sys/devices/system/cpu", OTR_REACH_READ }, /* malloc(3) and liburcu count processors */
    { "/dev/null", OTR_REACH_FILE },
    { "/dev/urandom", OTR_REACH_READ },
};

static void add_path(otr_reaches *r, const char *path, unsigned rights)
{
    otr_reach *paths;

    for (size_t i = 0; i < r->path_count; i++)
        if (strcmp(r->paths[i].path, path) == 0) {
            r->paths[i].rights |= rights;
            return;
        }
    paths = reallocarray(r->paths, r->path_count + 1, sizeof(*paths));
    if (paths == NULL) {
        r->is_short = true;
        return;
    }
    r->paths = paths;
    paths[r->path_count++] = (otr_reach){ otr_arena_text(r->arena, path), rights };
}

/* The folder of a file. One at the root of the file system is allowed by itself: not everything because of it. */
static void add_folder_of(otr_reaches *r, const char *file, unsigned rights)
{
    const char *slash = strrchr(file, '/');

    if (slash == NULL)
        return;
    if (slash == file)
        add_path(r, file, rights);
    else
        add_path(r, otr_arena_slice(r->arena, (otr_slice){ file, (size_t)(slash - file) }), rights);
}

/* Where a link leads, it is followed: certbot keeps live/NAME/fullchain.pem -> ../../archive/NAME/fullchain7.pem. */
static void add_file(void *arg, const char *file)
{
    otr_reaches *r = arg;
    char *real;

    if (file[0] != '/')
        return;
    add_folder_of(r, file, OTR_REACH_READ);
    real = realpath(file, NULL);
    if (real != NULL)
        add_folder_of(r, real, OTR_REACH_READ);
    free(real);
}

static void add_port(otr_reaches *r, uint16_t port)
{
    uint16_t *ports;

    for (size_t i = 0; i < r->port_count; i++)
        if (r->ports[i] == port)
            return;
    ports = reallocarray(r->ports, r->port_count + 1, sizeof(*ports));
    if (ports == NULL) {
        r->is_short = true;
        return;
    }
    r->ports = ports;
    ports[r->port_count++] = port;
}

/* "192.0.2.1@5353"; without a port it is that of DNS. */
static void add_server(otr_reaches *r, const char *server)
{
    const char *at = strchr(server, '@');

    add_port(r, at != NULL ? (uint16_t)strtoul(at + 1, NULL, 10) : DNS_PORT);
}

/* A link at /etc/resolv.conf is turned while we run, and leads to below /run with every program that does so. */
static void add_dns(otr_reaches *r, const otr_conf *c)
{
    add_port(r, DNS_PORT);
    for (size_t i = 0; i < c->dns.forwarders.count; i++)
        add_server(r, c->dns.forwarders.values[i]);
    for (size_t i = 0; i < c->dns.stub_count; i++)
        for (const char *const *address = c->dns.stubs[i].addresses; *address != NULL; address++)
            add_server(r, *address);
    if (c->dns.mode == OTR_DNS_FORWARD && c->dns.forwarders.count == 0) {
        add_file(r, c->dns.resolv_conf);
        add_path(r, "/run", OTR_REACH_READ);
    }
    add_file(r, c->dns.trust_anchor);
    add_file(r, c->dns.root_hints);
    for (size_t i = 0; i < c->dns.extra_anchors.count; i++)
        add_file(r, c->dns.extra_anchors.values[i]);
}

/* Our own sockets are removed at the end. */
static void add_sockets(otr_reaches *r, const otr_conf *c)
{
    const otr_listen_conf *const groups[] = { &c->socketmap, &c->line, &c->http, &c->control, &c->policy_host.https,
                                              &c->policy_host.plain, &c->policy_host.acme };

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        for (size_t j = 0; j < groups[i]->listen.count; j++)
            if (groups[i]->addresses[j].sockaddr.ss_family == AF_UNIX)
                add_folder_of(r, otr_listen_path(&groups[i]->addresses[j]), OTR_REACH_REMOVE);
}

static void add_published(otr_reaches *r, const otr_conf *c)
{
    for (size_t i = 0; i < c->publish_count; i++) {
        add_file(r, c->publish[i].certificate);
        add_file(r, c->publish[i].key);
    }
    for (size_t i = 0; i < c->policy_host.root_programs.count; i++)
        add_file(r, otr_rule_book_path(c->policy_host.root_programs.values[i]));
    if (*c->policy_host.acme_directory != '\0')
        add_path(r, c->policy_host.acme_directory, OTR_REACH_READ);
}

/* What is read at each connection to Redis; a Unix socket is reached by connect(), which Landlock does not mind. */
static void add_fleet(otr_reaches *r, const otr_conf *c)
{
    if (!c->fleet.is_on)
        return;
    if (c->fleet.url.host[0] != '\0')
        add_port(r, c->fleet.url.port);
    if (c->fleet.url.host[0] != '\0' && !c->fleet.url.is_address) {
        add_file(r, "/etc/hosts");
        add_file(r, "/etc/resolv.conf");
        add_path(r, "/run", OTR_REACH_READ); /* where a link at /etc/resolv.conf leads, as for DNS above */
        add_port(r, DNS_PORT);
    }
    add_file(r, c->fleet.password_file);
    add_file(r, c->fleet.ca);
}

outrider_err otr_reaches_find(const otr_conf *conf, otr_reaches *reaches)
{
    otr_reaches r = { .arena = otr_arena_new() };

    if (r.arena == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < sizeof(of_libraries) / sizeof(of_libraries[0]); i++)
        add_path(&r, of_libraries[i].path, of_libraries[i].rights);
    add_folder_of(&r, conf->store.path, OTR_REACH_READ | OTR_REACH_WRITE | OTR_REACH_REMOVE);
    if (*conf->anchors.exim_dir != '\0')
        add_path(&r, conf->anchors.exim_dir, OTR_REACH_READ | OTR_REACH_WRITE | OTR_REACH_REMOVE);
    if (*conf->anchors.postfix_dir != '\0')
        add_path(&r, conf->anchors.postfix_dir, OTR_REACH_READ | OTR_REACH_WRITE | OTR_REACH_REMOVE);
    otr_rule_book_each_file(conf, add_file, &r);
    add_dns(&r, conf);
    add_port(&r, HTTPS_PORT);
    add_sockets(&r, conf);
    add_published(&r, conf);
    add_fleet(&r, conf);
    if (r.is_short || otr_arena_failed(r.arena)) {
        otr_reaches_clear(&r);
        return OUTRIDER_E_NOMEM;
    }
    *reaches = r;
    return OUTRIDER_OK;
}

void otr_reaches_clear(otr_reaches *reaches)
{
    free(reaches->paths);
    free(reaches->ports);
    otr_arena_free(reaches->arena);
    *reaches = (otr_reaches){ 0 };
}

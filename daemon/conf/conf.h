/*
 * conf.h - the configuration of outriderd: one struct, filled from a file or from the defaults.
 *
 * The settings themselves (names, types, units, defaults, bounds) are one table in schema.c; what is said
 * there is what the manual says. Every mistake in a file is collected with its line, so that one run of
 * `outriderd -t` shows all of them.
 *
 * Units: seconds and counts. Ownership: everything lives in the arena of the struct.
 */
#ifndef OTR_DAEMON_CONF_H
#define OTR_DAEMON_CONF_H

#include "base/arena.h"
#include "base/log.h"
#include "daemon/listen/address.h"
#include "dns/unbound.h"
#include "fleet/url.h"
#include "sts/policy.h"
#include "trust/anchors.h"
#include "verdict/minimum.h"

#include <stdint.h>
#include <sys/types.h>

#define OTR_CONF_LIMIT (1024 * 1024) /* octets of a configuration file */
#define OTR_MISTAKES_MAX 100         /* that are listed; the rest is counted */
#define OTR_CONF_LIST_MAX 64         /* values of one list */
#define OTR_MX_HOSTS_CEILING 200    /* most that limits.mx_hosts may be set to */

typedef struct otr_list {
    const char *const *values; /* NULL-terminated */
    size_t count;
} otr_list;

/* One group of listening sockets that speak the same protocol. */
typedef struct otr_listen_conf {
    otr_list listen;
    otr_listen_address *addresses; /* listen.count of them */
    const char *group;             /* "" or the group that owns the sockets */
    gid_t gid;                     /* of `group`; (gid_t)-1: leave as it is */
    uint32_t mode;                 /* of Unix sockets */
} otr_listen_conf;

enum { OTR_DNS_FORWARD, OTR_DNS_RECURSIVE };
enum { OTR_ON_UNKNOWN_PROCEED, OTR_ON_UNKNOWN_DEFER };
enum { OTR_COMBINE_DANE_FIRST, OTR_COMBINE_BOTH };

#define OTR_MINIMUM_RULES_MAX 1000
#define OTR_CONF_STUBS_MAX 32
#define OTR_CONF_RULES_MAX 64 /* rules of anchors */
#define OTR_CONF_PUBLISH_MAX 5000 /* domains of ours */
#define OTR_CONF_TLSA_MAX 256     /* MX hosts of ours */

/* One section "anchors". */
typedef struct otr_anchor_conf {
    const char *name;
    const char *roots;   /* "system", "none" or a path */
    otr_list names;      /* whom it is for; empty: everybody */
    otr_list confine;    /* empty: its roots are not confined */
    bool is_only;
    uint32_t on_change;  /* otr_on_change */
} otr_anchor_conf;

/* One section "publish": a domain of ours and its MTA-STS policy. */
typedef struct otr_publish_conf {
    const char *title;       /* as written */
    const char *domain;      /* normal form */
    unsigned line;           /* where it stands */
    uint32_t mode;           /* otr_sts_mode */
    otr_list mx;             /* patterns, normal form */
    uint32_t max_age;        /* s */
    const char *certificate; /* "" or a PEM file: the chain for mta-sts.DOMAIN, leaf first */
    const char *key;
    otr_list tlsrpt;         /* URIs for the record _smtp._tls */
} otr_publish_conf;

/* One section "tlsa": an MX host of ours and the certificates that it shows. */
typedef struct otr_tlsa_conf {
    const char *title;
    const char *host;       /* normal form */
    unsigned line;
    uint32_t port;
    otr_list certificates;  /* PEM files: the chain of each key algorithm */
    otr_list next_keys;     /* PEM files: the key that comes next, one an algorithm */
    uint32_t ttl;           /* s; of the records that are proposed */
    const char *hook;       /* "" or the program that changes the zone */
} otr_tlsa_conf;

typedef struct otr_conf {
    otr_listen_conf socketmap;
    otr_listen_conf line;
    otr_listen_conf http;
    otr_listen_conf control;
    struct {
        otr_listen_conf https, plain, acme;
        const char *acme_directory;       /* "": none */
        otr_list addresses;               /* of this policy host, as the Internet knows it: for `outrider records` */
        otr_list root_programs;           /* bundles, each of which must accept our certificates; "system" or a path */
        uint32_t connections;             /* of all */
        uint32_t connections_per_address; /* of one IPv4 address, or one IPv6 /64 */
        uint32_t timeout;                 /* s; for one request, from its first octet or the handshake on */
    } policy_host;
    struct {
        uint32_t mode; /* OTR_DNS_FORWARD ... */
        otr_list forwarders;
        const char *resolv_conf;
        const char *root_hints;
        const char *trust_anchor;
        otr_list extra_anchors;
        bool allow_localhost;
        bool self_test;
        uint32_t timeout;
        otr_stub_zone stubs[OTR_CONF_STUBS_MAX + 1]; /* ends with a NULL name */
        size_t stub_count;
    } dns;
    struct {
        bool insecure_mx;
    } dane;
    struct {
        uint32_t on_unknown; /* OTR_ON_UNKNOWN_PROCEED ... */
        bool allow_private;
        uint32_t recheck;
        uint32_t refresh;
        uint32_t retry;
        uint32_t fetch_timeout;
    } sts;
    uint32_t combine; /* OTR_COMBINE_DANE_FIRST ... */
    struct {
        const char *exim_dir;     /* "": no files for Exim */
        const char *postfix_dir;  /* "": no files for Postfix */
        const char *postfix_name; /* the same folder as smtp(8) names it */
        const char *exim_own;     /* roots that Exim trusts by itself: "system", a path, or "" (not known) */
        const char *postfix_own;
        const char *crls;         /* "" or a PEM file of revocation lists */
    } anchors;
    otr_anchor_conf rules[OTR_CONF_RULES_MAX]; /* the first is "default" */
    size_t rule_count;
    otr_publish_conf publish[OTR_CONF_PUBLISH_MAX];
    size_t publish_count;
    otr_tlsa_conf tlsa[OTR_CONF_TLSA_MAX];
    size_t tlsa_count;
    struct {
        const char *path;
    } store;
    struct {
        const char *store;         /* as written; a password may stand in it: never shown, never logged */
        otr_fleet_url url;
        bool is_on;                /* `store` is such a URL */
        const char *name;          /* of this member; "": the name of this machine */
        const char *prefix;        /* of all keys */
        const char *password_file; /* "": none */
        const char *ca;            /* "system" or a PEM file */
    } fleet;
    struct {
        uint32_t request, mx_hosts, tlsa_records, answer, waiting, idle, connections, cache;
    } limits;
    struct {
        uint32_t front, resolver;
    } threads;
    otr_minimum_rules minimum;
    otr_list own_hosts; /* normal forms */
    const char *user;
    const char *group;
    bool sandbox;
    uint32_t log;    /* otr_log_level */
    uint32_t log_to; /* otr_log_sink */

    otr_arena *arena; /* owned */
} otr_conf;

typedef struct otr_mistake {
    unsigned line; /* 0: not about a line */
    char reason[300];
} otr_mistake;

typedef struct otr_mistakes {
    size_t count; /* of all that were found; the first OTR_MISTAKES_MAX are kept, in the order of the lines */
    otr_mistake list[OTR_MISTAKES_MAX];
} otr_mistakes;

/*
 * Read and check a configuration. `mistakes` is always written. *conf is written on success only.
 * Returns OUTRIDER_OK, OUTRIDER_E_CONFIG (mistakes tells), OUTRIDER_E_IO (the file cannot be read; mistakes
 * tells) or OUTRIDER_E_NOMEM.
 */
outrider_err otr_conf_read(const char *path, otr_conf **conf, otr_mistakes *mistakes);

/* The same for a text in memory (tests). */
outrider_err otr_conf_parse(const char *text, size_t len, otr_conf **conf, otr_mistakes *mistakes);

void otr_conf_free(otr_conf *conf);

void otr_mistake_add(otr_mistakes *mistakes, unsigned line, const char *format, ...) OUTRIDER_PRINTF(3, 4);

#endif

/*
 * tlsa_common.h - what guard, plan and status share: the settings, looking at DNS and at the host, and the file between runs.
 */
#ifndef OTR_CLI_TLSA_COMMON_H
#define OTR_CLI_TLSA_COMMON_H

#include "daemon/conf/conf.h"
#include "publish/plan_file.h"
#include "publish/service_look.h"

struct json_t;
struct event_base;

/* What guard, plan and status are told in the same words: entries of a table for getopt_long(), whose values otr_tlsa_take_option() knows. */
#define OTR_TLSA_OPTIONS                                                                                                     \
    { "port", required_argument, NULL, 'P' }, { "state", required_argument, NULL, 'S' }, { "json", no_argument, NULL, 'j' }, \
    { "config", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
#define OTR_TLSA_OPTION_AT { "at", required_argument, NULL, 'A' } /* before them, where there is a "what if" */
#define OTR_TLSA_LETTERS "jc:h"

typedef struct otr_tlsa_options {
    const char *config, *state; /* NULL: not given */
    uint16_t port;              /* 0: that of the section, or 25 */
    otr_time at;                /* 0: now */
    bool is_json;
} otr_tlsa_options;

/* One of them, or one that is none. -1 to go on, else an exit status: after the help, or after complaining. */
int otr_tlsa_take_option(const char *what, const char *help, int option, otr_tlsa_options *options);

#define OTR_TLSA_LOCK_MS 5000
#define OTR_TLSA_PROBE_MS 30000

typedef struct otr_tlsa_desk {
    const char *what;      /* the command, for complaints; borrowed */
    const char *config, *state; /* as they were given, NULL: not at all; borrowed */
    const char *directory; /* of state files; borrowed */
    otr_conf *conf;        /* owned; so below */
    struct event_base *base;
    otr_resolver *resolver;
    otr_clock clock;
    char ehlo[OTR_DOMAIN_SIZE];
} otr_tlsa_desk;

/* EX_OK, or a status after complaining; to be closed either way. */
int otr_tlsa_desk_open(otr_tlsa_desk *desk, const char *what, const char *config, const char *directory);
void otr_tlsa_desk_close(otr_tlsa_desk *desk);

/* The section "tlsa" of a host; NULL: none. */
const otr_tlsa_conf *otr_tlsa_conf_of(const otr_tlsa_desk *desk, const char *host);

/* A host in normal form: EX_OK, or EX_USAGE after complaining. */
int otr_tlsa_read_host(const char *what, const char *text, char host[OTR_DOMAIN_SIZE]);

/*
 * Look at DNS. That a zone is not signed is believed only if the resolver is seen to validate. EX_OK, also with trouble; or a status after
 * complaining.
 */
int otr_tlsa_desk_look(otr_tlsa_desk *desk, const char *host, uint16_t port, otr_authority **authority);

/* Look at the host. The texts go into `arena`. */
int otr_tlsa_desk_visit(otr_tlsa_desk *desk, const otr_authority *authority, otr_arena *arena, otr_service *service);

/*
 * What is known of the host, this look included; it is kept if that is possible and wanted, and else said on standard error why not. For
 * commands that do not change the plan. *file is to be closed after EX_OK.
 */
int otr_tlsa_desk_remember(otr_tlsa_desk *desk, const otr_authority *authority, bool is_to_be_kept, otr_plan_file *file);

/* Lines for people, indented; a JSON array. `least`: those below are left out. */
void otr_tlsa_print_findings(const otr_findings *findings, otr_check_status least);
struct json_t *otr_tlsa_findings_json(const otr_findings *findings);

/* RFC 3339, or JSON null for 0 and OTR_NEVER. */
struct json_t *otr_tlsa_time_json(otr_time t);

/* " --config FILE --state DIR --port N", as far as a command about this host needs them to be the same again; in the arena. */
const char *otr_tlsa_repeated(const otr_tlsa_desk *desk, const char *host, uint16_t port, otr_arena *arena);

/* "_25._tcp.mx1.example.org. 3600 IN TLSA 3 1 1 HEX" */
void otr_tlsa_zone_line(const otr_authority *authority, uint32_t ttl, const char *record, otr_buf *out);

#endif

/*
 * tlsa_guard.c - "outrider tlsa guard": would it break DANE for anyone to install this certificate now? Made to stand in a deploy hook before
 * the copy into the mail server's path: any exit status but 0 leaves the old pair where it is.
 */
#include "cli/command.h"
#include "cli/repeat.h"
#include "cli/tlsa_advice.h"

#include "dane/tlsa_make.h"
#include "publish/guard.h"

#include <getopt.h>
#include <jansson.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "tlsa guard"
#define HOSTS_MAX OTR_CONF_TLSA_MAX
#define FILE_LIMIT (512 * 1024)
#define BREAKS 1

static const char help[] =
    "usage: outrider tlsa guard --cert FILE [OPTION...]\n"
    "\n"
    "Would it break DANE for anyone to install this certificate now? Asks every server of the zone and counts what may lie in\n"
    "caches. Installs nothing. What was seen is kept, so that the next run knows since when it is there.\n"
    "\n"
    "      --cert FILE    the chain to be installed, the server's own certificate first\n"
    "      --key FILE     its key, to make sure that they belong together\n"
    "      --host HOST    a mail host that will show it; several are allowed (default: each section tlsa of the\n"
    "                     configuration whose host the certificate names)\n"
    "      --port PORT    instead of that of the section, or 25\n"
    "      --at DATE      what if it were installed then; nothing is kept\n"
    "      --state DIR    where plans and sightings lie (default " OTR_PLAN_DIRECTORY ")\n"
    "  -j, --json\n"
    "  -c, --config FILE  settings (default /etc/outrider/outrider.conf)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 it may be installed, 1 it would break DANE, 64 usage, 65 FILE is no chain or not of this key, 66 FILE\n"
    "cannot be read, 75 it could not be found out, 78 configuration. Install it after 0 only.\n";

typedef struct command {
    const char *cert, *key;
    otr_tlsa_options options;
    const char *words[HOSTS_MAX]; /* of --host */
    size_t word_count;
    char (*hosts)[OTR_DOMAIN_SIZE]; /* owned */
    size_t host_count;
    char *pem;     /* owned */
    size_t len;
    const char *record; /* "3 1 1 HEX" of the chain; owned by `arena` */
    otr_arena *arena;   /* owned */
    otr_tlsa_desk desk;
    json_t *results;    /* owned; of each host, if wanted */
    bool breaks, is_unknown;
} command;

/* The certificate ---------------------------------------------------------------------------------------------------- */

static int check_pair(command *c, const otr_tlsa_sources *chain)
{
    otr_tlsa_sources keys = { 0 };
    outrider_diag diag = { 0 };
    size_t len = 0;
    int status = EX_OK;
    char *pem = otr_read_input(c->key, FILE_LIMIT, &len, &status);

    if (pem == NULL)
        return status;
    if (otr_tlsa_sources_read(pem, len, &keys, &diag) != OUTRIDER_OK)
        status = otr_complain(EX_DATAERR, c->key, "%s", diag.message);
    else if (EVP_PKEY_eq(otr_tlsa_source_key(&keys.list[0]), otr_tlsa_source_key(&chain->list[0])) != 1)
        status = otr_complain(EX_DATAERR, c->key, "not the key of %s", c->cert);
    OPENSSL_cleanse(pem, len);
    free(pem);
    otr_tlsa_sources_clear(&keys);
    return status;
}

/* The chain as it would be sent; the key may stand in the same file, and goes no further than here. */
static int take_chain(command *c, otr_tlsa_sources *sources)
{
    otr_service shown = { .arena = c->arena, .trouble = "" };
    outrider_diag diag = { 0 };
    size_t len = 0;
    int status = EX_OK;
    char *text = otr_read_input(c->cert, FILE_LIMIT, &len, &status);
    outrider_err err;

    if (text == NULL)
        return status;
    err = otr_tlsa_sources_read(text, len, sources, &diag);
    OPENSSL_cleanse(text, len);
    free(text);
    if (err != OUTRIDER_OK)
        return otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_DATAERR, c->cert, "%s", diag.message);
    if (sources->list[0].chain == NULL)
        return otr_complain(EX_DATAERR, c->cert, "holds a key and no certificate");
    if (sources->count > 1)
        return otr_complain(EX_DATAERR, c->cert, "holds more than one chain; the guard judges one at a time");
    if (!otr_service_add(&shown, "", sources->list[0].chain))
        return otr_complain(EX_DATAERR, c->cert, "its key cannot be read");
    c->record = shown.chains[0].record;
    c->len = shown.chains[0].len;
    c->pem = strdup(shown.chains[0].pem);
    if (c->pem == NULL)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    return c->key != NULL ? check_pair(c, sources) : EX_OK;
}

/* Hosts -------------------------------------------------------------------------------------------------------------- */

static int add_host(command *c, const char *host)
{
    for (size_t i = 0; i < c->host_count; i++)
        if (strcmp(c->hosts[i], host) == 0)
            return EX_OK;
    if (c->host_count == HOSTS_MAX)
        return otr_complain(EX_USAGE, WHAT, "more than %d hosts", HOSTS_MAX);
    snprintf(c->hosts[c->host_count++], OTR_DOMAIN_SIZE, "%s", host);
    return EX_OK;
}

/* With usage 3 names do not matter to senders, but here they are all there is to go by. */
static int take_hosts(command *c, X509 *leaf)
{
    char host[OTR_DOMAIN_SIZE];
    int status = EX_OK;

    c->hosts = calloc(HOSTS_MAX, sizeof(*c->hosts));
    if (c->hosts == NULL)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    for (size_t i = 0; i < c->word_count && status == EX_OK; i++)
        if ((status = otr_tlsa_read_host(WHAT, c->words[i], host)) == EX_OK)
            status = add_host(c, host);
    for (size_t i = 0; c->word_count == 0 && i < c->desk.conf->tlsa_count && status == EX_OK; i++)
        if (X509_check_host(leaf, c->desk.conf->tlsa[i].host, 0, 0, NULL) == 1)
            status = add_host(c, c->desk.conf->tlsa[i].host);
    if (status == EX_OK && c->host_count == 0)
        return otr_complain(EX_USAGE, WHAT, "the certificate names no host that has a section tlsa; name the host with --host");
    return status;
}

/* One host ----------------------------------------------------------------------------------------------------------- */

/*
 * Where only time stands in the way, what the host shows may make up for it: with the key that is in service nothing changes. The host
 * is not visited otherwise: the answer is in DNS.
 */
static int judge(command *c, otr_guard_question *q, otr_arena *arena, otr_guard_result *result, otr_findings *findings)
{
    otr_findings again = { .arena = arena, .host = q->authority->host };
    const otr_service_chain *same;
    otr_service service;
    outrider_diag diag = { 0 };
    outrider_err err = otr_guard(q, result, findings, &diag);
    int status;

    if (err == OUTRIDER_OK && result->outcome == OTR_GUARD_WOULD_BREAK && result->record[0] == '\0' && result->safe_from != OTR_NEVER) {
        if ((status = otr_tlsa_desk_visit(&c->desk, q->authority, arena, &service)) != EX_OK)
            return status;
        same = otr_service_with_key(&service, c->record);
        if (same == NULL)
            return EX_OK;
        q->service_pem = same->pem;
        q->service_len = same->len;
        err = otr_guard(q, result, &again, &diag);
        *findings = again;
    }
    if (err == OUTRIDER_OK)
        return EX_OK;
    return otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_DATAERR, c->cert, "%s", diag.message);
}

static uint32_t ttl_for(const command *c, const otr_authority *a)
{
    return otr_tlsa_record_ttl(otr_tlsa_conf_of(&c->desk, a->host), a);
}

/* The same again, later. */
static void print_command(const command *c, const otr_authority *a)
{
    otr_buf out = OTR_BUF_INIT;

    otr_put_option(&out, "--cert", c->cert);
    otr_put_option(&out, "--key", c->key);
    printf("  then: outrider tlsa guard%s --host %s%s\n", otr_buf_text(&out), a->host, otr_tlsa_repeated(&c->desk, a->host, a->port, c->arena));
    otr_buf_clear(&out);
}

static void print_host(const command *c, const otr_authority *a, const otr_guard_result *r, const otr_findings *findings)
{
    static const char *const words[] = {
        [OTR_GUARD_SAFE] = "safe: it may be installed now",
        [OTR_GUARD_NO_TLSA] = "safe: the host has no TLSA record",
        [OTR_GUARD_INSECURE] = "safe: the zone is not signed, DANE does not apply",
        [OTR_GUARD_WOULD_BREAK] = "WOULD BREAK DANE: leave the old certificate in service",
        [OTR_GUARD_UNKNOWN] = "could not be found out: leave the old certificate in service",
    };
    otr_buf line = OTR_BUF_INIT;
    char when[OTR_TIME_TEXT];

    printf("%s:%u  %s\n", a->host, a->port, words[r->outcome]);
    otr_tlsa_print_findings(findings, r->outcome == OTR_GUARD_SAFE ? OTR_CHECK_WARNING : OTR_CHECK_INFO);
    if (r->record[0] != '\0') {
        otr_tlsa_zone_line(a, ttl_for(c, a), r->record, &line);
        printf("  publish beside what is there:\n    %s\n", otr_buf_text(&line));
    }
    if (r->outcome == OTR_GUARD_WOULD_BREAK && r->safe_from != OTR_NEVER)
        printf("  safe from %s%s\n", otr_time_text(r->safe_from, when), r->record[0] != '\0' ? " at the earliest, if it is published now" : "");
    if (r->outcome == OTR_GUARD_WOULD_BREAK)
        print_command(c, a);
    otr_buf_clear(&line);
}

static json_t *host_json(const command *c, const otr_authority *a, const otr_guard_result *r, const otr_findings *findings)
{
    otr_buf line = OTR_BUF_INIT;
    json_t *json;

    if (r->record[0] != '\0')
        otr_tlsa_zone_line(a, ttl_for(c, a), r->record, &line);
    json = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s?, s:s?, s:o, s:o}", "host", a->host, "port", (int)a->port, "outcome",
                     otr_guard_outcome_names[r->outcome], "owner", a->owner, "zone", a->zone, "record",
                     r->record[0] != '\0' ? r->record : NULL, "publish", r->record[0] != '\0' ? otr_buf_text(&line) : NULL, "safe_from",
                     otr_tlsa_time_json(r->outcome == OTR_GUARD_WOULD_BREAK ? r->safe_from : 0), "results",
                     otr_tlsa_findings_json(findings));
    otr_buf_clear(&line);
    return json;
}

static int guard_host(command *c, const char *host)
{
    const otr_tlsa_conf *conf = otr_tlsa_conf_of(&c->desk, host);
    uint16_t port = c->options.port != 0 ? c->options.port : conf != NULL ? (uint16_t)conf->port : 25;
    otr_guard_result result = { .outcome = OTR_GUARD_UNKNOWN };
    otr_authority *a = NULL;
    otr_plan_file file;
    int status = otr_tlsa_desk_look(&c->desk, host, port, &a);

    if (status != EX_OK)
        return status;
    status = otr_tlsa_desk_remember(&c->desk, a, c->options.at == 0, &file);
    if (status == EX_OK) {
        otr_findings findings = { .arena = file.arena, .host = a->host };
        otr_guard_question q = { .authority = a, .history = &file.history, .chain_pem = c->pem, .chain_len = c->len,
                                 .now = c->options.at != 0 ? c->options.at : otr_clock_now(&c->desk.clock) };

        status = judge(c, &q, file.arena, &result, &findings);
        if (status == EX_OK && otr_arena_failed(file.arena)) /* a set that was not kept is none that was looked at */
            status = otr_complain(EX_OSERR, WHAT, "out of memory");
        c->breaks |= status == EX_OK && result.outcome == OTR_GUARD_WOULD_BREAK;
        c->is_unknown |= status == EX_OK && result.outcome == OTR_GUARD_UNKNOWN;
        if (status == EX_OK && c->options.is_json)
            json_array_append_new(c->results, host_json(c, a, &result, &findings));
        else if (status == EX_OK)
            print_host(c, a, &result, &findings);
        otr_plan_close(&file);
    }
    otr_authority_free(a);
    return status;
}

/* All of it ---------------------------------------------------------------------------------------------------------- */

static int run(command *c)
{
    otr_tlsa_sources sources = { 0 };
    int status = otr_tlsa_desk_open(&c->desk, WHAT, c->options.config, c->options.state);

    if (status == EX_OK)
        status = take_chain(c, &sources);
    if (status == EX_OK)
        status = take_hosts(c, sk_X509_value(sources.list[0].chain, 0));
    otr_tlsa_sources_clear(&sources);
    for (size_t i = 0; i < c->host_count && status == EX_OK; i++)
        status = guard_host(c, c->hosts[i]);
    if (status != EX_OK)
        return status;
    status = c->breaks ? BREAKS : c->is_unknown ? EX_TEMPFAIL : EX_OK;
    if (!c->options.is_json)
        return otr_flush_output(status);
    return otr_print_json(json_pack("{s:b, s:s, s:O}", "safe", status == EX_OK, "key", c->record, "hosts", c->results), status);
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, command *c)
{
    static const struct option options[] = {
        { "cert", required_argument, NULL, 'C' }, { "key", required_argument, NULL, 'K' }, { "host", required_argument, NULL, 'H' },
        OTR_TLSA_OPTION_AT, OTR_TLSA_OPTIONS,
    };
    int option, status = -1;

    optind = 1;
    while (status < 0 && (option = getopt_long(argc, argv, OTR_TLSA_LETTERS, options, NULL)) != -1) {
        switch (option) {
        case 'C': c->cert = optarg; break;
        case 'K': c->key = optarg; break;
        case 'H':
            if (c->word_count == HOSTS_MAX)
                return otr_complain(EX_USAGE, WHAT, "more than %d hosts", HOSTS_MAX);
            c->words[c->word_count++] = optarg;
            break;
        default: status = otr_tlsa_take_option(WHAT, help, option, &c->options);
        }
    }
    if (status >= 0)
        return status;
    if (optind < argc)
        return otr_complain(EX_USAGE, argv[optind], "unexpected; hosts are named with --host");
    if (c->cert == NULL)
        return otr_complain(EX_USAGE, WHAT, "--cert is missing");
    return -1;
}

int otr_cmd_tlsa_guard(int argc, char **argv)
{
    command c = { 0 };
    int status = read_options(argc, argv, &c);

    if (status >= 0)
        return status;
    c.arena = otr_arena_new();
    c.results = json_array();
    status = c.arena != NULL && c.results != NULL ? run(&c) : otr_complain(EX_OSERR, WHAT, "out of memory");
    otr_tlsa_desk_close(&c.desk);
    json_decref(c.results);
    free(c.hosts);
    free(c.pem);
    otr_arena_free(c.arena);
    return status;
}

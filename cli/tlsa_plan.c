/*
 * tlsa_plan.c - "outrider tlsa plan": a change of keys behind TLSA records, one run a step. Each run looks at DNS and at the host, goes as far
 * as is safe, says what is to be changed, and keeps the state before anybody acts on it: so it may be killed and repeated at any point.
 */
#include "cli/command.h"
#include "cli/hook_run.h"
#include "cli/tlsa_advice.h"
#include "cli/tlsa_key.h"
#include "publish/guard.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "tlsa plan"
#define CRITICAL 1

static const char help[] =
    "usage: outrider tlsa plan HOST [OPTION...]\n"
    "\n"
    "Change the key behind the TLSA records of a mail host, one run a step: publish the next record beside the old one, wait for\n"
    "caches, have the next key installed, verify it from outside, take the old record away. A run looks, goes as far as is\n"
    "safe, and says what is to be done next; it may be repeated at any time.\n"
    "\n"
    "      --next-key FILE   a key (or chain) that comes next, one for each algorithm; begins a change (default: next_keys of\n"
    "                        the configuration)\n"
    "      --new-key ALG     make one: rsa or ecdsa\n"
    "      --scheme SCHEME   3-1-1 (default), or 3-1-1+2-1-1: the record of the issuer as well\n"
    "      --emergency       the key is lost or stolen: do not wait\n"
    "      --nsupdate        print the change of DNS as lines for nsupdate, and nothing else\n"
    "      --run-hook        hand them to the program `hook' of the section tlsa\n"
    "      --port PORT       instead of that of the section, or 25\n"
    "      --state DIR       where plans and sightings lie (default " OTR_PLAN_DIRECTORY ")\n"
    "  -j, --json\n"
    "  -c, --config FILE     settings (default /etc/outrider/outrider.conf)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 done as far as can be, 1 the same, and something is wrong already, 64 usage, 65 this cannot begin, or the\n"
    "state file is odd, 66 FILE cannot be read, 69 the hook failed, 73 a key cannot be made, 75 something could not be\n"
    "found out, or another run is at work, 78 configuration.\n";

typedef struct command {
    const char *host_word, *scheme_word;
    otr_tlsa_options given;
    const char *next_keys[OTR_ROLLOVER_PAIRS_MAX], *new_keys[OTR_ROLLOVER_PAIRS_MAX];
    size_t next_key_count, new_key_count;
    otr_rollover_scheme scheme;
    bool is_emergency, is_nsupdate, runs_hook;
    uint16_t port;
    char host[OTR_DOMAIN_SIZE];
    const char *options; /* to be repeated in commands */
    const otr_tlsa_conf *section;
    otr_tlsa_desk desk;
    otr_plan_file file;
    bool is_open;            /* file */
    otr_authority *authority; /* owned */
    otr_service service;
    otr_rollover_advice advice;
    otr_findings findings;
} command;

/* Looking ------------------------------------------------------------------------------------------------------------ */

static int look(command *c)
{
    int status;

    otr_authority_free(c->authority);
    c->authority = NULL;
    status = otr_tlsa_desk_look(&c->desk, c->host, c->port, &c->authority);
    if (status == EX_OK)
        status = otr_tlsa_desk_visit(&c->desk, c->authority, c->file.arena, &c->service);
    if (status == EX_OK)
        otr_history_observe(&c->file.history, c->authority, otr_clock_now(&c->desk.clock));
    return status;
}

static otr_rollover_facts facts_of(command *c)
{
    return (otr_rollover_facts){ .authority = c->authority, .history = &c->file.history, .service = &c->service,
                                 .now = otr_clock_now(&c->desk.clock) };
}

static int save(command *c)
{
    outrider_diag diag = { 0 };

    if (otr_plan_save(&c->file, &diag) == OUTRIDER_OK)
        return EX_OK;
    return otr_complain(EX_CANTCREAT, WHAT, "%s", diag.message);
}

/* The keys ----------------------------------------------------------------------------------------------------------- */

static bool is_idle(const command *c)
{
    return c->file.rollover.state == OTR_ROLLOVER_IDLE || c->file.rollover.state == OTR_ROLLOVER_TRIMMED;
}

static bool is_in_service(const command *c, const char *record)
{
    for (size_t i = 0; i < c->service.count; i++)
        if (strcmp(c->service.chains[i].record, record) == 0)
            return true;
    return false;
}

/* A key whose time has come is in service, and no next one any more: a command that is repeated once too often does nothing. */
static void drop_used(command *c, otr_rollover_key *keys, size_t *count)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        if (!is_in_service(c, keys[i].record))
            keys[kept++] = keys[i];
        else if (c->next_key_count > 0)
            otr_complain(EX_OK, keys[i].path, "this key is in service already");
    }
    *count = kept;
}

static int take_configured(command *c, otr_rollover_key *keys, size_t *count)
{
    int status = EX_OK;

    for (size_t i = 0; c->section != NULL && i < c->section->next_keys.count && status == EX_OK; i++)
        status = otr_tlsa_keys_read(WHAT, c->section->next_keys.values[i], c->file.arena, keys, count);
    return status;
}

/* A key is made once: a command that is repeated after the state was kept finds it staged. */
static int take_keys(command *c, otr_rollover_key *keys, size_t *count)
{
    int status = EX_OK;

    for (size_t i = 0; i < c->next_key_count && status == EX_OK; i++)
        status = otr_tlsa_keys_read(WHAT, c->next_keys[i], c->file.arena, keys, count);
    for (size_t i = 0; i < c->new_key_count && status == EX_OK && is_idle(c); i++)
        status = otr_tlsa_key_make(WHAT, c->desk.directory, c->host, c->port, c->new_keys[i], otr_clock_now(&c->desk.clock), c->file.arena, keys,
                                   count);
    if (status == EX_OK && c->next_key_count + c->new_key_count == 0 && is_idle(c))
        status = take_configured(c, keys, count);
    if (status == EX_OK && is_idle(c))
        drop_used(c, keys, count);
    return status;
}

/* What stands in the way of a beginning is told before a key is made. */
static int stage(command *c)
{
    otr_rollover_key keys[OTR_ROLLOVER_PAIRS_MAX];
    otr_rollover_facts facts = facts_of(c);
    otr_rollover trial = c->file.rollover;
    outrider_diag diag = { 0 };
    size_t count = 0;
    int status;

    if (c->scheme_word == NULL)
        c->scheme = c->file.rollover.scheme;
    if (c->next_key_count + c->new_key_count > 0 && is_idle(c) &&
        otr_rollover_stage(&trial, &facts, c->scheme, c->is_emergency, NULL, 0, &diag) != OUTRIDER_OK)
        return otr_complain(*c->authority->trouble != '\0' || *c->service.trouble != '\0' ? EX_TEMPFAIL : EX_DATAERR, c->host, "%s", diag.message);
    status = take_keys(c, keys, &count);
    if (status != EX_OK)
        return status;
    if (count == 0 && c->is_emergency && is_idle(c))
        return otr_complain(EX_USAGE, c->host, "an emergency needs the next key: --next-key or --new-key");
    if (count == 0 && is_idle(c)) {
        if (c->file.rollover.state == OTR_ROLLOVER_TRIMMED)
            c->file.rollover = (otr_rollover){ .arena = c->file.arena, .since = facts.now, .scheme = c->file.rollover.scheme };
        return EX_OK;
    }
    if (otr_rollover_stage(&c->file.rollover, &facts, c->scheme, c->is_emergency, keys, count, &diag) != OUTRIDER_OK)
        return otr_complain(*c->authority->trouble != '\0' || *c->service.trouble != '\0' ? EX_TEMPFAIL : EX_DATAERR, c->host, "%s", diag.message);
    return EX_OK;
}

/* The step ----------------------------------------------------------------------------------------------------------- */

static int step(command *c)
{
    otr_rollover_facts facts = facts_of(c);

    c->findings = (otr_findings){ .arena = c->file.arena, .host = c->host };
    otr_rollover_step(&c->file.rollover, &facts, &c->advice, &c->findings);
    otr_guard_look_at_records(c->authority, &c->file.history, facts.now, &c->findings);
    if (*c->service.unseen != '\0')
        otr_finding_add(&c->findings, "smtp.connect", OTR_CHECK_INFO, "not looked at, for this machine has no way there: %s", c->service.unseen);
    if (otr_arena_failed(c->file.arena))
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    return save(c);
}

static otr_tlsa_report report_of(const command *c)
{
    return (otr_tlsa_report){ .authority = c->authority, .rollover = &c->file.rollover, .advice = &c->advice, .findings = &c->findings,
                              .service = &c->service, .ttl = otr_tlsa_record_ttl(c->section, c->authority), .options = c->options };
}

/* The program's word is its exit status; whether DNS has changed, the servers are asked. What it prints is for the operator. */
static int run_hook(command *c)
{
    otr_tlsa_report report = report_of(c);
    otr_buf lines = OTR_BUF_INIT, output = OTR_BUF_INIT, shown = OTR_BUF_INIT;
    const char *variables[] = { otr_arena_printf(c->file.arena, "OUTRIDER_HOST=%s", c->host),
                                otr_arena_printf(c->file.arena, "OUTRIDER_ZONE=%s", c->authority->zone),
                                otr_arena_printf(c->file.arena, "OUTRIDER_OWNER=%s", c->authority->name), NULL };
    char why[128] = "";
    int status = EX_OK;

    otr_tlsa_nsupdate(&report, &lines);
    if (lines.len > 0 && !otr_hook_run(c->section->hook, variables, lines.data, lines.len, OTR_HOOK_TIMEOUT_S, &output, why)) {
        otr_buf_put_printable(&shown, otr_buf_text(&output), 500);
        status = otr_complain(EX_UNAVAILABLE, c->section->hook, "%s%s%s", why, shown.len > 0 ? ": " : "", otr_buf_text(&shown));
    }
    otr_buf_clear(&lines);
    otr_buf_clear(&output);
    otr_buf_clear(&shown);
    return status;
}

static int go_on(command *c)
{
    int status = look(c);

    if (status == EX_OK)
        status = stage(c);
    if (status == EX_OK)
        status = step(c);
    if (status != EX_OK || !c->runs_hook || c->advice.add_count + c->advice.remove_count == 0)
        return status;
    status = run_hook(c);
    if (status == EX_OK)
        status = look(c);
    return status == EX_OK ? step(c) : status;
}

static int print(const command *c)
{
    otr_tlsa_report report = report_of(c);
    otr_buf lines = OTR_BUF_INIT;
    int status = c->advice.act == OTR_ACT_FIND_OUT ? EX_TEMPFAIL :
                 otr_findings_worst(&c->findings) == OTR_CHECK_CRITICAL ? CRITICAL : EX_OK;

    if (c->given.is_json)
        return otr_print_json(otr_tlsa_report_json(&report), status);
    if (c->is_nsupdate) {
        otr_tlsa_nsupdate(&report, &lines);
        fputs(otr_buf_text(&lines), stdout);
        otr_buf_clear(&lines);
        if (c->advice.add_count + c->advice.remove_count == 0)
            otr_complain(EX_OK, c->host, "%s: %s", otr_rollover_state_names[c->file.rollover.state], c->advice.words);
    } else {
        otr_tlsa_print_report(&report, OTR_CHECK_INFO);
    }
    return otr_flush_output(status);
}

/* All of it ---------------------------------------------------------------------------------------------------------- */

static int open_all(command *c)
{
    outrider_diag diag = { 0 };
    bool is_busy = false;
    int status = otr_tlsa_read_host(WHAT, c->host_word, c->host);
    outrider_err err;

    if (status == EX_OK)
        status = otr_tlsa_desk_open(&c->desk, WHAT, c->given.config, c->given.state);
    if (status != EX_OK)
        return status;
    c->section = otr_tlsa_conf_of(&c->desk, c->host);
    c->port = c->given.port != 0 ? c->given.port : c->section != NULL ? (uint16_t)c->section->port : 25;
    if (c->runs_hook && (c->section == NULL || *c->section->hook == '\0'))
        return otr_complain(EX_CONFIG, c->host, "--run-hook: no hook is configured in a section tlsa of this host");
    err = otr_plan_open(c->desk.directory, c->host, c->port, OTR_TLSA_LOCK_MS, &is_busy, &c->file, &diag);
    c->is_open = err == OUTRIDER_OK;
    if (c->is_open) {
        c->options = otr_tlsa_repeated(&c->desk, c->host, c->port, c->file.arena);
        return EX_OK;
    }
    return otr_complain(is_busy ? EX_TEMPFAIL : err == OUTRIDER_E_NOMEM ? EX_OSERR : err == OUTRIDER_E_IO ? EX_CANTCREAT : EX_DATAERR, WHAT,
                        "%s", diag.message);
}

/* Each: -1 to go on, else an exit status. */
static int take_word(const char **list, size_t *count, const char *word)
{
    if (*count == OTR_ROLLOVER_PAIRS_MAX)
        return otr_complain(EX_USAGE, WHAT, "more than %d next keys", OTR_ROLLOVER_PAIRS_MAX);
    list[(*count)++] = word;
    return -1;
}

static int take_scheme(command *c, const char *word)
{
    c->scheme_word = word;
    for (int i = 0; i < OTR_SCHEME_COUNT; i++)
        if (strcmp(otr_rollover_scheme_names[i], word) == 0) {
            c->scheme = (otr_rollover_scheme)i;
            return -1;
        }
    return otr_complain(EX_USAGE, word, "no scheme; there are 3-1-1 and 3-1-1+2-1-1");
}

static int take_algorithm(command *c, const char *word)
{
    if (strcmp(word, "rsa") != 0 && strcmp(word, "ecdsa") != 0)
        return otr_complain(EX_USAGE, word, "--new-key makes rsa or ecdsa");
    return take_word(c->new_keys, &c->new_key_count, word);
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, command *c)
{
    static const struct option options[] = {
        { "next-key", required_argument, NULL, 'n' }, { "new-key", required_argument, NULL, 'N' },
        { "scheme", required_argument, NULL, 'x' },   { "emergency", no_argument, NULL, 'e' },
        { "nsupdate", no_argument, NULL, 'u' },       { "run-hook", no_argument, NULL, 'r' },
        OTR_TLSA_OPTIONS,
    };
    int option, status = -1;

    optind = 1;
    while (status < 0 && (option = getopt_long(argc, argv, OTR_TLSA_LETTERS, options, NULL)) != -1) {
        switch (option) {
        case 'n': status = take_word(c->next_keys, &c->next_key_count, optarg); break;
        case 'N': status = take_algorithm(c, optarg); break;
        case 'x': status = take_scheme(c, optarg); break;
        case 'e': c->is_emergency = true; break;
        case 'u': c->is_nsupdate = true; break;
        case 'r': c->runs_hook = true; break;
        default: status = otr_tlsa_take_option(WHAT, help, option, &c->given);
        }
    }
    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return otr_complain(EX_USAGE, WHAT, "takes one host");
    if (c->given.is_json && c->is_nsupdate)
        return otr_complain(EX_USAGE, WHAT, "--json has the lines for nsupdate as well");
    c->host_word = argv[optind];
    return -1;
}

int otr_cmd_tlsa_plan(int argc, char **argv)
{
    command c = { .file = { .lock = -1 } };
    int status = read_options(argc, argv, &c);

    if (status >= 0)
        return status;
    status = open_all(&c);
    if (status == EX_OK)
        status = go_on(&c);
    if (status == EX_OK)
        status = print(&c);
    otr_authority_free(c.authority);
    if (c.is_open)
        otr_plan_close(&c.file);
    otr_tlsa_desk_close(&c.desk);
    return status;
}

/*
 * tlsa_status.c - "outrider tlsa status": how it stands with the TLSA records of our hosts, for people and for monitoring. Looks as plan does,
 * and changes no plan; what it sees counts for later waits.
 */
#include "cli/command.h"
#include "cli/tlsa_advice.h"

#include "publish/guard.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "tlsa status"
#define HOSTS_MAX (2 * OTR_CONF_TLSA_MAX)

static const char help[] =
    "usage: outrider tlsa status [HOST...] [OPTION...]\n"
    "\n"
    "How it stands with the TLSA records of mail hosts: whether every address and every key matches at every server, which change\n"
    "of keys is under way, what it waits for, until when, and the next command. Without HOST: each section tlsa of the\n"
    "configuration, and each host that has a plan.\n"
    "\n"
    "      --port PORT    of the hosts named (default: that of the section, or 25)\n"
    "      --at DATE      what if it were then; nothing is kept\n"
    "      --state DIR    where plans and sightings lie (default " OTR_PLAN_DIRECTORY ")\n"
    "  -j, --json         an array\n"
    "  -c, --config FILE  settings (default /etc/outrider/outrider.conf)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: as monitoring wants it 0 all is well, 1 warning, 2 critical, 3 unknown; and 64 usage, 78 configuration.\n";

enum { FINE, WARNING, CRITICAL, UNKNOWN };

struct place {
    char host[OTR_DOMAIN_SIZE];
    uint16_t port;
};

typedef struct command {
    otr_tlsa_options options;
    char **words;
    int word_count;
    struct place *places; /* owned */
    size_t place_count;
    otr_tlsa_desk desk;
    json_t *results;      /* owned */
    bool is_warning, is_critical, is_unknown;
} command;

static void add_place(command *c, const char *host, uint16_t port)
{
    for (size_t i = 0; i < c->place_count; i++)
        if (strcmp(c->places[i].host, host) == 0 && c->places[i].port == port)
            return;
    if (c->place_count == HOSTS_MAX)
        return;
    snprintf(c->places[c->place_count].host, OTR_DOMAIN_SIZE, "%s", host);
    c->places[c->place_count++].port = port;
}

static void on_file(void *arg, const char *host, uint16_t port)
{
    add_place(arg, host, port);
}

static int take_places(command *c)
{
    char host[OTR_DOMAIN_SIZE];
    outrider_diag diag = { 0 };
    int status = EX_OK;

    c->places = calloc(HOSTS_MAX, sizeof(*c->places));
    if (c->places == NULL)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    for (int i = 0; i < c->word_count && status == EX_OK; i++) {
        const otr_tlsa_conf *section;

        status = otr_tlsa_read_host(WHAT, c->words[i], host);
        section = status == EX_OK ? otr_tlsa_conf_of(&c->desk, host) : NULL;
        if (status == EX_OK)
            add_place(c, host, c->options.port != 0 ? c->options.port : section != NULL ? (uint16_t)section->port : 25);
    }
    for (size_t i = 0; c->word_count == 0 && i < c->desk.conf->tlsa_count; i++)
        add_place(c, c->desk.conf->tlsa[i].host, (uint16_t)c->desk.conf->tlsa[i].port);
    if (c->word_count == 0 && otr_plan_list(c->desk.directory, on_file, c, &diag) != OUTRIDER_OK)
        otr_complain(EX_OK, WHAT, "%s", diag.message);
    if (status == EX_OK && c->place_count == 0)
        return otr_complain(EX_USAGE, WHAT, "there is no section tlsa and no plan; name a host");
    return status;
}

static void count(command *c, otr_check_status worst)
{
    switch (worst) {
    case OTR_CHECK_OK:
    case OTR_CHECK_SKIPPED:
    case OTR_CHECK_INFO: break;
    case OTR_CHECK_WARNING: c->is_warning = true; break;
    case OTR_CHECK_UNKNOWN: c->is_unknown = true; break;
    case OTR_CHECK_CRITICAL: c->is_critical = true; break;
    }
}

/* The step is taken on a copy: it is for plan to keep. */
static int report(command *c, const otr_authority *a, otr_plan_file *file)
{
    otr_service service;
    otr_rollover trial = file->rollover;
    otr_rollover_advice advice;
    otr_findings findings = { .arena = file->arena, .host = a->host };
    otr_rollover_facts facts = { .authority = a, .history = &file->history, .service = &service,
                                 .now = c->options.at != 0 ? c->options.at : otr_clock_now(&c->desk.clock) };
    const otr_tlsa_conf *section = otr_tlsa_conf_of(&c->desk, a->host);
    otr_tlsa_report r = { .authority = a, .rollover = &file->rollover, .advice = &advice, .findings = &findings, .service = &service,
                          .ttl = otr_tlsa_record_ttl(section, a),
                          .options = otr_tlsa_repeated(&c->desk, a->host, a->port, file->arena) };
    int status = otr_tlsa_desk_visit(&c->desk, a, file->arena, &service);

    if (status != EX_OK)
        return status;
    otr_rollover_step(&trial, &facts, &advice, &findings);
    otr_guard_look_at_records(a, &file->history, facts.now, &findings);
    if (*a->trouble == '\0' && a->status == OTR_DNS_SECURE && a->validated.count == 0)
        otr_finding_add(&findings, "dane.exists", OTR_CHECK_INFO, "%s has no TLSA record", a->owner);
    if (*service.unseen != '\0')
        otr_finding_add(&findings, "smtp.connect", OTR_CHECK_INFO, "not looked at, for this machine has no way there: %s", service.unseen);
    if (trial.state != file->rollover.state)
        otr_finding_add(&findings, "dane.next", OTR_CHECK_INFO, "the next run of outrider tlsa plan goes on to the state %s",
                        otr_rollover_state_names[trial.state]);
    if (otr_arena_failed(file->arena))
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    count(c, otr_findings_worst(&findings));
    if (c->options.is_json)
        json_array_append_new(c->results, otr_tlsa_report_json(&r));
    else
        otr_tlsa_print_report(&r, OTR_CHECK_OK);
    return EX_OK;
}

static int look_at(command *c, const struct place *place)
{
    otr_authority *a = NULL;
    otr_plan_file file;
    int status = otr_tlsa_desk_look(&c->desk, place->host, place->port, &a);

    if (status != EX_OK)
        return status;
    status = otr_tlsa_desk_remember(&c->desk, a, c->options.at == 0, &file);
    if (status == EX_OK) {
        status = report(c, a, &file);
        otr_plan_close(&file);
    } else if (status == EX_TEMPFAIL) { /* its file is odd, which was said; the others are looked at */
        c->is_unknown = true;
        status = EX_OK;
    }
    otr_authority_free(a);
    return status;
}

static int run(command *c)
{
    int status = otr_tlsa_desk_open(&c->desk, WHAT, c->options.config, c->options.state);

    if (status == EX_OK)
        status = take_places(c);
    for (size_t i = 0; i < c->place_count && status == EX_OK; i++)
        status = look_at(c, &c->places[i]);
    if (status != EX_OK)
        return status;
    status = c->is_critical ? CRITICAL : c->is_unknown ? UNKNOWN : c->is_warning ? WARNING : FINE;
    return c->options.is_json ? otr_print_json(json_incref(c->results), status) : otr_flush_output(status);
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, command *c)
{
    static const struct option options[] = {
        OTR_TLSA_OPTION_AT, OTR_TLSA_OPTIONS,
    };
    int option, status = -1;

    optind = 1;
    while (status < 0 && (option = getopt_long(argc, argv, OTR_TLSA_LETTERS, options, NULL)) != -1)
        status = otr_tlsa_take_option(WHAT, help, option, &c->options);
    if (status >= 0)
        return status;
    c->words = argv + optind;
    c->word_count = argc - optind;
    return c->word_count <= HOSTS_MAX ? -1 : otr_complain(EX_USAGE, WHAT, "more than %d hosts", HOSTS_MAX);
}

int otr_cmd_tlsa_status(int argc, char **argv)
{
    command c = { 0 };
    int status = read_options(argc, argv, &c);

    if (status >= 0)
        return status;
    c.results = json_array();
    status = c.results != NULL ? run(&c) : otr_complain(EX_OSERR, WHAT, "out of memory");
    otr_tlsa_desk_close(&c.desk);
    json_decref(c.results);
    free(c.places);
    return status;
}

/*
 * publish_set.c - outrider publish set: the next step in the life of a policy. Looks first, at each MX host as a sender would, and asks
 * outriderd only for what mail survives (PUB-07); then says what has to be changed in DNS, and when (PUB-05).
 */
#include "cli/ask_control.h"
#include "cli/command.h"
#include "cli/publish_daemon.h"
#include "cli/publish_gate.h"
#include "cli/repeat.h"
#include "publish/lifecycle.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "publish set"
#define CHECKS_MAX 200 /* octets of what is told to the log */
#define CHECK_SIZE 90  /* of one of them, at most */

static const char help[] =
    "usage: outrider publish set [OPTION...] DOMAIN\n"
    "\n"
    "Look at the MX hosts of DOMAIN, and let outriderd serve its policy as the configuration has it, in this mode. Enforce is\n"
    "refused unless each MX host would pass under the policy at each of its addresses, and the policy host hands it out.\n"
    "\n"
    "  -m, --mode MODE    testing or enforce (default: the mode that is served now, else that of the configuration); a policy\n"
    "                     is withdrawn with \"outrider publish retire\"\n"
    "  -f, --force        whatever the look says; outriderd logs it\n"
    "  -r, --reason TEXT  one line, for the log\n"
    "  -j, --json         one line of JSON\n"
    "  -t, --timeout S    for the look (default 60; at most 600)\n"
    "  -e, --ehlo NAME    how this machine calls itself to MX hosts (default: its host name)\n"
    "  -c, --config FILE  settings, and where the daemon listens (default /etc/outrider/outrider.conf)\n"
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 refused, 74 the store fails, 75 it could not be found out whether mail would be lost,\n"
    "or no answer of outriderd, 77 not allowed, 78 configuration, 130 interrupted.\n";

typedef struct command {
    bool is_json, is_forced;
    const char *mode_name, *reason, *config, *socket, *ehlo;
    unsigned timeout;
    otr_sts_mode mode;
    otr_publish_view view;
    otr_publish_look look;
    json_t *told; /* owned; what outriderd says of the domain */
} command;

/* What is wanted ------------------------------------------------------------------------------------------------ */

static bool read_mode(const char *text, otr_sts_mode *mode)
{
    for (size_t i = 0; otr_sts_mode_names[i] != NULL; i++) {
        if (strcmp(otr_sts_mode_names[i], text) != 0)
            continue;
        *mode = (otr_sts_mode)i;
        return true;
    }
    return false;
}

static int find_domain(command *c, const char *text)
{
    char domain[OTR_DOMAIN_SIZE];
    outrider_diag diag;

    if (otr_domain_normalize(text, strlen(text), domain, &diag) != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, text, "%s", diag.message);
    c->look.conf = otr_publish_find(c->view.conf, domain);
    if (c->look.conf == NULL)
        return otr_complain(EX_DATAERR, domain, "the configuration has no section publish for it");
    return EX_OK;
}

/* outriderd is asked before anything is looked at: it knows which mode the policy is in, and may be down. */
static int find_mode(command *c)
{
    const char *domain = c->look.conf->domain, *served;
    const json_t *told;
    int status = EX_OK;

    c->told = otr_publish_ask(WHAT, domain, c->config, c->socket, &status);
    if (c->told == NULL)
        return status;
    told = otr_publish_told(c->told, domain);
    if (told == NULL)
        return otr_complain(EX_TEMPFAIL, domain, "outriderd does not publish for it yet; does it run with this configuration?");
    if (c->mode_name != NULL)
        return EX_OK;
    served = json_string_value(json_object_get(json_object_get(told, "serving"), "mode"));
    if (served == NULL || !read_mode(served, &c->mode) || c->mode == OTR_STS_NONE)
        c->mode = (otr_sts_mode)c->look.conf->mode;
    if (c->mode == OTR_STS_NONE)
        return otr_complain(EX_CONFIG, domain, "the configuration says mode = none; change that first, and restart outriderd");
    return EX_OK;
}

/* The look -------------------------------------------------------------------------------------------------------- */

static void print_closer(const command *c, const char *why, const char *groups)
{
    otr_buf options = OTR_BUF_INIT;

    otr_put_option(&options, "--config", c->config);
    otr_put_option(&options, "--socket", c->socket);
    otr_put_option(&options, "--ehlo", c->ehlo);
    fprintf(stderr, "%s: outrider publish status --verbose --only %s%s %s\n", why, groups, otr_buf_text(&options), c->look.conf->domain);
    otr_buf_clear(&options);
}

static int refuse(const command *c, otr_gate gate)
{
    const char *domain = c->look.conf->domain;
    int status = gate == OTR_GATE_UNKNOWN ? EX_TEMPFAIL : EX_DATAERR;

    if (c->is_json)
        return otr_print_json(json_pack("{s:s, s:s, s:b, s:s, s:o}", "domain", domain, "mode", otr_sts_mode_names[c->mode], "done", 0,
                                        "refused", otr_gate_words(gate), "reasons", otr_gate_list(c->look.report, otr_gate_is_barred_by)), status);
    otr_complain(status, domain, "enforce is refused, because %s:", otr_gate_words(gate));
    otr_gate_print(c->look.report, otr_gate_is_barred_by);
    print_closer(c, "look closer", "dns,smtp,sts");
    return status;
}

/* Testing loses no mail: what would be lost under enforce is said, and it goes on. */
static void warn(const command *c, otr_gate gate)
{
    const char *domain = c->look.conf->domain;

    if (c->is_json)
        return;
    if (gate != OTR_GATE_OPEN) {
        fprintf(stderr, "outrider: %s: %s %s:\n", domain,
                c->mode != OTR_STS_ENFORCE ? "warning: under enforce" : "forced, although", otr_gate_words(gate));
        otr_gate_print(c->look.report, otr_gate_is_barred_by);
    }
    if (otr_gate_print(c->look.report, otr_gate_warns_of)) {
        fprintf(stderr, "outrider: %s: ", domain);
        print_closer(c, "warning: look whether the policy gets out", "sts");
    }
}

/* Returns -1 to go on, else an exit status. */
static int look(command *c)
{
    outrider_diag diag = { 0 };
    outrider_err err = otr_publish_propose(&c->look, OTR_STS_ENFORCE, &diag);
    const json_t *served = json_object_get(json_object_get(otr_publish_told(c->told, c->look.conf->domain), "serving"), "text");
    otr_gate gate;
    int status;

    if (err != OUTRIDER_OK)
        return otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_CONFIG, WHAT, "%s", diag.message);
    c->look.meant.in_service = json_string_value(served);
    c->look.meant.in_service_len = json_string_length(served);
    status = otr_publish_look_at(WHAT, &c->view, &c->look, 1, OTR_GATE_GROUPS, c->timeout * 1000, true);
    if (status != EX_OK)
        return status;
    gate = otr_gate_judge(c->look.report);
    if (c->mode == OTR_STS_ENFORCE && gate != OTR_GATE_OPEN && !c->is_forced)
        return refuse(c, gate);
    warn(c, gate);
    return -1;
}

/* The step ------------------------------------------------------------------------------------------------------- */

/* HTTPS first, then the record (RFC 8461 §8.1): outriderd serves the text by now. */
static void print_record(const command *c, const char *id)
{
    const char *domain = c->look.conf->domain;

    if (otr_facts_have_id(c->look.facts, id)) {
        printf("dns:    _mta-sts.%s has this id already; nothing to change\n", domain);
        return;
    }
    printf("dns:    _mta-sts.%s. IN TXT \"v=STSv1; id=%s;\"\n", domain, id);
    printf("when:   now, in place of the record that is there; behind a reverse proxy that keeps answers, in %d s\n", OTR_PUBLISH_CACHE_S);
}

/*
 * The look was at what this configuration says, and outriderd may have read another one: it is told the id of the text that was looked at,
 * and refuses if it would serve another. Returns false when out of memory.
 */
static bool find_id(const command *c, char id[OTR_STS_ID_MAX + 1])
{
    otr_publication publication = c->look.meant.publication;
    otr_buf text = OTR_BUF_INIT;
    bool is_good;

    publication.mode = c->mode;
    is_good = otr_publication_text(&publication, &text, NULL) == OUTRIDER_OK && otr_publication_id(text.data, text.len, id) == OUTRIDER_OK;
    otr_buf_clear(&text);
    return is_good;
}

static void print_text(const command *c, const json_t *told)
{
    const json_t *serving = json_object_get(told, "serving");
    const char *mode = json_string_value(json_object_get(serving, "mode")), *id = json_string_value(json_object_get(serving, "id"));
    const char *why = json_string_value(json_object_get(json_object_get(told, "withheld"), "why"));

    if (mode == NULL || id == NULL)
        printf("served: nothing\n");
    else
        printf("served: mode %s, id %s\n", mode, id);
    if (why != NULL)
        printf("note:   %s\n", why);
    if (id != NULL)
        print_record(c, id);
}

static int print_done(const command *c, json_t *answer)
{
    json_t *told = json_object_get(answer, "publication");
    const char *id = json_string_value(json_object_get(json_object_get(told, "serving"), "id"));
    int status = EX_OK;

    if (c->is_json)
        status = otr_print_json(json_pack("{s:s, s:s, s:b, s:b, s:b, s:o, s:o, s:O}", "domain", c->look.conf->domain, "mode",
                                          otr_sts_mode_names[c->mode], "done", 1, "forced", c->is_forced, "record_is_in_dns",
                                          id != NULL && otr_facts_have_id(c->look.facts, id), "reasons", otr_gate_list(c->look.report, otr_gate_is_barred_by),
                                          "warnings", otr_gate_list(c->look.report, otr_gate_warns_of), "publication", told), EX_OK);
    else
        print_text(c, told);
    json_decref(answer);

    return otr_flush_output(status);
}

/* What spoke against it, for the log of outriderd: ids and hosts. */
static json_t *sum_up(const otr_check_report *report)
{
    otr_buf text = OTR_BUF_INIT;
    json_t *value;

    for (size_t i = 0; i < report->count && text.len < CHECKS_MAX - CHECK_SIZE; i++)
        if (otr_gate_is_barred_by(&report->results[i]))
            otr_buf_printf(&text, "%s%s%s%.60s", text.len > 0 ? ", " : "", report->results[i].id, *report->results[i].host != '\0' ? " " : "",
                           report->results[i].host);
    value = json_string(text.len > 0 ? otr_buf_text(&text) : "all well");
    otr_buf_clear(&text);
    return value;
}

static int step(command *c)
{
    char id[OTR_STS_ID_MAX + 1];
    int status = EX_OK;
    json_t *request, *answer;

    if (!find_id(c, id))
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    request = json_pack("{s:s, s:s, s:s, s:b, s:s}", "do", "publish.set", "domain", c->look.conf->domain, "mode", otr_sts_mode_names[c->mode],
                        "forced", c->is_forced, "id", id);
    json_object_set_new(request, "checks", sum_up(c->look.report));
    if (c->reason != NULL && json_object_set_new(request, "reason", json_string(c->reason)) != 0) {
        json_decref(request);
        return otr_complain(EX_DATAERR, WHAT, "the reason is not UTF-8");
    }
    answer = otr_ask_control(request, WHAT, c->config, c->socket, &status);
    return answer != NULL ? print_done(c, answer) : status;
}

static int run(command *c, const char *domain)
{
    int status = otr_publish_view_open(WHAT, c->config, c->ehlo, &c->view);

    if (status == EX_OK)
        status = find_domain(c, domain);
    if (status == EX_OK)
        status = find_mode(c);
    if (status == EX_OK)
        status = look(c);
    return status < 0 ? step(c) : status;
}

/* Options ------------------------------------------------------------------------------------------------------- */

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, command *c)
{
    static const struct option options[] = {
        { "mode", required_argument, NULL, 'm' },   { "force", no_argument, NULL, 'f' },
        { "reason", required_argument, NULL, 'r' }, { "json", no_argument, NULL, 'j' },
        { "timeout", required_argument, NULL, 't' }, { "ehlo", required_argument, NULL, 'e' },
        { "config", required_argument, NULL, 'c' }, { "socket", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "m:fr:jt:e:c:s:h", options, NULL)) != -1) {
        switch (option) {
        case 'm': c->mode_name = optarg; break;
        case 'f': c->is_forced = true; break;
        case 'r': c->reason = optarg; break;
        case 'j': c->is_json = true; break;
        case 't':
            if (!otr_publish_read_timeout(optarg, &c->timeout))
                return EX_USAGE;
            break;
        case 'e': c->ehlo = optarg; break;
        case 'c': c->config = optarg; break;
        case 's': c->socket = optarg; break;
        case 'h': fputs(help, stdout); return EX_OK;
        default: fputs("outrider publish set --help shows the options\n", stderr); return EX_USAGE;
        }
    }
    if (argc - optind != 1)
        return otr_complain(EX_USAGE, WHAT, "takes one domain; outrider publish set --help shows the options");
    if (c->mode_name != NULL && !read_mode(c->mode_name, &c->mode))
        return otr_complain(EX_USAGE, c->mode_name, "--mode takes testing or enforce");
    if (c->mode_name != NULL && c->mode == OTR_STS_NONE)
        return otr_complain(EX_USAGE, c->mode_name, "a policy is withdrawn with \"outrider publish retire\", which knows when that is over");
    return -1;
}

int otr_cmd_publish_set(int argc, char **argv)
{
    command c = { .timeout = OTR_SURVEY_TIMEOUT_MS / 1000 };
    int status = read_options(argc, argv, &c);

    if (status >= 0)
        return status;
    status = run(&c, argv[optind]);
    otr_publish_look_clear(&c.look);
    json_decref(c.told);
    otr_publish_view_clear(&c.view);
    return status;
}

/*
 * publish_status.c - outrider publish status: our own domains, as outriderd knows them and as the world sees them.
 */
#include "cli/command.h"
#include "cli/publish_daemon.h"
#include "cli/publish_print.h"
#include "cli/settings.h"
#include "publish/plan_file.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WHAT "publish status"
#define NOT_FINE 1

static const char help[] =
    "usage: outrider publish status [OPTION...] [DOMAIN...]\n"
    "\n"
    "What outriderd publishes for these domains of ours (default: all), and what the world sees of them: DNS, the policy\n"
    "host, the MX hosts. No mail is sent.\n"
    "\n"
    "  -j, --json         one object a line\n"
    "  -v, --verbose      each result of each check\n"
    "      --explain ID   what a check is about; nothing else is done\n"
    "      --only GROUPS  of the checks those of dns, smtp, dane, sts, rpt; with commas between\n"
    "      --offline      only what outriderd says\n"
    "      --no-daemon    only what the world sees\n"
    "      --state DIR    where the plans of \"outrider tlsa plan\" lie (default " OTR_PLAN_DIRECTORY ")\n"
    "  -t, --timeout S    for the look at one domain (default 60; at most 600)\n"
    "  -e, --ehlo NAME    how this machine calls itself to MX hosts (default: its host name)\n"
    "  -c, --config FILE  settings, and where the daemon listens (default /etc/outrider/outrider.conf)\n"
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all is fine, 1 something is not or could not be found out, 64 usage, 65 no such domain, 75 no answer of\n"
    "outriderd, 77 not allowed, 78 configuration, 130 interrupted.\n";

typedef struct command {
    bool is_json, is_verbose, is_offline, is_alone;
    const char *explain, *only, *config, *socket, *ehlo;
    unsigned groups, timeout;
    otr_conf *conf;               /* owned; with --offline, where nothing else has it */
    otr_publish_view view;
    otr_publish_look *looks;      /* owned; one a domain */
    size_t count;
    json_t *told;                 /* owned; the answer of outriderd, or NULL */
} command;

/* Whom ---------------------------------------------------------------------------------------------------------- */

static const otr_conf *settings_of(const command *c)
{
    return c->is_offline ? c->conf : c->view.conf;
}

static int take_domain(command *c, const char *text)
{
    char domain[OTR_DOMAIN_SIZE];
    outrider_diag diag;
    const otr_publish_conf *found;

    if (otr_domain_normalize(text, strlen(text), domain, &diag) != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, text, "%s", diag.message);
    found = otr_publish_find(settings_of(c), domain);
    if (found == NULL)
        return otr_complain(EX_DATAERR, domain, "the configuration has no section publish for it");
    for (size_t i = 0; i < c->count; i++)
        if (c->looks[i].conf == found)
            return EX_OK;
    c->looks[c->count++].conf = found;
    return EX_OK;
}

static int take_domains(command *c, char **domains, size_t count)
{
    const otr_conf *conf = settings_of(c);
    size_t room = count > 0 ? count : conf->publish_count;
    int status = EX_OK;

    if (conf->publish_count == 0)
        return otr_complain(EX_CONFIG, WHAT, "the configuration has no section publish");
    c->looks = calloc(room, sizeof(*c->looks));
    if (c->looks == NULL)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    for (size_t i = 0; i < count && status == EX_OK; i++)
        status = take_domain(c, domains[i]);
    for (size_t i = 0; count == 0 && i < conf->publish_count; i++)
        c->looks[c->count++].conf = &conf->publish[i];
    return status;
}

/* Without the daemon the rest is still worth telling; it counts as not fine. */
static int ask_daemon(command *c)
{
    int status = EX_OK;

    if (c->is_alone)
        return EX_OK;
    c->told = otr_publish_ask(WHAT, c->count == 1 ? c->looks[0].conf->domain : NULL, c->config, c->socket, &status);
    return status;
}

static void mean(command *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const json_t *told = otr_publish_told(c->told, c->looks[i].conf->domain);

        if (told == NULL || !otr_publish_mean_served(&c->looks[i], told))
            otr_publish_mean_configured(&c->looks[i]);
    }
}

/* What is told -------------------------------------------------------------------------------------------------- */

static int print_json(const otr_publish_look *look, const json_t *told, int status)
{
    json_t *object = look->report != NULL ? otr_report_json(look->conf->domain, look->facts->at, look->report)
                                          : json_pack("{s:s}", "domain", look->conf->domain);

    if (object != NULL && json_object_set_new(object, "daemon", told != NULL ? json_deep_copy(told) : json_null()) != 0) {
        json_decref(object);
        object = NULL;
    }
    return otr_print_json(object, status);
}

static otr_time now_of(const otr_publish_look *look)
{
    return look->facts != NULL ? look->facts->at : (otr_time)time(NULL);
}

static void print_text(const command *c, const otr_publish_look *look, const json_t *told)
{
    if (look->report != NULL)
        otr_print_verdict(look->conf->domain, look->facts->at, look->report);
    else
        printf("%s\n", look->conf->domain);
    if (told != NULL)
        otr_print_told(told, now_of(look));
    else if (c->told != NULL)
        printf("  policy    outriderd does not publish for it: was its configuration changed and not read again?\n");
    if (look->report == NULL)
        return;
    otr_print_groups(look->report, c->groups, c->is_verbose);
    otr_print_next(look->report);
}

static bool is_fine(const command *c, const otr_publish_look *look, const json_t *told)
{
    if (!c->is_alone && (told == NULL || otr_has_trouble(told, now_of(look))))
        return false;
    return look->report == NULL || otr_check_report_worst(look->report, OTR_CHECKS_ALL) == OTR_CHECK_OK;
}

static int print_all(const command *c, int asked)
{
    int status = asked;

    for (size_t i = 0; i < c->count; i++) {
        const otr_publish_look *look = &c->looks[i];
        const json_t *told = otr_publish_told(c->told, look->conf->domain);

        if (status == EX_OK && !is_fine(c, look, told))
            status = NOT_FINE;
        if (c->is_json)
            status = print_json(look, told, status);
        else
            print_text(c, look, told);
    }
    return otr_flush_output(status);
}

static int run(command *c, char **domains, size_t count)
{
    int status = EX_OK, asked;

    if (c->is_offline)
        c->conf = otr_read_settings(c->config, &status);
    else
        status = otr_publish_view_open(WHAT, c->config, c->ehlo, &c->view);
    if (status == EX_OK)
        status = take_domains(c, domains, count);
    if (status != EX_OK)
        return status;
    asked = ask_daemon(c);
    if (c->is_offline)
        return asked == EX_OK ? print_all(c, EX_OK) : asked;
    mean(c);
    status = otr_publish_look_at(WHAT, &c->view, c->looks, c->count, c->groups, c->timeout * 1000, true);
    return status == EX_OK ? print_all(c, asked) : status;
}

/* Options ------------------------------------------------------------------------------------------------------- */

static int check_options(command *c)
{
    if (c->is_offline && c->is_alone)
        return otr_complain(EX_USAGE, WHAT, "--offline and --no-daemon leave nothing to tell");
    if (c->is_offline && c->only != NULL)
        return otr_complain(EX_USAGE, WHAT, "--only chooses among checks, and --offline makes none");
    if (c->is_alone && c->socket != NULL)
        return otr_complain(EX_USAGE, WHAT, "--no-daemon asks no daemon, so --socket has no use");
    if (c->only != NULL && (c->groups = otr_read_groups(WHAT, c->only)) == 0)
        return EX_USAGE;
    return -1;
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, command *c)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },          { "verbose", no_argument, NULL, 'v' },
        { "explain", required_argument, NULL, 'x' }, { "only", required_argument, NULL, 'o' },
        { "offline", no_argument, NULL, 'O' },       { "no-daemon", no_argument, NULL, 'D' },
        { "state", required_argument, NULL, 'S' },
        { "timeout", required_argument, NULL, 't' }, { "ehlo", required_argument, NULL, 'e' },
        { "config", required_argument, NULL, 'c' },  { "socket", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "jvt:e:c:s:h", options, NULL)) != -1) {
        switch (option) {
        case 'j': c->is_json = true; break;
        case 'v': c->is_verbose = true; break;
        case 'x': c->explain = optarg; break;
        case 'o': c->only = optarg; break;
        case 'O': c->is_offline = true; break;
        case 'D': c->is_alone = true; break;
        case 'S': c->view.directory = optarg; break;
        case 't':
            if (!otr_publish_read_timeout(optarg, &c->timeout))
                return EX_USAGE;
            break;
        case 'e': c->ehlo = optarg; break;
        case 'c': c->config = optarg; break;
        case 's': c->socket = optarg; break;
        case 'h': fputs(help, stdout); return EX_OK;
        default: fputs("outrider publish status --help shows the options\n", stderr); return EX_USAGE;
        }
    }
    if (c->explain != NULL)
        return otr_print_explanation(WHAT, c->explain, c->is_json);
    return check_options(c);
}

int otr_cmd_publish_status(int argc, char **argv)
{
    command c = { .groups = OTR_CHECKS_ALL, .timeout = OTR_SURVEY_TIMEOUT_MS / 1000 };
    int status = read_options(argc, argv, &c);

    if (status >= 0)
        return status;
    status = run(&c, argv + optind, (size_t)(argc - optind));
    for (size_t i = 0; i < c.count; i++)
        otr_publish_look_clear(&c.looks[i]);
    free(c.looks);
    json_decref(c.told);
    otr_publish_view_clear(&c.view);
    otr_conf_free(c.conf);
    return status;
}

/*
 * records.c - outrider records: the DNS records of one of our own domains, what is published beside them, and what to change in which
 * order.
 */
#include "cli/records.h"

#include "cli/command.h"

#include <event2/event.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#define DEFAULT_CONFIG "/etc/outrider/outrider.conf"
#define WHAT OTR_RECORDS_WHAT

static const char help[] =
    "usage: outrider records [OPTION...] DOMAIN\n"
    "\n"
    "The DNS records of our own DOMAIN: _mta-sts, the addresses of mta-sts, _smtp._tls, and TLSA for each MX host with a section\n"
    "tlsa; what is published now, and what to change, in which order, and how long to wait. Which policy is in service outriderd\n"
    "is asked; without it, the configuration says.\n"
    "\n"
    "      --zone           lines of a zone file: what may be there now; what must wait stands in comments\n"
    "      --nsupdate       commands of nsupdate(1): the steps that may be done now; the others in comments\n"
    "      --json           one object\n"
    "      --offline        ask neither DNS nor outriderd\n"
    "      --live           visit MX hosts without a section tlsa: their records are of what they show at each address\n"
    "      --add-mx HOST    a host that is to become an MX host: when it may; once for each\n"
    "      --remove-mx HOST an MX host that is to leave: what may go when; once for each\n"
    "      --provider NAME  DOMAIN takes part in the record and policy host of NAME by aliases\n"
    "      --issuer         TLSA 2 1 1 beside 3 1 1: of the CA certificate that the chain has\n"
    "      --config FILE    settings (default " DEFAULT_CONFIG ")\n"
    "      --socket PATH    the daemon's control socket (default: the first in the configuration)\n"
    "      --help\n"
    "\n"
    "Exit status: 0 told, 64 usage, 65 no domain or a bad key file, 66 a file that cannot be read, 75 some of it could not be looked\n"
    "up, 78 configuration.\n";

enum { OPT_ZONE = 256, OPT_NSUPDATE, OPT_JSON, OPT_OFFLINE, OPT_LIVE, OPT_ADD, OPT_REMOVE, OPT_PROVIDER, OPT_ISSUER, OPT_CONFIG, OPT_SOCKET,
       OPT_HELP };

void otr_records_note(otr_records_command *c, const char *format, ...)
{
    char text[400];
    va_list args;

    if (c->note_count == OTR_RECORDS_NOTES_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    c->notes[c->note_count++] = otr_arena_text(c->arena, text);
}

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, WHAT, "%s; outrider records --help explains", why);
}

static int take_form(otr_records_command *c, otr_records_form form)
{
    if (c->form != OTR_RECORDS_TEXT && c->form != form)
        return misuse("--zone, --nsupdate and --json exclude one another");
    c->form = form;
    return -1;
}

static int read_name(const char *text, char name[OTR_DOMAIN_SIZE])
{
    outrider_diag diag = { 0 };

    if (otr_domain_normalize(text, strlen(text), name, &diag) != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, text, "%s", diag.message);
    return -1;
}

static int take_move(otr_records_command *c, const char **list, size_t *count)
{
    char name[OTR_DOMAIN_SIZE];
    int status = read_name(optarg, name);

    if (status >= 0)
        return status;
    if (*count == OTR_RECORDS_MOVES_MAX)
        return misuse("too many hosts at once");
    for (size_t i = 0; i < *count; i++)
        if (strcmp(list[i], name) == 0)
            return misuse("a host is given twice");
    list[(*count)++] = otr_arena_text(c->arena, name);
    return -1;
}

/* -1 to go on, else an exit status. */
static int take_option(otr_records_command *c, int option)
{
    switch (option) {
    case OPT_ZONE: return take_form(c, OTR_RECORDS_ZONE);
    case OPT_NSUPDATE: return take_form(c, OTR_RECORDS_NSUPDATE);
    case OPT_JSON: return take_form(c, OTR_RECORDS_JSON);
    case OPT_OFFLINE: c->is_offline = true; return -1;
    case OPT_LIVE: c->is_live = true; return -1;
    case OPT_ADD: return take_move(c, c->joining, &c->question.joining_count);
    case OPT_REMOVE: return take_move(c, c->leaving, &c->question.leaving_count);
    case OPT_PROVIDER: return read_name(optarg, c->provider);
    case OPT_ISSUER: c->has_issuer = true; return -1;
    case OPT_CONFIG: c->config = optarg; return -1;
    case OPT_SOCKET: c->socket = optarg; return -1;
    case OPT_HELP:
        fputs(help, stdout);
        return otr_flush_output(EX_OK);
    default:
        return misuse("unknown option, or one without its value");
    }
}

static int check_options(const otr_records_command *c)
{
    if (c->is_offline && c->is_live)
        return misuse("--offline visits nobody, so --live has no use");
    if (c->is_offline && c->socket != NULL)
        return misuse("--offline asks no daemon, so --socket has no use");
    if (c->is_offline && c->question.joining_count + c->question.leaving_count > 0)
        return misuse("--add-mx and --remove-mx need DNS");
    for (size_t i = 0; i < c->question.joining_count; i++)
        for (size_t j = 0; j < c->question.leaving_count; j++)
            if (strcmp(c->joining[i], c->leaving[j]) == 0)
                return misuse("a host cannot come and go");
    return strcmp(c->provider, c->domain) == 0 ? misuse("a domain is not its own provider") : -1;
}

/* -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, otr_records_command *c)
{
    static const struct option options[] = {
        { "zone", no_argument, NULL, OPT_ZONE },             { "nsupdate", no_argument, NULL, OPT_NSUPDATE },
        { "json", no_argument, NULL, OPT_JSON },             { "offline", no_argument, NULL, OPT_OFFLINE },
        { "live", no_argument, NULL, OPT_LIVE },
        { "add-mx", required_argument, NULL, OPT_ADD },      { "remove-mx", required_argument, NULL, OPT_REMOVE },
        { "provider", required_argument, NULL, OPT_PROVIDER }, { "issuer", no_argument, NULL, OPT_ISSUER },
        { "config", required_argument, NULL, OPT_CONFIG },   { "socket", required_argument, NULL, OPT_SOCKET },
        { "help", no_argument, NULL, OPT_HELP },             { NULL, 0, NULL, 0 },
    };
    int option, status = -1;

    opterr = 0;
    optind = 1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", options, NULL)) != -1)
        status = take_option(c, option == 'h' ? OPT_HELP : option);
    if (status >= 0)
        return status;
    if (optind != argc - 1)
        return misuse("takes one domain");
    status = read_name(argv[optind], c->domain);
    return status >= 0 ? status : check_options(c);
}

/* RFC 8461 §8.2: with an alias of the record the customer has the provider's id, so both must have the same policy. */
static int check_provider(otr_records_command *c)
{
    char id[OTR_STS_ID_MAX + 1];
    outrider_diag diag = { 0 };

    if (*c->provider == '\0')
        return EX_OK;
    c->question.provider = c->provider;
    for (size_t i = 0; i < c->conf->publish_count; i++) {
        if (strcmp(c->conf->publish[i].domain, c->provider) != 0)
            continue;
        if (!otr_records_configured_id(&c->conf->publish[i], c->question.mode, id, &diag))
            return otr_complain(EX_CONFIG, c->provider, "%s", diag.message);
        if (c->question.id != NULL && strcmp(id, c->question.id) != 0)
            return otr_complain(EX_CONFIG, c->domain, "its policy is not the one of %s, so its record cannot be an alias: the id would say "
                                "nothing of it", c->provider);
        return EX_OK;
    }
    otr_records_note(c, "there is no section publish \"%s\": its record must have the id %s", c->provider,
                     c->question.id != NULL ? c->question.id : "?");
    return EX_OK;
}

static bool has_unknown(const otr_records_command *c)
{
    const otr_records *r = c->records;

    for (size_t i = 0; i < r->step_count; i++)
        if (r->steps[i].kind == OTR_STEP_LOOK && !c->is_offline)
            return true;
    return false;
}

static int print(otr_records_command *c)
{
    otr_buf out = OTR_BUF_INIT;
    int status = has_unknown(c) ? EX_TEMPFAIL : EX_OK, printed = EX_OK;

    switch (c->form) {
    case OTR_RECORDS_JSON: return otr_records_print_json(c, status);
    case OTR_RECORDS_ZONE: printed = otr_records_print_zone(c, &out); break;
    case OTR_RECORDS_NSUPDATE: printed = otr_records_print_nsupdate(c, &out); break;
    case OTR_RECORDS_TEXT: printed = otr_records_print_text(c, &out); break;
    }
    if (out.err != OUTRIDER_OK || otr_arena_failed(c->arena))
        printed = otr_complain(EX_OSERR, WHAT, "out of memory");
    if (printed == EX_OK)
        fputs(otr_buf_text(&out), stdout);
    otr_buf_clear(&out);
    return printed == EX_OK ? otr_flush_output(status) : printed;
}

static int run(otr_records_command *c)
{
    otr_clock clock;
    int status = EX_OK;

    otr_clock_init(&clock, 0);
    c->question.now = otr_clock_now(&clock);
    c->question.domain = c->domain;
    c->question.joining = c->joining;
    c->question.leaving = c->leaving;
    otr_tlsa_forms_add(&c->question.forms, (otr_tlsa_form)OTR_TLSA_FORM_DEFAULT);
    if (c->has_issuer)
        otr_tlsa_forms_add(&c->question.forms, (otr_tlsa_form){ 2, 1, 1 });
    if ((c->conf = otr_read_settings(c->config, &status)) == NULL || (status = otr_records_find_policy(c)) != EX_OK ||
        (status = check_provider(c)) != EX_OK || (!c->is_offline && (status = otr_records_look_up(c)) != EX_OK) ||
        (status = otr_records_read_keys(c)) != EX_OK || (c->is_live && (status = otr_records_visit(c)) != EX_OK) ||
        (status = otr_records_gather_hosts(c)) != EX_OK)
        return status;
    c->records = otr_records_make(&c->question);
    return c->records != NULL ? print(c) : otr_complain(EX_OSERR, WHAT, "out of memory");
}

static void clear(otr_records_command *c)
{
    otr_records_free(c->records);
    otr_records_clear_keys(c);
    otr_records_view_clear(&c->view);
    otr_resolver_free(c->net.fresh);
    otr_resolver_free(c->net.usual);
    if (c->base != NULL)
        event_base_free(c->base);
    otr_sts_policy_free(c->served);
    otr_conf_free(c->conf);
    otr_arena_free(c->arena);
}

int otr_cmd_records(int argc, char **argv)
{
    otr_records_command c = { .arena = otr_arena_new() };
    int status;

    if (c.arena == NULL)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    status = read_options(argc, argv, &c);
    if (status < 0)
        status = run(&c);
    clear(&c);
    return status;
}

/*
 * query.c - outrider query: what applies when mail goes to a destination, from the daemon or, with --direct,
 * resolved by this process.
 */
#include "cli/command.h"
#include "cli/ask_daemon.h"
#include "cli/resolve.h"
#include "verdict/destination.h"

#include <getopt.h>
#include <string.h>

#define DEFAULT_CONFIG "/etc/outrider/outrider.conf"

static const char help[] =
    "usage: outrider query [--json | --explain] [--direct] [--config FILE] [--socket PATH] DESTINATION\n"
    "\n"
    "What applies when mail goes to DESTINATION: example.org, example.org:587, [mx.example.org], or\n"
    "[mx.example.org]:587.\n"
    "\n"
    "  -j, --json         one line of JSON\n"
    "  -e, --explain      each lookup, each MX host, the policy and its age\n"
    "  -d, --direct       resolve here, without a daemon and without its store\n"
    "  -c, --config FILE  settings, and where the daemon listens (default " DEFAULT_CONFIG ")\n"
    "  -s, --socket PATH  the daemon's line-protocol socket (default: the first in the configuration)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 answered, 64 usage, 65 no destination, 75 mail would have to wait or no answer, 78\n"
    "configuration.\n";

struct query_options {
    otr_query_form form;
    bool is_direct;
    const char *config; /* NULL: the default, if it exists */
    const char *socket;
};

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct query_options *o)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },           { "explain", no_argument, NULL, 'e' },
        { "direct", no_argument, NULL, 'd' },         { "config", required_argument, NULL, 'c' },
        { "socket", required_argument, NULL, 's' },   { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    *o = (struct query_options){ .form = OTR_QUERY_TEXT };
    optind = 1;
    while ((c = getopt_long(argc, argv, "jedc:s:h", options, NULL)) != -1) {
        switch (c) {
        case 'j': o->form = OTR_QUERY_JSON; break;
        case 'e': o->form = o->form == OTR_QUERY_JSON ? OTR_QUERY_JSON : OTR_QUERY_EXPLAIN; break;
        case 'd': o->is_direct = true; break;
        case 'c': o->config = optarg; break;
        case 's': o->socket = optarg; break;
        case 'h': fputs(help, stdout); return EX_OK;
        default: fputs("outrider query --help shows the options\n", stderr); return EX_USAGE;
        }
    }
    if (optind != argc - 1)
        return otr_complain(EX_USAGE, "query", "takes one destination; outrider query --help shows the options");
    if (o->is_direct && o->socket != NULL)
        return otr_complain(EX_USAGE, "query", "--direct asks no daemon, so --socket has no use");
    return -1;
}

int otr_cmd_query(int argc, char **argv)
{
    struct query_options o;
    int status = read_options(argc, argv, &o);
    otr_destination destination;
    outrider_diag diag;

    if (status >= 0)
        return status;
    if (otr_destination_parse(argv[optind], strlen(argv[optind]), &destination, &diag) != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, "destination", "column %u: %s", diag.column, diag.message);
    if (o.is_direct)
        return otr_resolve_directly(&destination, o.form, o.config);
    return otr_ask_daemon(&destination, o.form, o.config, o.socket);
}

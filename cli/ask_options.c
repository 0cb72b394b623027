/*
 * ask_options.c - see ask_options.h.
 */
#include "cli/ask_options.h"

#include "cli/command.h"

#include <getopt.h>

static int misuse(const char *name, const char *why)
{
    return otr_complain(EX_USAGE, name, "%s; outrider %s --help shows the options", why, name);
}

int otr_read_ask_options(int argc, char **argv, const char *name, const char *help, otr_ask_options *o)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },         { "config", required_argument, NULL, 'c' },
        { "socket", required_argument, NULL, 's' }, { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "jc:s:h", options, NULL)) != -1) {
        switch (c) {
        case 'j': o->is_json = true; break;
        case 'c': o->config = optarg; break;
        case 's': o->socket = optarg; break;
        case 'h': fputs(help, stdout); return EX_OK;
        default: return misuse(name, "unknown option, or one without its value");
        }
    }
    return optind == argc ? -1 : misuse(name, "takes no arguments");
}

/*
 * publish_reload.c - outrider publish reload: for whoever has put new certificates into place, and wants to know now whether they are
 * what is shown.
 */
#include "cli/ask_control.h"
#include "cli/command.h"

#include <getopt.h>

static const char help[] =
    "usage: outrider publish reload [--json] [--config FILE] [--socket PATH]\n"
    "\n"
    "Let outriderd read the certificates of our policy hosts now, if their files have changed. (It does so by itself when they have\n"
    "not changed for some seconds.) One that does not fit is refused, and the former one goes on.\n"
    "\n"
    "  -j, --json         one line of JSON\n"
    "  -c, --config FILE  where the daemon listens (default /etc/outrider/outrider.conf)\n"
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all are in use, 64 usage, 65 one was refused, 75 no answer, 77 not allowed, 78 configuration.\n";

static const char name[] = "publish reload";

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, name, "%s; outrider %s --help shows the options", why, name);
}

struct options {
    bool is_json;
    const char *config, *socket;
};

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct options *o)
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
        default: return misuse("unknown option, or one without its value");
        }
    }
    return optind == argc ? -1 : misuse("takes no argument");
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static int tell(const json_t *answer, const json_t *failures)
{
    int status = EX_OK;

    for (size_t i = 0; i < json_array_size(failures); i++) {
        const json_t *failure = json_array_get(failures, i);

        status = otr_complain(EX_DATAERR, text_of(failure, "domain"), "%s; the former certificate goes on, if there is one",
                              text_of(failure, "error"));
    }
    if (status == EX_OK)
        puts(json_is_true(json_object_get(answer, "changed")) ? "other certificates are shown now" : "nothing has changed");
    return otr_flush_output(status);
}

int otr_cmd_publish_reload(int argc, char **argv)
{
    struct options o = { .is_json = false };
    int status = read_options(argc, argv, &o);
    const json_t *failures;
    json_t *answer;

    if (status >= 0)
        return status;
    answer = otr_ask_control(json_pack("{s:s}", "do", "publish.reload"), name, o.config, o.socket, &status);
    if (answer == NULL)
        return status;
    failures = json_object_get(answer, "failures");
    if (o.is_json)
        return otr_print_json(answer, json_array_size(failures) > 0 ? EX_DATAERR : EX_OK);
    status = tell(answer, failures);
    json_decref(answer);
    return status;
}

/*
 * trust_accept.c - outrider trust accept: the operator's word on a change of root that holds the mail of a destination
 * (on_change = defer), and the list of those that wait for it.
 */
#include "cli/ask_control.h"
#include "cli/command.h"

#include <getopt.h>

static const char help[] =
    "usage: outrider trust accept [--json] [--config FILE] [--socket PATH] DOMAIN\n"
    "       outrider trust accept --list [--json] [--config FILE] [--socket PATH]\n"
    "\n"
    "Let mail to DOMAIN go again: its hosts may have the roots that they have come to. With --list show whose mail waits\n"
    "for that.\n"
    "\n"
    "  -l, --list         the changes of root that are held\n"
    "  -j, --json         one line of JSON\n"
    "  -c, --config FILE  where the daemon listens (default /etc/outrider/outrider.conf)\n"
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 nothing is held, 74 the store fails, 75 no answer, 77 not allowed, 78\n"
    "configuration.\n";

#define NAME "trust accept"

struct options {
    bool is_list, is_json;
    const char *config, *socket, *domain;
};

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, NAME, "%s; outrider trust accept --help shows the options", why);
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {
        { "list", no_argument, NULL, 'l' },         { "json", no_argument, NULL, 'j' },
        { "config", required_argument, NULL, 'c' }, { "socket", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
    };
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "ljc:s:h", options, NULL)) != -1) {
        switch (c) {
        case 'l': o->is_list = true; break;
        case 'j': o->is_json = true; break;
        case 'c': o->config = optarg; break;
        case 's': o->socket = optarg; break;
        case 'h': fputs(help, stdout); return otr_flush_output(EX_OK);
        default: return misuse("unknown option, or one without its value");
        }
    }
    if (argc - optind != (o->is_list ? 0 : 1))
        return misuse(o->is_list ? "--list takes no arguments" : "takes one domain");
    o->domain = o->is_list ? NULL : argv[optind];
    return -1;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "?";
}

/* What outriderd says is printable: names were cleaned when they were read from certificates. */
static void print_hold(const json_t *hold, const char *word)
{
    printf("%s%s: %s %s: %s since %s, before %s\n", word, text_of(hold, "domain"), text_of(hold, "role"),
           text_of(hold, "host"), text_of(json_object_get(hold, "to"), "name"), text_of(hold, "since"),
           text_of(json_object_get(hold, "from"), "name"));
}

static int print_answer(const struct options *o, json_t *answer)
{
    const json_t *list = json_object_get(answer, o->is_list ? "holds" : "accepted");

    if (o->is_json) {
        json_object_del(answer, "ok");
        return otr_print_json(answer, EX_OK);
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        print_hold(json_array_get(list, i), o->is_list ? "" : "accepted: ");
    json_decref(answer);
    return otr_flush_output(EX_OK);
}

int otr_cmd_trust_accept(int argc, char **argv)
{
    struct options o = { 0 };
    int status = read_options(argc, argv, &o);
    json_t *request, *answer;

    if (status >= 0)
        return status;
    request = o.is_list ? json_pack("{s:s}", "do", "trust.holds")
                        : json_pack("{s:s, s:s}", "do", "trust.accept", "domain", o.domain);
    if (request == NULL) /* jansson takes UTF-8 only */
        return otr_complain(EX_DATAERR, NAME, "the domain is not UTF-8");
    answer = otr_ask_control(request, NAME, o.config, o.socket, &status);
    return answer != NULL ? print_answer(&o, answer) : status;
}

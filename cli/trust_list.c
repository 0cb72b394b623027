/*
 * trust_list.c - outrider trust list: the exceptions in force, and the destinations that wait for the operator's word.
 */
#include "base/date.h"
#include "cli/ask_control.h"
#include "cli/command.h"
#include "cli/trust_exception.h"

#include <getopt.h>
#include <pwd.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "usage: outrider trust list [--json] [--config FILE] [--socket PATH]\n"
    "\n"
    "The exceptions of \"outrider trust add\" in force, and the destinations whose mail waits because a host of them has come\n"
    "to another root (rules with on_change = defer). \"outrider trust explain\" shows all the rules of a destination.\n"
    "\n"
    "  -j, --json         one line of JSON\n"
    "  -c, --config FILE  where the daemon listens (default /etc/outrider/outrider.conf)\n"
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 answered, 64 usage, 75 no answer, 77 not allowed, 78 configuration.\n";

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "?";
}

void otr_print_exception(const json_t *e)
{
    const json_t *root = json_object_get(e, "root");
    const char *until = text_of(e, "until");
    json_int_t uid = json_integer_value(json_object_get(e, "uid"));
    const struct passwd *who = uid >= 0 ? getpwuid((uid_t)uid) : NULL;
    char left[OTR_TIME_TEXT] = "?";
    otr_time end;

    if (otr_date_parse(until, strlen(until), &end, NULL))
        otr_span_text(end - (otr_time)time(NULL), left);
    printf("%s  %s  %.16s  until %s (%s)  by ", text_of(e, "domain"), text_of(root, "subject"), text_of(root, "sha256"), until,
           left);
    if (who != NULL)
        printf("%s", who->pw_name);
    else
        printf("uid %lld", (long long)uid);
    printf(": %s\n", text_of(e, "reason")); /* outriderd has let nothing through that a terminal would obey */
}

static void print_hold(const json_t *h)
{
    printf("held: %s  since %s  %s host %s came from %s to %s\n", text_of(h, "domain"), text_of(h, "since"), text_of(h, "role"),
           text_of(h, "host"), text_of(json_object_get(h, "from"), "subject"), text_of(json_object_get(h, "to"), "subject"));
}

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, "trust list", "%s; outrider trust list --help shows the options", why);
}

int otr_cmd_trust_list(int argc, char **argv)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },         { "config", required_argument, NULL, 'c' },
        { "socket", required_argument, NULL, 's' }, { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *config = NULL, *socket = NULL;
    const json_t *exceptions, *holds;
    int c, status = EX_OK;
    bool is_json = false;
    json_t *answer;

    optind = 1;
    while ((c = getopt_long(argc, argv, "jc:s:h", options, NULL)) != -1) {
        switch (c) {
        case 'j': is_json = true; break;
        case 'c': config = optarg; break;
        case 's': socket = optarg; break;
        case 'h': fputs(help, stdout); return EX_OK;
        default: return misuse("unknown option, or one without its value");
        }
    }
    if (optind < argc)
        return misuse("takes no arguments");
    answer = otr_ask_control(json_pack("{s:s}", "do", "trust.list"), "trust list", config, socket, &status);
    if (answer == NULL)
        return status;
    if (is_json) {
        json_object_del(answer, "ok");
        return otr_print_json(answer, EX_OK);
    }
    exceptions = json_object_get(answer, "exceptions");
    holds = json_object_get(answer, "holds");
    for (size_t i = 0; i < json_array_size(exceptions); i++)
        otr_print_exception(json_array_get(exceptions, i));
    for (size_t i = 0; i < json_array_size(holds); i++)
        print_hold(json_array_get(holds, i));
    json_decref(answer);
    return otr_flush_output(EX_OK);
}

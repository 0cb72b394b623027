/*
 * override.c - outrider override add, list, remove: an operator's word for a destination that is broken on its side.
 * What may be said is judged by outriderd, which knows the configuration and the time it goes by.
 */
#include "cli/ask_control.h"
#include "cli/command.h"
#include "base/date.h"

#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_CONFIG "/etc/outrider/outrider.conf"

#define COMMON_HELP \
    "  -j, --json         one line of JSON\n" \
    "  -c, --config FILE  where the daemon listens (default " DEFAULT_CONFIG ")\n" \
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n" \
    "  -h, --help\n" \
    "\n"

static const char add_help[] =
    "usage: outrider override add [--json] [--level LEVEL] [--config FILE] [--socket PATH]\n"
    "           --until DATE --reason TEXT DOMAIN\n"
    "\n"
    "Let mail to DOMAIN, and to no other, go by LEVEL until DATE, whatever its TLSA records and policy say.\n"
    "\n"
    "  -u, --until DATE   2026-12-01 (that day included, UTC) or 2026-12-01T18:00:00Z; at most 366 days ahead\n"
    "  -r, --reason TEXT  one line, for those who find it\n"
    "  -l, --level LEVEL  may (default), encrypt, or defer\n" COMMON_HELP
    "Exit status: 0 done, 64 usage, 65 refused, 74 the store fails, 75 no answer, 77 not allowed, 78 configuration.\n";

static const char list_help[] =
    "usage: outrider override list [--json] [--config FILE] [--socket PATH]\n"
    "\n"
    "The overrides in force.\n"
    "\n" COMMON_HELP
    "Exit status: 0 answered, 64 usage, 75 no answer, 77 not allowed, 78 configuration.\n";

static const char remove_help[] =
    "usage: outrider override remove [--json] [--config FILE] [--socket PATH] DOMAIN\n"
    "\n"
    "End the override of DOMAIN now.\n"
    "\n" COMMON_HELP
    "Exit status: 0 done, 64 usage, 65 there is none, 74 the store fails, 75 no answer, 77 not allowed, 78\n"
    "configuration.\n";

struct options {
    const char *name, *help;
    bool is_add;
    int argument_count; /* that it takes */
    bool is_json;
    const char *config, *socket, *until, *reason, *level;
    const char *domain;
};

static int misuse(const struct options *o, const char *why)
{
    return otr_complain(EX_USAGE, o->name, "%s; outrider %s --help shows the options", why, o->name);
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },         { "config", required_argument, NULL, 'c' },
        { "socket", required_argument, NULL, 's' }, { "help", no_argument, NULL, 'h' },
        { "until", required_argument, NULL, 'u' },  { "reason", required_argument, NULL, 'r' },
        { "level", required_argument, NULL, 'l' },  { NULL, 0, NULL, 0 },
    };
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "jc:s:hu:r:l:", options, NULL)) != -1) {
        switch (c) {
        case 'j': o->is_json = true; break;
        case 'c': o->config = optarg; break;
        case 's': o->socket = optarg; break;
        case 'u': o->until = optarg; break;
        case 'r': o->reason = optarg; break;
        case 'l': o->level = optarg; break;
        case 'h': fputs(o->help, stdout); return EX_OK;
        default: return misuse(o, "unknown option, or one without its value");
        }
    }
    if (argc - optind != o->argument_count)
        return misuse(o, o->argument_count == 1 ? "takes one domain" : "takes no arguments");
    if (o->is_add && (o->until == NULL || o->reason == NULL))
        return misuse(o, o->until == NULL ? "--until is missing: there is none without an end"
                                          : "--reason is missing: say it to those who come after you");
    if (!o->is_add && (o->until != NULL || o->reason != NULL || o->level != NULL))
        return misuse(o, "--until, --reason and --level are for override add");
    o->domain = o->argument_count == 1 ? argv[optind] : NULL;
    return -1;
}

/* Printing ---------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "?";
}

static void print_override(const json_t *o)
{
    const char *until = text_of(o, "until");
    json_int_t uid = json_integer_value(json_object_get(o, "uid"));
    const struct passwd *who = uid >= 0 ? getpwuid((uid_t)uid) : NULL;
    char left[OTR_TIME_TEXT] = "?";
    otr_time end;

    if (otr_date_parse(until, strlen(until), &end, NULL))
        otr_span_text(end - (otr_time)time(NULL), left);
    printf("%s  %s  until %s (%s)  by ", text_of(o, "domain"), text_of(o, "level"), until, left);
    if (who != NULL)
        printf("%s", who->pw_name);
    else
        printf("uid %lld", (long long)uid);
    printf(": %s\n", text_of(o, "reason")); /* outriderd has let nothing through that a terminal would obey */
}

static int print_answer(const struct options *o, json_t *answer)
{
    const json_t *list = json_object_get(answer, "overrides");

    if (o->is_json) {
        json_object_del(answer, "ok");
        return otr_print_json(answer, EX_OK);
    }
    if (json_is_array(list)) {
        for (size_t i = 0; i < json_array_size(list); i++)
            print_override(json_array_get(list, i));
    } else {
        printf(o->is_add ? "added: " : "removed: ");
        print_override(json_object_get(answer, "override"));
    }
    json_decref(answer);
    return otr_flush_output(EX_OK);
}

/* The commands ------------------------------------------------------------------------------------------------ */

static json_t *make_request(const struct options *o, const char *verb)
{
    json_t *request = json_pack("{s:s}", "do", verb);
    const struct { const char *key, *value; } keys[] = {
        { "domain", o->domain }, { "until", o->until }, { "reason", o->reason }, { "level", o->level },
    };

    for (size_t i = 0; request != NULL && i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].value == NULL)
            continue;
        /* jansson takes UTF-8 only; what is none is no reason and no domain either. */
        if (json_object_set_new(request, keys[i].key, json_string(keys[i].value)) != 0) {
            json_decref(request);
            return NULL;
        }
    }
    return request;
}

static int run(int argc, char **argv, struct options *o, const char *verb)
{
    int status = read_options(argc, argv, o);
    json_t *request, *answer;

    if (status >= 0)
        return status;
    request = make_request(o, verb);
    if (request == NULL)
        return otr_complain(EX_DATAERR, o->name, "an argument is not UTF-8");
    answer = otr_ask_control(request, o->name, o->config, o->socket, &status);
    return answer != NULL ? print_answer(o, answer) : status;
}

int otr_cmd_override_add(int argc, char **argv)
{
    struct options o = { .name = "override add", .help = add_help, .is_add = true, .argument_count = 1 };

    return run(argc, argv, &o, "override.add");
}

int otr_cmd_override_list(int argc, char **argv)
{
    struct options o = { .name = "override list", .help = list_help };

    return run(argc, argv, &o, "override.list");
}

int otr_cmd_override_remove(int argc, char **argv)
{
    struct options o = { .name = "override remove", .help = remove_help, .argument_count = 1 };

    return run(argc, argv, &o, "override.remove");
}

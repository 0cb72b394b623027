/*
 * fleet_status.c - outrider fleet status: who is there, whether Redis answers this daemon, and what has gone to and fro.
 */
#include "cli/ask_control.h"
#include "cli/command.h"
#include "base/date.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "usage: outrider fleet status [--json] [--config FILE] [--socket PATH]\n"
    "\n"
    "The members of the fleet, and how this daemon stands with Redis.\n"
    "\n"
    "  -j, --json         one line of JSON\n"
    "  -c, --config FILE  where the daemon listens (default /etc/outrider/outrider.conf)\n"
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 answered, 64 usage, 65 there is no fleet, 75 no answer, 77 not allowed, 78 configuration.\n";

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
        default: return otr_complain(EX_USAGE, "fleet status", "unknown option, or one without its value");
        }
    }
    return argc == optind ? -1 : otr_complain(EX_USAGE, "fleet status", "takes no arguments");
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "?";
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* "12s ago"; by the clock of this machine. */
static const char *age_of(const json_t *object, const char *key, char text[OTR_TIME_TEXT + 8])
{
    const char *when = json_string_value(json_object_get(object, key));
    char span[OTR_TIME_TEXT];
    otr_time at;

    if (when == NULL || !otr_date_parse(when, strlen(when), &at, NULL))
        return "not yet";
    snprintf(text, OTR_TIME_TEXT + 8, "%s ago", otr_span_text((otr_time)time(NULL) > at ? (otr_time)time(NULL) - at : 0, span));
    return text;
}

static void print_member(const json_t *m)
{
    char age[OTR_TIME_TEXT + 8];

    printf("  %s  %s  seen %s%s%s\n", text_of(m, "name"), text_of(m, "version"), age_of(m, "seen_at", age),
           json_is_true(json_object_get(m, "self")) ? "  this one" : "",
           json_is_true(json_object_get(m, "present")) ? "" : "  gone");
}

static void print_status(const json_t *a)
{
    const json_t *members = json_object_get(a, "members");
    const char *error = json_string_value(json_object_get(a, "error"));
    long long difference = number_of(a, "clock_difference");
    char age[OTR_TIME_TEXT + 8];

    printf("member: %s\nredis: %s  %s%s%s\n", text_of(a, "member"), text_of(a, "redis"), text_of(a, "state"),
           error != NULL ? ": " : "", error != NULL ? error : "");
    printf("compared in whole: %s%s\n", age_of(a, "compared_at", age),
           json_is_true(json_object_get(a, "comparing")) ? ", and under way now" : "");
    printf("records since the start: %lld sent, %lld taken, %lld refused\n", number_of(a, "sent"), number_of(a, "taken"),
           number_of(a, "refused"));
    if (difference > 1 || difference < -1)
        printf("clock: Redis is %lld s %s this machine\n", difference > 0 ? difference : -difference,
               difference > 0 ? "ahead of" : "behind");
    printf("members:%s\n", json_array_size(members) == 0 ? " none known" : "");
    for (size_t i = 0; i < json_array_size(members); i++)
        print_member(json_array_get(members, i));
}

int otr_cmd_fleet_status(int argc, char **argv)
{
    struct options o = { 0 };
    int status = read_options(argc, argv, &o);
    json_t *answer;

    if (status >= 0)
        return status;
    answer = otr_ask_control(json_pack("{s:s}", "do", "fleet.status"), "fleet status", o.config, o.socket, &status);
    if (answer == NULL)
        return status;
    if (o.is_json) {
        json_object_del(answer, "ok");
        return otr_print_json(answer, EX_OK);
    }
    print_status(answer);
    json_decref(answer);
    return otr_flush_output(EX_OK);
}

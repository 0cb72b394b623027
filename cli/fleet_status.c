/*
 * fleet_status.c - outrider fleet status: who is there, whether Redis answers this daemon, and what has gone to and fro.
 */
#include "base/date.h"
#include "cli/ask_control.h"
#include "cli/ask_options.h"
#include "cli/command.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "usage: outrider fleet status [--json] [--config FILE] [--socket PATH]\n"
    "\n"
    "The members of the fleet, and how this daemon stands with Redis.\n"
    "\n"
    OTR_ASK_OPTIONS_HELP
    "\n"
    "Exit status: 0 answered, 64 usage, 65 there is no fleet, 75 no answer, 77 not allowed, 78 configuration.\n";

static const char name[] = "fleet status";

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
    otr_ask_options o = { .is_json = false };
    int status = otr_read_ask_options(argc, argv, name, help, &o);
    json_t *answer;

    if (status >= 0)
        return status;
    answer = otr_ask_control(json_pack("{s:s}", "do", "fleet.status"), name, o.config, o.socket, &status);
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

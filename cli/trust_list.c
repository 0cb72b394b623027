/*
 * trust_list.c - outrider trust list: the exceptions in force, and the destinations that wait for the operator's word.
 */
#include "base/date.h"
#include "cli/ask_control.h"
#include "cli/ask_options.h"
#include "cli/command.h"
#include "cli/trust_exception.h"

#include <pwd.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "usage: outrider trust list [--json] [--config FILE] [--socket PATH]\n"
    "\n"
    "The exceptions of \"outrider trust add\" in force, and the destinations whose mail waits because a host of them has come\n"
    "to another root (rules with on_change = defer). \"outrider trust explain\" shows all the rules of a destination.\n"
    "\n"
    OTR_ASK_OPTIONS_HELP
    "\n"
    "Exit status: 0 answered, 64 usage, 75 no answer, 77 not allowed, 78 configuration.\n";

static const char name[] = "trust list";

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

int otr_cmd_trust_list(int argc, char **argv)
{
    otr_ask_options o = { .is_json = false };
    const json_t *exceptions, *holds;
    int status = otr_read_ask_options(argc, argv, name, help, &o);
    json_t *answer;

    if (status >= 0)
        return status;
    answer = otr_ask_control(json_pack("{s:s}", "do", "trust.list"), name, o.config, o.socket, &status);
    if (answer == NULL)
        return status;
    if (o.is_json) {
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

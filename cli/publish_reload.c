/*
 * publish_reload.c - outrider publish reload: for whoever has put new certificates into place, and wants to know now whether they are
 * what is shown.
 */
#include "cli/ask_control.h"
#include "cli/ask_options.h"
#include "cli/command.h"

static const char help[] =
    "usage: outrider publish reload [--json] [--config FILE] [--socket PATH]\n"
    "\n"
    "Let outriderd read the certificates of our policy hosts now, if their files have changed. (It does so by itself when they have\n"
    "not changed for some seconds.) One that does not fit is refused, and the former one goes on.\n"
    "\n"
    OTR_ASK_OPTIONS_HELP
    "\n"
    "Exit status: 0 all are in use, 64 usage, 65 one was refused, 75 no answer, 77 not allowed, 78 configuration.\n";

static const char name[] = "publish reload";

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
    otr_ask_options o = { .is_json = false };
    int status = otr_read_ask_options(argc, argv, name, help, &o);
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

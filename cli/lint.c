/*
 * lint.c - see lint.h.
 */
#include "cli/lint.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static int misuse(const otr_lint *lint, const char *why, const char *what)
{
    char *shown = otr_escape(what, strlen(what));

    otr_complain(EX_USAGE, lint->name, "%s%s%s; \"outrider %s --help\" explains", why, *what ? " " : "",
                 shown != NULL ? shown : "", lint->name);
    free(shown);
    return EX_USAGE;
}

static bool keep_mx(otr_lint *lint, const char *host)
{
    const char **grown = realloc(lint->mx, (lint->mx_count + 1) * sizeof(*grown));

    if (grown == NULL)
        return false;
    lint->mx = grown;
    lint->mx[lint->mx_count++] = host;
    return true;
}

/* The option that getopt_long() did not like, as the user wrote it. */
static const char *last_word(char **argv)
{
    return optind > 0 ? argv[optind - 1] : "";
}

static bool take_options(otr_lint *lint, int argc, char **argv, int *status)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { "mx", required_argument, NULL, 'm' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        switch (option) {
        case 'j':
            lint->json = true;
            break;
        case 'h':
            fputs(lint->usage, stdout);
            *status = otr_flush_output(EX_OK);
            return false;
        case 'm':
            if (!lint->takes_mx) {
                *status = misuse(lint, "unknown option", "--mx");
                return false;
            }
            if (!keep_mx(lint, optarg)) {
                *status = otr_complain(EX_OSERR, lint->name, "out of memory");
                return false;
            }
            break;
        case ':':
            *status = misuse(lint, "a value is missing after", last_word(argv));
            return false;
        default:
            *status = misuse(lint, "unknown option", last_word(argv));
            return false;
        }
    }
    return true;
}

static bool take_arguments(otr_lint *lint, int argc, char **argv, int *status)
{
    lint->arguments = argv + optind;
    lint->count = (size_t)(argc - optind);
    if (lint->count == 0) {
        *status = misuse(lint, "nothing to check", "");
        return false;
    }
    if (lint->max_arguments > 0 && lint->count > (size_t)lint->max_arguments) {
        *status = misuse(lint, "one argument too many:", lint->arguments[lint->max_arguments]);
        return false;
    }
    lint->texts = calloc(lint->count, sizeof(*lint->texts));
    if (lint->texts == NULL) {
        *status = otr_complain(EX_OSERR, lint->name, "out of memory");
        return false;
    }
    for (size_t i = 0; i < lint->count; i++)
        lint->texts[i] = otr_slice_of(lint->arguments[i]);
    return true;
}

bool otr_lint_options(otr_lint *lint, int argc, char **argv, int *status)
{
    if (take_options(lint, argc, argv, status) && take_arguments(lint, argc, argv, status))
        return true;
    otr_lint_clear(lint);
    return false;
}

void otr_lint_clear(otr_lint *lint)
{
    free(lint->mx);
    free(lint->texts);
    lint->mx = NULL;
    lint->mx_count = 0;
    lint->texts = NULL;
}

void otr_lint_add(otr_lint_findings *findings, bool is_error, const outrider_diag *diag)
{
    struct otr_lint_finding *grown = realloc(findings->list, (findings->count + 1) * sizeof(*grown));

    findings->is_valid = findings->is_valid && !is_error;
    if (grown == NULL) {
        findings->out_of_memory = true;
        return;
    }
    findings->list = grown;
    grown[findings->count++] = (struct otr_lint_finding){ .is_error = is_error, .diag = *diag };
}

void otr_lint_add_all(otr_lint_findings *findings, bool is_error, const outrider_diag *diags, size_t count)
{
    for (size_t i = 0; i < count; i++)
        otr_lint_add(findings, is_error, &diags[i]);
}

void otr_lint_findings_clear(otr_lint_findings *findings)
{
    free(findings->list);
    *findings = (otr_lint_findings)OTR_LINT_FINDINGS_INIT;
}

void otr_lint_print(const otr_lint_findings *findings, const char *where)
{
    char *shown = otr_escape(where, strlen(where));

    for (size_t i = 0; i < findings->count; i++) {
        const outrider_diag *diag = &findings->list[i].diag;

        fputs(shown != NULL ? shown : "?", stdout);
        if (diag->line > 0)
            printf(":%u:%u", diag->line, diag->column);
        printf(": %s: %s\n", findings->list[i].is_error ? "error" : "warning", diag->message);
    }
    free(shown);
}

/* The errors or the warnings; NULL when out of memory, also half-way. */
static json_t *list_json(const otr_lint_findings *findings, bool errors)
{
    json_t *array = json_array();

    for (size_t i = 0; i < findings->count && array != NULL; i++) {
        const outrider_diag *diag = &findings->list[i].diag;
        json_t *item;

        if (findings->list[i].is_error != errors)
            continue;
        item = json_pack("{s:i, s:i, s:s}", "line", (int)diag->line, "column", (int)diag->column, "message",
                         diag->message);
        if (json_array_append_new(array, item) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

json_t *otr_lint_json(const otr_lint_findings *findings, json_t *found)
{
    json_t *object = json_pack("{s:b}", "valid", findings->is_valid);
    bool failed = object == NULL || found == NULL || json_object_update(object, found) != 0;

    json_decref(found);
    failed |= json_object_set_new(object, "errors", list_json(findings, true)) != 0;
    failed |= json_object_set_new(object, "warnings", list_json(findings, false)) != 0;
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

json_t *otr_lint_json_text(const char *text, size_t len)
{
    json_t *value = json_stringn(text, len);
    char *escaped;

    if (value != NULL)
        return value;
    escaped = otr_escape(text, len);
    if (escaped != NULL)
        value = json_string(escaped);
    free(escaped);
    return value;
}

int otr_lint_finish(const otr_lint *lint, const otr_lint_findings *findings, json_t *json)
{
    int status = findings->is_valid ? EX_OK : EX_DATAERR;

    if (findings->out_of_memory || (lint->json && json == NULL)) {
        json_decref(json);
        return otr_complain(EX_OSERR, lint->name, "out of memory");
    }
    return lint->json ? otr_print_json(json, status) : otr_flush_output(status);
}

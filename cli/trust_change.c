/*
 * trust_change.c - outrider trust add, remove, accept: a root for some destinations until a date, and the operator's word
 * for a change of root that was noticed. Whether it may be is judged by outriderd; only what must not be sent to it, or
 * is no certificate at all, is refused here.
 */
#include "cli/ask_control.h"
#include "cli/command.h"
#include "cli/trust_exception.h"
#include "daemon/control_request.h"
#include "trust/root_file.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT (1024 * 1024) /* octets of a file with one certificate, and what people have written around it */

#define COMMON_HELP \
    "  -j, --json         one line of JSON\n" \
    "  -c, --config FILE  where the daemon listens (default /etc/outrider/outrider.conf)\n" \
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n" \
    "  -h, --help\n" \
    "\n"

#define STATUS_HELP "64 usage, 65 refused, 66 no such file, 74 a file or the store fails,\n75 no answer, 77 not allowed, 78 configuration.\n"

static const char add_help[] =
    "usage: outrider trust add [--json] [--config FILE] [--socket PATH]\n"
    "           --for DOMAIN [--for DOMAIN]... --until DATE --reason TEXT FILE\n"
    "\n"
    "Trust the root in FILE (one certificate, PEM or DER) for DOMAIN, and for no other, until DATE.\n"
    "\n"
    "  -d, --for DOMAIN   example.org, or .example.org: all below it; at most 64\n"
    "  -u, --until DATE   2026-12-01 (that day included, UTC) or 2026-12-01T18:00:00Z; at most 366 days ahead\n"
    "  -r, --reason TEXT  one line, for those who find it\n" COMMON_HELP
    "Exit status: 0 done, " STATUS_HELP;

static const char remove_help[] =
    "usage: outrider trust remove [--json] [--config FILE] [--socket PATH] [--for DOMAIN]... ROOT\n"
    "\n"
    "End the exceptions for a root now: those for DOMAIN, or all. ROOT is its SHA-256 fingerprint as \"outrider trust\n"
    "list\" shows it, 8 digits of the beginning or more, or the file with the certificate.\n"
    "\n"
    "  -d, --for DOMAIN   as it was given to \"trust add\"\n" COMMON_HELP
    "Exit status: 0 done, " STATUS_HELP;

static const char accept_help[] =
    "usage: outrider trust accept [--json] [--config FILE] [--socket PATH] DOMAIN\n"
    "\n"
    "Accept that hosts of DOMAIN have come to another root (rules with on_change = defer): its mail goes again.\n"
    "\n" COMMON_HELP
    "Exit status: 0 done, " STATUS_HELP;

struct options {
    const char *name, *help;
    bool takes_names, is_add;
    bool is_json;
    const char *config, *socket, *until, *reason, *argument;
    json_t *names; /* owned; strings */
};

static int misuse(const struct options *o, const char *why)
{
    return otr_complain(EX_USAGE, o->name, "%s; outrider %s --help shows the options", why, o->name);
}

static int check_options(const struct options *o, int argument_count)
{
    if (argument_count != 1)
        return misuse(o, o->is_add ? "takes one file" : o->takes_names ? "takes one root" : "takes one domain");
    if (!o->takes_names && json_array_size(o->names) > 0)
        return misuse(o, "--for is for trust add and trust remove");
    if (!o->is_add && (o->until != NULL || o->reason != NULL))
        return misuse(o, "--until and --reason are for trust add");
    if (o->is_add && json_array_size(o->names) == 0)
        return misuse(o, "--for is missing: a root for everybody belongs into the configuration");
    if (o->is_add && (o->until == NULL || o->reason == NULL))
        return misuse(o, o->until == NULL ? "--until is missing: there is none without an end"
                                          : "--reason is missing: say it to those who come after you");
    return -1;
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },         { "config", required_argument, NULL, 'c' },
        { "socket", required_argument, NULL, 's' }, { "help", no_argument, NULL, 'h' },
        { "until", required_argument, NULL, 'u' },  { "reason", required_argument, NULL, 'r' },
        { "for", required_argument, NULL, 'd' },    { NULL, 0, NULL, 0 },
    };
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "jc:s:hu:r:d:", options, NULL)) != -1) {
        switch (c) {
        case 'j': o->is_json = true; break;
        case 'c': o->config = optarg; break;
        case 's': o->socket = optarg; break;
        case 'u': o->until = optarg; break;
        case 'r': o->reason = optarg; break;
        case 'd':
            if (json_array_append_new(o->names, json_string(optarg)) != 0)
                return otr_complain(EX_DATAERR, o->name, "an argument is not UTF-8");
            break;
        case 'h': fputs(o->help, stdout); return EX_OK;
        default: return misuse(o, "unknown option, or one without its value");
        }
    }
    o->argument = argv[optind];
    return check_options(o, argc - optind);
}

/* Roots --------------------------------------------------------------------------------------------------------- */

/* The certificate alone: keys, and what else may stand in a file, stay here. NULL after complaining. */
static X509 *read_root(const char *path, int *status)
{
    outrider_diag diag = { 0 };
    X509 *cert = NULL;
    size_t len = 0;
    char *text = otr_read_input(path, FILE_LIMIT, &len, status);

    if (text == NULL)
        return NULL;
    if (otr_root_read(text, len, &cert, &diag) != OUTRIDER_OK)
        *status = otr_complain(EX_DATAERR, path, "%s", diag.message);
    explicit_bzero(text, len);
    free(text);
    return cert;
}

/* Digits of a fingerprint; what has a dot or a slash is a file. */
static bool is_fingerprint(const char *text)
{
    return strspn(text, "0123456789abcdefABCDEF:") == strlen(text) && strlen(text) >= OTR_CONTROL_ROOT_MIN;
}

static json_t *root_of(const char *argument, int *status)
{
    char sha256[OTR_SHA256_TEXT];
    json_t *root = NULL;
    X509 *cert;

    if (is_fingerprint(argument))
        return json_string(argument);
    cert = read_root(argument, status);
    if (cert != NULL && otr_cert_fingerprint(cert, sha256))
        root = json_string(sha256);
    X509_free(cert);
    return root;
}

static json_t *pem_of(const char *path, int *status)
{
    X509 *cert = read_root(path, status);
    char *pem = cert != NULL ? otr_root_pem(cert) : NULL;
    json_t *text = pem != NULL ? json_string(pem) : NULL;

    free(pem);
    X509_free(cert);
    return text;
}

/* The commands -------------------------------------------------------------------------------------------------- */

static bool set_text(json_t *request, const char *key, const char *text)
{
    return text == NULL || json_object_set_new(request, key, json_string(text)) == 0;
}

/* NULL after complaining. */
static json_t *make_request(struct options *o, const char *verb, int *status)
{
    json_t *request = json_pack("{s:s}", "do", verb);
    const char *key = o->is_add ? "pem" : o->takes_names ? "root" : "domain";
    json_t *value;

    *status = EX_OK;
    value = o->is_add ? pem_of(o->argument, status) : o->takes_names ? root_of(o->argument, status) : json_string(o->argument);
    if (*status == EX_OK && (json_object_set_new(request, key, value) != 0 || !set_text(request, "until", o->until) ||
                             !set_text(request, "reason", o->reason) ||
                             (json_array_size(o->names) > 0 && json_object_set(request, "domains", o->names) != 0)))
        *status = otr_complain(EX_DATAERR, o->name, "an argument is not UTF-8");
    if (*status == EX_OK)
        return request;
    json_decref(request);
    return NULL;
}

static int print_answer(const struct options *o, json_t *answer)
{
    const json_t *list = json_object_get(answer, "exceptions"), *notes = json_object_get(answer, "notes");

    if (o->is_json) {
        json_object_del(answer, "ok");
        return otr_print_json(answer, EX_OK);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        printf(o->is_add ? "added: " : "removed: ");
        otr_print_exception(json_array_get(list, i));
    }
    for (size_t i = 0; i < json_array_size(notes); i++)
        printf("note: %s\n", json_string_value(json_array_get(notes, i)));
    if (!o->takes_names)
        printf("accepted: %s\n", json_string_value(json_object_get(answer, "domain")));
    json_decref(answer);
    return otr_flush_output(EX_OK);
}

static int run(int argc, char **argv, struct options *o, const char *verb)
{
    json_t *request, *answer = NULL;
    int status;

    o->names = json_array();
    status = read_options(argc, argv, o);
    if (status < 0) {
        request = make_request(o, verb, &status);
        if (request != NULL)
            answer = otr_ask_control(request, o->name, o->config, o->socket, &status);
    }
    json_decref(o->names);
    return answer != NULL ? print_answer(o, answer) : status;
}

int otr_cmd_trust_add(int argc, char **argv)
{
    struct options o = { .name = "trust add", .help = add_help, .takes_names = true, .is_add = true };

    return run(argc, argv, &o, "trust.add");
}

int otr_cmd_trust_remove(int argc, char **argv)
{
    struct options o = { .name = "trust remove", .help = remove_help, .takes_names = true };

    return run(argc, argv, &o, "trust.remove");
}

int otr_cmd_trust_accept(int argc, char **argv)
{
    struct options o = { .name = "trust accept", .help = accept_help };

    return run(argc, argv, &o, "trust.accept");
}

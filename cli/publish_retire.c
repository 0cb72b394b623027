/*
 * publish_retire.c - outrider publish retire: the way out of MTA-STS as RFC 8461 §8.3 has it. outriderd serves `none` and keeps the
 * clock; this says which records to change, what to keep, how long, and when it is over. Called again it goes on where it was.
 */
#include "base/date.h"
#include "cli/ask_control.h"
#include "cli/command.h"
#include "cli/repeat.h"

#include <getopt.h>
#include <string.h>
#include <time.h>

#define LOOK_S 60 /* between two looks while waiting ... */
#define LEAST_S 5 /* ... and when the end is near */

static const char help[] =
    "usage: outrider publish retire [--json] [--wait] [--reason TEXT] [--config FILE] [--socket PATH] DOMAIN\n"
    "\n"
    "Withdraw the MTA-STS policy of DOMAIN, one of ours, without harm to mail: serve mode none, say which record to change, and\n"
    "count down until no sender can hold the former policy any more. Asked again, it says how far that is.\n"
    "\n"
    "  -w, --wait         end when it is over\n"
    "  -r, --reason TEXT  one line, for those who find it\n"
    "  -j, --json         one line of JSON\n"
    "  -c, --config FILE  where the daemon listens (default /etc/outrider/outrider.conf)\n"
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 done or under way, 64 usage, 65 refused, 74 the store fails, 75 no answer, 77 not allowed, 78\n"
    "configuration.\n";

static const char name[] = "publish retire";

struct options {
    bool is_json, waits;
    const char *reason, *config, *socket, *domain;
};

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, name, "%s; outrider %s --help shows the options", why, name);
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },         { "wait", no_argument, NULL, 'w' },
        { "reason", required_argument, NULL, 'r' }, { "config", required_argument, NULL, 'c' },
        { "socket", required_argument, NULL, 's' }, { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "jwr:c:s:h", options, NULL)) != -1) {
        switch (c) {
        case 'j': o->is_json = true; break;
        case 'w': o->waits = true; break;
        case 'r': o->reason = optarg; break;
        case 'c': o->config = optarg; break;
        case 's': o->socket = optarg; break;
        case 'h': fputs(help, stdout); return EX_OK;
        default: return misuse("unknown option, or one without its value");
        }
    }
    if (argc - optind != 1)
        return misuse("takes one domain");
    o->domain = argv[optind];
    return -1;
}

/* Asking --------------------------------------------------------------------------------------------------------- */

static json_t *make_request(const struct options *o)
{
    json_t *request = json_pack("{s:s}", "do", "publish.retire");

    /* jansson takes UTF-8 only; what is none is no domain either. */
    if (request == NULL || json_object_set_new(request, "domain", json_string(o->domain)) != 0 ||
        (o->reason != NULL && json_object_set_new(request, "reason", json_string(o->reason)) != 0)) {
        json_decref(request);
        return NULL;
    }
    return request;
}

/* The publication of an answer (taken over); NULL after complaining: there is none, and how far it is is not known. */
static json_t *take_publication(json_t *answer, int *status)
{
    json_t *found = json_object_get(answer, "publication");

    if (found == NULL)
        found = json_array_get(json_object_get(answer, "publications"), 0);
    json_incref(found);
    json_decref(answer);
    if (found == NULL)
        *status = otr_complain(EX_TEMPFAIL, name, "outriderd says nothing of the domain: does it still run with its section publish?");
    return found;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static bool is_over(const json_t *p)
{
    return strcmp(text_of(p, "phase"), "retired") == 0;
}

/*
 * By looking, and not by asking once more: somebody else may have begun anew meanwhile. outriderd may be restarted meanwhile as well;
 * then the next look finds it.
 */
static json_t *wait_for_end(const struct options *o, json_t *p, int *status)
{
    while (p != NULL && !is_over(p)) {
        json_t *answer;
        json_int_t left = json_integer_value(json_object_get(p, "memory_seconds"));
        struct timespec span = { .tv_sec = left < LEAST_S ? LEAST_S : left < LOOK_S ? left : LOOK_S };

        if (strcmp(text_of(p, "phase"), "retiring") != 0) {
            *status = otr_complain(EX_DATAERR, name, "%s: is in %s now: somebody has set it", text_of(p, "domain"),
                                   text_of(p, "phase"));
            json_decref(p);
            return NULL;
        }
        nanosleep(&span, NULL);
        answer = otr_ask_control(json_pack("{s:s, s:s}", "do", "publish.status", "domain", text_of(p, "domain")), name, o->config, o->socket,
                                 status);
        if (answer == NULL && *status != EX_TEMPFAIL) {
            json_decref(p);
            return NULL;
        }
        if (answer != NULL) {
            json_decref(p);
            p = take_publication(answer, status);
        }
    }
    return p;
}

/* Telling -------------------------------------------------------------------------------------------------------- */

static void print_end(const char *what, const json_t *p, const char *key, const char *seconds_key)
{
    json_int_t left = json_integer_value(json_object_get(p, seconds_key));
    const char *end = text_of(p, key);
    char span[OTR_TIME_TEXT];

    if (*end == '\0')
        printf("  %s nobody has ever fetched one\n", what);
    else if (left == 0)
        printf("  %s nobody any more, since %s\n", what, end);
    else
        printf("  %s until %s (%s)\n", what, end, otr_span_text(left, span));
}

/* The same, or another one, with the same daemon. */
static void print_command(const struct options *o, const char *before, const char *after)
{
    otr_buf options = OTR_BUF_INIT;

    otr_put_option(&options, "--config", o->config);
    otr_put_option(&options, "--socket", o->socket);
    printf("%s%s %s\n", before, otr_buf_text(&options), after);
    otr_buf_clear(&options);
}

static void print_way(const struct options *o, const json_t *p)
{
    const json_t *serving = json_object_get(p, "serving");
    const char *domain = text_of(p, "domain");

    printf("%s: retiring since %s\n", domain, text_of(p, "phase_since"));
    printf("  served now        mode %s, id %s\n", text_of(serving, "mode"), text_of(serving, "id"));
    printf("  change now        _mta-sts.%s. TXT \"v=STSv1; id=%s;\"\n", domain, text_of(serving, "id"));
    print_end("may hold enforce ", p, "exit", "exit_seconds");
    print_end("may hold a policy", p, "memory", "memory_seconds");
    printf("  keep until then   this record, mta-sts.%s and its certificate, the section publish \"%s\"\n", domain, domain);
    print_command(o, "  look again        outrider publish retire", domain);
}

static void print_over(const struct options *o, const json_t *p)
{
    const char *domain = text_of(p, "domain");

    printf("%s: retired since %s; no sender can hold a policy of it any more\n", domain, text_of(p, "phase_since"));
    printf("  remove now        _mta-sts.%s. TXT, and when its TTL has passed:\n", domain);
    printf("                    mta-sts.%s, its certificate, the section publish \"%s\"\n", domain, domain);
    print_command(o, "  begin anew        outrider publish set --mode testing", domain);
}

static int print_json(json_t *p, bool over)
{
    const json_t *serving = json_object_get(p, "serving");
    char record[OTR_TIME_TEXT + 64], owner[300];

    snprintf(record, sizeof(record), "v=STSv1; id=%s;", text_of(serving, "id"));
    snprintf(owner, sizeof(owner), "_mta-sts.%s", text_of(p, "domain"));
    json_object_set_new(p, "over", json_boolean(over));
    json_object_set_new(p, "record", json_pack("{s:s, s:s, s:s, s:s}", "name", owner, "type", "TXT", "text", record, "do",
                                               over ? "remove" : "change"));
    return otr_print_json(p, EX_OK);
}

int otr_cmd_publish_retire(int argc, char **argv)
{
    struct options o = { .reason = NULL };
    int status = read_options(argc, argv, &o);
    json_t *request, *answer, *p;

    if (status >= 0)
        return status;
    request = make_request(&o);
    if (request == NULL)
        return otr_complain(EX_DATAERR, name, "an argument is not UTF-8");
    answer = otr_ask_control(request, name, o.config, o.socket, &status);
    p = answer != NULL ? take_publication(answer, &status) : NULL;
    if (p != NULL && o.waits) {
        if (!o.is_json && !is_over(p)) {
            print_way(&o, p);
            fflush(stdout);
        }
        p = wait_for_end(&o, p, &status);
    }
    if (p == NULL)
        return status;
    if (o.is_json)
        return print_json(p, is_over(p));
    if (is_over(p))
        print_over(&o, p);
    else
        print_way(&o, p);
    json_decref(p);
    return otr_flush_output(EX_OK);
}

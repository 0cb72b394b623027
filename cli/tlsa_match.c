/*
 * tlsa_match.c - "outrider tlsa match": do these TLSA records authenticate this chain. Nothing is looked up and
 * no connection made; the answer is the one that a sending MTA would come to.
 */
#include "cli/command.h"

#include "base/date.h"
#include "dane/match.h"
#include "dns/name.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

static const char usage[] =
    "usage: outrider tlsa match --tlsa RECORD... --chain FILE --name NAME... [--at DATE] [--json]\n\n"
    "Tells whether TLSA records authenticate a chain for SMTP (RFC 7671, RFC 7672), without the network.\n\n"
    "  --tlsa RECORD  \"3 1 1 HEX\" or a zone-file line around it; once for each record of the RRset\n"
    "  --chain FILE   certificates in PEM, the server's own first; \"-\" is standard input; several files are\n"
    "                 read as one\n"
    "  --name NAME    a name that a DANE-TA record wants in the certificate: the TLSA base domain and, behind a\n"
    "                 secure MX, the mail domain; once for each\n"
    "  --at DATE      the time of the connection, 2026-01-31 or 2026-01-31T12:00:00Z; now, if not given\n"
    "  --json         print JSON\n"
    "  --help         this text\n\n"
    "Exit status: 0 authenticated, 65 not authenticated, no usable record or bad data, 66 a file that cannot be\n"
    "read, 64 wrong usage.\n";

static const char what[] = "tlsa match";

struct task {
    otr_tlsa *records;  /* owned */
    otr_buf *data;      /* owned; of each record */
    size_t record_count;
    char (*names)[OTR_DOMAIN_SIZE]; /* owned */
    const char **name_list;         /* owned; into names, NULL-terminated */
    size_t name_count;
    otr_buf chain;
    bool has_chain;
    otr_time at;
    bool has_at;
    bool json;
};

static void clear_task(struct task *t)
{
    for (size_t i = 0; i < t->record_count; i++)
        otr_buf_clear(&t->data[i]);
    free(t->records);
    free(t->data);
    free(t->names);
    free(t->name_list);
    otr_buf_clear(&t->chain);
}

/* Every option occurs at most once per argument, so argc is room enough for all of them. */
static bool make_task(struct task *t, int argc)
{
    size_t room = (size_t)argc + 1;

    t->records = calloc(room, sizeof(*t->records));
    t->data = calloc(room, sizeof(*t->data));
    t->names = calloc(room, sizeof(*t->names));
    t->name_list = calloc(room, sizeof(*t->name_list));
    return t->records != NULL && t->data != NULL && t->names != NULL && t->name_list != NULL;
}

static int misuse(const char *why, const char *word)
{
    char *shown = otr_escape(word, strlen(word));

    otr_complain(EX_USAGE, what, "%s%s%s; \"outrider tlsa match --help\" explains", why, *word ? " " : "",
                 shown != NULL ? shown : "");
    free(shown);
    return EX_USAGE;
}

static json_t *number_or_null(int value)
{
    return value >= 0 ? json_integer(value) : json_null();
}

static int print_result(const struct task *t, const otr_dane_result *r)
{
    int status = r->is_authenticated ? EX_OK : EX_DATAERR;
    otr_buf matched = OTR_BUF_INIT;

    if (r->matched >= 0)
        otr_tlsa_print(&t->records[r->matched], &matched);
    if (t->json)
        status = otr_print_json(json_pack("{s:b, s:b, s:s?, s:o, s:s}", "usable", r->is_usable, "authenticated",
                                          r->is_authenticated, "matched",
                                          r->matched >= 0 ? otr_buf_text(&matched) : NULL, "depth",
                                          number_or_null(r->depth), "reason", r->reason),
                                status);
    else
        printf("%s: %s\n",
               r->is_authenticated ? "authenticated" : r->is_usable ? "not authenticated" : "not usable", r->reason);
    if (!t->json && r->matched >= 0)
        printf("record: %s\n", otr_buf_text(&matched));
    if (!t->json)
        status = otr_flush_output(status);
    otr_buf_clear(&matched);
    return status;
}

/*
 * Bad data: a complaint for people and, where a script reads, an answer in the usual form, which says no. In
 * that form the reason is the complaint.
 */
static int refuse(const struct task *t, const char *source, const outrider_diag *diag)
{
    otr_dane_result none = { .matched = -1, .depth = -1 };
    char *shown = otr_escape(source, strlen(source));
    char place[32] = "";

    if (diag->line > 0)
        snprintf(place, sizeof(place), ":%u:%u", diag->line, diag->column);
    snprintf(none.reason, sizeof(none.reason), "%.64s%s: %.150s", shown != NULL ? shown : "?", place, diag->message);
    free(shown);
    otr_complain(EX_DATAERR, what, "%s", none.reason);
    return t->json ? print_result(t, &none) : EX_DATAERR;
}

static int add_record(struct task *t, const char *text)
{
    size_t i = t->record_count;
    outrider_diag diag = { .message = "out of memory" };
    char source[32];

    t->record_count++;
    if (otr_tlsa_parse(text, strlen(text), &t->data[i], &t->records[i], &diag) == OUTRIDER_OK)
        return EX_OK;
    t->records[i] = (otr_tlsa){ .is_short = true };
    snprintf(source, sizeof(source), "--tlsa number %zu", i + 1);
    return refuse(t, source, &diag);
}

/* A name that no host can have matches nothing: said, and left out. It is no error, as DANE-EE ignores names. */
static void add_name(struct task *t, const char *text)
{
    outrider_diag diag = { .message = "not a domain name" };
    char *name = t->names[t->name_count];
    char *shown;

    if (otr_domain_normalize(text, strlen(text), name, &diag) == OUTRIDER_OK) {
        t->name_list[t->name_count++] = name;
        return;
    }
    shown = otr_escape(text, strlen(text));
    otr_complain(EX_OK, what, "--name %s matches nothing: %s", shown != NULL ? shown : "?", diag.message);
    free(shown);
}

static int add_chain(struct task *t, const char *path)
{
    size_t len = 0;
    int status = EX_OK;
    char *text = otr_read_input(path, OTR_CHAIN_PEM_LIMIT, &len, &status);

    if (text == NULL)
        return status;
    otr_buf_put(&t->chain, text, len);
    otr_buf_putc(&t->chain, '\n');
    t->has_chain = true;
    free(text);
    return t->chain.err == OUTRIDER_OK ? EX_OK : otr_complain(EX_OSERR, what, "out of memory");
}

static int take_option(struct task *t, int option, char **argv)
{
    switch (option) {
    case 't':
        return add_record(t, optarg);
    case 'c':
        return add_chain(t, optarg);
    case 'n':
        add_name(t, optarg);
        return EX_OK;
    case 'a':
        t->has_at = true;
        return otr_date_parse(optarg, strlen(optarg), &t->at, NULL) ? EX_OK : misuse("--at is no date:", optarg);
    case ':':
        return misuse("a value is missing after", argv[optind - 1]);
    default:
        return misuse("unknown option", argv[optind - 1]);
    }
}

/* True: go on; false: leave with *status. */
static bool take_options(struct task *t, int argc, char **argv, int *status)
{
    static const struct option options[] = {
        { "tlsa", required_argument, NULL, 't' }, { "chain", required_argument, NULL, 'c' },
        { "name", required_argument, NULL, 'n' }, { "at", required_argument, NULL, 'a' },
        { "json", no_argument, NULL, 'j' },       { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    opterr = 0;
    *status = EX_OK;
    /* --json first: how a bad record is answered must not depend on the order of options. */
    for (int i = 1; i < argc; i++)
        t->json |= strcmp(argv[i], "--json") == 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'j') {
            t->json = true;
            continue;
        }
        if (option == 'h') {
            fputs(usage, stdout);
            *status = otr_flush_output(EX_OK);
            return false;
        }
        if ((*status = take_option(t, option, argv)) != EX_OK)
            return false;
    }
    if (optind < argc)
        *status = misuse("unexpected argument:", argv[optind]);
    else if (t->record_count == 0)
        *status = misuse("--tlsa is missing", "");
    else if (!t->has_chain)
        *status = misuse("--chain is missing", "");
    return *status == EX_OK;
}

static int run(const struct task *t)
{
    otr_dane_question question = { .records = t->records, .record_count = t->record_count,
                                   .chain_pem = t->chain.data, .chain_len = t->chain.len, .names = t->name_list };
    otr_dane_result result;
    outrider_diag diag = { 0 };
    outrider_err err;

    if (t->has_at) {
        question.at = t->at;
    } else {
        otr_clock clock;

        otr_clock_init(&clock, 0);
        question.at = otr_clock_now(&clock);
    }
    err = otr_dane_match(&question, &result, &diag);
    switch (err) {
    case OUTRIDER_OK:
        return print_result(t, &result);
    case OUTRIDER_E_SYNTAX:
    case OUTRIDER_E_LIMIT:
        return refuse(t, "--chain", &diag);
    case OUTRIDER_E_NOMEM:
    case OUTRIDER_E_IO:
    case OUTRIDER_E_CONFIG:
        break;
    }
    return otr_complain(EX_OSERR, what, "%s", diag.message);
}

int otr_cmd_tlsa_match(int argc, char **argv)
{
    struct task task = { 0 };
    int status;

    if (!make_task(&task, argc))
        status = otr_complain(EX_OSERR, what, "out of memory");
    else if (take_options(&task, argc, argv, &status))
        status = run(&task);
    clear_task(&task);
    return status;
}

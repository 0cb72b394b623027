/*
 * trust_probe.c - outrider trust probe: shake hands with the MX hosts of destinations now, say what they show and whether
 * mail would go to them, and have outriderd record it. No mail is sent.
 */
#include "cli/command.h"
#include "cli/probe_print.h"
#include "cli/probe_record.h"
#include "cli/trust_common.h"
#include "base/cursor.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/outrider/outrider.conf"
#define WHAT "trust probe"

#define LIST_LIMIT (64 * 1024 * 1024) /* octets of --file */
#define RATE_MAX 100
#define AT_ONCE_MAX 100
#define TIMEOUT_MAX 300
#define ADDRESS_GAP_MS 1000
#define INTERRUPTED 130 /* what a shell says of a command that ^C has ended */

static const char help[] =
    "usage: outrider trust probe [OPTION...] DOMAIN...\n"
    "       outrider trust probe [OPTION...] --all | --file FILE\n"
    "\n"
    "Shake hands with the MX hosts of these destinations now: EHLO, STARTTLS, TLS, EHLO, QUIT, and no mail. Say what\n"
    "they show, whether mail would go to them, and have outriderd record the chains. One address of each family is\n"
    "visited, each host once.\n"
    "\n"
    "  -a, --all          all destinations that outriderd has a record of\n"
    "  -f, --file FILE    those in FILE, one a line; \"-\" is standard input\n"
    "  -j, --json         one object a line\n"
    "  -p, --port PORT    instead of 25\n"
    "  -r, --rate N       connections a second, at most (default 5; at most 100)\n"
    "  -n, --at-once N    hosts at the same time (default 10; at most 100)\n"
    "  -t, --timeout S    for each connection as a whole (default 30; at most 300)\n"
    "  -e, --ehlo NAME    how this machine calls itself (default: its host name)\n"
    "      --no-record    tell outriderd nothing\n"
    "  -c, --config FILE  settings, and where the daemon listens (default " DEFAULT_CONFIG ")\n"
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all is as it must be, 1 mail would not go to some host, 64 usage, 65 no destination, 66 the store\n"
    "or FILE cannot be read, 69 no host was reached, 75 that, and it may be otherwise later, or no answer of outriderd,\n"
    "77 not allowed, 78 configuration, 130 interrupted.\n";

typedef struct name_list {
    char **list; /* owned, each owned */
    size_t count, room;
} name_list;

typedef struct command {
    bool is_all, is_json, is_silent; /* is_silent: nothing is recorded */
    const char *file, *config, *socket, *ehlo;
    unsigned port, rate, at_once, timeout;
    char host_name[OTR_DOMAIN_SIZE];
    name_list domains;
    otr_trust_view view;
    otr_lookout lookout;
    otr_probe_recorder recorder;
    bool has_progress;          /* a line of it stands on the terminal */
    bool is_out_of_memory;
    size_t counts[OTR_PROBE_VERDICT_COUNT]; /* of hosts, and of destinations without one */
    bool may_change;            /* of what is unknown, something may be known later */
    int output;                 /* EX_OK, or why standard output took no more */
} command;

/* Whom --------------------------------------------------------------------------------------------------------- */

static int add_domain(name_list *names, const char *domain)
{
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 16 : names->room * 2;
        char **list = reallocarray(names->list, room, sizeof(*list));

        if (list == NULL)
            return otr_complain(EX_OSERR, WHAT, "out of memory");
        names->list = list;
        names->room = room;
    }
    names->list[names->count] = strdup(domain);
    if (names->list[names->count] == NULL)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    names->count++;
    return EX_OK;
}

static int take_domain(command *c, const char *text, size_t len, const char *where)
{
    char domain[OTR_DOMAIN_SIZE];
    outrider_diag diag;
    outrider_err err = otr_destination_domain(text, len, domain, &diag);

    if (err == OUTRIDER_OK && strchr(domain, '.') == NULL)
        err = otr_syntax(&(otr_cursor){ text, text, text + len }, text, &diag, "a name of one label is no destination");
    if (err != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, where, "%s", diag.message);
    return add_domain(&c->domains, domain);
}

/* One a line; white space around it, empty lines and those with "#" before are skipped. */
static int take_file(command *c)
{
    size_t len, line = 0;
    int status = EX_OK;
    char *text = otr_read_input(c->file, LIST_LIMIT, &len, &status), where[64];
    const char *end = text != NULL ? text + len : NULL;

    for (const char *at = text; text != NULL && status == EX_OK && at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *next = newline != NULL ? newline + 1 : end;
        const char *last = newline != NULL ? newline : end;

        line++;
        while (at < last && strchr(" \t\r", *at) != NULL)
            at++;
        while (last > at && strchr(" \t\r", last[-1]) != NULL)
            last--;
        snprintf(where, sizeof(where), "line %zu", line);
        if (at < last && *at != '#')
            status = take_domain(c, at, (size_t)(last - at), where);
        at = next;
    }
    free(text);
    return status;
}

static bool take_dependant(void *arg, const otr_dependant *dependant)
{
    command *c = arg;

    c->is_out_of_memory = add_domain(&c->domains, dependant->domain) != EX_OK;
    return c->is_out_of_memory;
}

static int take_store(command *c)
{
    outrider_diag diag = { 0 };
    outrider_err err;

    if (c->view.store == NULL)
        return otr_complain(EX_NOINPUT, WHAT, "%s: nothing is recorded yet", c->view.conf->store.path);
    err = otr_store_each_dependant(c->view.store, c->view.now, NULL, take_dependant, c, &diag);
    if (c->is_out_of_memory)
        return EX_OSERR;
    if (err == OUTRIDER_E_SYNTAX) {
        otr_complain(EX_DATAERR, WHAT, "%s (left out)", diag.message);
        return EX_OK;
    }
    return err == OUTRIDER_OK ? EX_OK : otr_trust_complain(WHAT, err, &diag);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each once; sorted, so that names of one owner do not scatter. */
static void drop_doubles(name_list *names)
{
    size_t kept = 0;

    if (names->count == 0)
        return; /* there is no list then, and qsort() must have one */
    qsort(names->list, names->count, sizeof(*names->list), compare_names);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && strcmp(names->list[kept - 1], names->list[i]) == 0)
            free(names->list[i]);
        else
            names->list[kept++] = names->list[i];
    }
    names->count = kept;
}

/* What is told ------------------------------------------------------------------------------------------------- */

static void wipe_progress(command *c)
{
    if (c->has_progress)
        fputs("\r\x1b[K", stderr);
    c->has_progress = false;
}

static void on_progress(void *arg, const otr_probe_progress *p)
{
    command *c = arg;

    fprintf(stderr, "\r\x1b[K%zu of %zu destinations, %zu of %zu hosts", p->destinations_done, p->destinations,
            p->hosts_done, p->hosts);
    fflush(stderr);
    c->has_progress = true;
}

/* The worst of its addresses: mail may meet any of them. What was not reached says nothing. */
static otr_probe_verdict sum_up(const otr_probe_judgement *judgements, size_t count)
{
    otr_probe_verdict verdict = OTR_PROBE_UNKNOWN;

    for (size_t i = 0; i < count; i++) {
        if (judgements[i].verdict == OTR_PROBE_REFUSED)
            return OTR_PROBE_REFUSED;
        if (judgements[i].verdict == OTR_PROBE_ACCEPTED)
            verdict = OTR_PROBE_ACCEPTED;
    }
    return verdict;
}

/* One record a host: of a chain that would be refused, if there is one. */
static bool record(command *c, const otr_verdict *v, const otr_probed_host *probed, const otr_probe_judgement *judgements)
{
    const char *chain = NULL;

    for (size_t i = 0; i < probed->count; i++)
        if (probed->notes[i].chain_pem != NULL && (chain == NULL || !judgements[i].pkix.is_accepted))
            chain = probed->notes[i].chain_pem;
    return chain != NULL && !c->is_silent && otr_probe_record(&c->recorder, v->destination.domain, probed->host, chain);
}

static bool may_change(const otr_probed_host *probed)
{
    for (size_t i = 0; i < probed->count; i++)
        if (probed->notes[i].outcome != OTR_PROBE_UNREACHABLE)
            return true;
    return false;
}

static void on_host(void *arg, const otr_verdict *v, size_t i, const otr_probed_host *probed)
{
    command *c = arg;
    otr_probe_judgement judgements[OTR_PROBE_FAMILIES] = { 0 };
    otr_time now = otr_clock_now(&c->lookout.clock);
    otr_probe_verdict verdict;

    wipe_progress(c);
    for (size_t n = 0; n < probed->count; n++)
        if (otr_probe_judge(v, i, &probed->notes[n], now, &judgements[n]) != OUTRIDER_OK)
            c->is_out_of_memory = true;
    verdict = sum_up(judgements, probed->count);
    c->counts[verdict]++;
    c->may_change |= verdict == OTR_PROBE_UNKNOWN && may_change(probed);
    if (!otr_probe_print_host(v, i, probed, judgements, record(c, v, probed, judgements), c->is_json))
        c->output = EX_IOERR;
    for (size_t n = 0; n < probed->count; n++)
        otr_probe_judgement_clear(&judgements[n]);
}

/* What DNS says for good is nobody's refusal: there is no host. What it cannot say now may be known later. */
static otr_probe_verdict judge_nothing(command *c, const otr_verdict *v)
{
    bool is_looking_up = v->mx->security == OTR_MX_BOGUS || v->mx->security == OTR_MX_TEMPFAIL;

    for (size_t i = 0; i < v->mx->host_count; i++)
        is_looking_up |= v->hosts[i].finding->addresses == OTR_HOST_TEMPFAIL || v->hosts[i].finding->dane == OTR_DANE_TEMPFAIL;
    c->may_change |= is_looking_up;
    return is_looking_up || v->undeliverable[0] != '\0' ? OTR_PROBE_UNKNOWN : OTR_PROBE_REFUSED;
}

static void on_nothing(void *arg, const char *domain, const otr_verdict *v)
{
    command *c = arg;
    otr_probe_verdict verdict = v != NULL ? judge_nothing(c, v) : OTR_PROBE_UNKNOWN;
    const char *reason = v == NULL ? "out of memory" : v->undeliverable[0] != '\0' ? v->undeliverable : v->reason;

    wipe_progress(c);
    c->is_out_of_memory |= v == NULL;
    c->counts[verdict]++;
    if (!otr_probe_print_nothing(domain, verdict, reason, c->is_json))
        c->output = EX_IOERR;
}

/* The run ------------------------------------------------------------------------------------------------------ */

static void print_summary(const command *c)
{
    if (c->is_json)
        return;
    printf("%zu accepted, %zu refused, %zu unknown", c->counts[OTR_PROBE_ACCEPTED], c->counts[OTR_PROBE_REFUSED],
           c->counts[OTR_PROBE_UNKNOWN]);
    if (!c->is_silent)
        printf("; %zu recorded", c->recorder.count);
    putchar('\n');
}

static int conclude(const command *c, otr_probe_end end)
{
    if (end == OTR_PROBE_RUN_NO_MEMORY || c->is_out_of_memory)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    if (c->output != EX_OK)
        return c->output;
    if (end == OTR_PROBE_RUN_INTERRUPTED)
        return INTERRUPTED;
    if (c->counts[OTR_PROBE_REFUSED] > 0)
        return 1;
    if (c->counts[OTR_PROBE_ACCEPTED] == 0 && c->counts[OTR_PROBE_UNKNOWN] > 0)
        return c->may_change ? EX_TEMPFAIL : EX_UNAVAILABLE;
    return c->recorder.status;
}

/* A peer that hangs up while we write to it, or a reader of our output, is no reason to die without a word. */
static int run(command *c)
{
    const otr_probe_settings settings = {
        .pace = { .at_once = c->at_once, .gap_ms = 1000 / c->rate, .address_gap_ms = ADDRESS_GAP_MS,
                  .seed = (uint32_t)time(NULL) ^ (uint32_t)getpid() },
        .port = (uint16_t)c->port, .timeout_ms = c->timeout * 1000, .ehlo = c->ehlo,
    };
    const otr_probe_ears ears = { .host = on_host, .nothing = on_nothing, .arg = c,
                                  .progress = isatty(STDERR_FILENO) ? on_progress : NULL };
    otr_probe_end end;

    signal(SIGPIPE, SIG_IGN);
    end = otr_probe_run(&c->lookout, &settings, (const char *const *)c->domains.list, c->domains.count, &ears);
    wipe_progress(c);
    print_summary(c);
    return otr_flush_output(conclude(c, end));
}

static int open_all(command *c)
{
    outrider_diag diag = { 0 };
    outrider_err err;
    int status = otr_trust_view_open(WHAT, c->config, 0, &c->view);

    if (status == EX_OK && c->is_all)
        status = take_store(c);
    if (status == EX_OK && c->file != NULL)
        status = take_file(c);
    if (status != EX_OK)
        return status;
    drop_doubles(&c->domains);
    if (c->domains.count == 0)
        return otr_complain(EX_DATAERR, WHAT, "there is no destination to probe");
    if (!c->is_silent && (status = otr_probe_recorder_open(&c->recorder, c->config, c->socket)) != EX_OK)
        return otr_complain(status, WHAT, "nothing would be recorded; --no-record goes on without");
    c->lookout.takes_own_hosts = true; /* no mail goes there, so it cannot loop; others see what they show */
    err = otr_lookout_open(&c->lookout, c->view.conf, c->view.anchors, c->view.store, &diag);
    return err == OUTRIDER_OK ? EX_OK : otr_trust_complain(WHAT, err, &diag);
}

static void close_all(command *c)
{
    otr_lookout_close(&c->lookout);
    otr_probe_recorder_close(&c->recorder);
    otr_trust_view_clear(&c->view);
    for (size_t i = 0; i < c->domains.count; i++)
        free(c->domains.list[i]);
    free(c->domains.list);
}

/* Options ------------------------------------------------------------------------------------------------------ */

static bool read_number(const char *text, unsigned most, unsigned *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value < 1 || value > most)
        return false;
    *number = (unsigned)value;
    return true;
}

/* RFC 5321 §4.1.1.1: the name of this machine. One that is none would be answered with 5xx, and nothing be learned. */
static int find_ehlo(command *c)
{
    outrider_diag diag;
    const char *name = c->ehlo;
    char own[OTR_DOMAIN_SIZE];

    if (name == NULL && gethostname(own, sizeof(own)) == 0) {
        own[sizeof(own) - 1] = '\0';
        name = own;
    }
    if (name == NULL || otr_domain_normalize(name, strlen(name), c->host_name, &diag) != OUTRIDER_OK)
        return otr_complain(EX_USAGE, WHAT, "\"%.100s\" is no name for EHLO; give one with --ehlo", name != NULL ? name : "");
    c->ehlo = c->host_name;
    return EX_OK;
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, command *c)
{
    static const struct option options[] = {
        { "all", no_argument, NULL, 'a' },           { "file", required_argument, NULL, 'f' },
        { "json", no_argument, NULL, 'j' },          { "port", required_argument, NULL, 'p' },
        { "rate", required_argument, NULL, 'r' },    { "at-once", required_argument, NULL, 'n' },
        { "timeout", required_argument, NULL, 't' }, { "ehlo", required_argument, NULL, 'e' },
        { "no-record", no_argument, NULL, 'R' },     { "config", required_argument, NULL, 'c' },
        { "socket", required_argument, NULL, 's' },  { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    bool is_good = true;
    int option;

    optind = 1;
    while (is_good && (option = getopt_long(argc, argv, "af:jp:r:n:t:e:c:s:h", options, NULL)) != -1) {
        switch (option) {
        case 'a': c->is_all = true; break;
        case 'f': c->file = optarg; break;
        case 'j': c->is_json = true; break;
        case 'p': is_good = read_number(optarg, UINT16_MAX, &c->port); break;
        case 'r': is_good = read_number(optarg, RATE_MAX, &c->rate); break;
        case 'n': is_good = read_number(optarg, AT_ONCE_MAX, &c->at_once); break;
        case 't': is_good = read_number(optarg, TIMEOUT_MAX, &c->timeout); break;
        case 'e': c->ehlo = optarg; break;
        case 'R': c->is_silent = true; break;
        case 'c': c->config = optarg; break;
        case 's': c->socket = optarg; break;
        case 'h': fputs(help, stdout); return EX_OK;
        default: fputs("outrider trust probe --help shows the options\n", stderr); return EX_USAGE;
        }
    }
    if (!is_good)
        return otr_complain(EX_USAGE, optarg, "no number that this option takes; outrider trust probe --help shows them");
    if ((optind < argc) + c->is_all + (c->file != NULL) != 1)
        return otr_complain(EX_USAGE, WHAT, "takes domains, or --all, or --file FILE");
    if (c->is_silent && c->socket != NULL)
        return otr_complain(EX_USAGE, WHAT, "--no-record tells no daemon, so --socket has no use");
    return -1;
}

int otr_cmd_trust_probe(int argc, char **argv)
{
    command c = { .port = OTR_SMTP_PORT, .rate = 5, .at_once = 10, .timeout = OTR_PROBE_TIMEOUT_MS / 1000 };
    int status = read_options(argc, argv, &c);

    if (status >= 0)
        return status;
    status = find_ehlo(&c);
    for (int i = optind; i < argc && status == EX_OK; i++)
        status = take_domain(&c, argv[i], strlen(argv[i]), argv[i]);
    if (status == EX_OK)
        status = open_all(&c);
    if (status == EX_OK)
        status = run(&c);
    close_all(&c);
    return status;
}

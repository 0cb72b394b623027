/*
 * tlsa_generate.c - outrider tlsa generate: TLSA records from certificates and keys, or from what a host shows, ready for a zone file, for
 * nsupdate, or as JSON.
 */
#include "cli/tlsa_generate.h"
#include "cli/command.h"
#include "cli/key_file.h"

#include <getopt.h>
#include <stdlib.h>

#define WHAT "tlsa generate"
#define FILES_MAX 16
#define TTL_MIN 60
#define TTL_MAX 604800

static const char help[] =
    "usage: outrider tlsa generate --cert FILE... | --key FILE... | --live HOST[:PORT] [OPTION...] [RECORD...]\n"
    "\n"
    "TLSA records for a mail server (RFC 7672), from the certificates and keys in PEM files, or from what HOST shows at each of\n"
    "its addresses. RECORD is usage, selector and matching type: \"3 1 1\" if not given (the server's key), \"2 1 1\" (its\n"
    "issuer's), \"3 1 2\", \"3 0 1\", ... Usages 0 and 1 and matching type 0 are refused; SHA2-512 comes with SHA2-256 beside it.\n"
    "\n"
    "      --cert FILE    a chain, leaf first, perhaps with its key; once for each\n"
    "      --key FILE     a private or public key, such as the one that comes next; once for each\n"
    "      --live HOST    shake hands with HOST now\n"
    "      --host NAME    the MX host, for the name of the records; with --live: HOST\n"
    "      --port N       instead of 25\n"
    "      --usage N      the same as a RECORD, in parts: 2 or 3 (default 3)\n"
    "      --selector N   0 or 1 (default 1)\n"
    "      --mtype N      1 or 2 (default 1)\n"
    "      --ttl S        of the records (default 3600; 60 to 604800)\n"
    "      --zone         lines of a zone file (default where the name is known; else the data alone)\n"
    "      --nsupdate     commands of nsupdate(1): they add, and replace nothing\n"
    "      --json         one object\n"
    "      --config FILE  for --live: how to resolve names\n"
    "      --help\n"
    "\n"
    "Exit status: 0 fine, 1 records with a warning, 64 usage, 65 no records from this, 66 a file that cannot be read, 75 HOST was\n"
    "not seen, 78 configuration.\n";

enum { OPT_CERT = 256, OPT_KEY, OPT_LIVE, OPT_HOST, OPT_PORT, OPT_USAGE, OPT_SELECTOR, OPT_MTYPE, OPT_TTL, OPT_ZONE, OPT_NSUPDATE, OPT_JSON,
       OPT_CONFIG, OPT_HELP };

typedef struct command {
    const char *files[FILES_MAX]; /* certificates and keys: what they hold tells them apart, but not what was meant */
    bool is_key[FILES_MAX];
    size_t file_count;
    const char *live, *host, *config;
    unsigned parts[3];  /* usage, selector, matching type */
    bool has_parts;
    bool has_port;
    otr_generate_form form;
    otr_generation g;
} command;

/* Making ----------------------------------------------------------------------------------------------------------------- */

void otr_generate_warn(otr_generation *g, const char *words)
{
    if (g->warning_count < sizeof(g->warnings) / sizeof(g->warnings[0]))
        g->warnings[g->warning_count++] = words;
}

static int add(otr_generation *g, const otr_tlsa_digest *digest, const otr_tlsa_source *source, const char *from)
{
    otr_tlsa tlsa = otr_tlsa_of_digest(digest);
    otr_record record = otr_record_of_tlsa(g->arena, g->owner, g->ttl, &tlsa);
    char words[OTR_KEY_WORDS];

    for (size_t i = 0; i < g->count; i++) {
        if (otr_record_says_same(&g->list[i].record, &record)) {
            if (strcmp(g->list[i].from, from) != 0)
                g->list[i].from = otr_arena_printf(g->arena, "%s, %s", g->list[i].from, from);
            return EX_OK;
        }
    }
    if (g->count == OTR_GENERATED_MAX)
        return otr_complain(EX_DATAERR, g->what, "more than %d records", OTR_GENERATED_MAX);
    g->list[g->count++] = (otr_generated){ .record = record, .from = otr_arena_text(g->arena, from),
                                           .key = otr_arena_text(g->arena, otr_key_words(otr_tlsa_source_key(source), words)) };
    return EX_OK;
}

int otr_generate_from(otr_generation *g, const otr_tlsa_source *source, const char *from)
{
    for (size_t i = 0; i < g->forms.count; i++) {
        otr_tlsa_digest digest;
        outrider_diag diag = { 0 };
        outrider_err err = otr_tlsa_make(source, g->forms.list[i], &digest, &diag);
        int status;

        if (err != OUTRIDER_OK)
            return otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_DATAERR, g->what, "%s: %s", from, diag.message);
        if ((status = add(g, &digest, source, from)) != EX_OK)
            return status;
    }
    return EX_OK;
}

static int check_kind(const char *path, const otr_tlsa_sources *sources, bool is_key)
{
    if (!is_key && sources->list[0].chain == NULL)
        return otr_complain(EX_DATAERR, path, "there is no certificate in it; a key is given with --key");
    if (is_key && sources->list[0].chain != NULL)
        return otr_complain(EX_DATAERR, path, "there is a certificate in it; it is given with --cert");
    return EX_OK;
}

static int read_file(command *c, size_t i)
{
    otr_tlsa_sources sources = { 0 };
    int status = otr_key_file_read(WHAT, c->files[i], &sources);
    char *shown = otr_escape(c->files[i], strlen(c->files[i]));

    if (status == EX_OK)
        status = check_kind(c->files[i], &sources, c->is_key[i]);
    for (size_t s = 0; status == EX_OK && s < sources.count; s++)
        status = otr_generate_from(&c->g, &sources.list[s], shown != NULL ? shown : "?");
    otr_tlsa_sources_clear(&sources);
    free(shown);
    return status;
}

/* Options ------------------------------------------------------------------------------------------------------------------ */

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, WHAT, "%s; outrider tlsa generate --help explains", why);
}

static bool read_number(const char *text, unsigned least, unsigned most, unsigned *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most)
        return false;
    *number = (unsigned)value;
    return true;
}

static int take_file(command *c, const char *path, bool is_key)
{
    if (c->file_count == FILES_MAX)
        return misuse("more files than there are key algorithms");
    c->is_key[c->file_count] = is_key;
    c->files[c->file_count++] = path;
    return -1;
}

static int take_part(command *c, size_t part)
{
    c->has_parts = true;
    return read_number(optarg, 0, 255, &c->parts[part]) ? -1 : misuse("usage, selector and matching type are numbers");
}

static int take_form(command *c, otr_generate_form wanted)
{
    if (c->form != OTR_GENERATE_DEFAULT && c->form != wanted)
        return misuse("--zone, --nsupdate and --json exclude one another");
    c->form = wanted;
    return -1;
}

/* -1 to go on, else an exit status. */
static int take_option(command *c, int option)
{
    unsigned number;

    switch (option) {
    case OPT_CERT: return take_file(c, optarg, false);
    case OPT_KEY: return take_file(c, optarg, true);
    case OPT_LIVE: c->live = optarg; return -1;
    case OPT_HOST: c->host = optarg; return -1;
    case OPT_USAGE: return take_part(c, 0);
    case OPT_SELECTOR: return take_part(c, 1);
    case OPT_MTYPE: return take_part(c, 2);
    case OPT_ZONE: return take_form(c, OTR_GENERATE_ZONE);
    case OPT_NSUPDATE: return take_form(c, OTR_GENERATE_NSUPDATE);
    case OPT_JSON: return take_form(c, OTR_GENERATE_JSON);
    case OPT_CONFIG: c->config = optarg; return -1;
    case OPT_HELP:
        fputs(help, stdout);
        return otr_flush_output(EX_OK);
    case OPT_PORT:
        if (!read_number(optarg, 1, 65535, &number))
            return misuse("a port is 1 to 65535");
        c->g.port = (uint16_t)number;
        c->has_port = true;
        return -1;
    case OPT_TTL:
        if (!read_number(optarg, TTL_MIN, TTL_MAX, &number))
            return misuse("a TTL is 60 to 604800 seconds");
        c->g.ttl = number;
        return -1;
    default:
        return misuse("unknown option, or one without its value");
    }
}

static int add_form(command *c, const char *text)
{
    otr_tlsa_form made;
    outrider_diag diag = { 0 };

    if (otr_tlsa_form_parse(text, strlen(text), &made, &diag) != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, text, "%s", diag.message);
    if (otr_tlsa_forms_add(&c->g.forms, made))
        otr_complain(EX_OK, WHAT, "%u %u 1 is made as well: SHA2-512 is never alone (RFC 7671 section 10.1.2)", made.usage, made.selector);
    return -1;
}

static int read_forms(command *c, int argc, char **argv)
{
    char text[40];
    int status = -1;

    if (c->has_parts && optind < argc)
        return misuse("a RECORD has its usage, selector and matching type already");
    for (; status < 0 && optind < argc; optind++)
        status = add_form(c, argv[optind]);
    if (c->g.forms.count == 0 && status < 0) {
        snprintf(text, sizeof(text), "%u %u %u", c->parts[0], c->parts[1], c->parts[2]);
        status = add_form(c, text);
    }
    return status;
}

/* HOST[:PORT] */
static int read_live(command *c)
{
    const char *colon = strrchr(c->live, ':');
    size_t len = colon != NULL ? (size_t)(colon - c->live) : strlen(c->live);
    outrider_diag diag = { 0 };
    unsigned port;

    if (colon != NULL && (c->has_port || !read_number(colon + 1, 1, 65535, &port)))
        return misuse(c->has_port ? "the port is given twice" : "a port is 1 to 65535");
    if (colon != NULL)
        c->g.port = (uint16_t)port;
    if (otr_domain_normalize(c->live, len, c->g.host, &diag) != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, c->live, "%s", diag.message);
    return -1;
}

static int read_host(command *c)
{
    outrider_diag diag = { 0 };

    if (c->live != NULL)
        return c->host != NULL ? misuse("--live names the host") : read_live(c);
    if (c->host == NULL)
        return c->form == OTR_GENERATE_ZONE || c->form == OTR_GENERATE_NSUPDATE ? misuse("--host is missing, for the name of the records") : -1;
    if (otr_domain_normalize(c->host, strlen(c->host), c->g.host, &diag) != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, c->host, "%s", diag.message);
    return -1;
}

/* -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, command *c)
{
    static const struct option options[] = {
        { "cert", required_argument, NULL, OPT_CERT },     { "key", required_argument, NULL, OPT_KEY },
        { "live", required_argument, NULL, OPT_LIVE },     { "host", required_argument, NULL, OPT_HOST },
        { "port", required_argument, NULL, OPT_PORT },     { "usage", required_argument, NULL, OPT_USAGE },
        { "selector", required_argument, NULL, OPT_SELECTOR }, { "mtype", required_argument, NULL, OPT_MTYPE },
        { "ttl", required_argument, NULL, OPT_TTL },       { "zone", no_argument, NULL, OPT_ZONE },
        { "nsupdate", no_argument, NULL, OPT_NSUPDATE },   { "json", no_argument, NULL, OPT_JSON },
        { "config", required_argument, NULL, OPT_CONFIG }, { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
    };
    int option, status = -1;

    opterr = 0;
    optind = 1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", options, NULL)) != -1)
        status = take_option(c, option == 'h' ? OPT_HELP : option);
    if (status >= 0)
        return status;
    if ((c->file_count > 0) + (c->live != NULL) != 1)
        return misuse("takes --cert and --key, or --live");
    status = read_forms(c, argc, argv);
    return status >= 0 ? status : read_host(c);
}

static int run(command *c)
{
    int status = EX_OK;

    c->g.owner = *c->g.host != '\0' ? otr_arena_printf(c->g.arena, "_%u._tcp.%s", c->g.port, c->g.host) : "";
    if (c->live != NULL)
        status = otr_generate_live(&c->g);
    for (size_t i = 0; status == EX_OK && i < c->file_count; i++)
        status = read_file(c, i);
    return status == EX_OK ? otr_generate_write(&c->g, c->form) : status;
}

int otr_cmd_tlsa_generate(int argc, char **argv)
{
    command c = { .parts = { 3, 1, 1 }, .g = { .what = WHAT, .port = 25, .ttl = 3600, .owner = "", .zone = "" } };
    int status = read_options(argc, argv, &c);

    if (status >= 0)
        return status;
    c.g.config = c.config;
    c.g.arena = otr_arena_new();
    status = c.g.arena != NULL ? run(&c) : otr_complain(EX_OSERR, WHAT, "out of memory");
    otr_arena_free(c.g.arena);
    return status;
}

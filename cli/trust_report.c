/*
 * trust_report.c - outrider trust report: what hangs on which root, as a table, JSON, or a picture.
 *
 * The chains are those that the store has recorded; each is judged again now, under the rules and exceptions of now, and every
 * root is taken away in thought from those who hang on it (verdict/root_report.h). Nobody is asked and nothing is changed.
 */
#include "cli/trust_report.h"

#include "cli/command.h"
#include "cli/report_picture.h"
#include "cli/trust_walk.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "trust report"
#define RECENT_DAYS 30
#define DAY 86400

static const char help[] =
    "usage: outrider trust report [--json | --svg | --dot] [--intermediates] [--all] [--recent DAYS]\n"
    "           [--domain DOMAIN]... [--config FILE]\n"
    "\n"
    "What hangs on which root: how many destinations, by which of their hosts, and what would become of their mail\n"
    "without it; when the chains end; who has come to another root of late.\n"
    "\n"
    "  -m, --intermediates  the CAs between, too, below their root\n"
    "  -r, --recent DAYS    how long ago a change of root is of late: 1 to 3650 (default 30)\n"
    "  -d, --domain DOMAIN  this one only; may be given again\n"
    "  -a, --all            do not cut lists\n"
    "  -v, --svg            a picture for a browser, on standard output\n"
    "  -g, --dot            the same for Graphviz\n"
    "  -j, --json           one line of JSON: everything, every destination with its roots\n"
    "  -c, --config FILE    the configuration of outriderd (default /etc/outrider/outrider.conf)\n"
    "  -h, --help\n"
    "\n"
    "Classes are those of outrider trust what-if, asked for each root by itself.\n"
    "\n"
    "Exit status: 0 (also if nothing is recorded), 64 usage, 65 a row of the store that cannot be believed or a domain that is\n"
    "none, 66 a file that cannot be read, 71 out of memory, 78 configuration.\n";

enum form { FORM_TABLE, FORM_JSON, FORM_SVG, FORM_DOT };

struct options {
    const char *config;
    const char **domains; /* owned array; the texts are of argv */
    size_t domain_count;
    unsigned recent_days;
    enum form form;
    bool has_cas, is_all;
};

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, WHAT, "%s; outrider " WHAT " --help shows the options", why);
}

static bool read_days(const char *text, unsigned *days)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || number < 1 || number > 3650)
        return false;
    *days = (unsigned)number;
    return true;
}

static bool take_form(struct options *o, enum form form)
{
    if (o->form != FORM_TABLE && o->form != form)
        return false;
    o->form = form;
    return true;
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {
        { "intermediates", no_argument, NULL, 'm' }, { "recent", required_argument, NULL, 'r' },
        { "domain", required_argument, NULL, 'd' },  { "all", no_argument, NULL, 'a' },
        { "svg", no_argument, NULL, 'v' },           { "dot", no_argument, NULL, 'g' },
        { "json", no_argument, NULL, 'j' },          { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
    };
    bool is_one_form = true;
    int c;

    o->domains = calloc((size_t)argc + 1, sizeof(*o->domains));
    if (o->domains == NULL)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    optind = 1;
    while ((c = getopt_long(argc, argv, "mr:d:avgjc:h", options, NULL)) != -1) {
        switch (c) {
        case 'm': o->has_cas = true; break;
        case 'r':
            if (!read_days(optarg, &o->recent_days))
                return misuse("--recent: write a number of days from 1 to 3650");
            break;
        case 'd': o->domains[o->domain_count++] = optarg; break;
        case 'a': o->is_all = true; break;
        case 'v': is_one_form &= take_form(o, FORM_SVG); break;
        case 'g': is_one_form &= take_form(o, FORM_DOT); break;
        case 'j': is_one_form &= take_form(o, FORM_JSON); break;
        case 'c': o->config = optarg; break;
        case 'h': fputs(help, stdout); return EX_OK;
        default: return misuse("unknown option, or one without its value");
        }
    }
    if (argc != optind)
        return misuse("takes no arguments");
    return is_one_form ? -1 : misuse("shows one of --json, --svg and --dot at a time");
}

/* Finding out ----------------------------------------------------------------------------------------------------- */

struct adding {
    const otr_trust_view *view;
    otr_report *report;
};

static outrider_err make_world_without(void *arg, const char *anchor_id, otr_anchors **after, outrider_diag *diag)
{
    const otr_trust_view *view = ((struct adding *)arg)->view;
    otr_rule_change change = { .without = anchor_id };

    return otr_rule_book_compile(view->book, view->exceptions, view->exception_count, view->at, &change, after, diag);
}

static outrider_err add_one(void *arg, const otr_dependant *dependant, outrider_diag *diag)
{
    struct adding *a = arg;

    return otr_report_add(a->report, dependant, a->view->anchors, make_world_without, a, diag);
}

static int find_out(const struct options *o, const otr_trust_view *view, otr_trust_report *t)
{
    struct adding adding = { .view = view, .report = &t->report };
    otr_trust_walk walk = { .what = WHAT, .domains = o->domains, .domain_count = o->domain_count, .visit = add_one, .arg = &adding };
    outrider_diag diag = { 0 };
    outrider_err err;
    int status;

    t->report.at = view->at;
    t->report.since = view->at - (otr_time)o->recent_days * DAY;
    t->known = otr_trust_all_roots(view->anchors);
    if (t->known == NULL)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    status = otr_trust_walk_run(view, &walk);
    t->unrecorded = walk.unrecorded;
    if (status != EX_OK && (status != EX_DATAERR || t->unrecorded == NULL))
        return status;
    err = otr_report_finish(&t->report, &diag);
    return err == OUTRIDER_OK ? status : otr_trust_complain(WHAT, err, &diag);
}

const char *otr_trust_report_name(const otr_trust_report *t, const char *sha256, char name[OTR_CERT_NAME_SIZE])
{
    char other[OTR_SHA256_TEXT];

    for (int i = 0; i < sk_X509_num(t->known); i++)
        if (otr_cert_fingerprint(sk_X509_value(t->known, i), other) && strcmp(other, sha256) == 0)
            return otr_cert_name(sk_X509_value(t->known, i), name);
    snprintf(name, OTR_CERT_NAME_SIZE, "%.16s", sha256);
    return name;
}

/* Showing --------------------------------------------------------------------------------------------------------- */

/* The picture as a whole or not at all: half of one is no XML. */
static int show_picture(const otr_report *report, enum form form, int status)
{
    otr_buf out = OTR_BUF_INIT;
    outrider_err err = form == FORM_SVG ? otr_report_svg(report, &out) : otr_report_dot(report, &out);

    if (err == OUTRIDER_OK)
        fputs(otr_buf_text(&out), stdout);
    else
        status = otr_complain(EX_OSERR, WHAT, "out of memory");
    otr_buf_clear(&out);
    return status;
}

static int show(const struct options *o, const otr_trust_report *t, int status)
{
    int shown;

    switch (o->form) {
    case FORM_TABLE: otr_trust_report_print(t); break;
    case FORM_JSON: return otr_print_json(otr_trust_report_json(t), status);
    case FORM_SVG:
    case FORM_DOT: status = show_picture(&t->report, o->form, status); break;
    }
    shown = otr_flush_output(EX_OK);
    return shown == EX_OK ? status : shown;
}

int otr_cmd_trust_report(int argc, char **argv)
{
    struct options o = { .recent_days = RECENT_DAYS };
    otr_trust_view view = { 0 };
    otr_trust_report t = { 0 };
    int status = read_options(argc, argv, &o);

    if (status >= 0)
        goto out;
    status = otr_trust_view_open(WHAT, o.config, 0, &view);
    if (status != EX_OK)
        goto out;
    t = (otr_trust_report){ .store_path = view.conf->store.path, .is_recorded = view.store != NULL, .has_cas = o.has_cas,
                            .is_all = o.is_all, .recent_days = o.recent_days };
    status = find_out(&o, &view, &t);
    /* A row that cannot be believed has been complained of; the others count. */
    if (status == EX_OK || (status == EX_DATAERR && t.unrecorded != NULL))
        status = show(&o, &t, status);
out:
    otr_report_clear(&t.report);
    sk_X509_pop_free(t.known, X509_free);
    free(t.unrecorded);
    otr_trust_view_clear(&view);
    free(o.domains);
    return status;
}

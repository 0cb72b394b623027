/*
 * setup.c - outrider setup: the configuration for the mail server that is here, and whether what runs is set up right.
 */
#include "cli/command.h"

#include "cli/settings.h"
#include "cli/setup_check.h"
#include "cli/setup_print.h"
#include "verdict/destination.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/outrider/outrider.conf"
#define RESOLV_CONF "/etc/resolv.conf"

static const char help[] =
    "usage: outrider setup exim|postfix|sendmail [--json] [--config FILE] [--program FILE] [--for-version VERSION]\n"
    "                      [--tls gnutls|openssl] [--layout split|unsplit|plain] [--check [--domain DOMAIN]]\n"
    "\n"
    "Prints the configuration with which a mail server asks outriderd, for the version and build that is installed\n"
    "here, each line with its reason, and says what is missing. With --check, tests a mail server that runs with it.\n"
    "\n"
    "  -j, --json             JSON\n"
    "  -c, --config FILE      the daemon's settings: sockets and folders (default " DEFAULT_CONFIG ")\n"
    "  -p, --program FILE     the program of the mail server to ask: exim, postconf or sendmail\n"
    "      --for-version VERSION  for this version; the mail server is not asked\n"
    "  -t, --tls LIBRARY      Exim: the TLS library of the build, with --for-version (default gnutls)\n"
    "  -l, --layout LAYOUT    Exim: Debian's split or unsplit files, or a plain configuration (default: what is here)\n"
    "  -C, --check            test the running set-up; as root, to ask as the mail server's user\n"
    "  -d, --domain DOMAIN    with --check: also have this domain asked for, as the mail server would\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 printed, 64 usage, 65 no version or domain, 69 no such mail server here, 78 configuration. With\n"
    "--check that of monitoring plugins: 0 all is well, 1 warning, 2 critical, 3 unknown.\n";

struct setup_options {
    otr_mta_kind kind;
    bool is_json, is_check, has_version, has_layout;
    const char *config, *program, *tls, *domain;
    otr_version version;
    otr_layout layout;
};

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, "setup", "%s; outrider setup --help explains", why);
}

static int take_layout(const char *word, struct setup_options *o)
{
    for (int i = OTR_LAYOUT_PLAIN; i <= OTR_LAYOUT_UNSPLIT; i++) {
        if (strcmp(word, otr_layout_names[i]) == 0) {
            o->layout = (otr_layout)i;
            o->has_layout = true;
            return -1;
        }
    }
    return misuse("--layout is split, unsplit or plain");
}

static int take_option(int option, struct setup_options *o)
{
    switch (option) {
    case 'j': o->is_json = true; return -1;
    case 'c': o->config = optarg; return -1;
    case 'p': o->program = optarg; return -1;
    case 'C': o->is_check = true; return -1;
    case 'd': o->domain = optarg; return -1;
    case 'l': return take_layout(optarg, o);
    case 'V':
        o->has_version = true;
        return otr_version_parse(otr_slice_of(optarg), &o->version)
                   ? -1
                   : otr_complain(EX_DATAERR, optarg, "no version; one looks like 3.7.11 or 4.96");
    case 't':
        o->tls = optarg;
        return strcmp(optarg, "gnutls") == 0 || strcmp(optarg, "openssl") == 0 ? -1
                                                                               : misuse("--tls is gnutls or openssl");
    case 'h': fputs(help, stdout); return otr_flush_output(EX_OK);
    default: fputs("outrider setup --help shows the options\n", stderr); return EX_USAGE;
    }
}

/* Options that contradict one another, or say something where nobody asks. */
static int look_for_contradictions(const struct setup_options *o)
{
    if (o->kind != OTR_EXIM && (o->tls != NULL || o->has_layout))
        return misuse("--tls and --layout are for Exim");
    if (o->tls != NULL && !o->has_version)
        return misuse("--tls goes with --for-version; an Exim that is here is asked for its library");
    if (o->is_check && (o->has_version || o->has_layout))
        return misuse("--check asks the mail server: --for-version and --layout have no use with it");
    if (!o->is_check && o->domain != NULL)
        return misuse("--domain goes with --check");
    if (o->has_version && o->program != NULL)
        return misuse("--for-version asks no mail server, so --program has no use");
    return -1;
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct setup_options *o)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },          { "config", required_argument, NULL, 'c' },
        { "program", required_argument, NULL, 'p' }, { "for-version", required_argument, NULL, 'V' },
        { "tls", required_argument, NULL, 't' },     { "layout", required_argument, NULL, 'l' },
        { "check", no_argument, NULL, 'C' },         { "domain", required_argument, NULL, 'd' },
        { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
    };
    int c, status;

    *o = (struct setup_options){ .kind = OTR_EXIM };
    optind = 1;
    while ((c = getopt_long(argc, argv, "jc:p:t:l:Cd:h", options, NULL)) != -1)
        if ((status = take_option(c, o)) >= 0)
            return status;
    if (optind != argc - 1)
        return misuse("takes one mail server: exim, postfix or sendmail");
    for (int i = 0; i < OTR_MTA_COUNT; i++) {
        if (strcmp(argv[optind], otr_mta_names[i]) == 0) {
            o->kind = (otr_mta_kind)i;
            return look_for_contradictions(o);
        }
    }
    return otr_complain(EX_USAGE, argv[optind], "no mail server that is known here: exim, postfix or sendmail");
}

/* False after complaining. */
static bool find_mta(const struct setup_options *o, otr_mta *mta)
{
    otr_buf why = OTR_BUF_INIT;
    bool is_known = true;

    if (o->has_version) {
        otr_mta_assume(mta, o->kind, &o->version, o->tls);
    } else if (!otr_mta_ask(mta, o->kind, o->program, &why)) {
        otr_complain(EX_UNAVAILABLE, otr_mta_titles[o->kind], "%s; --program names another program%s",
                     otr_buf_text(&why), o->is_check ? "" : ", --for-version asks none");
        is_known = false;
    }
    if (o->has_layout)
        mta->layout = o->layout;
    otr_buf_clear(&why);
    return is_known;
}

static int print_plan(const struct setup_options *o, const otr_mta *mta, const otr_settings *settings)
{
    otr_resolver_state resolver;
    otr_plan plan;
    outrider_diag diag = { 0 };
    outrider_err err;
    int status;

    if (o->kind != OTR_SENDMAIL)
        otr_resolver_examine(RESOLV_CONF, &resolver);
    err = otr_plan_make(mta, settings, o->kind != OTR_SENDMAIL ? &resolver : NULL, &plan, &diag);
    if (err != OUTRIDER_OK)
        status = otr_complain(EX_SOFTWARE, "setup", "%s", err == OUTRIDER_E_NOMEM ? "out of memory" : diag.message);
    else
        status = o->is_json ? otr_plan_print_json(&plan) : otr_plan_print_text(&plan);
    otr_plan_clear(&plan);
    return status;
}

static int check(const struct setup_options *o, const otr_mta *mta, const otr_settings *settings)
{
    otr_destination destination;
    outrider_diag diag;
    otr_check_question question = { .mta = mta, .settings = settings };

    if (o->domain != NULL) {
        if (otr_destination_parse(o->domain, strlen(o->domain), &destination, &diag) != OUTRIDER_OK)
            return otr_complain(EX_DATAERR, o->domain, "column %u: %s", diag.column, diag.message);
        if (destination.kind != OTR_TO_DOMAIN || strcmp(destination.key, destination.domain) != 0)
            return otr_complain(EX_DATAERR, o->domain, "is no domain");
        question.domain = destination.domain;
    }
    return otr_check_run(&question, o->is_json);
}

int otr_cmd_setup(int argc, char **argv)
{
    struct setup_options o;
    int status = read_options(argc, argv, &o);
    otr_settings settings;
    otr_conf *conf;
    otr_mta mta;

    if (status >= 0)
        return status;
    conf = otr_read_settings(o.config, &status);
    if (conf == NULL)
        return o.is_check ? OTR_CHECK_UNKNOWN : status;
    settings = (otr_settings){ .conf = conf,
                               .path = o.config != NULL ? o.config : DEFAULT_CONFIG,
                               .is_file = o.config != NULL || access(DEFAULT_CONFIG, F_OK) == 0 };
    if (!find_mta(&o, &mta))
        status = o.is_check ? OTR_CHECK_UNKNOWN : EX_UNAVAILABLE;
    else
        status = o.is_check ? check(&o, &mta, &settings) : print_plan(&o, &mta, &settings);
    otr_conf_free(conf);
    return status;
}

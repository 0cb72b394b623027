/*
 * main.c - outriderd: options, the order of start and stop, signals.
 *
 *     outriderd [-c FILE] [-t] [-f]
 *
 * Exit status: 0, or one of sysexits: 64 wrong usage, 78 mistakes in the configuration, 74 a file or socket, 71 memory.
 */
#include "daemon/conf/conf.h"
#include "daemon/publish/publisher.h"
#include "daemon/startup.h"
#include "daemon/system.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define CONFIGURATION "/etc/outrider/outrider.conf"

struct options {
    const char *file;
    bool is_check;
    bool is_foreground;
};

static const char usage[] =
    "usage: outriderd [-c FILE] [-t] [-f]\n"
    "  -c, --config FILE   read FILE instead of " CONFIGURATION "\n"
    "  -t, --test          check the configuration and exit\n"
    "  -f, --foreground    stay in the foreground, and log to standard error unless log_to says otherwise\n"
    "      --version       print the version and exit\n"
    "  -h, --help          print this and exit\n";

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct options *options)
{
    enum { VERSION = 256 };
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' }, { "test", no_argument, NULL, 't' },
        { "foreground", no_argument, NULL, 'f' },   { "version", no_argument, NULL, VERSION },
        { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "c:tfh", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->file = optarg;
            break;
        case 't':
            options->is_check = true;
            break;
        case 'f':
            options->is_foreground = true;
            break;
        case VERSION:
            puts("outriderd " OUTRIDER_VERSION);
            return EX_OK;
        case 'h':
            fputs(usage, stdout);
            return EX_OK;
        default:
            fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "outriderd: unexpected argument \"%s\"\n%s", argv[optind], usage);
        return EX_USAGE;
    }
    return -1;
}

static int status_of(outrider_err err)
{
    switch (err) {
    case OUTRIDER_OK:
        return EX_OK;
    case OUTRIDER_E_SYNTAX:
    case OUTRIDER_E_LIMIT:
    case OUTRIDER_E_CONFIG:
        return EX_CONFIG;
    case OUTRIDER_E_IO:
        return EX_IOERR;
    case OUTRIDER_E_NOMEM:
        break;
    }
    return EX_OSERR;
}

static void print_mistakes(const char *file, const otr_mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->count && i < OTR_MISTAKES_MAX; i++) {
        const otr_mistake *m = &mistakes->list[i];

        if (m->line > 0)
            fprintf(stderr, "%s:%u: %s\n", file, m->line, m->reason);
        else
            fprintf(stderr, "%s: %s\n", file, m->reason);
    }
    if (mistakes->count > OTR_MISTAKES_MAX)
        fprintf(stderr, "%s: and %zu more\n", file, mistakes->count - OTR_MISTAKES_MAX);
}

/* Mistakes that the daemon would live with. */
static void print_publish_mistake(void *arg, unsigned line, const char *what)
{
    const struct options *options = arg;

    fprintf(stderr, "%s:%u: %s\n", options->file, line, what);
}

static int check_configuration(struct options *options, const otr_conf *conf)
{
    outrider_diag diag = { 0 };
    outrider_err err = otr_daemon_check(conf, &diag);
    size_t mistakes = otr_publish_check(conf, (otr_time)time(NULL), print_publish_mistake, options);

    if (err != OUTRIDER_OK)
        fprintf(stderr, "%s: %s\n", options->file, diag.message);
    else if (mistakes == 0)
        printf("%s: configuration is fine\n", options->file);
    return err == OUTRIDER_OK && mistakes == 0 ? EX_OK : EX_CONFIG;
}

static int read_configuration(struct options *options, otr_conf **conf)
{
    otr_mistakes *mistakes = calloc(1, sizeof(*mistakes));
    outrider_err err = OUTRIDER_E_NOMEM;
    int status;

    if (mistakes != NULL)
        err = otr_conf_read(options->file, conf, mistakes);
    if (err == OUTRIDER_E_NOMEM)
        fprintf(stderr, "outriderd: out of memory\n");
    else if (err != OUTRIDER_OK)
        print_mistakes(options->file, mistakes);
    free(mistakes);
    status = err == OUTRIDER_E_IO ? EX_CONFIG : status_of(err);
    if (status != EX_OK || !options->is_check)
        return status;
    return check_configuration(options, *conf);
}

/* Signals that end or disturb us reach this thread only, here. */
static void await_end(const sigset_t *signals)
{
    int got;

    for (;;) {
        if (sigwait(signals, &got) != 0)
            continue;
        if (got == SIGTERM || got == SIGINT) {
            OTR_LOG(OTR_LOG_NOTICE, "daemon.stop", { "signal", got == SIGTERM ? "SIGTERM" : "SIGINT" });
            return;
        }
        OTR_LOG(OTR_LOG_NOTICE, "daemon.hangup",
                { "effect", "none: the configuration is read at start only, restart to apply changes" });
    }
}

static int run(const otr_conf *conf, int ready)
{
    otr_daemon *daemon = NULL;
    outrider_diag diag = { 0 };
    sigset_t signals;
    outrider_err err;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* threads inherit it */
    signal(SIGPIPE, SIG_IGN);
    err = otr_daemon_start(conf, &daemon, &diag);
    if (err != OUTRIDER_OK) {
        fprintf(stderr, "outriderd: %s\n", diag.message);
        OTR_LOG(OTR_LOG_ERROR, "daemon.failed", { "error", diag.message });
        otr_background_report(ready, status_of(err));
        return status_of(err);
    }
    OTR_LOG(OTR_LOG_NOTICE, "daemon.start", { "version", OUTRIDER_VERSION });
    otr_background_report(ready, EX_OK);
    otr_notify_manager("READY=1");
    await_end(&signals);
    otr_notify_manager("STOPPING=1");
    otr_daemon_stop(daemon);
    return EX_OK;
}

int main(int argc, char **argv)
{
    struct options options = { .file = CONFIGURATION };
    otr_conf *conf = NULL;
    outrider_diag diag = { 0 };
    int ready = -1, status = parse_options(argc, argv, &options);

    if (status >= 0)
        return status;
    status = read_configuration(&options, &conf);
    if (status == EX_OK && !options.is_check) {
        if (!options.is_foreground && otr_background(&ready, &diag) != OUTRIDER_OK) {
            fprintf(stderr, "outriderd: %s\n", diag.message);
            status = EX_OSERR;
        } else {
            otr_log_open("outriderd", (otr_log_sink)conf->log_to, options.is_foreground, (otr_log_level)conf->log);
            status = run(conf, ready);
        }
    }
    otr_conf_free(conf);
    return status;
}

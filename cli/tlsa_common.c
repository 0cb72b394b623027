/*
 * tlsa_common.c - see tlsa_common.h.
 */
#include "cli/tlsa_common.h"

#include "cli/command.h"
#include "cli/repeat.h"
#include "cli/settings.h"
#include "daemon/conf/options.h"

#include "base/date.h"

#include <event2/event.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMTP_PORT 25

/* The name that EHLO gives (RFC 5321 §4.1.1.1). One's own server minds less than others; a name it must be. */
static void find_ehlo(otr_tlsa_desk *d)
{
    char own[OTR_DOMAIN_SIZE] = "";
    outrider_diag diag;

    if (gethostname(own, sizeof(own) - 1) != 0 || otr_domain_normalize(own, strlen(own), d->ehlo, &diag) != OUTRIDER_OK)
        strcpy(d->ehlo, "localhost");
}

int otr_tlsa_desk_open(otr_tlsa_desk *d, const char *what, const char *config, const char *directory)
{
    otr_unbound_options dns;
    outrider_diag diag = { 0 };
    int status = EX_OK;

    *d = (otr_tlsa_desk){ .what = what, .config = config, .state = directory, .directory = directory != NULL ? directory : OTR_PLAN_DIRECTORY };
    d->conf = otr_read_settings(config, &status);
    if (d->conf == NULL)
        return status;
    signal(SIGPIPE, SIG_IGN); /* a peer that hangs up */
    otr_clock_init(&d->clock, 0);
    find_ehlo(d);
    d->base = event_base_new();
    if (d->base == NULL)
        return otr_complain(EX_OSERR, what, "out of memory");
    dns = otr_conf_unbound(d->conf);
    switch (otr_unbound_new(d->base, &dns, &d->resolver, &diag)) {
    case OUTRIDER_OK: return EX_OK;
    case OUTRIDER_E_NOMEM: return otr_complain(EX_OSERR, what, "out of memory");
    default: return otr_complain(EX_CONFIG, what, "%s", diag.message);
    }
}

void otr_tlsa_desk_close(otr_tlsa_desk *d)
{
    otr_resolver_free(d->resolver);
    if (d->base != NULL)
        event_base_free(d->base);
    otr_conf_free(d->conf);
}

const otr_tlsa_conf *otr_tlsa_conf_of(const otr_tlsa_desk *d, const char *host)
{
    for (size_t i = 0; i < d->conf->tlsa_count; i++)
        if (strcmp(d->conf->tlsa[i].host, host) == 0)
            return &d->conf->tlsa[i];
    return NULL;
}

int otr_tlsa_read_host(const char *what, const char *text, char host[OTR_DOMAIN_SIZE])
{
    outrider_diag diag = { 0 };

    if (otr_domain_normalize(text, strlen(text), host, &diag) == OUTRIDER_OK && strchr(host, '.') != NULL)
        return EX_OK;
    return otr_complain(EX_USAGE, text, "%s: %s", what, diag.message[0] != '\0' ? diag.message : "not the name of a mail host");
}

static int read_port(const char *what, const char *text, uint16_t *port)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text < '1' || *text > '9' || *end != '\0' || number > UINT16_MAX)
        return otr_complain(EX_USAGE, text, "%s: no port", what);
    *port = (uint16_t)number;
    return -1;
}

int otr_tlsa_take_option(const char *what, const char *help, int option, otr_tlsa_options *o)
{
    switch (option) {
    case 'P': return read_port(what, optarg, &o->port);
    case 'A':
        if (otr_date_parse(optarg, strlen(optarg), &o->at, NULL) && o->at > 0)
            return -1;
        return otr_complain(EX_USAGE, what, "--at: write 2026-12-31 or 2026-12-31T18:00:00Z");
    case 'S': o->state = optarg; return -1;
    case 'j': o->is_json = true; return -1;
    case 'c': o->config = optarg; return -1;
    case 'h': fputs(help, stdout); return otr_flush_output(EX_OK);
    default: fprintf(stderr, "outrider %s --help shows the options\n", what); return EX_USAGE;
    }
}

/* Looking ------------------------------------------------------------------------------------------------------------ */

struct selftest {
    bool is_over, is_good;
    char words[300];
};

static void on_selftest(void *arg, otr_selftest_result result, const char *words)
{
    struct selftest *t = arg;

    t->is_over = true;
    t->is_good = result == OTR_SELFTEST_OK;
    snprintf(t->words, sizeof(t->words), "%s", words);
}

/* "Not signed" is what a resolver without a trust anchor says of everything. */
static int make_sure_it_validates(otr_tlsa_desk *d, otr_authority *a)
{
    struct selftest t = { 0 };

    if (otr_selftest_start(d->resolver, on_selftest, &t) != OUTRIDER_OK)
        return otr_complain(EX_OSERR, d->what, "out of memory");
    while (!t.is_over && event_base_loop(d->base, EVLOOP_ONCE) == 0)
        ;
    if (!t.is_good)
        a->trouble = otr_arena_printf(a->arena, "%s looks unsigned, but the resolver here cannot tell: %s", a->owner, t.words);
    return EX_OK;
}

int otr_tlsa_desk_look(otr_tlsa_desk *d, const char *host, uint16_t port, otr_authority **authority)
{
    outrider_diag diag = { 0 };
    int status = EX_OK;

    if (otr_authority_look(d->base, d->resolver, host, port, authority, &diag) != OUTRIDER_OK)
        return otr_complain(EX_OSERR, d->what, "%s", diag.message);
    if ((*authority)->status == OTR_DNS_INSECURE && *(*authority)->trouble == '\0')
        status = make_sure_it_validates(d, *authority);
    if (status != EX_OK) {
        otr_authority_free(*authority);
        *authority = NULL;
    }
    return status;
}

int otr_tlsa_desk_visit(otr_tlsa_desk *d, const otr_authority *authority, otr_arena *arena, otr_service *service)
{
    *service = (otr_service){ .arena = arena };
    if (!otr_service_look(d->base, authority, d->ehlo, OTR_TLSA_PROBE_MS, service) || otr_arena_failed(arena))
        return otr_complain(EX_OSERR, d->what, "out of memory");
    return EX_OK;
}

/* Remembering -------------------------------------------------------------------------------------------------------- */

/* A directory that cannot be had is an empty history: less is settled by it, never more. A file that is odd is refused. */
static int read_without_lock(otr_tlsa_desk *d, const otr_authority *a, otr_plan_file *file)
{
    outrider_diag diag = { 0 };
    outrider_err err = otr_plan_open(d->directory, a->host, a->port, -1, NULL, file, &diag);

    if (err == OUTRIDER_E_IO) {
        otr_complain(EX_OK, d->what, "%s (nothing is known of earlier looks)", diag.message);
        err = otr_plan_open("/nonexistent", a->host, a->port, -1, NULL, file, &diag);
    }
    if (err == OUTRIDER_OK)
        return EX_OK;
    return otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_TEMPFAIL, d->what, "%s", diag.message);
}

int otr_tlsa_desk_remember(otr_tlsa_desk *d, const otr_authority *a, bool is_to_be_kept, otr_plan_file *file)
{
    outrider_diag diag = { 0 };
    bool is_busy = false;
    outrider_err err = is_to_be_kept ? otr_plan_open(d->directory, a->host, a->port, OTR_TLSA_LOCK_MS, &is_busy, file, &diag) : OUTRIDER_E_IO;
    int status = EX_OK;

    if (err == OUTRIDER_E_IO) {
        if (is_to_be_kept)
            otr_complain(EX_OK, d->what, "%s (what was seen now is not kept)", diag.message);
        status = read_without_lock(d, a, file);
        is_to_be_kept = false;
    } else if (err != OUTRIDER_OK) {
        status = otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_TEMPFAIL, d->what, "%s", diag.message);
    }
    if (status != EX_OK)
        return status;
    otr_history_observe(&file->history, a, otr_clock_now(&d->clock));
    if (is_to_be_kept && otr_plan_save(file, &diag) != OUTRIDER_OK)
        otr_complain(EX_OK, d->what, "%s (what was seen now is not kept)", diag.message);
    return EX_OK;
}

/* Printing ----------------------------------------------------------------------------------------------------------- */

void otr_tlsa_print_findings(const otr_findings *f, otr_check_status least)
{
    for (size_t i = 0; i < f->count; i++)
        if (otr_check_badness(f->list[i].status) >= otr_check_badness(least))
            printf("  %-9s %-16s %s\n", otr_check_status_names[f->list[i].status], f->list[i].id, f->list[i].message);
}

json_t *otr_tlsa_findings_json(const otr_findings *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "id", f->list[i].id, "status",
                                              otr_check_status_names[f->list[i].status], "message", f->list[i].message));
    return list;
}

json_t *otr_tlsa_time_json(otr_time t)
{
    char text[OTR_TIME_TEXT];

    return t == 0 || t == OTR_NEVER ? json_null() : json_string(otr_time_text(t, text));
}

const char *otr_tlsa_repeated(const otr_tlsa_desk *d, const char *host, uint16_t port, otr_arena *arena)
{
    const otr_tlsa_conf *section = otr_tlsa_conf_of(d, host);
    otr_buf out = OTR_BUF_INIT;
    const char *kept;

    otr_put_option(&out, "--config", d->config);
    otr_put_option(&out, "--state", d->state);
    if (port != (section != NULL ? section->port : SMTP_PORT))
        otr_buf_printf(&out, " --port %u", port);
    kept = otr_arena_text(arena, otr_buf_text(&out));
    otr_buf_clear(&out);
    return kept;
}

void otr_tlsa_zone_line(const otr_authority *a, uint32_t ttl, const char *record, otr_buf *out)
{
    otr_buf_printf(out, "%s. %u IN TLSA %s", *a->name != '\0' ? a->name : a->owner, ttl, record);
}

/*
 * trust_explain.c - outrider trust explain: which roots count for a destination, by which rules, and why others do not.
 *
 * The configuration and the store are read beside outriderd, or without it, and nothing is changed. The store is needed: it has
 * the exceptions, and an answer without them would be wrong.
 */
#include "cli/trust_explain.h"

#include "base/buf.h"
#include "cli/command.h"
#include "daemon/conf/options.h"
#include "trust/verify.h"
#include "verdict/render.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/x509_vfy.h>

#define WHAT "trust explain"

const char *const otr_handing_names[] = { "file", "own", "no-folder", "not-asked" };

static const char help[] =
    "usage: outrider trust explain [--json] [--all] [--at DATE] [--config FILE] DOMAIN...\n"
    "\n"
    "Which roots may vouch for the policy host and the MX hosts of DOMAIN under MTA-STS: the rules that are for it, the roots that\n"
    "count and by which rules, those that do not count and why, and the file of roots that mail servers are handed. DANE asks no\n"
    "root. DOMAIN is the domain of mail addresses, or a next hop as for \"outrider query\".\n"
    "\n"
    "  -a, --all          list every root and every rule; without it, many roots of one rule are told in a line\n"
    "  -t, --at DATE      as of 2026-12-31 or 2026-12-31T18:00:00Z (default: now)\n"
    "  -j, --json         one line of JSON: an object, or an array of them for several domains; always everything\n"
    "  -c, --config FILE  the configuration of outriderd (default /etc/outrider/outrider.conf)\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 told, 64 usage, 65 no domain or a row of the store that cannot be believed, 66 a file that cannot be read,\n"
    "71 out of memory, 78 configuration.\n";

struct options {
    const char *config;
    char (*domains)[OTR_DOMAIN_SIZE]; /* owned */
    size_t domain_count;
    otr_time at;
    bool is_json, is_all;
};

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, WHAT, "%s; outrider " WHAT " --help shows the options", why);
}

static int out_of_memory(void)
{
    return otr_complain(EX_OSERR, WHAT, "out of memory");
}

/* Options --------------------------------------------------------------------------------------------------------- */

static int read_domain(const char *word, char domain[OTR_DOMAIN_SIZE])
{
    outrider_diag diag = { .message = "not a domain" };
    otr_destination destination;

    if (otr_destination_parse(word, strlen(word), &destination, &diag) != OUTRIDER_OK)
        return otr_complain(EX_DATAERR, word, "%s", diag.message);
    if (destination.kind == OTR_TO_ADDRESS)
        return otr_complain(EX_DATAERR, word, "an address: no policy can be found for it, so no root is asked");
    memcpy(domain, destination.domain, OTR_DOMAIN_SIZE);
    return EX_OK;
}

static int read_domains(int count, char **words, struct options *o)
{
    int status = EX_OK;

    if (count < 1)
        return misuse("needs a domain");
    o->domains = calloc((size_t)count, sizeof(*o->domains));
    if (o->domains == NULL)
        return out_of_memory();
    for (int i = 0; status == EX_OK && i < count; i++)
        status = read_domain(words[i], o->domains[o->domain_count++]);
    return status == EX_OK ? -1 : status;
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {
        { "all", no_argument, NULL, 'a' },  { "at", required_argument, NULL, 't' },
        { "json", no_argument, NULL, 'j' }, { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "at:jc:h", options, NULL)) != -1) {
        switch (c) {
        case 'a': o->is_all = true; break;
        case 't':
            if (otr_trust_read_date(WHAT, "--at", optarg, &o->at) != EX_OK)
                return EX_USAGE;
            break;
        case 'j': o->is_json = true; break;
        case 'c': o->config = optarg; break;
        case 'h': fputs(help, stdout); return otr_flush_output(EX_OK);
        default: return misuse("unknown option, or one without its value");
        }
    }
    return read_domains(argc - optind, argv + optind, o);
}

/* Finding out ------------------------------------------------------------------------------------------------------ */

/* What files the daemon writes, and how an answer names them, as its answers do (verdict/render.h). */
static outrider_err find_handed(otr_explanation *e, otr_own server)
{
    const otr_conf *conf = e->view->conf;
    bool is_exim = server == OTR_OWN_EXIM;
    const otr_anchor_views views = otr_conf_views(conf);
    const char *folder = is_exim ? conf->anchors.exim_dir : conf->anchors.postfix_dir;
    otr_handed *handed = &e->handed[server];
    otr_buf file = OTR_BUF_INIT;
    struct stat st;

    if ((is_exim ? conf->line.listen.count : conf->socketmap.listen.count) == 0) {
        handed->how = OTR_HANDS_NOT_ASKED;
    } else if (!otr_render_anchor_file(e->set, server, &views, &file)) {
        handed->how = e->set->is_own[server] ? OTR_HANDS_NONE_NEEDED : OTR_HANDS_NO_FOLDER;
    } else {
        handed->how = OTR_HANDS_FILE;
        handed->file = strdup(otr_buf_text(&file));
        if (asprintf(&handed->path, "%s/%s.pem", folder, e->set->name) < 0)
            handed->path = NULL;
    }
    otr_buf_clear(&file);
    if (handed->how != OTR_HANDS_FILE)
        return OUTRIDER_OK;
    if (handed->file == NULL || handed->path == NULL || *handed->file == '\0')
        return OUTRIDER_E_NOMEM;
    handed->is_there = stat(handed->path, &st) == 0 ? OTR_IS_THERE : errno == ENOENT ? OTR_IS_MISSING : OTR_IS_UNKNOWN;
    return OUTRIDER_OK;
}

static outrider_err judge_roots(otr_explanation *e)
{
    e->fitness = calloc(e->root_count + 1, sizeof(*e->fitness));
    if (e->fitness == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < e->root_count; i++) {
        outrider_diag diag = { .message = "" };

        e->fitness[i].is_usable = otr_verify_root(e->set, e->roots[i].cert, e->view->at, &diag) == OUTRIDER_OK;
        snprintf(e->fitness[i].why_not, sizeof(e->fitness[i].why_not), "%s", diag.message);
    }
    return OUTRIDER_OK;
}

static size_t count_crls(const otr_anchor_set *set)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(set->store);
    size_t count = 0;

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++)
        count += X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i)) != NULL;
    return count;
}

struct gathering {
    otr_explanation *e;
    bool has_failed;
};

static void add_hold(void *arg, const otr_hold *hold)
{
    struct gathering *g = arg;
    otr_explanation *e = g->e;
    otr_hold *grown;

    if (g->has_failed || strcmp(hold->domain, e->domain) != 0)
        return;
    grown = reallocarray(e->holds, e->hold_count + 1, sizeof(*grown));
    if (grown == NULL) {
        g->has_failed = true;
        return;
    }
    e->holds = grown;
    e->holds[e->hold_count++] = *hold;
}

/* A row that cannot be believed holds nothing, as in outriderd. It is said, and what can be told is told. */
static int find_holds(otr_explanation *e)
{
    struct gathering g = { .e = e };
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;

    if (e->view->store != NULL)
        err = otr_store_each_hold(e->view->store, add_hold, &g, &diag);
    e->is_held = e->hold_count > 0 && e->set->on_change == OTR_ON_CHANGE_DEFER;
    return g.has_failed ? out_of_memory() : err == OUTRIDER_OK ? EX_OK : otr_trust_complain(WHAT, err, &diag);
}

/* EX_DATAERR: all is found, but for a hold that cannot be believed. */
static int find_out(const otr_trust_view *view, const char *domain, otr_explanation *e)
{
    outrider_err err;

    *e = (otr_explanation){ .view = view, .set = otr_anchors_for(view->anchors, domain),
                            .only = otr_anchors_only(view->anchors, domain) };
    memcpy(e->domain, domain, OTR_DOMAIN_SIZE);
    err = otr_anchors_explain_rules(view->anchors, domain, &e->rules, &e->rule_count);
    if (err == OUTRIDER_OK)
        err = otr_anchors_explain(view->anchors, domain, &e->roots, &e->root_count);
    if (err == OUTRIDER_OK)
        err = judge_roots(e);
    for (int i = 0; err == OUTRIDER_OK && i < OTR_OWN_COUNT; i++)
        err = find_handed(e, (otr_own)i);
    if (err != OUTRIDER_OK)
        return out_of_memory();
    e->crl_count = count_crls(e->set);
    return find_holds(e);
}

static void clear_explanation(otr_explanation *e)
{
    for (int i = 0; i < OTR_OWN_COUNT; i++) {
        free(e->handed[i].file);
        free(e->handed[i].path);
    }
    free(e->holds);
    free(e->fitness);
    free(e->roots);
    free(e->rules);
}

/* The command ------------------------------------------------------------------------------------------------------ */

/* One after the other, so that one at a time is in memory. */
static int explain_all(const struct options *o, const otr_trust_view *view, json_t *all)
{
    int worst = EX_OK;

    for (size_t i = 0; i < o->domain_count && (worst == EX_OK || worst == EX_DATAERR); i++) {
        otr_explanation e;
        int status = find_out(view, o->domains[i], &e);

        if (status == EX_OK || status == EX_DATAERR) {
            if (i > 0 && !o->is_json)
                putchar('\n');
            if (!o->is_json)
                otr_explanation_print(&e, o->is_all);
            else if (json_array_append_new(all, otr_explanation_json(&e)) != 0)
                status = out_of_memory();
        }
        clear_explanation(&e);
        if (status != EX_OK)
            worst = status;
    }
    return worst;
}

static int show_all(const struct options *o, const otr_trust_view *view)
{
    json_t *all = o->is_json ? json_array() : NULL, *shown;
    int status = explain_all(o, view, all);

    if (!o->is_json)
        return otr_flush_output(status);
    shown = json_incref(o->domain_count == 1 ? json_array_get(all, 0) : all);
    json_decref(all);
    if (status != EX_OK && status != EX_DATAERR) {
        json_decref(shown);
        return status;
    }
    return otr_print_json(shown, status);
}

int otr_cmd_trust_explain(int argc, char **argv)
{
    struct options o = { 0 };
    otr_trust_view view = { 0 };
    int status = read_options(argc, argv, &o);

    if (status >= 0)
        goto out;
    status = otr_trust_view_open(WHAT, o.config, o.at, &view);
    if (status == EX_OK)
        status = show_all(&o, &view);
out:
    otr_trust_view_clear(&view);
    free(o.domains);
    return status;
}

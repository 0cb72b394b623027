/*
 * trust_verify.c - "outrider trust verify": would this chain be accepted for this destination, under the rules and exceptions
 * of this machine, and by which root. Nothing is looked up and no connection made; the verifier is the one that policy
 * fetches and probes use.
 */
#include "cli/command.h"
#include "cli/trust_common.h"

#include "base/buf.h"
#include "dns/name.h"
#include "trust/pem.h"
#include "trust/verify.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define EX_REFUSED 1

static const char usage[] =
    "usage: outrider trust verify --chain FILE --name HOST --for DOMAIN [--at DATE] [--without ROOT]... [--config FILE]\n"
    "                             [--json]\n\n"
    "Tells whether a chain of certificates would be accepted when mail goes to DOMAIN under an MTA-STS policy, and by which\n"
    "root, without the network.\n\n"
    "  --chain FILE    certificates in PEM, as the server sends them, its own first; \"-\" is standard input; several files\n"
    "                  are read as one\n"
    "  --name HOST     the host that is connected to: an MX host, or mta-sts.DOMAIN\n"
    "  --for DOMAIN    the destination, whose rules and exceptions apply\n"
    "  --at DATE       the time of the connection, 2026-01-31 or 2026-01-31T12:00:00Z; now, if not given\n"
    "  --without ROOT  as if this root counted for nobody: digits of its SHA-256 fingerprint, a PEM file or a part of its\n"
    "                  name; may be repeated\n"
    "  --config FILE   the configuration of outriderd; /etc/outrider/outrider.conf, if not given\n"
    "  --json          print JSON\n"
    "  --help          this text\n\n"
    "Exit status: 0 accepted, 1 refused, 64 wrong usage, 65 bad data, 66 a file that cannot be read, 78 a configuration\n"
    "with mistakes.\n";

static const char what[] = "trust verify";

struct task {
    otr_buf pem;
    bool has_chain;
    char host[OTR_DOMAIN_SIZE], domain[OTR_DOMAIN_SIZE];
    bool has_host, has_domain;
    const char *config;
    const char **without; /* owned; the words of the user */
    size_t without_count;
    otr_time at;          /* 0: now */
    bool json;

    otr_trust_view view;
    STACK_OF(X509) *chain;    /* owned */
    STACK_OF(X509) *left_out; /* owned */
};

static void clear_task(struct task *t)
{
    otr_buf_clear(&t->pem);
    free(t->without);
    otr_trust_view_clear(&t->view);
    sk_X509_pop_free(t->chain, X509_free);
    sk_X509_pop_free(t->left_out, X509_free);
}

/* Options --------------------------------------------------------------------------------------------------------- */

static int misuse(const char *why, const char *word)
{
    char *shown = otr_escape(word, strlen(word));

    otr_complain(EX_USAGE, what, "%s%s%s; \"outrider trust verify --help\" explains", why, *word ? " " : "",
                 shown != NULL ? shown : "");
    free(shown);
    return EX_USAGE;
}

/* Bad data: a complaint for people and, where a script reads, an answer in the usual form, which says no. */
static int refuse_data(const struct task *t, const char *source, const char *why)
{
    otr_complain(EX_DATAERR, source, "%s", why);
    if (!t->json)
        return EX_DATAERR;
    return otr_print_json(json_pack("{s:b, s:n, s:[], s:s}", "accepted", 0, "root", "rules", "reason", why), EX_DATAERR);
}

static int take_name(const struct task *t, const char *option, const char *text, char name[OTR_DOMAIN_SIZE], bool *has_name)
{
    outrider_diag diag = { .message = "not a domain name" };

    *has_name = true;
    if (!otr_is_address_text(text, strlen(text)) &&
        otr_domain_normalize(text, strlen(text), name, &diag) == OUTRIDER_OK)
        return EX_OK;
    return refuse_data(t, option, otr_is_address_text(text, strlen(text)) ? "an address; certificates are for names"
                                                                         : diag.message);
}

static int add_chain(struct task *t, const char *path)
{
    size_t len = 0;
    int status = EX_OK;
    char *text = otr_read_input(path, OTR_CHAIN_PEM_LIMIT, &len, &status);

    if (text == NULL)
        return status;
    otr_buf_put(&t->pem, text, len);
    otr_buf_putc(&t->pem, '\n');
    t->has_chain = true;
    free(text);
    return t->pem.err == OUTRIDER_OK ? EX_OK : otr_complain(EX_OSERR, what, "out of memory");
}

static int take_option(struct task *t, int option, char **argv)
{
    switch (option) {
    case 'c':
        return add_chain(t, optarg);
    case 'n':
        return take_name(t, "--name", optarg, t->host, &t->has_host);
    case 'f':
        return take_name(t, "--for", optarg, t->domain, &t->has_domain);
    case 'a':
        return otr_trust_read_date(what, "--at", optarg, &t->at);
    case 'w':
        t->without[t->without_count++] = optarg;
        return EX_OK;
    case 'C':
        t->config = optarg;
        return EX_OK;
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
        { "chain", required_argument, NULL, 'c' },   { "name", required_argument, NULL, 'n' },
        { "for", required_argument, NULL, 'f' },     { "at", required_argument, NULL, 'a' },
        { "without", required_argument, NULL, 'w' }, { "config", required_argument, NULL, 'C' },
        { "json", no_argument, NULL, 'j' },          { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    opterr = 0;
    *status = EX_OK;
    /* --json first: how bad data is answered must not depend on the order of options. */
    for (int i = 1; i < argc; i++)
        t->json |= strcmp(argv[i], "--json") == 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'j')
            continue;
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
    else if (!t->has_chain)
        *status = misuse("--chain is missing", "");
    else if (!t->has_host)
        *status = misuse("--name is missing", "");
    else if (!t->has_domain)
        *status = misuse("--for is missing", "");
    return *status == EX_OK;
}

/* Showing ---------------------------------------------------------------------------------------------------------- */

/* The rule because of which the root counts for the domain; NULL: out of memory. */
static const otr_anchor_rule *rule_of(const struct task *t, const X509 *root)
{
    const otr_anchor_rule *rule = NULL;
    otr_root_reason *reasons = NULL;
    size_t count = 0;

    if (otr_anchors_explain(t->view.anchors, t->domain, &reasons, &count) != OUTRIDER_OK)
        return NULL;
    for (size_t i = 0; i < count && rule == NULL; i++)
        if (reasons[i].state == OTR_ROOT_COUNTS && X509_cmp(reasons[i].cert, root) == 0)
            rule = reasons[i].brought_by;
    free(reasons);
    return rule;
}

/* Certificates of servers often have an empty subject: then the name that it was asked for, if it is for that. */
static const char *name_in_path(const struct task *t, const otr_verification *v, int depth, char name[OTR_CERT_NAME_SIZE])
{
    X509 *cert = sk_X509_value(v->path, depth);

    if (depth == 0 && X509_NAME_entry_count(X509_get_subject_name(cert)) == 0)
        return v->error == X509_V_ERR_HOSTNAME_MISMATCH ? "(no name)" : t->host;
    return otr_cert_name(cert, name);
}

static json_t *path_json(const struct task *t, const otr_verification *v)
{
    json_t *list = json_array();

    for (int i = 0; i < sk_X509_num(v->path); i++) {
        char name[OTR_CERT_NAME_SIZE], sha256[OTR_SHA256_TEXT], from[OTR_TIME_TEXT], until[OTR_TIME_TEXT];
        X509 *cert = sk_X509_value(v->path, i);

        otr_cert_fingerprint(cert, sha256);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "subject", name_in_path(t, v, i, name), "sha256", sha256,
                                              "not_before", otr_time_text(otr_cert_not_before(cert), from), "not_after",
                                              otr_time_text(otr_cert_not_after(cert), until)));
    }
    return list;
}

static json_t *root_json(const X509 *root, const otr_anchor_rule *rule)
{
    char name[OTR_CERT_NAME_SIZE], sha256[OTR_SHA256_TEXT], until[OTR_TIME_TEXT];
    json_t *json;

    if (root == NULL)
        return json_null();
    otr_cert_fingerprint(root, sha256);
    json = json_pack("{s:s, s:s, s:s?}", "subject", otr_cert_name(root, name), "sha256", sha256, "rule",
                     rule != NULL ? rule->name : NULL);
    if (rule != NULL && rule->until != 0)
        json_object_set_new(json, "until", json_string(otr_time_text(rule->until, until)));
    return json;
}

static json_t *words_json(const char *const *words)
{
    json_t *list = json_array();

    for (; *words != NULL; words++)
        json_array_append_new(list, json_string(*words));
    return list;
}

static int print_json(const struct task *t, const otr_anchor_set *set, const otr_verification *v, int status)
{
    const X509 *root = otr_verification_root(v);
    char at[OTR_TIME_TEXT], end[OTR_TIME_TEXT];
    json_t *json = json_pack("{s:b, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "accepted", v->is_accepted, "root",
                             root_json(root, root != NULL ? rule_of(t, root) : NULL), "rules", words_json(set->rules), "reason",
                             v->reason, "domain", t->domain, "name", t->host, "at", otr_time_text(t->view.at, at), "depth",
                             v->depth >= 0 ? json_integer(v->depth) : json_null(), "path", path_json(t, v), "expires_at",
                             v->is_accepted ? json_string(otr_time_text(v->expires_at, end)) : json_null());

    return otr_print_json(json, status);
}

static void print_path(const struct task *t, const otr_verification *v)
{
    for (int i = 0; i < sk_X509_num(v->path); i++) {
        char name[OTR_CERT_NAME_SIZE], until[OTR_TIME_TEXT];

        printf("  %d  %s, until %s\n", i, name_in_path(t, v, i, name),
               otr_time_text(otr_cert_not_after(sk_X509_value(v->path, i)), until));
    }
}

static void print_root(const struct task *t, const X509 *root)
{
    const otr_anchor_rule *rule = rule_of(t, root);
    char name[OTR_CERT_NAME_SIZE], sha256[OTR_SHA256_TEXT], until[OTR_TIME_TEXT];
    char *reason;

    otr_cert_fingerprint(root, sha256);
    printf("root: %s\n      sha256 %s\n", otr_cert_name(root, name), sha256);
    if (rule == NULL)
        return;
    if (rule->until == 0) {
        printf("      from the rule \"%s\" (%s)\n", rule->name, rule->file != NULL ? rule->file : "no file");
        return;
    }
    reason = otr_escape(rule->reason != NULL ? rule->reason : "", rule->reason != NULL ? strlen(rule->reason) : 0);
    printf("      from an exception until %s%s%s\n", otr_time_text(rule->until, until),
           reason != NULL && *reason != '\0' ? ": " : "", reason != NULL ? reason : "");
    free(reason);
}

static int print_text(const struct task *t, const otr_anchor_set *set, const otr_verification *v, int status)
{
    const X509 *root = otr_verification_root(v);
    char text[OTR_TIME_TEXT];

    printf("%s: %s for %s, at %s%s%s\n", v->is_accepted ? "accepted" : "refused", t->host, t->domain,
           otr_time_text(t->view.at, text), v->is_accepted ? "" : "\n", v->is_accepted ? "" : v->reason);
    print_path(t, v);
    if (root != NULL)
        print_root(t, root);
    printf("rules for %s:", t->domain);
    for (const char *const *rule = set->rules; *rule != NULL; rule++)
        printf("%s %s", rule == set->rules ? "" : ",", *rule);
    printf("%s (%zu root%s)\n", set->rules[0] == NULL ? " none" : "", set->count, set->count == 1 ? "" : "s");
    if (v->is_accepted)
        printf("first end: %s\n", otr_time_text(v->expires_at, text));
    return otr_flush_output(status);
}

/* The task ---------------------------------------------------------------------------------------------------------- */

static int read_chain(struct task *t)
{
    outrider_diag diag = { .message = "out of memory" };
    outrider_err err = otr_pem_read_certs(t->pem.data, t->pem.len, OTR_CHAIN_MAX, &t->chain, &diag);
    char why[sizeof(diag.message) + 40];

    if (err == OUTRIDER_OK)
        return EX_OK;
    if (err == OUTRIDER_E_NOMEM)
        return otr_complain(EX_OSERR, what, "out of memory");
    if (diag.line > 0)
        snprintf(why, sizeof(why), "line %u: %s", diag.line, diag.message);
    else
        snprintf(why, sizeof(why), "%s", diag.message);
    return refuse_data(t, "--chain", why);
}

static int find_left_out(struct task *t)
{
    STACK_OF(X509) *all = otr_trust_all_roots(t->view.anchors);
    int status = EX_OK;

    t->left_out = sk_X509_new_null();
    if (all == NULL || t->left_out == NULL)
        status = otr_complain(EX_OSERR, what, "out of memory");
    for (size_t i = 0; status == EX_OK && i < t->without_count; i++) {
        X509 *root = NULL;

        status = otr_trust_find_root(what, all, t->without[i], &root);
        if (status == EX_OK && sk_X509_push(t->left_out, root) <= 0) {
            X509_free(root);
            status = otr_complain(EX_OSERR, what, "out of memory");
        }
    }
    sk_X509_pop_free(all, X509_free);
    return status;
}

/* It is no use to leave out one certificate of a root and to keep another. */
static bool is_left_out(void *arg, const X509 *root)
{
    const STACK_OF(X509) *left_out = arg;
    char id[OTR_SHA256_TEXT], other[OTR_SHA256_TEXT];

    for (int i = 0; i < sk_X509_num(left_out); i++)
        if (!otr_cert_anchor_id(root, id) || !otr_cert_anchor_id(sk_X509_value(left_out, i), other) || strcmp(id, other) == 0)
            return true;
    return false;
}

static int run(struct task *t)
{
    const otr_anchor_set *set;
    otr_verification v;
    outrider_err err;
    int status = read_chain(t);

    if (status == EX_OK)
        status = otr_trust_view_open(what, t->config, t->at, &t->view);
    if (status == EX_OK && t->without_count > 0)
        status = find_left_out(t);
    if (status != EX_OK)
        return status;
    set = otr_anchors_for(t->view.anchors, t->domain);
    if (t->left_out != NULL)
        err = otr_verify_chain_without(set, t->chain, t->host, t->view.at, is_left_out, t->left_out, &v);
    else
        err = otr_verify_chain(set, t->chain, t->host, t->view.at, &v);
    if (err != OUTRIDER_OK)
        return otr_complain(EX_OSERR, what, "out of memory");
    status = v.is_accepted ? EX_OK : EX_REFUSED;
    status = t->json ? print_json(t, set, &v, status) : print_text(t, set, &v, status);
    otr_verification_clear(&v);
    return status;
}

int otr_cmd_trust_verify(int argc, char **argv)
{
    struct task task = { 0 };
    int status;

    task.without = calloc((size_t)argc + 1, sizeof(*task.without)); /* an option at most per argument */
    if (task.without == NULL)
        status = otr_complain(EX_OSERR, what, "out of memory");
    else if (take_options(&task, argc, argv, &status))
        status = run(&task);
    clear_task(&task);
    return status;
}

/*
 * lint_policy.c - "outrider lint policy FILE": an MTA-STS policy, and which MX hosts it admits.
 */
#include "cli/lint.h"

#include "dns/name.h"
#include "sts/policy.h"

#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: outrider lint policy [--json] [--mx HOST]... FILE|-\n\n"
    "Checks an MTA-STS policy (RFC 8461), as it is served at .well-known/mta-sts.txt; - is standard input.\n\n"
    "  --mx HOST  say whether the policy admits this MX host; may be repeated\n"
    "  --json     print JSON\n"
    "  --help     this text\n\n"
    "Exit status: 0 the policy is valid, 65 it is not, 66 FILE cannot be read, 64 wrong usage.\n";

/* What is printed: everything that the two renderings below need. */
typedef struct checked {
    const otr_lint *lint;
    const char *where;
    otr_sts_policy *policy; /* owned; NULL if invalid */
    bool *admitted;         /* owned; one for each lint->mx */
    otr_lint_findings findings;
} checked;

/* A host that is no host name is not admitted, whatever the policy says. */
static bool admits(checked *c, const char *host)
{
    char normal[OTR_DOMAIN_SIZE];
    outrider_diag diag, why;
    char *shown;
    outrider_err err = otr_domain_normalize(host, strlen(host), normal, &why);

    if (err == OUTRIDER_OK)
        return c->policy != NULL && otr_sts_policy_admits(c->policy, normal);
    shown = otr_escape(host, strlen(host));
    if (err != OUTRIDER_E_SYNTAX || shown == NULL) {
        c->findings.out_of_memory = true;
    } else {
        diag = (outrider_diag){ 0 };
        snprintf(diag.message, sizeof(diag.message), "--mx %.60s is not the name of a host: column %u: %.120s", shown,
                 why.column, why.message);
        otr_lint_add(&c->findings, false, &diag);
    }
    free(shown);
    return false;
}

static json_t *patterns_json(const otr_sts_policy *policy)
{
    json_t *patterns = json_array();

    for (size_t i = 0; policy != NULL && i < policy->mx_count; i++) {
        if (json_array_append_new(patterns, json_string(policy->mx[i])) != 0) {
            json_decref(patterns);
            return NULL;
        }
    }
    return patterns;
}

/* HOST as it was given is the key, so that whoever asked finds it; only what is not UTF-8 must be escaped. */
static json_t *match_json(const checked *c)
{
    json_t *match = json_object();

    for (size_t i = 0; i < c->lint->mx_count; i++) {
        const char *host = c->lint->mx[i];
        json_t *key = otr_lint_json_text(host, strlen(host));
        bool failed = key == NULL || json_object_set_new(match, json_string_value(key),
                                                         json_boolean(c->admitted[i])) != 0;

        json_decref(key);
        if (failed) {
            json_decref(match);
            return NULL;
        }
    }
    return match;
}

/* SAFE-TO-PUBLISH: is there an MX host that senders would leave out under this policy? Mode none leaves out nobody. */
static bool leaves_a_host_out(const checked *c)
{
    for (size_t i = 0; c->policy != NULL && c->policy->mode != OTR_STS_NONE && i < c->lint->mx_count; i++) {
        if (!c->admitted[i])
            return true;
    }
    return false;
}

/* null: without --mx nobody knows. */
static json_t *safe_json(const checked *c)
{
    if (c->policy != NULL && c->policy->mode != OTR_STS_NONE && c->lint->mx_count == 0)
        return json_null();
    return json_boolean(c->policy != NULL && !leaves_a_host_out(c));
}

static json_t *as_json(const checked *c)
{
    const otr_sts_policy *policy = c->policy;

    return otr_lint_json(&c->findings,
                         json_pack("{s:s?, s:s?, s:o, s:o, s:o, s:o}", "version", policy != NULL ? "STSv1" : NULL, "mode",
                                   policy != NULL ? otr_sts_mode_names[policy->mode] : NULL, "max_age",
                                   policy != NULL ? json_integer(policy->max_age) : json_null(), "mx",
                                   patterns_json(policy), "match", match_json(c), "safe", safe_json(c)));
}

static void print_text(const checked *c)
{
    otr_lint_print(&c->findings, c->where);
    if (c->policy == NULL)
        return;
    printf("valid policy\nmode: %s\nmax_age: %u\n", otr_sts_mode_names[c->policy->mode], c->policy->max_age);
    for (size_t i = 0; i < c->policy->mx_count; i++)
        printf("mx: %s\n", c->policy->mx[i]);
    for (size_t i = 0; i < c->lint->mx_count; i++) {
        char *shown = otr_escape(c->lint->mx[i], strlen(c->lint->mx[i]));

        printf("%s %s\n", shown != NULL ? shown : "?", c->admitted[i] ? "is admitted" : "is not admitted");
        free(shown);
    }
    if (leaves_a_host_out(c))
        puts("not safe to publish: senders would leave out hosts that are not admitted");
}

static int check_and_report(const otr_lint *lint, const char *text, size_t len)
{
    checked c = { .lint = lint, .where = lint->arguments[0], .findings = OTR_LINT_FINDINGS_INIT };
    otr_sts_notes notes;
    json_t *json = NULL;
    int status;

    c.admitted = calloc(lint->mx_count + 1, sizeof(*c.admitted));
    if (c.admitted == NULL || otr_sts_policy_parse(text, len, &c.policy, &notes) == OUTRIDER_E_NOMEM) {
        free(c.admitted);
        return otr_complain(EX_OSERR, lint->name, "out of memory");
    }
    otr_lint_add_all(&c.findings, true, notes.errors, notes.error_count);
    otr_lint_add_all(&c.findings, false, notes.warnings, notes.warning_count);
    for (size_t i = 0; i < lint->mx_count; i++)
        c.admitted[i] = admits(&c, lint->mx[i]);
    if (lint->json)
        json = as_json(&c);
    else
        print_text(&c);
    status = otr_lint_finish(lint, &c.findings, json);
    otr_lint_findings_clear(&c.findings);
    otr_sts_policy_free(c.policy);
    free(c.admitted);
    return status;
}

int otr_cmd_lint_policy(int argc, char **argv)
{
    otr_lint lint = { .name = "lint policy", .usage = usage, .takes_mx = true, .max_arguments = 1 };
    char *text;
    size_t len;
    int status;

    if (!otr_lint_options(&lint, argc, argv, &status))
        return status;
    /* One octet more than a policy may have, so that the parser sees it and says so as of any other fault. */
    text = otr_read_head(lint.arguments[0], OTR_STS_POLICY_LIMIT + 1, &len, &status);
    if (text != NULL)
        status = check_and_report(&lint, text, len);
    free(text);
    otr_lint_clear(&lint);
    return status;
}

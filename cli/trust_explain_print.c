/*
 * trust_explain_print.c - the answer of `outrider trust explain` for people: whether the mail waits, the rules, what mail servers
 * are handed, the roots that count and those that do not. Texts of the configuration and of the store are escaped.
 */
#include "cli/trust_explain.h"

#include "cli/trust_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOTS_SHOWN 8 /* of one kind, by one rule; more are told in a line, but for --all */
#define NAMES_SHOWN 4
#define RULE_COLUMNS 12

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* "default + added" */
static void print_rule_names(const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        fputs(i > 0 ? " + " : "", stdout);
        otr_put_escaped(stdout, names[i]);
    }
}

static void print_names(const char *const *names, bool is_all)
{
    size_t count = 0;

    for (; names[count] != NULL; count++) {
        if (is_all || count < NAMES_SHOWN) {
            fputs(count > 0 ? ", " : "", stdout);
            otr_put_escaped(stdout, names[count]);
        }
    }
    if (!is_all && count > NAMES_SHOWN)
        printf(" and %zu more", count - NAMES_SHOWN);
}

/* Rules ----------------------------------------------------------------------------------------------------------- */

/* What a rule is, in the words of the configuration. */
static void print_rule_itself(const otr_rule_reason *r, bool is_all)
{
    char until[OTR_TIME_TEXT], sha256[OTR_SHA256_TEXT], name[OTR_CERT_NAME_SIZE];
    X509 *first = sk_X509_value(r->rule->roots, 0);

    if (r->rule->until != 0 && first != NULL && otr_cert_fingerprint(first, sha256)) /* an exception is of one root */
        printf("%.16s  %s", sha256, otr_cert_name(first, name));
    else
        printf("%zu root%s", r->root_count, plural(r->root_count));
    if (r->rule->file != NULL && strcmp(r->rule->file, "none") != 0) {
        fputs(" of ", stdout);
        otr_put_escaped(stdout, r->rule->file);
    }
    if (r->rule->names != NULL) {
        fputs(", for ", stdout);
        print_names(r->rule->names, is_all);
    }
    if (r->rule->is_only)
        fputs(", only", stdout);
    if (r->rule->confine != NULL) {
        fputs(", confined to ", stdout);
        print_names(r->rule->confine, is_all);
    }
    if (r->rule->on_change == OTR_ON_CHANGE_DEFER)
        fputs(", on_change = defer", stdout);
    if (r->rule->until != 0)
        printf(", until %s", otr_time_text(r->rule->until, until));
    if (r->rule->reason != NULL) {
        fputs(": ", stdout);
        otr_put_escaped(stdout, r->rule->reason);
    }
}

static void print_rule_title(const otr_anchor_rule *rule)
{
    fputs("  ", stdout);
    otr_put_escaped(stdout, rule->name);
    for (size_t i = strlen(rule->name); i < RULE_COLUMNS; i++)
        putchar(' ');
    putchar(' ');
}

static void print_rule(const otr_explanation *e, const otr_rule_reason *r, bool is_all)
{
    print_rule_title(r->rule);
    switch (r->state) {
    case OTR_RULE_COUNTS:
        if (r->counting < r->root_count)
            printf("%zu of ", r->counting);
        break;
    case OTR_RULE_NOT_ONLY:
        fputs("does not count, since the rule \"", stdout);
        otr_put_escaped(stdout, e->only->name);
        fputs("\" says only: ", stdout);
        break;
    case OTR_RULE_ENDED: fputs("has ended: ", stdout); break;
    case OTR_RULE_OTHERS: fputs("is for others: ", stdout); break;
    }
    print_rule_itself(r, is_all);
    putchar('\n');
}

static void print_rules(const otr_explanation *e, bool is_all)
{
    size_t exceptions_of_others = 0;

    printf("Rules:\n");
    for (size_t i = 0; i < e->rule_count; i++) {
        const otr_rule_reason *r = &e->rules[i];

        if (!is_all && r->state == OTR_RULE_OTHERS && r->rule->until != 0)
            exceptions_of_others++;
        else
            print_rule(e, r, is_all);
    }
    if (exceptions_of_others > 0)
        printf("  and %zu exception%s for others: --all\n", exceptions_of_others, plural(exceptions_of_others));
    if (e->view->store == NULL) {
        fputs("  no exceptions: there is no store at ", stdout);
        otr_put_escaped(stdout, e->view->conf->store.path);
        printf(" yet\n");
    }
}

/* Mail servers ---------------------------------------------------------------------------------------------------- */

static void print_file(const otr_explanation *e, const otr_handed *handed)
{
    otr_put_escaped(stdout, handed->file);
    if (strcmp(handed->file, handed->path) != 0) {
        fputs(" (", stdout);
        otr_put_escaped(stdout, handed->path);
        putchar(')');
    }
    putchar('\n');
    if (handed->is_there == OTR_IS_MISSING && e->view->at == e->view->now)
        printf("           it is not there: no outriderd runs with these rules\n");
}

static void print_handed(const otr_explanation *e, otr_own server)
{
    static const char *const names[] = { "Exim", "Postfix" };
    static const char *const sections[] = { "line", "socketmap" }, *const settings[] = { "exim_dir", "postfix_dir" };
    const otr_handed *handed = &e->handed[server];

    printf("  %-8s ", names[server]);
    switch (handed->how) {
    case OTR_HANDS_FILE: print_file(e, handed); break;
    case OTR_HANDS_NONE_NEEDED: printf("no file: what it trusts by itself is the same\n"); break;
    case OTR_HANDS_NO_FOLDER:
        printf("no file, as %s is not set: what it trusts by itself counts, not these rules\n", settings[server]);
        break;
    case OTR_HANDS_NOT_ASKED: printf("not asked: section %s listens nowhere\n", sections[server]); break;
    }
}

static void print_mail_servers(const otr_explanation *e)
{
    printf("Mail servers are handed, where a policy decides:\n");
    for (int i = 0; i < OTR_OWN_COUNT; i++)
        print_handed(e, (otr_own)i);
    if (e->crl_count > 0) {
        printf("%zu revocation list%s of ", e->crl_count, plural(e->crl_count));
        otr_put_escaped(stdout, e->view->conf->anchors.crls);
        printf(": Outrider asks %s, mail servers do not\n", e->crl_count == 1 ? "it" : "them");
    }
}

/* Roots ----------------------------------------------------------------------------------------------------------- */

static void print_bringers(const otr_root_reason *r)
{
    for (size_t i = 0; r->rules[i] != NULL; i++) {
        bool is_repeated = false;

        for (size_t k = 0; k < i; k++) /* several exceptions have one name */
            is_repeated = is_repeated || strcmp(r->rules[k]->name, r->rules[i]->name) == 0;
        if (is_repeated)
            continue;
        fputs(i > 0 ? " + " : "", stdout);
        otr_put_escaped(stdout, r->rules[i]->name);
    }
}

static void print_why(const otr_root_reason *r, bool is_all)
{
    char until[OTR_TIME_TEXT];

    switch (r->state) {
    case OTR_ROOT_COUNTS: break;
    case OTR_ROOT_NOT_ONLY:
        fputs(": the rule \"", stdout);
        otr_put_escaped(stdout, r->barred_by->name);
        fputs("\" says only", stdout);
        break;
    case OTR_ROOT_CONFINED:
        fputs(", which the rule \"", stdout);
        otr_put_escaped(stdout, r->barred_by->name);
        fputs("\" confines to ", stdout);
        print_names(r->barred_by->confine, is_all);
        break;
    case OTR_ROOT_ENDED: printf(": it has ended, %s", otr_time_text(r->brought_by->until, until)); break;
    }
}

/* The sentence without its subject, which stands on the line above. */
static const char *without_name(const char *sentence, const char *name)
{
    size_t len = strlen(name);

    return strncmp(sentence, name, len) == 0 ? sentence + len : sentence;
}

static void print_root(const otr_explanation *e, size_t i, bool is_all)
{
    const otr_root_reason *r = &e->roots[i];
    char sha256[OTR_SHA256_TEXT], name[OTR_CERT_NAME_SIZE], day[OTR_TIME_TEXT];

    otr_cert_fingerprint(r->cert, sha256);
    printf("  %.16s  until %s  %s, by ", sha256, otr_day_text(otr_cert_not_after(r->cert), day), otr_cert_name(r->cert, name));
    print_bringers(r);
    print_why(r, is_all);
    putchar('\n');
    if (!e->fitness[i].is_usable)
        printf("                    nothing verifies by it: it%s\n", without_name(e->fitness[i].why_not, name));
}

static bool is_alike(const otr_root_reason *a, const otr_root_reason *b)
{
    size_t i = 0;

    while (a->rules[i] != NULL && a->rules[i] == b->rules[i])
        i++;
    return a->state == b->state && a->rules[i] == b->rules[i] && a->barred_by == b->barred_by;
}

static bool is_first_of_its_kind(const otr_explanation *e, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (is_alike(&e->roots[k], &e->roots[i]))
            return false;
    return true;
}

/* Many of one kind: how many, which ends first, and each that nothing verifies by although it counts. */
static void print_many(const otr_explanation *e, size_t first, size_t count)
{
    const otr_root_reason *earliest = NULL;
    char name[OTR_CERT_NAME_SIZE], day[OTR_TIME_TEXT];

    for (size_t i = first; i < e->root_count; i++) {
        const otr_root_reason *r = &e->roots[i];

        if (is_alike(r, &e->roots[first]) && e->fitness[i].is_usable &&
            (earliest == NULL || otr_cert_not_after(r->cert) < otr_cert_not_after(earliest->cert)))
            earliest = r;
    }
    printf("  %zu roots by ", count);
    print_bringers(&e->roots[first]);
    print_why(&e->roots[first], false);
    if (earliest != NULL && earliest->state == OTR_ROOT_COUNTS)
        printf(", the first to end on %s: %s", otr_day_text(otr_cert_not_after(earliest->cert), day),
               otr_cert_name(earliest->cert, name));
    printf(" (--all lists them)\n");
    for (size_t i = first; i < e->root_count; i++)
        if (is_alike(&e->roots[i], &e->roots[first]) && e->roots[i].state == OTR_ROOT_COUNTS && !e->fitness[i].is_usable)
            print_root(e, i, false);
}

static void print_kind(const otr_explanation *e, size_t first, bool is_all)
{
    size_t count = 0;

    for (size_t i = first; i < e->root_count; i++)
        count += is_alike(&e->roots[i], &e->roots[first]);
    if (!is_all && count > ROOTS_SHOWN) {
        print_many(e, first, count);
        return;
    }
    for (size_t i = first; i < e->root_count; i++)
        if (is_alike(&e->roots[i], &e->roots[first]))
            print_root(e, i, is_all);
}

static void print_roots(const otr_explanation *e, bool is_all)
{
    bool has_barred = false;

    printf(e->set->count > 0 ? "Roots that count:\n" : "Roots that count: none, so no certificate will do\n");
    for (size_t i = 0; i < e->root_count; i++) {
        if (e->roots[i].state != OTR_ROOT_COUNTS && !has_barred) {
            has_barred = true;
            printf("Roots that do not:\n");
        }
        if (is_first_of_its_kind(e, i))
            print_kind(e, i, is_all);
    }
}

/* The whole ------------------------------------------------------------------------------------------------------- */

static void print_head(const otr_explanation *e)
{
    char at[OTR_TIME_TEXT];
    size_t unusable = 0;

    for (size_t i = 0; i < e->root_count; i++)
        unusable += e->roots[i].state == OTR_ROOT_COUNTS && !e->fitness[i].is_usable;
    printf("%s: %zu root%s count%s, by ", e->domain, e->set->count, plural(e->set->count), e->set->count == 1 ? "s" : "");
    print_rule_names(e->set->rules);
    if (e->view->at != e->view->now)
        printf(", as of %s", otr_time_text(e->view->at, at));
    if (unusable > 0)
        printf("; nothing verifies by %zu of them", unusable);
    putchar('\n');
}

static void print_on_change(const otr_explanation *e)
{
    char text[OTR_HOLD_TEXT];

    printf("When a host comes to another of these roots: %s\n",
           e->set->on_change == OTR_ON_CHANGE_DEFER ? "defer, the mail waits for \"outrider trust accept\"" : "log, the mail goes");
    for (size_t i = 0; i < e->hold_count; i++) {
        if (!e->is_held)
            fputs("not in force, as on_change is log now: ", stdout);
        puts(otr_hold_text(&e->holds[i], text));
    }
}

void otr_explanation_print(const otr_explanation *e, bool is_all)
{
    print_head(e);
    print_on_change(e);
    print_rules(e, is_all);
    print_mail_servers(e);
    print_roots(e, is_all);
}

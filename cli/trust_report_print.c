/*
 * trust_report_print.c - `outrider trust report` for people: a table of roots, then what follows from it, in sentences.
 */
#include "cli/trust_report.h"

#include "cli/report_text.h"
#include "cli/trust_text.h"

#include <stdio.h>
#include <string.h>

#define LIST_SHOWN 20

/* The table ------------------------------------------------------------------------------------------------------- */

/* Columns that would be empty are left out. */
typedef struct columns {
    bool classes[OTR_EFFECT_COUNT];
    bool has_traffic, has_changes;
} columns;

static columns find_columns(const otr_report *r)
{
    columns c = { .has_traffic = r->traffic > 0 };

    for (size_t i = 0; i < r->root_count; i++) {
        c.has_changes |= r->roots[i].came > 0 || r->roots[i].left > 0;
        for (size_t k = 0; k < OTR_EFFECT_COUNT; k++)
            c.classes[k] |= r->roots[i].counts[k] > 0;
    }
    return c;
}

static void print_titles(const columns *c)
{
    printf("\n dest.    MX policy ");
    for (size_t k = 0; k < OTR_EFFECT_COUNT; k++)
        if (c->classes[k])
            printf("%6s", otr_effect_letters[k]);
    printf("%s%s  first end   root\n", c->has_traffic ? "  traffic" : "", c->has_changes ? "  came  left" : "");
}

static void print_number(size_t number, int width)
{
    if (number > 0)
        printf("%*zu", width, number);
    else
        printf("%*s", width, ".");
}

static void print_cas(const otr_report *r, size_t root)
{
    char name[OTR_CERT_NAME_SIZE], date[OTR_TIME_TEXT];

    for (size_t i = 0; i < r->ca_count; i++) {
        const otr_report_ca *ca = &r->cas[i];

        if (ca->root != root)
            continue;
        print_number(ca->destinations, 6);
        print_number(ca->by_role[OTR_ROLE_MX], 6);
        print_number(ca->by_role[OTR_ROLE_POLICY], 7);
        printf("     by %s, from %s\n", otr_cert_name(ca->cert, name), otr_day_text(ca->first_end, date));
    }
}

static void print_root(const otr_trust_report *t, const columns *c, size_t index)
{
    const otr_report *r = &t->report;
    const otr_report_root *root = &r->roots[index];
    char name[OTR_CERT_NAME_SIZE], date[OTR_TIME_TEXT];

    print_number(root->destinations, 6);
    print_number(root->by_role[OTR_ROLE_MX], 6);
    print_number(root->by_role[OTR_ROLE_POLICY], 7);
    putchar(' ');
    for (size_t k = 0; k < OTR_EFFECT_COUNT; k++)
        if (c->classes[k])
            print_number(root->counts[k], 6);
    if (c->has_traffic)
        printf("%7.1f %%", 100 * root->traffic / r->traffic);
    if (c->has_changes) {
        print_number(root->came, 6);
        print_number(root->left, 6);
    }
    printf("  %s  %.8s %s\n", otr_day_text(root->first_end, date), root->sha256, otr_cert_name(root->cert, name));
    if (t->has_cas)
        print_cas(r, index);
}

static void print_table(const otr_trust_report *t)
{
    columns c = find_columns(&t->report);

    if (t->report.root_count == 0) {
        printf("\nNone of them hangs on a root, as far as chains were seen.\n");
        return;
    }
    print_titles(&c);
    for (size_t i = 0; i < t->report.root_count; i++)
        print_root(t, &c, i);
    printf("\nWithout that root:");
    for (size_t k = 0, shown = 0; k < OTR_EFFECT_COUNT; k++)
        if (c.classes[k])
            printf("%s%s  %s", shown++ > 0 ? ",\n                  " : " ", otr_effect_letters[k], otr_effect_words[k]);
    printf(".\n");
    printf("Who they are: outrider trust what-if --without %.8s\n", t->report.roots[0].sha256);
}

/* What follows ---------------------------------------------------------------------------------------------------- */

static void print_concentration(const otr_report *r)
{
    otr_buf text = OTR_BUF_INIT;

    otr_put_concentration(&text, &r->concentration);
    if (text.len > 0) {
        putchar('\n');
        otr_print_wrapped("", otr_buf_text(&text));
    }
    otr_buf_clear(&text);
}

static void print_rest(size_t count, size_t shown)
{
    if (shown < count)
        printf("  and %zu more: --all\n", count - shown);
}

static size_t cut(const otr_trust_report *t, size_t count)
{
    return t->is_all || count < LIST_SHOWN ? count : LIST_SHOWN;
}

static void print_changes(const otr_trust_report *t)
{
    const otr_report *r = &t->report;
    size_t shown = cut(t, r->change_count);
    char from[OTR_CERT_NAME_SIZE], to[OTR_CERT_NAME_SIZE], date[OTR_TIME_TEXT];

    if (r->change_count == 0) {
        printf("\nNo host has come to another root in the last %u day%s.\n", t->recent_days, t->recent_days == 1 ? "" : "s");
        return;
    }
    printf("\nCame to another root in the last %u day%s:\n", t->recent_days, t->recent_days == 1 ? "" : "s");
    for (size_t i = 0; i < shown; i++) {
        const otr_report_change *c = &r->changes[i];

        printf("  %s  %s, %s host %s\n              from %s\n              to %s\n", otr_day_text(c->at, date), c->domain,
               c->role == OTR_ROLE_MX ? "MX" : "policy", c->host, otr_trust_report_name(t, c->from, from),
               otr_cert_name(c->to, to));
    }
    print_rest(r->change_count, shown);
}

/* Mail to these waits as soon as one root goes; DANE would spare them. They come first in the report. */
static void print_advice(const otr_trust_report *t)
{
    const otr_report *r = &t->report;
    size_t count = r->counts[OTR_EFFECT_DEFERRED], shown = cut(t, count);

    if (count == 0)
        return;
    printf("\nWorth asking for DANE, since one root decides whether mail goes there%s:\n",
           r->traffic > 0 ? " (those with most traffic first)" : "");
    for (size_t i = 0; i < shown; i++) {
        const otr_report_row *row = &r->rows[i];

        printf("  %s", row->domain);
        if (row->traffic > 0 && r->traffic > 0)
            printf("  %.1f %% of questions", 100 * row->traffic / r->traffic);
        putchar('\n');
    }
    print_rest(count, shown);
}

static void print_gaps(const otr_trust_report *t)
{
    const otr_report *r = &t->report;

    if (r->unseen > 0)
        printf("\n%zu destination%s with a policy %s MX hosts whose certificates were never seen: outrider trust probe --all\n", r->unseen,
               r->unseen == 1 ? "" : "s", r->unseen == 1 ? "has" : "have");
    if (r->refused > 0)
        printf("\n%zu destination%s with a policy %s an MX host whose certificate no root vouches for already.\n", r->refused,
               r->refused == 1 ? "" : "s", r->refused == 1 ? "has" : "have");
    for (size_t i = 0; t->unrecorded[i] != NULL; i++) {
        printf("\nNothing is recorded of ");
        otr_put_escaped(stdout, t->unrecorded[i]);
        printf(": outrider trust probe asks its hosts now.\n");
    }
}

static void print_counts(const otr_report *r)
{
    char date[OTR_TIME_TEXT];

    printf("%zu destination%s recorded until %s, by the worst that the loss of one root would do:", r->row_count,
           r->row_count == 1 ? "" : "s", otr_time_text(r->at, date));
    for (size_t k = 0, shown = 0; k < OTR_EFFECT_COUNT; k++)
        if (r->counts[k] > 0)
            printf("%s %s %zu", shown++ > 0 ? "," : "", otr_effect_letters[k], r->counts[k]);
    printf("\n");
}

void otr_trust_report_print(const otr_trust_report *t)
{
    if (t->report.row_count == 0 && t->unrecorded[0] == NULL) {
        if (!t->is_recorded) {
            printf("Nothing is recorded: there is no store at ");
            otr_put_escaped(stdout, t->store_path);
            printf(" yet. outriderd makes it\nwhen it starts, and fills it as mail flows. ");
        } else {
            printf("Nothing is recorded yet: outriderd has fetched no policy, and no MX host was looked at.\n");
        }
        printf("With outriderd running,\n\"outrider trust probe --all\" looks at the MX hosts of every destination that it knows, and\n"
               "\"outrider trust probe DOMAIN...\" at those of others.\n");
        return;
    }
    if (t->report.row_count > 0) {
        print_counts(&t->report);
        print_table(t);
        print_concentration(&t->report);
        print_changes(t);
        print_advice(t);
    }
    print_gaps(t);
}

/*
 * publish_print.c - see publish_print.h. Texts of a report are printable.
 */
#include "cli/publish_print.h"

#include "cli/command.h"

#include <string.h>

static const char *const words[] = { "ok", "ok", "WARNING", "CRITICAL", "unknown", "ok" };

/* JSON ---------------------------------------------------------------------------------------------------------- */

static const char *group_name(const otr_check_kind *kind)
{
    size_t i = 0;

    while (i + 1 < OTR_CHECK_GROUPS && !(kind->group & 1u << i))
        i++;
    return otr_check_group_names[i];
}

json_t *otr_result_json(const otr_check_result *r)
{
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s}", "id", r->id, "group", group_name(r->kind), "status",
                     otr_check_status_names[r->status], "subject", "mx", r->host, "address", r->address, "message", r->message, "found",
                     r->found, "expected", r->expected, "fix", r->fix, "ref", r->kind->ref);
}

json_t *otr_report_json(const char *domain, otr_time at, const otr_check_report *report)
{
    json_t *counts = json_object(), *results = json_array();
    char date[OTR_TIME_TEXT];

    for (size_t i = 0; i <= OTR_CHECK_SKIPPED; i++)
        json_object_set_new(counts, otr_check_status_names[i], json_integer((json_int_t)report->counts[i]));
    for (size_t i = 0; i < report->count; i++)
        json_array_append_new(results, otr_result_json(&report->results[i]));
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "domain", domain, "checked_at", otr_time_text(at, date), "status",
                     otr_check_status_names[otr_check_report_worst(report, OTR_CHECKS_ALL)], "counts", counts, "results", results);
}

/* Text ---------------------------------------------------------------------------------------------------------- */

void otr_print_verdict(const char *domain, otr_time at, const otr_check_report *report)
{
    const size_t *n = report->counts;
    char date[OTR_TIME_TEXT];

    printf("%s  %s  %zu ok, %zu warning%s, %zu critical, %zu unknown   (%s)\n", domain,
           words[otr_check_report_worst(report, OTR_CHECKS_ALL)], n[OTR_CHECK_OK] + n[OTR_CHECK_INFO], n[OTR_CHECK_WARNING],
           n[OTR_CHECK_WARNING] == 1 ? "" : "s", n[OTR_CHECK_CRITICAL], n[OTR_CHECK_UNKNOWN], otr_time_text(at, date));
}

/* Most messages name host and address themselves. */
void otr_print_result(FILE *out, const otr_check_result *r)
{
    const char *host = strstr(r->message, r->host) == NULL ? r->host : "", *address = strstr(r->message, r->address) == NULL ? r->address : "";

    fprintf(out, "%-15s %s%s%s%s%s%s%s\n", r->id, host, *host != '\0' && *address != '\0' ? " " : "", *address != '\0' ? "[" : "", address,
            *address != '\0' ? "]" : "", *host != '\0' || *address != '\0' ? ": " : "", r->message);
}

static bool is_wrong(otr_check_status status)
{
    return status == OTR_CHECK_WARNING || status == OTR_CHECK_CRITICAL || status == OTR_CHECK_UNKNOWN;
}

/* The first end of the certificates of a group: `found` of these checks is a date, and dates of this form sort as texts. */
static const char *find_first_end(const otr_check_report *report, unsigned group)
{
    const char *first = NULL;

    for (size_t i = 0; i < report->count; i++) {
        const otr_check_result *r = &report->results[i];

        if (r->kind->group == group && (strcmp(r->id, "cert.expiry") == 0 || strcmp(r->id, "sts.host-expiry") == 0) &&
            (first == NULL || strcmp(r->found, first) < 0))
            first = r->found;
    }
    return first;
}

/* What one wants to know where nothing is wrong. */
static void print_notes(const otr_check_report *report, unsigned group)
{
    static const char *const noted[] = { "mx.null", "dane.which", "dane.exists", "sts.mode", "rpt.txt" };
    const char *end = find_first_end(report, group), *between = "        ";

    for (size_t i = 0; i < report->count; i++) {
        const otr_check_result *r = &report->results[i];
        bool is_noted = r->kind->group == group && (r->status == OTR_CHECK_INFO || strcmp(r->id, "sts.mode") == 0), is_told = false;

        for (size_t k = 0; is_noted && !is_told && k < sizeof(noted) / sizeof(noted[0]); k++)
            is_told = strcmp(noted[k], r->id) == 0;
        if (!is_told)
            continue;
        printf("%s%s", between, r->message);
        between = "; ";
    }
    if (end != NULL)
        printf("%sthe certificate ends on %.10s", between, end);
    putchar('\n');
}

static void print_group(const otr_check_report *report, size_t i, bool is_verbose)
{
    unsigned group = 1u << i;
    otr_check_status worst = otr_check_report_worst(report, group);

    printf("  %-9s %s", otr_check_group_titles[i], words[worst]);
    if (worst == OTR_CHECK_OK && !is_verbose)
        print_notes(report, group);
    else
        putchar('\n');
    for (size_t k = 0; k < report->count; k++) {
        const otr_check_result *r = &report->results[k];

        if (r->kind->group != group || (!is_verbose && !is_wrong(r->status)))
            continue;
        printf("    %-8s ", otr_check_status_names[r->status]);
        otr_print_result(stdout, r);
        if (is_verbose && is_wrong(r->status) && *r->fix != '\0')
            printf("             fix: %s\n", r->fix);
    }
}

void otr_print_groups(const otr_check_report *report, unsigned groups, bool is_verbose)
{
    for (size_t i = 0; i < OTR_CHECK_GROUPS; i++)
        if (groups & 1u << i)
            print_group(report, i, is_verbose);
}

const otr_check_result *otr_find_next(const otr_check_report *report)
{
    static const otr_check_status order[] = { OTR_CHECK_CRITICAL, OTR_CHECK_WARNING, OTR_CHECK_UNKNOWN, OTR_CHECK_INFO };

    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
        const otr_check_result *first = NULL;

        for (size_t i = 0; i < report->count; i++) {
            const otr_check_result *r = &report->results[i];

            if (r->status != order[k])
                continue;
            if (*r->fix != '\0')
                return r;
            first = first == NULL ? r : first;
        }
        if (first != NULL && order[k] != OTR_CHECK_INFO) /* what is told for information alone is nothing to do */
            return first;
    }
    return NULL;
}

void otr_print_next(const otr_check_report *report)
{
    const otr_check_result *next = otr_find_next(report);

    if (next != NULL)
        printf("  next: %s (%s)\n", *next->fix != '\0' ? next->fix : next->message, next->id);
}

int otr_print_explanation(const char *what, const char *id, bool is_json)
{
    const otr_check_kind *k = otr_check_kind_of(id);

    if (k == NULL)
        return otr_complain(EX_USAGE, what, "there is no check %.60s; docs/checks.md lists them", id);
    if (is_json)
        return otr_print_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", k->id, "group", group_name(k), "worst",
                                        otr_check_status_names[k->worst], "says", k->says, "why", k->why, "ref", k->ref), EX_OK);
    printf("%s: %s.\n%s\n", k->id, k->says, k->why);
    printf("At worst %s.%s%s\n", otr_check_status_names[k->worst], *k->ref != '\0' ? " See " : "", k->ref);
    return otr_flush_output(EX_OK);
}

unsigned otr_read_groups(const char *what, const char *text)
{
    unsigned groups = 0;

    for (const char *at = text; at != NULL;) {
        const char *comma = strchr(at, ',');
        size_t len = comma != NULL ? (size_t)(comma - at) : strlen(at), i = 0;

        while (i < OTR_CHECK_GROUPS && (strlen(otr_check_group_names[i]) != len || strncmp(otr_check_group_names[i], at, len) != 0))
            i++;
        if (i == OTR_CHECK_GROUPS) {
            otr_complain(EX_USAGE, what, "--only: there is no group %.*s; they are dns, smtp, dane, sts, rpt", (int)len, at);
            return 0;
        }
        groups |= 1u << i;
        at = comma != NULL ? comma + 1 : NULL;
    }
    return groups;
}

/*
 * setup_check.c - the list, what all mail servers are checked for, and the report: its first line is the sum, as
 * monitoring systems show only that.
 */
#include "cli/setup_check.h"

#include "cli/command.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>

#define FOUND_MAX 2000 /* octets of one finding that are shown */

static const char *const status_names[] = {
    [OTR_CHECK_OK] = "ok",
    [OTR_CHECK_WARNING] = "warning",
    [OTR_CHECK_CRITICAL] = "critical",
    [OTR_CHECK_UNKNOWN] = "unknown",
};

void otr_check_say(otr_check_list *list, const char *id, otr_check_status status, const char *fix, const char *found,
                   ...)
{
    bool is_last = list->count == OTR_CHECKS_MAX - 1; /* what is not reported must not pass for good */
    otr_check *check = &list->checks[list->count];
    va_list args;

    if (list->count == OTR_CHECKS_MAX)
        return;
    if (is_last)
        *check = (otr_check){ .id = "checks", .status = OTR_CHECK_UNKNOWN, .fix = "look at the others by hand" };
    else
        *check = (otr_check){ .id = id, .status = status, .fix = status == OTR_CHECK_OK ? NULL : fix };
    va_start(args, found);
    if (vasprintf(&check->found, is_last ? "there are more routers or services than can be reported" : found, args) < 0)
        check->found = NULL;
    va_end(args);
    list->count++;
}

void otr_check_version(const otr_check_question *question, otr_check_list *list)
{
    const otr_mta *mta = question->mta;
    const char *tls = otr_mta_tls(mta);
    char version[OTR_VERSION_SIZE];
    bool is_fine = true;

    for (size_t i = 0; i < otr_requirement_count; i++) {
        const otr_requirement *r = &otr_requirements[i];

        if (r->mta != mta->kind || !r->is_fatal || !otr_condition_holds(otr_slice_of(r->condition), &mta->traits, NULL))
            continue;
        otr_check_say(list, "version", OTR_CHECK_CRITICAL, r->fix, "%s is missing: %s", r->what, r->why);
        is_fine = false;
    }
    otr_version_print(&mta->traits.version, version);
    if (is_fine)
        otr_check_say(list, "version", OTR_CHECK_OK, NULL, "%s %s%s%s", otr_mta_titles[mta->kind], version,
                      tls != NULL ? " with " : "", tls != NULL ? tls : "");
}

void otr_check_resolver(const otr_check_question *question, const char *resolv_conf, otr_check_list *list)
{
    otr_resolver_state resolver;

    otr_resolver_examine(resolv_conf, &resolver);
    for (size_t i = 0; i < resolver.servers.count; i++) {
        const char *fix, *fault = otr_resolver_fault(&resolver, i, &fix);
        bool is_only_far = fault != NULL && resolver.ad[i] == OTR_AD_SET;

        otr_check_say(list, "resolver",
                      fault == NULL ? OTR_CHECK_OK
                      : is_only_far ? OTR_CHECK_WARNING
                                    : OTR_CHECK_CRITICAL,
                      fix, "%s of %s %s", resolver.servers.address[i], resolv_conf,
                      fault != NULL ? fault : "validates, and is on this machine");
    }
    if (question->mta->kind != OTR_EXIM)
        return; /* Postfix asks for the AD bit by itself */
    otr_check_say(list, "trust-ad", resolver.trusts_ad ? OTR_CHECK_OK : OTR_CHECK_CRITICAL,
                  "add \"options edns0 trust-ad\" to resolv.conf, if its servers are on this machine",
                  resolver.trusts_ad ? "%s has \"options trust-ad\""
                                     : "%s has no \"options trust-ad\": the C library hides from Exim that answers are "
                                       "signed, and mail to destinations with TLSA records waits",
                  resolv_conf);
}

static otr_check_status worst(const otr_check_list *list)
{
    static const int rank[] = {
        [OTR_CHECK_OK] = 0, [OTR_CHECK_UNKNOWN] = 1, [OTR_CHECK_WARNING] = 2, [OTR_CHECK_CRITICAL] = 3
    };
    otr_check_status found = OTR_CHECK_OK;

    for (size_t i = 0; i < list->count; i++)
        if (rank[list->checks[i].status] > rank[found])
            found = list->checks[i].status;
    return found;
}

static size_t count_of(const otr_check_list *list, otr_check_status status)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        count += list->checks[i].status == status;
    return count;
}

/* On one line and in ASCII, whatever others said. */
static const char *found_of(const otr_check *check, otr_buf *printable)
{
    size_t len = check->found != NULL ? strlen(check->found) : 0;

    while (len > 0 && (check->found[len - 1] == '\n' || check->found[len - 1] == ' '))
        check->found[--len] = '\0';
    otr_buf_reset(printable);
    otr_buf_put_printable(printable, check->found != NULL ? check->found : "out of memory", FOUND_MAX);
    return otr_buf_text(printable);
}

static int print_text(const otr_check_question *question, const otr_check_list *list)
{
    otr_check_status sum = worst(list);
    otr_buf printable = OTR_BUF_INIT;

    printf("%s: %s: %zu critical, %zu warning, %zu unknown, %zu ok\n", otr_mta_titles[question->mta->kind],
           status_names[sum], count_of(list, OTR_CHECK_CRITICAL), count_of(list, OTR_CHECK_WARNING),
           count_of(list, OTR_CHECK_UNKNOWN), count_of(list, OTR_CHECK_OK));
    for (size_t i = 0; i < list->count; i++) {
        const otr_check *check = &list->checks[i];

        printf("%-8s  %-18s  %s\n", status_names[check->status], check->id, found_of(check, &printable));
        if (check->fix != NULL)
            printf("%30s-> %s\n", "", check->fix);
    }
    otr_buf_clear(&printable);
    return otr_flush_output((int)sum);
}

static int print_json(const otr_check_question *question, const otr_check_list *list)
{
    json_t *checks = json_array();
    otr_buf printable = OTR_BUF_INIT;
    char version[OTR_VERSION_SIZE];

    otr_version_print(&question->mta->traits.version, version);
    for (size_t i = 0; i < list->count; i++) {
        const otr_check *check = &list->checks[i];

        json_array_append_new(checks,
                              json_pack("{s:s, s:s, s:s, s:s?}", "id", check->id, "status", status_names[check->status],
                                        "found", found_of(check, &printable), "fix", check->fix));
    }
    otr_buf_clear(&printable);
    return otr_print_json(json_pack("{s:s, s:s, s:s, s:o}", "mta", otr_mta_names[question->mta->kind], "version",
                                    version, "status", status_names[worst(list)], "checks", checks),
                          (int)worst(list));
}

int otr_check_run(const otr_check_question *question, bool is_json)
{
    static void (*const check[OTR_MTA_COUNT])(const otr_check_question *, otr_check_list *) = {
        [OTR_EXIM] = otr_check_exim,
        [OTR_POSTFIX] = otr_check_postfix,
        [OTR_SENDMAIL] = otr_check_sendmail,
    };
    otr_check_list list = { .count = 0 };
    int status;

    check[question->mta->kind](question, &list);
    status = is_json ? print_json(question, &list) : print_text(question, &list);
    for (size_t i = 0; i < list.count; i++)
        free(list.checks[i].found);
    return status;
}

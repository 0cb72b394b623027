/*
 * lint_domain.c - "outrider lint domain NAME...": names in normal form, or where and why they are none.
 */
#include "cli/lint.h"

#include "dns/name.h"

static const char usage[] =
    "usage: outrider lint domain [--json] NAME...\n\n"
    "Checks domain names and prints each in normal form: A-labels, lower case, no final dot.\n"
    "Put -- before a NAME that begins with a hyphen.\n\n"
    "  --json  one object, or an array of objects when there are several NAMEs\n"
    "  --help  this text\n\n"
    "Exit status: 0 all are valid, 65 one is not, 64 wrong usage.\n";

/* Check one name: print it, or append its object to all. What was found is added to total for the exit status. */
static void check(const otr_lint *lint, otr_slice name, json_t *all, otr_lint_findings *total)
{
    otr_lint_findings findings = OTR_LINT_FINDINGS_INIT;
    char domain[OTR_DOMAIN_SIZE];
    outrider_diag diag;
    outrider_err err = otr_domain_normalize(name.ptr, name.len, domain, &diag);

    total->out_of_memory |= err == OUTRIDER_E_NOMEM;
    if (err == OUTRIDER_E_SYNTAX)
        otr_lint_add(&findings, true, &diag);
    if (lint->json) {
        json_t *found = json_pack("{s:s?}", "domain", err == OUTRIDER_OK ? domain : NULL);

        total->out_of_memory |= json_array_append_new(all, otr_lint_json(&findings, found)) != 0;
    } else if (err == OUTRIDER_OK) {
        puts(domain);
    }
    if (!lint->json)
        otr_lint_print(&findings, name.ptr);
    total->is_valid &= findings.is_valid;
    total->out_of_memory |= findings.out_of_memory;
    otr_lint_findings_clear(&findings);
}

int otr_cmd_lint_domain(int argc, char **argv)
{
    otr_lint lint = { .name = "lint domain", .usage = usage };
    otr_lint_findings total = OTR_LINT_FINDINGS_INIT;
    json_t *all = NULL, *shown;
    int status;

    if (!otr_lint_options(&lint, argc, argv, &status))
        return status;
    if (lint.json)
        all = json_array();
    for (size_t i = 0; i < lint.count; i++)
        check(&lint, lint.texts[i], all, &total);
    shown = json_incref(lint.count == 1 ? json_array_get(all, 0) : all);
    json_decref(all);
    status = otr_lint_finish(&lint, &total, shown);
    otr_lint_clear(&lint);
    return status;
}

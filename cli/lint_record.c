/*
 * lint_record.c - "outrider lint record TXT...": the TXT records at _mta-sts as one RRset.
 */
#include "cli/lint.h"

#include "sts/record.h"

static const char usage[] =
    "usage: outrider lint record [--json] TXT...\n\n"
    "Checks the TXT records at _mta-sts.DOMAIN (RFC 8461). Several TXT arguments are one RRset; the\n"
    "character-strings of each are already joined. LINE of a finding is the number of the TXT argument.\n\n"
    "  --json  print JSON\n"
    "  --help  this text\n\n"
    "Exit status: 0 there is one valid record, 65 there is not, 64 wrong usage.\n";

/* What is discarded beside the valid record is worth a word: it may have been meant to count. */
static void warn_discarded(const otr_slice *txts, size_t count, otr_lint_findings *findings)
{
    for (size_t i = 0; i < count; i++) {
        otr_sts_record record;
        outrider_diag diag;

        if (otr_sts_record_parse(txts[i].ptr, txts[i].len, &record, &diag) == OUTRIDER_OK)
            continue;
        diag.line = (unsigned)i + 1;
        otr_lint_add(findings, false, &diag);
    }
}

static json_t *id_json(otr_slice id)
{
    return id.ptr != NULL ? json_stringn(id.ptr, id.len) : json_null();
}

int otr_cmd_lint_record(int argc, char **argv)
{
    otr_lint lint = { .name = "lint record", .usage = usage };
    otr_lint_findings findings = OTR_LINT_FINDINGS_INIT;
    otr_sts_record record = { 0 };
    outrider_diag diag;
    json_t *json = NULL;
    int status;

    if (!otr_lint_options(&lint, argc, argv, &status))
        return status;
    if (otr_sts_record_find(lint.texts, lint.count, &record, &diag) == OTR_STS_RECORD_ONE)
        warn_discarded(lint.texts, lint.count, &findings);
    else
        otr_lint_add(&findings, true, &diag);

    if (lint.json)
        json = otr_lint_json(&findings, json_pack("{s:o}", "id", id_json(record.id)));
    else
        otr_lint_print(&findings, "TXT");
    if (!lint.json && findings.is_valid)
        printf("valid record, id %.*s\n", (int)record.id.len, record.id.ptr);
    status = otr_lint_finish(&lint, &findings, json);
    otr_lint_findings_clear(&findings);
    otr_lint_clear(&lint);
    return status;
}

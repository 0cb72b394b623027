/*
 * lint_tlsrpt.c - "outrider lint tlsrpt TXT...": the TXT records at _smtp._tls as one RRset.
 */
#include "cli/lint.h"

#include "tlsrpt/record.h"

static const char usage[] =
    "usage: outrider lint tlsrpt [--json] TXT...\n\n"
    "Checks the TXT records at _smtp._tls.DOMAIN (RFC 8460) and prints the URIs that reports go to. Several\n"
    "TXT arguments are one RRset; the character-strings of each are already joined. LINE of a finding is\n"
    "the number of the TXT argument.\n\n"
    "  --json  print JSON\n"
    "  --help  this text\n\n"
    "Exit status: 0 there is one valid record, 65 there is not, 64 wrong usage.\n";

/* Discarded records and skipped URIs do no harm, but somebody may have meant them. */
static void warn_unused(const otr_slice *txts, size_t count, const otr_tlsrpt_record *record,
                        otr_lint_findings *findings)
{
    outrider_diag diag;

    for (size_t i = 0; i < count; i++) {
        otr_tlsrpt_record other;

        if (otr_tlsrpt_record_parse(txts[i].ptr, txts[i].len, &other, &diag) == OUTRIDER_OK)
            continue;
        diag.line = (unsigned)i + 1;
        otr_lint_add(findings, false, &diag);
    }
    if (record->skipped == 0)
        return;
    diag = (outrider_diag){ 0 };
    snprintf(diag.message, sizeof(diag.message), "%zu URI%s not used: senders take mailto: with one mailbox and https:",
             record->skipped, record->skipped == 1 ? " is" : "s are");
    otr_lint_add(findings, false, &diag);
}

static json_t *uris_json(const otr_tlsrpt_record *record)
{
    json_t *uris = json_array();

    for (size_t i = 0; i < record->rua_count; i++) {
        if (json_array_append_new(uris, json_stringn(record->rua[i].ptr, record->rua[i].len)) != 0) {
            json_decref(uris);
            return NULL;
        }
    }
    return uris;
}

static void print_uris(const otr_tlsrpt_record *record)
{
    puts("valid record, reports go to");
    for (size_t i = 0; i < record->rua_count; i++)
        printf("  %.*s\n", (int)record->rua[i].len, record->rua[i].ptr);
}

int otr_cmd_lint_tlsrpt(int argc, char **argv)
{
    otr_lint lint = { .name = "lint tlsrpt", .usage = usage };
    otr_lint_findings findings = OTR_LINT_FINDINGS_INIT;
    otr_tlsrpt_record record = { 0 };
    outrider_diag diag;
    json_t *json = NULL;
    int status;

    if (!otr_lint_options(&lint, argc, argv, &status))
        return status;
    if (otr_tlsrpt_record_find(lint.texts, lint.count, &record, &diag) == OTR_TLSRPT_ONE)
        warn_unused(lint.texts, lint.count, &record, &findings);
    else
        otr_lint_add(&findings, true, &diag);

    if (lint.json)
        json = otr_lint_json(&findings, json_pack("{s:o}", "rua", uris_json(&record)));
    else
        otr_lint_print(&findings, "TXT");
    if (!lint.json && findings.is_valid)
        print_uris(&record);
    status = otr_lint_finish(&lint, &findings, json);
    otr_lint_findings_clear(&findings);
    otr_lint_clear(&lint);
    return status;
}

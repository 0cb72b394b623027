/*
 * lint_tlsa.c - "outrider lint tlsa 'U S M HEX'...": do the records parse, and can SMTP use them.
 */
#include "cli/lint.h"

#include "base/buf.h"
#include "dane/tlsa.h"

#include <stdlib.h>

static const char usage[] =
    "usage: outrider lint tlsa [--json] RECORD...\n\n"
    "Checks TLSA records for SMTP (RFC 7672). RECORD is \"3 1 1 HEX\" or a zone-file line around it; several are\n"
    "one RRset. LINE of a finding is the number of the argument, COLUMN counts octets in it.\n\n"
    "  --json  print JSON\n"
    "  --help  this text\n\n"
    "Exit status: 0 every record parses and at least one can be used, 65 otherwise, 64 wrong usage.\n";

/* One argument. */
struct entry {
    otr_buf data;          /* owned */
    otr_tlsa record;       /* without parameters if the text did not parse */
    otr_tlsa_usability usability;
    const char *reason;    /* static, or message */
    char message[256];
};

struct set {
    struct entry *entries; /* owned */
    otr_tlsa *records;     /* owned; for otr_tlsa_select() */
    bool *counts;          /* owned */
    size_t count;
    size_t selected;       /* how many take part */
};

static void clear_set(struct set *set)
{
    for (size_t i = 0; set->entries != NULL && i < set->count; i++)
        otr_buf_clear(&set->entries[i].data);
    free(set->entries);
    free(set->records);
    free(set->counts);
}

static bool make_set(struct set *set, size_t count)
{
    set->count = count;
    set->entries = calloc(count, sizeof(*set->entries));
    set->records = calloc(count, sizeof(*set->records));
    set->counts = calloc(count, sizeof(*set->counts));
    return set->entries != NULL && set->records != NULL && set->counts != NULL;
}

/* A finding is about an argument, which may itself have several lines. */
static void point_into_argument(outrider_diag *diag, otr_slice text, size_t index)
{
    size_t offset = 0;

    for (unsigned line = 1; line < diag->line && offset < text.len; offset++)
        line += text.ptr[offset] == '\n';
    diag->column += (unsigned)offset;
    diag->line = (unsigned)index + 1;
}

static void read_entry(struct entry *e, otr_slice text, size_t index, otr_lint_findings *findings)
{
    outrider_diag diag = { .message = "out of memory" };
    outrider_err err = otr_tlsa_parse(text.ptr, text.len, &e->data, &e->record, &diag);

    if (err != OUTRIDER_OK) {
        e->record = (otr_tlsa){ .is_short = true };
        e->usability = OTR_TLSA_SHORT;
        point_into_argument(&diag, text, index);
        otr_lint_add(findings, true, &diag);
        snprintf(e->message, sizeof(e->message), "%s", diag.message);
        e->reason = e->message;
        return;
    }
    e->usability = otr_tlsa_check(&e->record);
    e->reason = otr_tlsa_usability_names[e->usability];
    /* It can be on the wire, so it is not refused where records are matched; a zone file cannot hold it. */
    if (e->usability == OTR_TLSA_SHORT) {
        diag = (outrider_diag){ .line = (unsigned)index + 1, .column = (unsigned)text.len + 1 };
        snprintf(diag.message, sizeof(diag.message), "%s", e->reason);
        otr_lint_add(findings, true, &diag);
    }
}

/* RFC 7671 §9: worth a word, because the record looks good and does nothing. */
static void warn_outranked(const struct set *set, otr_lint_findings *findings)
{
    for (size_t i = 0; i < set->count; i++) {
        outrider_diag diag = {
            .line = (unsigned)i + 1,
            .column = 1,
            .message = "not looked at: a stronger digest stands beside it (RFC 7671 section 9)",
        };

        if (set->entries[i].usability == OTR_TLSA_USABLE && !set->counts[i])
            otr_lint_add(findings, false, &diag);
    }
}

static void read_set(struct set *set, const otr_lint *lint, otr_lint_findings *findings)
{
    for (size_t i = 0; i < set->count; i++) {
        read_entry(&set->entries[i], lint->texts[i], i, findings);
        set->records[i] = set->entries[i].record;
    }
    set->selected = otr_tlsa_select(set->records, set->count, set->counts);
    warn_outranked(set, findings);
}

static json_t *number_or_null(const struct entry *e, uint8_t value)
{
    return e->record.is_short ? json_null() : json_integer(value);
}

static json_t *set_json(const struct set *set)
{
    json_t *records = json_array();

    for (size_t i = 0; i < set->count; i++) {
        const struct entry *e = &set->entries[i];
        json_t *one = json_pack("{s:o, s:o, s:o, s:b, s:s}", "usage", number_or_null(e, e->record.usage), "selector",
                                number_or_null(e, e->record.selector), "mtype", number_or_null(e, e->record.mtype),
                                "usable", e->usability == OTR_TLSA_USABLE, "reason", e->reason);

        if (json_array_append_new(records, one) != 0) {
            json_decref(records);
            return NULL;
        }
    }
    return json_pack("{s:o, s:b}", "records", records, "usable", set->selected > 0);
}

static void print_set(const struct set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct entry *e = &set->entries[i];
        otr_buf text = OTR_BUF_INIT;

        if (e->reason == e->message)
            continue; /* it did not parse: otr_lint_print() has said so */
        otr_tlsa_print(&e->record, &text);
        printf("%s: %s%s\n", otr_buf_text(&text), e->usability == OTR_TLSA_USABLE ? "" : "unusable: ", e->reason);
        otr_buf_clear(&text);
    }
    if (set->selected == 0)
        puts("no record is usable: senders require TLS and check no certificate");
}

int otr_cmd_lint_tlsa(int argc, char **argv)
{
    otr_lint lint = { .name = "lint tlsa", .usage = usage };
    otr_lint_findings findings = OTR_LINT_FINDINGS_INIT;
    struct set set = { 0 };
    json_t *json = NULL;
    int status;

    if (!otr_lint_options(&lint, argc, argv, &status))
        return status;
    if (!make_set(&set, lint.count)) {
        status = otr_complain(EX_OSERR, lint.name, "out of memory");
        goto out;
    }
    read_set(&set, &lint, &findings);
    if (lint.json) {
        json = otr_lint_json(&findings, set_json(&set));
    } else {
        otr_lint_print(&findings, "TLSA");
        print_set(&set);
    }
    status = otr_lint_finish(&lint, &findings, json);
    if (status == EX_OK && set.selected == 0)
        status = EX_DATAERR;
out:
    clear_set(&set);
    otr_lint_findings_clear(&findings);
    otr_lint_clear(&lint);
    return status;
}

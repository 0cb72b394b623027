/*
 * lint.h - what the lint commands share: their options, and how findings are printed or put into JSON.
 */
#ifndef OTR_CLI_LINT_H
#define OTR_CLI_LINT_H

#include "base/slice.h"
#include "cli/command.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What a lint command takes, and what it was given. */
typedef struct otr_lint {
    const char *name;  /* "lint policy", for complaints */
    const char *usage; /* text of --help; ends in a newline */
    bool takes_mx;     /* --mx HOST, any number of times */
    int max_arguments; /* 0: no limit; there is always at least one */

    bool json;
    const char **mx; /* owned; hosts given with --mx */
    size_t mx_count;
    char **arguments; /* borrowed from argv */
    otr_slice *texts; /* owned; the arguments once more */
    size_t count;
} otr_lint;

/* Read the options. True: go on; false: leave with *status (--help was printed, or a mistake complained about). */
bool otr_lint_options(otr_lint *lint, int argc, char **argv, int *status);
void otr_lint_clear(otr_lint *lint);

/* What a check found, errors and warnings in the order in which they were added. */
typedef struct otr_lint_findings {
    struct otr_lint_finding {
        bool is_error;
        outrider_diag diag;
    } *list; /* owned */
    size_t count;
    bool is_valid;      /* no error so far */
    bool out_of_memory; /* sticky, like the error of otr_buf; otr_lint_finish() looks at it */
} otr_lint_findings;

#define OTR_LINT_FINDINGS_INIT { .is_valid = true }

void otr_lint_add(otr_lint_findings *findings, bool is_error, const outrider_diag *diag);
void otr_lint_add_all(otr_lint_findings *findings, bool is_error, const outrider_diag *diags, size_t count);
void otr_lint_findings_clear(otr_lint_findings *findings);

/*
 * One line for each, "WHERE:LINE:COLUMN: error: MESSAGE"; where is escaped, and a finding that is not about a
 * place has no numbers.
 */
void otr_lint_print(const otr_lint_findings *findings, const char *where);

/*
 * {"valid", then the keys of found, then "errors" and "warnings" as arrays of {"line","column","message"}}.
 * Takes over found. As all of jansson's makers, NULL when out of memory.
 */
json_t *otr_lint_json(const otr_lint_findings *findings, json_t *found);

/* A string of any bytes: UTF-8 as it is, anything else escaped. */
json_t *otr_lint_json_text(const char *text, size_t len);

/*
 * The end of a command: print the JSON (taken over) unless it is NULL because text was asked for, and
 * return the status to leave with. Findings that did not fit into memory and output that was lost are errors.
 */
int otr_lint_finish(const otr_lint *lint, const otr_lint_findings *findings, json_t *json);

#endif

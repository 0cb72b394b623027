/*
 * publish_print.h - a report of the checks, for people and as JSON.
 */
#ifndef OTR_CLI_PUBLISH_PRINT_H
#define OTR_CLI_PUBLISH_PRINT_H

#include "publish/check.h"

#include <jansson.h>

/* {"domain","checked_at","status","counts","results":[...]}; NULL: out of memory. */
json_t *otr_report_json(const char *domain, otr_time at, const otr_check_report *report);
json_t *otr_result_json(const otr_check_result *result);

/* "example.org  WARNING  61 ok, ...": the first line. */
void otr_print_verdict(const char *domain, otr_time at, const otr_check_report *report);

/* Each group: its word, then what is wrong; is_verbose: every result. */
void otr_print_groups(const otr_check_report *report, unsigned groups, bool is_verbose);

/*
 * The weightiest thing that is open: critical before warning before unknown before what is told for information and can be mended; of equal ones
 * the first that says how. NULL: nothing.
 */
const otr_check_result *otr_find_next(const otr_check_report *report);

/* What to do first: that, by its fix, or by what is wrong. */
void otr_print_next(const otr_check_report *report);

/* "smtp.connect mx2.example.org [192.0.2.1]: nothing was learned ..." */
void otr_print_result(FILE *out, const otr_check_result *result);

/* Of one id, or EX_USAGE after complaining that there is none. */
int otr_print_explanation(const char *what, const char *id, bool is_json);

/* "dane,sts": 0 after complaining. */
unsigned otr_read_groups(const char *what, const char *text);

#endif

/*
 * setup_print.h - a plan on standard output, as text or JSON.
 */
#ifndef OTR_CLI_SETUP_PRINT_H
#define OTR_CLI_SETUP_PRINT_H

#include "cli/setup_plan.h"

/* Both say on standard error what is missing. They return an exit status of sysexits. */
int otr_plan_print_text(const otr_plan *plan);
int otr_plan_print_json(const otr_plan *plan);

#endif

/*
 * publish_gate.h - why a policy is not enforced, in words: for people and as JSON.
 */
#ifndef OTR_CLI_PUBLISH_GATE_H
#define OTR_CLI_PUBLISH_GATE_H

#include "publish/gate.h"

#include <jansson.h>

/* otr_gate_is_barred_by or otr_gate_warns_of */
typedef bool otr_gate_listed(const otr_check_result *result);

json_t *otr_gate_list(const otr_check_report *report, otr_gate_listed *which);

/* On standard error, each with its fix. False: there is none. */
bool otr_gate_print(const otr_check_report *report, otr_gate_listed *which);

/* "mail would not come"; "" if it is open. */
const char *otr_gate_words(otr_gate gate);

#endif

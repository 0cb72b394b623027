/*
 * plan_json.h - a plan file's content as JSON. Private to lib/publish.
 */
#ifndef OTR_PUBLISH_PLAN_JSON_H
#define OTR_PUBLISH_PLAN_JSON_H

#include "publish/plan_file.h"

struct json_t;

/* NULL: out of memory. */
struct json_t *otr_plan_to_json(const otr_plan_file *file);

/* Fills in history and rollover; texts go into file->arena. OUTRIDER_OK, or OUTRIDER_E_SYNTAX with what is wrong. */
outrider_err otr_plan_from_json(struct json_t *json, otr_plan_file *file, outrider_diag *diag);

#endif

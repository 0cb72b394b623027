/*
 * rest_table.h - where destinations at rest (rest.h) are found: by the hash of their name in buckets whose number never changes,
 * and by the time at which the first of their timers is due in a heap. The room for places_max of them is there from the start,
 * as untouched memory, so that it never stops to grow.
 */
#ifndef OTR_DAEMON_FLOW_REST_TABLE_H
#define OTR_DAEMON_FLOW_REST_TABLE_H

#include "daemon/flow/rest_pack.h"

bool otr_rest_table_init(otr_rests *rests, size_t room); /* false: out of memory */
void otr_rest_table_clear(otr_rests *rests);             /* it is empty */

uint32_t otr_rest_hash(const otr_worker *worker, const char *name);
void otr_rest_enter(otr_worker *worker, otr_rest *rest); /* in front of the others of its bucket */
void otr_rest_take_out(otr_worker *worker, otr_rest *rest);
otr_rest *otr_rest_find(otr_worker *worker, const char *name); /* NULL: none */

#endif

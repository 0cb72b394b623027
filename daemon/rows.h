/*
 * rows.h - a few things that an operator or the store has put down, in memory: sorted, immutable, and replaced as a whole
 * (snapshot.h). Overrides and holds are kept so. Values of one size, copied in and out; pure but for memory.
 */
#ifndef OTR_DAEMON_ROWS_H
#define OTR_DAEMON_ROWS_H

#include "daemon/snapshot.h"

#include <stdbool.h>
#include <stddef.h>

typedef int otr_rows_compare(const void *a, const void *b); /* as of qsort() */
typedef bool otr_rows_filter(void *arg, const void *row);

typedef struct otr_rows {
    otr_snapshot_value value; /* first */
    size_t size;              /* of a row */
    size_t count;
    _Alignas(max_align_t) char bytes[];
} otr_rows;

/* Empty, with room for so many. NULL: out of memory. */
otr_rows *otr_rows_new(size_t size, size_t room);
void otr_rows_free(otr_rows *rows); /* one that never became a snapshot; NULL is fine */

const void *otr_rows_at(const otr_rows *rows, size_t i);

/* Behind the last, for which there must be room; the caller sees to the order. */
void otr_rows_append(otr_rows *rows, const void *row);

/* The first that is not less than `key`, or NULL. */
const void *otr_rows_find(const otr_rows *rows, const void *key, otr_rows_compare *compare);

/*
 * A copy without those that is_gone() names (NULL: without none), and with `added` in its place unless that is NULL; what
 * is equal to it is replaced. NULL: out of memory.
 */
otr_rows *otr_rows_copy(const otr_rows *rows, otr_rows_filter *is_gone, void *arg, const void *added,
                        otr_rows_compare *compare);

#endif

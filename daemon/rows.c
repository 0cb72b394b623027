/*
 * rows.c - see rows.h.
 */
#include "daemon/rows.h"

#include <stdlib.h>
#include <string.h>

static void free_value(otr_snapshot_value *value)
{
    free(value);
}

otr_rows *otr_rows_new(size_t size, size_t room)
{
    otr_rows *rows = calloc(1, sizeof(*rows) + room * size);

    if (rows == NULL)
        return NULL;
    rows->value.free = free_value;
    rows->size = size;
    return rows;
}

void otr_rows_free(otr_rows *rows)
{
    free(rows);
}

const void *otr_rows_at(const otr_rows *rows, size_t i)
{
    return rows->bytes + i * rows->size;
}

void otr_rows_append(otr_rows *rows, const void *row)
{
    memcpy(rows->bytes + rows->count++ * rows->size, row, rows->size);
}

const void *otr_rows_find(const otr_rows *rows, const void *key, otr_rows_compare *compare)
{
    size_t low = 0, high = rows->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(otr_rows_at(rows, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < rows->count ? otr_rows_at(rows, low) : NULL;
}

otr_rows *otr_rows_copy(const otr_rows *rows, otr_rows_filter *is_gone, void *arg, const void *added,
                        otr_rows_compare *compare)
{
    otr_rows *copy = otr_rows_new(rows->size, rows->count + 1);

    for (size_t i = 0; copy != NULL && i < rows->count; i++) {
        const void *row = otr_rows_at(rows, i);
        int order = added != NULL ? compare(row, added) : -1;

        if (order >= 0) {
            otr_rows_append(copy, added);
            added = NULL;
        }
        if (order != 0 && (is_gone == NULL || !is_gone(arg, row)))
            otr_rows_append(copy, row);
    }
    if (copy != NULL && added != NULL)
        otr_rows_append(copy, added);
    return copy;
}

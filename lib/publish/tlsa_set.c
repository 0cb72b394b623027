/*
 * tlsa_set.c - RRsets compared.
 */
#include "publish/authority.h"

#include <string.h>

bool otr_tlsa_set_has(const otr_tlsa_set *set, const otr_tlsa *record)
{
    for (size_t i = 0; i < set->count; i++) {
        const otr_tlsa *r = &set->records[i];

        if (r->usage == record->usage && r->selector == record->selector && r->mtype == record->mtype &&
            r->is_short == record->is_short && r->len == record->len && (r->len == 0 || memcmp(r->data, record->data, r->len) == 0))
            return true;
    }
    return false;
}

/* Neither has a record twice (RFC 2181 §5). */
bool otr_tlsa_sets_are_equal(const otr_tlsa_set *a, const otr_tlsa_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!otr_tlsa_set_has(b, &a->records[i]))
            return false;
    return true;
}

size_t otr_tlsa_set_usable(const otr_tlsa_set *set)
{
    size_t usable = 0;

    for (size_t i = 0; i < set->count; i++)
        usable += otr_tlsa_check(&set->records[i]) == OTR_TLSA_USABLE;
    return usable;
}

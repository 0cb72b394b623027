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

static bool has_all_of(const otr_tlsa_set *set, const otr_tlsa_set *other)
{
    for (size_t i = 0; i < other->count; i++)
        if (!otr_tlsa_set_has(set, &other->records[i]))
            return false;
    return true;
}

/* A record that comes twice is one (RFC 2181 §5). */
bool otr_tlsa_sets_are_equal(const otr_tlsa_set *a, const otr_tlsa_set *b)
{
    return has_all_of(a, b) && has_all_of(b, a);
}

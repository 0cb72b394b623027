/*
 * records_host.c - the records of the policy host: its addresses, or an alias of a provider's (RFC 8461 §3.3, §8.2).
 *
 * Aliases are the one place where what is found is not ours: at the end of one stands a name that others use, too. An alias may come and go; what
 * it leads to stays as it is.
 */
#include "publish/records_inside.h"

static bool is_address_published(const otr_dns_answer *answer, const otr_address *address)
{
    for (size_t i = 0; answer != NULL && i < answer->rr_count; i++)
        if (answer->rrs[i].address.family == address->family &&
            memcmp(answer->rrs[i].address.bytes, address->bytes, address->family == 4 ? 4 : 16) == 0)
            return true;
    return false;
}

static bool is_address_wanted(const otr_records_question *q, const otr_dns_rr *rr)
{
    for (size_t i = 0; i < q->address_count; i++)
        if (q->addresses[i].family == rr->address.family &&
            memcmp(q->addresses[i].bytes, rr->address.bytes, rr->address.family == 4 ? 4 : 16) == 0)
            return true;
    return false;
}

static void put_published_addresses(otr_records_draft *d, otr_record_set *set, const otr_dns_answer *answer, bool is_any_right)
{
    for (size_t i = 0; answer != NULL && i < answer->rr_count; i++) {
        otr_record record = otr_record_of_answer(d->arena, answer, i);

        if (!otr_records_has_policy(d->q))
            otr_records_line(d, set, record, OTR_RECORD_EXTRA, "");
        else if (is_address_wanted(d->q, &answer->rrs[i]))
            otr_records_line(d, set, record, OTR_RECORD_SAME, "");
        else if (d->q->address_count == 0)
            otr_records_line(d, set, record, OTR_RECORD_EXTRA, "policy_host.addresses is not set, so whether it is ours is not known");
        else
            otr_records_line(d, set, record, is_any_right ? OTR_RECORD_EXTRA : OTR_RECORD_DIFFERENT,
                             "not among policy_host.addresses");
    }
}

/* What stands at the name now and makes room for an alias. */
static void put_displaced(otr_records_draft *d, otr_record_set *set, const otr_dns_answer *answer)
{
    for (size_t i = 0; answer != NULL && answer->cname_count == 0 && i < answer->rr_count; i++)
        otr_records_line(d, set, otr_record_of_answer(d->arena, answer, i), OTR_RECORD_DIFFERENT, "an alias is alone at its name");
}

void otr_records_compare_alias(otr_records_draft *d, otr_record_set *set, const char *target, const otr_dns_answer *answer,
                          const otr_dns_answer *other)
{
    otr_record wanted = otr_record_of_alias(d->arena, set->asked, OTR_RECORDS_TTL, target);
    otr_record_state absent = otr_records_absent(answer);

    if (other != NULL && absent == OTR_RECORD_MISSING)
        absent = otr_records_absent(other);
    set->owner = set->asked;
    if (absent != OTR_RECORD_MISSING) {
        otr_records_line(d, set, wanted, absent, "");
    } else if (answer->cname_count > 0 && strcmp(answer->canonical, target) == 0) {
        otr_records_line(d, set, wanted, OTR_RECORD_SAME, "");
    } else if (answer->cname_count > 1) {
        /* Only the end of a chain of aliases is known, not what stands at this name. */
        set->note = otr_arena_printf(d->arena, "%s is an alias that ends at %s, not at %s; change it yourself", set->asked,
                                     answer->canonical, target);
        otr_records_line(d, set, wanted, OTR_RECORD_UNKNOWN, "");
    } else {
        if (answer->cname_count == 1)
            otr_records_line(d, set, otr_record_of_alias(d->arena, set->asked, answer->ttl, answer->canonical), OTR_RECORD_DIFFERENT,
                             "");
        put_displaced(d, set, answer);
        put_displaced(d, set, other);
        set->is_absent = set->line_count == 0;
        otr_records_line(d, set, wanted, OTR_RECORD_MISSING, "");
    }
}

bool otr_records_is_alias(const otr_dns_answer *answer)
{
    return answer != NULL && answer->content != OTR_DNS_UNKNOWN && answer->cname_count > 0;
}

bool otr_records_put_alias(otr_records_draft *d, otr_record_set *set, const otr_dns_answer *answer, otr_record_state state)
{
    if (answer->cname_count == 1) {
        otr_records_line(d, set, otr_record_of_alias(d->arena, set->asked, answer->ttl, answer->canonical), state, "");
        return true;
    }
    set->note = otr_arena_printf(d->arena, "%s is an alias that ends at %s; change it yourself", set->asked, answer->canonical);
    return false;
}

static void put_wanted_addresses(otr_records_draft *d, otr_record_set *set, bool is_known)
{
    const otr_records_question *q = d->q;

    for (size_t i = 0; i < q->address_count; i++) {
        const otr_dns_answer *answer = q->addresses[i].family == 4 ? q->policy_a : q->policy_aaaa;

        if (!is_address_published(answer, &q->addresses[i]))
            otr_records_line(d, set,
                             otr_record_of_address(d->arena, set->owner, otr_records_ttl(answer, OTR_RECORDS_TTL), &q->addresses[i]),
                             is_known ? otr_records_absent(answer) : OTR_RECORD_UNKNOWN, "");
    }
}

/* An alias to a host that has nothing to do with this policy, or is not needed any more. True: all is said. */
static bool displace_alias(otr_records_draft *d, otr_record_set *set, const otr_dns_answer *alias)
{
    if (alias == NULL || (d->q->source != OTR_POLICY_RETIRED && (!otr_records_has_policy(d->q) || d->q->address_count == 0)))
        return false;
    if (d->q->source == OTR_POLICY_RETIRED) {
        otr_records_put_alias(d, set, alias, OTR_RECORD_EXTRA);
        return true;
    }
    set->owner = set->asked;
    put_wanted_addresses(d, set, otr_records_put_alias(d, set, alias, OTR_RECORD_DIFFERENT));
    return true;
}

void otr_records_policy_host(otr_records_draft *d)
{
    const otr_records_question *q = d->q;
    const otr_dns_answer *a = q->policy_a, *aaaa = q->policy_aaaa;
    const char *name = otr_arena_printf(d->arena, "mta-sts.%s", q->domain);
    const otr_dns_answer *first = a != NULL && a->content != OTR_DNS_UNKNOWN ? a : aaaa;
    otr_record_set *set = otr_records_begin(d, OTR_ROLE_POLICY_HOST, "", name, first);
    bool is_any_right = false;

    if (otr_records_has_policy(q)) {
        if (q->provider != NULL) {
            otr_records_compare_alias(d, set, otr_arena_printf(d->arena, "mta-sts.%s", q->provider), a, aaaa);
            return;
        }
        for (size_t i = 0; i < q->address_count; i++)
            is_any_right |= is_address_published(q->addresses[i].family == 4 ? a : aaaa, &q->addresses[i]);
    }
    if (!is_any_right && displace_alias(d, set, otr_records_is_alias(a) ? a : otr_records_is_alias(aaaa) ? aaaa : NULL))
        return;
    put_published_addresses(d, set, a, is_any_right);
    put_published_addresses(d, set, aaaa, is_any_right);
    set->is_absent = set->line_count == 0 && otr_records_absent(a) == OTR_RECORD_MISSING && otr_records_absent(aaaa) == OTR_RECORD_MISSING;
    if (a != NULL && aaaa != NULL && a->content != OTR_DNS_UNKNOWN && aaaa->ttl > a->ttl && aaaa->content != OTR_DNS_UNKNOWN)
        set->ttl = aaaa->ttl; /* the longer of the two is what somebody may still hold */
    if (!otr_records_has_policy(q))
        return;
    put_wanted_addresses(d, set, true);
    if (q->address_count == 0 && set->is_absent)
        set->note = otr_arena_printf(d->arena, "%s has no address, and policy_host.addresses is not set", name);
}

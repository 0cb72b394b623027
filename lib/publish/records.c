/*
 * records.c - the records there should be, beside those that were looked up.
 */
#include "publish/records_inside.h"

#include "sts/record.h"

#include <stdlib.h>

const char *const otr_record_role_names[] = {
    [OTR_ROLE_POLICY_HOST] = "policy-host", [OTR_ROLE_STS] = "sts", [OTR_ROLE_TLSRPT] = "tlsrpt", [OTR_ROLE_TLSA] = "tlsa",
};
const char *const otr_record_state_names[] = {
    [OTR_RECORD_SAME] = "same",   [OTR_RECORD_MISSING] = "missing", [OTR_RECORD_DIFFERENT] = "different",
    [OTR_RECORD_EXTRA] = "extra", [OTR_RECORD_UNKNOWN] = "unknown", [OTR_RECORD_NOT_ASKED] = "not-asked",
};
const char *const otr_step_kind_names[] = {
    [OTR_STEP_LOOK] = "look",       [OTR_STEP_CONFIGURE] = "configure", [OTR_STEP_SERVE] = "serve", [OTR_STEP_SIGN] = "sign",
    [OTR_STEP_RECORDS] = "records", [OTR_STEP_MX] = "mx",               [OTR_STEP_KEY] = "key",
};

bool otr_is_named(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool otr_set_has(const otr_record_set *set, otr_record_state state)
{
    for (size_t i = 0; i < set->line_count; i++)
        if (set->lines[i].state == state)
            return true;
    return false;
}

otr_record_set *otr_records_begin(otr_records_draft *d, otr_record_role role, const char *host, const char *asked,
                                  const otr_dns_answer *answer)
{
    otr_record_set *set = &d->sets[d->set_count++];

    *set = (otr_record_set){ .role = role, .host = otr_arena_text(d->arena, host), .note = "" };
    set->asked = otr_arena_text(d->arena, asked);
    set->owner = answer != NULL && answer->content != OTR_DNS_UNKNOWN ? otr_arena_text(d->arena, answer->canonical) : set->asked;
    if (answer == NULL)
        return set;
    set->is_signed = answer->status == OTR_DNS_SECURE;
    set->ttl = answer->ttl;
    if (answer->content == OTR_DNS_UNKNOWN)
        set->note = otr_arena_printf(d->arena, "%s: the lookup %s: %s", asked,
                                     answer->status == OTR_DNS_BOGUS ? "is bogus" : "failed", answer->reason);
    else if (answer->is_truncated_by_us)
        set->note = otr_arena_printf(d->arena, "%s: there are more or longer records than are shown here", asked);
    return set;
}

/* Room is made in the sizes 4, 8, 16, ... */
void otr_records_line(otr_records_draft *d, otr_record_set *set, otr_record record, otr_record_state state, const char *note)
{
    size_t count = set->line_count;
    otr_record_line *lines = NULL;

    if (count < 4 ? count == 0 : (count & (count - 1)) == 0) {
        lines = otr_arena_alloc(d->arena, count < 4 ? 4 : count * 2, sizeof(*lines));
        if (lines == NULL)
            return; /* the arena remembers */
        if (count > 0)
            memcpy(lines, set->lines, count * sizeof(*lines));
        set->lines = lines;
    }
    lines = (otr_record_line *)(uintptr_t)set->lines; /* ours until the set is given away */
    lines[count] = (otr_record_line){ .record = record, .state = state, .note = otr_arena_text(d->arena, note), .step = OTR_NO_STEP };
    set->line_count++;
}

uint32_t otr_records_ttl(const otr_dns_answer *answer, uint32_t proposed)
{
    return answer != NULL && answer->rr_count > 0 && answer->ttl > proposed ? answer->ttl : proposed;
}

otr_record_state otr_records_absent(const otr_dns_answer *answer)
{
    if (answer == NULL)
        return OTR_RECORD_NOT_ASKED;
    return answer->content == OTR_DNS_UNKNOWN ? OTR_RECORD_UNKNOWN : OTR_RECORD_MISSING;
}

bool otr_records_has_policy(const otr_records_question *q)
{
    return q->source == OTR_POLICY_CONFIGURED || q->source == OTR_POLICY_IN_SERVICE;
}

/* TXT records ------------------------------------------------------------------------------------------------------------ */

/* Words and blanks may differ from how we write a record; what counts is the id. */
static bool has_id(const otr_dns_rr *rr, const char *id)
{
    otr_sts_record parsed;

    return otr_sts_record_parse(rr->txt.text, rr->txt.len, &parsed, NULL) == OUTRIDER_OK && otr_slice_is(parsed.id, id);
}

/* `version` begins the records of this kind; others at the name are none of ours, and senders pass over them. wanted NULL: none. */
static void compare_text(otr_records_draft *d, otr_record_set *set, const otr_dns_answer *answer, const char *version,
                         const char *wanted)
{
    bool is_there = false, is_retired = set->role == OTR_ROLE_STS && d->q->source == OTR_POLICY_RETIRED;
    otr_record want = { 0 };

    if (wanted != NULL)
        want = otr_record_of_text(d->arena, set->owner, otr_records_ttl(answer, OTR_RECORDS_TTL), wanted);
    if (is_retired && otr_records_is_alias(answer)) {
        otr_records_put_alias(d, set, answer, OTR_RECORD_DIFFERENT);
        return;
    }
    set->is_absent = answer != NULL && answer->content != OTR_DNS_UNKNOWN;
    for (size_t i = 0; answer != NULL && i < answer->rr_count; i++) {
        otr_record record = otr_record_of_answer(d->arena, answer, i);
        bool is_kind = answer->rrs[i].txt.len >= strlen(version) && memcmp(answer->rrs[i].txt.text, version, strlen(version)) == 0;

        set->is_absent &= !is_kind;
        if (!is_kind) {
            otr_records_line(d, set, record, OTR_RECORD_EXTRA, "not of this kind: senders pass over it");
        } else if (wanted == NULL) {
            otr_records_line(d, set, record, is_retired ? OTR_RECORD_DIFFERENT : OTR_RECORD_EXTRA, "");
        } else if (!is_there && (otr_record_says_same(&record, &want) ||
                                 (set->role == OTR_ROLE_STS && has_id(&answer->rrs[i], d->q->id)))) {
            otr_records_line(d, set, record, OTR_RECORD_SAME, "");
            is_there = true;
        } else {
            otr_records_line(d, set, record, OTR_RECORD_DIFFERENT, "");
        }
    }
    if (wanted != NULL && !is_there)
        otr_records_line(d, set, want, otr_records_absent(answer), "");
    if (answer != NULL && answer->content != OTR_DNS_UNKNOWN && answer->cname_count > 0)
        set->note = otr_arena_printf(d->arena, "%s is an alias of %s: what changes there changes for all its aliases", set->asked,
                                     set->owner);
}

/* A pattern that no MX host needs. Whether its host has left DNS long enough ago only its owner knows (PUB-06). */
static void note_idle_patterns(otr_records_draft *d, otr_record_set *set)
{
    const otr_records_question *q = d->q;

    if (q->mx_answer == NULL || q->mx_answer->content != OTR_DNS_DATA || *set->note != '\0')
        return;
    for (size_t i = 0; i < q->mx_count; i++) {
        bool is_needed = false;

        for (size_t h = 0; h < q->host_count; h++)
            is_needed |= q->hosts[h].is_mx && otr_sts_pattern_matches(q->mx[i], q->hosts[h].host);
        for (size_t h = 0; h < q->joining_count; h++)
            is_needed |= otr_sts_pattern_matches(q->mx[i], q->joining[h]);
        if (!is_needed) {
            set->note = otr_arena_printf(d->arena, "no MX host matches %s of the policy; it may go once the MX record has been gone for "
                                         "its TTL", q->mx[i]);
            return;
        }
    }
}

static void make_sts(otr_records_draft *d)
{
    const otr_records_question *q = d->q;
    const char *name = otr_arena_printf(d->arena, "_mta-sts.%s", q->domain);
    otr_record_set *set = otr_records_begin(d, OTR_ROLE_STS, "", name, q->sts);
    bool is_wanted = otr_records_has_policy(q);

    if (is_wanted && q->provider != NULL) {
        otr_records_compare_alias(d, set, otr_arena_printf(d->arena, "_mta-sts.%s", q->provider), q->sts, NULL);
        return;
    }
    compare_text(d, set, q->sts, "v=STSv1", is_wanted ? otr_arena_printf(d->arena, "v=STSv1; id=%s;", q->id) : NULL);
    if (is_wanted)
        note_idle_patterns(d, set);
    else if (q->source == OTR_POLICY_ABSENT && otr_set_has(set, OTR_RECORD_EXTRA) && *set->note == '\0')
        set->note = "there is no section publish for this domain: another policy host may serve it";
}

static bool is_kept_in_uri(unsigned char c)
{
    return otr_is_alnum((char)c) || (c != '\0' && strchr("-._~:/?#[]@$&'()*+=%", c) != NULL);
}

const char *otr_tlsrpt_record_text(otr_arena *arena, const char *const *rua, size_t count)
{
    otr_buf text = OTR_BUF_INIT;
    const char *kept;

    otr_buf_puts(&text, "v=TLSRPTv1; rua=");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            otr_buf_putc(&text, ',');
        for (const char *at = rua[i]; *at != '\0'; at++) {
            if (is_kept_in_uri((unsigned char)*at))
                otr_buf_putc(&text, *at);
            else
                otr_buf_printf(&text, "%%%02X", (unsigned char)*at);
        }
    }
    kept = text.err == OUTRIDER_OK ? otr_arena_text(arena, otr_buf_text(&text)) : otr_arena_alloc(arena, SIZE_MAX, SIZE_MAX);
    otr_buf_clear(&text);
    return kept != NULL ? kept : "";
}

static void make_tlsrpt(otr_records_draft *d)
{
    const otr_records_question *q = d->q;
    const char *name = otr_arena_printf(d->arena, "_smtp._tls.%s", q->domain);
    otr_record_set *set = otr_records_begin(d, OTR_ROLE_TLSRPT, "", name, q->tlsrpt);

    compare_text(d, set, q->tlsrpt, "v=TLSRPTv1", q->rua_count > 0 ? otr_tlsrpt_record_text(d->arena, q->rua, q->rua_count) : NULL);
    if (q->rua_count == 0 && *set->note == '\0')
        set->note = set->is_absent ? "tlsrpt is not set: nobody tells you of failures"
                                   : "tlsrpt is not set: what is published is left alone";
    /* RFC 8460 §7: who can forge the answer can redirect the reports, or suppress them. */
    else if (q->tlsrpt != NULL && q->tlsrpt->status == OTR_DNS_INSECURE && *set->note == '\0')
        set->note = "the zone is not signed: whoever forges this answer gets the reports, or nobody does; a long TTL helps a little";
}

/* All of it -------------------------------------------------------------------------------------------------------------- */

static bool make_room(otr_records_draft *d)
{
    const otr_records_question *q = d->q;
    size_t sets = OTR_SET_HOSTS + q->host_count;
    size_t steps = 16 + 8 * (q->host_count + q->joining_count + q->leaving_count);

    d->sets = otr_arena_alloc(d->arena, sets, sizeof(*d->sets));
    d->steps = otr_arena_alloc(d->arena, steps, sizeof(*d->steps));
    d->step_room = steps;
    return d->sets != NULL && d->steps != NULL;
}

otr_records *otr_records_make(const otr_records_question *question)
{
    otr_records *made = calloc(1, sizeof(*made));
    otr_records_draft d = { .q = question, .arena = otr_arena_new() };

    if (made == NULL || d.arena == NULL || !make_room(&d)) {
        otr_arena_free(d.arena);
        free(made);
        return NULL;
    }
    made->arena = d.arena;
    otr_records_policy_host(&d);
    make_sts(&d);
    make_tlsrpt(&d);
    for (size_t i = 0; i < question->host_count; i++)
        otr_records_tlsa(&d, &question->hosts[i]);
    otr_plan(&d);
    made->sets = d.sets;
    made->set_count = d.set_count;
    made->steps = d.steps;
    made->step_count = d.step_count;
    if (!otr_arena_failed(d.arena))
        return made;
    otr_records_free(made);
    return NULL;
}

void otr_records_free(otr_records *records)
{
    if (records == NULL)
        return;
    otr_arena_free(records->arena);
    free(records);
}

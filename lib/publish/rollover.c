/*
 * rollover.c - one step after another, as long as what was seen allows it.
 */
#include "publish/rollover.h"

#include "publish/tlsa_cover.h"

#include <string.h>

const char *const otr_rollover_state_names[] = {
    [OTR_ROLLOVER_IDLE] = "idle",         [OTR_ROLLOVER_STAGED] = "staged",     [OTR_ROLLOVER_PUBLISHED] = "published",
    [OTR_ROLLOVER_SETTLED] = "settled",   [OTR_ROLLOVER_SWITCHED] = "switched", [OTR_ROLLOVER_VERIFIED] = "verified",
    [OTR_ROLLOVER_TRIMMED] = "trimmed",
};
const char *const otr_rollover_scheme_names[] = { [OTR_SCHEME_KEY] = "3-1-1", [OTR_SCHEME_KEY_ISSUER] = "3-1-1+2-1-1" };
const char *const otr_rollover_act_names[] = {
    [OTR_ACT_NOTHING] = "nothing", [OTR_ACT_FIND_OUT] = "find-out", [OTR_ACT_CHANGE_DNS] = "change-dns",
    [OTR_ACT_WAIT] = "wait",       [OTR_ACT_SWITCH] = "switch",
};

const char *otr_rollover_state_words(otr_rollover_state state)
{
    switch (state) {
    case OTR_ROLLOVER_IDLE: return "no change of keys is under way";
    case OTR_ROLLOVER_STAGED: return "the next key is there, and its record is not at every server";
    case OTR_ROLLOVER_PUBLISHED: return "every server has the record, and some cache may not";
    case OTR_ROLLOVER_SETTLED: return "every cache has the record: the next key may go into service";
    case OTR_ROLLOVER_SWITCHED: return "every address shows the next key";
    case OTR_ROLLOVER_VERIFIED: return "the next key matches everywhere; the old record stays one TTL, to go back";
    case OTR_ROLLOVER_TRIMMED: return "the old record is gone: done";
    case OTR_ROLLOVER_STATE_COUNT: break;
    }
    return "";
}

struct step {
    otr_rollover *plan;
    const otr_rollover_facts *facts;
    otr_rollover_advice *advice;
    otr_findings *findings;
    const char *wanted[OTR_ROLLOVER_RECORDS_MAX]; /* what the RRset must have */
    size_t wanted_count;
};

static void enter(struct step *s, otr_rollover_state state)
{
    s->plan->state = state;
    s->plan->since = s->facts->now;
}

static void want(struct step *s, const char *record)
{
    for (size_t i = 0; i < s->wanted_count; i++)
        if (strcmp(s->wanted[i], record) == 0)
            return;
    if (*record != '\0' && s->wanted_count < OTR_ROLLOVER_RECORDS_MAX)
        s->wanted[s->wanted_count++] = record;
}

static bool is_issuer_in_service(const struct step *s, const char *issuer)
{
    for (size_t i = 0; i < s->facts->service->count; i++)
        if (strcmp(s->facts->service->chains[i].issuer, issuer) == 0)
            return true;
    return false;
}

/* A current key in the wrong hands is not asked for any more. */
static void gather_wanted(struct step *s)
{
    const otr_rollover *p = s->plan;

    s->wanted_count = 0;
    for (size_t i = 0; i < p->kept_count; i++)
        want(s, p->kept[i]);
    for (size_t i = 0; i < p->pair_count; i++) {
        if (!p->is_emergency && p->state < OTR_ROLLOVER_VERIFIED)
            want(s, p->pairs[i].current);
        want(s, p->pairs[i].next);
    }
    for (size_t i = 0; i < p->issuer_count; i++)
        if (p->state < OTR_ROLLOVER_VERIFIED || is_issuer_in_service(s, p->issuers[i]))
            want(s, p->issuers[i]);
}

/* Where records are -------------------------------------------------------------------------------------------------- */

static bool set_has(otr_arena *arena, const otr_tlsa_set *set, const char *record)
{
    return otr_tlsa_text_has(otr_tlsa_set_text(arena, set), record);
}

static bool is_everywhere(const struct step *s, const char *record)
{
    const otr_authority *a = s->facts->authority;

    for (size_t i = 0; i < a->server_count; i++)
        if (a->servers[i].state == OTR_SERVER_ANSWERED && !set_has(s->plan->arena, &a->servers[i].set, record))
            return false;
    return a->server_count > 0;
}

static bool is_somewhere(const struct step *s, const char *record)
{
    const otr_authority *a = s->facts->authority;

    for (size_t i = 0; i < a->server_count; i++)
        if (a->servers[i].state == OTR_SERVER_ANSWERED && set_has(s->plan->arena, &a->servers[i].set, record))
            return true;
    return false;
}

/* Records that some server lacks go into `add`; how many there are. */
static size_t find_missing(struct step *s)
{
    gather_wanted(s);
    s->advice->add_count = 0;
    for (size_t i = 0; i < s->wanted_count; i++)
        if (!is_everywhere(s, s->wanted[i]))
            s->advice->add[s->advice->add_count++] = s->wanted[i];
    return s->advice->add_count;
}

static void remove_record(struct step *s, const char *record)
{
    if (*record != '\0' && s->advice->remove_count < OTR_ROLLOVER_RECORDS_MAX && is_somewhere(s, record))
        s->advice->remove[s->advice->remove_count++] = record;
}

/* What nothing in service needs any more: exactly these are taken away, and no stranger's. */
static size_t find_obsolete(struct step *s)
{
    const otr_rollover *p = s->plan;

    s->advice->remove_count = 0;
    for (size_t i = 0; i < p->pair_count; i++)
        remove_record(s, p->pairs[i].current);
    for (size_t i = 0; i < p->issuer_count; i++)
        if (p->state >= OTR_ROLLOVER_VERIFIED && !is_issuer_in_service(s, p->issuers[i]))
            remove_record(s, p->issuers[i]);
    return s->advice->remove_count;
}

/* What is in service ------------------------------------------------------------------------------------------------- */

typedef enum in_service { NEXT_NOWHERE, NEXT_SOMEWHERE, NEXT_EVERYWHERE } in_service;

/* Each algorithm of the plan at each address; an algorithm that is new must be there at all of them. */
static in_service find_next_key(const struct step *s)
{
    const otr_service *service = s->facts->service;
    size_t shown = 0, others = 0;

    for (size_t i = 0; i < s->plan->pair_count; i++) {
        size_t before = shown;

        for (size_t n = 0; n < service->count; n++) {
            if (strcmp(service->chains[n].algorithm, s->plan->pairs[i].algorithm) != 0)
                continue;
            if (strcmp(service->chains[n].record, s->plan->pairs[i].next) == 0)
                shown++;
            else
                others++;
        }
        others += shown == before;
    }
    return shown == 0 ? NEXT_NOWHERE : others == 0 ? NEXT_EVERYWHERE : NEXT_SOMEWHERE;
}

struct cover {
    const otr_chain *chain;
    otr_time now;
    otr_cover_result result;
};

/* Whether a set is good for what is in service; what cannot be judged is not good. */
static bool is_covered(void *arg, const otr_seen_set *set)
{
    struct cover *c = arg;

    return otr_tlsa_cover_text(set->text, c->chain, c->now, &c->result, NULL) == OUTRIDER_OK && c->result.cover != OTR_COVERS_NOT;
}

/* Whether everything in service matches at every server; and a complaint if not, or if some cache may have what does not match. */
static bool look_at_service(struct step *s)
{
    const otr_service *service = s->facts->service;
    const otr_authority *a = s->facts->authority;
    char when[OTR_TIME_TEXT];
    bool is_good = true;

    for (size_t i = 0; i < service->count; i++) {
        const otr_service_chain *shown = &service->chains[i];
        const otr_chain chain = { .pem = shown->pem, .len = shown->len, .base = a->base };
        struct cover c = { .chain = &chain, .now = s->facts->now };
        const otr_seen_set *blocking = NULL;
        otr_time settled = otr_history_settled(s->facts->history, is_covered, &c, s->facts->now, &blocking);

        if (blocking == NULL || settled <= s->facts->now)
            continue;
        is_good = false;
        if (settled == OTR_NEVER) {
            is_covered(&c, blocking);
            otr_finding_add(s->findings, "dane.match", OTR_CHECK_CRITICAL, "what %s shows (%s) does not match: %s", shown->address,
                            shown->algorithm, c.result.reason);
        } else {
            otr_finding_add(s->findings, "dane.match", OTR_CHECK_CRITICAL,
                            "what %s shows (%s) matches at the servers, and until %s not in every cache: it came too early", shown->address,
                            shown->algorithm, otr_time_text(settled, when));
        }
    }
    if (is_good && service->count > 0 && a->validated.count > 0)
        otr_finding_add(s->findings, "dane.match", OTR_CHECK_OK, "every address and algorithm matches, %zu chains", service->count);
    return is_good;
}

/* A record that nothing in service matches and no plan wants is left over from somewhere. It does no harm here, and hides a mistake. */
static void look_at_strangers(struct step *s)
{
    const otr_service *service = s->facts->service;
    const otr_tlsa_set *set = &s->facts->authority->validated;
    otr_cover_result r;

    gather_wanted(s);
    for (size_t i = 0; i < set->count && *service->trouble == '\0'; i++) {
        otr_buf text = OTR_BUF_INIT;
        bool is_known = otr_tlsa_check(&set->records[i]) != OTR_TLSA_USABLE;

        otr_tlsa_print(&set->records[i], &text);
        for (size_t n = 0; n < s->wanted_count; n++)
            is_known |= strcmp(s->wanted[n], otr_buf_text(&text)) == 0;
        for (size_t n = 0; n < s->plan->pair_count; n++)
            is_known |= strcmp(s->plan->pairs[n].current, otr_buf_text(&text)) == 0;
        for (size_t n = 0; n < service->count && !is_known; n++) {
            const otr_chain chain = { .pem = service->chains[n].pem, .len = service->chains[n].len, .base = s->facts->authority->base };

            is_known = otr_tlsa_cover(&set->records[i], 1, &chain, s->facts->now, &r, NULL) != OUTRIDER_OK || r.cover == OTR_COVERS;
        }
        if (!is_known)
            otr_finding_add(s->findings, "dane.stale", OTR_CHECK_WARNING, "the record %.100s matches nothing that is in service or planned",
                            otr_buf_text(&text));
        otr_buf_clear(&text);
    }
}

/* The states --------------------------------------------------------------------------------------------------------- */

static void advise(struct step *s, otr_rollover_act act, otr_time until, const char *words)
{
    s->advice->act = act;
    s->advice->until = until;
    s->advice->words = words;
}

static const char *time_words(struct step *s, const char *before, otr_time t)
{
    char text[OTR_TIME_TEXT];

    return otr_arena_printf(s->plan->arena, "%s %s", before, otr_time_text(t, text));
}

/* staged: is the record everywhere, and does a validator see it? */
static bool leave_staged(struct step *s)
{
    const otr_authority *a = s->facts->authority;
    size_t missing = find_missing(s);
    bool is_arriving = false;

    for (size_t i = 0; i < missing; i++)
        is_arriving |= is_somewhere(s, s->advice->add[i]);
    if (s->plan->is_emergency)
        find_obsolete(s);
    if (missing > 0) {
        advise(s, OTR_ACT_CHANGE_DNS, 0,
               is_arriving ? "some servers have the new records, the others have not got them yet" : "publish the next record beside the others");
        return false;
    }
    for (size_t i = 0; i < s->wanted_count; i++) {
        if (s->plan->is_emergency || set_has(s->plan->arena, &a->validated, s->wanted[i]))
            continue;
        advise(s, OTR_ACT_WAIT, s->facts->now + a->validated.ttl, "every server has the record; the resolver here still has the set before it");
        return false;
    }
    enter(s, OTR_ROLLOVER_PUBLISHED);
    return true;
}

static bool has_all_wanted(void *arg, const otr_seen_set *set)
{
    const struct step *s = arg;

    for (size_t i = 0; i < s->wanted_count; i++)
        if (!otr_tlsa_text_has(set->text, s->wanted[i]))
            return false;
    return true;
}

/* What is missing again was taken back, by somebody or by a server with an old zone. */
static bool has_fallen_back(struct step *s)
{
    if (find_missing(s) == 0)
        return false;
    otr_finding_add(s->findings, "dane.next", OTR_CHECK_CRITICAL, "a server lacks %s, which was there before", s->advice->add[0]);
    enter(s, OTR_ROLLOVER_STAGED);
    return true;
}

static bool leave_published(struct step *s)
{
    otr_time settled;

    if (has_fallen_back(s))
        return true;
    settled = otr_history_settled(s->facts->history, has_all_wanted, s, s->facts->now, NULL);
    if (settled > s->facts->now && !s->plan->is_emergency) {
        advise(s, OTR_ACT_WAIT, settled, time_words(s, "wait for the caches; the next key may go into service from", settled));
        return false;
    }
    enter(s, OTR_ROLLOVER_SETTLED);
    return true;
}

static bool leave_settled(struct step *s)
{
    in_service next = find_next_key(s);

    if (has_fallen_back(s))
        return true;
    if (s->plan->is_emergency)
        find_obsolete(s);
    if (next == NEXT_EVERYWHERE && *s->facts->service->trouble == '\0') {
        enter(s, OTR_ROLLOVER_SWITCHED);
        return true;
    }
    if (*s->facts->service->trouble != '\0')
        advise(s, OTR_ACT_FIND_OUT, 0, s->facts->service->trouble);
    else if (next == NEXT_SOMEWHERE)
        advise(s, OTR_ACT_SWITCH, 0, "some addresses show the next key, others do not yet");
    else
        advise(s, OTR_ACT_SWITCH, 0, "install the certificate with the next key, and reload the mail server");
    return false;
}

static bool leave_switched(struct step *s, bool is_matching)
{
    if (*s->facts->service->trouble != '\0') {
        advise(s, OTR_ACT_FIND_OUT, 0, s->facts->service->trouble);
        return false;
    }
    if (find_next_key(s) != NEXT_EVERYWHERE) {
        otr_finding_add(s->findings, "dane.next", OTR_CHECK_WARNING, "an address shows the key before again");
        enter(s, OTR_ROLLOVER_SETTLED);
        return true;
    }
    if (!is_matching && !s->plan->is_emergency) {
        advise(s, OTR_ACT_FIND_OUT, 0, "the next key is in service and does not match everywhere");
        return false;
    }
    enter(s, OTR_ROLLOVER_VERIFIED);
    return true;
}

/* A roll-back wants the old record, and caches keep the set without it for one TTL. */
static bool leave_verified(struct step *s)
{
    otr_time grace = s->plan->is_emergency ? s->plan->since : s->plan->since + otr_history_ttl(s->facts->history, s->facts->now);

    if (*s->facts->service->trouble != '\0') {
        advise(s, OTR_ACT_FIND_OUT, 0, s->facts->service->trouble);
        return false;
    }
    if (find_next_key(s) != NEXT_EVERYWHERE) {
        otr_finding_add(s->findings, "dane.next", OTR_CHECK_WARNING, "an address shows the key before again");
        enter(s, OTR_ROLLOVER_SETTLED);
        return true;
    }
    if (find_missing(s) > 0) {
        otr_finding_add(s->findings, "dane.next", OTR_CHECK_CRITICAL, "a server lacks %s, which is in service", s->advice->add[0]);
        advise(s, OTR_ACT_CHANGE_DNS, 0, "publish what is missing");
        return false;
    }
    if (find_obsolete(s) == 0) {
        enter(s, OTR_ROLLOVER_TRIMMED);
        advise(s, OTR_ACT_NOTHING, 0, "the change of keys is complete; make and stage the next key now");
        return false;
    }
    if (grace > s->facts->now) {
        s->advice->remove_count = 0;
        advise(s, OTR_ACT_WAIT, grace, time_words(s, "the old record stays, to go back, until", grace));
        return false;
    }
    advise(s, OTR_ACT_CHANGE_DNS, 0, "take the old record away, and exactly that");
    return false;
}

static bool leave(struct step *s, bool is_matching)
{
    s->advice->add_count = s->advice->remove_count = 0;
    switch (s->plan->state) {
    case OTR_ROLLOVER_STAGED: return leave_staged(s);
    case OTR_ROLLOVER_PUBLISHED: return leave_published(s);
    case OTR_ROLLOVER_SETTLED: return leave_settled(s);
    case OTR_ROLLOVER_SWITCHED: return leave_switched(s, is_matching);
    case OTR_ROLLOVER_VERIFIED: return leave_verified(s);
    case OTR_ROLLOVER_IDLE:
    case OTR_ROLLOVER_TRIMMED:
    case OTR_ROLLOVER_STATE_COUNT: break;
    }
    advise(s, OTR_ACT_NOTHING, 0,
           s->plan->state == OTR_ROLLOVER_TRIMMED ? "the change of keys is complete; make and stage the next key now" :
                                                    "no change of keys is under way; --next-key or --new-key begins one");
    return false;
}

/* Time-outs ---------------------------------------------------------------------------------------------------------- */

static void look_at_time(struct step *s)
{
    const otr_rollover *p = s->plan;
    otr_time now = s->facts->now, end = OTR_NEVER, ready;
    char when[OTR_TIME_TEXT], span[OTR_TIME_TEXT];

    if (p->state == OTR_ROLLOVER_IDLE || p->state == OTR_ROLLOVER_TRIMMED)
        return;
    if (now - p->since > OTR_ROLLOVER_LONG_S)
        otr_finding_add(s->findings, "dane.next", OTR_CHECK_WARNING, "this roll-over has been in the state %s for %s",
                        otr_rollover_state_names[p->state], otr_span_text(now - p->since, span));
    for (size_t i = 0; i < s->facts->service->count; i++)
        if (s->facts->service->chains[i].not_after < end)
            end = s->facts->service->chains[i].not_after;
    ready = s->advice->until != 0 ? s->advice->until : now + (p->state == OTR_ROLLOVER_STAGED ? otr_history_wait_now(s->facts->history, now) : 0);
    if (p->state < OTR_ROLLOVER_SWITCHED && end <= ready)
        otr_finding_add(s->findings, "cert.expiry", OTR_CHECK_CRITICAL,
                        "the certificate in service ends at %s, before the next key may go into service: renew it with its own key",
                        otr_time_text(end, when));
}

void otr_rollover_step(otr_rollover *plan, const otr_rollover_facts *facts, otr_rollover_advice *advice, otr_findings *findings)
{
    struct step s = { .plan = plan, .facts = facts, .advice = advice, .findings = findings };
    bool is_matching;

    *advice = (otr_rollover_advice){ .words = "" };
    if (*facts->authority->trouble != '\0') {
        otr_finding_add(findings, "dane.secure", OTR_CHECK_UNKNOWN, "%s", facts->authority->trouble);
        advise(&s, OTR_ACT_FIND_OUT, 0, facts->authority->trouble);
        return;
    }
    if (*facts->service->trouble != '\0')
        otr_finding_add(findings, facts->service->is_failing ? "smtp.starttls" : "smtp.connect",
                        facts->service->is_failing && facts->authority->validated.count > 0 ? OTR_CHECK_CRITICAL : OTR_CHECK_UNKNOWN, "%s",
                        facts->service->trouble);
    if (facts->authority->status != OTR_DNS_SECURE) {
        otr_finding_add(findings, "dane.secure", plan->state == OTR_ROLLOVER_IDLE ? OTR_CHECK_INFO : OTR_CHECK_CRITICAL,
                        "the zone of %s is not signed: DANE does not apply", facts->authority->owner);
        advise(&s, OTR_ACT_NOTHING, 0, "sign the zone first");
        return;
    }
    is_matching = look_at_service(&s);
    while (leave(&s, is_matching))
        ;
    look_at_strangers(&s);
    look_at_time(&s);
}

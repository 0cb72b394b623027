/*
 * rollover.c - one step after another, as long as what was seen allows it.
 */
#include "publish/rollover_inside.h"

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

static void enter(otr_rollover_run *s, otr_rollover_state state)
{
    s->plan->state = state;
    s->plan->since = s->facts->now;
}

/* The states --------------------------------------------------------------------------------------------------------- */

static void advise(otr_rollover_run *s, otr_rollover_act act, otr_time until, const char *words)
{
    s->advice->act = act;
    s->advice->until = until;
    s->advice->words = words;
}

static const char *time_words(otr_rollover_run *s, const char *before, otr_time t)
{
    char text[OTR_TIME_TEXT];

    return otr_arena_printf(s->plan->arena, "%s %s", before, otr_time_text(t, text));
}

/* staged: is the record everywhere, and does a validator see it? */
static bool leave_staged(otr_rollover_run *s)
{
    const otr_authority *a = s->facts->authority;
    size_t missing = otr_rollover_missing(s);
    bool is_arriving = false;

    for (size_t i = 0; i < missing; i++)
        is_arriving |= otr_rollover_is_somewhere(s, s->advice->add[i]);
    if (s->plan->is_emergency)
        otr_rollover_obsolete(s);
    if (missing > 0) {
        advise(s, OTR_ACT_CHANGE_DNS, 0,
               is_arriving ? "some servers have the new records, the others have not got them yet" : "publish the next record beside the others");
        return false;
    }
    for (size_t i = 0; i < s->wanted_count; i++) {
        if (s->plan->is_emergency || otr_rollover_set_has(s->plan->arena, &a->validated, s->wanted[i]))
            continue;
        advise(s, OTR_ACT_WAIT, s->facts->now + a->validated.ttl, "every server has the record; the resolver here still has the set before it");
        return false;
    }
    enter(s, OTR_ROLLOVER_PUBLISHED);
    return true;
}

static bool has_all_wanted(void *arg, const otr_seen_set *set)
{
    const otr_rollover_run *s = arg;

    for (size_t i = 0; i < s->wanted_count; i++)
        if (!otr_tlsa_text_has(set->text, s->wanted[i]))
            return false;
    return true;
}

/* What is missing again was taken back, by somebody or by a server with an old zone. */
static bool has_fallen_back(otr_rollover_run *s)
{
    if (otr_rollover_missing(s) == 0)
        return false;
    otr_finding_add(s->findings, "dane.next", OTR_CHECK_CRITICAL, "a server lacks %s, which was there before", s->advice->add[0]);
    enter(s, OTR_ROLLOVER_STAGED);
    return true;
}

static bool leave_published(otr_rollover_run *s)
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

static bool leave_settled(otr_rollover_run *s)
{
    otr_rollover_next next = otr_rollover_next_key(s);

    if (has_fallen_back(s))
        return true;
    if (s->plan->is_emergency)
        otr_rollover_obsolete(s);
    if (next == OTR_NEXT_EVERYWHERE && *s->facts->service->trouble == '\0') {
        enter(s, OTR_ROLLOVER_SWITCHED);
        return true;
    }
    if (*s->facts->service->trouble != '\0')
        advise(s, OTR_ACT_FIND_OUT, 0, s->facts->service->trouble);
    else if (next == OTR_NEXT_SOMEWHERE)
        advise(s, OTR_ACT_SWITCH, 0, "some addresses show the next key, others do not yet");
    else
        advise(s, OTR_ACT_SWITCH, 0, "install the certificate with the next key, and reload the mail server");
    return false;
}

static bool leave_switched(otr_rollover_run *s, bool is_matching)
{
    if (*s->facts->service->trouble != '\0') {
        advise(s, OTR_ACT_FIND_OUT, 0, s->facts->service->trouble);
        return false;
    }
    if (otr_rollover_next_key(s) != OTR_NEXT_EVERYWHERE) {
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
static bool leave_verified(otr_rollover_run *s)
{
    otr_time grace = s->plan->is_emergency ? s->plan->since : s->plan->since + otr_history_ttl(s->facts->history, s->facts->now);

    if (*s->facts->service->trouble != '\0') {
        advise(s, OTR_ACT_FIND_OUT, 0, s->facts->service->trouble);
        return false;
    }
    if (otr_rollover_next_key(s) != OTR_NEXT_EVERYWHERE) {
        otr_finding_add(s->findings, "dane.next", OTR_CHECK_WARNING, "an address shows the key before again");
        enter(s, OTR_ROLLOVER_SETTLED);
        return true;
    }
    if (otr_rollover_missing(s) > 0) {
        otr_finding_add(s->findings, "dane.next", OTR_CHECK_CRITICAL, "a server lacks %s, which is in service", s->advice->add[0]);
        advise(s, OTR_ACT_CHANGE_DNS, 0, "publish what is missing");
        return false;
    }
    if (otr_rollover_obsolete(s) == 0) {
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

static bool leave(otr_rollover_run *s, bool is_matching)
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

static void look_at_time(otr_rollover_run *s)
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
    otr_rollover_run s = { .plan = plan, .facts = facts, .advice = advice, .findings = findings };
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
    is_matching = otr_rollover_look_at_service(&s);
    while (leave(&s, is_matching))
        ;
    otr_rollover_look_at_strangers(&s);
    look_at_time(&s);
}

/*
 * answers.c - a destination has MX hosts that all others have too, and what the facts give it: a policy, an override, a
 * minimum. Findings and entries never change, so they are made once.
 */
#include "answers.h"

#include "../scene.h"
#include "verdict/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const hosts[] = {
    "M2: mx1.h.test A1 T4; mx2.h.test A1 T4",
    "M3: mx1.h.test A7; mx2.h.test A7",
    "M2: mx1.h.test A1 T1; mx2.h.test A1 T4",
};
static const char *const modes[] = { "enforce", "testing", "none" };
static const char *const patterns[] = { "mx1.h.test", "*.h.test", "mx1.other.test" };
static const otr_level levels[] = { OTR_LEVEL_MAY, OTR_LEVEL_ENCRYPT, OTR_LEVEL_DEFER };

static otr_mx_finding *findings[WORLD_NAMES][COUNT(hosts)];
static otr_sts_entry *entries[WORLD_NAMES][COUNT(modes)][COUNT(patterns)][2];
static otr_sts_entry *without_policy[WORLD_NAMES];

static const fact *find_fact(const world *w, enum side side, enum fact_kind kind, dest_id dest)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->facts[i].kind == kind && (w->facts[i].when & side) != 0 && w->facts[i].names[0] == dest)
            return &w->facts[i];
    return NULL;
}

static otr_mx_finding *finding_of(const world *w, enum side side, dest_id dest)
{
    const fact *f = find_fact(w, side, DESTINATION, dest);
    size_t choice = f != NULL ? f->choice : 0;

    if (findings[dest][choice] == NULL)
        findings[dest][choice] = scene_finding(dest_text(dest), hosts[choice]);
    return findings[dest][choice];
}

static otr_sts_entry *entry_of(const world *w, enum side side, dest_id dest)
{
    const fact *f = find_fact(w, side, POLICY, dest);
    char text[100] = "S1";
    otr_sts_entry **entry = f == NULL ? &without_policy[dest] : &entries[dest][f->choice][f->variant][f->is_ended];

    if (f != NULL)
        snprintf(text, sizeof(text), "%s %s %s", f->is_ended ? "S7x" : "S5", modes[f->choice], patterns[f->variant]);
    if (*entry == NULL)
        *entry = scene_entry(dest_text(dest), text);
    return *entry;
}

static bool read_override(const world *w, enum side side, dest_id dest, otr_override *override)
{
    const fact *f = find_fact(w, side, OVERRIDE, dest);

    if (f == NULL)
        return false;
    *override = (otr_override){ .level = levels[f->choice], .until = f->is_ended ? NOW : NOW + 86400, .reason = "broken" };
    snprintf(override->domain, sizeof(override->domain), "%s", dest_text(dest));
    return true;
}

static size_t read_minimum(const world *w, enum side side, otr_minimum_rule rules[FACTS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < w->count; i++)
        if (w->facts[i].kind == MINIMUM && (w->facts[i].when & side) != 0)
            rules[count++] = (otr_minimum_rule){ name_text(w->facts[i].names[0]), (otr_minimum)w->facts[i].choice };
    return count;
}

void put_answers(const world *w, enum side side, dest_id dest, const otr_anchors *anchors, bool is_all, otr_buf *out)
{
    static const otr_anchor_views views = { .exim_dir = "/run/outrider/ta", .postfix_dir = "outrider/ta" };
    otr_decide_settings settings = OTR_DECIDE_SETTINGS_INIT;
    otr_minimum_rule rules[FACTS_MAX];
    otr_minimum_rules minimum = { rules, read_minimum(w, side, rules) };
    otr_override override;
    otr_verdict *v;

    settings.minimum = &minimum;
    settings.override = read_override(w, side, dest, &override) ? &override : NULL;
    v = otr_decide(finding_of(w, side, dest), entry_of(w, side, dest), false, &settings, anchors, NOW);
    if (v == NULL)
        abort();
    otr_render_postfix(v, &views, out);
    otr_buf_putc(out, '\n');
    otr_render_postfix_tlsrpt(v, &views, out);
    otr_buf_putc(out, '\n');
    otr_render_exim(v, &views, out);
    otr_render_sendmail(v, out);
    otr_buf_putc(out, '\n');
    if (is_all) {
        otr_render_json(v, &views, out);
        otr_render_text(v, &views, true, out);
    }
    otr_verdict_unref(v);
}

void clear_answers(void)
{
    for (size_t i = 0; i < WORLD_NAMES; i++) {
        for (size_t j = 0; j < COUNT(hosts); j++)
            otr_mx_finding_unref(findings[i][j]);
        for (size_t j = 0; j < COUNT(modes) * COUNT(patterns) * 2; j++)
            otr_sts_entry_unref(((otr_sts_entry **)entries[i])[j]);
        otr_sts_entry_unref(without_policy[i]);
    }
}

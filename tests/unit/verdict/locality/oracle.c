/*
 * oracle.c - see the header. Slow on purpose: each question goes through all facts again.
 */
#include "oracle.h"

#include <string.h>

const char *const oracle_faults[ORACLE_FAULTS] = {
    "none",
    ".example.org takes in xexample.org",
    ".example.org takes in example.org",
    "example.org takes in a.example.org",
    ".example.org does not take in b.a.example.org",
    "only is ignored",
    "an only rule of somebody silences everybody's others",
    "confine is ignored",
    "confine holds for this certificate and no other of the same root",
    "confine holds for what the rule itself brings",
    "two rules confine a root: either's names will do",
    "confine brings the root to its names",
    "an exception is for everybody",
    "an exception has no end",
    "an exception counts beside only rules",
    "the first rule wins",
};

bool oracle_matches(name_id name, dest_id dest, oracle_fault fault)
{
    const char *text = name_text(name), *domain = dest_text(dest);
    bool is_below = text[0] == '.';
    const char *parent = is_below ? text + 1 : text;
    size_t rest = strlen(domain) - strlen(parent);

    if (strcmp(domain, parent) == 0)
        return !is_below || fault == PARENT_IS_BELOW;
    if (strlen(domain) <= strlen(parent) || strcmp(domain + rest, parent) != 0)
        return false;
    if (domain[rest - 1] != '.')
        return is_below && fault == SUFFIX_WITHOUT_DOT;
    if (is_below && fault == ONE_LABEL_BELOW)
        return memchr(domain, '.', rest - 1) == NULL;
    return is_below || fault == NAME_HAS_CHILDREN;
}

static bool is_any(const name_id *names, size_t count, dest_id dest, oracle_fault fault)
{
    for (size_t i = 0; i < count; i++)
        if (oracle_matches(names[i], dest, fault))
            return true;
    return false;
}

bool oracle_is_about(const fact *f, dest_id dest, oracle_fault fault)
{
    if (f->kind == RULE && f->name_count == 0)
        return true;
    if (f->kind == EXCEPTION && fault == EXCEPTION_FOR_EVERYBODY)
        return true;
    return (f->kind == RULE || f->kind == EXCEPTION) && is_any(f->names, f->name_count, dest, fault);
}

bool oracle_is_confined_away(const fact *f, dest_id dest, oracle_fault fault)
{
    return f->kind == RULE && f->confine_count > 0 && !is_any(f->confine, f->confine_count, dest, fault);
}

static bool is_there(const fact *f, const struct view *view, oracle_fault fault)
{
    if ((f->when & view->side) == 0)
        return false;
    if (f->kind == EXCEPTION)
        return !view->is_without_exceptions && (!f->is_ended || fault == EXCEPTION_WITHOUT_END);
    return f->kind == RULE;
}

static roots held_by(const world *w, const struct view *view, const fact *f)
{
    return (f->takes_system ? world_system(w, view) : f->certs) & (roots)~view->left_out;
}

static bool has(roots set, unsigned root)
{
    return (set >> root & 1) != 0;
}

/* "... or, where `only` rules match, of those alone" */
static bool is_under_only(const world *w, const struct view *view, dest_id dest, oracle_fault fault)
{
    for (size_t i = 0; i < w->count && !view->is_without_only && fault != ONLY_IGNORED; i++)
        if (is_there(&w->facts[i], view, fault) && w->facts[i].is_only &&
            (fault == ONLY_FOR_EVERYBODY || oracle_is_about(&w->facts[i], dest, fault)))
            return true;
    return false;
}

/* "the union of the roots of the rules that match" */
static bool is_counted(const world *w, const struct view *view, dest_id dest, unsigned root, oracle_fault fault)
{
    bool is_under = is_under_only(w, view, dest, fault);

    for (size_t i = 0; i < w->count; i++) {
        const fact *f = &w->facts[i];
        bool is_heard = !is_under || f->is_only || (fault == EXCEPTION_BEFORE_ONLY && f->kind == EXCEPTION);

        if (!is_there(f, view, fault))
            continue;
        if (oracle_is_about(f, dest, fault) && is_heard) {
            if (has(held_by(w, view, f), root))
                return true;
            if (fault == FIRST_RULE_WINS)
                return false;
        }
        if (fault == CONFINE_ADDS && f->confine_count > 0 && has(held_by(w, view, f), root) &&
            is_any(f->confine, f->confine_count, dest, fault))
            return true;
    }
    return false;
}

/* "without each root that some rule confines to names among which the destination is not" */
static bool is_barred(const world *w, const struct view *view, dest_id dest, unsigned root, oracle_fault fault)
{
    bool is_barred = false;

    if (view->is_unconfined || fault == CONFINE_IGNORED)
        return false;
    for (size_t i = 0; i < w->count; i++) {
        const fact *f = &w->facts[i];
        roots held = held_by(w, view, f);

        if (!is_there(f, view, fault) || f->kind != RULE || f->confine_count == 0)
            continue;
        if (fault == CONFINE_OWN_RULE && !oracle_is_about(f, dest, fault))
            continue;
        if (!has(fault == CONFINE_THIS_CERTIFICATE ? held : pool_alike(held), root))
            continue;
        if (oracle_is_confined_away(f, dest, fault))
            is_barred = true;
        else if (fault == CONFINE_WIDENS)
            return false;
    }
    return is_barred;
}

roots oracle_anchors(const world *w, const struct view *view, dest_id dest, oracle_fault fault)
{
    roots all = 0;

    for (unsigned i = 0; i < POOL_ROOTS; i++)
        if (is_counted(w, view, dest, i, fault) && !is_barred(w, view, dest, i, fault))
            all |= (roots)(1u << i);
    return all;
}

roots oracle_brought(const world *w, const struct view *view, dest_id dest)
{
    roots all = 0;

    for (size_t i = 0; i < w->count; i++)
        if (is_there(&w->facts[i], view, NO_FAULT) && oracle_is_about(&w->facts[i], dest, NO_FAULT))
            all |= held_by(w, view, &w->facts[i]);
    return all;
}

roots oracle_ended(const world *w, const struct view *view, dest_id dest)
{
    roots all = 0;

    for (size_t i = 0; i < w->count; i++) {
        const fact *f = &w->facts[i];

        if (f->kind == EXCEPTION && f->is_ended && is_there(f, view, EXCEPTION_WITHOUT_END) && oracle_is_about(f, dest, NO_FAULT))
            all |= held_by(w, view, f);
    }
    return all;
}

otr_on_change oracle_on_change(const world *w, const struct view *view, dest_id dest)
{
    for (size_t i = 0; i < w->count; i++)
        if (is_there(&w->facts[i], view, NO_FAULT) && oracle_is_about(&w->facts[i], dest, NO_FAULT) &&
            w->facts[i].on_change == OTR_ON_CHANGE_DEFER)
            return OTR_ON_CHANGE_DEFER;
    return OTR_ON_CHANGE_LOG;
}

/* Whom a change is about ------------------------------------------------------------------------------------------- */

/* A rule that takes the system's roots passes a change of these on, to those it is about and to those it bars. */
static roots touched_by_system(const world *w, const fact *change, dest_id dest)
{
    roots all = 0;

    for (size_t i = 0; i < w->count; i++) {
        const fact *f = &w->facts[i];

        if (f->kind != RULE || !f->takes_system)
            continue;
        if (oracle_is_about(f, dest, NO_FAULT))
            all |= change->certs;
        if (oracle_is_confined_away(f, dest, NO_FAULT))
            all |= pool_alike(change->certs);
    }
    return all;
}

static roots touched_by_rule(const world *w, const fact *f, dest_id dest)
{
    const struct view sides[] = { { .side = BEFORE }, { .side = AFTER } };

    if (oracle_is_about(f, dest, NO_FAULT))
        return POOL_ALL;
    if (!oracle_is_confined_away(f, dest, NO_FAULT))
        return 0;
    return pool_alike(held_by(w, &sides[0], f) | held_by(w, &sides[1], f));
}

roots oracle_touched(const world *w, dest_id dest)
{
    roots all = 0;

    for (size_t i = 0; i < w->count; i++) {
        const fact *f = &w->facts[i];

        if (f->when == (BEFORE | AFTER))
            continue;
        if (f->kind == RULE)
            all |= touched_by_rule(w, f, dest);
        else if (f->kind == EXCEPTION && !f->is_ended && oracle_is_about(f, dest, NO_FAULT))
            all |= f->certs;
        else if (f->kind == SYSTEM)
            all |= touched_by_system(w, f, dest);
    }
    return all;
}

/* What a mail server has of its own is about everybody: it decides whether an answer names a file. */
bool oracle_is_answer_touched(const world *w, dest_id dest)
{
    for (size_t i = 0; i < w->count; i++) {
        const fact *f = &w->facts[i];

        if (f->when == (BEFORE | AFTER))
            continue;
        if (f->kind == OWN || f->kind == SYSTEM ||
            ((f->kind == DESTINATION || f->kind == POLICY || f->kind == OVERRIDE) && f->names[0] == dest) ||
            (f->kind == MINIMUM && oracle_matches(f->names[0], dest, NO_FAULT)))
            return true;
    }
    return oracle_touched(w, dest) != 0;
}

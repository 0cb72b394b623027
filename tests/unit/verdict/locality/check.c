/*
 * check.c - LOCALITY itself, and the properties of the rules that it rests on. Each world is compiled before its change and
 * after it; some properties need a third world that is like one of these.
 */
#include "check.h"

#include "answers.h"
#include "support/make_cert.h"
#include "tell.h"
#include "trust/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static const struct view sides[] = { { .side = BEFORE }, { .side = AFTER } };

struct run {
    const world *w;
    const struct checking *how;
    struct failure *failure;
    otr_anchors *anchors[2];
    dest_id dests[WORLD_NAMES];
    size_t dest_count;
};

static OUTRIDER_PRINTF(4, 5) bool refute(struct run *run, const char *property, dest_id dest, const char *format, ...)
{
    va_list args;

    run->failure->property = property;
    run->failure->dest = dest;
    va_start(args, format);
    vsnprintf(run->failure->detail, sizeof(run->failure->detail), format, args);
    va_end(args);
    return false;
}

/* Sets ------------------------------------------------------------------------------------------------------------ */

/* A certificate that is none of the pool becomes a bit of its own. */
static roots read_set(const otr_anchor_set *set)
{
    roots all = 0;

    for (int i = 0; i < sk_X509_num(set->roots); i++)
        all |= (roots)(1u << pool_index(sk_X509_value(set->roots, i)));
    return all;
}

static roots read_store(const otr_anchor_set *set)
{
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(set->store);
    roots all = 0;

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++)
        all |= (roots)(1u << pool_index(X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i))));
    return all;
}

static roots self_signed(void)
{
    roots all = 0;

    for (unsigned i = 0; i < POOL_ROOTS; i++)
        all |= (roots)(pool[i].is_self_signed << i);
    return all;
}

static roots roots_of(const otr_anchors *anchors, dest_id dest)
{
    return read_set(otr_anchors_for(anchors, dest_text(dest)));
}

static bool differs(struct run *run, const char *property, dest_id dest, const char *this, roots a, const char *that, roots b)
{
    char left[TELL_ROOTS], right[TELL_ROOTS];

    return refute(run, property, dest, "%s %s\n%s %s", this, tell_roots(a, left), that, tell_roots(b, right));
}

/* The properties --------------------------------------------------------------------------------------------------- */

static bool check_oracle(struct run *run, size_t side, dest_id dest)
{
    const otr_anchor_set *set = otr_anchors_for(run->anchors[side], dest_text(dest));
    roots want = oracle_anchors(run->w, &sides[side], dest, run->how->fault), got = read_set(set);

    if (got != want)
        return differs(run, "the anchors are what the rules say", dest, "library", got, "oracle", want);
    if ((int)set->count != sk_X509_num(set->roots) || read_store(set) != (got & self_signed()))
        return differs(run, "the store holds the roots that a chain may end in, and nothing else", dest, "set", got, "store",
                       read_store(set));
    if (set->on_change != oracle_on_change(run->w, &sides[side], dest))
        return refute(run, "on_change is the strictest of the rules", dest, "got %s", otr_on_change_names[set->on_change]);
    return true;
}

/* LOCALITY: for every change about A the set of certificates accepted for every other B stays the same. */
static bool check_local(struct run *run, dest_id dest)
{
    const otr_anchor_set *before = otr_anchors_for(run->anchors[0], dest_text(dest)),
                         *after = otr_anchors_for(run->anchors[1], dest_text(dest));
    roots touched = oracle_touched(run->w, dest), was = read_set(before), is = read_set(after);

    if (((was ^ is) & ~touched) != 0)
        return differs(run, "a change about A changes the anchors of no other B", dest, "before", was, "after ", is);
    if ((strcmp(before->name, after->name) == 0) != (was == is))
        return differs(run, "the name of the file stays exactly if the roots do", dest, "before", was, "after ", is);
    return true;
}

static bool check_answers(struct run *run, dest_id dest)
{
    otr_buf before = OTR_BUF_INIT, after = OTR_BUF_INIT;
    bool is_all = run->how->is_every || run->how->turn % 8 == 0, is_same = true;

    if (oracle_is_answer_touched(run->w, dest))
        return true;
    put_answers(run->w, BEFORE, dest, run->anchors[0], is_all, &before);
    put_answers(run->w, AFTER, dest, run->anchors[1], is_all, &after);
    if (before.err != OUTRIDER_OK || after.err != OUTRIDER_OK)
        abort();
    if (before.len != after.len || memcmp(before.data, after.data, before.len) != 0)
        is_same = refute(run, "what mail servers are told of B stays the same bytes", dest, "before: %s\nafter:  %s",
                         otr_buf_text(&before), otr_buf_text(&after));
    otr_buf_clear(&before);
    otr_buf_clear(&after);
    return is_same;
}

static bool is_same_heading(const otr_anchor_set *a, const otr_anchor_set *b)
{
    size_t i = 0;

    while (a->rules[i] != NULL && b->rules[i] != NULL && strcmp(a->rules[i], b->rules[i]) == 0)
        i++;
    return a->rules[i] == NULL && b->rules[i] == NULL && strcmp(a->file, b->file) == 0 && a->on_change == b->on_change;
}

/* Two destinations, each on any side. */
static bool check_sharing(struct run *run, size_t side, dest_id dest, size_t other_side, dest_id other)
{
    const otr_anchor_set *a = otr_anchors_for(run->anchors[side], dest_text(dest)),
                         *b = otr_anchors_for(run->anchors[other_side], dest_text(other));
    roots left = read_set(a), right = read_set(b);

    if ((strcmp(a->name, b->name) == 0) != (left == right))
        return differs(run, "the same roots have one file name, others another", dest, a->name, left, b->name, right);
    if ((strcmp(a->name, "none") == 0) != (left == 0))
        return differs(run, "the set without roots, and no other, is called none", dest, a->name, left, b->name, right);
    if (side == other_side && (a == b) != (left == right && is_same_heading(a, b)))
        return differs(run, "equal sets are one set", dest, dest_text(dest), left, dest_text(other), right);
    if (left == right && (a->roots == b->roots) != (side == other_side))
        return differs(run, "equal roots share their store", dest, dest_text(dest), left, dest_text(other), right);
    return true;
}

static bool check_own(struct run *run, size_t side, dest_id dest)
{
    const otr_anchor_set *set = otr_anchors_for(run->anchors[side], dest_text(dest));

    for (uint8_t server = 0; server < OTR_OWN_COUNT; server++) {
        const fact *own = NULL;
        roots has = 0;

        for (size_t i = run->w->count; i-- > 0;)
            if (run->w->facts[i].kind == OWN && run->w->facts[i].choice == server && (run->w->facts[i].when & sides[side].side) != 0)
                own = &run->w->facts[i];
        if (own != NULL)
            has = own->takes_system ? world_system(run->w, &sides[side]) : own->certs;
        if (set->is_own[server] != (own != NULL && has == read_set(set)))
            return differs(run, "no file is named where, and only where, a mail server has exactly these roots by itself", dest,
                           "set", read_set(set), "own", has);
    }
    return true;
}

/* Why ---------------------------------------------------------------------------------------------------------------- */

/* The fact that a rule of an explanation was made of. */
static const fact *find_rule(const struct run *run, size_t side, const otr_anchor_rule *rule, unsigned root)
{
    for (size_t i = 0; i < run->w->count; i++) {
        const fact *f = &run->w->facts[i];
        char title[8];

        if ((f->when & sides[side].side) == 0 || f->kind != (rule->reason != NULL ? EXCEPTION : RULE))
            continue;
        snprintf(title, sizeof(title), "r%u", f->title);
        if (f->kind == EXCEPTION ? f->certs == 1u << root && f->is_ended == (rule->until <= WORLD_TIME) &&
                                       strcmp(rule->names[0], name_text(f->names[0])) == 0
                                 : strcmp(rule->name, title) == 0)
            return f;
    }
    return NULL;
}

/* Whether this is a rule about the destination that has the root. */
static const fact *find_bringer(const struct run *run, size_t side, dest_id dest, const otr_anchor_rule *rule, unsigned root)
{
    const fact *f = find_rule(run, side, rule, root);
    roots certs = f == NULL ? 0 : f->takes_system ? world_system(run->w, &sides[side]) : f->certs;

    return f != NULL && oracle_is_about(f, dest, NO_FAULT) && (certs >> root & 1) != 0 ? f : NULL;
}

static bool is_well_explained(const struct run *run, size_t side, dest_id dest, const otr_root_reason *reason, roots set)
{
    unsigned root = pool_index(reason->cert);
    const fact *brought = find_bringer(run, side, dest, reason->brought_by, root),
               *barred = reason->barred_by != NULL ? find_rule(run, side, reason->barred_by, root) : NULL;
    roots system = world_system(run->w, &sides[side]);

    if (brought == NULL || reason->rules[0] != reason->brought_by)
        return false;
    for (size_t i = 1; reason->rules[i] != NULL; i++) {
        const fact *another = find_bringer(run, side, dest, reason->rules[i], root);

        if (another == NULL || another->is_ended != brought->is_ended)
            return false;
    }
    switch (reason->state) {
    case OTR_ROOT_COUNTS:
        return (set >> root & 1) != 0 && reason->barred_by == NULL;
    case OTR_ROOT_NOT_ONLY:
        return (set >> root & 1) == 0 && !brought->is_only && barred != NULL && barred->is_only &&
               oracle_is_about(barred, dest, NO_FAULT);
    case OTR_ROOT_CONFINED:
        return (set >> root & 1) == 0 && barred != NULL && oracle_is_confined_away(barred, dest, NO_FAULT) &&
               (pool_alike(barred->takes_system ? system : barred->certs) >> root & 1) != 0;
    case OTR_ROOT_ENDED:
        return (set >> root & 1) == 0 && barred == NULL && brought->is_ended;
    }
    return false;
}

static bool check_explain(struct run *run, size_t side, dest_id dest)
{
    otr_root_reason *reasons = NULL;
    size_t count = 0;
    roots set = roots_of(run->anchors[side], dest), told = 0, brought = oracle_brought(run->w, &sides[side], dest),
          want = brought | oracle_ended(run->w, &sides[side], dest);
    bool is_good = otr_anchors_explain(run->anchors[side], dest_text(dest), &reasons, &count) == OUTRIDER_OK;

    for (size_t i = 0; is_good && i < count; i++) {
        roots bit = (roots)(1u << pool_index(reasons[i].cert));

        is_good = (told & bit) == 0 && is_well_explained(run, side, dest, &reasons[i], set) &&
                  (reasons[i].state == OTR_ROOT_ENDED) == ((brought & bit) == 0) &&
                  (i == 0 || reasons[i - 1].state <= reasons[i].state);
        told |= bit;
    }
    free(reasons);
    if (!is_good)
        return refute(run, "explain agrees with the set, and names rules that say so", dest, "%zu roots", count);
    if (told != want)
        return differs(run, "explain tells of each root that a rule brings, or an exception did", dest, "told", told, "brought", want);
    return true;
}

/* Worlds like this one ------------------------------------------------------------------------------------------------ */

static bool check_order(struct run *run, size_t side)
{
    struct view like = sides[side];
    otr_anchors *other;
    bool is_good = true;

    like.is_backwards = true;
    other = world_anchors(run->w, &like);
    for (size_t i = 0; is_good && i < run->dest_count; i++) {
        const otr_anchor_set *a = otr_anchors_for(run->anchors[side], dest_text(run->dests[i])),
                             *b = otr_anchors_for(other, dest_text(run->dests[i]));

        if (read_set(a) != read_set(b) || strcmp(a->name, b->name) != 0 || a->on_change != b->on_change ||
            strcmp(a->file, b->file) != 0)
            is_good = differs(run, "the order of the rules is all the same", run->dests[i], a->file, read_set(a), b->file,
                              read_set(b));
    }
    otr_anchors_free(other);
    return is_good;
}

/* In a world without some words of the rules a destination has at least (or at most) what it has in this one. */
static bool check_without(struct run *run, size_t side, struct view like, bool is_less, const char *property)
{
    otr_anchors *other = world_anchors(run->w, &like);
    bool is_good = true;

    for (size_t i = 0; is_good && i < run->dest_count; i++) {
        roots with = roots_of(run->anchors[side], run->dests[i]), without = roots_of(other, run->dests[i]);

        if ((is_less ? without & ~with : with & ~without) != 0)
            is_good = differs(run, property, run->dests[i], "with   ", with, "without", without);
    }
    otr_anchors_free(other);
    return is_good;
}

static bool check_what_if(struct run *run, size_t side)
{
    struct view like = sides[side];
    otr_anchors *other;
    bool is_good = true;

    like.left_out = pool_alike((roots)(1u << run->how->turn % POOL_ROOTS));
    other = world_anchors(run->w, &like);
    for (size_t i = 0; is_good && i < run->dest_count; i++) {
        roots got = roots_of(other, run->dests[i]);

        if ((got & like.left_out) != 0)
            is_good = differs(run, "a root that is taken away is nowhere, under no certificate", run->dests[i], "left out",
                              like.left_out, "got", got);
    }
    otr_anchors_free(other);
    return is_good;
}

static bool check_turn(struct run *run, unsigned turn)
{
    size_t side = turn / 5 % 2;
    struct view unconfined = sides[side], without_only = sides[side], without_exceptions = sides[side];

    unconfined.is_unconfined = without_only.is_without_only = without_exceptions.is_without_exceptions = true;
    switch (turn % 5) {
    case 0: return check_order(run, side);
    case 1: return check_without(run, side, unconfined, false, "confine never adds");
    case 2: return check_without(run, side, without_only, false, "only never adds");
    case 3: return check_without(run, side, without_exceptions, true, "an exception never takes away");
    default: return check_what_if(run, side);
    }
}

/* The file and each set ----------------------------------------------------------------------------------------------- */

struct visit {
    const otr_anchor_set *seen[3 * WORLD_NAMES];
    size_t count;
    bool is_good;
};

static outrider_err visit_set(void *arg, const otr_anchor_set *set)
{
    struct visit *visit = arg;
    unsigned char digest[EVP_MAX_MD_SIZE];
    otr_buf pem = OTR_BUF_INIT;
    char name[65] = "none";

    for (size_t i = 0; i < visit->count; i++)
        visit->is_good = visit->is_good && visit->seen[i] != set;
    visit->seen[visit->count++] = set;
    otr_anchor_set_pem(set, &pem);
    EVP_Digest(otr_buf_text(&pem), pem.len, digest, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 32 && set->count > 0; i++)
        snprintf(name + 2 * i, 3, "%02x", digest[i]);
    visit->is_good = visit->is_good && strcmp(name, set->name) == 0 && (set->count == 0) == (pem.len == 0);
    otr_buf_clear(&pem);
    return OUTRIDER_OK;
}

static bool check_each(struct run *run, size_t side)
{
    struct visit visit = { .is_good = true };

    otr_anchors_each(run->anchors[side], visit_set, &visit);
    for (size_t i = 0; i < run->dest_count; i++) {
        const otr_anchor_set *set = otr_anchors_for(run->anchors[side], dest_text(run->dests[i]));
        size_t at = 0;

        while (at < visit.count && visit.seen[at] != set)
            at++;
        if (at == visit.count)
            return refute(run, "a visit to each set meets that of each destination", run->dests[i], "%zu sets", visit.count);
    }
    return visit.is_good || refute(run, "each set is met once, and named by the SHA-256 of its file", 0, "%zu sets", visit.count);
}

/* Chains -------------------------------------------------------------------------------------------------------------- */

/* What a chain may end in: the root that has issued it, and the one that has signed the cross-sign sent along. */
static roots ends_of(const struct pool_chain *chain)
{
    roots all = 0;

    for (unsigned i = 0; i < POOL_ROOTS; i++)
        if (pool[i].is_self_signed &&
            (pool[i].anchor == chain->anchor || (chain->cross < POOL_ROOTS && pool[i].anchor == pool[chain->cross].under)))
            all |= (roots)(1u << i);
    return all;
}

static bool judge(const otr_anchor_set *set, const struct pool_chain *chain, roots *root)
{
    otr_verification v = { 0 };
    bool is_accepted;

    if (otr_verify_chain(set, chain->certs, POOL_HOST, OTR_TEST_TIME, &v) != OUTRIDER_OK)
        abort();
    is_accepted = v.is_accepted;
    *root = is_accepted ? (roots)(1u << pool_index(otr_verification_root(&v))) : 0;
    otr_verification_clear(&v);
    return is_accepted;
}

static bool check_chain(struct run *run, dest_id dest, const struct pool_chain *chain, bool is_touched)
{
    bool is_accepted[2];

    for (size_t side = 0; side < 2; side++) {
        const otr_anchor_set *set = otr_anchors_for(run->anchors[side], dest_text(dest));
        roots has = read_set(set), root;

        is_accepted[side] = judge(set, chain, &root);
        if (is_accepted[side] != ((ends_of(chain) & has) != 0) || (root & ~(has & ends_of(chain))) != 0)
            return differs(run, "a chain is accepted if, and only if, it leads to a root that counts", dest, chain->title, root,
                           "of", has);
    }
    if (!is_touched && is_accepted[0] != is_accepted[1])
        return refute(run, "a change about A changes no judgement of a chain of another B", dest, "%s: before %d, after %d",
                      chain->title, is_accepted[0], is_accepted[1]);
    return true;
}

static bool check_chains(struct run *run, dest_id dest)
{
    bool is_touched = oracle_touched(run->w, dest) != 0;

    for (size_t i = 0; i < POOL_CHAINS; i++)
        if (!check_chain(run, dest, &pool_chains[i], is_touched))
            return false;
    return true;
}

/* The whole ------------------------------------------------------------------------------------------------------------ */

static bool check_destination(struct run *run, dest_id dest)
{
    if (!check_local(run, dest) || !check_answers(run, dest))
        return false;
    for (size_t side = 0; side < 2; side++)
        if (!check_oracle(run, side, dest) || !check_own(run, side, dest) || !check_explain(run, side, dest))
            return false;
    for (size_t i = 0; i < run->dest_count; i++)
        for (size_t pair = 0; pair < 4; pair++)
            if (!check_sharing(run, pair / 2, dest, pair % 2, run->dests[i]))
                return false;
    return !run->how->is_with_verifier || check_chains(run, dest);
}

static bool check_sides(struct run *run)
{
    bool is_every = run->how->is_every;

    for (size_t i = 0; i < run->dest_count; i++)
        if (!check_destination(run, run->dests[i]))
            return false;
    for (unsigned turn = 0; turn < 10; turn++)
        if ((is_every || run->how->turn % 20 == 2 * turn) && !check_turn(run, turn))
            return false;
    return (!is_every && run->how->turn % 16 != 1) || (check_each(run, 0) && check_each(run, 1));
}

static void list_destinations(struct run *run)
{
    for (size_t i = 0; i < run->w->count; i++) {
        const fact *f = &run->w->facts[i];
        size_t at = 0;

        while (at < run->dest_count && run->dests[at] != f->names[0])
            at++;
        if (f->kind == DESTINATION && at == run->dest_count)
            run->dests[run->dest_count++] = f->names[0];
    }
}

bool check_world(const world *w, const struct checking *how, struct failure *failure)
{
    struct run run = { .w = w, .how = how, .failure = failure };
    bool is_good;

    list_destinations(&run);
    run.anchors[0] = world_anchors(w, &sides[0]);
    run.anchors[1] = world_anchors(w, &sides[1]);
    is_good = check_sides(&run);
    otr_anchors_free(run.anchors[0]);
    otr_anchors_free(run.anchors[1]);
    return is_good;
}

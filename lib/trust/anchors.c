/*
 * anchors.c - rules become sets. Roots are numbered, so that a set is a row of bits: union and exclusion are what the
 * header says, and nothing more. Why a set is what it is, anchors_why.c tells, from the same bits.
 *
 * Which rules match depends only on the names that the rules hold. So there is one set for each of these (for
 * "a.example" the domain itself, for ".a.example" all that lies below it and below no deeper name), and one for everybody
 * else; a question is looked up from the full name to its shorter ends.
 */
#include "trust/anchors.h"

#include "base/diag.h"
#include "dns/name.h"
#include "trust/anchor_set.h"
#include "trust/anchors_inside.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509_vfy.h>

#define EXAMPLE_SIZE 512

const char *const otr_on_change_names[] = { "log", "defer", NULL };

/* Names -------------------------------------------------------------------------------------------------------- */

bool otr_names_match(const char *const *names, const char *domain)
{
    for (; *names != NULL; names++)
        if (**names == '.' ? otr_is_below(domain, *names) : strcmp(*names, domain) == 0)
            return true;
    return false;
}

bool otr_rule_names(const struct otr_rule *rule, const char *domain)
{
    return rule->shown.names == NULL || otr_names_match(rule->shown.names, domain);
}

bool otr_rule_matches(const struct otr_rule *rule, const char *domain)
{
    return !rule->has_ended && otr_rule_names(rule, domain);
}

/* Bits --------------------------------------------------------------------------------------------------------- */

static otr_word *new_bits(otr_anchors *a)
{
    return otr_arena_alloc(a->arena, a->words, sizeof(otr_word));
}

static void set_bit(otr_word *bits, size_t i)
{
    bits[i / OTR_WORD_BITS] |= (otr_word)1 << i % OTR_WORD_BITS;
}

/* What the rules say of one domain ------------------------------------------------------------------------------ */

bool otr_rule_counts(const struct otr_rule *rule, bool is_only, const char *domain)
{
    return (!is_only || rule->shown.is_only) && otr_rule_matches(rule, domain);
}

/* The union, less what is confined to others. Whoever adds a rule here decides about LOCALITY. */
void otr_anchors_gather(const otr_anchors *a, const char *domain, otr_word *bits)
{
    bool is_only = otr_anchors_only(a, domain) != NULL;

    memset(bits, 0, a->words * sizeof(otr_word));
    for (size_t i = 0; i < a->rule_count; i++)
        if (otr_rule_counts(&a->rules[i], is_only, domain))
            for (size_t w = 0; w < a->words; w++)
                bits[w] |= a->rules[i].roots[w];
    for (size_t i = 0; i < a->rule_count; i++)
        if (a->rules[i].confined != NULL && !otr_names_match(a->rules[i].shown.confine, domain))
            for (size_t w = 0; w < a->words; w++)
                bits[w] &= ~a->rules[i].confined[w];
}

/* How the rules of a domain are called and what they ask for; equal ones share a set. */
struct heading {
    const char **rules; /* each name once, NULL-terminated; room for all rules */
    const char *file;
    otr_on_change on_change;
};

static bool is_listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static void read_heading(const otr_anchors *a, const char *domain, struct heading *heading)
{
    bool is_only = otr_anchors_only(a, domain) != NULL;
    size_t count = 0, sources = 0;

    heading->file = "";
    heading->on_change = OTR_ON_CHANGE_LOG;
    for (size_t i = 0; i < a->rule_count; i++) {
        const otr_anchor_rule *rule = &a->rules[i].shown;

        if (otr_rule_matches(&a->rules[i], domain) && rule->on_change > heading->on_change)
            heading->on_change = rule->on_change;
        if (!otr_rule_counts(&a->rules[i], is_only, domain))
            continue;
        if (!is_listed(heading->rules, count, rule->name))
            heading->rules[count++] = rule->name;
        if (sk_X509_num(rule->roots) > 0) /* one that has none is no source, wherever it stands */
            heading->file = ++sources == 1 && rule->file != NULL ? rule->file : "";
    }
    heading->rules[count] = NULL;
}

/* Sets --------------------------------------------------------------------------------------------------------- */

static bool is_same_heading(const otr_anchor_set *set, const struct heading *heading)
{
    size_t i = 0;

    while (set->rules[i] != NULL && heading->rules[i] != NULL && strcmp(set->rules[i], heading->rules[i]) == 0)
        i++;
    return set->rules[i] == NULL && heading->rules[i] == NULL && strcmp(set->file, heading->file) == 0 &&
           set->on_change == heading->on_change;
}

struct making {
    otr_anchors *a;
    const otr_anchor_source *source;
    otr_root_body **bodies; /* owned references: bodies[i] is that of sets[i] */
    size_t room;            /* of bodies, and of a->sets */
    otr_word *bits;         /* of the domain at hand */
    struct heading heading;
    char own[OTR_OWN_COUNT][OTR_SHA256_TEXT]; /* names of what mail servers have by themselves; "": not known */
    outrider_diag *diag;
};

static outrider_err make_body(struct making *m, otr_root_body **body)
{
    STACK_OF(X509) *roots = sk_X509_new_null();
    outrider_err err = roots != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;

    for (size_t i = 0; err == OUTRIDER_OK && i < m->a->root_count; i++)
        if (otr_has_bit(m->bits, i) && sk_X509_push(roots, m->a->roots[i].cert) <= 0)
            err = OUTRIDER_E_NOMEM;
    if (err == OUTRIDER_OK)
        err = otr_root_body_new(roots, m->source->crls, body, NULL);
    sk_X509_free(roots);
    return err;
}

static outrider_err make_room(struct making *m)
{
    otr_anchors *a = m->a;
    size_t room = m->room == 0 ? 16 : 2 * m->room;
    otr_root_body **bodies;
    const otr_anchor_set **sets;
    otr_word *bits;

    if (a->set_count >= OTR_ANCHOR_SETS_MAX)
        return otr_fail(m->diag, OUTRIDER_E_LIMIT, "the rules come to more than %d different sets of roots",
                        OTR_ANCHOR_SETS_MAX);
    if (a->set_count < m->room)
        return OUTRIDER_OK;
    bodies = reallocarray(m->bodies, room, sizeof(*bodies));
    if (bodies != NULL)
        m->bodies = bodies;
    sets = reallocarray(a->sets, room, sizeof(*sets));
    if (sets != NULL)
        a->sets = sets;
    bits = reallocarray(a->set_bits, room * a->words, sizeof(*bits));
    if (bits != NULL)
        a->set_bits = bits;
    if (bodies == NULL || sets == NULL || bits == NULL)
        return OUTRIDER_E_NOMEM;
    m->room = room;
    return OUTRIDER_OK;
}

/* A body of the same bits may be there already, under another heading. */
static outrider_err add_set(struct making *m, size_t alike)
{
    otr_anchors *a = m->a;
    otr_root_body *body = NULL;
    otr_anchor_set *set = NULL;
    outrider_err err = make_room(m);

    if (err != OUTRIDER_OK)
        return err;
    if (alike < a->set_count)
        body = otr_root_body_ref(m->bodies[alike]);
    else
        err = make_body(m, &body);
    if (err == OUTRIDER_OK)
        set = otr_anchor_set_new(body, m->heading.rules, m->heading.file, m->heading.on_change);
    if (set == NULL) {
        otr_root_body_unref(body);
        return OUTRIDER_E_NOMEM;
    }
    for (int i = 0; i < OTR_OWN_COUNT; i++)
        set->is_own[i] = strcmp(set->name, m->own[i]) == 0;
    memcpy(a->set_bits + a->set_count * a->words, m->bits, a->words * sizeof(otr_word));
    m->bodies[a->set_count] = body;
    a->sets[a->set_count++] = set;
    return OUTRIDER_OK;
}

/* The set of a domain, found or made. */
static outrider_err find_set(struct making *m, const char *domain, const otr_anchor_set **set)
{
    otr_anchors *a = m->a;
    size_t alike = SIZE_MAX;
    outrider_err err;

    otr_anchors_gather(a, domain, m->bits);
    read_heading(a, domain, &m->heading);
    for (size_t i = 0; i < a->set_count; i++) {
        if (memcmp(a->set_bits + i * a->words, m->bits, a->words * sizeof(otr_word)) != 0)
            continue;
        if (is_same_heading(a->sets[i], &m->heading)) {
            *set = otr_anchor_set_ref(a->sets[i]);
            return OUTRIDER_OK;
        }
        alike = i;
    }
    err = add_set(m, alike);
    if (err == OUTRIDER_OK)
        *set = otr_anchor_set_ref(a->sets[a->set_count - 1]);
    return err;
}

/* Roots and rules ------------------------------------------------------------------------------------------------ */

static int compare_roots(const void *a, const void *b)
{
    return strcmp(((const struct otr_root *)a)->fingerprint, ((const struct otr_root *)b)->fingerprint);
}

static struct otr_root *find_root(const otr_anchors *a, const X509 *cert)
{
    struct otr_root key;

    if (!otr_cert_fingerprint(cert, key.fingerprint) || a->root_count == 0)
        return NULL;
    return bsearch(&key, a->roots, a->root_count, sizeof(key), compare_roots);
}

/* All roots of all rules, each once, by fingerprint. */
static outrider_err collect_roots(otr_anchors *a, const otr_anchor_source *source)
{
    size_t total = 0, kept = 0;

    for (size_t i = 0; i < source->rule_count; i++)
        total += (size_t)sk_X509_num(source->rules[i].roots);
    a->roots = calloc(total + 1, sizeof(*a->roots));
    if (a->roots == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < source->rule_count; i++) {
        for (int j = 0; j < sk_X509_num(source->rules[i].roots); j++) {
            struct otr_root *root = &a->roots[a->root_count];

            root->cert = sk_X509_value(source->rules[i].roots, j);
            if (!otr_cert_fingerprint(root->cert, root->fingerprint) || !otr_cert_anchor_id(root->cert, root->anchor_id))
                return OUTRIDER_E_NOMEM;
            X509_up_ref(root->cert);
            a->root_count++;
        }
    }
    qsort(a->roots, a->root_count, sizeof(*a->roots), compare_roots);
    for (size_t i = 0; i < a->root_count; i++) {
        if (kept > 0 && compare_roots(&a->roots[kept - 1], &a->roots[i]) == 0)
            X509_free(a->roots[i].cert);
        else
            a->roots[kept++] = a->roots[i];
    }
    a->root_count = kept;
    a->words = kept / OTR_WORD_BITS + 1;
    return OUTRIDER_OK;
}

static const char *const *copy_names(otr_arena *arena, const char *const *names)
{
    size_t count = 0;
    const char **copy;

    if (names == NULL)
        return NULL;
    while (names[count] != NULL)
        count++;
    copy = otr_arena_alloc(arena, count + 1, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++)
        copy[i] = otr_arena_text(arena, names[i]);
    return copy;
}

/* A root is confined under every certificate that it has: another one with its name and key is the same root. */
static void confine(const otr_anchors *a, struct otr_rule *rule)
{
    for (size_t i = 0; i < a->root_count; i++)
        for (size_t j = 0; j < a->root_count; j++)
            if (otr_has_bit(rule->roots, i) && strcmp(a->roots[i].anchor_id, a->roots[j].anchor_id) == 0)
                set_bit(rule->confined, j);
}

static outrider_err copy_rule(otr_anchors *a, const otr_anchor_rule *from, otr_time at, struct otr_rule *rule)
{
    STACK_OF(X509) *roots = sk_X509_dup(from->roots);

    if (roots == NULL)
        return OUTRIDER_E_NOMEM;
    for (int i = 0; i < sk_X509_num(roots); i++)
        X509_up_ref(sk_X509_value(roots, i));
    rule->shown = *from;
    rule->shown.roots = roots;
    rule->shown.name = otr_arena_text(a->arena, from->name);
    rule->shown.file = from->file != NULL ? otr_arena_text(a->arena, from->file) : NULL;
    rule->shown.reason = from->reason != NULL ? otr_arena_text(a->arena, from->reason) : NULL;
    rule->shown.names = copy_names(a->arena, from->names);
    rule->shown.confine = copy_names(a->arena, from->confine);
    rule->owned_roots = roots;
    rule->has_ended = from->until != 0 && at >= from->until;
    rule->roots = new_bits(a);
    rule->confined = from->confine != NULL && !rule->has_ended ? new_bits(a) : NULL;
    if (otr_arena_failed(a->arena))
        return OUTRIDER_E_NOMEM;
    for (int i = 0; i < sk_X509_num(roots); i++) {
        const struct otr_root *root = find_root(a, sk_X509_value(roots, i));

        if (root == NULL)
            return OUTRIDER_E_NOMEM; /* it is there: only its hash can have failed */
        set_bit(rule->roots, (size_t)(root - a->roots));
    }
    if (rule->confined != NULL)
        confine(a, rule);
    return OUTRIDER_OK;
}

static outrider_err copy_rules(otr_anchors *a, const otr_anchor_source *source)
{
    outrider_err err = OUTRIDER_OK;

    a->rules = calloc(source->rule_count + 1, sizeof(*a->rules));
    if (a->rules == NULL)
        return OUTRIDER_E_NOMEM;
    for (; err == OUTRIDER_OK && a->rule_count < source->rule_count; a->rule_count++)
        err = copy_rule(a, &source->rules[a->rule_count], source->at, &a->rules[a->rule_count]);
    return err;
}

/* Places --------------------------------------------------------------------------------------------------------- */

static int compare_places(const void *a, const void *b)
{
    return strcmp(((const struct otr_place *)a)->name, ((const struct otr_place *)b)->name);
}

static size_t count_names(const char *const *names)
{
    size_t count = 0;

    while (names != NULL && names[count] != NULL)
        count++;
    return count;
}

static void take_names(otr_anchors *a, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++)
        a->places[a->place_count++].name = *names;
}

static outrider_err collect_places(otr_anchors *a, outrider_diag *diag)
{
    size_t total = 0, kept = 0;

    for (size_t i = 0; i < a->rule_count; i++)
        if (!a->rules[i].has_ended)
            total += count_names(a->rules[i].shown.names) + count_names(a->rules[i].shown.confine);
    if (total > OTR_ANCHOR_NAMES_MAX)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "the rules hold more than %d names", OTR_ANCHOR_NAMES_MAX);
    a->places = calloc(total + 1, sizeof(*a->places));
    if (a->places == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < a->rule_count; i++) {
        if (a->rules[i].has_ended)
            continue;
        take_names(a, a->rules[i].shown.names);
        take_names(a, a->rules[i].shown.confine);
    }
    qsort(a->places, a->place_count, sizeof(*a->places), compare_places);
    for (size_t i = 0; i < a->place_count; i++)
        if (kept == 0 || compare_places(&a->places[kept - 1], &a->places[i]) != 0)
            a->places[kept++] = a->places[i];
    a->place_count = kept;
    return OUTRIDER_OK;
}

/* Someone below a name, and below no other: "*" is no label of a destination, so no rule names it. False: too long. */
static bool put_example(const struct otr_place *place, char domain[EXAMPLE_SIZE])
{
    return snprintf(domain, EXAMPLE_SIZE, "%s%s", *place->name == '.' ? "*" : "", place->name) < EXAMPLE_SIZE;
}

static outrider_err fill_places(struct making *m)
{
    outrider_err err = find_set(m, "*", &m->a->everyone);
    char domain[EXAMPLE_SIZE];

    for (size_t i = 0; err == OUTRIDER_OK && i < m->a->place_count; i++) {
        struct otr_place *place = &m->a->places[i];

        if (put_example(place, domain))
            err = find_set(m, domain, &place->set);
        else
            err = otr_fail(m->diag, OUTRIDER_E_LIMIT, "a name of more than %d octets", EXAMPLE_SIZE);
    }
    return err;
}

/* The whole ------------------------------------------------------------------------------------------------------ */

static outrider_err compile(struct making *m)
{
    otr_anchors *a = m->a;
    outrider_err err = collect_roots(a, m->source);

    if (err == OUTRIDER_OK)
        err = copy_rules(a, m->source);
    if (err == OUTRIDER_OK)
        err = collect_places(a, m->diag);
    for (int i = 0; err == OUTRIDER_OK && i < OTR_OWN_COUNT; i++)
        if (m->source->own[i] != NULL)
            err = otr_roots_name(m->source->own[i], m->own[i], NULL);
    if (err != OUTRIDER_OK)
        return err;
    m->bits = calloc(a->words, sizeof(otr_word));
    m->heading.rules = calloc(a->rule_count + 1, sizeof(*m->heading.rules));
    return m->bits != NULL && m->heading.rules != NULL ? fill_places(m) : OUTRIDER_E_NOMEM;
}

outrider_err otr_anchors_make(const otr_anchor_source *source, otr_anchors **anchors, outrider_diag *diag)
{
    struct making m = { .a = calloc(1, sizeof(*m.a)), .source = source, .diag = diag };
    outrider_err err = OUTRIDER_E_NOMEM;

    if (m.a != NULL) {
        atomic_init(&m.a->refs, 1);
        m.a->arena = otr_arena_new();
    }
    if (m.a != NULL && m.a->arena != NULL)
        err = compile(&m);
    for (size_t i = 0; m.a != NULL && i < m.a->set_count; i++)
        otr_root_body_unref(m.bodies[i]);
    free(m.bodies);
    free(m.bits);
    free(m.heading.rules);
    if (err == OUTRIDER_OK) {
        *anchors = m.a;
        return OUTRIDER_OK;
    }
    otr_anchors_free(m.a);
    return err == OUTRIDER_E_NOMEM ? otr_fail(diag, err, "out of memory") : err;
}

outrider_err otr_anchors_load(const char *roots, otr_anchors **anchors, outrider_diag *diag)
{
    STACK_OF(X509) *certs = NULL;
    outrider_err err = otr_roots_load(roots, &certs, diag);
    bool is_system = otr_roots_is_system(roots);
    otr_anchor_rule rule = { .name = "default", .file = is_system ? OTR_SYSTEM_ROOTS : roots, .roots = certs };
    otr_anchor_source source = { .rules = &rule, .rule_count = 1 };

    for (int i = 0; is_system && i < OTR_OWN_COUNT; i++)
        source.own[i] = certs;
    if (err == OUTRIDER_OK)
        err = otr_anchors_make(&source, anchors, diag);
    sk_X509_pop_free(certs, X509_free);
    return err;
}

otr_anchors *otr_anchors_ref(otr_anchors *a)
{
    atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
    return a;
}

void otr_anchors_free(otr_anchors *a)
{
    if (a == NULL || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < a->place_count; i++)
        otr_anchor_set_unref(a->places[i].set);
    otr_anchor_set_unref(a->everyone);
    for (size_t i = 0; i < a->set_count; i++)
        otr_anchor_set_unref(a->sets[i]);
    for (size_t i = 0; i < a->rule_count; i++)
        sk_X509_pop_free(a->rules[i].owned_roots, X509_free);
    for (size_t i = 0; i < a->root_count; i++)
        X509_free(a->roots[i].cert);
    free(a->set_bits);
    free(a->sets);
    free(a->places);
    free(a->rules);
    free(a->roots);
    otr_arena_free(a->arena);
    free(a);
}

/* Asking --------------------------------------------------------------------------------------------------------- */

static int compare_name(const void *name, const void *place)
{
    return strcmp(name, ((const struct otr_place *)place)->name);
}

const otr_anchor_set *otr_anchors_for(const otr_anchors *a, const char *domain)
{
    const char *end = domain;

    while (a->place_count > 0 && end != NULL && *end != '\0') {
        const struct otr_place *place = bsearch(end, a->places, a->place_count, sizeof(*a->places), compare_name);

        if (place != NULL)
            return place->set;
        end = strchr(end + 1, '.');
    }
    return a->everyone;
}

outrider_err otr_anchors_each(const otr_anchors *a, otr_anchors_visit *visit, void *arg)
{
    outrider_err err = OUTRIDER_OK;

    for (size_t i = 0; err == OUTRIDER_OK && i < a->set_count; i++)
        err = visit(arg, a->sets[i]);
    return err;
}

outrider_err otr_anchors_each_place(const otr_anchors *a, otr_anchors_visit_place *visit, void *arg)
{
    outrider_err err = visit(arg, "*", a->everyone);
    char domain[EXAMPLE_SIZE];

    for (size_t i = 0; err == OUTRIDER_OK && i < a->place_count; i++)
        if (put_example(&a->places[i], domain)) /* as it was when the set was made */
            err = visit(arg, domain, a->places[i].set);
    return err;
}

/*
 * world.c - see the header.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* Parents, children and look-alikes of one another. */
static const char *const names[WORLD_NAMES] = {
    "example.org", ".example.org", "a.example.org", ".a.example.org", "b.a.example.org", ".b.a.example.org",
    "xexample.org", ".xexample.org", "example.org.example", ".example.org.example", "other.org", ".org",
    "other.example", ".example", "example.com", ".example.com", "a.example.com", ".a.example.com", "aexample.org", ".aexample.org",
};
static const char *const dests[WORLD_NAMES] = {
    "example.org", "z.example.org", "a.example.org", "z.a.example.org", "b.a.example.org", "z.b.a.example.org",
    "xexample.org", "z.xexample.org", "example.org.example", "z.example.org.example", "other.org", "z.other.org",
    "other.example", "z.other.example", "example.com", "z.example.com", "a.example.com", "z.a.example.com", "aexample.org", "z.aexample.org",
};

const char *name_text(name_id name)
{
    return names[name];
}

const char *dest_text(dest_id dest)
{
    return dests[dest];
}

roots world_system(const world *w, const struct view *view)
{
    roots all = 0;

    for (size_t i = 0; i < w->count; i++)
        if (w->facts[i].kind == SYSTEM && (w->facts[i].when & view->side) != 0)
            all |= w->facts[i].certs;
    return all & (roots)~view->left_out;
}

static STACK_OF(X509) *put_certs(roots certs, bool is_reread)
{
    STACK_OF(X509) *stack = sk_X509_new_null();

    for (unsigned i = 0; i < POOL_ROOTS; i++)
        if ((certs >> i & 1) != 0 && sk_X509_push(stack, is_reread ? pool[i].reread : pool[i].cert) <= 0)
            abort();
    return stack;
}

struct lists {
    const char *names[FACT_NAMES + 1], *confine[FACT_NAMES + 1];
    char title[8], file[32];
};

static otr_anchor_rule make_rule(const fact *f, const struct view *view, roots system, struct lists *lists)
{
    roots certs = (f->takes_system ? system : f->certs) & (roots)~view->left_out;
    bool is_confined = f->confine_count > 0 && !view->is_unconfined;

    for (size_t i = 0; i < f->name_count; i++)
        lists->names[i] = name_text(f->names[i]);
    for (size_t i = 0; i < f->confine_count; i++)
        lists->confine[i] = name_text(f->confine[i]);
    snprintf(lists->title, sizeof(lists->title), "r%u", f->title);
    snprintf(lists->file, sizeof(lists->file), "/etc/outrider/r%u.pem", f->title);
    return (otr_anchor_rule){
        .name = f->kind == EXCEPTION ? "exception" : lists->title,
        .file = f->kind == EXCEPTION ? NULL : f->takes_system ? OTR_SYSTEM_ROOTS : lists->file,
        .roots = put_certs(certs, f->is_reread),
        .names = f->name_count > 0 ? lists->names : NULL,
        .confine = is_confined ? lists->confine : NULL,
        .is_only = f->is_only && !view->is_without_only,
        .on_change = f->on_change,
        .until = f->kind != EXCEPTION ? 0 : f->is_ended ? WORLD_TIME : WORLD_TIME + 1,
        .reason = f->kind == EXCEPTION ? "a reason" : NULL,
    };
}

static bool is_rule(const fact *f, const struct view *view)
{
    if ((f->when & view->side) == 0)
        return false;
    return f->kind == RULE || (f->kind == EXCEPTION && !view->is_without_exceptions);
}

otr_anchors *world_anchors(const world *w, const struct view *view)
{
    roots system = world_system(w, view);
    otr_anchor_rule rules[FACTS_MAX];
    struct lists lists[FACTS_MAX] = { 0 };
    STACK_OF(X509) *own[OTR_OWN_COUNT] = { NULL };
    otr_anchor_source source = { .rules = rules, .at = WORLD_TIME };
    otr_anchors *anchors = NULL;
    outrider_diag diag = { .message = "" };

    for (size_t n = 0; n < w->count; n++) {
        size_t i = view->is_backwards ? w->count - 1 - n : n;
        const fact *f = &w->facts[i];

        if (f->kind == OWN && (f->when & view->side) != 0 && own[f->choice] == NULL)
            own[f->choice] = put_certs(f->takes_system ? system : f->certs, false);
        if (is_rule(f, view))
            rules[source.rule_count++] = make_rule(f, view, system, &lists[i]);
    }
    for (int i = 0; i < OTR_OWN_COUNT; i++)
        source.own[i] = own[i];
    if (otr_anchors_make(&source, &anchors, &diag) != OUTRIDER_OK) {
        fprintf(stderr, "world %llu: %s\n", (unsigned long long)w->seed, diag.message);
        abort();
    }
    for (size_t i = 0; i < source.rule_count; i++)
        sk_X509_free((STACK_OF(X509) *)(uintptr_t)rules[i].roots);
    for (int i = 0; i < OTR_OWN_COUNT; i++)
        sk_X509_free(own[i]);
    return anchors;
}

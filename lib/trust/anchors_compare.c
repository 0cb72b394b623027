/*
 * anchors_compare.c - which roots come and go when one set of rules takes the place of another.
 */
#include "trust/anchors.h"

#include <string.h>

/* In one direction: what those of `others` lack. */
struct comparing {
    const otr_anchors *others;
    STACK_OF(X509) *missing; /* owned; sorted while it grows */
    const otr_anchor_set *one, *other; /* compared last: neighbours mostly have the same */
};

static int compare_certs(const X509 *const *a, const X509 *const *b)
{
    return X509_cmp(*a, *b);
}

static outrider_err add_missing(STACK_OF(X509) *missing, X509 *root)
{
    if (sk_X509_find(missing, root) >= 0)
        return OUTRIDER_OK;
    if (sk_X509_push(missing, root) <= 0)
        return OUTRIDER_E_NOMEM;
    X509_up_ref(root);
    return OUTRIDER_OK;
}

static outrider_err compare_place(void *arg, const char *domain, const otr_anchor_set *set)
{
    struct comparing *c = arg;
    const otr_anchor_set *other = otr_anchors_for(c->others, domain);
    outrider_err err = OUTRIDER_OK;

    if ((set == c->one && other == c->other) || strcmp(set->name, other->name) == 0)
        return OUTRIDER_OK;
    c->one = set;
    c->other = other;
    for (int i = 0; err == OUTRIDER_OK && i < sk_X509_num(set->roots); i++)
        if (!otr_anchor_set_has(other, sk_X509_value(set->roots, i)))
            err = add_missing(c->missing, sk_X509_value(set->roots, i));
    return err;
}

/* The names that either knows: one that only the other has may have lost what only it has. */
struct naming {
    struct comparing *comparing;
    const otr_anchors *from;
};

static outrider_err compare_named(void *arg, const char *domain, const otr_anchor_set *set)
{
    const struct naming *naming = arg;

    (void)set;
    return compare_place(naming->comparing, domain, otr_anchors_for(naming->from, domain));
}

static outrider_err find_missing(const otr_anchors *from, const otr_anchors *others, STACK_OF(X509) **missing)
{
    struct comparing c = { .others = others, .missing = sk_X509_new(compare_certs) };
    struct naming naming = { &c, from };
    outrider_err err = c.missing != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;

    if (err == OUTRIDER_OK)
        err = otr_anchors_each_place(from, compare_place, &c);
    if (err == OUTRIDER_OK)
        err = otr_anchors_each_place(others, compare_named, &naming);
    if (err == OUTRIDER_OK) {
        sk_X509_sort(c.missing);
        *missing = c.missing;
    } else {
        sk_X509_pop_free(c.missing, X509_free);
    }
    return err;
}

outrider_err otr_anchors_compare(const otr_anchors *before, const otr_anchors *after, STACK_OF(X509) **leaving,
                                 STACK_OF(X509) **coming)
{
    STACK_OF(X509) *left = NULL, *came = NULL;
    outrider_err err = find_missing(before, after, &left);

    if (err == OUTRIDER_OK)
        err = find_missing(after, before, &came);
    if (err == OUTRIDER_OK) {
        *leaving = left;
        *coming = came;
    } else {
        sk_X509_pop_free(left, X509_free);
    }
    return err;
}

/*
 * root_report_sum.c - see root_report.h: the order of a report, and what can only be said of the whole.
 */
#include "verdict/root_report.h"

#include "base/diag.h"

#include <stdlib.h>
#include <string.h>

/* Order ------------------------------------------------------------------------------------------------------------ */

/* qsort() with nothing to sort may be given NULL, which it must not. */
static void sort(void *list, size_t count, size_t size, int compare(const void *, const void *))
{
    if (count > 1)
        qsort(list, count, size, compare);
}

static int compare_sizes(size_t a, size_t b)
{
    return a > b ? -1 : a < b;
}

typedef struct ranked {
    otr_report_root root;
    size_t was;
} ranked;

static int compare_roots(const void *a, const void *b)
{
    const otr_report_root *left = &((const ranked *)a)->root, *right = &((const ranked *)b)->root;
    int order = compare_sizes(left->destinations, right->destinations);

    if (order == 0)
        order = compare_sizes(left->counts[OTR_EFFECT_DEFERRED], right->counts[OTR_EFFECT_DEFERRED]);
    return order != 0 ? order : strcmp(left->id, right->id);
}

static int compare_cas(const void *a, const void *b)
{
    const otr_report_ca *left = a, *right = b;
    int order = left->root == right->root ? compare_sizes(left->destinations, right->destinations) :
                                            -compare_sizes(left->root, right->root);

    return order != 0 ? order : strcmp(left->id, right->id);
}

static int compare_links(const void *a, const void *b)
{
    return -compare_sizes(((const otr_report_link *)a)->root, ((const otr_report_link *)b)->root);
}

static int compare_rows(const void *a, const void *b)
{
    const otr_report_row *left = a, *right = b;

    if (left->class != right->class)
        return left->class < right->class ? -1 : 1;
    if (left->traffic > right->traffic || left->traffic < right->traffic)
        return left->traffic > right->traffic ? -1 : 1;
    return strcmp(left->domain, right->domain);
}

static int compare_changes(const void *a, const void *b)
{
    const otr_report_change *left = a, *right = b;
    int order;

    if (left->at != right->at)
        return left->at > right->at ? -1 : 1;
    order = strcmp(left->domain, right->domain);
    if (order == 0)
        order = (int)left->role - (int)right->role;
    return order != 0 ? order : strcmp(left->host, right->host);
}

/* Roots move; those who refer to them by index follow. Roots on which nothing hangs go. */
static outrider_err sort_roots(otr_report *r)
{
    ranked *list = calloc(r->root_count + 1, sizeof(*list));
    size_t *becomes = calloc(r->root_count + 1, sizeof(*becomes)), kept = 0;

    if (list == NULL || becomes == NULL) {
        free(list);
        free(becomes);
        return OUTRIDER_E_NOMEM;
    }
    for (size_t i = 0; i < r->root_count; i++)
        list[i] = (ranked){ .root = r->roots[i], .was = i };
    sort(list, r->root_count, sizeof(*list), compare_roots);
    for (size_t i = 0; i < r->root_count; i++) {
        becomes[list[i].was] = i;
        r->roots[i] = list[i].root;
        otr_anchors_free(r->roots[i].after);
        r->roots[i].after = NULL;
        kept += r->roots[i].destinations > 0;
    }
    for (size_t i = kept; i < r->root_count; i++)
        X509_free(r->roots[i].cert);
    r->root_count = kept;
    for (size_t i = 0; i < r->ca_count; i++)
        r->cas[i].root = becomes[r->cas[i].root];
    for (size_t i = 0; i < r->row_count; i++)
        for (size_t k = 0; k < r->rows[i].link_count; k++)
            r->rows[i].links[k].root = becomes[r->rows[i].links[k].root];
    free(list);
    free(becomes);
    return OUTRIDER_OK;
}

/* Changes ---------------------------------------------------------------------------------------------------------- */

static outrider_err count_changes(otr_report *r)
{
    char id[OTR_SHA256_TEXT];

    for (size_t i = 0; i < r->change_count; i++) {
        const otr_report_change *change = &r->changes[i];

        if (!otr_cert_anchor_id(change->to, id))
            return OUTRIDER_E_NOMEM;
        for (size_t k = 0; k < r->root_count; k++) {
            r->roots[k].came += strcmp(r->roots[k].id, id) == 0;
            r->roots[k].left += strcmp(r->roots[k].sha256, change->from) == 0;
        }
    }
    return OUTRIDER_OK;
}

/* Concentration ---------------------------------------------------------------------------------------------------- */

static bool is_at_stake(const otr_report_row *row)
{
    return row->mode != OTR_STS_NONE && !row->has_only_dane && row->link_count > 0;
}

static bool has_link_to(const otr_report_row *row, size_t root)
{
    for (size_t i = 0; i < row->link_count; i++)
        if (row->links[i].root == root)
            return true;
    return false;
}

/* The root that most of those hang on which are not covered yet; the first of several. gains: room for all roots. */
static size_t find_next(const otr_report *r, const bool *is_covered, size_t *gains)
{
    size_t best = 0;

    memset(gains, 0, r->root_count * sizeof(*gains));
    for (size_t i = 0; i < r->row_count; i++)
        for (size_t k = 0; is_at_stake(&r->rows[i]) && !is_covered[i] && k < r->rows[i].link_count; k++)
            gains[r->rows[i].links[k].root]++;
    for (size_t i = 1; i < r->root_count; i++)
        if (gains[i] > gains[best])
            best = i;
    return best;
}

static void cover(otr_report *r, size_t root, bool *is_covered)
{
    otr_concentration *c = &r->concentration;

    for (size_t i = 0; i < r->row_count; i++) {
        if (!is_at_stake(&r->rows[i]) || is_covered[i] || !has_link_to(&r->rows[i], root))
            continue;
        is_covered[i] = true;
        c->covered++;
        c->traffic_covered += r->rows[i].traffic;
    }
}

static bool has_owner_of(const otr_report *r, const size_t *chosen, size_t count, size_t root)
{
    char owner[OTR_CERT_NAME_SIZE], other[OTR_CERT_NAME_SIZE];

    for (size_t i = 0; i < count; i++)
        if (strcmp(otr_cert_owner(r->roots[chosen[i]].cert, other), otr_cert_owner(r->roots[root].cert, owner)) == 0)
            return true;
    return false;
}

static outrider_err concentrate(otr_report *r)
{
    otr_concentration *c = &r->concentration;
    bool *is_covered = calloc(r->row_count + 1, sizeof(*is_covered));
    size_t *chosen = calloc(r->root_count + 1, sizeof(*chosen)), *gains = calloc(r->root_count + 1, sizeof(*gains));
    outrider_err err = is_covered != NULL && chosen != NULL && gains != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;

    for (size_t i = 0; i < r->row_count; i++) {
        c->destinations += is_at_stake(&r->rows[i]);
        c->traffic += is_at_stake(&r->rows[i]) ? r->rows[i].traffic : 0;
    }
    while (err == OUTRIDER_OK && c->covered * 100 < c->destinations * OTR_REPORT_MOST) {
        size_t root = find_next(r, is_covered, gains);

        c->owners += !has_owner_of(r, chosen, c->roots, root);
        chosen[c->roots++] = root;
        cover(r, root, is_covered);
    }
    free(is_covered);
    free(chosen);
    free(gains);
    return err;
}

outrider_err otr_report_finish(otr_report *report, outrider_diag *diag)
{
    outrider_err err = sort_roots(report);

    if (err == OUTRIDER_OK) {
        for (size_t i = 0; i < report->row_count; i++)
            sort(report->rows[i].links, report->rows[i].link_count, sizeof(otr_report_link), compare_links);
        sort(report->rows, report->row_count, sizeof(*report->rows), compare_rows);
        sort(report->cas, report->ca_count, sizeof(*report->cas), compare_cas);
        sort(report->changes, report->change_count, sizeof(*report->changes), compare_changes);
        err = count_changes(report);
    }
    if (err == OUTRIDER_OK)
        err = concentrate(report);
    return err == OUTRIDER_OK ? OUTRIDER_OK : otr_fail(diag, err, "out of memory");
}

/*
 * root_group.c - see root_group.h.
 */
#include "verdict/root_group.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define END SIZE_MAX

/* The links of a row, one after the other, with folded roots as one: each as root and role in one number --------------- */

typedef struct walk {
    const otr_report_row *row;
    size_t root_count; /* of the picture */
    size_t at, last;
    bool is_begun;
} walk;

static size_t fold(size_t root, size_t root_count)
{
    return root < root_count ? root : root_count - 1;
}

/* Numbers ascend. Links are by root, so those that fold into one are neighbours; a role may come up in any of them. */
static size_t next(walk *w)
{
    size_t found = END;

    for (size_t i = 0; i < w->row->link_count; i++)
        for (size_t role = 0; role < OTR_ROLE_COUNT; role++) {
            size_t number = fold(w->row->links[i].root, w->root_count) * OTR_ROLE_COUNT + role;

            if (w->row->links[i].hosts[role] > 0 && (!w->is_begun || number > w->last) && number < found)
                found = number;
        }
    w->is_begun = true;
    w->last = found;
    return found;
}

/* Grouping --------------------------------------------------------------------------------------------------------- */

typedef struct member {
    const otr_report_row *row;
    size_t root_count;
} member;

static int compare_keys(const member *a, const member *b)
{
    walk left = { .row = a->row, .root_count = a->root_count }, right = { .row = b->row, .root_count = b->root_count };

    if (a->row->class != b->row->class)
        return a->row->class < b->row->class ? -1 : 1;
    for (;;) {
        size_t l = next(&left), r = next(&right);

        if (l != r)
            return l < r ? -1 : 1;
        if (l == END)
            return 0;
    }
}

/* Within a group as in the report: rows are one array, in its order. */
static int compare_members(const void *a, const void *b)
{
    const member *left = a, *right = b;
    int order = compare_keys(left, right);

    return order != 0 ? order : (left->row > right->row) - (left->row < right->row);
}

static outrider_err make_group(const member *members, size_t count, otr_group *group)
{
    walk w = { .row = members->row, .root_count = members->root_count };

    *group = (otr_group){ .class = members->row->class, .count = count, .sets = 1 };
    group->links = calloc(members->row->link_count * OTR_ROLE_COUNT + 1, sizeof(*group->links));
    if (group->links == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t number = next(&w); number != END; number = next(&w))
        group->links[group->link_count++] = (otr_group_link){ .root = number / OTR_ROLE_COUNT,
                                                              .role = (otr_role)(number % OTR_ROLE_COUNT), .count = count };
    while (group->name_count < count && group->name_count < OTR_GROUP_NAMES) {
        group->names[group->name_count] = members[group->name_count].row->domain;
        group->name_count++;
    }
    return OUTRIDER_OK;
}

static outrider_err group_all(const otr_report *report, otr_groups *groups)
{
    member *members = calloc(report->row_count + 1, sizeof(*members));
    outrider_err err = members != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;

    groups->list = calloc(report->row_count + 1, sizeof(*groups->list));
    if (groups->list == NULL)
        err = OUTRIDER_E_NOMEM;
    for (size_t i = 0; err == OUTRIDER_OK && i < report->row_count; i++)
        members[i] = (member){ .row = &report->rows[i], .root_count = groups->root_count };
    if (err == OUTRIDER_OK && report->row_count > 1)
        qsort(members, report->row_count, sizeof(*members), compare_members);
    for (size_t i = 0, count; err == OUTRIDER_OK && i < report->row_count; i += count) {
        for (count = 1; i + count < report->row_count && compare_keys(&members[i], &members[i + count]) == 0;)
            count++;
        err = make_group(&members[i], count, &groups->list[groups->count]);
        groups->count += err == OUTRIDER_OK;
    }
    free(members);
    return err;
}

/* Putting together ------------------------------------------------------------------------------------------------- */

static int compare_groups(const otr_group *left, const otr_group *right)
{
    if (left->count != right->count)
        return left->count > right->count ? -1 : 1;
    return strcmp(left->names[0], right->names[0]); /* of a group there is one at least, and a name is in one group */
}

static int compare_size(const void *a, const void *b)
{
    return compare_groups(a, b);
}

/* What was left over stands last in its class, however large it is. */
static int compare_class(const void *a, const void *b)
{
    const otr_group *left = a, *right = b;

    if (left->class != right->class)
        return left->class < right->class ? -1 : 1;
    if ((left->sets > 1) != (right->sets > 1))
        return left->sets > 1 ? 1 : -1;
    return compare_groups(left, right);
}

/* `rest` takes the group in; `counts` are of its links, by number. */
static void merge(otr_group *rest, otr_group *group, size_t *counts)
{
    for (size_t i = 0; i < group->link_count; i++)
        counts[group->links[i].root * OTR_ROLE_COUNT + group->links[i].role] += group->links[i].count;
    if (rest->sets == 0) {
        memcpy(rest->names, group->names, sizeof(rest->names));
        rest->name_count = group->name_count;
        rest->class = group->class;
    }
    rest->count += group->count;
    rest->sets++;
    free(group->links);
    *group = (otr_group){ 0 };
}

static outrider_err list_links(otr_group *rest, const size_t *counts, size_t root_count)
{
    rest->links = calloc(root_count * OTR_ROLE_COUNT + 1, sizeof(*rest->links));
    if (rest->links == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t number = 0; number < root_count * OTR_ROLE_COUNT; number++)
        if (counts[number] > 0)
            rest->links[rest->link_count++] = (otr_group_link){ .root = number / OTR_ROLE_COUNT,
                                                                .role = (otr_role)(number % OTR_ROLE_COUNT),
                                                                .count = counts[number] };
    return OUTRIDER_OK;
}

/* The smallest groups become one in each class; those from `kept` on are the smallest. */
static outrider_err merge_rest(otr_groups *groups, size_t kept)
{
    size_t *counts = calloc(groups->root_count * OTR_ROLE_COUNT + 1, sizeof(*counts)), end = groups->count;
    otr_group rests[OTR_EFFECT_COUNT] = { 0 };
    outrider_err err = counts != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;

    groups->count = kept;
    for (size_t class = 0; err == OUTRIDER_OK && class < OTR_EFFECT_COUNT; class++) {
        memset(counts, 0, groups->root_count * OTR_ROLE_COUNT * sizeof(*counts));
        for (size_t i = kept; i < end; i++)
            if (groups->list[i].count > 0 && (size_t)groups->list[i].class == class)
                merge(&rests[class], &groups->list[i], counts);
        if (rests[class].count > 0)
            err = list_links(&rests[class], counts, groups->root_count);
    }
    for (size_t i = kept; i < end; i++) /* none, unless memory ran out */
        free(groups->list[i].links);
    for (size_t class = 0; class < OTR_EFFECT_COUNT; class++)
        if (rests[class].count > 0)
            groups->list[groups->count++] = rests[class];
    free(counts);
    return err;
}

outrider_err otr_groups_make(const otr_report *report, size_t most_groups, size_t most_roots, otr_groups *groups)
{
    otr_groups made = { .root_count = report->root_count, .is_folded = report->root_count > most_roots };
    outrider_err err;

    assert(most_groups >= OTR_EFFECT_COUNT && most_roots >= 1);
    if (made.is_folded)
        made.root_count = most_roots;
    err = group_all(report, &made);
    if (err == OUTRIDER_OK && made.count > 1)
        qsort(made.list, made.count, sizeof(*made.list), compare_size);
    if (err == OUTRIDER_OK && made.count > most_groups)
        err = merge_rest(&made, most_groups - OTR_EFFECT_COUNT);
    if (err != OUTRIDER_OK) {
        otr_groups_clear(&made);
        return err;
    }
    if (made.count > 1)
        qsort(made.list, made.count, sizeof(*made.list), compare_class);
    *groups = made;
    return OUTRIDER_OK;
}

void otr_groups_clear(otr_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        free(groups->list[i].links);
    free(groups->list);
    *groups = (otr_groups){ 0 };
}

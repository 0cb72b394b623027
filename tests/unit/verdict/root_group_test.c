/*
 * root_group_test.c - destinations in groups. A report is written as words, one a destination: its class, then the roots that it
 * hangs on, "m1" by an MX host on root 1, "p1" by its policy host.
 */
#include "support/cmocka_all.h"
#include "verdict/root_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct made {
    otr_report report;
    otr_report_row rows[300];
    otr_report_link links[300][8];
    char domains[300][24];
} made;

static otr_effect_class class_of(char letter)
{
    size_t i = 0;

    while (*otr_effect_letters[i] != letter)
        i++;
    return (otr_effect_class)i;
}

/* "D m0 p1" */
static void add(made *m, const char *text)
{
    size_t index = m->report.row_count++;
    otr_report_row *row = &m->rows[index];
    char copy[60], *at = copy, *word;

    snprintf(copy, sizeof(copy), "%s", text);
    snprintf(m->domains[index], sizeof(m->domains[index]), "d%03zu.example", index);
    *row = (otr_report_row){ .domain = m->domains[index], .class = class_of(*strsep(&at, " ")), .links = m->links[index] };
    while ((word = strsep(&at, " ")) != NULL) {
        size_t root = (size_t)atoi(word + 1), i = 0;

        while (i < row->link_count && row->links[i].root != root)
            i++;
        if (i == row->link_count)
            row->links[row->link_count++] = (otr_report_link){ .root = root };
        row->links[i].hosts[*word == 'm' ? OTR_ROLE_MX : OTR_ROLE_POLICY]++;
        if (root + 1 > m->report.root_count)
            m->report.root_count = root + 1;
    }
}

static made *begin(void)
{
    made *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    m->report.rows = m->rows;
    return m;
}

/* "D 2 m0 p1 | A 1" */
static void describe(const otr_groups *groups, char text[400])
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < groups->count; i++) {
        const otr_group *g = &groups->list[i];

        len += (size_t)snprintf(text + len, 400 - len, "%s%s %zu", i > 0 ? " | " : "", otr_effect_letters[g->class], g->count);
        if (g->sets > 1)
            len += (size_t)snprintf(text + len, 400 - len, " of %zu", g->sets);
        for (size_t k = 0; k < g->link_count; k++) {
            len += (size_t)snprintf(text + len, 400 - len, " %c%zu", g->links[k].role == OTR_ROLE_MX ? 'm' : 'p', g->links[k].root);
            if (g->links[k].count != g->count)
                len += (size_t)snprintf(text + len, 400 - len, "x%zu", g->links[k].count);
        }
    }
}

static const struct {
    const char *name, *rows[10];
    size_t roots; /* at most */
    const char *want;
} rows[] = {
    { "alike is one", { "D m0 p1", "D p1 m0" }, 9, "D 2 m0 p1" },
    { "another role is another group", { "D m0", "D m0 p0" }, 9, "D 1 m0 | D 1 p0 m0" },
    { "another class is another group", { "D m0", "A m0" }, 9, "D 1 m0 | A 1 m0" },
    { "how many hosts of a destination end there does not matter", { "B m0 m0 m1", "B m0 m1" }, 9, "B 2 m0 m1" },
    { "the worst first, then the largest", { "A m0", "D m1", "D m0", "D m0" }, 9, "D 2 m0 | D 1 m1 | A 1 m0" },
    { "without any root", { "?", "?" }, 9, "? 2" },
    { "roots that are folded are one", { "D m2", "D m3", "D m2 m3", "D m0" }, 3, "D 3 m2 | D 1 m0" },
    { "and still have roles", { "D m2 p3", "D m3 p2" }, 3, "D 2 p2 m2" },
    { "nothing", { NULL }, 9, "" },
};

static void alike_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        made *m = begin();
        otr_groups groups;
        char text[400], want[100];

        for (size_t k = 0; rows[i].rows[k] != NULL; k++)
            add(m, rows[i].rows[k]);
        assert_int_equal(otr_groups_make(&m->report, 99, rows[i].roots, &groups), OUTRIDER_OK);
        describe(&groups, text);
        snprintf(want, sizeof(want), "%s", rows[i].want);
        if (strcmp(text, want) != 0)
            fail_msg("%s\n got  \"%s\"\n want \"%s\"", rows[i].name, text, want);
        otr_groups_clear(&groups);
        free(m);
    }
}

static void names_are_those_that_come_first(void **state)
{
    made *m = begin();
    otr_groups groups;

    (void)state;
    for (int i = 0; i < 5; i++)
        add(m, "D m0");
    assert_int_equal(otr_groups_make(&m->report, 99, 9, &groups), OUTRIDER_OK);
    assert_int_equal(groups.list[0].name_count, OTR_GROUP_NAMES);
    assert_string_equal(groups.list[0].names[0], "d000.example");
    assert_string_equal(groups.list[0].names[2], "d002.example");
    otr_groups_clear(&groups);
    free(m);
}

/* The large groups stay, the small ones become one in each class; nobody is lost. */
static void the_smallest_are_put_together(void **state)
{
    made *m = begin();
    otr_groups groups;
    size_t total = 0;
    char text[60];

    (void)state;
    for (int i = 0; i < 250; i++) {
        snprintf(text, sizeof(text), "%s m%d p%d", i % 2 ? "D" : "A", i < 100 ? 0 : i % 20, i < 100 ? 1 : i % 7);
        add(m, text);
    }
    assert_int_equal(otr_groups_make(&m->report, 20, 8, &groups), OUTRIDER_OK);
    assert_true(groups.count <= 20);
    assert_true(groups.is_folded);
    assert_int_equal(groups.root_count, 8);
    for (size_t i = 0; i < groups.count; i++) {
        const otr_group *g = &groups.list[i];
        bool is_last_of_class = i + 1 == groups.count || groups.list[i + 1].class != g->class;

        total += g->count;
        assert_true(g->name_count > 0);
        if (g->sets > 1)
            assert_true(is_last_of_class);
        for (size_t k = 0; k < g->link_count; k++) {
            assert_true(g->links[k].root < 8);
            assert_true(g->links[k].count > 0 && g->links[k].count <= g->count);
        }
    }
    assert_int_equal(total, 250);
    assert_int_equal(groups.list[0].count, 50);
    otr_groups_clear(&groups);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alike_is_one),
        cmocka_unit_test(names_are_those_that_come_first),
        cmocka_unit_test(the_smallest_are_put_together),
    };

    return cmocka_run_group_tests_name("root_group", tests, NULL, NULL);
}

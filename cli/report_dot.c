/*
 * report_dot.c - the picture of a report for Graphviz, for those who would rather lay it out themselves.
 */
#include "cli/report_picture.h"

#include "cli/report_text.h"

#include <stdio.h>

#define LABEL 120

static void put_group(otr_buf *out, size_t index, const otr_group *group)
{
    otr_buf names = OTR_BUF_INIT;

    otr_put_members(&names, group, LABEL);
    otr_buf_printf(out, "  g%zu [label=\"%s  ", index, otr_effect_letters[group->class]);
    otr_put_destinations(out, group->count);
    otr_buf_puts(out, "\\n");
    otr_put_dot(out, otr_buf_text(&names), LABEL);
    otr_buf_printf(out, "\", fillcolor=\"%s\", fontcolor=\"%s\"%s, tooltip=\"%s\"];\n", otr_class_colour(group->class),
                   otr_class_ink(group->class), group->class == OTR_EFFECT_DANE ? ", peripheries=2" : "", otr_effect_words[group->class]);
    otr_buf_clear(&names);
}

static void put_root(otr_buf *out, size_t index, const otr_report *r, const otr_groups *groups)
{
    char name[OTR_CERT_NAME_SIZE];

    otr_buf_printf(out, "  r%zu [label=\"", index);
    if (groups->is_folded && index + 1 == groups->root_count) {
        otr_buf_printf(out, "%zu other roots", r->root_count - index);
    } else {
        otr_put_dot(out, otr_cert_name(r->roots[index].cert, name), LABEL);
        otr_buf_puts(out, "\\n");
        otr_put_destinations(out, r->roots[index].destinations);
    }
    otr_buf_puts(out, "\", shape=folder, fillcolor=\"#EEF2F7\"];\n");
}

/* As in the SVG: dashed for policy hosts, dotted where DANE decides; the width grows with the number, and stays bounded. */
static void put_link(otr_buf *out, size_t group, const otr_group_link *link, otr_effect_class class, size_t all)
{
    const char *style = link->role == OTR_ROLE_POLICY ? "dashed" : class == OTR_EFFECT_DANE ? "dotted" : "solid";

    otr_buf_printf(out, "  g%zu -> r%zu [label=\"%s %zu\", color=\"%s\", style=%s, penwidth=%.2f];\n", group, link->root,
                   otr_role_names[link->role], link->count, otr_class_colour(class), style,
                   1 + 9.0 * (double)link->count / (double)all);
}

outrider_err otr_report_dot(const otr_report *report, otr_buf *out)
{
    otr_groups groups;
    outrider_err err = otr_groups_make(report, OTR_PICTURE_GROUPS, OTR_PICTURE_ROOTS, &groups);
    char day[OTR_TIME_TEXT];

    if (err != OUTRIDER_OK)
        return err;
    otr_buf_printf(out, "digraph roots {\n  rankdir=LR;\n  labelloc=t;\n"
                        "  label=\"Which roots the mail depends on: %zu destination%s, %s\";\n"
                        "  node [shape=box, style=filled, fontname=\"Helvetica\"];\n"
                        "  edge [dir=none, fontname=\"Helvetica\", fontsize=9];\n",
                   report->row_count, report->row_count == 1 ? "" : "s", otr_time_text(report->at, day));
    if (report->row_count == 0)
        otr_buf_puts(out, "  nothing [label=\"Nothing is recorded yet: outrider trust probe --all\"];\n");
    for (size_t i = 0; i < groups.count; i++)
        put_group(out, i, &groups.list[i]);
    for (size_t i = 0; i < groups.root_count; i++)
        put_root(out, i, report, &groups);
    for (size_t i = 0; i < groups.count; i++)
        for (size_t k = 0; k < groups.list[i].link_count; k++)
            put_link(out, i, &groups.list[i].links[k], groups.list[i].class, report->row_count);
    otr_buf_puts(out, "}\n");
    otr_groups_clear(&groups);
    return out->err;
}

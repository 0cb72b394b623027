/*
 * report_picture.c - see report_picture.h.
 */
#include "cli/report_picture.h"

#include <stdlib.h>

#define HEADING 34        /* the room of a section's heading */
#define SECTION_GAP 16
#define BOX_GAP 8
#define LINE_BOX 32       /* the least height of a box with one line of text, */
#define TWO_LINES_BOX 48  /* with two, */
#define ROOT_BOX 62       /* of a root */
#define ROOT_GAP_MAX 60
#define BAND_MIN 1.5      /* the least width that can be seen */
#define BAND_MOST 9.0     /* of one destination */
#define BANDS_ROOM 420.0  /* of all bands together, as far as BAND_MIN lets them */
#define BAND_GAP 2.0
#define EDGE 10           /* between the bands of a box and its corners */

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Bands -------------------------------------------------------------------------------------------------------------- */

/* What a policy host shows stops no mail, and where DANE decides no CA has a say: such bands are lines, whatever they stand for. */
static bool is_line(const otr_group *group, otr_role role)
{
    return role == OTR_ROLE_POLICY || group->class == OTR_EFFECT_DANE;
}

static outrider_err make_bands(otr_picture *p)
{
    const otr_groups *g = &p->groups;
    size_t room = 0, weight = 0;
    double unit;

    for (size_t i = 0; i < g->count; i++)
        for (size_t k = 0; k < g->list[i].link_count; k++, room++)
            weight += is_line(&g->list[i], g->list[i].links[k].role) ? 0 : g->list[i].links[k].count;
    unit = weight * BAND_MOST > BANDS_ROOM ? BANDS_ROOM / (double)weight : BAND_MOST;
    p->bands = calloc(room + 1, sizeof(*p->bands));
    if (p->bands == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < g->count; i++)
        for (size_t k = 0; k < g->list[i].link_count; k++) {
            const otr_group_link *link = &g->list[i].links[k];
            double width = is_line(&g->list[i], link->role) ? BAND_MIN : larger(BAND_MIN, unit * (double)link->count);

            p->bands[p->band_count++] = (otr_band){ .group = i, .root = link->root, .role = link->role, .count = link->count,
                                                    .width = width };
        }
    return OUTRIDER_OK;
}

/* How much of an edge the bands of a group, or of a root, take. */
static double edge_of(const otr_picture *p, size_t index, bool is_root)
{
    double sum = 0;

    for (size_t i = 0; i < p->band_count; i++)
        if ((is_root ? p->bands[i].root : p->bands[i].group) == index)
            sum += p->bands[i].width + BAND_GAP;
    return sum;
}

/* Side by side, in the order of what is at their other ends, in the middle of the edge. */
static void attach(otr_picture *p, size_t index, bool is_root)
{
    otr_place_on_page place = is_root ? p->root_places[index] : p->group_places[index];
    double y = place.y + (place.height - edge_of(p, index, is_root)) / 2;

    for (size_t i = 0; i < p->band_count; i++) {
        otr_band *band = &p->bands[i];

        if ((is_root ? band->root : band->group) != index)
            continue;
        *(is_root ? &band->to_y : &band->from_y) = y + (band->width + BAND_GAP) / 2;
        y += band->width + BAND_GAP;
    }
}

/* Boxes -------------------------------------------------------------------------------------------------------------- */

static double place_groups(otr_picture *p, double y)
{
    for (size_t i = 0; i < p->groups.count; i++) {
        const otr_group *group = &p->groups.list[i];
        bool is_first = i == 0 || group->class != p->groups.list[i - 1].class;
        double height = larger(group->count > 1 ? TWO_LINES_BOX : LINE_BOX, edge_of(p, i, false) + EDGE);

        if (is_first) {
            y += i > 0 ? SECTION_GAP : 0;
            p->section_y[group->class] = y;
            y += HEADING;
        }
        p->group_places[i] = (otr_place_on_page){ .y = y, .height = height };
        y += height;
        p->section_end[group->class] = y;
        p->section_count[group->class] += group->count;
        y += BOX_GAP;
    }
    return y;
}

/* Spread along the groups where these take more room; else from the top. */
static double place_roots(otr_picture *p, double top, double end)
{
    size_t count = p->groups.root_count;
    double sum = 0, gap, y = top + HEADING;

    for (size_t i = 0; i < count; i++) {
        p->root_places[i].height = larger(ROOT_BOX, edge_of(p, i, true) + EDGE);
        sum += p->root_places[i].height;
    }
    gap = count > 0 ? (end - y - sum) / (double)(count + 1) : 0;
    gap = gap > ROOT_GAP_MAX ? ROOT_GAP_MAX : larger(gap, 2 * BOX_GAP);
    for (size_t i = 0; i < count; i++) {
        p->root_places[i].y = y;
        y += p->root_places[i].height + gap;
    }
    return y - (count > 0 ? gap : 0);
}

outrider_err otr_picture_lay_out(const otr_report *report, double top, otr_picture *picture)
{
    otr_picture p = { .report = report };
    outrider_err err = otr_groups_make(report, OTR_PICTURE_GROUPS, OTR_PICTURE_ROOTS, &p.groups);

    if (err != OUTRIDER_OK)
        return err;
    p.group_places = calloc(p.groups.count + 1, sizeof(*p.group_places));
    p.root_places = calloc(p.groups.root_count + 1, sizeof(*p.root_places));
    err = p.group_places != NULL && p.root_places != NULL ? make_bands(&p) : OUTRIDER_E_NOMEM;
    if (err != OUTRIDER_OK) {
        otr_picture_clear(&p);
        return err;
    }
    p.body_end = place_groups(&p, top);
    p.body_end = larger(p.body_end, place_roots(&p, top, p.body_end));
    for (size_t i = 0; i < p.groups.count; i++)
        attach(&p, i, false);
    for (size_t i = 0; i < p.groups.root_count; i++)
        attach(&p, i, true);
    *picture = p;
    return OUTRIDER_OK;
}

void otr_picture_clear(otr_picture *picture)
{
    otr_groups_clear(&picture->groups);
    free(picture->group_places);
    free(picture->root_places);
    free(picture->bands);
    *picture = (otr_picture){ 0 };
}

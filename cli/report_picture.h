/*
 * report_picture.h - where everything is in the picture of a report: groups of destinations on the left, by class, roots on the
 * right, bands between. A calculation: the same report gives the same picture, and nothing is drawn here.
 *
 * The width is fixed and the height bounded, however many destinations there are: beyond OTR_PICTURE_GROUPS and OTR_PICTURE_ROOTS
 * the smallest are put together. Units are those of SVG.
 */
#ifndef OTR_CLI_REPORT_PICTURE_H
#define OTR_CLI_REPORT_PICTURE_H

#include "base/buf.h"
#include "verdict/root_group.h"

#define OTR_PICTURE_GROUPS 40
#define OTR_PICTURE_ROOTS 24
#define OTR_PICTURE_WIDTH 1160
#define OTR_PICTURE_LEFT 24   /* of the groups */
#define OTR_PICTURE_RIGHT 752 /* of the roots */
#define OTR_PICTURE_BOX 384   /* the width of either */

typedef struct otr_place_on_page {
    double y, height;
} otr_place_on_page;

typedef struct otr_band {
    size_t group, root; /* indices */
    otr_role role;
    size_t count;
    double width;
    double from_y, to_y; /* of its middle, where it leaves the group and comes to the root */
} otr_band;

typedef struct otr_picture {
    const otr_report *report; /* borrowed */
    otr_groups groups;        /* owned, as all here */
    otr_place_on_page *group_places, *root_places;
    double section_y[OTR_EFFECT_COUNT]; /* the top of the heading of each class; 0: it has no group */
    double section_end[OTR_EFFECT_COUNT];
    size_t section_count[OTR_EFFECT_COUNT]; /* destinations */
    otr_band *bands;
    size_t band_count;
    double body_end;          /* the lower edge of all that */
} otr_picture;

/* Of a report that is finished; `top`: where the first heading may begin. OUTRIDER_OK, OUTRIDER_E_NOMEM. */
outrider_err otr_picture_lay_out(const otr_report *report, double top, otr_picture *picture);
void otr_picture_clear(otr_picture *picture);

/* The picture as a document: SVG, and DOT for Graphviz. OUTRIDER_OK, OUTRIDER_E_NOMEM. */
outrider_err otr_report_svg(const otr_report *report, otr_buf *out);
outrider_err otr_report_dot(const otr_report *report, otr_buf *out);

#endif

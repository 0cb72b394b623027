/*
 * report_svg.c - the picture of a report as SVG: it needs no program to be looked at but a browser, and no font but one that is
 * there. No scripts, no references to elsewhere. Colours never stand alone: each has its letter, and what a line means is in how it
 * is drawn, too.
 */
#include "cli/report_picture.h"

#include "cli/report_text.h"

#include <string.h>

#define TITLE "Which roots the mail depends on"
#define TOP 142
#define LEGEND 92          /* its height */
/* Characters that fit, also with a wide font, into a line of a box, in bold and in small letters; into one of the page. */
#define WIDE 42
#define BOLD 42
#define SMALL 50
#define FIGURES 60 /* in small letters, too, but fewer wide ones */
#define PAGE 150
#define ONLY_POLICY "4 3"  /* dashes */
#define ONLY_DANE "1 4"

static void put_line(otr_buf *out, double x, double y, const char *style, const char *text, size_t most)
{
    otr_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style);
    otr_put_xml(out, text, most);
    otr_buf_puts(out, "</text>\n");
}

static void put_badge(otr_buf *out, double x, double y, otr_effect_class class)
{
    otr_buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"20\" height=\"20\" rx=\"4\" fill=\"%s\"/>\n<text x=\"%.1f\" y=\"%.1f\" "
                        "font-size=\"14\" font-weight=\"bold\" text-anchor=\"middle\" fill=\"%s\">%s</text>\n",
                   x, y, otr_class_colour(class), x + 10, y + 15, otr_class_ink(class), otr_effect_letters[class]);
}

/* Head --------------------------------------------------------------------------------------------------------------- */

static void put_head(otr_buf *out, const otr_report *r, double height)
{
    otr_buf line = OTR_BUF_INIT, weight = OTR_BUF_INIT;
    char day[OTR_TIME_TEXT];

    otr_put_destinations(&line, r->row_count);
    otr_buf_printf(&line, " and %zu root%s, as recorded until %s", r->root_count, r->root_count == 1 ? "" : "s",
                   otr_time_text(r->at, day));
    otr_put_concentration(&weight, &r->concentration);
    otr_buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" "
                        "width=\"%d\" height=\"%.0f\" role=\"img\" aria-labelledby=\"title desc\" "
                        "font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\" fill=\"#1A1A1A\">\n"
                        "<title id=\"title\">" TITLE "</title>\n<desc id=\"desc\">",
                   OTR_PICTURE_WIDTH, height, OTR_PICTURE_WIDTH, height);
    otr_put_xml(out, otr_buf_text(&line), PAGE);
    otr_buf_puts(out, ". ");
    otr_put_xml(out, otr_buf_text(&weight), 2 * PAGE);
    otr_buf_puts(out, "</desc>\n");
    otr_buf_printf(out, "<defs>\n<clipPath id=\"left\"><rect x=\"%d\" y=\"0\" width=\"%d\" height=\"%.0f\"/></clipPath>\n"
                        "<clipPath id=\"right\"><rect x=\"%d\" y=\"0\" width=\"%d\" height=\"%.0f\"/></clipPath>\n</defs>\n"
                        "<rect width=\"100%%\" height=\"100%%\" fill=\"#FFFFFF\"/>\n",
                   OTR_PICTURE_LEFT, OTR_PICTURE_BOX - 6, height, OTR_PICTURE_RIGHT, OTR_PICTURE_BOX - 6, height);
    put_line(out, OTR_PICTURE_LEFT, 42, "font-size=\"24\" font-weight=\"bold\"", TITLE, PAGE);
    put_line(out, OTR_PICTURE_LEFT, 66, "font-size=\"14\" fill=\"#444444\"", otr_buf_text(&line), PAGE);
    put_line(out, OTR_PICTURE_LEFT, 88, "font-size=\"14\"", otr_buf_text(&weight), PAGE);
    otr_buf_clear(&line);
    otr_buf_clear(&weight);
}

static void put_column_titles(otr_buf *out)
{
    static const char style[] = "font-size=\"13\" fill=\"#444444\"";

    put_line(out, OTR_PICTURE_LEFT, 124, style, "DESTINATIONS, by what the loss of a root would do", PAGE);
    put_line(out, OTR_PICTURE_RIGHT, 124, style, "ROOTS, by number of destinations", PAGE);
    otr_buf_printf(out, "<path d=\"M%d 132H%d\" stroke=\"#CCCCCC\"/>\n", OTR_PICTURE_LEFT, OTR_PICTURE_WIDTH - OTR_PICTURE_LEFT);
}

/* Bands -------------------------------------------------------------------------------------------------------------- */

static void put_band_title(otr_buf *out, const otr_picture *p, const otr_band *band)
{
    const char *what = band->role == OTR_ROLE_MX ? "MX hosts" : "policy hosts";
    char name[OTR_CERT_NAME_SIZE];
    bool is_rest = p->groups.is_folded && band->root + 1 == p->groups.root_count;

    otr_buf_puts(out, "<title>");
    otr_put_destinations(out, band->count);
    otr_buf_printf(out, ": %s vouched for by ", what);
    otr_put_xml(out, is_rest ? "other roots" : otr_cert_name(p->report->roots[band->root].cert, name), OTR_CERT_NAME_SIZE);
    otr_buf_puts(out, "</title>");
}

static void put_band(otr_buf *out, const otr_picture *p, const otr_band *band)
{
    otr_effect_class class = p->groups.list[band->group].class;
    double from = OTR_PICTURE_LEFT + OTR_PICTURE_BOX, to = OTR_PICTURE_RIGHT, middle = (from + to) / 2;
    bool is_dane = class == OTR_EFFECT_DANE, is_policy = band->role == OTR_ROLE_POLICY;
    const char *opacity = p->groups.list[band->group].sets > 1 ? "0.35" : is_dane || is_policy ? "0.9" : "0.6";

    otr_buf_printf(out, "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\" fill=\"none\" stroke=\"%s\" stroke-width=\"%.2f\" "
                        "stroke-opacity=\"%s\"", from, band->from_y, middle, band->from_y, middle, band->to_y, to, band->to_y,
                   otr_class_colour(class), band->width, opacity);
    if (is_dane || is_policy)
        otr_buf_printf(out, " stroke-dasharray=\"%s\"%s", is_policy ? ONLY_POLICY : ONLY_DANE,
                       is_policy ? "" : " stroke-linecap=\"round\"");
    otr_buf_putc(out, '>');
    put_band_title(out, p, band);
    otr_buf_puts(out, "</path>\n");
}

/* Those of what was left over lie below the others: there are many, and none of them says much. */
static void put_bands(otr_buf *out, const otr_picture *p, bool is_rest)
{
    for (size_t i = 0; i < p->band_count; i++)
        if ((p->groups.list[p->bands[i].group].sets > 1) == is_rest)
            put_band(out, p, &p->bands[i]);
}

/* Groups ------------------------------------------------------------------------------------------------------------- */

static const char *section_words(otr_effect_class class)
{
    return class == OTR_EFFECT_DANE ? "safe, DANE on every MX host" : otr_effect_words[class];
}

/* A shield with a tick: what it says must be seen without reading. */
static void put_shield(otr_buf *out, double x, double y)
{
    otr_buf_printf(out, "<g transform=\"translate(%.1f %.1f)\"><path d=\"M10 0L20 4V11C20 17 15 21 10 23C5 21 0 17 0 11V4Z\" fill=\"%s\"/>"
                        "<path d=\"M5 11L9 15L15 7\" fill=\"none\" stroke=\"#FFFFFF\" stroke-width=\"2.5\"/></g>\n",
                   x, y, otr_class_colour(OTR_EFFECT_DANE));
}

static void put_section(otr_buf *out, const otr_picture *p, otr_effect_class class)
{
    double y = p->section_y[class];
    otr_buf words = OTR_BUF_INIT;

    if (class == OTR_EFFECT_DANE) {
        otr_buf_printf(out, "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" rx=\"10\" fill=\"#E3F4EE\" stroke=\"%s\" "
                            "stroke-width=\"1.5\"/>\n", OTR_PICTURE_LEFT - 12, y - 4, OTR_PICTURE_BOX + 24, p->section_end[class] - y + 12,
                       otr_class_colour(class));
        put_shield(out, OTR_PICTURE_LEFT + OTR_PICTURE_BOX - 24, y + 2);
    }
    put_badge(out, OTR_PICTURE_LEFT, y + 4, class);
    otr_buf_printf(&words, "%s: %zu", section_words(class), p->section_count[class]);
    put_line(out, OTR_PICTURE_LEFT + 28, y + 19, "font-size=\"14\" font-weight=\"bold\"", otr_buf_text(&words), WIDE);
    otr_buf_clear(&words);
}

static void put_group(otr_buf *out, const otr_group *group, otr_place_on_page place)
{
    double x = OTR_PICTURE_LEFT, y = place.y + (place.height - (group->count > 1 ? 34 : 16)) / 2 + 13;
    otr_buf names = OTR_BUF_INIT, words = OTR_BUF_INIT;

    otr_put_members(&names, group, SMALL);
    otr_put_destinations(&words, group->count);
    if (group->sets > 1)
        otr_buf_printf(&words, " of %zu smaller groups", group->sets);
    otr_buf_printf(out, "<g clip-path=\"url(#left)\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" rx=\"4\" fill=\"#F6F6F6\"/>"
                        "<rect x=\"%.1f\" y=\"%.1f\" width=\"6\" height=\"%.1f\" fill=\"%s\"/>\n",
                   x, place.y, OTR_PICTURE_BOX - 6, place.height, x, place.y, place.height, otr_class_colour(group->class));
    put_line(out, x + 16, y, "font-size=\"14\"", group->count > 1 ? otr_buf_text(&words) : group->names[0], WIDE);
    if (group->count > 1)
        put_line(out, x + 16, y + 18, "font-size=\"12\" fill=\"#444444\"", otr_buf_text(&names), SMALL);
    otr_buf_printf(out, "</g><rect x=\"%.1f\" y=\"%.1f\" width=\"6\" height=\"%.1f\" fill=\"%s\" fill-opacity=\"0.5\"/>\n",
                   x + OTR_PICTURE_BOX - 6, place.y, place.height, otr_class_colour(group->class));
    otr_buf_clear(&names);
    otr_buf_clear(&words);
}

/* Roots -------------------------------------------------------------------------------------------------------------- */

/* What a box says: of one root, or of those that have no box of their own. */
typedef struct root_words {
    const char *name;
    otr_buf line;
    size_t counts[OTR_EFFECT_COUNT], total;
} root_words;

static void describe_root(const otr_report_root *root, char name[OTR_CERT_NAME_SIZE], root_words *w)
{
    char day[OTR_TIME_TEXT];

    *w = (root_words){ .name = otr_cert_name(root->cert, name), .line = OTR_BUF_INIT, .total = root->destinations };
    memcpy(w->counts, root->counts, sizeof(w->counts));
    otr_put_destinations(&w->line, root->destinations);
    otr_time_text(root->first_end, day);
    otr_buf_printf(&w->line, " (MX %zu, policy %zu), from %.10s", root->by_role[OTR_ROLE_MX], root->by_role[OTR_ROLE_POLICY], day);
}

/* A destination may hang on several of them, so ties are counted, and not called destinations. */
static void describe_rest(const otr_picture *p, char name[OTR_CERT_NAME_SIZE], root_words *w)
{
    size_t first = p->groups.root_count - 1, count = p->report->root_count - first;

    *w = (root_words){ .name = name, .line = OTR_BUF_INIT };
    snprintf(name, OTR_CERT_NAME_SIZE, "%zu other roots", count);
    for (size_t i = first; i < p->report->root_count; i++) {
        w->total += p->report->roots[i].destinations;
        for (size_t class = 0; class < OTR_EFFECT_COUNT; class++)
            w->counts[class] += p->report->roots[i].counts[class];
    }
    otr_buf_printf(&w->line, "%zu on the largest of them", p->report->roots[first].destinations);
}

/* Its destinations by class, worst first; with the letter where it fits. */
static void put_bar(otr_buf *out, const root_words *w, double x, double y, double width)
{
    for (size_t class = 0; class < OTR_EFFECT_COUNT; class++) {
        double part = width * (double)w->counts[class] / (double)(w->total > 0 ? w->total : 1);

        if (w->counts[class] == 0)
            continue;
        otr_buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"13\" fill=\"%s\" stroke=\"#FFFFFF\" stroke-width=\"0.7\">"
                            "<title>%s %zu: %s</title></rect>\n", x, y, part, otr_class_colour((otr_effect_class)class),
                       otr_effect_letters[class], w->counts[class], otr_effect_words[class]);
        if (part >= 36)
            otr_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" text-anchor=\"middle\" fill=\"%s\">%s %zu</text>\n",
                           x + part / 2, y + 10.5, otr_class_ink((otr_effect_class)class), otr_effect_letters[class], w->counts[class]);
        else if (part >= 10)
            otr_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" text-anchor=\"middle\" fill=\"%s\">%s</text>\n", x + part / 2,
                           y + 10.5, otr_class_ink((otr_effect_class)class), otr_effect_letters[class]);
        x += part;
    }
}

static void put_root(otr_buf *out, const otr_picture *p, size_t index)
{
    otr_place_on_page place = p->root_places[index];
    double x = OTR_PICTURE_RIGHT, y = place.y + (place.height - 52) / 2 + 11;
    bool is_rest = p->groups.is_folded && index + 1 == p->groups.root_count;
    char name[OTR_CERT_NAME_SIZE];
    root_words w;

    if (is_rest)
        describe_rest(p, name, &w);
    else
        describe_root(&p->report->roots[index], name, &w);
    otr_buf_printf(out, "<g clip-path=\"url(#right)\"><title>");
    otr_put_xml(out, w.name, OTR_CERT_NAME_SIZE);
    otr_buf_printf(out, "</title><rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" rx=\"4\" fill=\"#EEF2F7\" stroke=\"#7A8899\"/>\n",
                   x + 0.5, place.y, OTR_PICTURE_BOX - 7, place.height);
    put_line(out, x + 14, y + 2, "font-size=\"14\" font-weight=\"bold\"", w.name, BOLD);
    put_line(out, x + 14, y + 19, "font-size=\"12\" fill=\"#444444\"", otr_buf_text(&w.line), FIGURES);
    put_bar(out, &w, x + 14, y + 26, OTR_PICTURE_BOX - 36);
    otr_buf_puts(out, "</g>\n");
    otr_buf_clear(&w.line);
}

/* Legend ------------------------------------------------------------------------------------------------------------- */

static void put_sample(otr_buf *out, double x, double y, const char *style, const char *words)
{
    otr_buf_printf(out, "<path d=\"M%.1f %.1fh44\" fill=\"none\" %s/>\n", x, y, style);
    put_line(out, x + 54, y + 5, "font-size=\"12\"", words, PAGE);
}

static void put_legend(otr_buf *out, double y)
{
    otr_buf_printf(out, "<path d=\"M%d %.1fH%d\" stroke=\"#CCCCCC\"/>\n", OTR_PICTURE_LEFT, y, OTR_PICTURE_WIDTH - OTR_PICTURE_LEFT);
    put_sample(out, OTR_PICTURE_LEFT, y + 24, "stroke=\"#777777\" stroke-opacity=\"0.6\" stroke-width=\"9\"",
               "certificates of MX hosts end in that root; the width is the number of destinations");
    put_sample(out, OTR_PICTURE_LEFT, y + 46, "stroke=\"#777777\" stroke-width=\"1.5\" stroke-dasharray=\"" ONLY_POLICY "\"",
               "the certificate of the policy host does: without the root the policy is lost when it expires");
    put_sample(out, OTR_PICTURE_LEFT, y + 68, "stroke=\"#009E73\" stroke-width=\"1.5\" stroke-dasharray=\"" ONLY_DANE "\" "
               "stroke-linecap=\"round\"", "an MX host with DANE: it shows such a certificate, and nobody needs to ask a CA");
    put_line(out, OTR_PICTURE_RIGHT, y + 29, "font-size=\"12\"", "The bar of a root: its destinations by class.", PAGE);
    put_line(out, OTR_PICTURE_RIGHT, y + 51, "font-size=\"12\"", "\"From\": when the first of their chains ends.", PAGE);
    put_line(out, OTR_PICTURE_RIGHT, y + 73, "font-size=\"12\"", "Who they are: outrider trust what-if --without ROOT", PAGE);
}

/* The whole ---------------------------------------------------------------------------------------------------------- */

static void put_nothing(otr_buf *out, const otr_report *r)
{
    put_head(out, r, TOP + 40);
    put_line(out, OTR_PICTURE_LEFT, 110, "font-size=\"16\"",
             "Nothing is recorded yet: \"outrider trust probe --all\" asks the MX hosts that outriderd knows.", PAGE);
    otr_buf_puts(out, "</svg>\n");
}

outrider_err otr_report_svg(const otr_report *report, otr_buf *out)
{
    otr_picture p;
    outrider_err err = otr_picture_lay_out(report, TOP, &p);

    if (err != OUTRIDER_OK)
        return err;
    if (report->row_count == 0) {
        put_nothing(out, report);
    } else {
        put_head(out, report, p.body_end + 24 + LEGEND);
        put_column_titles(out);
        for (size_t i = 0; i < OTR_EFFECT_COUNT; i++)
            if (p.section_count[i] > 0)
                put_section(out, &p, (otr_effect_class)i);
        put_bands(out, &p, true);
        put_bands(out, &p, false);
        for (size_t i = 0; i < p.groups.count; i++)
            put_group(out, &p.groups.list[i], p.group_places[i]);
        for (size_t i = 0; i < p.groups.root_count; i++)
            put_root(out, &p, i);
        put_legend(out, p.body_end + 20);
        otr_buf_puts(out, "</svg>\n");
    }
    otr_picture_clear(&p);
    return out->err;
}

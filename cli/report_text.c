/*
 * report_text.c - see report_text.h.
 */
#include "cli/report_text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef void put_character(otr_buf *out, char c);

static void put_xml_character(otr_buf *out, char c)
{
    switch (c) {
    case '&': otr_buf_puts(out, "&amp;"); break;
    case '<': otr_buf_puts(out, "&lt;"); break;
    case '>': otr_buf_puts(out, "&gt;"); break;
    case '"': otr_buf_puts(out, "&quot;"); break;
    case '\'': otr_buf_puts(out, "&#39;"); break;
    default: otr_buf_putc(out, c);
    }
}

/* A backslash begins \N (the name of the node), \n and others: it must never stand alone. */
static void put_dot_character(otr_buf *out, char c)
{
    if (c == '"' || c == '\\')
        otr_buf_putc(out, '\\');
    otr_buf_putc(out, c);
}

static void put_text(otr_buf *out, const char *text, size_t most, put_character *put)
{
    size_t len = strlen(text), kept = len > most ? most - 3 : len;

    for (size_t i = 0; i < kept; i++)
        put(out, text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    if (kept < len)
        otr_buf_puts(out, "...");
}

void otr_put_xml(otr_buf *out, const char *text, size_t most)
{
    put_text(out, text, most, put_xml_character);
}

void otr_put_dot(otr_buf *out, const char *text, size_t most)
{
    put_text(out, text, most, put_dot_character);
}

const char *otr_class_colour(otr_effect_class class)
{
    switch (class) {
    case OTR_EFFECT_DEFERRED: return "#D55E00";
    case OTR_EFFECT_OWN: return "#CC79A7";
    case OTR_EFFECT_DOWNGRADED: return "#E69F00";
    case OTR_EFFECT_UNKNOWN: return "#555555";
    case OTR_EFFECT_REPORTED: return "#0072B2";
    case OTR_EFFECT_OTHER_PATH: return "#56B4E9";
    case OTR_EFFECT_DANE: return "#009E73";
    case OTR_EFFECT_NO_POLICY:
    case OTR_EFFECT_NONE:
    case OTR_EFFECT_COUNT: break;
    }
    return "#B8B8B8";
}

const char *otr_class_ink(otr_effect_class class)
{
    switch (class) {
    case OTR_EFFECT_DEFERRED:
    case OTR_EFFECT_UNKNOWN:
    case OTR_EFFECT_REPORTED:
    case OTR_EFFECT_DANE: return "#FFFFFF";
    case OTR_EFFECT_OWN:
    case OTR_EFFECT_DOWNGRADED:
    case OTR_EFFECT_OTHER_PATH:
    case OTR_EFFECT_NO_POLICY:
    case OTR_EFFECT_NONE:
    case OTR_EFFECT_COUNT: break;
    }
    return "#000000";
}

void otr_put_members(otr_buf *out, const otr_group *group, size_t most)
{
    char more[40] = "";
    size_t named = 0, used = 0, room, more_len = (size_t)snprintf(more, sizeof(more), " and %zu more", group->count);

    assert(most > more_len + 3);
    for (; named < group->name_count; named++) {
        room = named + 1 == group->count ? most : most - more_len;
        used += strlen(group->names[named]) + (named > 0 ? 2 : 0);
        if (named > 0 && used > room)
            break;
        otr_buf_puts(out, named > 0 ? ", " : "");
        put_text(out, group->names[named], room, otr_buf_putc);
    }
    if (group->count > named)
        otr_buf_printf(out, " and %zu more", group->count - named);
}

void otr_put_destinations(otr_buf *out, size_t count)
{
    otr_buf_printf(out, "%zu destination%s", count, count == 1 ? "" : "s");
}

void otr_put_concentration(otr_buf *out, const otr_concentration *c)
{
    if (c->destinations == 0)
        return;
    otr_buf_printf(out, "%zu root%s ", c->roots, c->roots == 1 ? "" : "s");
    if (c->owners < c->roots)
        otr_buf_printf(out, "of %zu owner%s ", c->owners, c->owners == 1 ? "" : "s");
    otr_buf_printf(out, "%s %zu %% of the destinations that rest on MTA-STS alone (%zu of %zu)", c->roots == 1 ? "carries" : "carry",
                   c->covered * 100 / c->destinations, c->covered, c->destinations);
    if (c->traffic > 0)
        otr_buf_printf(out, ", and %.0f %% of the questions about them", 100 * c->traffic_covered / c->traffic);
    otr_buf_putc(out, '.');
}

/*
 * records_print.c - records and plan for people, for a zone file, for nsupdate(1).
 *
 * A zone file gets what may be there now: records that are there and those that may be added at once. What must wait stands in comments
 * with its time, and what a later step takes away is still there. nsupdate gets the steps that may be done now.
 */
#include "cli/records.h"

#include "cli/command.h"

#include <stdarg.h>
#include <string.h>

static const otr_step *step_of(const otr_records_command *c, const otr_record_line *line)
{
    return line->step != OTR_NO_STEP ? &c->records->steps[line->step] : NULL;
}

static bool is_published(const otr_record_line *line)
{
    return line->state == OTR_RECORD_SAME || line->state == OTR_RECORD_DIFFERENT || line->state == OTR_RECORD_EXTRA;
}

void otr_records_put_when(const otr_records_command *c, const otr_step *step, otr_buf *out)
{
    char text[OTR_TIME_TEXT];

    if (otr_step_is_ready(step)) {
        otr_buf_puts(out, "now");
        return;
    }
    for (size_t i = 0; i < step->after_count; i++) {
        otr_buf_puts(out, i > 0 ? ", and " : "");
        if (step->after[i].wait > 0)
            otr_buf_printf(out, "%s ", otr_span_text(step->after[i].wait, text));
        otr_buf_printf(out, "after step %zu", step->after[i].step + 1);
    }
    if (step->wait > 0)
        otr_buf_printf(out, "%s%s from now", step->after_count > 0 ? ", and " : "", otr_span_text(step->wait, text));
    if (step->earliest > c->question.now)
        otr_buf_printf(out, "; not before %s", otr_time_text(step->earliest, text));
}

static void put_comment(otr_buf *out, const char *format, ...) OUTRIDER_PRINTF(2, 3);
static void put_comment(otr_buf *out, const char *format, ...)
{
    char text[2400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    otr_put_comment(text, out);
    otr_buf_putc(out, '\n');
}

static void put_step_comment(const otr_records_command *c, size_t i, otr_buf *out)
{
    const otr_step *s = &c->records->steps[i];
    otr_buf when = OTR_BUF_INIT;

    otr_records_put_when(c, s, &when);
    put_comment(out, "%zu. %s%s: %s", i + 1, otr_buf_text(&when), s->is_optional ? " (all is well without)" : "", s->what);
    otr_buf_clear(&when);
}

static void put_head(const otr_records_command *c, otr_buf *out)
{
    put_comment(out, "%s: records of outrider", c->domain);
    for (size_t i = 0; i < c->note_count; i++)
        put_comment(out, "%s", c->notes[i]);
    for (size_t i = 0; i < c->records->step_count; i++)
        put_step_comment(c, i, out);
}

/* Zone file ----------------------------------------------------------------------------------------------------------------- */

static void put_zone_line(const otr_records_command *c, const otr_record_line *line, otr_buf *out)
{
    const otr_step *step = step_of(c, line);
    bool is_ready = step != NULL && otr_step_is_ready(step);
    bool is_shown = is_published(line) ? !is_ready : is_ready || line->state == OTR_RECORD_NOT_ASKED;

    if (*line->note != '\0')
        put_comment(out, "%s", line->note);
    if (step != NULL && !is_ready)
        put_comment(out, "%s with step %zu:", is_published(line) ? "leaves" : "comes", line->step + 1);
    else if (is_published(line) && is_ready)
        put_comment(out, "leaves now:");
    else if (line->state == OTR_RECORD_UNKNOWN)
        put_comment(out, "wanted; what is there now is not known:");
    else if (!is_shown)
        put_comment(out, "wanted, and not yet to be there:");
    if (!is_shown)
        otr_buf_puts(out, "; ");
    otr_record_put_zone(&line->record, out);
    otr_buf_putc(out, '\n');
}

int otr_records_print_zone(otr_records_command *c, otr_buf *out)
{
    put_head(c, out);
    for (size_t i = 0; i < c->records->set_count; i++) {
        const otr_record_set *set = &c->records->sets[i];

        if (set->line_count == 0 && *set->note == '\0')
            continue;
        otr_buf_putc(out, '\n');
        if (*set->note != '\0')
            put_comment(out, "%s", set->note);
        for (size_t l = 0; l < set->line_count; l++)
            put_zone_line(c, &set->lines[l], out);
    }
    return EX_OK;
}

/* nsupdate ------------------------------------------------------------------------------------------------------------------ */

static int put_zone_of(otr_records_command *c, const otr_record *record, otr_buf *out)
{
    const char *zone = "";

    if (c->is_offline)
        return EX_OK; /* nsupdate finds it */
    if (otr_records_find_zone(&c->net, c->arena, record->owner, &zone) != OUTRIDER_OK)
        return otr_complain(EX_OSERR, OTR_RECORDS_WHAT, "out of memory");
    if (*zone != '\0')
        otr_buf_printf(out, "zone %s.\n", zone);
    else
        put_comment(out, "the zone of %s could not be found out; nsupdate looks for it", record->owner);
    return EX_OK;
}

/* One step is one change of one zone: all of it happens, or nothing (RFC 2136 §3.7). Its records have one owner. */
static int put_update(otr_records_command *c, size_t i, otr_buf *out)
{
    const otr_step *s = &c->records->steps[i];
    const char *mark = otr_step_is_ready(s) ? "" : "; ";
    otr_buf zone = OTR_BUF_INIT;
    int status;

    otr_buf_putc(out, '\n');
    put_step_comment(c, i, out);
    if (s->kind != OTR_STEP_RECORDS)
        return EX_OK;
    status = put_zone_of(c, s->add_count > 0 ? &s->add[0] : &s->remove[0], &zone);
    otr_buf_printf(out, "%s%s", zone.len > 0 && *otr_buf_text(&zone) != ';' ? mark : "", otr_buf_text(&zone));
    otr_buf_clear(&zone);
    for (size_t n = 0; n < s->remove_count; n++) {
        otr_buf_puts(out, mark);
        otr_record_put_delete(&s->remove[n], out);
        otr_buf_putc(out, '\n');
    }
    for (size_t n = 0; n < s->add_count; n++) {
        otr_buf_puts(out, mark);
        otr_record_put_add(&s->add[n], out);
        otr_buf_putc(out, '\n');
    }
    otr_buf_printf(out, "%ssend\n", mark);
    return status;
}

int otr_records_print_nsupdate(otr_records_command *c, otr_buf *out)
{
    int status = EX_OK;

    put_comment(out, "%s: records of outrider; what must wait stands in comments", c->domain);
    for (size_t i = 0; i < c->note_count; i++)
        put_comment(out, "%s", c->notes[i]);
    for (size_t i = 0; status == EX_OK && i < c->records->step_count; i++)
        status = put_update(c, i, out);
    return status;
}

/* People -------------------------------------------------------------------------------------------------------------------- */

static void put_plain(otr_buf *out, const char *text)
{
    otr_buf_put_printable(out, text, strlen(text));
}

static void put_set(const otr_record_set *set, otr_buf *out)
{
    char span[OTR_TIME_TEXT];

    if (set->line_count == 0 && *set->note == '\0')
        return;
    otr_buf_printf(out, "\n  %s", set->asked);
    if (strcmp(set->asked, set->owner) != 0)
        otr_buf_printf(out, " -> %s", set->owner);
    if (set->ttl > 0 && !set->is_absent)
        otr_buf_printf(out, "  (TTL %s%s)", otr_span_text(set->ttl, span), set->is_signed ? ", signed" : "");
    otr_buf_putc(out, '\n');
    for (size_t l = 0; l < set->line_count; l++) {
        const otr_record_line *line = &set->lines[l];

        otr_buf_printf(out, "    %-10s%-6s", otr_record_state_names[line->state], otr_rr_type_name(line->record.type));
        otr_record_put_rdata(&line->record, out);
        otr_buf_putc(out, '\n');
        if (*line->note != '\0') {
            otr_buf_puts(out, "              ");
            put_plain(out, line->note);
            otr_buf_putc(out, '\n');
        }
    }
    if (*set->note != '\0') {
        otr_buf_puts(out, "    ");
        put_plain(out, set->note);
        otr_buf_putc(out, '\n');
    }
}

static void put_step(const otr_records_command *c, size_t i, otr_buf *out)
{
    const otr_step *s = &c->records->steps[i];

    otr_buf_printf(out, "  %zu. ", i + 1);
    otr_records_put_when(c, s, out);
    otr_buf_printf(out, "%s:\n     ", s->is_optional ? " (all is well without)" : "");
    put_plain(out, s->what);
    otr_buf_puts(out, "\n     ");
    put_plain(out, s->why);
    otr_buf_putc(out, '\n');
    for (size_t n = 0; n < s->remove_count + s->add_count; n++) {
        otr_buf_puts(out, n < s->remove_count ? "       - " : "       + ");
        otr_record_put_zone(n < s->remove_count ? &s->remove[n] : &s->add[n - s->remove_count], out);
        otr_buf_putc(out, '\n');
    }
}

int otr_records_print_text(otr_records_command *c, otr_buf *out)
{
    const otr_records_question *q = &c->question;
    static const char *const sources[] = {
        [OTR_POLICY_ABSENT] = "no policy", [OTR_POLICY_CONFIGURED] = "as configured", [OTR_POLICY_IN_SERVICE] = "in service",
        [OTR_POLICY_RETIRED] = "policy retired",
    };

    otr_buf_printf(out, "%s: ", c->domain);
    if (q->source == OTR_POLICY_CONFIGURED || q->source == OTR_POLICY_IN_SERVICE)
        otr_buf_printf(out, "policy %s, id %s, ", otr_sts_mode_names[q->mode], q->id);
    otr_buf_printf(out, "%s\n", sources[q->source]);
    for (size_t i = 0; i < c->note_count; i++) {
        otr_buf_puts(out, "  ");
        put_plain(out, c->notes[i]);
        otr_buf_putc(out, '\n');
    }
    for (size_t i = 0; i < c->records->set_count; i++)
        put_set(&c->records->sets[i], out);
    otr_buf_puts(out, c->records->step_count > 0 ? "\nWhat to do:\n" : "\nThere is nothing to do.\n");
    for (size_t i = 0; i < c->records->step_count; i++)
        put_step(c, i, out);
    return EX_OK;
}

/*
 * tlsa_generate_print.c - records that were made, for a zone file, for nsupdate, as JSON, or bare where their name is not known.
 */
#include "cli/tlsa_generate.h"
#include "cli/command.h"

#include <jansson.h>

#define RECORDS_GOOD 12 /* large senders have failed with more */

static void put_from(const otr_generated *one, otr_buf *out)
{
    otr_buf line = OTR_BUF_INIT;

    otr_buf_printf(&line, "%s: %s", one->key, one->from);
    otr_put_comment(otr_buf_text(&line), out);
    otr_buf_putc(out, '\n');
    otr_buf_clear(&line);
}

static void put_warnings(const otr_generation *g, otr_buf *out)
{
    for (size_t i = 0; i < g->warning_count; i++) {
        otr_put_comment(g->warnings[i], out);
        otr_buf_putc(out, '\n');
    }
}

static void write_text(const otr_generation *g, otr_generate_form form, otr_buf *out)
{
    bool is_bare = *g->owner == '\0';

    if (!is_bare)
        put_warnings(g, out);
    if (form == OTR_GENERATE_NSUPDATE && *g->zone != '\0')
        otr_buf_printf(out, "zone %s.\n", g->zone);
    for (size_t i = 0; i < g->count; i++) {
        if (!is_bare)
            put_from(&g->list[i], out);
        if (is_bare)
            otr_record_put_rdata(&g->list[i].record, out);
        else if (form == OTR_GENERATE_NSUPDATE)
            otr_record_put_add(&g->list[i].record, out);
        else
            otr_record_put_zone(&g->list[i].record, out);
        otr_buf_putc(out, '\n');
    }
    if (form == OTR_GENERATE_NSUPDATE)
        otr_buf_puts(out, "send\n");
}

static json_t *record_object(const otr_generated *one, bool has_owner)
{
    otr_tlsa tlsa = otr_tlsa_from_rdata((const uint8_t *)one->record.rdata.ptr, one->record.rdata.len);
    otr_buf rdata = OTR_BUF_INIT, line = OTR_BUF_INIT;
    json_t *object;

    otr_record_put_rdata(&one->record, &rdata);
    otr_record_put_zone(&one->record, &line);
    object = json_pack("{s:s, s:i, s:i, s:i, s:s?, s:s, s:s}", "record", otr_buf_text(&rdata), "usage", tlsa.usage, "selector",
                       tlsa.selector, "mtype", tlsa.mtype, "zone", has_owner ? otr_buf_text(&line) : NULL, "key", one->key, "from",
                       one->from);
    otr_buf_clear(&rdata);
    otr_buf_clear(&line);
    return object;
}

static int write_json(const otr_generation *g, int status)
{
    json_t *records = json_array(), *warnings = json_array();

    for (size_t i = 0; i < g->count; i++)
        json_array_append_new(records, record_object(&g->list[i], *g->owner != '\0'));
    for (size_t i = 0; i < g->warning_count; i++)
        json_array_append_new(warnings, json_string(g->warnings[i]));
    return otr_print_json(json_pack("{s:s?, s:i, s:s?, s:i, s:o, s:o}", "host", *g->host != '\0' ? g->host : NULL, "port", g->port,
                                    "owner", *g->owner != '\0' ? g->owner : NULL, "ttl", (int)g->ttl, "records", records, "warnings",
                                    warnings), status);
}

int otr_generate_write(otr_generation *g, otr_generate_form form)
{
    otr_buf out = OTR_BUF_INIT;
    int status;

    if (g->count > RECORDS_GOOD)
        otr_generate_warn(g, "more than 12 TLSA records at one name: large senders have failed with so many");
    status = g->warning_count > 0 ? 1 : EX_OK;
    if (otr_arena_failed(g->arena))
        return otr_complain(EX_OSERR, g->what, "out of memory");
    for (size_t i = 0; i < g->warning_count; i++)
        otr_complain(status, g->what, "%s", g->warnings[i]);
    if (form == OTR_GENERATE_JSON)
        return write_json(g, status);
    write_text(g, form, &out);
    if (out.err != OUTRIDER_OK)
        status = otr_complain(EX_OSERR, g->what, "out of memory");
    else
        fputs(otr_buf_text(&out), stdout);
    otr_buf_clear(&out);
    return otr_flush_output(status);
}

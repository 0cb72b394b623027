/*
 * tlsa_advice.c - see tlsa_advice.h.
 */
#include "cli/tlsa_advice.h"

#include <jansson.h>
#include <stdio.h>

#define TTL_DEFAULT 3600 /* s */

/* Where there is no section the records that are there set the example (RFC 2181 §5.2: one TTL an RRset). */
uint32_t otr_tlsa_record_ttl(const otr_tlsa_conf *conf, const otr_authority *a)
{
    if (conf != NULL)
        return conf->ttl;
    for (size_t i = 0; i < a->server_count; i++)
        if (a->servers[i].state == OTR_SERVER_ANSWERED && a->servers[i].set.count > 0)
            return a->servers[i].set.ttl;
    return TTL_DEFAULT;
}

void otr_tlsa_nsupdate(const otr_tlsa_report *r, otr_buf *out)
{
    const otr_rollover_advice *advice = r->advice;

    if (advice->add_count + advice->remove_count == 0 || *r->authority->zone == '\0')
        return;
    otr_buf_printf(out, "zone %s.\n", r->authority->zone);
    for (size_t i = 0; i < advice->add_count; i++) {
        otr_buf_puts(out, "update add ");
        otr_tlsa_zone_line(r->authority, r->ttl, advice->add[i], out);
        otr_buf_putc(out, '\n');
    }
    for (size_t i = 0; i < advice->remove_count; i++)
        otr_buf_printf(out, "update delete %s. IN TLSA %s\n", r->authority->name, advice->remove[i]);
    otr_buf_puts(out, "send\n");
}

/* The command that goes on from here. */
static void put_command(const otr_tlsa_report *r, otr_buf *out)
{
    const otr_rollover_advice *advice = r->advice;

    if (advice->act == OTR_ACT_SWITCH)
        otr_buf_printf(out, "outrider tlsa guard --cert NEW.pem --host %s%s && install it, reload the mail server; ", r->authority->host, r->options);
    if (advice->act != OTR_ACT_NOTHING)
        otr_buf_printf(out, "outrider tlsa plan %s%s", r->authority->host, r->options);
}

static void print_change(const otr_tlsa_report *r)
{
    otr_buf line = OTR_BUF_INIT;

    for (size_t i = 0; i < r->advice->add_count; i++) {
        otr_buf_reset(&line);
        otr_tlsa_zone_line(r->authority, r->ttl, r->advice->add[i], &line);
        printf("  add       %s\n", otr_buf_text(&line));
    }
    for (size_t i = 0; i < r->advice->remove_count; i++) {
        otr_buf_reset(&line);
        otr_tlsa_zone_line(r->authority, r->ttl, r->advice->remove[i], &line);
        printf("  delete    %s\n", otr_buf_text(&line));
    }
    otr_buf_clear(&line);
}

void otr_tlsa_print_report(const otr_tlsa_report *r, otr_check_status least)
{
    const otr_rollover *p = r->rollover;
    otr_buf command = OTR_BUF_INIT;
    char when[OTR_TIME_TEXT];

    printf("%s:%u  %s%s", r->authority->host, r->authority->port, otr_rollover_state_names[p->state], p->is_emergency ? ", emergency" : "");
    if (p->since > 0)
        printf(", since %s", otr_time_text(p->since, when));
    printf(": %s\n", otr_rollover_state_words(p->state));
    for (size_t i = 0; i < p->pair_count; i++)
        printf("  %-9s %s -> %s%s%s\n", p->pairs[i].algorithm, *p->pairs[i].current != '\0' ? p->pairs[i].current : "(none)",
               p->pairs[i].next, *p->pairs[i].key != '\0' ? "  " : "", p->pairs[i].key);
    otr_tlsa_print_findings(r->findings, least);
    print_change(r);
    put_command(r, &command);
    printf("  next      %s\n", r->advice->words);
    if (command.len > 0)
        printf("  then      %s\n", otr_buf_text(&command));
    otr_buf_clear(&command);
}

/* JSON --------------------------------------------------------------------------------------------------------------- */

static json_t *texts(const char *const *list, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

static json_t *pairs(const otr_rollover *p)
{
    json_t *array = json_array();

    for (size_t i = 0; i < p->pair_count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s?, s:s, s:s?}", "algorithm", p->pairs[i].algorithm, "current",
                                               *p->pairs[i].current != '\0' ? p->pairs[i].current : NULL, "next", p->pairs[i].next, "key",
                                               *p->pairs[i].key != '\0' ? p->pairs[i].key : NULL));
    return array;
}

static json_t *servers(const otr_authority *a)
{
    json_t *array = json_array();

    for (size_t i = 0; i < a->server_count; i++) {
        const otr_server_word *w = &a->servers[i];
        json_t *item = json_pack("{s:s, s:s, s:b}", "server", w->server, "address", w->address, "answered", w->state == OTR_SERVER_ANSWERED);

        if (w->state == OTR_SERVER_ANSWERED)
            json_object_update_new(item, json_pack("{s:I, s:I, s:I, s:I}", "serial", (json_int_t)w->serial, "refresh", (json_int_t)w->refresh,
                                                   "records", (json_int_t)w->set.count, "ttl", (json_int_t)w->set.ttl));
        else
            json_object_set_new(item, "reason", json_string(w->reason));
        json_array_append_new(array, item);
    }
    return array;
}

static json_t *in_service(const otr_service *s)
{
    json_t *array = json_array();

    for (size_t i = 0; i < s->count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:o}", "address", s->chains[i].address, "algorithm", s->chains[i].algorithm,
                                               "record", s->chains[i].record, "not_after", otr_tlsa_time_json(s->chains[i].not_after)));
    return array;
}

json_t *otr_tlsa_report_json(const otr_tlsa_report *r)
{
    const otr_rollover *p = r->rollover;
    const otr_rollover_advice *advice = r->advice;
    otr_buf lines = OTR_BUF_INIT, command = OTR_BUF_INIT;
    json_t *json;

    otr_tlsa_nsupdate(r, &lines);
    put_command(r, &command);
    json = json_pack("{s:s, s:i, s:s, s:o, s:b, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:s?, s:s?, s:o, s:o, s:s, s:o}", "host",
                     r->authority->host, "port", (int)r->authority->port, "state", otr_rollover_state_names[p->state], "since",
                     otr_tlsa_time_json(p->since), "emergency", p->is_emergency, "scheme", otr_rollover_scheme_names[p->scheme], "pairs",
                     pairs(p), "act", otr_rollover_act_names[advice->act], "next", advice->words, "until",
                     otr_tlsa_time_json(advice->until), "add", texts(advice->add, advice->add_count), "remove",
                     texts(advice->remove, advice->remove_count), "nsupdate", lines.len > 0 ? otr_buf_text(&lines) : NULL, "command",
                     command.len > 0 ? otr_buf_text(&command) : NULL, "servers", servers(r->authority), "service", in_service(r->service),
                     "status", otr_check_status_names[otr_findings_worst(r->findings)], "results", otr_tlsa_findings_json(r->findings));
    otr_buf_clear(&lines);
    otr_buf_clear(&command);
    return json;
}

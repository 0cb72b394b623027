/*
 * records_json.c - records and plan as one object.
 */
#include "cli/records.h"

#include "cli/command.h"

#include <jansson.h>

static json_t *record_object(const otr_record *r)
{
    otr_buf rdata = OTR_BUF_INIT, zone = OTR_BUF_INIT;
    json_t *object;

    otr_record_put_rdata(r, &rdata);
    otr_record_put_zone(r, &zone);
    object = json_pack("{s:s, s:s, s:I, s:s, s:s}", "owner", r->owner, "type", otr_rr_type_name(r->type), "ttl", (json_int_t)r->ttl, "data",
                       otr_buf_text(&rdata), "zone", otr_buf_text(&zone));
    otr_buf_clear(&rdata);
    otr_buf_clear(&zone);
    return object;
}

static json_t *step_or_null(size_t step)
{
    return step != OTR_NO_STEP ? json_integer((json_int_t)step + 1) : json_null();
}

static json_t *set_object(const otr_record_set *set)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < set->line_count; i++) {
        const otr_record_line *line = &set->lines[i];
        json_t *object = record_object(&line->record);

        json_object_set_new(object, "state", json_string(otr_record_state_names[line->state]));
        json_object_set_new(object, "note", json_string(line->note));
        json_object_set_new(object, "step", step_or_null(line->step));
        json_array_append_new(lines, object);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:s, s:o}", "role", otr_record_role_names[set->role], "host", set->host, "name",
                     set->asked, "owner", set->owner, "signed", set->is_signed, "ttl", (json_int_t)set->ttl, "note", set->note, "records",
                     lines);
}

static json_t *record_list(const otr_record *records, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, record_object(&records[i]));
    return list;
}

static json_t *step_object(const otr_step *s, size_t i)
{
    json_t *after = json_array();
    char earliest[OTR_TIME_TEXT];

    for (size_t n = 0; n < s->after_count; n++)
        json_array_append_new(after, json_pack("{s:I, s:I}", "step", (json_int_t)s->after[n].step + 1,
                                               "wait", (json_int_t)s->after[n].wait));
    return json_pack("{s:I, s:s, s:s, s:s, s:b, s:b, s:o, s:I, s:s, s:o, s:o}",
                     "step", (json_int_t)i + 1,
                     "kind", otr_step_kind_names[s->kind],
                     "what", s->what,
                     "why", s->why,
                     "ready", otr_step_is_ready(s),
                     "optional", s->is_optional,
                     "after", after,
                     "wait", (json_int_t)s->wait,
                     "earliest", otr_time_text(s->earliest, earliest),
                     "remove", record_list(s->remove, s->remove_count),
                     "add", record_list(s->add, s->add_count));
}

static json_t *policy_object(const otr_records_question *q)
{
    static const char *const sources[] = {
        [OTR_POLICY_ABSENT] = "none", [OTR_POLICY_CONFIGURED] = "configured", [OTR_POLICY_IN_SERVICE] = "in-service",
        [OTR_POLICY_RETIRED] = "retired",
    };
    bool has_policy = q->source == OTR_POLICY_CONFIGURED || q->source == OTR_POLICY_IN_SERVICE;

    return json_pack("{s:s, s:s?, s:s?}", "source", sources[q->source], "mode", has_policy ? otr_sts_mode_names[q->mode] : NULL, "id",
                     has_policy ? q->id : NULL);
}

int otr_records_print_json(otr_records_command *c, int status)
{
    json_t *sets = json_array(), *steps = json_array(), *notes = json_array();

    for (size_t i = 0; i < c->records->set_count; i++)
        json_array_append_new(sets, set_object(&c->records->sets[i]));
    for (size_t i = 0; i < c->records->step_count; i++)
        json_array_append_new(steps, step_object(&c->records->steps[i], i));
    for (size_t i = 0; i < c->note_count; i++)
        json_array_append_new(notes, json_string(c->notes[i]));
    return otr_print_json(json_pack("{s:s, s:o, s:b, s:o, s:o, s:o}",
                                    "domain", c->domain,
                                    "policy", policy_object(&c->question),
                                    "whole_ttls", c->question.has_whole_ttls,
                                    "sets", sets,
                                    "steps", steps,
                                    "notes", notes), status);
}

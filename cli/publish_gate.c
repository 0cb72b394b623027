/*
 * publish_gate.c - see publish_gate.h.
 */
#include "cli/publish_gate.h"

#include "cli/publish_print.h"

json_t *otr_gate_list(const otr_check_report *report, otr_gate_listed *which)
{
    json_t *found = json_array();

    for (size_t i = 0; i < report->count; i++)
        if (which(&report->results[i]))
            json_array_append_new(found, otr_result_json(&report->results[i]));
    return found;
}

bool otr_gate_print(const otr_check_report *report, otr_gate_listed *which)
{
    bool is_any = false;

    for (size_t i = 0; i < report->count; i++) {
        if (!which(&report->results[i]))
            continue;
        is_any = true;
        fprintf(stderr, "  %-8s ", otr_check_status_names[report->results[i].status]);
        otr_print_result(stderr, &report->results[i]);
        if (*report->results[i].fix != '\0')
            fprintf(stderr, "           fix: %s\n", report->results[i].fix);
    }
    return is_any;
}

const char *otr_gate_words(otr_gate gate)
{
    switch (gate) {
    case OTR_GATE_OPEN: break;
    case OTR_GATE_SHUT: return "mail would not come";
    case OTR_GATE_UNKNOWN: return "it could not be found out whether mail would still come";
    case OTR_GATE_UNHEARD: return "the policy host would not hand it out, as seen from here";
    }
    return "";
}

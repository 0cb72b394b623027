/*
 * tlsa_advice.h - what plan and status print of a change of keys: for people, as JSON, and as lines for nsupdate(1).
 */
#ifndef OTR_CLI_TLSA_ADVICE_H
#define OTR_CLI_TLSA_ADVICE_H

#include "cli/tlsa_common.h"
#include "publish/rollover.h"

typedef struct otr_tlsa_report {
    const otr_authority *authority;
    const otr_rollover *rollover;
    const otr_rollover_advice *advice;
    const otr_findings *findings;
    const otr_service *service;
    uint32_t ttl;          /* s; of records to be added */
    const char *options;   /* " --config FILE", to be repeated in commands; "" */
} otr_tlsa_report;

/* The TTL of records to be added: of the section, or as those that are there. */
uint32_t otr_tlsa_record_ttl(const otr_tlsa_conf *conf, const otr_authority *authority);

/* The change as lines, "" if there is none: what is to be added and what is to be deleted, each by name; nothing is replaced. */
void otr_tlsa_nsupdate(const otr_tlsa_report *report, otr_buf *out);

void otr_tlsa_print_report(const otr_tlsa_report *report, otr_check_status least);
struct json_t *otr_tlsa_report_json(const otr_tlsa_report *report);

#endif

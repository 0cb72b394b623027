/*
 * trust_report.h - what `outrider trust report` has found out, and showing it.
 */
#ifndef OTR_CLI_TRUST_REPORT_H
#define OTR_CLI_TRUST_REPORT_H

#include "cli/trust_common.h"
#include "verdict/root_report.h"

typedef struct otr_trust_report {
    otr_report report;        /* owned */
    const char *store_path;   /* borrowed */
    bool is_recorded;         /* there is a store */
    bool has_cas;             /* show the CAs between, too */
    bool is_all;              /* lists are not cut */
    unsigned recent_days;
    STACK_OF(X509) *known;    /* owned: roots of now, to name those that a host has left */
    const char **unrecorded;  /* owned array, NULL-terminated: domains that were asked for, of which nothing is known */
} otr_trust_report;

void otr_trust_report_print(const otr_trust_report *t);
struct json_t *otr_trust_report_json(const otr_trust_report *t); /* NULL: out of memory */

/* The root with this fingerprint, by its name; the fingerprint, where no rule has it any more. */
const char *otr_trust_report_name(const otr_trust_report *t, const char *sha256, char name[OTR_CERT_NAME_SIZE]);

#endif

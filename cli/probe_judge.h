/*
 * probe_judge.h - whether mail would go to a host that showed this. Pure: the time is an argument.
 */
#ifndef OTR_CLI_PROBE_JUDGE_H
#define OTR_CLI_PROBE_JUDGE_H

#include "cli/probe_run.h"
#include "dane/match.h"
#include "trust/verify.h"

typedef enum otr_probe_verdict {
    OTR_PROBE_ACCEPTED, /* what must be verified for this destination is verified */
    OTR_PROBE_REFUSED,  /* mail would not go to it */
    OTR_PROBE_UNKNOWN,  /* nothing was learned of the host */
    OTR_PROBE_VERDICT_COUNT
} otr_probe_verdict;
extern const char *const otr_probe_verdict_names[]; /* "accepted", "refused", "unknown" */

typedef struct otr_probe_judgement {
    otr_probe_verdict verdict;
    char reason[400];          /* one sentence for people */
    bool has_chain;            /* with it: */
    otr_verification pkix;     /* under the anchors of the destination, also where no CA has a say */
    otr_time expires_at;       /* accepted: the first end in the path; else that of the host's own certificate */
    bool has_dane;             /* the host has usable TLSA records, and with it: */
    otr_dane_result dane;
} otr_probe_judgement;

/* OUTRIDER_OK or OUTRIDER_E_NOMEM. Clear it afterwards. */
outrider_err otr_probe_judge(const otr_verdict *verdict, size_t host, const otr_probe_note *note, otr_time at,
                             otr_probe_judgement *judgement);
void otr_probe_judgement_clear(otr_probe_judgement *judgement);

#endif

/*
 * gate.h - whether a policy may be enforced (PUB-07): every MX host that DNS names is one of the policy, offers STARTTLS with TLS 1.2
 * or later, and shows at each address a certificate that each bundle of roots accepts. Pure: a judgement of the checks, made of a proposal.
 *
 * What could not be found out bars as well, and is another word: nobody knows whether mail would be lost. And a policy that its host would not
 * hand out, as seen from outside, is not enforced: a third word, for no mail would be lost.
 */
#ifndef OTR_PUBLISH_GATE_H
#define OTR_PUBLISH_GATE_H

#include "publish/check.h"

typedef enum otr_gate { OTR_GATE_OPEN, OTR_GATE_SHUT, OTR_GATE_UNKNOWN, OTR_GATE_UNHEARD } otr_gate;

/* Of all that are needed to judge: what otr_checks_run() must have been asked for. */
#define OTR_GATE_GROUPS (OTR_CHECKS_DNS | OTR_CHECKS_SMTP | OTR_CHECKS_STS)

otr_gate otr_gate_judge(const otr_check_report *report);

/* Whether this result is a reason why the gate is not open. */
bool otr_gate_is_barred_by(const otr_check_result *result);

/* Whether it is worth a word though it bars nothing: the policy host could not be reached from here, serves another text, ... */
bool otr_gate_warns_of(const otr_check_result *result);

#endif

/*
 * findings_pack.h - a finding as few octets, and back (base/pack.h). The destination is left out: whoever keeps it knows it.
 */
#ifndef OTR_VERDICT_FINDINGS_PACK_H
#define OTR_VERDICT_FINDINGS_PACK_H

#include "base/pack.h"
#include "verdict/findings.h"

void otr_mx_finding_pack(const otr_mx_finding *finding, otr_buf *out);

/* One reference; the same as what was packed. NULL: out of memory. */
otr_mx_finding *otr_mx_finding_unpack(otr_unpack *in, const otr_destination *destination);

#endif

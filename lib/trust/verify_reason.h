/*
 * verify_reason.h - why a certificate was refused, in one sentence for a postmaster: which certificate it is, and what is
 * wrong with it. Internal to lib/trust.
 */
#ifndef OTR_TRUST_VERIFY_REASON_H
#define OTR_TRUST_VERIFY_REASON_H

#include "trust/verify.h"

/* Writes v->reason from its error, depth and path. host: the name that was asked for; NULL: one that no host can have. */
void otr_verification_explain(otr_verification *v, const char *host);

#endif

/*
 * admit.h - whether an exception may be made, and what to say to the one who makes it. Pure: it looks at the anchors as
 * they are.
 */
#ifndef OTR_DAEMON_KEEPER_ADMIT_H
#define OTR_DAEMON_KEEPER_ADMIT_H

#include "base/buf.h"
#include "trust/anchors.h"
#include "trust/exception.h"

/*
 * Refused if it would not count: the destination has a rule that says `only`, or the root is confined to others. One note
 * a line is added to `notes` where it changes nothing today. OUTRIDER_OK or OUTRIDER_E_SYNTAX.
 */
outrider_err otr_exception_admit(const otr_exception *exception, const otr_anchors *before, otr_buf *notes,
                                 outrider_diag *diag);

#endif

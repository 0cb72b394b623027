/*
 * uri.h - the URIs of a TLSRPT record: their syntax, and whether reports can be sent there. Pure.
 */
#ifndef OTR_TLSRPT_URI_H
#define OTR_TLSRPT_URI_H

#include "base/cursor.h"

/*
 * Take one URI (RFC 3986) up to a comma, a semicolon, white space or the end.
 *   is_used  false for a URI that is skipped: of a scheme other than mailto: and https: (RPT-DNS-04), with a bare
 *            '!' as in DMARC's size suffix (RPT-DNS-05), or one that names no mailbox or host
 *   why      receives the reason of a skip, a constant string
 * Returns OUTRIDER_OK or OUTRIDER_E_SYNTAX; the cursor stays where it was on an error.
 */
outrider_err otr_tlsrpt_take_uri(otr_cursor *c, otr_slice *uri, bool *is_used, const char **why, outrider_diag *diag);

#endif

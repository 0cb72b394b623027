/*
 * setup_fragment.h - the files of integration/, which are built into the program, made to fit one version. Pure.
 *
 * A file is right as it stands for the mail servers of Debian 12. Lines for others are comments that open with a
 * condition (setup_version.h):
 *
 *     # The answer has more attributes from 3.10 on.
 *     #[3.10+] smtp_tls_policy_maps = socketmap:unix:outrider/policy.sock:QUERYwithTLSRPT
 *
 * Where it holds, the line comes to life, in the place of the nearest line above it that sets the same name, and the
 * comments directly above it go with it; "#[COND] !NAME" only takes that line out. Where it does not hold, line and
 * comments are left out. A line that ends in a backslash goes on in the next one under the same condition.
 */
#ifndef OTR_CLI_SETUP_FRAGMENT_H
#define OTR_CLI_SETUP_FRAGMENT_H

#include "base/buf.h"
#include "cli/setup_version.h"

#define OTR_FRAGMENT_LINES_MAX 2000

/* The files, by their paths below integration/; tools/embed makes the table. Ends with a NULL name. */
typedef struct otr_embedded_file {
    const char *name;
    const char *text; /* NUL-terminated */
} otr_embedded_file;
extern const otr_embedded_file otr_embedded_files[];

/* NULL if there is none. */
const char *otr_embedded_find(const char *name);

/*
 * Write the text as it should be for this mail server. Returns OUTRIDER_OK, OUTRIDER_E_SYNTAX (a condition that
 * cannot be read: diag has its line), OUTRIDER_E_LIMIT or OUTRIDER_E_NOMEM.
 */
outrider_err otr_fragment_adapt(const char *text, const otr_traits *traits, otr_buf *out, outrider_diag *diag);

/* Copy text, every `from` replaced by `to`. */
void otr_replace_all(const char *text, const char *from, const char *to, otr_buf *out);

#endif

/*
 * anchor_files.h - the trust anchors as files for the MTAs (docs/protocols.md, A1 to A3): <sha256>.pem for each set,
 * and none.pem, which nothing chains to; beside each the fingerprints of its certificates, as NAME.fp. Written before
 * a question is answered that names them.
 */
#ifndef OTR_DAEMON_ANCHOR_FILES_H
#define OTR_DAEMON_ANCHOR_FILES_H

#include "trust/anchors.h"

/*
 * Make the folder (0755) if it is missing. As root, give it to the user who will write there: one that is new, or that
 * has nothing in it but files of ours (as one from the time when root wrote them). Any other is left as it is.
 */
outrider_err otr_anchor_files_prepare(const char *folder, const char *user, outrider_diag *diag);

/* none.pem and none.fp (0644), new ones; each file whole or not at all, as below. */
outrider_err otr_anchor_files_write_none(const char *folder, outrider_diag *diag);

/* The same where one of them is missing; else they are touched. */
outrider_err otr_anchor_files_keep_none(const char *folder, outrider_diag *diag);

/* The files of one set. Where they lie already, and are whole, they are touched. */
outrider_err otr_anchor_files_write(const char *folder, const otr_anchor_set *set, outrider_diag *diag);

/* They are in use now. What is not there is not. */
void otr_anchor_files_touch(const char *folder, const char *name);

/* A new self-signed certificate whose key is already gone: as an anchor it verifies nothing. Free with free(). */
char *otr_anchor_none(size_t *len);

#endif

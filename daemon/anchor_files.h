/*
 * anchor_files.h - the trust anchors as files for the MTAs (docs/protocols.md, A1 to A3): <sha256>.pem for each set,
 * and none.pem, which nothing chains to; beside each the fingerprints of its certificates, as NAME.fp. Written before
 * any socket is open, so that no answer names a file that is not there.
 */
#ifndef OTR_DAEMON_ANCHOR_FILES_H
#define OTR_DAEMON_ANCHOR_FILES_H

#include "trust/anchors.h"

/* Make the folder (0755) if it is missing, with none.pem and none.fp in it (0644), each file whole or not at all. */
outrider_err otr_anchor_files_prepare(const char *folder, outrider_diag *diag);

/* Write the files of one set; the same again does no harm. */
outrider_err otr_anchor_files_write(const char *folder, const otr_anchor_set *set, outrider_diag *diag);

/* A new self-signed certificate whose key is already gone: as an anchor it verifies nothing. Free with free(). */
char *otr_anchor_none(size_t *len);

#endif

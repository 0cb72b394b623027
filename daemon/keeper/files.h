/*
 * files.h - the life of anchor files (docs/protocols.md, A1 to A5). They are written before an answer names them, and
 * are there long after the last one did: a mail server may have been told of one minutes ago, and a queue runner may come
 * back to it. So those in use are touched every day, and one that nobody has touched for a week goes.
 */
#ifndef OTR_DAEMON_KEEPER_FILES_H
#define OTR_DAEMON_KEEPER_FILES_H

#include "daemon/conf/conf.h"
#include "trust/anchors.h"

#define OTR_ANCHOR_FILES_KEPT_DAYS 7

/* Those that a configuration writes for its mail servers; borrowed from it. */
typedef struct otr_anchor_folders {
    const char *list[2];
    size_t count;
} otr_anchor_folders;
otr_anchor_folders otr_conf_anchor_folders(const otr_conf *conf);

/* The files of all sets that `before` (may be NULL) does not have. On an error some may have been written. */
outrider_err otr_anchor_files_add(const otr_anchor_folders *folders, const otr_anchors *anchors, const otr_anchors *before,
                                  outrider_diag *diag);

/* The files of all of them, and none.pem: touched, or written again where one is missing or damaged. */
outrider_err otr_anchor_files_tend(const otr_anchor_folders *folders, const otr_anchors *anchors, outrider_diag *diag);

/* The files of sets that `after` has no more: they are in use until now. */
void otr_anchor_files_part(const otr_anchor_folders *folders, const otr_anchors *before, const otr_anchors *after);

/* Remove files of our names in a folder that are in no set and were not touched for so long. Tells how many. */
size_t otr_anchor_files_sweep(const char *folder, const otr_anchors *anchors, otr_time now);

#endif

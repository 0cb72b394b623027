/*
 * plan_file.h - what is kept of a host between two runs: what earlier looks saw (tlsa_history.h) and the change of keys (rollover.h).
 * One JSON file a host and port, used by commands alone: hooks must work while the daemon is down.
 *
 * A file is replaced as a whole or not at all (written beside, fsync, rename). What is not understood is refused: another version, a
 * member too many, a record that is none. Nobody guesses what was meant for keys.
 *
 * Who writes holds the lock from reading to writing. Reading alone needs none.
 */
#ifndef OTR_PUBLISH_PLAN_FILE_H
#define OTR_PUBLISH_PLAN_FILE_H

#include "dns/name.h"
#include "publish/rollover.h"

/* Not below /var/lib/outrider: that is the daemon's user's, who could lead what root writes astray by a link. */
#define OTR_PLAN_DIRECTORY "/var/lib/outrider-tlsa"
#define OTR_PLAN_VERSION 1
#define OTR_PLAN_OCTETS_MAX (256 * 1024)

typedef struct otr_plan_file {
    otr_arena *arena;          /* owned: of all text below */
    char *path;                /* owned */
    char host[OTR_DOMAIN_SIZE];
    uint16_t port;
    int lock;                  /* -1: not locked */
    bool is_new;               /* there was no such file */
    otr_tlsa_history history;
    otr_rollover rollover;
} otr_plan_file;

/*
 * Read; a file that is not there is an empty one.
 *   wait_ms  how long to wait for the lock, whose file is made (and the directory, if its parent is there); < 0: read without
 *   is_busy  may be NULL; set if somebody else has held the lock all the time
 * OUTRIDER_OK; OUTRIDER_E_IO; OUTRIDER_E_SYNTAX or OUTRIDER_E_LIMIT (what is in the file); OUTRIDER_E_NOMEM. The diagnostic names
 * the file. To be closed after OUTRIDER_OK only.
 */
outrider_err otr_plan_open(const char *directory, const char *host, uint16_t port, int wait_ms, bool *is_busy, otr_plan_file *file,
                           outrider_diag *diag);

/* Write; the lock is held. OUTRIDER_OK, OUTRIDER_E_IO or OUTRIDER_E_NOMEM. */
outrider_err otr_plan_save(const otr_plan_file *file, outrider_diag *diag);
void otr_plan_close(otr_plan_file *file);

/* The hosts of which there are files: calls back for each, in no order. OUTRIDER_OK (also without a directory) or OUTRIDER_E_IO. */
typedef void otr_plan_each(void *arg, const char *host, uint16_t port);
outrider_err otr_plan_list(const char *directory, otr_plan_each *each, void *arg, outrider_diag *diag);

#endif

/*
 * preview.h - what becomes of the mail when the roots change, over all that is recorded: a thread of its own, as it may
 * take minutes, and must keep nobody waiting.
 */
#ifndef OTR_DAEMON_KEEPER_PREVIEW_H
#define OTR_DAEMON_KEEPER_PREVIEW_H

#include "daemon/mailbox.h"
#include "store/store_trust.h"

#define OTR_PREVIEW_WORST_MAX 50 /* destinations that are named */

typedef struct otr_affected {
    char domain[OTR_DOMAIN_SIZE];
    otr_effect effect;
} otr_affected;

typedef struct otr_preview otr_preview;

typedef struct otr_preview_result {
    uint64_t counts[OTR_EFFECT_COUNT];
    otr_affected worst[OTR_PREVIEW_WORST_MAX]; /* of those that something is lost for; the worst first */
    size_t worst_count;
    outrider_err err; /* not everything could be looked at: error tells */
    char error[sizeof(((outrider_diag *)0)->message)];
} otr_preview_result;

/*
 * Mail of the kind OTR_MAIL_PREVIEW goes to `done` when it has ended. References to both anchors are taken; the rest is
 * borrowed. NULL: no thread, no memory.
 */
otr_preview *otr_preview_start(otr_store *store, otr_time now, const char *const *own_hosts, otr_anchors *before,
                               otr_anchors *after, otr_mailbox *done);

/* When it has ended. */
const otr_preview_result *otr_preview_result_of(const otr_preview *preview);

/* Ends the thread, however far it has come. Its mail lies in the box then. NULL is fine. */
void otr_preview_stop(otr_preview *preview);

/* The same, when its mail has been taken out of the box. NULL is fine. */
void otr_preview_free(otr_preview *preview);

#endif

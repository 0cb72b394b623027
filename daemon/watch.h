/*
 * watch.h - a thread that looks at the store every few seconds, so that neither a scrape nor a resolver thread has to:
 * what is kept, what is overdue; and while the store fails, whether it can be written again.
 *
 * Threads: otr_watch_get() any, without waiting.
 */
#ifndef OTR_DAEMON_WATCH_H
#define OTR_DAEMON_WATCH_H

#include "store/store.h"

#define OTR_WATCH_EVERY_S 5

typedef struct otr_watch otr_watch;

/* store and clock are borrowed. The first look is taken at once, on the new thread. */
outrider_err otr_watch_start(otr_store *store, otr_clock *clock, uint32_t refresh_after, otr_watch **watch,
                             outrider_diag *diag);
void otr_watch_stop(otr_watch *watch); /* NULL is fine */

/* As the last look that succeeded found it. */
otr_store_summary otr_watch_get(const otr_watch *watch);

#endif

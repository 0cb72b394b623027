/*
 * bundle.h - watching the files of the anchor rules: the system's roots above all, which a package replaces one day.
 *
 * A file has changed when it is another one, or has another size or time. It is read once it has been left alone for two
 * looks: who writes it in place may not be done yet.
 */
#ifndef OTR_DAEMON_KEEPER_BUNDLE_H
#define OTR_DAEMON_KEEPER_BUNDLE_H

#include "daemon/conf/conf.h"

typedef struct otr_bundle_watch otr_bundle_watch;

/* What lies there now counts as known: call it before the files are read. NULL: out of memory. */
otr_bundle_watch *otr_bundle_watch_new(const otr_conf *conf);
void otr_bundle_watch_free(otr_bundle_watch *watch); /* NULL is fine */

/* Whether some file is not what is known, and was the same at this look and the two before it. */
bool otr_bundle_watch_look(otr_bundle_watch *watch);

/* Whether the files are still as the last look found them; then that is what is known from now on. */
bool otr_bundle_watch_settle(otr_bundle_watch *watch);

#endif

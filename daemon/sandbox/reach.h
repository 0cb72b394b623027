/*
 * reach.h - what the daemon reaches once it runs: folders with what may be done in them, and TCP ports, by its configuration.
 *
 * A file that others replace (a bundle, a certificate, resolv.conf) is another file afterwards: its folder is what is allowed, and
 * the folder where it really lies, if a link leads there. A folder that is itself removed and made anew needs a restart.
 */
#ifndef OTR_DAEMON_REACH_H
#define OTR_DAEMON_REACH_H

#include "base/arena.h"
#include "daemon/conf/conf.h"

typedef enum otr_reach_right {
    OTR_REACH_READ = 1,   /* files in it and below, and their names */
    OTR_REACH_WRITE = 2,  /* and make, write, rename and remove files there; folders not */
    OTR_REACH_REMOVE = 4, /* remove files, sockets included */
    OTR_REACH_FILE = 8,   /* it is a file: read and write it */
} otr_reach_right;

typedef struct otr_reach {
    const char *path;
    unsigned rights; /* otr_reach_right */
} otr_reach;

typedef struct otr_reaches {
    otr_reach *paths; /* owned; path_count of them; may name what does not exist */
    size_t path_count;
    uint16_t *ports;  /* owned; that TCP connections go to */
    size_t port_count;
    otr_arena *arena; /* owned; of the texts */
    bool is_short;    /* of memory */
} otr_reaches;

/* Follows links on the disk, and does nothing else there. OUTRIDER_OK or OUTRIDER_E_NOMEM. */
outrider_err otr_reaches_find(const otr_conf *conf, otr_reaches *reaches);
void otr_reaches_clear(otr_reaches *reaches);

#endif

/*
 * nsfile.h - resolv.conf as a file that changes: written in place, replaced by rename, or reached through a
 * symbolic link that is turned (systemd-resolved, NetworkManager, resolvconf). Private to lib/dns.
 */
#ifndef OTR_DNS_NSFILE_H
#define OTR_DNS_NSFILE_H

#include "dns/resolvconf.h"

#include <stdbool.h>
#include <sys/stat.h>

typedef struct otr_nsfile {
    const char *path; /* borrowed */
    struct stat seen; /* the file that was read last; st_ino 0: none */
    bool is_fresh;    /* it was written so shortly before that another change might carry the same time */
    bool is_in_trouble;
    otr_nameservers servers; /* the last that were named */
} otr_nsfile;

/*
 * Read it for the first time. A file that does not exist or names no server means 127.0.0.1, as for the C
 * library; one that cannot be read is OUTRIDER_E_IO.
 */
outrider_err otr_nsfile_open(otr_nsfile *file, const char *path, outrider_diag *diag);

typedef enum otr_nsfile_change {
    OTR_NSFILE_SAME,
    OTR_NSFILE_CHANGED, /* other servers */
    OTR_NSFILE_TROUBLE, /* it has become unreadable or names no server: servers are kept. Told once, diag says why */
} otr_nsfile_change;

otr_nsfile_change otr_nsfile_check(otr_nsfile *file, outrider_diag *diag);

#endif

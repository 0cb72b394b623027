/*
 * tally.h - fetches of our policies, counted by domain, UTC day and client network (/24 or /48). The server counts into a tally of its
 * own and mails it to the publisher (otr_publisher_tell) every few seconds and when it ends; the publisher adds it to what it will
 * write.
 *
 * Bounds: OTR_TALLY_NETWORKS_MAX rows with a network; beyond, a fetch counts as OTR_FETCH_OTHER of its domain and day, for which there
 * is always room: the domains are ours. Threads: one at a time.
 */
#ifndef OTR_DAEMON_TALLY_H
#define OTR_DAEMON_TALLY_H

#include "daemon/mailbox.h"
#include "store/store_publish.h"

#define OTR_TALLY_NETWORKS_MAX 8192
#define OTR_DAY_S 86400

typedef struct otr_tally {
    otr_mail mail;          /* first */
    otr_fetch_count *rows;  /* owned, as their texts */
    size_t count, room;
    size_t networks;        /* of the rows, those that are not OTR_FETCH_OTHER */
    uint32_t *slots;        /* owned; 0, or the index of a row plus one, by hash: a power of two of them */
    size_t slot_count;
    uint64_t lost;          /* out of memory */
} otr_tally;

otr_tally *otr_tally_new(void); /* NULL: out of memory */
void otr_tally_free(otr_tally *tally); /* NULL is fine */

void otr_tally_add(otr_tally *tally, const char *domain, int64_t day, const char *network, uint64_t count);
void otr_tally_reset(otr_tally *tally); /* all counts are gone */
void otr_tally_merge(otr_tally *to, const otr_tally *from);

#endif

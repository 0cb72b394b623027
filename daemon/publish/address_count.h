/*
 * address_count.h - how many connections each network has open: one IPv4 address, or 64 bits of IPv6. Its memory is taken at once, by the
 * limit of connections, so that counting never fails. One thread.
 */
#ifndef OTR_DAEMON_ADDRESS_COUNT_H
#define OTR_DAEMON_ADDRESS_COUNT_H

#include "daemon/publish/network.h"

#include <stddef.h>

typedef struct otr_address_count otr_address_count;

/* `most`: connections in all. NULL: out of memory. */
otr_address_count *otr_address_count_new(size_t most);
void otr_address_count_free(otr_address_count *counts); /* NULL is fine */

/* One more, unless the network has `limit` already. */
bool otr_address_count_enter(otr_address_count *counts, const otr_network *network, unsigned limit);
/* One less, of those that entered. */
void otr_address_count_leave(otr_address_count *counts, const otr_network *network);

#endif

/*
 * netstring.h - framing of the socketmap protocol: LENGTH ":" BYTES ",". Pure and incremental: the caller shows
 * all bytes received so far and is told whether they hold a whole netstring.
 */
#ifndef OTR_DAEMON_NETSTRING_H
#define OTR_DAEMON_NETSTRING_H

#include "base/buf.h"

typedef enum otr_netstring_state {
    OTR_NETSTRING_WHOLE,
    OTR_NETSTRING_PARTIAL, /* so far it is one */
    OTR_NETSTRING_BROKEN,  /* no byte that may come would make it one: there is no way to find the next */
} otr_netstring_state;

#define OTR_NETSTRING_FRAME 8 /* octets that a frame adds, for contents of up to 999999 octets */

/* netstring = 1*digit ":" *octet ","; no leading zeros. A length over `limit` is BROKEN.
 * WHOLE: *content borrows from bytes, *taken is the length of the frame. */
otr_netstring_state otr_netstring_take(const char *bytes, size_t len, size_t limit, otr_slice *content, size_t *taken);

void otr_netstring_put(otr_buf *buf, otr_slice content);

#endif

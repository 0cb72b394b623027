/*
 * squeeze.h - packing what is at rest (rest.h) tighter: deflate (RFC 1951) over a dictionary of the words that findings and
 * entries are made of. Made anew with each release of the program, and never written anywhere.
 *
 * Threads: one at a time.
 */
#ifndef OTR_DAEMON_FLOW_SQUEEZE_H
#define OTR_DAEMON_FLOW_SQUEEZE_H

#include "base/buf.h"

typedef struct otr_squeeze otr_squeeze;

otr_squeeze *otr_squeeze_new(void); /* NULL: out of memory */
void otr_squeeze_free(otr_squeeze *squeeze);

/* Both write behind what is in `out`. False: out of memory; for _out() also: these are no `raw_len` octets squeezed. */
bool otr_squeeze_in(otr_squeeze *squeeze, otr_slice raw, otr_buf *out);
bool otr_squeeze_out(otr_squeeze *squeeze, otr_slice squeezed, size_t raw_len, otr_buf *out);

#endif

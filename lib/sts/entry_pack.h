/*
 * entry_pack.h - an entry as few octets, and back (base/pack.h). The domain is left out: whoever keeps it knows it.
 */
#ifndef OTR_STS_ENTRY_PACK_H
#define OTR_STS_ENTRY_PACK_H

#include "base/pack.h"
#include "sts/entry.h"

void otr_sts_entry_pack(const otr_sts_entry *entry, otr_buf *out);

/* One reference; the same as what was packed. NULL: out of memory. */
otr_sts_entry *otr_sts_entry_unpack(otr_unpack *in, const char *domain);

#endif

/*
 * staged.h - TLSA records of an MX host that match nothing it shows, and are meant: of the next key, published ahead, and of the key before, left for
 * a way back. For dane.stale, which would call them left over. Pure.
 */
#ifndef OTR_PUBLISH_STAGED_H
#define OTR_PUBLISH_STAGED_H

#include "publish/facts.h"
#include "publish/rollover.h"

/* One record, "3 1 1 HEX". False: out of memory, or it is none. */
bool otr_staged_add(otr_domain_facts *facts, otr_host_facts *host, const char *record);

/* All of a change of keys that is under way; of one that is over, or never began, nothing. False: out of memory. */
bool otr_staged_take(otr_domain_facts *facts, otr_host_facts *host, const otr_rollover *plan);

#endif

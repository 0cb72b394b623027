/*
 * answer_maker.h - making an answer: begin, fill it in from its arena, end. Private to lib/dns.
 */
#ifndef OTR_DNS_ANSWER_MAKER_H
#define OTR_DNS_ANSWER_MAKER_H

#include "dns/answer.h"

/* An empty answer in a new arena; NULL when out of memory. */
otr_dns_answer *otr_dns_answer_begin(const char *qname, uint16_t qtype, otr_arena **arena);

/* The answer again, or NULL (and it is freed) if its arena ran out of memory on the way. */
otr_dns_answer *otr_dns_answer_end(otr_dns_answer *answer);

/*
 * The records of one type, as they are added: duplicates are dropped (RFC 2181 §5), and what exceeds
 * the limits of answer.h is left out and counted as cut.
 */
typedef struct otr_rrset {
    otr_arena *arena; /* borrowed */
    uint16_t type;
    otr_dns_rr *rrs; /* in the arena */
    size_t count;
    size_t max;
    bool is_cut;
} otr_rrset;

/* At most `upper` records will be added. */
void otr_rrset_init(otr_rrset *set, otr_arena *arena, uint16_t type, size_t upper);

/* Add the record whose data stands in packet[rdata .. rdata + rdlength). False if it breaks its format. */
bool otr_rrset_add(otr_rrset *set, const uint8_t *packet, size_t rdata, uint16_t rdlength, uint32_t ttl);

#endif

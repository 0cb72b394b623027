/*
 * record.h - one DNS record to publish or to take away, and how it is written: a line of a zone file (RFC 1035 §5.1), a command
 * of nsupdate(1). Pure.
 *
 * Whatever the data is, the line says it and nothing else: octets that mean something to a zone file are escaped.
 */
#ifndef OTR_PUBLISH_RECORD_H
#define OTR_PUBLISH_RECORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "dane/tlsa.h"
#include "dns/address.h"
#include "dns/answer.h"

typedef struct otr_record {
    const char *owner; /* without final dot; normal form, or as answer.h has names */
    uint16_t type;     /* A, AAAA, CNAME, TXT, TLSA */
    uint32_t ttl;      /* s */
    otr_slice rdata;   /* as on the wire; of a CNAME the name, as text */
} otr_record;

#define OTR_TXT_STRING_MAX 255 /* octets of one character-string (RFC 1035 §3.3) */

/* The data lies in the arena; after otr_arena_failed() a record says nothing. */
otr_record otr_record_of_text(otr_arena *arena, const char *owner, uint32_t ttl, const char *text); /* TXT, cut into strings */
otr_record otr_record_of_address(otr_arena *arena, const char *owner, uint32_t ttl, const otr_address *address);
otr_record otr_record_of_tlsa(otr_arena *arena, const char *owner, uint32_t ttl, const otr_tlsa *tlsa);
otr_record otr_record_of_alias(otr_arena *arena, const char *owner, uint32_t ttl, const char *target);

/* Record i of an answer: as it is published, at the end of its aliases. The answer may go away afterwards. */
otr_record otr_record_of_answer(otr_arena *arena, const otr_dns_answer *answer, size_t i);

/* Whether they say the same: owner and TTL do not matter, nor where the strings of a TXT record are cut. */
bool otr_record_says_same(const otr_record *a, const otr_record *b);

/* The text of a TXT record, its strings joined. */
const char *otr_record_text(otr_arena *arena, const otr_record *record, size_t *len);

/* "_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 ..."; the data alone; "update add ...", "update delete ..." (without a TTL). No newline. */
void otr_record_put_zone(const otr_record *record, otr_buf *out);
void otr_record_put_rdata(const otr_record *record, otr_buf *out);
void otr_record_put_add(const otr_record *record, otr_buf *out);
void otr_record_put_delete(const otr_record *record, otr_buf *out);

/* A sentence as comment: nothing in it ends the line. */
void otr_put_comment(const char *text, otr_buf *out);

#endif

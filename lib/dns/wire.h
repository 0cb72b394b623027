/*
 * wire.h - reading a DNS message octet by octet (RFC 1035 §4.1). Pure. Every function either succeeds and
 * advances, or returns false and leaves its reader where it was; nothing is read past the end.
 */
#ifndef OTR_DNS_WIRE_H
#define OTR_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTR_WIRE_NAME_MAX 255 /* octets of a name on the wire, length octets and root included (RFC 1035 §2.3.4) */
/* Room for a name in text when every octet is an escape of four characters, and its NUL. */
#define OTR_WIRE_NAME_TEXT (4 * OTR_WIRE_NAME_MAX + 1)

typedef struct otr_wire {
    const uint8_t *packet; /* borrowed; compression pointers count from here */
    size_t end;            /* nothing at or after this offset is read, except by following a pointer back */
    size_t at;
} otr_wire;

bool otr_wire_u8(otr_wire *w, uint8_t *value);
bool otr_wire_u16(otr_wire *w, uint16_t *value);
bool otr_wire_u32(otr_wire *w, uint32_t *value);
bool otr_wire_skip(otr_wire *w, size_t octets);

/*
 * A name, compressed or not, as text: lower case, without final dot, "." for the root; octets other than
 * letters, digits, '-', '_' and '*' become \DDD. `text` may be NULL to pass over the name. Pointers must go
 * back, each before the start of the labels that led to it: so they cannot loop.
 */
bool otr_wire_name(otr_wire *w, char text[OTR_WIRE_NAME_TEXT]);

/*
 * The octets that a name in such text takes on the wire; more than OTR_WIRE_NAME_MAX if it is too long for
 * DNS, 0 if it is no name at all.
 */
size_t otr_wire_name_length(const char *text);

#define OTR_WIRE_HEADER_SIZE 12
typedef struct otr_wire_header {
    uint16_t flags;
    uint16_t questions, answers, authorities, additionals;
} otr_wire_header;
#define OTR_WIRE_QR 0x8000u     /* it is a response */
#define OTR_WIRE_OPCODE 0x7800u /* 0: a standard query */
#define OTR_WIRE_TC 0x0200u     /* cut short */
#define OTR_WIRE_RCODE 0x000fu

bool otr_wire_header_read(otr_wire *w, otr_wire_header *header);

/* A resource record; the reader stands after it. Its data reaches from rdata to rdata + rdlength. */
typedef struct otr_wire_rr {
    char name[OTR_WIRE_NAME_TEXT];
    uint16_t type;
    uint16_t class;
    uint32_t ttl; /* 0 if the top bit was set (RFC 2181 §8) */
    size_t rdata; /* offset */
    uint16_t rdlength;
} otr_wire_rr;

bool otr_wire_rr_read(otr_wire *w, otr_wire_rr *rr);

#endif

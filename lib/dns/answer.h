/*
 * answer.h - what one DNS lookup found: four security states that are never mixed (RFC 4033 §5, RFC 7672
 * §2.1.1) and, apart from them, whether there is data.
 *
 * An answer is immutable and lives in one arena. Threads: any number may read it.
 */
#ifndef OTR_DNS_ANSWER_H
#define OTR_DNS_ANSWER_H

#include "base/arena.h"
#include "dns/name.h"

#include <stdint.h>

enum otr_rr_type { OTR_RR_A = 1, OTR_RR_CNAME = 5, OTR_RR_SOA = 6, OTR_RR_MX = 15, OTR_RR_TXT = 16,
                   OTR_RR_AAAA = 28, OTR_RR_DS = 43, OTR_RR_RRSIG = 46, OTR_RR_TLSA = 52, OTR_RR_NS = 2 };

/* "A", "MX", "TLSA"; "?" for a type that is not in the enum. */
const char *otr_rr_type_name(uint16_t type);

typedef enum otr_dns_status {
    OTR_DNS_SECURE,   /* validated from a trust anchor, data or denial */
    OTR_DNS_INSECURE, /* provably unsigned, or no trust anchor covers the name (DNS-05) */
    OTR_DNS_BOGUS,    /* signatures exist and do not hold; reason says why */
    OTR_DNS_TEMPFAIL, /* SERVFAIL, REFUSED, time-out, malformed: nothing was learned; reason says what */
} otr_dns_status;

typedef enum otr_dns_content {
    OTR_DNS_DATA,     /* at least one record of the type asked for */
    OTR_DNS_NODATA,   /* the name exists, the type does not */
    OTR_DNS_NXDOMAIN,
    OTR_DNS_UNKNOWN,  /* status is BOGUS or TEMPFAIL: no statement about content */
} otr_dns_content;

extern const char *const otr_dns_status_names[];  /* "secure", "insecure", "bogus", "tempfail" */
extern const char *const otr_dns_content_names[]; /* "data", "nodata", "nxdomain", "unknown" */

/*
 * One record, parsed as far as its type needs. Names are text as in a zone file, lower case, without final
 * dot; "." is the root. A name with bytes that no host name has keeps them as \DDD escapes and is not
 * `is_host`.
 */
typedef struct otr_dns_rr {
    uint32_t ttl; /* seconds */
    union {
        struct {
            uint16_t preference;
            const char *exchange; /* "." for null MX (RFC 7505) */
            bool is_host;         /* exchange is a letter-digit-hyphen name (otr_is_ldh_domain) */
        } mx;
        struct {
            uint8_t family; /* 4 or 6 */
            uint8_t bytes[16];
        } address; /* A and AAAA */
        struct {
            const uint8_t *rdata; /* as on the wire, also when shorter than three octets (TLSA-01) */
            size_t len;
        } tlsa;
        struct {
            const char *text; /* the character-strings joined (STS-DNS-03); may hold NUL and any byte */
            size_t len;
            const uint8_t *rdata; /* as on the wire: to delete this very record (RFC 2136 §2.5.4) its strings must be cut as they are */
            size_t rdata_len;
        } txt;
        const char *target; /* CNAME, NS */
        struct {
            uint32_t serial, refresh, minimum; /* the fields that tell how zones travel and how long a denial is kept */
        } soa;
    }; /* types other than these: nothing but the TTL */
} otr_dns_rr;

typedef struct otr_dns_answer {
    const char *qname; /* as asked, normal form */
    uint16_t qtype;
    otr_dns_status status;
    otr_dns_content content;
    /* Seconds until which all of it may be kept: the least TTL of the chain and the records; for denials by
     * RFC 2308 §5 (0 without an SOA); for failures a short time of our own. */
    uint32_t ttl;
    const char *canonical; /* the name at the end of the CNAME chain; qname if there is none */
    unsigned cname_count;  /* links followed; 0: no alias */
    const otr_dns_rr *rrs; /* records of qtype in the order of the packet, rr_count of them */
    size_t rr_count;
    uint32_t signed_until; /* seconds since 1970: when the first RRSIG over the records ends; 0: none came with them */
    bool is_truncated_by_us; /* there were more than the resolver's limit for this type */
    const char *reason;      /* why BOGUS or TEMPFAIL, in words; "" otherwise */
} otr_dns_answer;

/*
 * Make an answer from a response packet that the validator has passed on (RFC 1035 §4.1). `status` is the
 * validator's word; the packet gives rcode, chain, records and TTLs. A packet that does not parse, that
 * answers another question or whose alias chain loops or exceeds OTR_CNAME_MAX becomes TEMPFAIL.
 * Never returns NULL unless out of memory. Free with otr_dns_answer_free().
 */
#define OTR_CNAME_MAX 16     /* links in an alias chain (STS-DNS-02) */
#define OTR_RR_MAX 255       /* records of one answer that are kept; TLSA: 100, see OTR_TLSA_MAX */
#define OTR_TLSA_MAX 100
#define OTR_TXT_MAX 4096     /* octets of one joined TXT record; a longer one is left out and counted as cut */
#define OTR_FAILURE_TTL 5    /* s; RFC 9520 §3.2 wants 1 s to 5 min */
#define OTR_NEGATIVE_TTL_MAX 10800 /* s (DNS-32) */
otr_dns_answer *otr_dns_answer_parse(const char *qname, uint16_t qtype, otr_dns_status status, const char *reason,
                                     const uint8_t *packet, size_t len);

/* What a response code (RFC 1035 §4.1.1, RFC 2136 §2.2) other than 0 and 3 means, as a reason; a literal. */
const char *otr_dns_rcode_words(unsigned rcode);

/* An answer without a packet: a failure (BOGUS, TEMPFAIL). NULL only when out of memory. */
otr_dns_answer *otr_dns_answer_failure(const char *qname, uint16_t qtype, otr_dns_status status, const char *reason);

/*
 * An answer without a packet for a name that is too long for DNS ("_25._tcp." before 250 octets): nothing can be
 * published there, so asking again later would not help. INSECURE NXDOMAIN. NULL only when out of memory.
 */
otr_dns_answer *otr_dns_answer_too_long(const char *qname, uint16_t qtype);

/* For those who keep an answer beyond the callback that lent it. NULL: out of memory. */
otr_dns_answer *otr_dns_answer_copy(const otr_dns_answer *answer);

void otr_dns_answer_free(otr_dns_answer *answer);

#endif

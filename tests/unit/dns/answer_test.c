/*
 * answer_test.c - from packets to answers. Well-formed ones are built from rows; hostile ones by breaking a
 * good packet at one place.
 */
#include "support/cmocka_all.h"

#include "dns/answer.h"
#include "dns/wire.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESPONSE 0x8180 /* QR RD RA */
#define NXDOMAIN 0x8183
#define RRSIG 46
#define DNAME 39

struct packet {
    uint8_t bytes[70000];
    size_t len;
};

static struct packet packet; /* large, and one at a time is enough */

static void put8(unsigned value)
{
    packet.bytes[packet.len++] = (uint8_t)value;
}

static void put16(unsigned value)
{
    put8(value >> 8 & 0xff);
    put8(value & 0xff);
}

static void put32(uint32_t value)
{
    put16(value >> 16);
    put16(value & 0xffff);
}

static void set16(size_t at, unsigned value)
{
    packet.bytes[at] = (uint8_t)(value >> 8);
    packet.bytes[at + 1] = (uint8_t)value;
}

/* Labels as they are; "@12" ends the name with a pointer to offset 12. */
static void put_name(const char *name)
{
    if (strcmp(name, ".") == 0)
        name = "";
    while (*name != '\0' && *name != '@') {
        size_t len = strcspn(name, ".@");

        put8((unsigned)len);
        memcpy(packet.bytes + packet.len, name, len);
        packet.len += len;
        name += len;
        if (*name == '.')
            name++;
    }
    if (*name == '@')
        put16(0xc000u | (unsigned)atoi(name + 1));
    else
        put8(0);
}

static void begin(const char *qname, uint16_t qtype, unsigned flags)
{
    packet.len = 0;
    put16(0);
    put16(flags);
    put16(1);
    put16(0);
    put16(0);
    put16(0);
    put_name(qname);
    put16(qtype);
    put16(1);
}

enum section { ANSWER = 6, AUTHORITY = 8, ADDITIONAL = 10 }; /* offsets of their counts */

struct record {
    enum section section; /* 0 ends a list */
    const char *owner;
    uint16_t type;
    uint32_t ttl;
    const char *rdata; /* by type, as below */
};

static void put_hex(const char *hex)
{
    for (; hex[0] != '\0'; hex += 2) {
        unsigned value;

        assert_int_equal(sscanf(hex, "%2x", &value), 1);
        put8(value);
    }
}

static void put_txt(const char *text)
{
    for (;;) {
        size_t len = strcspn(text, "|");

        put8((unsigned)len);
        memcpy(packet.bytes + packet.len, text, len);
        packet.len += len;
        if (text[len] == '\0')
            return;
        text += len + 1;
    }
}

/* A: address; MX: "10 host"; SOA: its MINIMUM; TXT: strings between '|'; names; else hexadecimal. */
static void put_rdata(uint16_t type, const char *rdata)
{
    switch (type) {
    case OTR_RR_A:
        packet.len += 4 * (size_t)(inet_pton(AF_INET, rdata, packet.bytes + packet.len) == 1);
        break;
    case OTR_RR_AAAA:
        packet.len += 16 * (size_t)(inet_pton(AF_INET6, rdata, packet.bytes + packet.len) == 1);
        break;
    case OTR_RR_MX:
        put16((unsigned)atoi(rdata));
        put_name(strchr(rdata, ' ') + 1);
        break;
    case OTR_RR_SOA:
        put_name("ns.example");
        put_name("hostmaster.example");
        for (int i = 0; i < 4; i++)
            put32(1000);
        put32((uint32_t)strtoul(rdata, NULL, 10));
        break;
    case OTR_RR_TXT:
        put_txt(rdata);
        break;
    case OTR_RR_CNAME:
    case OTR_RR_NS:
        put_name(rdata);
        break;
    default:
        put_hex(rdata);
    }
}

/* Returns the offset of the record's RDLENGTH. */
static size_t put_record(const struct record *r)
{
    size_t at;

    set16(r->section, (unsigned)(packet.bytes[r->section] << 8 | packet.bytes[r->section + 1]) + 1);
    put_name(r->owner);
    put16(r->type);
    put16(1);
    put32(r->ttl);
    at = packet.len;
    put16(0);
    put_rdata(r->type, r->rdata);
    set16(at, (unsigned)(packet.len - at - 2));
    return at;
}

static otr_dns_answer *parse_as(const char *qname, uint16_t qtype, otr_dns_status status, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1); /* of exactly its size, so that a sanitizer sees a read too far */
    otr_dns_answer *answer;

    assert_non_null(copy);
    memcpy(copy, packet.bytes, len);
    answer = otr_dns_answer_parse(qname, qtype, status, "said the validator", copy, len);
    free(copy);
    assert_non_null(answer);
    return answer;
}

static size_t print_record(const otr_dns_answer *a, const otr_dns_rr *rr, char *out, size_t size)
{
    char address[INET6_ADDRSTRLEN];
    size_t len = 0;

    switch (a->qtype) {
    case OTR_RR_A:
    case OTR_RR_AAAA:
        assert_int_equal(rr->address.family, a->qtype == OTR_RR_A ? 4 : 6);
        inet_ntop(a->qtype == OTR_RR_A ? AF_INET : AF_INET6, rr->address.bytes, address, sizeof(address));
        return (size_t)snprintf(out, size, " %s", address);
    case OTR_RR_MX:
        return (size_t)snprintf(out, size, " %u:%s%s", rr->mx.preference, rr->mx.exchange, rr->mx.is_host ? "" : "!");
    case OTR_RR_TXT:
        assert_int_equal(rr->txt.text[rr->txt.len], '\0');
        return (size_t)snprintf(out, size, " %s/%zu", rr->txt.text, rr->txt.len);
    case OTR_RR_CNAME:
    case OTR_RR_NS:
        return (size_t)snprintf(out, size, " %s", rr->target);
    case OTR_RR_TLSA:
        len = (size_t)snprintf(out, size, " <");
        for (size_t i = 0; i < rr->tlsa.len; i++)
            len += (size_t)snprintf(out + len, size - len, "%02x", rr->tlsa.rdata[i]);
        return len + (size_t)snprintf(out + len, size - len, ">");
    default:
        return (size_t)snprintf(out, size, " +");
    }
}

/* "secure data 60 mx.example 1: 192.0.2.1": status, content, TTL, canonical name, links, records */
static const char *print(const otr_dns_answer *a)
{
    static char text[4096];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s %s %u %s %u:", otr_dns_status_names[a->status],
                                  otr_dns_content_names[a->content], a->ttl, a->canonical, a->cname_count);

    for (size_t i = 0; i < a->rr_count; i++)
        len += print_record(a, &a->rrs[i], text + len, sizeof(text) - len);
    snprintf(text + len, sizeof(text) - len, "%s", a->is_truncated_by_us ? " cut" : "");
    return text;
}

#define A(owner, ttl, address) { ANSWER, owner, OTR_RR_A, ttl, address }
#define CNAME(owner, ttl, target) { ANSWER, owner, OTR_RR_CNAME, ttl, target }
#define SOA(ttl, minimum) { AUTHORITY, "example", OTR_RR_SOA, ttl, minimum }
#define FAILED(qname) "tempfail unknown 5 " qname " 0:"

static const struct {
    const char *sentence;
    const char *qname;
    uint16_t qtype;
    unsigned flags;
    struct record records[10];
    const char *want;
} rows[] = {
    { "an address", "mx.example", OTR_RR_A, RESPONSE, { A("mx.example", 60, "192.0.2.1") },
      "secure data 60 mx.example 0: 192.0.2.1" },
    { "an address of IPv6", "mx.example", OTR_RR_AAAA, RESPONSE,
      { { ANSWER, "@12", OTR_RR_AAAA, 60, "2001:db8::1" } },
      "secure data 60 mx.example 0: 2001:db8::1" },
    { "owner names compressed, and in another case", "mx.example", OTR_RR_A, RESPONSE,
      { A("@12", 60, "192.0.2.1"), A("MX@15", 60, "192.0.2.2") },
        "secure data 60 mx.example 0: 192.0.2.1 192.0.2.2" },
    { "the least TTL counts", "mx.example", OTR_RR_A, RESPONSE,
      { A("@12", 60, "192.0.2.1"), A("@12", 30, "192.0.2.2"), A("@12", 90, "192.0.2.3") },
      "secure data 30 mx.example 0: 192.0.2.1 192.0.2.2 192.0.2.3" },
    { "a TTL with the top bit set is 0 (RFC 2181 §8)", "mx.example", OTR_RR_A, RESPONSE,
      { A("@12", 0x80000001, "192.0.2.1") }, "secure data 0 mx.example 0: 192.0.2.1" },
    { "the largest TTL", "mx.example", OTR_RR_A, RESPONSE, { A("@12", 0x7fffffff, "192.0.2.1") },
      "secure data 2147483647 mx.example 0: 192.0.2.1" },
    { "duplicates count once (RFC 2181 §5)", "mx.example", OTR_RR_A, RESPONSE,
      { A("@12", 60, "192.0.2.1"), A("@12", 60, "192.0.2.1") }, "secure data 60 mx.example 0: 192.0.2.1" },
    { "signatures, other types and other names are passed over", "mx.example", OTR_RR_A, RESPONSE,
      { { ANSWER, "@12", RRSIG, 1, "0001" }, A("@12", 60, "192.0.2.1"), A("other.example", 2, "192.0.2.2"),
        { ANSWER, "@12", OTR_RR_TXT, 3, "text" }, { ADDITIONAL, "@12", OTR_RR_A, 4, "192.0.2.3" },
        { AUTHORITY, "@12", OTR_RR_A, 5, "192.0.2.4" } },
      "secure data 60 mx.example 0: 192.0.2.1" },
    { "MX records in the order of the packet", "example", OTR_RR_MX, RESPONSE,
      { { ANSWER, "@12", OTR_RR_MX, 60, "20 B.Example" }, { ANSWER, "@12", OTR_RR_MX, 60, "10 a@12" } },
      "secure data 60 example 0: 20:b.example 10:a.example" },
    { "null MX (DNS-13)", "example", OTR_RR_MX, RESPONSE, { { ANSWER, "@12", OTR_RR_MX, 60, "0 ." } },
      "secure data 60 example 0: 0:.!" },
    { "an exchange with odd octets is escaped and no host", "example", OTR_RR_MX, RESPONSE,
      { { ANSWER, "@12", OTR_RR_MX, 60, "10 a\"b\\c \n\377.example" },
        { ANSWER, "@12", OTR_RR_MX, 60, "10 _x.example" } },
      "secure data 60 example 0: 10:a\\034b\\092c\\032\\010\\255.example! 10:_x.example!" },
    { "strings of a TXT record are joined (STS-DNS-03)", "example", OTR_RR_TXT, RESPONSE,
      { { ANSWER, "@12", OTR_RR_TXT, 60, "v=ST|Sv1|; id=1|;" }, { ANSWER, "@12", OTR_RR_TXT, 60, "|" } },
      "secure data 60 example 0: v=STSv1; id=1;/14 /0" },
    { "TLSA data of every length (TLSA-01)", "_25._tcp.mx.example", OTR_RR_TLSA, RESPONSE,
      { { ANSWER, "@12", OTR_RR_TLSA, 60, "030101ab" }, { ANSWER, "@12", OTR_RR_TLSA, 60, "03" },
        { ANSWER, "@12", OTR_RR_TLSA, 60, "" }, { ANSWER, "@12", OTR_RR_TLSA, 60, "030101ab" } },
      "secure data 60 _25._tcp.mx.example 0: <030101ab> <03> <>" },
    { "the root", ".", OTR_RR_SOA, RESPONSE, { { ANSWER, ".", OTR_RR_SOA, 60, "5" } }, "secure data 60 . 0: +" },

    { "an alias (DNS-11)", "example", OTR_RR_A, RESPONSE,
      { CNAME("@12", 50, "a.test"), A("a.test", 60, "192.0.2.1") },
      "secure data 50 a.test 1: 192.0.2.1" },
    { "links in any order (DNS-22)", "example", OTR_RR_A, RESPONSE,
      { A("c.test", 60, "192.0.2.1"), CNAME("b.test", 40, "c.test"), CNAME("a.test", 50, "b.test"),
        CNAME("example", 70, "a.test") }, "secure data 40 c.test 3: 192.0.2.1" },
    { "the alias itself was asked for (DNS-23)", "example", OTR_RR_CNAME, RESPONSE,
      { CNAME("@12", 50, "a.test"), CNAME("a.test", 20, "b.test") }, "secure data 50 example 0: a.test" },
    { "underscores and wildcard labels in a target (DNS-25)", "_25._tcp.mx.example", OTR_RR_TLSA, RESPONSE,
      { CNAME("@12", 50, "*._dane.example"), { ANSWER, "*._dane.example", OTR_RR_TLSA, 60, "03" } },
      "secure data 50 *._dane.example 1: <03>" },
    { "a DNAME with the CNAME made of it (DNS-12)", "x.old.example", OTR_RR_A, RESPONSE,
      { { ANSWER, "old.example", DNAME, 50, "036e6577076578616d706c6500" }, CNAME("x.old.example", 45, "x.new.example"),
        A("x.new.example", 60, "192.0.2.1") }, "secure data 45 x.new.example 1: 192.0.2.1" },
    { "the same link twice", "example", OTR_RR_A, RESPONSE,
      { CNAME("@12", 50, "a.test"), CNAME("@12", 40, "a.test"), A("a.test", 60, "192.0.2.1") },
      "secure data 40 a.test 1: 192.0.2.1" },
    { "two different links at one name", "example", OTR_RR_A, RESPONSE,
      { CNAME("@12", 50, "a.test"), CNAME("@12", 50, "b.test"), A("a.test", 60, "192.0.2.1") }, FAILED("example") },
    { "an alias to itself (STS-DNS-02)", "example", OTR_RR_A, RESPONSE, { CNAME("@12", 50, "example") },
      FAILED("example") },
    { "a loop of two (STS-DNS-02)", "example", OTR_RR_A, RESPONSE,
      { CNAME("@12", 50, "a.test"), CNAME("a.test", 50, "example") }, FAILED("example") },
    { "an alias to nothing", "example", OTR_RR_A, NXDOMAIN, { CNAME("@12", 200, "a.test"), SOA(300, "250") },
      "secure nxdomain 200 a.test 1:" },
    { "an alias to a name without the type", "example", OTR_RR_A, RESPONSE,
      { CNAME("@12", 500, "a.test"), SOA(300, "250") },
      "secure nodata 250 a.test 1:" },
    { "data and an alias at one name: the data", "example", OTR_RR_A, RESPONSE,
      { CNAME("@12", 50, "a.test"), A("@12", 60, "192.0.2.1") }, "secure data 60 example 0: 192.0.2.1" },

    { "NXDOMAIN is kept for MINIMUM (DNS-32)", "x.example", OTR_RR_A, NXDOMAIN, { SOA(3600, "300") },
      "secure nxdomain 300 x.example 0:" },
    { "or for the TTL of the SOA if less (DNS-32)", "x.example", OTR_RR_A, NXDOMAIN, { SOA(120, "300") },
      "secure nxdomain 120 x.example 0:" },
    { "NODATA likewise (DNS-32)", "x.example", OTR_RR_A, RESPONSE, { SOA(3600, "300") },
      "secure nodata 300 x.example 0:" },
    { "at most three hours (DNS-32)", "x.example", OTR_RR_A, NXDOMAIN, { SOA(86400, "86400") },
      "secure nxdomain 10800 x.example 0:" },
    { "without an SOA not at all (DNS-32)", "x.example", OTR_RR_A, NXDOMAIN, { { 0 } },
      "secure nxdomain 0 x.example 0:" },
    { "a MINIMUM with the top bit set is 0", "x.example", OTR_RR_A, NXDOMAIN, { SOA(3600, "2147483649") },
      "secure nxdomain 0 x.example 0:" },
    { "an SOA in the answer section is none for a denial", "x.example", OTR_RR_A, RESPONSE,
      { { ANSWER, "@12", OTR_RR_SOA, 60, "60" } }, "secure nodata 0 x.example 0:" },
    { "NXDOMAIN with data contradicts itself", "x.example", OTR_RR_A, NXDOMAIN,
      { A("@12", 60, "192.0.2.1"), SOA(60, "60") },
      FAILED("x.example") },

    { "SERVFAIL (DNS-04)", "example", OTR_RR_A, 0x8182, { A("@12", 60, "192.0.2.1") }, FAILED("example") },
    { "REFUSED (DNS-04)", "example", OTR_RR_A, 0x8185, { SOA(60, "60") }, FAILED("example") },
    { "NOTIMP (DNS-04)", "example", OTR_RR_A, 0x8184, { { 0 } }, FAILED("example") },
    { "FORMERR (DNS-04)", "example", OTR_RR_A, 0x8181, { { 0 } }, FAILED("example") },
    { "YXDOMAIN", "example", OTR_RR_A, 0x8186, { { 0 } }, FAILED("example") },
    { "cut short (DNS-34)", "example", OTR_RR_A, 0x8380, { A("@12", 60, "192.0.2.1") }, FAILED("example") },
    { "a query, not a response", "example", OTR_RR_A, 0x0100, { A("@12", 60, "192.0.2.1") }, FAILED("example") },
    { "another opcode", "example", OTR_RR_A, 0xa180, { A("@12", 60, "192.0.2.1") }, FAILED("example") },

    { "a pointer to itself", "example", OTR_RR_A, RESPONSE, { A("@25", 60, "192.0.2.1") }, FAILED("example") },
    { "a pointer forward", "example", OTR_RR_A, RESPONSE, { A("@200", 60, "192.0.2.1") }, FAILED("example") },
    { "a pointer into the labels before it", "example", OTR_RR_A, RESPONSE, { A("a.b@25", 60, "192.0.2.1") },
      FAILED("example") },
    { "a pointer beyond the packet", "example", OTR_RR_A, RESPONSE, { A("@16383", 60, "192.0.2.1") },
      FAILED("example") },
    { "a target with a pointer to itself", "example", OTR_RR_A, RESPONSE, { CNAME("@12", 60, "a@37") },
      FAILED("example") },
    { "an address of too many octets", "mx.example", OTR_RR_A, RESPONSE,
      { { ANSWER, "@12", OTR_RR_A, 60, "192.0.2" } },
      FAILED("mx.example") },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_dns_answer *a, *copy;

        begin(rows[i].qname, rows[i].qtype, rows[i].flags);
        for (const struct record *r = rows[i].records; r->section != 0; r++)
            put_record(r);
        a = parse_as(rows[i].qname, rows[i].qtype, OTR_DNS_SECURE, packet.len);
        if (strcmp(print(a), rows[i].want) != 0)
            fail_msg("%s: got \"%s\" (%s), want \"%s\"", rows[i].sentence, print(a), a->reason, rows[i].want);
        if ((a->status == OTR_DNS_TEMPFAIL) != (a->reason[0] != '\0'))
            fail_msg("%s: reason \"%s\"", rows[i].sentence, a->reason);
        copy = otr_dns_answer_copy(a);
        assert_non_null(copy);
        otr_dns_answer_free(a); /* what was copied stands by itself */
        if (strcmp(print(copy), rows[i].want) != 0 || (copy->status == OTR_DNS_TEMPFAIL) != (copy->reason[0] != '\0'))
            fail_msg("%s: copied: \"%s\" (%s), want \"%s\"", rows[i].sentence, print(copy), copy->reason, rows[i].want);
        otr_dns_answer_free(copy);
    }
}

/* An answer with everything in it: an alias, records, signatures, an SOA, additional records. */
static void build_rich(void)
{
    static const struct record records[] = {
        CNAME("@12", 50, "a@12"), { ANSWER, "a@12", OTR_RR_MX, 60, "10 mx@12" }, { ANSWER, "@12", RRSIG, 60, "00ff" },
        { AUTHORITY, "@12", OTR_RR_SOA, 60, "60" }, { AUTHORITY, "@12", OTR_RR_NS, 60, "ns@12" },
        { ADDITIONAL, "mx@12", OTR_RR_A, 60, "192.0.2.1" }, { ADDITIONAL, ".", 41, 0, "" },
    };

    begin("example", OTR_RR_MX, RESPONSE);
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
        put_record(&records[i]);
}

static void expect(const char *sentence, const char *qname, uint16_t qtype, size_t len, const char *want)
{
    otr_dns_answer *a = parse_as(qname, qtype, OTR_DNS_SECURE, len);

    if (strcmp(print(a), want) != 0)
        fail_msg("%s: got \"%s\" (%s), want \"%s\"", sentence, print(a), a->reason, want);
    otr_dns_answer_free(a);
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    build_rich();
    expect("whole", "example", OTR_RR_MX, packet.len, "secure data 50 a.example 1: 10:mx.example");
    for (size_t len = 0; len < packet.len; len++) {
        char sentence[64];

        snprintf(sentence, sizeof(sentence), "cut after %zu octets", len);
        expect(sentence, "example", OTR_RR_MX, len, FAILED("example"));
    }
    put8(0);
    expect("an octet too many", "example", OTR_RR_MX, packet.len, FAILED("example"));
}

static void test_counts_that_lie(void **state)
{
    static const unsigned lies[] = { 0, 1, 7, 255, 256, 65535 };

    (void)state;
    for (size_t section = 4; section <= 10; section += 2) {
        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
            char sentence[64];

            build_rich();
            if ((unsigned)(packet.bytes[section] << 8 | packet.bytes[section + 1]) == lies[i])
                continue;
            set16(section, lies[i]);
            snprintf(sentence, sizeof(sentence), "count at %zu is %u", section, lies[i]);
            expect(sentence, "example", OTR_RR_MX, packet.len, FAILED("example"));
        }
    }
}

static void test_rdlength_that_lies(void **state)
{
    static const struct record each[] = {
        { ANSWER, "@12", OTR_RR_A, 60, "192.0.2.1" },   { ANSWER, "@12", OTR_RR_AAAA, 60, "2001:db8::1" },
        { ANSWER, "@12", OTR_RR_MX, 60, "10 mx.test" }, { ANSWER, "@12", OTR_RR_TXT, 60, "one|two" },
        { ANSWER, "@12", OTR_RR_CNAME, 60, "a.test" },  { ANSWER, "@12", OTR_RR_NS, 60, "a.test" },
        { ANSWER, "@12", OTR_RR_TLSA, 60, "0301010203" }, { AUTHORITY, "@12", OTR_RR_SOA, 60, "60" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        for (int lie = -2; lie <= 2; lie++) {
            otr_dns_answer *a;
            size_t at;

            begin("example", each[i].type, RESPONSE);
            at = put_record(&each[i]);
            set16(at, (unsigned)(packet.bytes[at] << 8 | packet.bytes[at + 1]) + (unsigned)lie);
            a = parse_as("example", each[i].type, OTR_DNS_SECURE, packet.len);
            if ((a->status == OTR_DNS_TEMPFAIL) != (lie != 0))
                fail_msg("%s, %+d: got %s", otr_rr_type_name(each[i].type), lie, print(a));
            otr_dns_answer_free(a);
        }
        /* The octets are there, but they belong to nothing in the data. */
        if (each[i].type != OTR_RR_TLSA && each[i].type != OTR_RR_TXT) {
            size_t at;

            begin("example", each[i].type, RESPONSE);
            at = put_record(&each[i]);
            put8(0);
            set16(at, (unsigned)(packet.bytes[at] << 8 | packet.bytes[at + 1]) + 1);
            expect(otr_rr_type_name(each[i].type), "example", each[i].type, packet.len, FAILED("example"));
        }
    }
    begin("example", OTR_RR_TXT, RESPONSE);
    set16(put_record(&(struct record){ ANSWER, "@12", OTR_RR_TXT, 60, "" }), 0);
    packet.len--;
    expect("a TXT record without a string", "example", OTR_RR_TXT, packet.len, FAILED("example"));
}

static void test_another_question(void **state)
{
    (void)state;
    build_rich();
    expect("another name", "example.org", OTR_RR_MX, packet.len, FAILED("example.org"));
    expect("a shorter name", "exampl", OTR_RR_MX, packet.len, FAILED("exampl"));
    expect("another type", "example", OTR_RR_A, packet.len, FAILED("example"));
    set16(23, 3);
    expect("another class", "example", OTR_RR_MX, packet.len, FAILED("example"));
    begin("example", OTR_RR_A, RESPONSE);
    put_record(&(struct record){ ANSWER, "@12", OTR_RR_A, 60, "192.0.2.1" });
    set16(29, 3);
    expect("a record of another class", "example", OTR_RR_A, packet.len, "secure nodata 0 example 0:");
    expect("asked in another case", "EXAMPLE", OTR_RR_A, packet.len, "secure nodata 0 example 0:");
}

/* Bogus answers arrive with rcode 0 and all their data: nothing of it may be seen. */
static void test_no_data_from_what_failed(void **state)
{
    static const otr_dns_status failures[] = { OTR_DNS_BOGUS, OTR_DNS_TEMPFAIL };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        otr_dns_answer *a;

        build_rich();
        a = parse_as("example", OTR_RR_MX, failures[i], packet.len);
        assert_int_equal(a->status, failures[i]);
        assert_int_equal(a->content, OTR_DNS_UNKNOWN);
        assert_int_equal(a->rr_count, 0);
        assert_int_equal(a->cname_count, 0);
        assert_string_equal(a->canonical, "example");
        assert_int_equal(a->ttl, OTR_FAILURE_TTL);
        assert_string_equal(a->reason, "said the validator");
        otr_dns_answer_free(a);
    }
}

static void test_insecure_stays_insecure(void **state)
{
    otr_dns_answer *a;

    (void)state;
    build_rich();
    a = parse_as("example", OTR_RR_MX, OTR_DNS_INSECURE, packet.len);
    assert_string_equal(print(a), "insecure data 50 a.example 1: 10:mx.example");
    otr_dns_answer_free(a);
}

static void build_chain(unsigned links)
{
    begin("l0", OTR_RR_A, RESPONSE);
    for (unsigned i = 0; i < links; i++) {
        char owner[16], target[16];

        snprintf(owner, sizeof(owner), "l%u", i);
        snprintf(target, sizeof(target), "l%u", i + 1);
        put_record(&(struct record){ ANSWER, owner, OTR_RR_CNAME, 60, target });
    }
}

/* STS-DNS-02: 1, 8 and 17 links. */
static void test_length_of_chains(void **state)
{
    (void)state;
    build_chain(1);
    expect("1 link", "l0", OTR_RR_A, packet.len, "secure nodata 0 l1 1:");
    build_chain(8);
    expect("8 links", "l0", OTR_RR_A, packet.len, "secure nodata 0 l8 8:");
    build_chain(OTR_CNAME_MAX);
    expect("16 links", "l0", OTR_RR_A, packet.len, "secure nodata 0 l16 16:");
    build_chain(OTR_CNAME_MAX + 1);
    expect("17 links", "l0", OTR_RR_A, packet.len, FAILED("l0"));
}

static void build_many(uint16_t type, unsigned count)
{
    begin("example", type, RESPONSE);
    for (unsigned i = 0; i < count; i++) {
        char rdata[32];

        snprintf(rdata, sizeof(rdata), type == OTR_RR_A ? "10.0.%u.%u" : "0301%02x%02x", i >> 8, i & 0xff);
        put_record(&(struct record){ ANSWER, "@12", type, 60, rdata });
    }
}

static void expect_many(uint16_t type, unsigned count, size_t want, bool want_cut)
{
    otr_dns_answer *a;

    build_many(type, count);
    a = parse_as("example", type, OTR_DNS_SECURE, packet.len);
    if (a->rr_count != want || a->is_truncated_by_us != want_cut)
        fail_msg("%u %s records: got %zu%s", count, otr_rr_type_name(type), a->rr_count,
                 a->is_truncated_by_us ? " cut" : "");
    otr_dns_answer_free(a);
}

static void test_limits_on_records(void **state)
{
    (void)state;
    expect_many(OTR_RR_A, OTR_RR_MAX, OTR_RR_MAX, false);
    expect_many(OTR_RR_A, OTR_RR_MAX + 1, OTR_RR_MAX, true);
    expect_many(OTR_RR_A, 3000, OTR_RR_MAX, true);
    expect_many(OTR_RR_TLSA, OTR_TLSA_MAX, OTR_TLSA_MAX, false);
    expect_many(OTR_RR_TLSA, OTR_TLSA_MAX + 1, OTR_TLSA_MAX, true);
}

static void build_long_txt(size_t len)
{
    char text[OTR_TXT_MAX + 64];
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        if (i > 0 && i % 200 == 0)
            text[at++] = '|';
        text[at++] = 'x';
    }
    text[at] = '\0';
    begin("example", OTR_RR_TXT, RESPONSE);
    put_record(&(struct record){ ANSWER, "@12", OTR_RR_TXT, 60, text });
    put_record(&(struct record){ ANSWER, "@12", OTR_RR_TXT, 60, "short" });
}

static void test_limit_on_txt(void **state)
{
    otr_dns_answer *a;

    (void)state;
    build_long_txt(OTR_TXT_MAX);
    a = parse_as("example", OTR_RR_TXT, OTR_DNS_SECURE, packet.len);
    assert_int_equal(a->rr_count, 2);
    assert_int_equal(a->rrs[0].txt.len, OTR_TXT_MAX);
    assert_false(a->is_truncated_by_us);
    otr_dns_answer_free(a);
    build_long_txt(OTR_TXT_MAX + 1);
    expect("a record too long is left out", "example", OTR_RR_TXT, packet.len,
      "secure data 60 example 0: short/5 cut");
}

static void test_txt_with_nul(void **state)
{
    otr_dns_answer *a;

    (void)state;
    begin("example", OTR_RR_TXT, RESPONSE);
    put_record(&(struct record){ ANSWER, "@12", OTR_RR_TXT, 60, "a?b" });
    packet.bytes[packet.len - 2] = '\0';
    a = parse_as("example", OTR_RR_TXT, OTR_DNS_SECURE, packet.len);
    assert_int_equal(a->rrs[0].txt.len, 3);
    assert_memory_equal(a->rrs[0].txt.text, "a\0b", 4);
    otr_dns_answer_free(a);
}

static void test_name_of_255_octets(void **state)
{
    char name[300] = "";

    (void)state;
    for (int i = 0; i < 3; i++)
        strcat(name, "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc.");
    strcat(name, "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghija"); /* 3 * 64 + 62 + 1 */
    begin("example", OTR_RR_CNAME, RESPONSE);
    put_record(&(struct record){ ANSWER, "@12", OTR_RR_CNAME, 60, name });
    assert_int_equal(otr_wire_name_length(name), OTR_WIRE_NAME_MAX);
    otr_dns_answer *a = parse_as("example", OTR_RR_CNAME, OTR_DNS_SECURE, packet.len);
    assert_string_equal(a->rrs[0].target, name);
    otr_dns_answer_free(a);
    strcat(name, "x");
    begin("example", OTR_RR_CNAME, RESPONSE);
    put_record(&(struct record){ ANSWER, "@12", OTR_RR_CNAME, 60, name });
    assert_int_equal(otr_wire_name_length(name), OTR_WIRE_NAME_MAX + 1);
    expect("256 octets", "example", OTR_RR_CNAME, packet.len, FAILED("example"));
}

/* Labels of the kinds 01 and 10, with as many octets behind them as their length would be. */
static void test_reserved_label_types(void **state)
{
    (void)state;
    for (unsigned kind = 0x41; kind <= 0x81; kind += 0x40) {
        begin("example", OTR_RR_A, RESPONSE);
        set16(ANSWER, 1);
        put8(kind);
        for (unsigned i = 0; i < kind; i++)
            put8('a');
        put8(0);
        put16(OTR_RR_A);
        put16(1);
        put32(60);
        put16(0);
        expect("a label of a reserved kind", "example", OTR_RR_A, packet.len, FAILED("example"));
    }
}

static const struct {
    const char *text;
    size_t want;
} lengths[] = {
    { ".", 1 },       { "a", 3 },      { "example.org", 13 }, { "_25._tcp.mx.example", 21 }, { "a\\046b.c", 7 },
    { "*.a", 5 },     { "", 0 },       { "a.", 0 },           { ".a", 0 },                   { "a..b", 0 },
    { "a b", 0 },     { "a\\25", 0 },  { "a\\256", 0 },       { "a\\", 0 },                  { "a\nb", 0 },
    { "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc", 65 },
    { "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd", 0 },
};

static void test_length_of_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        if (otr_wire_name_length(lengths[i].text) != lengths[i].want)
            fail_msg("\"%s\": got %zu, want %zu", lengths[i].text, otr_wire_name_length(lengths[i].text),
                     lengths[i].want);
}

static void test_without_a_packet(void **state)
{
    otr_dns_answer *a = otr_dns_answer_failure("example", OTR_RR_MX, OTR_DNS_BOGUS, "why");

    (void)state;
    assert_string_equal(print(a), "bogus unknown 5 example 0:");
    assert_string_equal(a->reason, "why");
    otr_dns_answer_free(a);
    a = otr_dns_answer_too_long("example", OTR_RR_MX);
    assert_string_equal(print(a), "insecure nxdomain 10800 example 0:");
    otr_dns_answer_free(a);
    otr_dns_answer_free(NULL);
    assert_string_equal(otr_rr_type_name(OTR_RR_TLSA), "TLSA");
    assert_string_equal(otr_rr_type_name(9999), "?");
}

/* TYPE-COVERED, ALGORITHM, LABELS, ORIGINAL TTL, EXPIRATION; what is behind does not matter here. */
static void put_signature(const char *owner, uint16_t covered, uint32_t until)
{
    char rdata[64];

    snprintf(rdata, sizeof(rdata), "%04x0d02%08x%08x0000000000", covered, 300u, until);
    put_record(&(struct record){ ANSWER, owner, OTR_RR_RRSIG, 300, rdata });
}

/* Of the signatures over the records that were asked for the first to end; those over an alias are another matter. */
static void test_when_signatures_end(void **state)
{
    otr_dns_answer *a;

    (void)state;
    begin("alias.example", OTR_RR_TLSA, RESPONSE);
    put_record(&(struct record){ ANSWER, "alias.example", OTR_RR_CNAME, 60, "t.example" });
    put_signature("alias.example", OTR_RR_CNAME, 1000);
    put_record(&(struct record){ ANSWER, "t.example", OTR_RR_TLSA, 60, "030101ab" });
    put_signature("t.example", OTR_RR_TLSA, 3000);
    put_signature("t.example", OTR_RR_TLSA, 2000);
    put_signature("t.example", OTR_RR_A, 500);
    put_record(&(struct record){ ANSWER, "t.example", OTR_RR_RRSIG, 60, "0034" }); /* cut off */
    a = parse_as("alias.example", OTR_RR_TLSA, OTR_DNS_SECURE, packet.len);
    assert_string_equal(print(a), "secure data 60 t.example 1: <030101ab>");
    assert_int_equal(a->signed_until, 2000);
    otr_dns_answer_free(a);
}

static void test_fields_of_an_soa(void **state)
{
    otr_dns_answer *a;

    (void)state;
    begin("example", OTR_RR_SOA, RESPONSE);
    put_record(&(struct record){ ANSWER, "example", OTR_RR_SOA, 60, "5" });
    a = parse_as("example", OTR_RR_SOA, OTR_DNS_SECURE, packet.len);
    assert_int_equal(a->rr_count, 1);
    assert_int_equal(a->rrs[0].soa.serial, 1000);
    assert_int_equal(a->rrs[0].soa.refresh, 1000);
    assert_int_equal(a->rrs[0].soa.minimum, 5);
    assert_int_equal(a->signed_until, 0);
    otr_dns_answer_free(a);
    begin("example", OTR_RR_SOA, RESPONSE);
    set16(put_record(&(struct record){ ANSWER, "example", OTR_RR_SOA, 60, "5" }), 20);
    a = parse_as("example", OTR_RR_SOA, OTR_DNS_SECURE, packet.len);
    assert_int_equal(a->status, OTR_DNS_TEMPFAIL); /* fields are missing */
    otr_dns_answer_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_counts_that_lie),
        cmocka_unit_test(test_rdlength_that_lies),
        cmocka_unit_test(test_another_question),
        cmocka_unit_test(test_no_data_from_what_failed),
        cmocka_unit_test(test_insecure_stays_insecure),
        cmocka_unit_test(test_length_of_chains),
        cmocka_unit_test(test_limits_on_records),
        cmocka_unit_test(test_limit_on_txt),
        cmocka_unit_test(test_txt_with_nul),
        cmocka_unit_test(test_name_of_255_octets),
        cmocka_unit_test(test_reserved_label_types),
        cmocka_unit_test(test_length_of_names),
        cmocka_unit_test(test_without_a_packet),
        cmocka_unit_test(test_when_signatures_end),
        cmocka_unit_test(test_fields_of_an_soa),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

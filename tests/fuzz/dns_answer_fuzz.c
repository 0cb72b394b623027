/*
 * dns_answer_fuzz.c - a response packet with any content. The question is taken from the packet itself, so
 * that mutations of a seed get past the check of it. What must hold of every answer is asserted.
 */
#include "dns/answer.h"
#include "dns/wire.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const otr_dns_answer *a, otr_dns_status status)
{
    bool is_failure = a->status == OTR_DNS_BOGUS || a->status == OTR_DNS_TEMPFAIL;

    assert(a->status == status || a->status == OTR_DNS_TEMPFAIL);
    assert(is_failure == (a->content == OTR_DNS_UNKNOWN));
    assert(is_failure == (a->reason[0] != '\0'));
    assert(a->rr_count == 0 || a->content == OTR_DNS_DATA);
    assert(a->rr_count <= (a->qtype == OTR_RR_TLSA ? OTR_TLSA_MAX : OTR_RR_MAX));
    assert(a->cname_count <= OTR_CNAME_MAX);
    assert(a->cname_count > 0 || strcmp(a->canonical, a->qname) == 0);
    assert(a->content == OTR_DNS_DATA || a->ttl <= OTR_NEGATIVE_TTL_MAX);
    assert(otr_wire_name_length(a->canonical) > 0 && otr_wire_name_length(a->canonical) <= OTR_WIRE_NAME_MAX);
    for (size_t i = 0; i < a->rr_count; i++) {
        const otr_dns_rr *rr = &a->rrs[i];

        assert(rr->ttl >= a->ttl || a->qtype == OTR_RR_SOA);
        if (a->qtype == OTR_RR_TXT)
            assert(rr->txt.len <= OTR_TXT_MAX && rr->txt.text[rr->txt.len] == '\0');
        if (a->qtype == OTR_RR_MX)
            assert(otr_wire_name_length(rr->mx.exchange) > 0);
        if (a->qtype == OTR_RR_CNAME || a->qtype == OTR_RR_NS)
            assert(otr_wire_name_length(rr->target) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const otr_dns_status states[] = { OTR_DNS_SECURE, OTR_DNS_BOGUS };
    otr_wire w = { .packet = data, .end = size, .at = OTR_WIRE_HEADER_SIZE };
    char name[OTR_WIRE_NAME_TEXT];
    uint16_t type;

    if (size < OTR_WIRE_HEADER_SIZE || !otr_wire_name(&w, name) || !otr_wire_u16(&w, &type)) {
        strcpy(name, "example.org");
        type = OTR_RR_MX;
    }
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        otr_dns_answer *a = otr_dns_answer_parse(name, type, states[i], "why", data, size);

        assert(a != NULL);
        check(a, states[i]);
        otr_dns_answer_free(a);
    }
    return 0;
}

/*
 * records_scene.c - answers and keys from words.
 */
#include "records_scene.h"

#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const words[] = { "a", "b", "r", "n", "m" };
#define KEYS (sizeof(words) / sizeof(words[0]))

static otr_arena *arena;
static otr_cert issuer, certs[KEYS];
static otr_tlsa_source sources[KEYS];

void otr_scene_open(void)
{
    EVP_PKEY *rsa = otr_make_rsa_key(2048);

    arena = otr_arena_new();
    issuer = otr_make_cert(&(otr_cert_plan){ .common_name = "CA", .constraints = "critical,CA:TRUE" });
    for (size_t i = 0; i < KEYS; i++) {
        certs[i] = otr_make_cert(&(otr_cert_plan){ .common_name = words[i], .issuer = &issuer, .key = *words[i] == 'r' ? rsa : NULL });
        if (*words[i] == 'n' || *words[i] == 'm') {
            sources[i].key = certs[i].key;
        } else {
            sources[i].chain = sk_X509_new_null();
            sk_X509_push(sources[i].chain, certs[i].cert);
            sk_X509_push(sources[i].chain, issuer.cert);
        }
    }
    EVP_PKEY_free(rsa);
}

void otr_scene_close(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        sk_X509_free(sources[i].chain);
        otr_cert_clear(&certs[i]);
    }
    otr_cert_clear(&issuer);
    otr_arena_free(arena);
}

const otr_tlsa_source *otr_scene_source(const char *word)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(words[i], word) == 0)
            return &sources[i];
    fail_msg("no such key: %s", word);
    return NULL;
}

void otr_scene_sources(const char *text, const otr_tlsa_source **list, size_t *count)
{
    char copy[100], *save = NULL;
    otr_tlsa_source *made = otr_arena_alloc(arena, KEYS, sizeof(*made));

    *count = 0;
    *list = made;
    snprintf(copy, sizeof(copy), "%s", text != NULL ? text : "");
    for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        made[(*count)++] = *otr_scene_source(word);
}

static void read_tlsa(const char *text, otr_dns_rr *rr)
{
    unsigned usage, selector, mtype;
    char word[20];
    otr_tlsa_digest digest;
    otr_tlsa tlsa;
    otr_record record;

    if (sscanf(text, "%u %u %u %19s", &usage, &selector, &mtype, word) != 4)
        fail_msg("no TLSA record: %s", text);
    if (usage < 2) { /* what is never made */
        uint8_t *bytes = otr_arena_alloc(arena, 35, 1);

        bytes[0] = (uint8_t)usage;
        bytes[1] = (uint8_t)selector;
        bytes[2] = (uint8_t)mtype;
        rr->tlsa.rdata = bytes;
        rr->tlsa.len = 35;
        return;
    }
    assert_int_equal(otr_tlsa_make(otr_scene_source(word), (otr_tlsa_form){ (uint8_t)usage, (uint8_t)selector, (uint8_t)mtype }, &digest,
                                   NULL), OUTRIDER_OK);
    tlsa = otr_tlsa_of_digest(&digest);
    record = otr_record_of_tlsa(arena, "x", 1, &tlsa);
    rr->tlsa.rdata = (const uint8_t *)record.rdata.ptr;
    rr->tlsa.len = record.rdata.len;
}

static void read_rr(uint16_t type, const char *text, otr_dns_rr *rr)
{
    otr_record record;
    char exchange[256];
    unsigned preference;

    switch (type) {
    case OTR_RR_A:
    case OTR_RR_AAAA:
        rr->address.family = type == OTR_RR_A ? 4 : 6;
        if (inet_pton(type == OTR_RR_A ? AF_INET : AF_INET6, text, rr->address.bytes) != 1)
            fail_msg("no address: %s", text);
        break;
    case OTR_RR_MX:
        if (sscanf(text, "%u %255s", &preference, exchange) != 2)
            fail_msg("no MX: %s", text);
        rr->mx.preference = (uint16_t)preference;
        rr->mx.exchange = otr_arena_text(arena, exchange);
        rr->mx.is_host = true;
        break;
    case OTR_RR_TLSA:
        read_tlsa(text, rr);
        break;
    default:
        record = otr_record_of_text(arena, "x", 1, text);
        rr->txt.rdata = (const uint8_t *)record.rdata.ptr;
        rr->txt.rdata_len = record.rdata.len;
        rr->txt.text = otr_record_text(arena, &record, &rr->txt.len);
    }
}

const otr_dns_answer *otr_scene_answer(const char *name, uint16_t type, const char *text)
{
    otr_dns_answer *answer = otr_arena_alloc(arena, 1, sizeof(*answer));
    otr_dns_rr *rrs = otr_arena_alloc(arena, 10, sizeof(*rrs));
    char status[20], alias[256], copy[1000], *save = NULL;
    unsigned ttl = 0;
    int at = 0;

    if (text == NULL)
        return NULL;
    if (sscanf(text, "%19s %u %n", status, &ttl, &at) < 1)
        fail_msg("no answer: %s", text);
    *answer = (otr_dns_answer){ .qname = otr_arena_text(arena, name), .qtype = type, .ttl = ttl, .reason = "", .rrs = rrs };
    answer->canonical = answer->qname;
    if (strcmp(status, "bogus") == 0 || strcmp(status, "tempfail") == 0) {
        answer->status = *status == 'b' ? OTR_DNS_BOGUS : OTR_DNS_TEMPFAIL;
        answer->content = OTR_DNS_UNKNOWN;
        answer->reason = "for a test";
        return answer;
    }
    answer->status = strcmp(status, "secure") == 0 ? OTR_DNS_SECURE : OTR_DNS_INSECURE;
    if (sscanf(text + at, "cname=%255s", alias) == 1) {
        const char *comma = strrchr(alias, ',');

        answer->canonical = otr_arena_text(arena, comma != NULL ? comma + 1 : alias);
        answer->cname_count = comma != NULL ? 2 : 1;
        at += (int)strlen("cname=") + (int)strlen(alias) + 1;
    }
    snprintf(copy, sizeof(copy), "%s", text + at);
    answer->content = strcmp(copy, "nodata") == 0 ? OTR_DNS_NODATA : strcmp(copy, "nxdomain") == 0 ? OTR_DNS_NXDOMAIN : OTR_DNS_DATA;
    for (char *one = strtok_r(copy, "|", &save); answer->content == OTR_DNS_DATA && one != NULL; one = strtok_r(NULL, "|", &save)) {
        rrs[answer->rr_count].ttl = ttl;
        read_rr(type, one, &rrs[answer->rr_count++]);
    }
    return answer;
}

/* TLSA data as the words it is made from, so that rows can be written down. */
static void put_rdata(const otr_record *record, otr_buf *out)
{
    if (record->type == OTR_RR_TLSA) {
        otr_tlsa tlsa = otr_tlsa_from_rdata((const uint8_t *)record->rdata.ptr, record->rdata.len);

        for (size_t i = 0; i < KEYS; i++) {
            if (otr_tlsa_is_of(&tlsa, &sources[i])) {
                otr_buf_printf(out, "%u %u %u %s", tlsa.usage, tlsa.selector, tlsa.mtype, words[i]);
                return;
            }
        }
        otr_buf_printf(out, "%u %u %u ?", tlsa.usage, tlsa.selector, tlsa.mtype);
        return;
    }
    otr_record_put_rdata(record, out);
}

static void put_record(const char *sign, const otr_record *record, otr_buf *out)
{
    otr_buf_printf(out, "%s%s %s ", sign, record->owner, otr_rr_type_name(record->type));
    put_rdata(record, out);
    otr_buf_putc(out, '\n');
}

const char *otr_scene_show(const otr_records *r)
{
    otr_buf out = OTR_BUF_INIT;
    const char *text;

    for (size_t i = 0; i < r->set_count; i++)
        for (size_t l = 0; l < r->sets[i].line_count; l++) {
            otr_buf_printf(&out, "%s: ", otr_record_state_names[r->sets[i].lines[l].state]);
            put_record("", &r->sets[i].lines[l].record, &out);
        }
    for (size_t i = 0; i < r->step_count; i++) {
        const otr_step *s = &r->steps[i];

        otr_buf_printf(&out, "%zu %s%s", i, otr_step_kind_names[s->kind], s->is_optional ? "?" : "");
        for (size_t a = 0; a < s->after_count; a++)
            otr_buf_printf(&out, " after %zu+%u", s->after[a].step, s->after[a].wait);
        if (s->wait > 0)
            otr_buf_printf(&out, " wait %u", s->wait);
        otr_buf_printf(&out, " at +%lld\n", (long long)(s->earliest - OTR_SCENE_NOW));
        for (size_t n = 0; n < s->remove_count; n++)
            put_record("  - ", &s->remove[n], &out);
        for (size_t n = 0; n < s->add_count; n++)
            put_record("  + ", &s->add[n], &out);
    }
    text = otr_arena_text(arena, otr_buf_text(&out));
    otr_buf_clear(&out);
    return text;
}

/*
 * match_test.c - area H of the conformance table as far as it needs no connection, and the rows of area G that
 * show only in a verification. All certificates come from one table of plans; a row names some of them.
 */
#include "dane/match.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <stdio.h>

#define MX "mx.example.com"
#define BEFORE OTR_TEST_TIME - 30 * OTR_TEST_DAY
#define YESTERDAY OTR_TEST_TIME - OTR_TEST_DAY
#define TOMORROW OTR_TEST_TIME + OTR_TEST_DAY
#define AFTER OTR_TEST_TIME + 30 * OTR_TEST_DAY
#define CA "critical,CA:TRUE"

enum which {
    NONE,
    ROOT, INTER, LEAF,                             /* a good chain */
    OTHER_ROOT, OTHER_LEAF,                        /* another one, with the same names */
    CROSS_INTER,                                   /* INTER's name and key, signed by OTHER_ROOT */
    LEAF_OF_DOMAIN, LEAF_OF_ALIAS, LEAF_OF_OTHER,  /* names */
    LEAF_CN, LEAF_CN_AND_DNS, LEAF_CN_AND_IP, LEAF_NAMELESS, LEAF_ADDRESS, LEAF_SHOUTING,
    LEAF_WILD, LEAF_PARTIAL, LEAF_DEEP_WILD, LEAF_MANY, LEAF_ODD,
    LEAF_EXPIRED, LEAF_FUTURE, INTER_EXPIRED, LEAF_BELOW_EXPIRED, ROOT_EXPIRED, LEAF_BELOW_EXPIRED_ROOT,
    NO_CA, LEAF_BELOW_NO_CA, SHORT_ROOT, SHORT_INTER, LEAF_BELOW_SHORT, CONFINED_ROOT, LEAF_BELOW_CONFINED,
    LEAF_BADLY_SIGNED, INTER_BADLY_SIGNED, LEAF_BELOW_BADLY_SIGNED,
    LEAF_FOR_CLIENTS, SELF_SIGNED, SELF_SIGNED_EXPIRED,
    LEAF_RSA_512, LEAF_RSA_1024, LEAF_SHA1, ROOT_RSA_512, LEAF_BELOW_RSA_512,
    CERT_COUNT
};

static otr_cert certs[CERT_COUNT];

static const struct plan {
    enum which issuer, same_key_as;
    unsigned rsa_bits;
    bool is_sha1;
    otr_cert_plan plan;
} plans[CERT_COUNT] = {
    [ROOT] = { .plan = { .common_name = "Root", .constraints = CA } },
    [INTER] = { ROOT, .plan = { .common_name = "Intermediate", .constraints = CA } },
    [LEAF] = { INTER, .plan = { .common_name = "leaf", .san = "DNS:" MX } },
    [OTHER_ROOT] = { .plan = { .common_name = "Other Root", .constraints = CA } },
    [OTHER_LEAF] = { OTHER_ROOT, .plan = { .san = "DNS:" MX } },
    [CROSS_INTER] = { OTHER_ROOT, INTER, .plan = { .common_name = "Intermediate", .constraints = CA } },
    [LEAF_OF_DOMAIN] = { INTER, .plan = { .san = "DNS:example.com" } },
    [LEAF_OF_ALIAS] = { INTER, .plan = { .san = "DNS:alias.example.net" } },
    [LEAF_OF_OTHER] = { INTER, .plan = { .san = "DNS:mx.example.org" } },
    [LEAF_CN] = { INTER, .plan = { .common_name = MX } },
    [LEAF_CN_AND_DNS] = { INTER, .plan = { .common_name = MX, .san = "DNS:mx.example.org" } },
    [LEAF_CN_AND_IP] = { INTER, .plan = { .common_name = MX, .san = "IP:192.0.2.1" } },
    [LEAF_NAMELESS] = { INTER, .plan = { .san = "IP:192.0.2.1" } },
    [LEAF_ADDRESS] = { INTER, .plan = { .san = "DNS:192.0.2.1" } },
    [LEAF_SHOUTING] = { INTER, .plan = { .san = "DNS:MX.Example.COM" } },
    [LEAF_WILD] = { INTER, .plan = { .san = "DNS:*.example.com" } },
    [LEAF_PARTIAL] = { INTER, .plan = { .san = "DNS:m*.example.com" } },
    [LEAF_DEEP_WILD] = { INTER, .plan = { .san = "DNS:mx.*.com" } },
    [LEAF_MANY] = { INTER, .plan = { .san = "DNS:a.example,DNS:b.example,DNS:c.example,DNS:d.example" } },
    [LEAF_ODD] = { INTER, .plan = { .common_name = "\x1b[31mred\n" } },
    [LEAF_EXPIRED] = { INTER, .plan = { .san = "DNS:" MX, .from = BEFORE, .until = YESTERDAY } },
    [LEAF_FUTURE] = { INTER, .plan = { .san = "DNS:" MX, .from = TOMORROW, .until = AFTER } },
    [INTER_EXPIRED] = { ROOT, .plan = { .common_name = "Old", .constraints = CA, .from = BEFORE, .until = YESTERDAY } },
    [LEAF_BELOW_EXPIRED] = { INTER_EXPIRED, .plan = { .san = "DNS:" MX } },
    [ROOT_EXPIRED] = { .plan = { .common_name = "Old Root", .constraints = CA, .from = BEFORE, .until = YESTERDAY } },
    [LEAF_BELOW_EXPIRED_ROOT] = { ROOT_EXPIRED, .plan = { .san = "DNS:" MX } },
    [NO_CA] = { ROOT, .plan = { .common_name = "No CA", .constraints = "critical,CA:FALSE" } },
    [LEAF_BELOW_NO_CA] = { NO_CA, .plan = { .san = "DNS:" MX } },
    [SHORT_ROOT] = { .plan = { .common_name = "Short", .constraints = "critical,CA:TRUE,pathlen:0" } },
    [SHORT_INTER] = { SHORT_ROOT, .plan = { .common_name = "Below Short", .constraints = CA } },
    [LEAF_BELOW_SHORT] = { SHORT_INTER, .plan = { .san = "DNS:" MX } },
    [CONFINED_ROOT] = { .plan = { .common_name = "Confined", .constraints = CA,
                                  .name_constraints = "critical,permitted;DNS:example.org" } },
    [LEAF_BELOW_CONFINED] = { CONFINED_ROOT, .plan = { .san = "DNS:" MX } },
    [LEAF_BADLY_SIGNED] = { INTER, .plan = { .san = "DNS:" MX, .is_badly_signed = true } },
    [INTER_BADLY_SIGNED] = { ROOT, .plan = { .common_name = "Forged", .constraints = CA, .is_badly_signed = true } },
    [LEAF_BELOW_BADLY_SIGNED] = { INTER_BADLY_SIGNED, .plan = { .san = "DNS:" MX } },
    [LEAF_FOR_CLIENTS] = { INTER, .plan = { .san = "DNS:" MX, .usage = "clientAuth" } },
    [SELF_SIGNED] = { .plan = { .common_name = "mail", .san = "DNS:" MX } },
    [SELF_SIGNED_EXPIRED] = { .plan = { .common_name = "mail", .from = BEFORE, .until = YESTERDAY } },
    [LEAF_RSA_512] = { INTER, .rsa_bits = 512, .plan = { .san = "DNS:" MX } },
    [LEAF_RSA_1024] = { INTER, .rsa_bits = 1024, .plan = { .san = "DNS:" MX } },
    [LEAF_SHA1] = { INTER, .is_sha1 = true, .plan = { .san = "DNS:" MX } },
    [ROOT_RSA_512] = { .rsa_bits = 512, .plan = { .common_name = "Weak Root", .constraints = CA } },
    [LEAF_BELOW_RSA_512] = { ROOT_RSA_512, .plan = { .san = "DNS:" MX } },
};

static int make_certs(void **state)
{
    (void)state;
    for (int i = 1; i < CERT_COUNT; i++) {
        otr_cert_plan plan = plans[i].plan;
        EVP_PKEY *rsa = plans[i].rsa_bits != 0 ? otr_make_rsa_key(plans[i].rsa_bits) : NULL;

        plan.issuer = plans[i].issuer != NONE ? &certs[plans[i].issuer] : NULL;
        plan.key = plans[i].same_key_as != NONE ? certs[plans[i].same_key_as].key : rsa;
        plan.digest = plans[i].is_sha1 ? EVP_sha1() : NULL;
        certs[i] = otr_make_cert(&plan);
        EVP_PKEY_free(rsa);
    }
    return 0;
}

static int clear_certs(void **state)
{
    (void)state;
    for (int i = 0; i < CERT_COUNT; i++)
        otr_cert_clear(&certs[i]);
    return 0;
}

/* A row gives what matters to it; the rest is zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define ROW_RECORDS 5
#define ROW_CERTS 4
#define ROW_NAMES 4

struct record {
    uint8_t usage, selector, mtype;
    enum which of;
    enum { AS_IT_IS, WRONG, CUT } twist; /* WRONG: one bit differs; CUT: the last octet is missing */
};

struct row {
    const char *row;
    struct record records[ROW_RECORDS]; /* up to the first without a certificate */
    enum which chain[ROW_CERTS];
    const char *names[ROW_NAMES]; /* none: MX */
    int matched, depth;           /* -1: not authenticated */
    const char *reason;           /* what the sentence holds */
    bool is_unusable;
};

#define REFUSED -1, -1

static otr_tlsa make_record(const struct record *r, otr_buf *data)
{
    otr_cert_put_association(&certs[r->of], r->selector, r->mtype, data);
    if (r->twist == WRONG)
        data->data[data->len - 1] ^= 1;
    return (otr_tlsa){ .usage = r->usage, .selector = r->selector, .mtype = r->mtype,
                       .data = (const uint8_t *)data->data, .len = data->len - (r->twist == CUT) };
}

static void check_row(const struct row *row)
{
    static const char *const usual_names[] = { MX, NULL };
    otr_buf data[ROW_RECORDS] = { OTR_BUF_INIT }, pem = OTR_BUF_INIT;
    otr_tlsa records[ROW_RECORDS];
    otr_dane_question q = { .records = records, .names = row->names[0] != NULL ? row->names : usual_names,
                            .at = OTR_TEST_TIME };
    otr_dane_result got = { 0 };
    outrider_diag diag = { 0 };
    outrider_err err;

    for (; q.record_count < ROW_RECORDS && row->records[q.record_count].of != NONE; q.record_count++)
        records[q.record_count] = make_record(&row->records[q.record_count], &data[q.record_count]);
    for (int i = 0; i < ROW_CERTS && row->chain[i] != NONE; i++)
        otr_cert_put_pem(&certs[row->chain[i]], &pem);
    q.chain_pem = pem.data;
    q.chain_len = pem.len;
    err = otr_dane_match(&q, &got, &diag);
    if (err != OUTRIDER_OK)
        fail_msg("%s: error %d, %s", row->row, err, diag.message);
    if (got.is_usable == row->is_unusable || got.is_authenticated != (row->matched >= 0) ||
        got.matched != row->matched || got.depth != row->depth || strstr(got.reason, row->reason) == NULL)
        fail_msg("%s\n got  %s, record %d, depth %d: %s\n want %s, record %d, depth %d: ...%s", row->row,
                 got.is_usable ? "usable" : "unusable", got.matched, got.depth, got.reason,
                 row->is_unusable ? "unusable" : "usable", row->matched, row->depth, row->reason);
    for (int i = 0; i < ROW_RECORDS; i++)
        otr_buf_clear(&data[i]);
    otr_buf_clear(&pem);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_row(&rows[i]);
}
#define CHECK(rows) check_rows((rows), sizeof(rows) / sizeof((rows)[0]))

static void dane_ee(void **state)
{
    static const struct row rows[] = {
        { "TLSA-02 3 0 0", { { 3, 0, 0, LEAF } }, { LEAF }, .matched = 0, .depth = 0,
          .reason = "DANE-EE record matches" },
        { "TLSA-02 3 0 1", { { 3, 0, 1, LEAF } }, { LEAF }, .matched = 0, .depth = 0, .reason = "" },
        { "TLSA-02 3 0 2", { { 3, 0, 2, LEAF } }, { LEAF }, .matched = 0, .depth = 0, .reason = "" },
        { "TLSA-02 3 1 0, a bare key", { { 3, 1, 0, LEAF } }, { LEAF }, .matched = 0, .depth = 0,
          .reason = "" },
        { "TLSA-02 3 1 1", { { 3, 1, 1, LEAF } }, { LEAF }, .matched = 0, .depth = 0, .reason = "" },
        { "TLSA-02 3 1 2", { { 3, 1, 2, LEAF } }, { LEAF }, .matched = 0, .depth = 0, .reason = "" },
        { "a digest that differs in one bit", { { 3, 1, 1, LEAF, WRONG } }, { LEAF, INTER, ROOT }, {0}, REFUSED,
          "matches no DANE-EE record" },
        { "DANE-01 a record for the issuer", { { 3, 1, 1, INTER } }, { LEAF, INTER, ROOT }, {0}, REFUSED,
          "matches no DANE-EE record" },
        { "DANE-01 the leaf is the first certificate, not any", { { 3, 1, 1, LEAF } }, { INTER, LEAF }, {0},
          REFUSED,
          "matches no DANE-EE record" },
        { "DANE-02 a certificate for another host", { { 3, 1, 1, LEAF_OF_OTHER } }, { LEAF_OF_OTHER, INTER },
          .matched = 0, .depth = 0, .reason = "names and dates are not looked at" },
        { "DANE-02 a certificate without names", { { 3, 0, 1, LEAF_NAMELESS } }, { LEAF_NAMELESS },
          .matched = 0, .depth = 0, .reason = "" },
        { "DANE-02 no name is asked for", { { 3, 0, 1, LEAF } }, { LEAF }, { "" }, 0, 0, "" },
        { "DANE-03 expired", { { 3, 1, 1, LEAF_EXPIRED } }, { LEAF_EXPIRED, INTER }, {0}, 0, 0, "" },
        { "DANE-03 not yet valid", { { 3, 1, 1, LEAF_FUTURE } }, { LEAF_FUTURE, INTER }, {0}, 0, 0, "" },
        { "DANE-04 self-signed", { { 3, 1, 1, SELF_SIGNED } }, { SELF_SIGNED }, {0}, 0, 0, "" },
        { "DANE-04 self-signed and expired", { { 3, 0, 2, SELF_SIGNED_EXPIRED } }, { SELF_SIGNED_EXPIRED },
          {0}, 0, 0, "" },
        { "DANE-04 missing intermediate", { { 3, 1, 1, LEAF } }, { LEAF, ROOT }, {0}, 0, 0, "" },
        { "DANE-04 not for servers", { { 3, 1, 1, LEAF_FOR_CLIENTS } }, { LEAF_FOR_CLIENTS, INTER, ROOT }, {0},
          0, 0, "" },
        { "DANE-04 a wrong signature", { { 3, 1, 1, LEAF_BADLY_SIGNED } }, { LEAF_BADLY_SIGNED, INTER }, {0},
          0, 0, "" },
        { "DANE-04 a CA's own certificate", { { 3, 1, 1, ROOT } }, { ROOT }, {0}, 0, 0, "" },
        { "DANE-04 an issuer that is no CA", { { 3, 1, 1, LEAF_BELOW_NO_CA } }, { LEAF_BELOW_NO_CA, NO_CA },
          {0}, 0, 0, "" },
        { "DANE-04 signed with SHA-1", { { 3, 1, 1, LEAF_SHA1 } }, { LEAF_SHA1, INTER }, {0}, 0, 0, "" },
        { "level 1: RSA with 1024 bits will do", { { 3, 1, 1, LEAF_RSA_1024 } }, { LEAF_RSA_1024 }, {0}, 0, 0,
          "" },
        { "level 1: RSA with 512 bits will not", { { 3, 1, 1, LEAF_RSA_512 } }, { LEAF_RSA_512 }, {0}, REFUSED,
          "too weak" },
    };

    (void)state;
    CHECK(rows);
}

static void dane_ta(void **state)
{
    static const struct row rows[] = {
        { "TLSA-02 2 0 0", { { 2, 0, 0, ROOT } }, { LEAF, INTER, ROOT }, {0}, 0, 2,
          "matches the certificate at depth 2" },
        { "TLSA-02 2 0 1", { { 2, 0, 1, ROOT } }, { LEAF, INTER, ROOT }, {0}, 0, 2, "" },
        { "TLSA-02 2 0 2", { { 2, 0, 2, ROOT } }, { LEAF, INTER, ROOT }, {0}, 0, 2, "" },
        { "TLSA-02 2 1 0", { { 2, 1, 0, ROOT } }, { LEAF, INTER, ROOT }, {0}, 0, 2, "" },
        { "TLSA-02 2 1 1", { { 2, 1, 1, ROOT } }, { LEAF, INTER, ROOT }, {0}, 0, 2, "" },
        { "TLSA-02 2 1 2", { { 2, 1, 2, ROOT } }, { LEAF, INTER, ROOT }, {0}, 0, 2, "" },
        { "a digest that differs in one bit", { { 2, 0, 1, ROOT, WRONG } }, { LEAF, INTER, ROOT }, {0}, REFUSED,
          "no certificate in the chain matches a DANE-TA record" },
        { "DANE-05 expired leaf", { { 2, 0, 1, ROOT } }, { LEAF_EXPIRED, INTER, ROOT }, {0}, REFUSED,
          "the certificate expired on 2025-12-31T00:00:00Z" },
        { "DANE-05 leaf not yet valid", { { 2, 0, 1, ROOT } }, { LEAF_FUTURE, INTER, ROOT }, {0}, REFUSED,
          "the certificate becomes valid on 2026-01-02T00:00:00Z" },
        { "DANE-05 expired intermediate", { { 2, 0, 1, ROOT } }, { LEAF_BELOW_EXPIRED, INTER_EXPIRED, ROOT },
          {0}, REFUSED,
          "the certificate at depth 1 expired on 2025-12-31T00:00:00Z" },
        { "DANE-05 expired intermediate as the anchor", { { 2, 0, 1, INTER_EXPIRED } },
          { LEAF_BELOW_EXPIRED, INTER_EXPIRED },
          {0}, REFUSED, "the certificate at depth 1 expired on" },
        { "DANE-05 expired intermediate as the anchor by its key", { { 2, 1, 1, INTER_EXPIRED } },
          { LEAF_BELOW_EXPIRED, INTER_EXPIRED, ROOT }, {0}, REFUSED, "the certificate at depth 1 expired on" },
        { "DANE-05 expired root", { { 2, 0, 1, ROOT_EXPIRED } }, { LEAF_BELOW_EXPIRED_ROOT, ROOT_EXPIRED },
          {0}, REFUSED,
          "the certificate at depth 1 expired on" },
        { "DANE-05 issuer that is no CA", { { 2, 0, 1, ROOT } }, { LEAF_BELOW_NO_CA, NO_CA, ROOT }, {0},
          REFUSED,
          "depth 1 issued another but is not a CA's" },
        { "DANE-05 anchor that is no CA", { { 2, 0, 1, NO_CA } }, { LEAF_BELOW_NO_CA, NO_CA }, {0}, REFUSED,
          "depth 1 issued another but is not a CA's" },
        { "DANE-05 wrong signature on the leaf", { { 2, 0, 1, ROOT } }, { LEAF_BADLY_SIGNED, INTER, ROOT },
          {0}, REFUSED,
          "the signature on the certificate at depth 0 is wrong" },
        { "DANE-05 wrong signature below the anchor", { { 2, 0, 1, ROOT } },
          { LEAF_BELOW_BADLY_SIGNED, INTER_BADLY_SIGNED, ROOT }, {0}, REFUSED,
          "the signature on the certificate at depth 1 is wrong" },
        { "DANE-05 the signature on the anchor itself does not count", { { 2, 0, 1, INTER_BADLY_SIGNED } },
          { LEAF_BELOW_BADLY_SIGNED, INTER_BADLY_SIGNED }, {0}, 0, 1, "" },
        { "DANE-05 leaf for clients only", { { 2, 0, 1, ROOT } }, { LEAF_FOR_CLIENTS, INTER, ROOT }, {0},
          REFUSED,
          "depth 0 is not meant for TLS servers" },
        { "DANE-05 anchor sent, but of another chain", { { 2, 0, 1, ROOT } }, { OTHER_LEAF, OTHER_ROOT, ROOT },
          {0}, REFUSED,
          "no certificate in the chain matches a DANE-TA record" },
        { "DANE-05 missing intermediate", { { 2, 0, 1, ROOT } }, { LEAF, ROOT }, {0}, REFUSED,
          "no certificate in the chain matches a DANE-TA record" },
        { "DANE-05 a CA's record does not vouch for its own certificate", { { 2, 0, 1, SELF_SIGNED } },
          { SELF_SIGNED }, {0},
          REFUSED, "no certificate in the chain matches a DANE-TA record" },
        { "DANE-06 the anchor is an intermediate", { { 2, 0, 1, INTER } }, { LEAF, INTER }, {0}, 0, 1,
          "depth 1" },
        { "DANE-06 the anchor is an intermediate, more is sent", { { 2, 1, 1, INTER } }, { LEAF, INTER, ROOT },
          {0}, 0, 1, "" },
        { "DANE-06 the order of what is sent does not matter", { { 2, 0, 1, ROOT } }, { LEAF, ROOT, INTER },
          {0}, 0, 2, "" },
        { "DANE-06 unrelated certificates in between", { { 2, 0, 1, ROOT } },
          { LEAF, OTHER_ROOT, INTER, ROOT }, {0}, 0, 2, "" },
        { "DANE-06 a cross-signed intermediate matches by its key", { { 2, 1, 1, INTER } },
          { LEAF, CROSS_INTER }, {0}, 0, 1, "" },
        { "DANE-06 of two intermediates with one name and key, the first is followed (to the anchor)",
          { { 2, 0, 1, ROOT } },
          { LEAF, INTER, CROSS_INTER, ROOT }, {0}, 0, 2, "" },
        { "DANE-06 of two intermediates with one name and key, the first is followed (past it, as Postfix and Exim do)",
          { { 2, 0, 1, ROOT } }, { LEAF, CROSS_INTER, INTER, ROOT }, {0}, REFUSED, "no certificate in the chain matches" },
        { "DANE-14 anchor not sent, taken from DNS", { { 2, 0, 0, ROOT } }, { LEAF, INTER }, {0}, 0, 2,
          "depth 2" },
        { "DANE-14 intermediate not sent, taken from DNS", { { 2, 0, 0, INTER } }, { LEAF }, {0}, 0, 1, "" },
        { "DANE-14 anchor of another chain", { { 2, 0, 0, OTHER_ROOT } }, { LEAF, INTER }, {0}, REFUSED,
          "no certificate in the chain matches a DANE-TA record" },
        { "DANE-14 the first of several anchors is not the one",
          { { 2, 0, 0, OTHER_ROOT }, { 2, 0, 0, ROOT } }, { LEAF, INTER },
          {0}, 1, 2, "" },
        { "DANE-14 the anchor's dates count", { { 2, 0, 0, INTER_EXPIRED } }, { LEAF_BELOW_EXPIRED }, {0},
          REFUSED, "expired" },
        { "DANE-15 bare key, root omitted", { { 2, 1, 0, ROOT } }, { LEAF, INTER }, {0}, 0, 2,
          "key of a DANE-TA record signed the certificate at depth 1" },
        { "DANE-15 bare key that signed the leaf", { { 2, 1, 0, INTER } }, { LEAF }, {0}, 0, 1, "at depth 0" },
        { "DANE-15 bare key of another", { { 2, 1, 0, OTHER_ROOT } }, { LEAF, INTER }, {0}, REFUSED,
          "no certificate in the chain matches a DANE-TA record" },
        { "DANE-15 bare key, topmost certificate expired", { { 2, 1, 0, ROOT } },
          { LEAF_BELOW_EXPIRED, INTER_EXPIRED }, {0},
          REFUSED, "the certificate at depth 1 expired" },
        { "DANE-15 bare key, wrong name", { { 2, 1, 0, ROOT } }, { LEAF_OF_OTHER, INTER }, {0}, REFUSED,
          "not for " MX },
        { "DANE-15 bare key, leaf expired", { { 2, 1, 0, ROOT } }, { LEAF_EXPIRED, INTER }, {0}, REFUSED,
          "expired" },
        { "DANE-15 bare key, wrong signature below", { { 2, 1, 0, ROOT } }, { LEAF_BADLY_SIGNED, INTER }, {0},
          REFUSED,
          "signature" },
        { "DANE-15 bare key, topmost certificate is no CA's", { { 2, 1, 0, ROOT } },
          { LEAF_BELOW_NO_CA, NO_CA }, {0}, REFUSED,
          "not a CA's" },
        { "DANE-15 a digest of a key cannot check a signature", { { 2, 1, 1, ROOT } }, { LEAF, INTER }, {0},
          REFUSED,
          "no certificate in the chain matches a DANE-TA record" },
        { "DANE-16 2 0 1 and the anchor is not sent", { { 2, 0, 1, ROOT } }, { LEAF, INTER }, {0}, REFUSED,
          "no certificate in the chain matches a DANE-TA record" },
        { "DANE-16 2 1 2 and the anchor is not sent", { { 2, 1, 2, ROOT } }, { LEAF, INTER }, {0}, REFUSED,
          "no certificate in the chain matches a DANE-TA record" },
        { "DANE-17 path length of the anchor", { { 2, 0, 1, SHORT_ROOT } },
          { LEAF_BELOW_SHORT, SHORT_INTER, SHORT_ROOT }, {0},
          REFUSED, "longer than the certificate at depth 2 allows" },
        { "DANE-17 path length of an anchor from DNS", { { 2, 0, 0, SHORT_ROOT } },
          { LEAF_BELOW_SHORT, SHORT_INTER }, {0},
          REFUSED, "longer than the certificate at depth 2 allows" },
        { "DANE-17 the anchor below is not bound by those above", { { 2, 0, 1, SHORT_INTER } },
          { LEAF_BELOW_SHORT, SHORT_INTER, SHORT_ROOT }, {0}, 0, 1, "" },
        { "DANE-17 name constraints of the anchor", { { 2, 0, 1, CONFINED_ROOT } },
          { LEAF_BELOW_CONFINED, CONFINED_ROOT }, {0},
          REFUSED, "permitted subtree violation" },
        { "level 1: leaf with RSA of 1024 bits", { { 2, 0, 1, ROOT } }, { LEAF_RSA_1024, INTER, ROOT }, {0}, 0,
          2, "" },
        { "level 1: leaf with RSA of 512 bits", { { 2, 0, 1, ROOT } }, { LEAF_RSA_512, INTER, ROOT }, {0},
          REFUSED, "too weak" },
        { "level 1: anchor with RSA of 512 bits", { { 2, 0, 1, ROOT_RSA_512 } },
          { LEAF_BELOW_RSA_512, ROOT_RSA_512 }, {0},
          REFUSED, "the key of the certificate at depth 1 is too weak" },
        { "level 1: leaf signed with SHA-1", { { 2, 0, 1, ROOT } }, { LEAF_SHA1, INTER, ROOT }, {0}, REFUSED,
          "weak digest" },
    };

    (void)state;
    CHECK(rows);
}

static void names(void **state)
{
    /* Every row: 2 0 1 of the root over a good chain, so that only the name decides. */
#define TA { { 2, 0, 1, ROOT } }
#define BELOW(leaf) { leaf, INTER, ROOT }
    static const struct row rows[] = {
        { "DANE-07 another name", TA, BELOW(LEAF_OF_OTHER), {0}, REFUSED,
          "the certificate is for mx.example.org, not for " MX },
        { "DANE-07 many other names", TA, BELOW(LEAF_MANY), {0}, REFUSED,
          "is for a.example, b.example and 2 more, not for " MX },
        { "DANE-07 no name", TA, BELOW(LEAF_NAMELESS), {0}, REFUSED, "the certificate has no name" },
        { "DANE-07 a name with a terminal's escape", TA, BELOW(LEAF_ODD), {0}, REFUSED,
          "is for \\x1B[31mred\\x0A, not" },
        { "DANE-07 letters of either case", TA, BELOW(LEAF_SHOUTING), {0}, 0, 2, "" },
        { "DANE-07 no reference name: nothing could be checked", TA, BELOW(LEAF), { "" }, REFUSED,
          "needs a host name" },
        { "DANE-07 a name beginning with a dot is none", TA, BELOW(LEAF), { ".example.com" }, REFUSED,
          "needs a host name" },
        { "DANE-07 an address is none", TA, BELOW(LEAF_ADDRESS), { "192.0.2.1" }, REFUSED,
          "needs a host name" },
        { "DANE-07 a wildcard is none", TA, BELOW(LEAF_WILD), { "*.example.com" }, REFUSED,
          "needs a host name" },
        { "DANE-07 what is no name does not spoil those that are", TA, BELOW(LEAF), { ".com", "", MX }, 0, 2,
          "" },
        { "DANE-08 the base domain", TA, BELOW(LEAF), { MX, "example.com" }, 0, 2, "" },
        { "DANE-09 the mail domain", TA, BELOW(LEAF_OF_DOMAIN), { MX, "example.com" }, 0, 2, "" },
        { "DANE-09 the mail domain's alias target", TA, BELOW(LEAF_OF_ALIAS),
          { MX, "example.com", "alias.example.net" }, 0, 2, "" },
        { "DANE-10 the mail domain is not asked for", TA, BELOW(LEAF_OF_DOMAIN), { MX }, REFUSED,
          "is for example.com, not for" },
        { "DANE-11 the original of an aliased host", TA, BELOW(LEAF_OF_ALIAS), { MX, "alias.example.net" }, 0,
          2, "" },
        { "DANE-12 Common Name without any alternative name", TA, BELOW(LEAF_CN), {0}, 0, 2, "" },
        { "DANE-12 Common Name beside another DNS-ID", TA, BELOW(LEAF_CN_AND_DNS), {0}, REFUSED,
          "is for mx.example.org" },
        { "DANE-12 Common Name beside an address", TA, BELOW(LEAF_CN_AND_IP), {0}, 0, 2, "" },
        { "DANE-13 a wildcard for one label", TA, BELOW(LEAF_WILD), {0}, 0, 2, "" },
        { "DANE-13 a wildcard for two labels", TA, BELOW(LEAF_WILD), { "a.mx.example.com" }, REFUSED,
          "not for a.mx.example.com" },
        { "DANE-13 a wildcard for no label", TA, BELOW(LEAF_WILD), { "example.com" }, REFUSED,
          "not for example.com" },
        { "DANE-13 a wildcard in part of a label", TA, BELOW(LEAF_PARTIAL), {0}, REFUSED,
          "is for m*.example.com" },
        { "DANE-13 a wildcard further right", TA, BELOW(LEAF_DEEP_WILD), {0}, REFUSED, "is for mx.*.com" },
    };

    (void)state;
    CHECK(rows);
}

static void several_records(void **state)
{
    static const struct row rows[] = {
        { "TLSA-07 a malformed record beside a good one", { { 3, 1, 1, LEAF, CUT }, { 3, 1, 1, LEAF } },
          { LEAF }, {0}, 1, 0, "" },
        { "TLSA-07 a malformed record beside a wrong one", { { 3, 1, 1, LEAF, CUT }, { 3, 1, 1, INTER } },
          { LEAF }, {0}, REFUSED,
          "matches no DANE-EE record" },
        { "TLSA-08 only malformed records", { { 3, 1, 1, LEAF, CUT }, { 2, 0, 0, ROOT, CUT } }, { LEAF }, {0},
          REFUSED,
          "no record is usable", .is_unusable = true },
        { "TLSA-03 PKIX-EE that would match", { { 1, 1, 1, LEAF } }, { LEAF, INTER, ROOT }, {0}, REFUSED,
          "no record is usable",
          .is_unusable = true },
        { "TLSA-03 PKIX-TA that would match, beside a wrong DANE-EE", { { 0, 0, 1, ROOT }, { 3, 1, 1, ROOT } },
          { LEAF, INTER, ROOT }, {0}, REFUSED, "matches no DANE-EE record" },
        { "TLSA-12 a good 3 1 1 beside a wrong 3 1 2", { { 3, 1, 1, LEAF }, { 3, 1, 2, LEAF, WRONG } },
          { LEAF }, {0}, REFUSED,
          "matches no DANE-EE record" },
        { "TLSA-12 a wrong 3 1 1 beside a good 3 1 2", { { 3, 1, 1, LEAF, WRONG }, { 3, 1, 2, LEAF } },
          { LEAF }, {0}, 1, 0, "" },
        { "TLSA-12 a good 2 0 1 beside a wrong 2 0 2", { { 2, 0, 1, ROOT }, { 2, 0, 2, ROOT, WRONG } },
          { LEAF, INTER, ROOT }, {0},
          REFUSED, "no certificate" },
        { "TLSA-12 a good 3 1 0 beside a wrong 3 1 2", { { 3, 1, 2, LEAF, WRONG }, { 3, 1, 0, LEAF } },
          { LEAF }, {0}, 1, 0, "" },
        { "TLSA-12 a good 3 1 2 beside another 3 1 0", { { 3, 1, 0, ROOT }, { 3, 1, 2, LEAF } }, { LEAF }, {0},
          1, 0, "" },
        { "TLSA-12 a good 3 1 1 beside a malformed 3 1 2", { { 3, 1, 2, LEAF, CUT }, { 3, 1, 1, LEAF } },
          { LEAF }, {0}, 1, 0, "" },
        { "TLSA-13 a wrong 3 1 2 leaves 3 0 1", { { 3, 1, 2, LEAF, WRONG }, { 3, 0, 1, LEAF } }, { LEAF }, {0},
          1, 0, "" },
        { "TLSA-13 a wrong 3 0 2 leaves 3 1 1", { { 3, 0, 2, LEAF, WRONG }, { 3, 1, 1, LEAF } }, { LEAF }, {0},
          1, 0, "" },
        { "TLSA-13 a wrong 3 1 2 leaves 2 1 1", { { 3, 1, 2, LEAF, WRONG }, { 2, 1, 1, INTER } },
          { LEAF, INTER }, {0}, 1, 1, "" },
        { "TLSA-13 a wrong 2 1 2 leaves 3 1 1", { { 2, 1, 2, INTER, WRONG }, { 3, 1, 1, LEAF } },
          { LEAF, INTER }, {0}, 1, 0, "" },
        { "TLSA-14 one of five",
          { { 3, 1, 1, LEAF, WRONG }, { 3, 1, 1, ROOT }, { 2, 0, 1, OTHER_ROOT }, { 3, 1, 1, LEAF },
                                   { 2, 1, 1, LEAF } }, { LEAF, INTER, ROOT }, {0}, 3, 0, "" },
        { "TLSA-14 duplicates", { { 3, 1, 1, LEAF }, { 3, 1, 1, LEAF }, { 3, 1, 1, LEAF } }, { LEAF }, {0}, 0,
          0, "" },
        { "TLSA-14 DANE-TA matches where DANE-EE does not", { { 3, 1, 1, LEAF, WRONG }, { 2, 0, 1, ROOT } },
          { LEAF, INTER, ROOT },
          {0}, 1, 2, "" },
        { "TLSA-14 DANE-EE matches where DANE-TA has the wrong name",
          { { 2, 0, 1, ROOT }, { 3, 1, 1, LEAF_OF_OTHER } },
          { LEAF_OF_OTHER, INTER, ROOT }, {0}, 1, 0, "" },
        { "TLSA-14 the roll-over pair, key replaced", { { 3, 1, 1, LEAF_OF_DOMAIN }, { 2, 1, 1, INTER } },
          { LEAF, INTER }, {0}, 1, 1,
          "" },
        { "TLSA-14 neither matches", { { 3, 1, 1, ROOT }, { 2, 0, 1, OTHER_ROOT } }, { LEAF, INTER, ROOT },
          {0}, REFUSED,
          "matches no DANE-EE record, and no certificate above it matches a DANE-TA record" },
        { "several 2 0 0 records, each read from its start",
          { { 2, 0, 0, OTHER_ROOT }, { 2, 0, 0, INTER }, { 2, 0, 0, ROOT } },
          { LEAF }, {0}, 1, 1, "" },
        { "DANE-EE still counts where no name is given for DANE-TA", { { 2, 0, 1, ROOT }, { 3, 1, 1, LEAF } },
          { LEAF, INTER, ROOT },
          { "" }, 1, 0, "" },
        { "no records", { { 0 } }, { LEAF }, {0}, REFUSED, "there is no TLSA record", .is_unusable = true },
    };

    (void)state;
    CHECK(rows);
}

/* DANE-05: the time is the question's, not the clock's. */
static void asks_about_the_given_time(void **state)
{
    static const char *const mx[] = { MX, NULL };
    static const struct {
        otr_time at;
        bool is_authenticated;
    } rows[] = { { OTR_TEST_TIME, true }, { OTR_TEST_TIME + 14 * OTR_TEST_DAY, true },
                 { OTR_TEST_TIME + 16 * OTR_TEST_DAY, false }, { OTR_TEST_TIME - 16 * OTR_TEST_DAY, false },
                 { 0, false }, { 4102444800, false } };
    otr_buf data = OTR_BUF_INIT, pem = OTR_BUF_INIT;
    otr_tlsa record = make_record(&(struct record){ 2, 0, 1, INTER, AS_IT_IS }, &data);

    (void)state;
    otr_cert_put_pem(&certs[LEAF], &pem);
    otr_cert_put_pem(&certs[INTER], &pem);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_dane_question q = { .records = &record, .record_count = 1, .chain_pem = pem.data, .chain_len = pem.len,
                                .names = mx, .at = rows[i].at };
        otr_dane_result got;

        assert_int_equal(otr_dane_match(&q, &got, NULL), OUTRIDER_OK);
        if (got.is_authenticated != rows[i].is_authenticated)
            fail_msg("at %lld\n got  %d (%s)\n want %d", (long long)rows[i].at, got.is_authenticated, got.reason,
                     rows[i].is_authenticated);
    }
    otr_buf_clear(&data);
    otr_buf_clear(&pem);
}

static void refuses_what_is_no_chain(void **state)
{
    static const struct {
        const char *row;
        const char *text;
        const char *reason;
        unsigned line;
    } rows[] = {
        { "empty", "", "no certificate", 0 },
        { "words", "hello\nworld\n", "no certificate", 0 },
        { "a certificate that is no DER",
          "chain:\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
          "does not parse", 2 },
        { "a private key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
          "not a certificate", 1 },
        { "a block without end", "\n\n-----BEGIN CERTIFICATE-----\nAAAA\n", "does not parse", 3 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_dane_question q = { .chain_pem = rows[i].text, .chain_len = strlen(rows[i].text) };
        otr_dane_result got = { .matched = 77 };
        outrider_diag diag = { 0 };
        outrider_err err = otr_dane_match(&q, &got, &diag);

        if (err != OUTRIDER_E_SYNTAX || strstr(diag.message, rows[i].reason) == NULL || diag.line != rows[i].line)
            fail_msg("%s\n got  %d, line %u: %s\n want line %u: ...%s", rows[i].row, err, diag.line, diag.message,
                     rows[i].line, rows[i].reason);
        assert_int_equal(got.matched, 77); /* outputs are written on success only */
    }
}

static void keeps_its_limits(void **state)
{
    otr_buf pem = OTR_BUF_INIT;
    otr_dane_question q = { 0 };
    otr_dane_result got;

    (void)state;
    for (int i = 0; i < OTR_CHAIN_MAX; i++)
        otr_cert_put_pem(&certs[LEAF], &pem);
    q.chain_pem = pem.data;
    q.chain_len = pem.len;
    assert_int_equal(otr_dane_match(&q, &got, NULL), OUTRIDER_OK);
    otr_cert_put_pem(&certs[LEAF], &pem);
    q.chain_pem = pem.data;
    q.chain_len = pem.len;
    assert_int_equal(otr_dane_match(&q, &got, NULL), OUTRIDER_E_LIMIT);
    while (pem.len <= OTR_CHAIN_PEM_LIMIT)
        otr_buf_puts(&pem, "text between blocks, and more of it, and more of it, and more of it\n");
    q.chain_pem = pem.data;
    q.chain_len = pem.len;
    assert_int_equal(otr_dane_match(&q, &got, NULL), OUTRIDER_E_LIMIT);
    otr_buf_clear(&pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dane_ee),
        cmocka_unit_test(dane_ta),
        cmocka_unit_test(names),
        cmocka_unit_test(several_records),
        cmocka_unit_test(asks_about_the_given_time),
        cmocka_unit_test(refuses_what_is_no_chain),
        cmocka_unit_test(keeps_its_limits),
    };
    return cmocka_run_group_tests(tests, make_certs, clear_certs);
}

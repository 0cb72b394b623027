/*
 * verify_test.c - chains on paper: what is accepted, and in which words the rest is refused.
 */
#include "support/cmocka_all.h"
#include "support/make_cert.h"
#include "trust/pem.h"
#include "trust/verify.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#define HOST "mx.example.org"
#define DAY OTR_TEST_DAY
#define IS_CA "critical,CA:TRUE"
#define PAST .from = OTR_TEST_TIME - 9 * DAY, .until = OTR_TEST_TIME - DAY
#define FUTURE .from = OTR_TEST_TIME + DAY, .until = OTR_TEST_TIME + 9 * DAY
#define LIST_MAX 6

/* Certificates --------------------------------------------------------------------------------------------------- */

enum cert {
    END, /* of a list */
    ROOT, OTHER_ROOT, EXPIRED_ROOT, FUTURE_ROOT, WEAK_ROOT, SHA1_ROOT, /* SHA-1 in the signature of a root is nobody's concern */
    ROOT_BY_OTHER, OTHER_BY_ROOT,                         /* cross-signs */
    CA, CA_EXPIRED, CA_FUTURE, CA_FALSE, CA_UNSAID, CA_NO_CERTSIGN, CA_PATHLEN, CA_BELOW_PATHLEN, CA_NAMES, CA_EXCLUDES,
    CA_CLIENTS, CA_SHA1, CA_RSA, CA_MD5, CA_FORGED, CA_OF_EXPIRED, CA_OF_FUTURE, CA_OF_WEAK, CA_OF_SHA1,
    LEAF, LEAF_EXPIRED, LEAF_FUTURE, LEAF_SHORT, LEAF_CN, LEAF_CN_AND_SAN, LEAF_IP_ONLY, LEAF_MAIL_ONLY, LEAF_DOMAIN,
    LEAF_UPPER, LEAF_STAR, LEAF_STAR_PART, LEAF_STAR_END, LEAF_STAR_DEEP, LEAF_STAR_WIDE, LEAF_STAR_MIDDLE, LEAF_NUL,
    LEAF_EMPTY_NAME, LEAF_IP_AS_DNS, LEAF_TWO, LEAF_MANY, LEAF_CLIENT, LEAF_BOTH, LEAF_SIGNER, LEAF_SHA1, LEAF_MD5, LEAF_WEAK,
    LEAF_FORGED, LEAF_IDN, LEAF_ODD, LEAF_IS_CA, LEAF_STAR_ODD,
    OF_EXPIRED, OF_FUTURE, OF_FALSE, OF_UNSAID, OF_NO_CERTSIGN, OF_PATHLEN, OF_BELOW_PATHLEN, OF_NAMES, OF_EXCLUDES, OF_CLIENTS,
    OF_SHA1, OF_MD5, OF_FORGED, OF_EXPIRED_ROOT, OF_FUTURE_ROOT, OF_WEAK, OF_SHA1_ROOT, OF_ROOT, OF_LEAF,
    SELF, SELF_STRANGE,
    CERT_COUNT
};

static otr_cert certs[CERT_COUNT];

static void make(enum cert which, enum cert issuer, otr_cert_plan plan)
{
    if (issuer != END)
        plan.issuer = &certs[issuer];
    certs[which] = otr_make_cert(&plan);
}

static void make_as(enum cert which, enum cert whom, enum cert issuer, const char *name) /* a cross-sign */
{
    make(which, issuer, (otr_cert_plan){ .common_name = name, .constraints = IS_CA, .key = certs[whom].key });
}

static void make_roots(void)
{
    EVP_PKEY *weak = otr_make_rsa_key(1024);

    make(ROOT, END, (otr_cert_plan){ .common_name = "Root", .constraints = IS_CA });
    make(OTHER_ROOT, END, (otr_cert_plan){ .common_name = "Other Root", .constraints = IS_CA });
    make(EXPIRED_ROOT, END, (otr_cert_plan){ .common_name = "Expired Root", .constraints = IS_CA, PAST });
    make(FUTURE_ROOT, END, (otr_cert_plan){ .common_name = "Future Root", .constraints = IS_CA, FUTURE });
    make(WEAK_ROOT, END, (otr_cert_plan){ .common_name = "Weak Root", .constraints = IS_CA, .key = weak });
    make(SHA1_ROOT, END, (otr_cert_plan){ .common_name = "Old Root", .constraints = IS_CA, .digest = EVP_sha1() });
    make_as(ROOT_BY_OTHER, ROOT, OTHER_ROOT, "Root");
    make_as(OTHER_BY_ROOT, OTHER_ROOT, ROOT, "Other Root");
    EVP_PKEY_free(weak);
}

static void make_cas(void)
{
    EVP_PKEY *rsa = otr_make_rsa_key(2048);

    make(CA, ROOT, (otr_cert_plan){ .common_name = "CA", .constraints = IS_CA });
    make(CA_EXPIRED, ROOT, (otr_cert_plan){ .common_name = "Expired CA", .constraints = IS_CA, PAST });
    make(CA_FUTURE, ROOT, (otr_cert_plan){ .common_name = "Future CA", .constraints = IS_CA, FUTURE });
    make(CA_FALSE, ROOT, (otr_cert_plan){ .common_name = "No CA", .constraints = "critical,CA:FALSE" });
    make(CA_UNSAID, ROOT, (otr_cert_plan){ .common_name = "Unsaid CA", .key_usage = "keyCertSign" });
    make(CA_NO_CERTSIGN, ROOT, (otr_cert_plan){ .common_name = "Mute CA", .constraints = IS_CA, .key_usage = "cRLSign" });
    make(CA_PATHLEN, ROOT, (otr_cert_plan){ .common_name = "Last CA", .constraints = "critical,CA:TRUE,pathlen:0" });
    make(CA_BELOW_PATHLEN, CA_PATHLEN, (otr_cert_plan){ .common_name = "CA too many", .constraints = IS_CA });
    make(CA_NAMES, ROOT, (otr_cert_plan){ .common_name = "Narrow CA", .constraints = IS_CA,
                                          .name_constraints = "critical,permitted;DNS:good.example" });
    make(CA_EXCLUDES, ROOT, (otr_cert_plan){ .common_name = "Barred CA", .constraints = IS_CA,
                                             .name_constraints = "critical,excluded;DNS:example.org" });
    make(CA_CLIENTS, ROOT, (otr_cert_plan){ .common_name = "CA for clients", .constraints = IS_CA, .usage = "clientAuth" });
    make(CA_SHA1, ROOT, (otr_cert_plan){ .common_name = "SHA-1 CA", .constraints = IS_CA, .digest = EVP_sha1() });
    make(CA_RSA, ROOT, (otr_cert_plan){ .common_name = "RSA CA", .constraints = IS_CA, .key = rsa }); /* ECDSA knows no MD5 */
    make(CA_MD5, CA_RSA, (otr_cert_plan){ .common_name = "MD5 CA", .constraints = IS_CA, .digest = EVP_md5() });
    make(CA_FORGED, ROOT, (otr_cert_plan){ .common_name = "Forged CA", .constraints = IS_CA, .is_badly_signed = true });
    make(CA_OF_EXPIRED, EXPIRED_ROOT, (otr_cert_plan){ .common_name = "CA of the expired", .constraints = IS_CA });
    make(CA_OF_FUTURE, FUTURE_ROOT, (otr_cert_plan){ .common_name = "CA of the future", .constraints = IS_CA });
    make(CA_OF_WEAK, WEAK_ROOT, (otr_cert_plan){ .common_name = "CA of the weak", .constraints = IS_CA });
    make(CA_OF_SHA1, SHA1_ROOT, (otr_cert_plan){ .common_name = "CA of the old", .constraints = IS_CA });
    EVP_PKEY_free(rsa);
}

static void leaf(enum cert which, const char *san)
{
    make(which, CA, (otr_cert_plan){ .san = san });
}

static void make_leaves(void)
{
    static const char nul_name[] = HOST "\0.evil.example";
    EVP_PKEY *weak = otr_make_rsa_key(1024);

    leaf(LEAF, "DNS:" HOST);
    make(LEAF_EXPIRED, CA, (otr_cert_plan){ .san = "DNS:" HOST, PAST });
    make(LEAF_FUTURE, CA, (otr_cert_plan){ .san = "DNS:" HOST, FUTURE });
    make(LEAF_SHORT, CA, (otr_cert_plan){ .san = "DNS:" HOST, .from = OTR_TEST_TIME - DAY, .until = OTR_TEST_TIME + DAY });
    make(LEAF_CN, CA, (otr_cert_plan){ .common_name = HOST });
    make(LEAF_CN_AND_SAN, CA, (otr_cert_plan){ .common_name = HOST, .san = "DNS:www.example.org" });
    make(LEAF_IP_ONLY, CA, (otr_cert_plan){ .common_name = HOST, .san = "IP:192.0.2.1" });
    make(LEAF_MAIL_ONLY, CA, (otr_cert_plan){ .common_name = HOST, .san = "email:postmaster@example.org" });
    leaf(LEAF_DOMAIN, "DNS:example.org");
    leaf(LEAF_UPPER, "DNS:MX.Example.ORG");
    leaf(LEAF_STAR, "DNS:*.example.org");
    leaf(LEAF_STAR_PART, "DNS:m*.example.org");
    leaf(LEAF_STAR_END, "DNS:*x.example.org");
    leaf(LEAF_STAR_DEEP, "DNS:*.mx.example.org");
    leaf(LEAF_STAR_WIDE, "DNS:*.org");
    leaf(LEAF_STAR_MIDDLE, "DNS:mx.*.org");
    leaf(LEAF_STAR_ODD, "DNS:*");
    make(LEAF_NUL, CA, (otr_cert_plan){ .raw_dns_name = nul_name, .raw_dns_len = sizeof(nul_name) - 1 });
    make(LEAF_EMPTY_NAME, CA, (otr_cert_plan){ .raw_dns_name = "", .raw_dns_len = 0 });
    make(LEAF_ODD, CA, (otr_cert_plan){ .raw_dns_name = "a\"\n\x1b[31m\xff", .raw_dns_len = 9 });
    leaf(LEAF_IP_AS_DNS, "DNS:192.0.2.1,DNS:2001:db8::1,IP:192.0.2.1");
    leaf(LEAF_TWO, "DNS:a.example,DNS:b.example");
    leaf(LEAF_MANY, "DNS:a.example,DNS:b.example,DNS:c.example,DNS:d.example");
    leaf(LEAF_IDN, "DNS:xn--mx-eka.example.org");
    make(LEAF_CLIENT, CA, (otr_cert_plan){ .san = "DNS:" HOST, .usage = "clientAuth" });
    make(LEAF_BOTH, CA, (otr_cert_plan){ .san = "DNS:" HOST, .usage = "serverAuth,clientAuth" });
    make(LEAF_SIGNER, CA, (otr_cert_plan){ .san = "DNS:" HOST, .key_usage = "cRLSign" });
    make(LEAF_SHA1, CA, (otr_cert_plan){ .san = "DNS:" HOST, .digest = EVP_sha1() });
    make(LEAF_MD5, CA_RSA, (otr_cert_plan){ .san = "DNS:" HOST, .digest = EVP_md5() });
    make(LEAF_WEAK, CA, (otr_cert_plan){ .san = "DNS:" HOST, .key = weak });
    make(LEAF_FORGED, CA, (otr_cert_plan){ .san = "DNS:" HOST, .is_badly_signed = true });
    make(LEAF_IS_CA, CA, (otr_cert_plan){ .san = "DNS:" HOST, .constraints = IS_CA });
    make(OF_LEAF, LEAF_CN_AND_SAN, (otr_cert_plan){ .san = "DNS:" HOST });
    make(SELF, END, (otr_cert_plan){ .common_name = "Self", .san = "DNS:" HOST });
    make(SELF_STRANGE, END, (otr_cert_plan){ .common_name = "Self", .san = "DNS:" HOST });
    EVP_PKEY_free(weak);
}

static void make_grandchildren(void)
{
    static const enum cert issuer[][2] = {
        { OF_EXPIRED, CA_EXPIRED }, { OF_FUTURE, CA_FUTURE }, { OF_FALSE, CA_FALSE }, { OF_UNSAID, CA_UNSAID },
        { OF_NO_CERTSIGN, CA_NO_CERTSIGN }, { OF_PATHLEN, CA_PATHLEN }, { OF_BELOW_PATHLEN, CA_BELOW_PATHLEN },
        { OF_NAMES, CA_NAMES }, { OF_EXCLUDES, CA_EXCLUDES }, { OF_CLIENTS, CA_CLIENTS }, { OF_SHA1, CA_SHA1 },
        { OF_MD5, CA_MD5 }, { OF_FORGED, CA_FORGED }, { OF_EXPIRED_ROOT, CA_OF_EXPIRED }, { OF_FUTURE_ROOT, CA_OF_FUTURE },
        { OF_WEAK, CA_OF_WEAK }, { OF_SHA1_ROOT, CA_OF_SHA1 }, { OF_ROOT, ROOT },
    };

    for (size_t i = 0; i < sizeof(issuer) / sizeof(issuer[0]); i++)
        make(issuer[i][0], issuer[i][1], (otr_cert_plan){ .san = "DNS:" HOST });
}

static int make_certificates(void **state)
{
    (void)state;
    make_roots();
    make_cas();
    make_leaves();
    make_grandchildren();
    return 0;
}

static int clear_certificates(void **state)
{
    (void)state;
    for (size_t i = 0; i < CERT_COUNT; i++)
        otr_cert_clear(&certs[i]);
    return 0;
}

static STACK_OF(X509) *stack_of(const enum cert *list)
{
    STACK_OF(X509) *stack = sk_X509_new_null();

    for (size_t i = 0; i < LIST_MAX && list[i] != END; i++)
        assert_true(sk_X509_push(stack, certs[list[i]].cert) > 0);
    return stack;
}

static otr_anchors *make_anchors(const enum cert *roots, const STACK_OF(X509_CRL) *crls)
{
    STACK_OF(X509) *stack = stack_of(roots);
    otr_anchor_rule rule = { .name = "default", .roots = stack };
    otr_anchor_source source = { .rules = &rule, .rule_count = 1, .crls = crls };
    otr_anchors *anchors = NULL;
    outrider_diag diag = { 0 };

    assert_int_equal(otr_anchors_make(&source, &anchors, &diag), OUTRIDER_OK);
    sk_X509_free(stack);
    return anchors;
}

/* Expectations --------------------------------------------------------------------------------------------------- */

struct row {
    const char *name;
    enum cert chain[LIST_MAX];
    enum cert roots[LIST_MAX];
    const char *host;   /* NULL: HOST */
    int error;          /* 0: accepted */
    int depth;          /* of the fault; accepted: unused */
    const char *reason; /* the beginning of it */
};

static void expect(const struct row *row, const otr_verification *v)
{
    int depth = row->error == X509_V_OK ? -1 : row->depth;
    const char *reason = row->reason != NULL ? row->reason : "";

    if (v->is_accepted != (row->error == X509_V_OK) || v->error != row->error || v->depth != depth ||
        strncmp(v->reason, reason, strlen(reason)) != 0 || (reason[0] == '\0') != (v->reason[0] == '\0'))
        fail_msg("%s\n  got  error %d (%s), depth %d, \"%s\"\n  want error %d (%s), depth %d, \"%s\"", row->name, v->error,
                 X509_verify_cert_error_string(v->error), v->depth, v->reason, row->error,
                 X509_verify_cert_error_string(row->error), depth, reason);
    for (const char *at = v->reason; *at != '\0'; at++)
        assert_true(*at >= ' ' && *at <= '~');
    if (v->is_accepted) {
        assert_non_null(otr_verification_root(v));
        assert_ptr_equal(sk_X509_value(v->path, 0), certs[row->chain[0]].cert);
    } else {
        assert_null(otr_verification_root(v));
        assert_int_equal(v->expires_at, 0);
    }
}

static void judge(const struct row *row, const otr_anchor_set *set, otr_time at)
{
    STACK_OF(X509) *chain = stack_of(row->chain);
    otr_verification v;

    assert_int_equal(otr_verify_chain(set, chain, row->host != NULL ? row->host : HOST, at, &v), OUTRIDER_OK);
    expect(row, &v);
    otr_verification_clear(&v);
    sk_X509_free(chain);
}

/* The error queue of this thread is somebody else's. */
static void judge_all(const struct row *rows, size_t count)
{
    ERR_clear_error();
    ERR_raise_data(ERR_LIB_USER, 7, "somebody else's");
    for (size_t i = 0; i < count; i++) {
        otr_anchors *anchors = make_anchors(rows[i].roots, NULL);

        judge(&rows[i], otr_anchors_for(anchors, "example.org"), OTR_TEST_TIME);
        otr_anchors_free(anchors);
        if (ERR_GET_REASON(ERR_peek_last_error()) != 7)
            fail_msg("%s: left an error in OpenSSL's queue: %s", rows[i].name, ERR_reason_error_string(ERR_peek_last_error()));
    }
    ERR_clear_error();
}
#define JUDGE(rows) judge_all(rows, sizeof(rows) / sizeof((rows)[0]))

/* Tables --------------------------------------------------------------------------------------------------------- */

#define NOT_FOR(names, host) "the certificate is for " names ", not for " host
#define NAMELESS "the certificate names no host (a Common Name does not count), so it is not for " HOST
#define NO_HOST "what was asked for is no host name"
#define MISMATCH X509_V_ERR_HOSTNAME_MISMATCH

static void names(void **state)
{
    static const char *const long_host =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
        "bbbbbbb.ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.dddddddddddddddddddddddddddddddddddddddddddddd"
        "ddddddddddddddd";
    static const struct row rows[] = {
        { "a chain of leaf, intermediate and root", { LEAF, CA }, { ROOT }, NULL, 0, 0, NULL },
        { "PKIX-01: a certificate for the mail domain only", { LEAF_DOMAIN, CA }, { ROOT }, NULL, MISMATCH, 0,
          NOT_FOR("example.org", HOST) },
        { "PKIX-02: SAN with an address only", { LEAF_IP_ONLY, CA }, { ROOT }, NULL, MISMATCH, 0, NAMELESS },
        { "PKIX-02: SAN with a mail address only", { LEAF_MAIL_ONLY, CA }, { ROOT }, NULL, MISMATCH, 0, NAMELESS },
        { "PKIX-03: the name as Common Name only", { LEAF_CN, CA }, { ROOT }, NULL, MISMATCH, 0, NAMELESS },
        { "PKIX-03: the name as Common Name beside another DNS-ID", { LEAF_CN_AND_SAN, CA }, { ROOT }, NULL, MISMATCH, 0,
          NOT_FOR("www.example.org", HOST) },
        { "PKIX-05: a wildcard for one label", { LEAF_STAR, CA }, { ROOT }, NULL, 0, 0, NULL },
        { "PKIX-05: a wildcard is no two labels", { LEAF_STAR, CA }, { ROOT }, "a.mx.example.org", MISMATCH, 0,
          NOT_FOR("*.example.org", "a.mx.example.org") },
        { "PKIX-05: a wildcard is not no label", { LEAF_STAR, CA }, { ROOT }, "example.org", MISMATCH, 0,
          NOT_FOR("*.example.org", "example.org") },
        { "PKIX-05: a wildcard at the end of a label", { LEAF_STAR_PART, CA }, { ROOT }, NULL, MISMATCH, 0,
          NOT_FOR("m*.example.org", HOST) },
        { "PKIX-05: a wildcard at the start of a label", { LEAF_STAR_END, CA }, { ROOT }, NULL, MISMATCH, 0,
          NOT_FOR("*x.example.org", HOST) },
        { "PKIX-05: a wildcard below", { LEAF_STAR_DEEP, CA }, { ROOT }, NULL, MISMATCH, 0, NOT_FOR("*.mx.example.org", HOST) },
        { "PKIX-05: a wildcard for all of org", { LEAF_STAR_WIDE, CA }, { ROOT }, "example.org", MISMATCH, 0,
          NOT_FOR("*.org", "example.org") },
        { "PKIX-05: a wildcard in the middle", { LEAF_STAR_MIDDLE, CA }, { ROOT }, NULL, MISMATCH, 0,
          NOT_FOR("mx.*.org", HOST) },
        { "PKIX-05: a wildcard alone", { LEAF_STAR_ODD, CA }, { ROOT }, "localhost", MISMATCH, 0, NOT_FOR("*", "localhost") },
        { "PKIX-05: the text of a wildcard as host", { LEAF_STAR, CA }, { ROOT }, "*.example.org", MISMATCH, 0, NO_HOST },
        { "PKIX-06: upper case", { LEAF_UPPER, CA }, { ROOT }, NULL, 0, 0, NULL },
        { "PKIX-06: an A-label", { LEAF_IDN, CA }, { ROOT }, "xn--mx-eka.example.org", 0, 0, NULL },
        { "PKIX-06: an A-label under a wildcard", { LEAF_STAR, CA }, { ROOT }, "xn--mx-eka.example.org", 0, 0, NULL },
        { "the name stands before a NUL", { LEAF_NUL, CA }, { ROOT }, NULL, MISMATCH, 0,
          NOT_FOR(HOST "?.evil.example", HOST) },
        { "an empty DNS-ID", { LEAF_EMPTY_NAME, CA }, { ROOT }, NULL, MISMATCH, 0, "the certificate is for " },
        { "a DNS-ID that would speak to a terminal", { LEAF_ODD, CA }, { ROOT }, NULL, MISMATCH, 0, NOT_FOR("a???[31m?", HOST) },
        { "two names", { LEAF_TWO, CA }, { ROOT }, NULL, MISMATCH, 0, NOT_FOR("a.example, b.example", HOST) },
        { "many names", { LEAF_MANY, CA }, { ROOT }, NULL, MISMATCH, 0, NOT_FOR("a.example, b.example and 2 more", HOST) },
        { "an IPv4 address as host, and a DNS-ID that looks like it", { LEAF_IP_AS_DNS, CA }, { ROOT }, "192.0.2.1", MISMATCH,
          0, NO_HOST },
        { "an IPv6 address as host, and a DNS-ID that looks like it", { LEAF_IP_AS_DNS, CA }, { ROOT }, "2001:db8::1",
          MISMATCH, 0, NO_HOST },
        { "no host does not switch the check off", { LEAF, CA }, { ROOT }, "", MISMATCH, 0, NO_HOST },
        { "an empty host is not an empty DNS-ID", { LEAF_EMPTY_NAME, CA }, { ROOT }, "", MISMATCH, 0, NO_HOST },
        { "a host with a blank", { LEAF, CA }, { ROOT }, " " HOST, MISMATCH, 0, NO_HOST },
        { "a host with a dot in front (OpenSSL would take any name below)", { LEAF, CA }, { ROOT }, ".example.org", MISMATCH, 0,
          NO_HOST },
        { "a host with a final dot is not in normal form", { LEAF, CA }, { ROOT }, HOST ".", MISMATCH, 0, NO_HOST },
        { "a host in upper case is not in normal form", { LEAF, CA }, { ROOT }, "MX.example.org", MISMATCH, 0, NO_HOST },
        { "a host of odd octets", { LEAF_ODD, CA }, { ROOT }, "a\"\n\x1b[31m\xff", MISMATCH, 0, NO_HOST },
        { "a host as long as names can be", { LEAF, CA }, { ROOT }, long_host, MISMATCH, 0,
          "the certificate is for " HOST ", not for aaaa" },
    };

    (void)state;
    JUDGE(rows);
}

static void chains(void **state)
{
    static const struct row rows[] = {
        { "PKIX-07: straight below the root", { OF_ROOT }, { ROOT }, NULL, 0, 0, NULL },
        { "PKIX-07: an unknown root, not sent", { LEAF, CA }, { OTHER_ROOT }, NULL,
          X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1,
          "the intermediate certificate \"CA\" is signed by \"Root\", which the server did not send and which is no root" },
        { "PKIX-07: no root at all", { LEAF, CA }, { END }, NULL, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1,
          "the intermediate certificate \"CA\" is signed by \"Root\"" },
        { "PKIX-07: the root is sent, and is not in the set", { LEAF, CA, ROOT }, { OTHER_ROOT }, NULL,
          X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, 2, "the root \"Root\" is no root that counts here" },
        { "the root is sent, and is in the set", { LEAF, CA, ROOT }, { ROOT }, NULL, 0, 0, NULL },
        { "the intermediate is not sent: none is fetched", { LEAF }, { ROOT }, NULL,
          X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0,
          "the certificate is signed by \"CA\", which the server did not send" },
        { "an intermediate in the file of roots ends no chain", { LEAF }, { CA }, NULL,
          X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, "the certificate is signed by \"CA\"" },
        { "an intermediate in the file of roots completes no chain", { LEAF }, { CA, ROOT }, NULL,
          X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, "the certificate is signed by \"CA\"" },
        { "the certificates in another order", { LEAF, OTHER_ROOT, ROOT, CA }, { ROOT }, NULL, 0, 0, NULL },
        { "others besides", { LEAF, LEAF_STAR, CA_EXPIRED, CA, LEAF }, { ROOT }, NULL, 0, 0, NULL },
        { "PKIX-07: a self-signed certificate", { SELF }, { ROOT }, NULL, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0,
          "the certificate is self-signed, and no root that counts here" },
        { "a self-signed certificate that somebody made a root", { SELF }, { SELF }, NULL, 0, 0, NULL },
        { "another self-signed certificate of that name", { SELF_STRANGE }, { SELF }, NULL,
          X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0, "the certificate is self-signed" },
        { "PKIX-07: signed by a leaf", { OF_LEAF, LEAF_CN_AND_SAN, CA }, { ROOT }, NULL, X509_V_ERR_INVALID_CA, 1,
          "the intermediate certificate \"mx.example.org\" may not sign certificates: it is no CA" },
        { "PKIX-07: CA:FALSE", { OF_FALSE, CA_FALSE }, { ROOT }, NULL, X509_V_ERR_INVALID_CA, 1,
          "the intermediate certificate \"No CA\" may not sign certificates: it is no CA" },
        { "PKIX-07: a CA by its key usage only (RFC 5280 §6.1.4 (k))", { OF_UNSAID, CA_UNSAID }, { ROOT }, NULL,
          X509_V_ERR_INVALID_CA, 1, "the intermediate certificate \"Unsaid CA\" may not sign certificates" },
        { "PKIX-07: a CA without the key usage", { OF_NO_CERTSIGN, CA_NO_CERTSIGN }, { ROOT }, NULL, X509_V_ERR_INVALID_CA, 1,
          "the intermediate certificate \"Mute CA\" may not sign certificates" },
        { "PKIX-07: the last CA that its pathlen permits", { OF_PATHLEN, CA_PATHLEN }, { ROOT }, NULL, 0, 0, NULL },
        { "PKIX-07: a CA below pathlen 0", { OF_BELOW_PATHLEN, CA_BELOW_PATHLEN, CA_PATHLEN }, { ROOT }, NULL,
          X509_V_ERR_PATH_LENGTH_EXCEEDED, 2, "the intermediate certificate \"Last CA\" must not have as many CAs below it" },
        { "PKIX-07: a name that the CA may not vouch for", { OF_NAMES, CA_NAMES }, { ROOT }, NULL,
          X509_V_ERR_PERMITTED_VIOLATION, 0, "the certificate has a name for which a CA above it must not vouch" },
        { "PKIX-07: a name that is excluded", { OF_EXCLUDES, CA_EXCLUDES }, { ROOT }, NULL, X509_V_ERR_EXCLUDED_VIOLATION, 0,
          "the certificate has a name for which a CA above it must not vouch" },
        { "PKIX-07: a forged leaf", { LEAF_FORGED, CA }, { ROOT }, NULL, X509_V_ERR_CERT_SIGNATURE_FAILURE, 0,
          "the certificate is not signed by the CA that it names" },
        { "PKIX-07: a forged intermediate", { OF_FORGED, CA_FORGED }, { ROOT }, NULL, X509_V_ERR_CERT_SIGNATURE_FAILURE, 1,
          "the intermediate certificate \"Forged CA\" is not signed by the CA that it names" },
        { "PKIX-10: for TLS clients only", { LEAF_CLIENT, CA }, { ROOT }, NULL, X509_V_ERR_INVALID_PURPOSE, 0,
          "the certificate is not made for TLS servers" },
        { "PKIX-10: for clients and servers", { LEAF_BOTH, CA }, { ROOT }, NULL, 0, 0, NULL },
        { "PKIX-10: a key that may sign revocation lists only", { LEAF_SIGNER, CA }, { ROOT }, NULL,
          X509_V_ERR_INVALID_PURPOSE, 0, "the certificate is not made for TLS servers" },
        { "PKIX-10: a CA for TLS clients only", { OF_CLIENTS, CA_CLIENTS }, { ROOT }, NULL, X509_V_ERR_INVALID_PURPOSE, 1,
          "the intermediate certificate \"CA for clients\" is not made for TLS servers" },
        { "a server with the certificate of a CA", { LEAF_IS_CA, CA }, { ROOT }, NULL, 0, 0, NULL },
        { "no certificate", { END }, { ROOT }, NULL, X509_V_ERR_INVALID_CALL, 0, "the server showed no certificate" },
        { "no certificate, and no root", { END }, { END }, NULL, X509_V_ERR_INVALID_CALL, 0, "the server showed no certificate" },
    };

    (void)state;
    JUDGE(rows);
}

static void dates_and_strength(void **state)
{
    static const struct row rows[] = {
        { "PKIX-08, STS-FETCH-03: an expired leaf", { LEAF_EXPIRED, CA }, { ROOT }, NULL, X509_V_ERR_CERT_HAS_EXPIRED, 0,
          "the certificate has expired (on 2025-12-31T00:00:00Z)" },
        { "PKIX-08: an expired intermediate", { OF_EXPIRED, CA_EXPIRED }, { ROOT }, NULL, X509_V_ERR_CERT_HAS_EXPIRED, 1,
          "the intermediate certificate \"Expired CA\" has expired (on 2025-12-31T00:00:00Z)" },
        { "PKIX-08: an expired root", { OF_EXPIRED_ROOT, CA_OF_EXPIRED }, { EXPIRED_ROOT }, NULL, X509_V_ERR_CERT_HAS_EXPIRED,
          2, "the root \"Expired Root\" has expired (on 2025-12-31T00:00:00Z)" },
        { "PKIX-08, STS-FETCH-03: a leaf that is not yet valid", { LEAF_FUTURE, CA }, { ROOT }, NULL,
          X509_V_ERR_CERT_NOT_YET_VALID, 0, "the certificate is not yet valid (before 2026-01-02T00:00:00Z)" },
        { "PKIX-08: an intermediate that is not yet valid", { OF_FUTURE, CA_FUTURE }, { ROOT }, NULL,
          X509_V_ERR_CERT_NOT_YET_VALID, 1, "the intermediate certificate \"Future CA\" is not yet valid" },
        { "PKIX-08: a root that is not yet valid", { OF_FUTURE_ROOT, CA_OF_FUTURE }, { FUTURE_ROOT }, NULL,
          X509_V_ERR_CERT_NOT_YET_VALID, 2, "the root \"Future Root\" is not yet valid" },
        { "a weak key in the leaf", { LEAF_WEAK, CA }, { ROOT }, NULL, X509_V_ERR_EE_KEY_TOO_SMALL, 0,
          "the certificate has a key that is too weak" },
        { "a weak key in the root", { OF_WEAK, CA_OF_WEAK }, { WEAK_ROOT }, NULL, X509_V_ERR_CA_KEY_TOO_SMALL, 2,
          "the root \"Weak Root\" has a key that is too weak" },
        { "SHA-1 in the leaf", { LEAF_SHA1, CA }, { ROOT }, NULL, X509_V_ERR_CA_MD_TOO_WEAK, 0,
          "the certificate is signed with a digest that is too weak" },
        { "MD5 in the leaf", { LEAF_MD5, CA_RSA }, { ROOT }, NULL, X509_V_ERR_CA_MD_TOO_WEAK, 0,
          "the certificate is signed with a digest that is too weak" },
        { "SHA-1 in an intermediate", { OF_SHA1, CA_SHA1 }, { ROOT }, NULL, X509_V_ERR_CA_MD_TOO_WEAK, 1,
          "the intermediate certificate \"SHA-1 CA\" is signed with a digest that is too weak" },
        { "MD5 in an intermediate", { OF_MD5, CA_MD5, CA_RSA }, { ROOT }, NULL, X509_V_ERR_CA_MD_TOO_WEAK, 1,
          "the intermediate certificate \"MD5 CA\" is signed with" },
        { "SHA-1 in a root, of which nobody checks the signature", { OF_SHA1_ROOT, CA_OF_SHA1 }, { SHA1_ROOT }, NULL, 0, 0,
          NULL },
    };

    (void)state;
    JUDGE(rows);
}

/* The first end of the path, and both ends of a validity period. */
static void an_end_is_an_end(void **state)
{
    static const enum cert only_root[] = { ROOT, END };
    otr_anchors *anchors = make_anchors(only_root, NULL);
    const otr_anchor_set *set = otr_anchors_for(anchors, "example.org");
    struct row row = { "STS-FETCH-03", { LEAF_SHORT, CA }, { ROOT }, NULL, 0, 0, NULL };
    STACK_OF(X509) *chain = stack_of(row.chain);
    otr_verification v;

    (void)state;
    assert_int_equal(otr_verify_chain(set, chain, HOST, OTR_TEST_TIME, &v), OUTRIDER_OK);
    assert_int_equal(v.expires_at, OTR_TEST_TIME + DAY);
    assert_int_equal(sk_X509_num(v.path), 3);
    assert_ptr_equal(otr_verification_root(&v), certs[ROOT].cert);
    otr_verification_clear(&v);
    judge(&row, set, OTR_TEST_TIME - DAY);
    judge(&row, set, OTR_TEST_TIME + DAY - 1);
    row.error = X509_V_ERR_CERT_HAS_EXPIRED;
    row.reason = "the certificate has expired (on 2026-01-02T00:00:00Z)";
    judge(&row, set, OTR_TEST_TIME + DAY + 1);
    row.error = X509_V_ERR_CERT_NOT_YET_VALID;
    row.reason = "the certificate is not yet valid (before 2025-12-31T00:00:00Z)";
    judge(&row, set, OTR_TEST_TIME - DAY - 1);
    sk_X509_free(chain);
    otr_anchors_free(anchors);
}

/* Roots left out ------------------------------------------------------------------------------------------------- */

static bool is_that_root(void *arg, const X509 *root)
{
    const enum cert *list = arg;

    for (; *list != END; list++)
        if (X509_cmp(root, certs[*list].cert) == 0)
            return true;
    return false;
}

static void cross_signs(void **state)
{
    static const struct {
        struct row row;
        enum cert left_out[3];
        enum cert root; /* accepted by it */
    } rows[] = {
        { { "nothing left out: the shorter way", { LEAF, CA, ROOT_BY_OTHER }, { ROOT, OTHER_ROOT }, NULL, 0, 0, NULL },
          { END }, ROOT },
        { { "without the root, by the cross-sign", { LEAF, CA, ROOT_BY_OTHER }, { ROOT, OTHER_ROOT }, NULL, 0, 0, NULL },
          { ROOT }, OTHER_ROOT },
        { { "without the one that cross-signs", { LEAF, CA, ROOT_BY_OTHER }, { ROOT, OTHER_ROOT }, NULL, 0, 0, NULL },
          { OTHER_ROOT }, ROOT },
        { { "without both", { LEAF, CA, ROOT_BY_OTHER }, { ROOT, OTHER_ROOT }, NULL,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 2, "the intermediate certificate \"Root\" is signed by \"Other Root\"" },
          { ROOT, OTHER_ROOT }, END },
        { { "without the root, and no cross-sign sent", { LEAF, CA }, { ROOT, OTHER_ROOT }, NULL,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1, "the intermediate certificate \"CA\" is signed by \"Root\"" },
          { ROOT }, END },
        { { "without the root, which is sent as well", { LEAF, CA, ROOT, ROOT_BY_OTHER }, { ROOT, OTHER_ROOT }, NULL,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, 2, "the root \"Root\" is no root that counts here" },
          { ROOT }, END }, /* OpenSSL takes the first that fits of those sent, and so do mail servers that use it */
        { { "signed across both ways: no endless path", { LEAF, CA, ROOT_BY_OTHER, OTHER_BY_ROOT }, { ROOT, OTHER_ROOT }, NULL,
            0, 0, NULL }, { ROOT }, OTHER_ROOT },
        { { "signed across both ways, and no root", { LEAF, CA, ROOT_BY_OTHER, OTHER_BY_ROOT }, { ROOT, OTHER_ROOT }, NULL,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 3, "the intermediate certificate \"Other Root\" is signed by" },
          { ROOT, OTHER_ROOT }, END },
        { { "an intermediate among the roots is none of them", { LEAF }, { CA, ROOT }, NULL,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0, "the certificate is signed by \"CA\"" }, { END }, END },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i].row;
        otr_anchors *anchors = make_anchors(row->roots, NULL);
        STACK_OF(X509) *chain = stack_of(row->chain);
        enum cert left_out[3];
        otr_verification v;

        memcpy(left_out, rows[i].left_out, sizeof(left_out));
        assert_int_equal(otr_verify_chain_without(otr_anchors_for(anchors, "example.org"), chain, HOST, OTR_TEST_TIME,
                                                  is_that_root, left_out, &v), OUTRIDER_OK);
        expect(row, &v);
        if (v.is_accepted && otr_verification_root(&v) != certs[rows[i].root].cert)
            fail_msg("%s: accepted by another root", row->name);
        otr_verification_clear(&v);
        sk_X509_free(chain);
        otr_anchors_free(anchors);
    }
}

/* Many certificates ---------------------------------------------------------------------------------------------- */

static void chains_of_many(void **state)
{
    static const enum cert only_root[] = { ROOT, END };
    otr_anchors *anchors = make_anchors(only_root, NULL);
    const otr_anchor_set *set = otr_anchors_for(anchors, "example.org");
    STACK_OF(X509) *chain = sk_X509_new_null();
    otr_verification v;

    (void)state;
    sk_X509_push(chain, certs[LEAF].cert);
    sk_X509_push(chain, certs[CA].cert);
    while (sk_X509_num(chain) < OTR_CHAIN_MAX)
        sk_X509_push(chain, certs[sk_X509_num(chain) % 2 ? CA_EXPIRED : LEAF_STAR].cert);
    assert_int_equal(otr_verify_chain(set, chain, HOST, OTR_TEST_TIME, &v), OUTRIDER_OK);
    assert_true(v.is_accepted);
    otr_verification_clear(&v);
    sk_X509_push(chain, certs[CA].cert);
    assert_int_equal(otr_verify_chain(set, chain, HOST, OTR_TEST_TIME, &v), OUTRIDER_OK);
    assert_false(v.is_accepted);
    assert_int_equal(v.error, X509_V_ERR_CERT_CHAIN_TOO_LONG);
    assert_string_equal(v.reason, "the server sent more than 32 certificates, or needs more");
    otr_verification_clear(&v);
    sk_X509_free(chain);
    otr_anchors_free(anchors);
}

/* 300 certificates of one name that have signed one another: bounded, and refused. */
static void a_maze(void **state)
{
    static const enum cert only_root[] = { ROOT, END };
    otr_anchors *anchors = make_anchors(only_root, NULL);
    otr_cert maze[300];
    STACK_OF(X509) *chain = sk_X509_new_null();
    otr_verification v;

    (void)state;
    for (size_t i = 0; i < 300; i++)
        maze[i] = otr_make_cert(&(otr_cert_plan){ .common_name = "Maze", .constraints = IS_CA, .san = "DNS:" HOST,
                                                  .issuer = i > 0 ? &maze[i - 1] : &certs[CA], .key = i > 0 ? maze[0].key : NULL });
    for (size_t i = 300; i-- > 0;)
        sk_X509_push(chain, maze[i].cert);
    assert_int_equal(otr_verify_chain(otr_anchors_for(anchors, "example.org"), chain, HOST, OTR_TEST_TIME, &v), OUTRIDER_OK);
    assert_false(v.is_accepted);
    otr_verification_clear(&v);
    sk_X509_free(chain);
    for (size_t i = 0; i < 300; i++)
        otr_cert_clear(&maze[i]);
    otr_anchors_free(anchors);
}

/* Revocation ----------------------------------------------------------------------------------------------------- */

#define SOON OTR_TEST_TIME - DAY, OTR_TEST_TIME + DAY
#define LONG_AGO OTR_TEST_TIME - 9 * DAY, OTR_TEST_TIME - DAY
#define TO_COME OTR_TEST_TIME + DAY, OTR_TEST_TIME + 9 * DAY

static void revocation(void **state)
{
    static const struct {
        struct row row;
        struct {
            enum cert issuer, revoked;
            otr_time from, until;
        } list[2];
    } rows[] = {
        { { "STS-FETCH-22: an issuer without a list stops nothing", { LEAF, CA }, { ROOT }, NULL, 0, 0, NULL },
          { { OTHER_ROOT, ROOT_BY_OTHER, SOON } } },
        { { "a list that names nobody", { LEAF, CA }, { ROOT }, NULL, 0, 0, NULL }, { { CA, END, SOON } } },
        { { "a list that names another", { LEAF, CA }, { ROOT }, NULL, 0, 0, NULL }, { { CA, LEAF_STAR, SOON } } },
        { { "STS-FETCH-22: a leaf that is named", { LEAF, CA }, { ROOT }, NULL, X509_V_ERR_CERT_REVOKED, 0,
            "the certificate has been revoked, says a revocation list of the configuration" }, { { CA, LEAF, SOON } } },
        { { "STS-FETCH-22: an intermediate that is named", { LEAF, CA }, { ROOT }, NULL, X509_V_ERR_CERT_REVOKED, 1,
            "the intermediate certificate \"CA\" has been revoked" }, { { ROOT, CA, SOON } } },
        { { "an intermediate that is named, and a leaf that is not", { LEAF, CA }, { ROOT }, NULL, X509_V_ERR_CERT_REVOKED, 1,
            "the intermediate certificate \"CA\" has been revoked" }, { { CA, END, SOON }, { ROOT, CA, SOON } } },
        { { "an old list still names", { LEAF, CA }, { ROOT }, NULL, X509_V_ERR_CERT_REVOKED, 0,
            "the certificate has been revoked" }, { { CA, LEAF, LONG_AGO } } },
        { { "STS-FETCH-22: an old list stops nobody else", { LEAF, CA }, { ROOT }, NULL, 0, 0, NULL },
          { { CA, LEAF_STAR, LONG_AGO } } },
        { { "a list that is not yet valid cannot be used", { LEAF, CA }, { ROOT }, NULL, X509_V_ERR_CRL_NOT_YET_VALID, 0,
            "the certificate cannot be held against the revocation list of its CA" }, { { CA, LEAF_STAR, TO_COME } } },
        { { "a list that the CA did not sign", { OF_ROOT }, { ROOT }, NULL, X509_V_ERR_CRL_SIGNATURE_FAILURE, 0,
            "the certificate cannot be held against the revocation list of its CA" }, { { ROOT_BY_OTHER, END, SOON } } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
        otr_anchors *anchors;

        for (size_t j = 0; j < 2 && rows[i].list[j].issuer != END; j++) {
            otr_cert issuer = certs[rows[i].list[j].issuer];

            if (rows[i].list[j].issuer == ROOT_BY_OTHER) /* the name of the root, and a stranger's key */
                issuer.key = certs[CA].key;
            sk_X509_CRL_push(crls, otr_make_crl(&issuer, rows[i].list[j].revoked != END ? &certs[rows[i].list[j].revoked] : NULL,
                                                rows[i].list[j].from, rows[i].list[j].until));
        }
        anchors = make_anchors(rows[i].row.roots, crls);
        judge(&rows[i].row, otr_anchors_for(anchors, "example.org"), OTR_TEST_TIME);
        otr_anchors_free(anchors);
        sk_X509_CRL_pop_free(crls, X509_CRL_free);
    }
}

static void a_list_counts_also_where_roots_are_left_out(void **state)
{
    static const enum cert roots[] = { ROOT, OTHER_ROOT, END };
    enum cert none[] = { OTHER_ROOT, END };
    struct row row = { "revoked", { LEAF, CA }, { ROOT }, NULL, X509_V_ERR_CERT_REVOKED, 0, "the certificate has been revoked" };
    STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
    STACK_OF(X509) *chain = stack_of(row.chain);
    otr_anchors *anchors;
    otr_verification v;

    (void)state;
    sk_X509_CRL_push(crls, otr_make_crl(&certs[CA], &certs[LEAF], SOON));
    anchors = make_anchors(roots, crls);
    assert_int_equal(otr_verify_chain_without(otr_anchors_for(anchors, "example.org"), chain, HOST, OTR_TEST_TIME,
                                              is_that_root, none, &v), OUTRIDER_OK);
    expect(&row, &v);
    otr_verification_clear(&v);
    sk_X509_free(chain);
    otr_anchors_free(anchors);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
}

/* A root by itself ----------------------------------------------------------------------------------------------- */

/* Each root with a certificate right below it: what is said of the root is what the verifier makes of the two. */
static void a_root_by_itself_is_judged_as_at_the_end_of_a_path(void **state)
{
    static const otr_cert *const other = &certs[OTHER_ROOT];
    const struct {
        const char *name;
        otr_cert_plan plan;
        bool is_revoked;
        const char *why; /* NULL: a path can end in it */
    } rows[] = {
        { "a root", { .constraints = IS_CA }, false, NULL },
        { "a root that may sign certificates", { .constraints = IS_CA, .key_usage = "keyCertSign,cRLSign" }, false, NULL },
        { "a root that may not", { .constraints = IS_CA, .key_usage = "cRLSign" }, false, "is no CA: it may not sign certificates" },
        { "a root that says that it is no CA", { .constraints = "critical,CA:FALSE" }, false, "is no CA" },
        { "a root that does not say what it is", { .constraints = NULL, .key_usage = "keyCertSign" }, false, NULL },
        { "a root for servers", { .constraints = IS_CA, .usage = "serverAuth" }, false, NULL },
        { "a root for clients", { .constraints = IS_CA, .usage = "clientAuth" }, false, "is not made for TLS servers" },
        { "PKIX-08: an expired root", { .constraints = IS_CA, PAST }, false, "has expired (2025-12-31T00:00:00Z)" },
        { "PKIX-08: a root that ends now", { .constraints = IS_CA, .from = OTR_TEST_TIME - DAY, .until = OTR_TEST_TIME }, false,
          "has expired (2026-01-01T00:00:00Z)" },
        { "a root that ends in a second", { .constraints = IS_CA, .from = OTR_TEST_TIME - DAY, .until = OTR_TEST_TIME + 1 }, false,
          NULL },
        { "PKIX-08: a root of the future", { .constraints = IS_CA, FUTURE }, false, "is not valid before 2026-01-02T00:00:00Z" },
        { "a root that begins now", { .constraints = IS_CA, .from = OTR_TEST_TIME, .until = OTR_TEST_TIME + DAY }, false, NULL },
        { "a weak root", { .constraints = IS_CA, .key = certs[WEAK_ROOT].key }, false, "has a key that is too weak" },
        { "SHA-1 in the signature of a root", { .constraints = IS_CA, .digest = EVP_sha1() }, false, NULL },
        { "a root with a bad signature, which nobody checks", { .constraints = IS_CA, .is_badly_signed = true }, false, NULL },
        { "STS-FETCH-22: a root that has revoked itself", { .constraints = IS_CA }, true, "has been revoked" },
        { "what another CA has signed", { .constraints = IS_CA, .issuer = other }, false, "is no root: another CA has signed it" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_cert_plan plan = rows[i].plan;
        otr_cert root, leaf;
        STACK_OF(X509) *roots = sk_X509_new_null(), *chain = sk_X509_new_null();
        STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
        otr_anchor_rule rule = { .name = "default", .roots = roots };
        otr_anchors *anchors = NULL;
        const otr_anchor_set *set;
        outrider_diag diag = { .message = "" };
        otr_verification v;
        outrider_err err;

        plan.common_name = "Some Root";
        root = otr_make_cert(&plan);
        leaf = otr_make_cert(&(otr_cert_plan){ .san = "DNS:" HOST, .issuer = &root });
        sk_X509_push(roots, root.cert);
        sk_X509_push(chain, leaf.cert);
        sk_X509_CRL_push(crls, otr_make_crl(&root, rows[i].is_revoked ? &root : &certs[LEAF], SOON));
        assert_int_equal(otr_anchors_make(&(otr_anchor_source){ .rules = &rule, .rule_count = 1,
                                                                .crls = rows[i].is_revoked ? crls : NULL }, &anchors, NULL),
                         OUTRIDER_OK);
        set = otr_anchors_for(anchors, "example.org");
        err = otr_verify_root(set, root.cert, OTR_TEST_TIME, &diag);
        assert_int_equal(otr_verify_chain(set, chain, HOST, OTR_TEST_TIME, &v), OUTRIDER_OK);
        if (v.is_accepted != (rows[i].why == NULL) || v.is_accepted != (err == OUTRIDER_OK) ||
            (rows[i].why != NULL && strstr(diag.message, rows[i].why) == NULL))
            fail_msg("%s\n  verifier: %s\n  of the root: %d, \"%s\"\n  want \"%s\"", rows[i].name,
                     v.is_accepted ? "accepted" : v.reason, err, diag.message, rows[i].why != NULL ? rows[i].why : "");
        otr_verification_clear(&v);
        otr_anchors_free(anchors);
        sk_X509_CRL_pop_free(crls, X509_CRL_free);
        sk_X509_free(roots);
        sk_X509_free(chain);
        otr_cert_clear(&leaf);
        otr_cert_clear(&root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(chains),
        cmocka_unit_test(dates_and_strength),
        cmocka_unit_test(an_end_is_an_end),
        cmocka_unit_test(cross_signs),
        cmocka_unit_test(chains_of_many),
        cmocka_unit_test(a_maze),
        cmocka_unit_test(revocation),
        cmocka_unit_test(a_list_counts_also_where_roots_are_left_out),
        cmocka_unit_test(a_root_by_itself_is_judged_as_at_the_end_of_a_path),
    };

    return cmocka_run_group_tests(tests, make_certificates, clear_certificates);
}

/*
 * verify_handshake_test.c - the set-up in a handshake: a client over memory, with the set on its SSL_CTX or on its SSL, comes
 * to what the same chain comes to on paper, and tells of what was refused.
 */
#include "support/cmocka_all.h"
#include "support/make_cert.h"
#include "trust/verify.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>

#define HOST "mx.example.org"
#define LIST_MAX 4

enum cert { END, ROOT, OTHER_ROOT, CA, LEAF, LEAF_STAR_PART, LEAF_CN, LEAF_IP_AS_DNS, LEAF_EXPIRED, LEAF_CLIENT, LEAF_WEAK,
            CA_UNSAID, OF_UNSAID, CERT_COUNT };

static otr_cert certs[CERT_COUNT];

static void make(enum cert which, enum cert issuer, otr_cert_plan plan)
{
    time_t now = time(NULL); /* of a handshake the verifier asks the machine's clock */

    if (issuer != END)
        plan.issuer = &certs[issuer];
    plan.from = now - 9 * OTR_TEST_DAY;
    if (plan.until == 0)
        plan.until = now + 9 * OTR_TEST_DAY;
    certs[which] = otr_make_cert(&plan);
}

static int make_certificates(void **state)
{
    EVP_PKEY *weak = otr_make_rsa_key(1024);

    (void)state;
    make(ROOT, END, (otr_cert_plan){ .common_name = "Root", .constraints = "critical,CA:TRUE" });
    make(OTHER_ROOT, END, (otr_cert_plan){ .common_name = "Other Root", .constraints = "critical,CA:TRUE" });
    make(CA, ROOT, (otr_cert_plan){ .common_name = "CA", .constraints = "critical,CA:TRUE" });
    make(CA_UNSAID, ROOT, (otr_cert_plan){ .common_name = "Unsaid CA", .key_usage = "keyCertSign" });
    make(LEAF, CA, (otr_cert_plan){ .san = "DNS:" HOST });
    make(LEAF_STAR_PART, CA, (otr_cert_plan){ .san = "DNS:m*.example.org" });
    make(LEAF_CN, CA, (otr_cert_plan){ .common_name = HOST });
    make(LEAF_IP_AS_DNS, CA, (otr_cert_plan){ .san = "DNS:192.0.2.1" });
    make(LEAF_EXPIRED, CA, (otr_cert_plan){ .san = "DNS:" HOST, .until = time(NULL) - OTR_TEST_DAY });
    make(LEAF_CLIENT, CA, (otr_cert_plan){ .san = "DNS:" HOST, .usage = "clientAuth" });
    make(LEAF_WEAK, CA, (otr_cert_plan){ .san = "DNS:" HOST, .key = weak });
    make(OF_UNSAID, CA_UNSAID, (otr_cert_plan){ .san = "DNS:" HOST });
    EVP_PKEY_free(weak);
    return 0;
}

static int clear_certificates(void **state)
{
    (void)state;
    for (size_t i = 0; i < CERT_COUNT; i++)
        otr_cert_clear(&certs[i]);
    return 0;
}

static otr_anchors *make_anchors(enum cert root, const STACK_OF(X509_CRL) *crls)
{
    STACK_OF(X509) *stack = sk_X509_new_null();
    otr_anchor_rule rule = { .name = "default", .roots = stack };
    otr_anchor_source source = { .rules = &rule, .rule_count = 1, .crls = crls };
    otr_anchors *anchors = NULL;
    outrider_diag diag;

    assert_true(sk_X509_push(stack, certs[root].cert) > 0);
    assert_int_equal(otr_anchors_make(&source, &anchors, &diag), OUTRIDER_OK);
    sk_X509_free(stack);
    return anchors;
}

static SSL *make_server(SSL_CTX *ctx, const enum cert *chain)
{
    SSL *ssl;

    SSL_CTX_set_security_level(ctx, 0); /* it serves what it is told to */
    assert_int_equal(SSL_CTX_use_certificate(ctx, certs[chain[0]].cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, certs[chain[0]].key), 1);
    for (size_t i = 1; i < LIST_MAX && chain[i] != END; i++)
        assert_int_equal(SSL_CTX_add1_chain_cert(ctx, certs[chain[i]].cert), 1);
    ssl = SSL_new(ctx);
    assert_non_null(ssl);
    SSL_set_accept_state(ssl);
    return ssl;
}

static void shake_hands(SSL *client, SSL *server)
{
    BIO *ours = NULL, *theirs = NULL;

    assert_int_equal(BIO_new_bio_pair(&ours, 0, &theirs, 0), 1);
    SSL_set_bio(client, ours, ours);
    SSL_set_bio(server, theirs, theirs);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
}

/* What the SSL_CTX of a client may be like before; nothing of it must come through. */
static SSL_CTX *make_lax_client(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    assert_non_null(ctx);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_default_verify_paths(ctx);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), certs[OTHER_ROOT].cert);
    return ctx;
}

struct row {
    const char *name;
    enum cert chain[LIST_MAX];
    enum cert root;
    const char *host;
    int error, depth;
    const char *reason;
};

static void judge(const struct row *row, const otr_anchor_set *set, bool is_on_ssl)
{
    SSL_CTX *client_ctx = make_lax_client(), *server_ctx = SSL_CTX_new(TLS_server_method());
    SSL *client, *server = make_server(server_ctx, row->chain);
    otr_verification v;
    int sent = 0;

    if (!is_on_ssl)
        assert_int_equal(otr_verify_set_up_ctx(client_ctx, set, row->host), OUTRIDER_OK);
    client = SSL_new(client_ctx);
    SSL_set_connect_state(client);
    if (is_on_ssl)
        assert_int_equal(otr_verify_set_up_ssl(client, set, row->host), OUTRIDER_OK);
    assert_int_equal(otr_verify_handshake(client, &v), OUTRIDER_OK); /* before: a refusal, though OpenSSL says "OK" */
    assert_false(v.is_accepted);
    assert_string_equal(v.reason, "the server showed no certificate");
    otr_verification_clear(&v);
    shake_hands(client, server);
    assert_int_equal(otr_verify_handshake(client, &v), OUTRIDER_OK);
    if (v.error != row->error || v.depth != (row->error ? row->depth : -1) || strcmp(v.reason, row->reason) != 0 ||
        v.is_accepted != (row->error == X509_V_OK) || (SSL_is_init_finished(client) != 0) != v.is_accepted)
        fail_msg("%s (set up on the %s)\n  got  error %d, depth %d, \"%s\"\n  want error %d, depth %d, \"%s\"", row->name,
                 is_on_ssl ? "SSL" : "SSL_CTX", v.error, v.depth, v.reason, row->error, row->depth, row->reason);
    while (sent < LIST_MAX && row->chain[sent] != END)
        sent++;
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(client)), sent); /* as verify.h promises, also when refused */
    assert_int_equal(X509_cmp(sk_X509_value(SSL_get_peer_cert_chain(client), 0), certs[row->chain[0]].cert), 0);
    otr_verification_clear(&v);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
    ERR_clear_error();
}

static void a_handshake_is_judged_as_on_paper(void **state)
{
    static const struct row rows[] = {
        { "accepted", { LEAF, CA }, ROOT, HOST, 0, 0, "" },
        { "PKIX-07: an unknown root, which OpenSSL was told of elsewhere", { LEAF, CA }, OTHER_ROOT, HOST,
          X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1,
          "the intermediate certificate \"CA\" is signed by \"Root\", which the server did not send and which is no root that "
          "counts here" },
        { "an intermediate as root, in spite of PARTIAL_CHAIN", { LEAF, CA }, CA, HOST,
          X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1,
          "the intermediate certificate \"CA\" is signed by \"Root\", which the server did not send and which is no root that "
          "counts here" },
        { "PKIX-03: Common Name only", { LEAF_CN, CA }, ROOT, HOST, X509_V_ERR_HOSTNAME_MISMATCH, 0,
          "the certificate names no host (a Common Name does not count), so it is not for " HOST },
        { "PKIX-05: a partial wildcard", { LEAF_STAR_PART, CA }, ROOT, HOST, X509_V_ERR_HOSTNAME_MISMATCH, 0,
          "the certificate is for m*.example.org, not for " HOST },
        { "an address as host", { LEAF_IP_AS_DNS, CA }, ROOT, "192.0.2.1", X509_V_ERR_HOSTNAME_MISMATCH, 0,
          "what was asked for is no host name, so no certificate can be for it" },
        { "no host", { LEAF, CA }, ROOT, "", X509_V_ERR_HOSTNAME_MISMATCH, 0,
          "what was asked for is no host name, so no certificate can be for it" },
        { "PKIX-10: for clients only", { LEAF_CLIENT, CA }, ROOT, HOST, X509_V_ERR_INVALID_PURPOSE, 0,
          "the certificate is not made for TLS servers" },
        { "a weak key, at security level 0 of the system", { LEAF_WEAK, CA }, ROOT, HOST, X509_V_ERR_EE_KEY_TOO_SMALL, 0,
          "the certificate has a key that is too weak (RSA needs 2048 bits)" },
        { "a CA by its key usage only", { OF_UNSAID, CA_UNSAID }, ROOT, HOST, X509_V_ERR_INVALID_CA, 1,
          "the intermediate certificate \"Unsaid CA\" may not sign certificates: it is no CA" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_anchors *anchors = make_anchors(rows[i].root, NULL);

        judge(&rows[i], otr_anchors_for(anchors, "example.org"), false);
        judge(&rows[i], otr_anchors_for(anchors, "example.org"), true);
        otr_anchors_free(anchors);
    }
}

/* PKIX-08; and STS-FETCH-22: a list of the set counts in handshakes, one that is missing stops none. */
static void dates_and_lists_count_in_handshakes(void **state)
{
    static const struct row revoked = { "revoked", { LEAF, CA }, ROOT, HOST, X509_V_ERR_CERT_REVOKED, 0,
                                        "the certificate has been revoked, says a revocation list of the configuration" };
    static const struct row unlisted = { "an issuer without a list", { OF_UNSAID, CA_UNSAID }, ROOT, HOST, X509_V_ERR_INVALID_CA,
                                         1, "the intermediate certificate \"Unsaid CA\" may not sign certificates: it is no CA" };
    static const struct row missing = { "only the root has no list", { LEAF_EXPIRED, CA }, ROOT, HOST,
                                        X509_V_ERR_CERT_HAS_EXPIRED, 0, "" };
    STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
    time_t now = time(NULL);
    char reason[80], text[OTR_TIME_TEXT];
    struct row expired = missing;
    otr_anchors *anchors;

    (void)state;
    snprintf(reason, sizeof(reason), "the certificate has expired (on %s)",
             otr_time_text(otr_cert_not_after(certs[LEAF_EXPIRED].cert), text));
    expired.reason = reason;
    sk_X509_CRL_push(crls, otr_make_crl(&certs[CA], &certs[LEAF], now - 60, now + 60));
    anchors = make_anchors(ROOT, crls);
    for (int is_on_ssl = 0; is_on_ssl < 2; is_on_ssl++) {
        judge(&revoked, otr_anchors_for(anchors, "example.org"), is_on_ssl);
        judge(&unlisted, otr_anchors_for(anchors, "example.org"), is_on_ssl);
        judge(&expired, otr_anchors_for(anchors, "example.org"), is_on_ssl);
    }
    otr_anchors_free(anchors);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
    crls = sk_X509_CRL_new_null();
    sk_X509_CRL_push(crls, otr_make_crl(&certs[OTHER_ROOT], NULL, now - 60, now + 60));
    anchors = make_anchors(ROOT, crls);
    judge(&(struct row){ "no list for any of them", { LEAF, CA }, ROOT, HOST, 0, 0, "" },
          otr_anchors_for(anchors, "example.org"), true);
    otr_anchors_free(anchors);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_is_judged_as_on_paper),
        cmocka_unit_test(dates_and_lists_count_in_handshakes),
    };

    return cmocka_run_group_tests(tests, make_certificates, clear_certificates);
}

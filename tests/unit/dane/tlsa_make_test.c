/*
 * tlsa_make_test.c - PUB-10: which TLSA records are made, from what, and that those that are made match (match.h is the inverse). What is
 * read of a PEM file.
 */
#include "dane/match.h"
#include "dane/tlsa_make.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <stdio.h>

#include <openssl/pem.h>

#define MX "mx.example.org"

static otr_cert root, inter, leaf, other, rsa, alone;
static EVP_PKEY *rsa_key;

static int make_certs(void **state)
{
    (void)state;
    root = otr_make_cert(&(otr_cert_plan){ .common_name = "Root", .constraints = "critical,CA:TRUE" });
    inter = otr_make_cert(&(otr_cert_plan){ .common_name = "Inter", .constraints = "critical,CA:TRUE", .issuer = &root });
    leaf = otr_make_cert(&(otr_cert_plan){ .common_name = MX, .san = "DNS:" MX, .issuer = &inter });
    other = otr_make_cert(&(otr_cert_plan){ .common_name = "other", .issuer = &inter });
    rsa_key = otr_make_rsa_key(2048);
    rsa = otr_make_cert(&(otr_cert_plan){ .common_name = MX, .san = "DNS:" MX, .issuer = &inter, .key = rsa_key });
    alone = otr_make_cert(&(otr_cert_plan){ .common_name = MX, .san = "DNS:" MX });
    return 0;
}

static int clear_certs(void **state)
{
    otr_cert *all[] = { &root, &inter, &leaf, &other, &rsa, &alone };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        otr_cert_clear(all[i]);
    EVP_PKEY_free(rsa_key);
    return 0;
}

/* PEM of a word: "leaf inter" is a chain, "leaf.key" a key, "leaf.pub" its public half, ... */
static void put_key(otr_buf *out, EVP_PKEY *key, const char *how)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long len;

    if (strcmp(how, "key") == 0)
        assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    else if (strcmp(how, "old") == 0)
        assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    else if (strcmp(how, "secret") == 0)
        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL), 1);
    else if (strcmp(how, "oldsecret") == 0)
        assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, EVP_aes_128_cbc(), (unsigned char *)"secret", 6, NULL, NULL), 1);
    else if (strcmp(how, "pub") == 0)
        assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    else if (strcmp(how, "csr") == 0) {
        X509_REQ *request = X509_REQ_new();

        assert_true(X509_REQ_set_pubkey(request, key) == 1 && X509_REQ_sign(request, key, EVP_sha256()) > 0);
        assert_int_equal(PEM_write_bio_X509_REQ(bio, request), 1);
        X509_REQ_free(request);
    } else
        fail_msg("no such form of a key: %s", how);
    len = BIO_get_mem_data(bio, &data);
    otr_buf_put(out, data, (size_t)len);
    BIO_free(bio);
}

static const otr_cert *cert_called(const char *name, size_t len)
{
    static const struct { const char *name; const otr_cert *cert; } certs[] = {
        { "root", &root }, { "inter", &inter }, { "leaf", &leaf }, { "other", &other }, { "rsa", &rsa }, { "alone", &alone },
    };

    for (size_t i = 0; i < sizeof(certs) / sizeof(certs[0]); i++)
        if (strlen(certs[i].name) == len && strncmp(certs[i].name, name, len) == 0)
            return certs[i].cert;
    return NULL;
}

/* Words that are none of these stand for themselves. */
static void put_pem(otr_buf *out, const char *words)
{
    char copy[400], *save = NULL;

    snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        char *dot = strchr(word, '.');
        const otr_cert *cert = cert_called(word, dot != NULL ? (size_t)(dot - word) : strlen(word));

        if (cert == NULL)
            otr_buf_printf(out, "%s\n", word);
        else if (dot == NULL)
            otr_cert_put_pem(cert, out);
        else
            put_key(out, cert->key, dot + 1);
    }
}

static void reads_files(void **state)
{
    static const struct {
        const char *row, *words;
        size_t count, certificates; /* of the first */
        const char *refusal;        /* NULL: it is read */
    } rows[] = {
        { "a chain", "leaf inter root", 1, 3, NULL },
        { "a certificate alone", "leaf", 1, 1, NULL },
        { "text around the blocks", "subject leaf issuer inter", 1, 2, NULL },
        { "a chain and its key behind it", "leaf inter leaf.key", 1, 2, NULL },
        { "a chain and its key before it", "leaf.key leaf inter", 1, 2, NULL },
        { "two chains, each behind its key, as Postfix has it", "leaf.key leaf inter rsa.key rsa inter", 2, 2, NULL },
        { "two chains, each before its key", "leaf inter leaf.key rsa inter rsa.key", 2, 2, NULL },
        { "a chain without a key, and one behind its key", "leaf inter rsa.key rsa inter", 2, 2, NULL },
        { "a key", "leaf.key", 1, 0, NULL },
        { "an RSA key in the old form", "rsa.old", 1, 0, NULL },
        { "an EC key in the old form", "leaf.old", 1, 0, NULL },
        { "a public key", "rsa.pub", 1, 0, NULL },
        { "keys of two algorithms", "leaf.key rsa.key", 2, 0, NULL },
        { "private and public keys", "leaf.pub rsa.key", 2, 0, NULL },
        { "nothing", "", 0, 0, "no certificate and no key" },
        { "text", "hello", 0, 0, "no certificate and no key" },
        { "a key with a passphrase", "leaf.secret", 0, 0, "passphrase" },
        { "a key with a passphrase, in the old form", "rsa.oldsecret", 0, 0, "passphrase" },
        { "a certificate request", "leaf.csr", 0, 0, "certificate request" },
        { "the key of another behind a chain", "leaf inter rsa.key", 0, 0, "not that of the certificate" },
        { "the key of another before a chain", "rsa.key leaf inter", 0, 0, "not for the key before it" },
        { "a public key beside a chain", "leaf inter leaf.pub", 0, 0, "not that of the certificate" },
        { "a block of another kind", "-----BEGIN\tX----- leaf -----BEGIN", 1, 1, NULL },
        { "more keys than there are algorithms",
          "leaf.key rsa.key root.key inter.key other.key alone.key leaf.key rsa.key leaf.key", 0, 0, "more than 8" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_buf pem = OTR_BUF_INIT;
        otr_tlsa_sources sources = { 0 };
        outrider_diag diag = { 0 };
        outrider_err err;

        put_pem(&pem, rows[i].words);
        err = otr_tlsa_sources_read(otr_buf_text(&pem), pem.len, &sources, &diag);
        if ((err == OUTRIDER_OK) != (rows[i].refusal == NULL) ||
            (rows[i].refusal != NULL && strstr(diag.message, rows[i].refusal) == NULL))
            fail_msg("%s: %d, \"%s\"", rows[i].row, err, diag.message);
        if (sources.count != rows[i].count ||
            (sources.count > 0 && (size_t)(sources.list[0].chain != NULL ? sk_X509_num(sources.list[0].chain) : 0) != rows[i].certificates))
            fail_msg("%s: %zu sources", rows[i].row, sources.count);
        otr_tlsa_sources_clear(&sources);
        otr_buf_clear(&pem);
    }
}

static void points_at_a_bad_block(void **state)
{
    otr_buf pem = OTR_BUF_INIT;
    otr_tlsa_sources sources = { 0 };
    outrider_diag diag = { 0 };
    char *digit;

    (void)state;
    otr_buf_puts(&pem, "one line\n");
    put_pem(&pem, "leaf");
    digit = strstr(pem.data, "MII");
    digit[1] = '!';
    assert_int_equal(otr_tlsa_sources_read(pem.data, pem.len, &sources, &diag), OUTRIDER_E_SYNTAX);
    assert_int_equal(diag.line, 2);
    otr_buf_reset(&pem);
    otr_buf_puts(&pem, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    assert_int_equal(otr_tlsa_sources_read(pem.data, pem.len, &sources, &diag), OUTRIDER_E_SYNTAX);
    assert_non_null(strstr(diag.message, "does not parse"));
    otr_buf_reset(&pem);
    otr_buf_puts(&pem, "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n");
    assert_int_equal(otr_tlsa_sources_read(pem.data, pem.len, &sources, &diag), OUTRIDER_E_SYNTAX);
    assert_non_null(strstr(diag.message, "neither certificate nor key"));
    while (pem.len <= 256 * 1024)
        otr_buf_puts(&pem, "and so on, and so on, and so on, and so on, and so on, and so on\n");
    assert_int_equal(otr_tlsa_sources_read(pem.data, pem.len, &sources, &diag), OUTRIDER_E_LIMIT);
    otr_buf_clear(&pem);
}

/* PUB-10 */
static void makes_records_that_match(void **state)
{
    static const struct {
        const char *row, *form, *from, *chain; /* the chain that the server shows */
        bool is_matched;
        const char *refusal;
    } rows[] = {
        { "3 1 1 of a chain", "3 1 1", "leaf inter", "leaf inter", true, NULL },
        { "3 1 1 of the private key", "3 1 1", "leaf.key", "leaf inter", true, NULL },
        { "3 1 1 of the public key", "3 1 1", "rsa.pub", "rsa inter", true, NULL },
        { "3 1 1 of an RSA key in the old form", "3 1 1", "rsa.old", "rsa", true, NULL },
        { "3 1 2", "3 1 2", "leaf inter", "leaf inter", true, NULL },
        { "3 0 1", "3 0 1", "leaf", "leaf inter", true, NULL },
        { "3 0 2", "3 0 2", "leaf", "leaf inter", true, NULL },
        { "3 1 1 of a self-signed certificate", "3 1 1", "alone", "alone", true, NULL },
        { "2 1 1 is made from the issuer, not from the root", "2 1 1", "leaf inter root", "leaf inter", true, NULL },
        { "2 1 1 holds for another key of the issuer", "2 1 1", "other inter", "leaf inter", true, NULL },
        { "2 0 1", "2 0 1", "leaf inter", "leaf inter", true, NULL },
        { "2 1 2", "2 1 2", "leaf inter", "leaf inter", true, NULL },
        { "2 1 1 where the chain is out of order", "2 1 1", "leaf root inter", "leaf inter", true, NULL },
        { "the record of another key", "3 1 1", "other", "leaf inter", false, NULL },
        { "2 1 1 without the issuer", "2 1 1", "leaf", NULL, false, "chain does not have it" },
        { "2 1 1 where only the root is there", "2 1 1", "leaf root", NULL, false, "chain does not have it" },
        { "2 1 1 of a self-signed certificate", "2 1 1", "alone", NULL, false, "chain does not have it" },
        { "2 1 1 of a key", "2 1 1", "leaf.key", NULL, false, "a key alone" },
        { "3 0 1 of a key", "3 0 1", "leaf.key", NULL, false, "a key alone" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_buf pem = OTR_BUF_INIT, chain = OTR_BUF_INIT;
        otr_tlsa_sources sources = { 0 };
        otr_tlsa_digest digest = { 0 };
        outrider_diag diag = { 0 };
        otr_tlsa_form form;
        otr_tlsa record;
        otr_dane_result result = { 0 };
        outrider_err err;

        put_pem(&pem, rows[i].from);
        assert_int_equal(otr_tlsa_sources_read(pem.data, pem.len, &sources, NULL), OUTRIDER_OK);
        assert_int_equal(otr_tlsa_form_parse(rows[i].form, strlen(rows[i].form), &form, NULL), OUTRIDER_OK);
        err = otr_tlsa_make(&sources.list[0], form, &digest, &diag);
        if ((err == OUTRIDER_OK) != (rows[i].refusal == NULL) ||
            (rows[i].refusal != NULL && strstr(diag.message, rows[i].refusal) == NULL))
            fail_msg("%s: %d, \"%s\"", rows[i].row, err, diag.message);
        if (rows[i].refusal == NULL) {
            otr_dane_question q = { .records = &record, .record_count = 1, .names = (const char *[]){ MX, NULL }, .at = OTR_TEST_TIME };

            record = otr_tlsa_of_digest(&digest);
            assert_int_equal(otr_tlsa_check(&record), OTR_TLSA_USABLE);
            put_pem(&chain, rows[i].chain);
            q.chain_pem = chain.data;
            q.chain_len = chain.len;
            assert_int_equal(otr_dane_match(&q, &result, NULL), OUTRIDER_OK);
            if (result.is_authenticated != rows[i].is_matched)
                fail_msg("%s: %s", rows[i].row, result.reason);
            if (!otr_tlsa_is_of(&record, &sources.list[0]))
                fail_msg("%s: does not know its own", rows[i].row);
        }
        otr_tlsa_sources_clear(&sources);
        otr_buf_clear(&pem);
        otr_buf_clear(&chain);
    }
}

/* PUB-10 */
static void refuses_forms(void **state)
{
    static const struct { const char *text, *refusal; } rows[] = {
        { "3 1 1", NULL }, { " 2\t0  2 ", NULL },
        { "0 1 1", "usages 0 and 1" }, { "1 1 1", "usages 0 and 1" }, { "4 1 1", "usage is unknown" },
        { "3 2 1", "selector is unknown" }, { "3 1 0", "matching type 0" }, { "2 0 0", "matching type 0" },
        { "3 1 3", "matching type is unknown" }, { "", "such as" }, { "311", "such as" }, { "3 1", "such as" },
        { "3 1 1 AB", "nothing comes behind" }, { "3 1 1x", "nothing comes behind" }, { "3 1 11", "such as" }, { "-3 1 1", "such as" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        outrider_diag diag = { 0 };
        otr_tlsa_form form;
        outrider_err err = otr_tlsa_form_parse(rows[i].text, strlen(rows[i].text), &form, &diag);

        if ((err == OUTRIDER_OK) != (rows[i].refusal == NULL) ||
            (rows[i].refusal != NULL && strstr(diag.message, rows[i].refusal) == NULL))
            fail_msg("\"%s\": %d, \"%s\"", rows[i].text, err, diag.message);
    }
}

/* PUB-10: SHA2-512 never alone */
static void completes_sha512(void **state)
{
    otr_tlsa_forms forms = { 0 };

    (void)state;
    assert_true(otr_tlsa_forms_add(&forms, (otr_tlsa_form){ 3, 1, 2 }));
    assert_false(otr_tlsa_forms_add(&forms, (otr_tlsa_form){ 3, 1, 2 }));
    assert_false(otr_tlsa_forms_add(&forms, (otr_tlsa_form){ 3, 1, 1 }));
    assert_int_equal(forms.count, 2);
    assert_int_equal(forms.list[0].mtype, 1);
    assert_false(otr_tlsa_forms_add(&forms, (otr_tlsa_form){ 2, 1, 1 }));
    assert_false(otr_tlsa_forms_add(&forms, (otr_tlsa_form){ 2, 1, 2 }));
    for (int i = 0; i < 8; i++)
        otr_tlsa_forms_add(&forms, (otr_tlsa_form){ (uint8_t)(2 + i / 4), (uint8_t)(i / 2 % 2), (uint8_t)(1 + i % 2) });
    assert_int_equal(forms.count, OTR_TLSA_FORMS_MAX);
}

static void words_of_keys(void **state)
{
    char words[OTR_KEY_WORDS];

    (void)state;
    assert_string_equal(otr_key_words(rsa_key, words), "RSA 2048 bits");
    assert_string_equal(otr_key_words(leaf.key, words), "EC prime256v1");
    assert_string_equal(otr_key_words(NULL, words), "a key of an unknown kind");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_files),
        cmocka_unit_test(points_at_a_bad_block),
        cmocka_unit_test(makes_records_that_match),
        cmocka_unit_test(refuses_forms),
        cmocka_unit_test(completes_sha512),
        cmocka_unit_test(words_of_keys),
    };
    return cmocka_run_group_tests(tests, make_certs, clear_certs);
}

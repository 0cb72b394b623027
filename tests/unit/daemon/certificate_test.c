/*
 * certificate_test.c - which pairs of files our policy host would show, and what is said of the others.
 */
#include "daemon/publish/certificate.h"

#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#define HOST "mta-sts.example.org"
#define CA "critical,CA:TRUE"
#define NOW OTR_TEST_TIME

static char folder[] = "/tmp/outrider-certificate-test-XXXXXX";
static otr_cert root, issuer, other_issuer, leaf, other;

static const char *path_of(const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", folder, name);
    return path;
}

static void write_text(const char *name, const char *text, size_t len)
{
    char path[512];
    FILE *out = fopen(path_of(name, path), "we");

    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    fclose(out);
}

static void write_chain(const char *name, const otr_cert *const certs[])
{
    otr_buf text = OTR_BUF_INIT;

    for (size_t i = 0; certs[i] != NULL; i++)
        otr_cert_put_pem(certs[i], &text);
    write_text(name, otr_buf_text(&text), text.len);
    otr_buf_clear(&text);
}

static void write_key(const char *name, EVP_PKEY *key, const char *passphrase)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text;
    long len;

    assert_int_equal(PEM_write_bio_PrivateKey(out, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                              (void *)(uintptr_t)passphrase), 1);
    len = BIO_get_mem_data(out, &text);
    write_text(name, text, (size_t)len);
    BIO_free(out);
}

static void write_together(const char *name, const char *first, const char *second)
{
    char command[2000];

    snprintf(command, sizeof(command), "cd '%s' && { cat '%s'; echo; cat '%s'; } > '%s'", folder, first, second, name);
    assert_int_equal(system(command), 0);
}

static outrider_err load(const char *chain, const char *key, const char *host, otr_certificate **out, outrider_diag *diag)
{
    char chain_path[512], key_path[512];

    return otr_certificate_load(path_of(chain, chain_path), path_of(key, key_path), host, NOW, out, diag);
}

static int make_world(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    root = otr_make_cert(&(otr_cert_plan){ .common_name = "Root", .constraints = CA });
    issuer = otr_make_cert(&(otr_cert_plan){ .common_name = "Issuer", .constraints = CA, .issuer = &root });
    other_issuer = otr_make_cert(&(otr_cert_plan){ .common_name = "Issuer", .constraints = CA, .issuer = &root });
    leaf = otr_make_cert(&(otr_cert_plan){ .san = "DNS:" HOST, .usage = "serverAuth", .issuer = &issuer });
    other = otr_make_cert(&(otr_cert_plan){ .san = "DNS:mail.example.org", .issuer = &issuer });
    write_key("key", leaf.key, NULL);
    write_key("other.key", other.key, NULL);
    write_key("issuer.key", issuer.key, NULL);
    write_key("encrypted.key", leaf.key, "secret");
    write_chain("chain", (const otr_cert *[]){ &leaf, &issuer, &root, NULL });
    write_together("both", "key", "chain");
    write_together("chain-first", "chain", "key");
    return 0;
}

static int clear_world(void **state)
{
    char command[600];

    (void)state;
    otr_cert_clear(&root);
    otr_cert_clear(&issuer);
    otr_cert_clear(&other_issuer);
    otr_cert_clear(&leaf);
    otr_cert_clear(&other);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static void test_good_pair(void **state)
{
    otr_certificate *c = NULL, *second;
    outrider_diag diag = { 0 };

    (void)state;
    if (load("chain", "key", HOST, &c, &diag) != OUTRIDER_OK)
        fail_msg("%s", diag.message);
    assert_int_equal(otr_certificate_not_after(c), NOW + 15 * OTR_TEST_DAY);
    assert_int_equal(sk_X509_num(otr_certificate_chain(c)), 2); /* without the root */
    assert_non_null(SSL_CTX_get0_certificate(otr_certificate_tls(c)));
    second = otr_certificate_ref(c);
    otr_certificate_free(c);
    assert_int_equal(otr_certificate_check(second, HOST, NOW, &diag), OUTRIDER_OK);
    assert_int_equal(otr_certificate_check(second, "mta-sts.example.net", NOW, &diag), OUTRIDER_E_SYNTAX);
    assert_string_equal(diag.message, "the certificate is for mta-sts.example.org, not for mta-sts.example.net");
    assert_int_equal(otr_certificate_check(second, HOST, NOW + 20 * OTR_TEST_DAY, &diag), OUTRIDER_E_SYNTAX);
    assert_non_null(strstr(diag.message, "has expired (on 2026-01-16T00:00:00Z)"));
    assert_int_equal(otr_certificate_check(second, HOST, NOW - 20 * OTR_TEST_DAY, &diag), OUTRIDER_E_SYNTAX);
    assert_non_null(strstr(diag.message, "is not valid before"));
    otr_certificate_free(second);
    otr_certificate_free(NULL);
}

/* As a deploy hook writes it, so that one rename replaces both. */
static void test_one_file_for_both(void **state)
{
    static const char *const files[] = { "both", "chain-first" };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        otr_certificate *c = NULL;
        outrider_diag diag = { 0 };

        if (load(files[i], files[i], HOST, &c, &diag) != OUTRIDER_OK)
            fail_msg("%s: %s", files[i], diag.message);
        assert_int_equal(sk_X509_num(otr_certificate_chain(c)), 2);
        otr_certificate_free(c);
    }
}

/* One pair of files for many hosts: what it is for is asked later. */
static void test_without_host(void **state)
{
    otr_certificate *c = NULL;
    outrider_diag diag;

    (void)state;
    write_chain("other", (const otr_cert *[]){ &other, &issuer, NULL });
    assert_int_equal(load("other", "other.key", NULL, &c, &diag), OUTRIDER_OK);
    assert_int_equal(otr_certificate_check(c, HOST, NOW, &diag), OUTRIDER_E_SYNTAX);
    otr_certificate_free(c);
}

static void test_refused_files(void **state)
{
    static const struct {
        const char *row, *chain, *key;
        outrider_err err;
        const char *says;
    } rows[] = {
        { "no chain", "nothing", "key", OUTRIDER_E_IO, "nothing: No such file or directory" },
        { "no key", "chain", "nothing", OUTRIDER_E_IO, "nothing: No such file or directory" },
        { "a folder", "folder", "key", OUTRIDER_E_IO, "folder: is not a file" },
        { "a pipe that nobody writes into", "pipe", "key", OUTRIDER_E_IO, "pipe: is not a file" },
        { "a text", "text", "key", OUTRIDER_E_SYNTAX, "text: no certificate in PEM form" },
        { "a key in the file of the chain, and another one for the key", "both", "key", OUTRIDER_E_SYNTAX,
          "both, line 1: a PEM block that is not a certificate" },
        { "a key alone, for both", "key", "key", OUTRIDER_E_SYNTAX, "key: no certificate in PEM form" },
        { "an empty file", "empty", "key", OUTRIDER_E_SYNTAX, "no certificate in PEM form" },
        { "a chain without end", "large", "key", OUTRIDER_E_LIMIT, "large: larger than 262144 octets" },
        { "a certificate for a key", "chain", "chain", OUTRIDER_E_SYNTAX, "chain: no private key in PEM form that can be used" },
        { "an encrypted key", "chain", "encrypted.key", OUTRIDER_E_SYNTAX, "the key is encrypted" },
        { "another's key", "chain", "other.key", OUTRIDER_E_SYNTAX, "other.key: not the key of the certificate in" },
        { "the issuer's key", "chain", "issuer.key", OUTRIDER_E_SYNTAX,
          "chain: the key is that of certificate 2: the server's own must come first" },
        { "leaf last", "upside-down", "key", OUTRIDER_E_SYNTAX, "the key is that of certificate 2" },
        { "a link is missing", "gap", "key", OUTRIDER_E_SYNTAX, "gap: certificate 2 (Root) is not the issuer of the one before it" },
        { "the issuer's namesake", "namesake", "key", OUTRIDER_E_SYNTAX, "namesake: certificate 2 (Issuer) is not the issuer" },
        { "for clients", "client", "client.key", OUTRIDER_E_SYNTAX, "client: the certificate is not for TLS servers" },
        { "a short RSA key", "weak", "weak.key", OUTRIDER_E_SYNTAX, "weak: not fit for TLS: ee key too small" },
    };
    otr_cert client = otr_make_cert(&(otr_cert_plan){ .san = "DNS:" HOST, .usage = "clientAuth", .issuer = &issuer });
    EVP_PKEY *weak_key = otr_make_rsa_key(1024);
    otr_cert weak = otr_make_cert(&(otr_cert_plan){ .san = "DNS:" HOST, .issuer = &issuer, .key = weak_key });
    char path[512], *large = malloc(300000);

    (void)state;
    memset(large, 'x', 300000);
    write_text("large", large, 300000);
    write_text("text", "hello\n", 6);
    write_text("empty", "", 0);
    write_chain("upside-down", (const otr_cert *[]){ &issuer, &leaf, NULL });
    write_chain("gap", (const otr_cert *[]){ &leaf, &root, NULL });
    write_chain("namesake", (const otr_cert *[]){ &leaf, &other_issuer, NULL });
    write_chain("client", (const otr_cert *[]){ &client, &issuer, NULL });
    write_chain("weak", (const otr_cert *[]){ &weak, NULL });
    write_key("client.key", client.key, NULL);
    write_key("weak.key", weak.key, NULL);
    assert_int_equal(mkdir(path_of("folder", path), 0755), 0);
    assert_int_equal(mkfifo(path_of("pipe", path), 0600), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_certificate *c = NULL;
        outrider_diag diag = { 0 };
        outrider_err err = load(rows[i].chain, rows[i].key, HOST, &c, &diag);

        if (err != rows[i].err || strstr(diag.message, rows[i].says) == NULL || c != NULL)
            fail_msg("%s: got %d \"%s\", want %d \"%s\"", rows[i].row, err, diag.message, rows[i].err, rows[i].says);
    }
    otr_cert_clear(&client);
    otr_cert_clear(&weak);
    EVP_PKEY_free(weak_key);
    free(large);
}

/* As lib/trust/verify.h judges names: RFC 9525. */
static void test_names(void **state)
{
    static const struct {
        const char *row, *san, *common_name;
        bool is_fit;
    } rows[] = {
        { "the name", "DNS:mta-sts.example.org", NULL, true },
        { "the name among others", "DNS:www.example.org,DNS:mta-sts.example.org", NULL, true },
        { "capitals", "DNS:MTA-STS.Example.ORG", NULL, true },
        { "a wildcard for one label", "DNS:*.example.org", NULL, true },
        { "a wildcard for two labels", "DNS:*.org", NULL, false },
        { "a wildcard within a label", "DNS:mta*.example.org", NULL, false },
        { "the domain", "DNS:example.org", NULL, false },
        { "a common name alone", NULL, "mta-sts.example.org", false },
        { "an address", "IP:192.0.2.1", NULL, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_cert cert = otr_make_cert(&(otr_cert_plan){ .san = rows[i].san, .common_name = rows[i].common_name });
        otr_certificate *c = NULL;
        outrider_diag diag = { 0 };
        bool is_fit;

        write_chain("named", (const otr_cert *[]){ &cert, NULL });
        write_key("named.key", cert.key, NULL);
        is_fit = load("named", "named.key", HOST, &c, &diag) == OUTRIDER_OK;
        if (is_fit != rows[i].is_fit)
            fail_msg("%s: got %d (%s), want %d", rows[i].row, is_fit, diag.message, rows[i].is_fit);
        if (!is_fit && strstr(diag.message, HOST) == NULL)
            fail_msg("%s: \"%s\" does not say for whom", rows[i].row, diag.message);
        otr_certificate_free(c);
        otr_cert_clear(&cert);
    }
}

static void test_unreadable_says_by_whom(void **state)
{
    otr_certificate *c = NULL;
    outrider_diag diag = { 0 };
    char path[512];
    int failed;

    (void)state;
    write_key("locked.key", leaf.key, NULL);
    assert_int_equal(chmod(path_of("locked.key", path), 0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    if (geteuid() != 0)
        skip();
    assert_int_equal(seteuid(65534), 0);
    failed = load("chain", "locked.key", HOST, &c, &diag);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(failed, OUTRIDER_E_IO);
    assert_non_null(strstr(diag.message, "locked.key: user nobody may not read it"));
}

static void test_marks(void **state)
{
    char chain[512], key[512];
    otr_certificate_mark before, after;

    (void)state;
    path_of("marked", chain);
    path_of("marked.key", key);
    before = otr_certificate_mark_of(chain, key);
    after = otr_certificate_mark_of(chain, key);
    assert_true(otr_certificate_mark_same(&before, &after)); /* neither is there */
    write_key("marked.key", leaf.key, NULL);
    after = otr_certificate_mark_of(chain, key);
    assert_false(otr_certificate_mark_same(&before, &after));
    before = after;
    write_text("marked", "x", 1);
    after = otr_certificate_mark_of(chain, key);
    assert_false(otr_certificate_mark_same(&before, &after));
    before = after;
    assert_int_equal(rename(key, chain), 0);
    after = otr_certificate_mark_of(chain, key);
    assert_false(otr_certificate_mark_same(&before, &after));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_pair),
        cmocka_unit_test(test_one_file_for_both),
        cmocka_unit_test(test_without_host),
        cmocka_unit_test(test_refused_files),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unreadable_says_by_whom),
        cmocka_unit_test(test_marks),
    };

    return cmocka_run_group_tests(tests, make_world, clear_world);
}

/*
 * certificate.c - reads the files, then judges: each refusal is one sentence that names the file.
 */
#include "daemon/publish/certificate.h"

#include "base/diag.h"
#include "daemon/publish/tls_context.h"
#include "trust/certificate.h"
#include "trust/pem.h"
#include "trust/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define KEY_PEM_LIMIT (64 * 1024) /* octets */
#define NAME_SHOWN 60

struct otr_certificate {
    atomic_uint references;
    SSL_CTX *tls;                /* owned */
    STACK_OF(X509) *chain;       /* owned */
    otr_time not_before, not_after;
};

/* Files ---------------------------------------------------------------------------------------------------------- */

/* Of whoever we are: with that, "Permission denied" says what to do. */
static const char *user_name(char text[64])
{
    struct passwd found, *result = NULL;
    char room[1024];

    if (getpwuid_r(geteuid(), &found, room, sizeof(room), &result) == 0 && result != NULL)
        snprintf(text, 64, "%s", found.pw_name);
    else
        snprintf(text, 64, "%lu", (unsigned long)geteuid());
    return text;
}

static outrider_err fail_to_read(const char *path, int error, outrider_diag *diag)
{
    char user[64];

    if (error == EACCES)
        return otr_fail(diag, OUTRIDER_E_IO, "%s: user %s may not read it", path, user_name(user));
    return otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(error));
}

static outrider_err read_all(int fd, const char *path, size_t limit, otr_buf *text, outrider_diag *diag)
{
    char part[4096];
    ssize_t got;

    while ((got = read(fd, part, sizeof(part))) > 0 && text->len <= limit)
        otr_buf_put(text, part, (size_t)got);
    OPENSSL_cleanse(part, sizeof(part));
    if (got < 0)
        return fail_to_read(path, errno, diag);
    if (text->len > limit)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "%s: larger than %zu octets", path, limit);
    return text->err == OUTRIDER_OK ? OUTRIDER_OK : otr_fail(diag, text->err, "%s: out of memory", path);
}

/* Links are followed, as ACME clients keep the file of today behind one. A pipe is not waited for. */
static outrider_err read_file(const char *path, size_t limit, otr_buf *text, outrider_diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    outrider_err err;
    struct stat st;

    if (fd < 0)
        return fail_to_read(path, errno, diag);
    if (fstat(fd, &st) != 0)
        err = fail_to_read(path, errno, diag);
    else if (!S_ISREG(st.st_mode))
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: is not a file", path);
    else
        err = read_all(fd, path, limit, text, diag);
    close(fd);
    return err;
}

static void forget(otr_buf *secret)
{
    if (secret->data != NULL)
        OPENSSL_cleanse(secret->data, secret->cap);
    otr_buf_clear(secret);
}

/* Chain and key may be one file, so that one rename replaces both: the key is not looked at here. */
static void blank_keys(otr_buf *text)
{
    static const char begin[] = "-----BEGIN ", end[] = "-----END ", key[] = "PRIVATE KEY-----";
    char *from = text->data, *last = from + text->len, *line, *stop;

    while ((from = memmem(from, (size_t)(last - from), begin, sizeof(begin) - 1)) != NULL) {
        line = memchr(from, '\n', (size_t)(last - from));
        stop = memmem(from, (size_t)(last - from), end, sizeof(end) - 1);
        if (line == NULL || stop == NULL)
            return; /* whoever reads it complains */
        if (memmem(from, (size_t)(line - from), key, sizeof(key) - 1) != NULL) {
            line = memchr(stop, '\n', (size_t)(last - stop));
            stop = line != NULL ? line : last;
            for (; from < stop; from++)
                if (*from != '\n') /* so that lines have their numbers */
                    *from = ' ';
        }
        from = stop;
    }
}

static outrider_err read_chain(const char *path, bool has_key, STACK_OF(X509) **chain, outrider_diag *diag)
{
    otr_buf text = OTR_BUF_INIT;
    outrider_diag inner = { .line = 0 };
    outrider_err err = read_file(path, OTR_CHAIN_PEM_LIMIT, &text, diag);

    if (err == OUTRIDER_OK && has_key && text.len > 0)
        blank_keys(&text);
    if (err == OUTRIDER_OK) {
        err = otr_pem_read_certs(otr_buf_text(&text), text.len, OTR_CHAIN_MAX, chain, &inner);
        if (err != OUTRIDER_OK && inner.line != 0)
            otr_fail(diag, err, "%s, line %u: %s", path, inner.line, inner.message);
        else if (err != OUTRIDER_OK)
            otr_fail(diag, err, "%s: %s", path, inner.message);
    }
    forget(&text); /* there may be a key in it */
    return err;
}

/* Nobody is there to be asked. */
static int refuse_passphrase(char *room, int size, int is_writing, void *arg)
{
    (void)room;
    (void)size;
    (void)is_writing;
    *(bool *)arg = true;
    return -1;
}

static outrider_err read_key(const char *path, EVP_PKEY **key, outrider_diag *diag)
{
    otr_buf text = OTR_BUF_INIT;
    bool is_encrypted = false;
    BIO *in = NULL;
    outrider_err err = read_file(path, KEY_PEM_LIMIT, &text, diag);

    if (err != OUTRIDER_OK)
        goto out;
    in = BIO_new_mem_buf(otr_buf_text(&text), (int)text.len);
    if (in == NULL) {
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
        goto out;
    }
    *key = PEM_read_bio_PrivateKey(in, NULL, refuse_passphrase, &is_encrypted);
    if (*key == NULL)
        err = otr_fail(diag, OUTRIDER_E_SYNTAX, is_encrypted ? "%s: the key is encrypted, and nobody is there to give a passphrase"
                                                             : "%s: no private key in PEM form that can be used", path);
out:
    BIO_free(in);
    forget(&text);
    return err;
}

/* Judgement ------------------------------------------------------------------------------------------------------ */

static outrider_err check_links(const char *path, const STACK_OF(X509) *chain, outrider_diag *diag)
{
    char name[OTR_CERT_NAME_SIZE];

    for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
        X509 *subject = sk_X509_value(chain, i), *issuer = sk_X509_value(chain, i + 1);
        EVP_PKEY *key = X509_get0_pubkey(issuer);

        if (X509_check_issued(issuer, subject) != X509_V_OK || key == NULL || X509_verify(subject, key) != 1)
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: certificate %d (%.*s) is not the issuer of the one before it: "
                            "leaf first, then each one's issuer", path, i + 2, NAME_SHOWN, otr_cert_name(issuer, name));
    }
    return OUTRIDER_OK;
}

static outrider_err check_use(const char *path, X509 *leaf, outrider_diag *diag)
{
    if ((X509_get_extension_flags(leaf) & EXFLAG_INVALID) != 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the certificate has extensions that cannot be read", path);
    if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the certificate is not for TLS servers (extended key usage, key usage)", path);
    return OUTRIDER_OK;
}

static outrider_err check_key(const char *cert_path, const char *key_path, const STACK_OF(X509) *chain, const EVP_PKEY *key,
                              outrider_diag *diag)
{
    if (X509_check_private_key(sk_X509_value(chain, 0), key) == 1)
        return OUTRIDER_OK;
    for (int i = 1; i < sk_X509_num(chain); i++)
        if (X509_check_private_key(sk_X509_value(chain, i), key) == 1)
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: the key is that of certificate %d: the server's own must come first",
                            cert_path, i + 1);
    return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: not the key of the certificate in %s", key_path, cert_path);
}

outrider_err otr_certificate_check(const otr_certificate *c, const char *host, otr_time now, outrider_diag *diag)
{
    char date[OTR_TIME_TEXT];

    if (otr_verify_name(sk_X509_value(c->chain, 0), host, diag) != OUTRIDER_OK)
        return OUTRIDER_E_SYNTAX;
    if (c->not_before > now)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the certificate is not valid before %s", otr_time_text(c->not_before, date));
    if (c->not_after <= now)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the certificate has expired (on %s)", otr_time_text(c->not_after, date));
    return OUTRIDER_OK;
}

/* Making --------------------------------------------------------------------------------------------------------- */

/* Why OpenSSL will not have it: "ee key too small" and the like. */
static outrider_err fail_to_use(const char *path, outrider_diag *diag)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: not fit for TLS: %s", path, reason != NULL ? reason : "refused by OpenSSL");
}

/* A root at the end is not sent: nobody believes in one because of that (RFC 8446 §4.4.2). */
static outrider_err set_up(otr_certificate *c, const char *path, EVP_PKEY *key, outrider_diag *diag)
{
    int sent = sk_X509_num(c->chain);

    c->tls = otr_tls_context_new();
    if (c->tls == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "cannot set up TLS");
    if (SSL_CTX_use_certificate(c->tls, sk_X509_value(c->chain, 0)) != 1 || SSL_CTX_use_PrivateKey(c->tls, key) != 1)
        return fail_to_use(path, diag);
    if (sent > 1 && otr_cert_is_self_signed(sk_X509_value(c->chain, sent - 1)))
        X509_free(sk_X509_pop(c->chain));
    for (int i = 1; i < sk_X509_num(c->chain); i++)
        if (SSL_CTX_add1_chain_cert(c->tls, sk_X509_value(c->chain, i)) != 1)
            return fail_to_use(path, diag);
    return OUTRIDER_OK;
}

static outrider_err read_and_judge(otr_certificate *c, const char *cert_path, const char *key_path, outrider_diag *diag)
{
    EVP_PKEY *key = NULL;
    outrider_err err = read_chain(cert_path, strcmp(cert_path, key_path) == 0, &c->chain, diag);

    if (err == OUTRIDER_OK)
        err = read_key(key_path, &key, diag);
    if (err == OUTRIDER_OK)
        err = check_key(cert_path, key_path, c->chain, key, diag);
    if (err == OUTRIDER_OK)
        err = check_links(cert_path, c->chain, diag);
    if (err == OUTRIDER_OK)
        err = check_use(cert_path, sk_X509_value(c->chain, 0), diag);
    if (err == OUTRIDER_OK)
        err = set_up(c, cert_path, key, diag);
    EVP_PKEY_free(key);
    return err;
}

outrider_err otr_certificate_load(const char *cert_path, const char *key_path, const char *host, otr_time now,
                                  otr_certificate **out, outrider_diag *diag)
{
    otr_certificate *c = calloc(1, sizeof(*c));
    outrider_diag inner = { .line = 0 };
    outrider_err err;

    if (c == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    atomic_init(&c->references, 1);
    ERR_set_mark();
    err = read_and_judge(c, cert_path, key_path, diag);
    ERR_pop_to_mark();
    if (err == OUTRIDER_OK) {
        c->not_before = otr_cert_not_before(sk_X509_value(c->chain, 0));
        c->not_after = otr_cert_not_after(sk_X509_value(c->chain, 0));
    }
    if (err == OUTRIDER_OK && host != NULL && (err = otr_certificate_check(c, host, now, &inner)) != OUTRIDER_OK)
        otr_fail(diag, err, "%s: %s", cert_path, inner.message);
    if (err == OUTRIDER_OK)
        *out = c;
    else
        otr_certificate_free(c);
    return err;
}

otr_certificate *otr_certificate_ref(otr_certificate *c)
{
    atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
    return c;
}

void otr_certificate_free(otr_certificate *c)
{
    if (c == NULL || atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(c->tls);
    sk_X509_pop_free(c->chain, X509_free);
    free(c);
}

SSL_CTX *otr_certificate_tls(const otr_certificate *c)
{
    return c->tls;
}

const STACK_OF(X509) *otr_certificate_chain(const otr_certificate *c)
{
    return c->chain;
}

otr_time otr_certificate_not_after(const otr_certificate *c)
{
    return c->not_after;
}

otr_certificate_mark otr_certificate_mark_of(const char *cert_path, const char *key_path)
{
    return (otr_certificate_mark){ .chain = otr_file_mark_of(cert_path), .key = otr_file_mark_of(key_path) };
}

bool otr_certificate_mark_same(const otr_certificate_mark *a, const otr_certificate_mark *b)
{
    return otr_file_mark_same(&a->chain, &b->chain) && otr_file_mark_same(&a->key, &b->key);
}

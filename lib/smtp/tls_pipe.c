/*
 * tls_pipe.c - OpenSSL between two memory BIOs.
 */
#include "smtp/tls_pipe.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

struct otr_tls_pipe {
    SSL_CTX *ctx;  /* owned */
    SSL *ssl;      /* owned, and with it the two: */
    BIO *in, *out; /* from and to the network */
    char error[160];
};

/* Whatever is shown is taken: it is judged by those who asked. */
static int accept_any(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static bool set_up_ctx(SSL_CTX *ctx)
{
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 || SSL_CTX_set_max_proto_version(ctx, 0) != 1 ||
        SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0") != 1)
        return false;
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ctx, OTR_TLS_CHAIN_OCTETS_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
    return true;
}

/* A server chooses its certificate by the signatures that the client takes (RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1). */
static const char *signatures(const char *algorithm)
{
    return strcmp(algorithm, "rsa") == 0 ? "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512" :
                                           "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512";
}

static bool open_ssl(otr_tls_pipe *p, const char *sni, const char *algorithm)
{
    p->ctx = SSL_CTX_new(TLS_client_method());
    if (p->ctx == NULL || !set_up_ctx(p->ctx))
        return false;
    p->ssl = SSL_new(p->ctx);
    p->in = BIO_new(BIO_s_mem());
    p->out = BIO_new(BIO_s_mem());
    if (p->ssl == NULL || p->in == NULL || p->out == NULL || SSL_set_tlsext_host_name(p->ssl, sni) != 1 ||
        (algorithm != NULL && SSL_set1_sigalgs_list(p->ssl, signatures(algorithm)) != 1)) {
        BIO_free(p->in);
        BIO_free(p->out);
        return false;
    }
    SSL_set_bio(p->ssl, p->in, p->out);
    SSL_set_connect_state(p->ssl);
    return true;
}

otr_tls_pipe *otr_tls_pipe_new(const char *sni, const char *algorithm)
{
    otr_tls_pipe *p = calloc(1, sizeof(*p));

    if (p != NULL && !open_ssl(p, sni, algorithm)) {
        otr_tls_pipe_free(p);
        return NULL;
    }
    return p;
}

void otr_tls_pipe_free(otr_tls_pipe *p)
{
    if (p == NULL)
        return;
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    free(p);
}

bool otr_tls_pipe_put(otr_tls_pipe *p, const void *octets, size_t len)
{
    size_t written = 0;

    return BIO_write_ex(p->in, octets, len, &written) == 1 && written == len;
}

void otr_tls_pipe_drain(otr_tls_pipe *p, otr_buf *out)
{
    char octets[4096];
    size_t len = 0;

    while (BIO_pending(p->out) > 0 && BIO_read_ex(p->out, octets, sizeof(octets), &len) == 1)
        otr_buf_put(out, octets, len);
}

/* OpenSSL's own words are for its authors where it met something that is no TLS, or none that we speak. */
static void explain_error(otr_tls_pipe *p)
{
    unsigned long error = ERR_peek_error();
    const char *words = ERR_reason_error_string(error);

    switch (ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        words = "the server speaks no TLS from version 1.2 on";
        break;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
        words = "what the server sends is no TLS";
        break;
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
        words = "the server sends more certificates than anybody needs";
        break;
    default:
        break;
    }
    snprintf(p->error, sizeof(p->error), "%s", words != NULL ? words : "the handshake failed");
}

/* What `result` of an SSL function means; OpenSSL's queue of errors is as empty afterwards as it was before. */
static otr_tls_progress judge(otr_tls_pipe *p, int result)
{
    otr_tls_progress progress = OTR_TLS_FAILED;

    switch (SSL_get_error(p->ssl, result)) {
    case SSL_ERROR_NONE:
        progress = OTR_TLS_DONE;
        break;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        progress = OTR_TLS_MORE;
        break;
    case SSL_ERROR_ZERO_RETURN:
        progress = OTR_TLS_CLOSED;
        break;
    default:
        explain_error(p);
        break;
    }
    ERR_clear_error();
    return progress;
}

otr_tls_progress otr_tls_pipe_handshake(otr_tls_pipe *p)
{
    otr_tls_progress progress;

    ERR_clear_error();
    progress = judge(p, SSL_do_handshake(p->ssl));
    return progress == OTR_TLS_CLOSED ? OTR_TLS_FAILED : progress;
}

otr_tls_progress otr_tls_pipe_read(otr_tls_pipe *p, char *octets, size_t size, size_t *got)
{
    ERR_clear_error();
    return judge(p, SSL_read_ex(p->ssl, octets, size, got));
}

bool otr_tls_pipe_write(otr_tls_pipe *p, const char *octets, size_t len)
{
    size_t written = 0;

    ERR_clear_error();
    return judge(p, SSL_write_ex(p->ssl, octets, len, &written)) == OTR_TLS_DONE && written == len;
}

void otr_tls_pipe_close(otr_tls_pipe *p)
{
    ERR_clear_error();
    judge(p, SSL_shutdown(p->ssl));
}

const char *otr_tls_pipe_error(const otr_tls_pipe *p)
{
    return p->error[0] != '\0' ? p->error : "the handshake failed";
}

const char *otr_tls_pipe_version(const otr_tls_pipe *p)
{
    return SSL_get_version(p->ssl);
}

const char *otr_tls_pipe_cipher(const otr_tls_pipe *p)
{
    return SSL_get_cipher_name(p->ssl);
}

bool otr_tls_pipe_take_chain(const otr_tls_pipe *p, STACK_OF(X509) **chain)
{
    STACK_OF(X509) *shown = SSL_get_peer_cert_chain(p->ssl);

    *chain = shown != NULL ? X509_chain_up_ref(shown) : sk_X509_new_null();
    return *chain != NULL;
}

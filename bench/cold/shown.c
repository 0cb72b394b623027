/*
 * shown.c - see shown.h.
 */
#include "shown.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALID_S (30 * 86400L)

static X509 *issuer;
static EVP_PKEY *signer, *key; /* of the CA, of every host */
static const char *prefix, *nameless;
static long serial;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench: %s: cannot be used\n", what);
    ERR_print_errors_fp(stderr);
    exit(71);
}

static void add_name(X509 *cert, const char *host)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    ASN1_STRING_set(text, host, -1);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, name);
    X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 1, 0); /* critical: the subject is empty */
    GENERAL_NAMES_free(names);
}

static X509 *make_certificate(const char *host)
{
    X509 *cert = X509_new();

    if (cert == NULL)
        return NULL;
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), VALID_S);
    X509_set_pubkey(cert, key);
    add_name(cert, host);
    if (X509_sign(cert, signer, EVP_sha256()) == 0) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), *host = asked != NULL ? asked : nameless;
    X509 *cert = host != NULL && strncmp(host, prefix, strlen(prefix)) == 0 ? make_certificate(host) : NULL;
    bool is_set = cert != NULL && SSL_use_certificate(ssl, cert) == 1 && SSL_use_PrivateKey(ssl, key) == 1;

    (void)arg;
    X509_free(cert);
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return is_set ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX *shown_context(const char *path, const char *names_begin, const char *without_name)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    FILE *file = fopen(path, "r");

    if (file == NULL)
        die(path);
    signer = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    issuer = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    key = EVP_EC_gen("P-256");
    prefix = names_begin;
    nameless = without_name;
    if (signer == NULL || issuer == NULL || key == NULL || context == NULL)
        die(path);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
    return context;
}

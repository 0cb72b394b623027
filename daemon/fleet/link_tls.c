/*
 * link_tls.c - TLS of a connection to Redis: version 1.2 or later, and a server whose certificate is of a CA of the setting and bears
 * the name or address of the URL. There is no way to leave that out: what comes over it decides about mail.
 */
#include "daemon/fleet/link_inside.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static const char *last_error(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    return reason != NULL ? reason : "out of memory";
}

SSL_CTX *otr_link_make_tls(otr_link *link)
{
    const char *ca = link->settings->ca;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool is_system = strcmp(ca, "system") == 0;

    ERR_clear_error();
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
        snprintf(link->why, sizeof(link->why), "TLS: out of memory");
    } else if ((is_system ? SSL_CTX_set_default_verify_paths(ctx) : SSL_CTX_load_verify_file(ctx, ca)) != 1) {
        snprintf(link->why, sizeof(link->why), "the roots in %.120s cannot be used: %.80s", ca, last_error());
    } else {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        return ctx;
    }
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return NULL;
}

SSL *otr_link_make_ssl(otr_link *link)
{
    const otr_fleet_url *url = link->settings->url;
    SSL *ssl = SSL_new(link->tls);
    X509_VERIFY_PARAM *param = ssl != NULL ? SSL_get0_param(ssl) : NULL;
    bool is_set;

    if (ssl == NULL)
        return NULL;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (url->is_address)
        is_set = X509_VERIFY_PARAM_set1_ip_asc(param, url->host) == 1;
    else
        is_set = SSL_set_tlsext_host_name(ssl, url->host) == 1 && X509_VERIFY_PARAM_set1_host(param, url->host, 0) == 1;
    if (is_set)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

void otr_link_describe_tls(otr_link *link, SSL *ssl)
{
    unsigned long error = bufferevent_get_openssl_error(link->bev);
    long verified = SSL_get_verify_result(ssl);
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;

    if (verified != X509_V_OK)
        snprintf(link->why, sizeof(link->why), "TLS: its certificate is refused: %s", X509_verify_cert_error_string(verified));
    else if (reason != NULL)
        snprintf(link->why, sizeof(link->why), "TLS: %s", reason);
}

/*
 * handshake.c - which certificate a client is shown: that of the name it asks for (RFC 6066 §3). Without a name, with one that has no
 * policy here or no certificate that fits, the handshake ends with unrecognized_name (PUB-02): a certificate for another name would only
 * be refused on the other side, and would tell what else is served here.
 */
#include "daemon/publish/web.h"

#include "base/clock.h"
#include "daemon/publish/tls_context.h"
#include "daemon/rcu.h"

#include <stdlib.h>
#include <string.h>

static size_t number_at(const unsigned char *octets)
{
    return (size_t)octets[0] << 8 | octets[1];
}

/*
 * The one host_name of the extension:  list-length(2) type(1) length(2) name. There is one at most, and no other type was ever defined.
 * It is a name in ASCII without a final dot; case does not matter.
 */
static otr_slice host_of(SSL *ssl)
{
    const unsigned char *ext;
    size_t len, name_len;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &len) != 1 || len < 5 ||
        number_at(ext) != len - 2 || ext[2] != TLSEXT_NAMETYPE_host_name)
        return (otr_slice){ 0 };
    name_len = number_at(ext + 3);
    if (name_len != len - 5 || name_len > OTR_DOMAIN_MAX)
        return (otr_slice){ 0 };
    return (otr_slice){ (const char *)ext + 5, name_len };
}

/* The session is one of this name: it will not be resumed for another. */
static bool take_policy(otr_client *client, SSL *ssl, const otr_site_policy *policy)
{
    unsigned char id[SSL_MAX_SID_CTX_LENGTH];
    unsigned id_len = 0;

    free(client->sni);
    client->sni = strdup(policy->host);
    return client->sni != NULL && EVP_Digest(policy->host, strlen(policy->host), id, &id_len, EVP_sha256(), NULL) == 1 &&
           SSL_set_session_id_context(ssl, id, id_len) == 1 && SSL_set_SSL_CTX(ssl, policy->tls) != NULL;
}

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    otr_client *client = SSL_get_app_data(ssl);
    otr_slice host = host_of(ssl);
    const otr_site_policy *policy = NULL;
    const otr_site *site;
    bool is_taken = false;

    (void)arg;
    otr_rcu_read_lock();
    site = otr_web_site(client->server);
    if (site != NULL && host.len > 0)
        policy = otr_site_find(site, host);
    if (policy != NULL && policy->tls == NULL)
        policy = NULL;
    if (policy != NULL)
        is_taken = take_policy(client, ssl, policy); /* with a reference to the certificate */
    otr_rcu_read_unlock();
    client->is_name_unknown = policy == NULL;
    *alert = policy == NULL ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_INTERNAL_ERROR;
    return is_taken ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

/* The name was judged already; this acknowledges it. */
static int on_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

bool otr_web_tls_renew(otr_policy_server *s)
{
    SSL_CTX *ctx = otr_tls_context_new();

    s->tls_ms = otr_monotonic_recent_ms();
    if (ctx == NULL)
        return false;
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
    SSL_CTX_free(s->tls); /* connections that began with it hold it */
    s->tls = ctx;
    return true;
}

/* Keys of tickets are the context's (one that chose its certificate keeps those of the first), and live as long: so it is made anew. */
static SSL_CTX *tls_of_now(otr_policy_server *s)
{
    if (otr_monotonic_recent_ms() - s->tls_ms >= s->options.tickets_ms)
        (void)otr_web_tls_renew(s);
    return s->tls;
}

SSL *otr_web_tls_open(otr_client *client)
{
    SSL *ssl = SSL_new(tls_of_now(client->server));

    if (ssl == NULL)
        return NULL;
    if (SSL_set_app_data(ssl, client) != 1 || SSL_set_fd(ssl, client->fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}

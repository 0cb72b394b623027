/*
 * fetch.c - the policy fetch by libcurl (RFC 8461 §3.3). What a peer may do to us is bounded here: time, octets,
 * addresses, and which certificates are believed (those of the anchor set of this destination, LOCALITY).
 *
 * Addresses are tried one after the other, each in a connection of its own that CURLOPT_CONNECT_TO leads there:
 * libcurl resolves nothing, and SNI, Host and the name that the certificate must bear stay that of the policy host
 * (STS-FETCH-02, STS-FETCH-06). libcurl could try several by itself (CURLOPT_RESOLVE), but 7.88 driven by sockets does
 * not go on after an address that swallows everything: it closes that connection and then waits for the deadline.
 */
#include "sts/fetch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "sts/curl_loop.h"
#include "sts/response.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#define POLICY_HOST_PREFIX "mta-sts."
#define POLICY_PATH "/.well-known/mta-sts.txt"
#define POLICY_HOST_SIZE (sizeof(POLICY_HOST_PREFIX) + OTR_DOMAIN_SIZE)
#define HTTPS_PORT 443

typedef struct curl_fetcher {
    otr_fetcher fetcher;
    otr_curl_loop *loop; /* owned */
    otr_fetcher_options options;
    struct curl_fetch *fetches; /* owned list */
} curl_fetcher;

typedef struct curl_fetch {
    otr_fetch fetch;
    struct curl_fetch *next;
    struct curl_fetch **link;      /* the pointer that points at us */
    CURL *easy;                    /* owned */
    struct curl_slist *connect_to; /* owned: the address of this attempt */
    otr_address addresses[OTR_FETCH_ADDRESS_MAX];
    size_t address_count;
    size_t next_address;           /* of the next attempt */
    int64_t deadline_ms;           /* of all attempts together, by the monotonic clock */
    const otr_anchor_set *anchors; /* owned reference */
    STACK_OF(X509) *chain;         /* owned: as the host sent it; NULL: it has shown none yet */
    otr_verification verification; /* of the chain */
    char host[POLICY_HOST_SIZE];
    bool is_closed_by_peer;        /* properly, by close_notify */
    otr_response response;
    otr_buf body;
    char curl_words[CURL_ERROR_SIZE];
    otr_fetch_done *done;
    void *arg;
} curl_fetch;

/* Dispatch -------------------------------------------------------------------------------------------- */

otr_fetch *otr_fetch_start(otr_fetcher *fetcher, const char *domain, const otr_address *addresses, size_t count,
                           const otr_anchor_set *anchors, otr_fetch_done *done, void *arg)
{
    return fetcher->ops->start(fetcher, domain, addresses, count, anchors, done, arg);
}

void otr_fetch_cancel(otr_fetch *fetch)
{
    if (fetch != NULL)
        fetch->fetcher->ops->cancel(fetch);
}

void otr_fetcher_free(otr_fetcher *fetcher)
{
    if (fetcher != NULL)
        fetcher->ops->free(fetcher);
}

/* The certificate ------------------------------------------------------------------------------------- */

/* The chain and how it was judged, as soon as it was: libcurl owns the connection, and it is gone when the fetch ends. */
static void keep_judgement(curl_fetch *f, const SSL *ssl)
{
    const STACK_OF(X509) *sent = SSL_get_peer_cert_chain(ssl);
    SSL *judged = (SSL *)(uintptr_t)ssl; /* the callback has it read-only, and we read only, but OpenSSL's readers want it so */

    if (f->chain != NULL || sent == NULL || (SSL_get0_verified_chain(ssl) == NULL && SSL_get_verify_result(ssl) == X509_V_OK))
        return;
    if (otr_verify_handshake(judged, &f->verification) == OUTRIDER_OK)
        f->chain = X509_chain_up_ref(SSL_get_peer_cert_chain(ssl));
    if (f->chain == NULL)
        otr_verification_clear(&f->verification);
}

/* Whether the peer has said that it has ended (close_notify); libcurl 7.88 does not tell it from a cut connection. */
static void on_tls_event(const SSL *ssl, int where, int value)
{
    curl_fetch *f = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (where == SSL_CB_READ_ALERT && (value & 0xff) == SSL_AD_CLOSE_NOTIFY)
        f->is_closed_by_peer = true;
    if (where == SSL_CB_HANDSHAKE_DONE || where == SSL_CB_CONNECT_EXIT)
        keep_judgement(f, ssl);
}

/*
 * libcurl is given no CA of its own; the store of the anchor set is shared, never parsed again. OpenSSL checks the
 * name during the handshake, more strictly than libcurl would afterwards: no Common Name (STS-FETCH-04), a wildcard
 * only as a whole left-most label (STS-FETCH-05).
 */
static CURLcode set_up_tls(CURL *easy, void *ssl_ctx, void *arg)
{
    curl_fetch *f = arg;

    (void)easy;
    SSL_CTX_set_app_data(ssl_ctx, arg);
    SSL_CTX_set_info_callback(ssl_ctx, on_tls_event);
    return otr_verify_set_up_ctx(ssl_ctx, f->anchors, f->host) == OUTRIDER_OK ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

static void forget_judgement(curl_fetch *f)
{
    otr_verification_clear(&f->verification);
    sk_X509_pop_free(f->chain, X509_free);
    f->chain = NULL;
}

/* The response ---------------------------------------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    curl_fetch *f = arg;

    return otr_response_line(&f->response, line, size * count) ? size * count : 0; /* 0 ends the transfer */
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    curl_fetch *f = arg;

    otr_buf_put(&f->body, bytes, size * count);
    return f->body.err == OUTRIDER_OK ? size * count : 0;
}

/* One attempt per address ------------------------------------------------------------------------------ */

/* "HOST:443:ADDRESS:PORT": where the connection for this host and port goes. */
static outrider_err lead_to(curl_fetch *f, const otr_address *address, uint16_t port)
{
    struct curl_slist *list = NULL;
    otr_buf text = OTR_BUF_INIT;
    char digits[OTR_ADDRESS_SIZE];

    otr_buf_printf(&text, address->family == 4 ? "%s:%d:%s:%u" : "%s:%d:[%s]:%u", f->host, HTTPS_PORT,
                   otr_address_text(address, digits), port);
    if (text.err == OUTRIDER_OK)
        list = curl_slist_append(NULL, otr_buf_text(&text));
    otr_buf_clear(&text);
    if (list == NULL || curl_easy_setopt(f->easy, CURLOPT_CONNECT_TO, list) != CURLE_OK) {
        curl_slist_free_all(list);
        return OUTRIDER_E_NOMEM;
    }
    curl_slist_free_all(f->connect_to);
    f->connect_to = list;
    return OUTRIDER_OK;
}

/* What is left of the deadline bounds the attempt; its fair share of that, the time until TLS stands. */
static outrider_err start_attempt(curl_fetch *f)
{
    const curl_fetcher *owner = (const curl_fetcher *)f->fetch.fetcher;
    int64_t left_ms = f->deadline_ms - otr_monotonic_ms();
    size_t attempts_left = f->address_count - f->next_address;

    if (left_ms < 1)
        left_ms = 1; /* 0 would mean no limit */
    f->response = (otr_response)OTR_RESPONSE_INIT;
    f->is_closed_by_peer = false;
    forget_judgement(f);
    f->curl_words[0] = '\0';
    otr_buf_reset(&f->body);
    if (lead_to(f, &f->addresses[f->next_address++], owner->options.port) != OUTRIDER_OK ||
        curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)left_ms) != CURLE_OK ||
        curl_easy_setopt(f->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(left_ms / (int64_t)attempts_left + 1)) != CURLE_OK)
        return OUTRIDER_E_NOMEM;
    return otr_curl_loop_add(owner->loop, f->easy);
}

/*
 * The next address is for connections that did not come about. Once TLS stands, or a certificate was refused, the
 * answer is the host's: another address is not asked for a better one.
 */
static bool is_worth_another(const curl_fetch *f, CURLcode code)
{
    curl_off_t secured_us = 0;

    if (f->next_address == f->address_count || otr_monotonic_ms() >= f->deadline_ms)
        return false;
    curl_easy_getinfo(f->easy, CURLINFO_APPCONNECT_TIME_T, &secured_us);
    return code == CURLE_COULDNT_CONNECT || (code == CURLE_OPERATION_TIMEDOUT && secured_us == 0);
}

/* The end --------------------------------------------------------------------------------------------- */

static const char *explain_code(const curl_fetch *f, CURLcode code, char *text, size_t size)
{
    const curl_fetcher *fetcher = (const curl_fetcher *)f->fetch.fetcher;
    long os_error = 0;

    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
        snprintf(text, size, "no complete answer within %u.%u s", fetcher->options.timeout_ms / 1000,
                 fetcher->options.timeout_ms % 1000 / 100);
        return text;
    case CURLE_COULDNT_CONNECT:
        curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &os_error);
        snprintf(text, size, "cannot connect: %s", os_error != 0 ? strerror((int)os_error) : "no address answers");
        return text;
    case CURLE_PARTIAL_FILE:
        return "the body ends too early";
    case CURLE_GOT_NOTHING:
        return "closed without an answer";
    default:
        return f->curl_words[0] != '\0' ? f->curl_words : curl_easy_strerror(code);
    }
}

/* The verifier's own words where it was the verifier that refused (RFC 8460 §4.3.2.2: sts-webpki-invalid). */
static const char *explain_certificate(const curl_fetch *f)
{
    if (f->chain != NULL && !f->verification.is_accepted)
        return f->verification.reason;
    return f->curl_words[0] != '\0' ? f->curl_words : "certificate refused";
}

static otr_sts_cause cause_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
        return OTR_STS_CAUSE_TIMEOUT;
    case CURLE_COULDNT_CONNECT:
        return OTR_STS_CAUSE_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
        return OTR_STS_CAUSE_TLS;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return OTR_STS_CAUSE_INTERNAL;
    default:
        return OTR_STS_CAUSE_RESPONSE;
    }
}

static otr_fetch_result judge(const curl_fetch *f, CURLcode code, char *text, size_t size)
{
    otr_fetch_result result = { .failure = OTR_STS_FETCH_ERROR, .cause = OTR_STS_CAUSE_RESPONSE,
                                .http_status = f->response.status, .media_type = f->response.type,
                                .location = f->response.location, .reason = "", .chain = f->chain,
                                .is_too_long = f->body.err == OUTRIDER_E_LIMIT,
                                .verification = f->chain != NULL ? &f->verification : NULL };

    if (f->response.reason[0] != '\0') {
        result.reason = f->response.reason;
    } else if (f->body.err == OUTRIDER_E_LIMIT) {
        snprintf(text, size, "body of more than %d octets", OTR_STS_POLICY_LIMIT);
        result.reason = text;
    } else if (code == CURLE_PEER_FAILED_VERIFICATION) {
        result.failure = OTR_STS_WEBPKI_INVALID;
        result.cause = OTR_STS_CAUSE_CERTIFICATE;
        result.reason = explain_certificate(f);
    } else if (code != CURLE_OK) {
        result.cause = cause_of(code);
        result.reason = explain_code(f, code, text, size);
    } else if (!f->response.is_final) {
        result.reason = "no HTTP response";
    } else if (!f->response.is_framed && !f->is_closed_by_peer) { /* anyone may have cut it (STS-FETCH-13) */
        result.reason = "the connection was cut, so the body may not be whole";
    } else {
        result.failure = OTR_STS_NO_FAILURE;
        result.body = otr_buf_text(&f->body);
        result.body_len = f->body.len;
    }
    return result;
}

static void unlink_fetch(curl_fetch *f)
{
    *f->link = f->next;
    if (f->next != NULL)
        f->next->link = f->link;
}

static void free_fetch(curl_fetch *f)
{
    curl_easy_cleanup(f->easy);
    curl_slist_free_all(f->connect_to);
    forget_judgement(f);
    otr_anchor_set_unref(f->anchors);
    otr_buf_clear(&f->body);
    free(f);
}

static void on_ended(CURL *easy, CURLcode code)
{
    char *private = NULL;
    char text[CURL_ERROR_SIZE];
    otr_fetch_result result;
    curl_fetch *f;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    f = (curl_fetch *)(void *)private;
    if (is_worth_another(f, code) && start_attempt(f) == OUTRIDER_OK)
        return;
    unlink_fetch(f);
    result = judge(f, code, text, sizeof(text));
    f->done(f->arg, &result);
    free_fetch(f);
}

/* The start ------------------------------------------------------------------------------------------- */

/* Setting a string option copies it and can fail for memory; the first failure is kept. */
#define SET(option, value) (code = code == CURLE_OK ? curl_easy_setopt(f->easy, option, value) : code)

static CURLcode set_request(curl_fetch *f)
{
    char url[sizeof("https://") + POLICY_HOST_SIZE + sizeof(POLICY_PATH)];
    CURLcode code = CURLE_OK;

    snprintf(url, sizeof(url), "https://%s%s", f->host, POLICY_PATH);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_USERAGENT, "outrider/" OUTRIDER_VERSION);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* not from the environment either */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    return code;
}

static CURLcode set_tls(curl_fetch *f)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
    SET(CURLOPT_SSL_CTX_DATA, f);
    return code;
}

static CURLcode set_callbacks(curl_fetch *f)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_PRIVATE, f);
    SET(CURLOPT_ERRORBUFFER, f->curl_words);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, f);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, f);
    return code;
}

#undef SET

static otr_fetch *curl_start(otr_fetcher *fetcher, const char *domain, const otr_address *addresses, size_t count,
                             const otr_anchor_set *anchors, otr_fetch_done *done, void *arg)
{
    curl_fetcher *owner = (curl_fetcher *)fetcher;
    curl_fetch *f = calloc(1, sizeof(*f));

    assert(count > 0);
    if (f == NULL)
        return NULL;
    f->fetch.fetcher = fetcher;
    f->anchors = otr_anchor_set_ref(anchors);
    f->address_count = count < OTR_FETCH_ADDRESS_MAX ? count : OTR_FETCH_ADDRESS_MAX;
    memcpy(f->addresses, addresses, f->address_count * sizeof(*addresses));
    f->deadline_ms = otr_monotonic_ms() + owner->options.timeout_ms;
    f->body.limit = OTR_STS_POLICY_LIMIT;
    f->done = done;
    f->arg = arg;
    snprintf(f->host, sizeof(f->host), POLICY_HOST_PREFIX "%s", domain);
    f->easy = curl_easy_init();
    if (f->easy == NULL || set_request(f) != CURLE_OK || set_tls(f) != CURLE_OK || set_callbacks(f) != CURLE_OK ||
        start_attempt(f) != OUTRIDER_OK) {
        free_fetch(f);
        return NULL;
    }
    f->next = owner->fetches;
    f->link = &owner->fetches;
    if (f->next != NULL)
        f->next->link = &f->next;
    owner->fetches = f;
    return &f->fetch;
}

static void curl_cancel(otr_fetch *fetch)
{
    curl_fetch *f = (curl_fetch *)fetch;

    otr_curl_loop_remove(((curl_fetcher *)fetch->fetcher)->loop, f->easy);
    unlink_fetch(f);
    free_fetch(f);
}

static void curl_free_fetcher(otr_fetcher *fetcher)
{
    curl_fetcher *owner = (curl_fetcher *)fetcher;

    while (owner->fetches != NULL)
        curl_cancel(&owner->fetches->fetch);
    otr_curl_loop_free(owner->loop);
    free(owner);
    curl_global_cleanup();
}

outrider_err otr_curl_fetcher_new(struct event_base *base, const otr_fetcher_options *options, otr_fetcher **fetcher,
                                  outrider_diag *diag)
{
    static const struct otr_fetcher_ops ops = { curl_start, curl_cancel, curl_free_fetcher };
    curl_fetcher *made;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "libcurl cannot be initialised");
    made = calloc(1, sizeof(*made));
    if (made != NULL)
        made->loop = otr_curl_loop_new(base, on_ended);
    if (made == NULL || made->loop == NULL) {
        free(made);
        curl_global_cleanup();
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    made->fetcher.ops = &ops;
    made->options = *options;
    *fetcher = &made->fetcher;
    return OUTRIDER_OK;
}

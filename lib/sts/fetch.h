/*
 * fetch.h - one HTTPS GET of https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461 §3.3), by libcurl on
 * the event loop. One interface, two implementations: libcurl, and a scripted one in tests.
 *
 * Limits: one deadline for all of it, OTR_STS_POLICY_LIMIT octets, no redirects, no caching, no proxies,
 * TLS 1.2 or later, text/plain, no content coding. Addresses come from the caller's own lookups.
 * Threads: as the event base: one.
 */
#ifndef OTR_STS_FETCH_H
#define OTR_STS_FETCH_H

#include "dns/address.h"
#include "dns/answer.h"
#include "sts/entry.h"
#include "trust/verify.h"

struct event_base;

#define OTR_FETCH_ADDRESS_MAX OTR_ADDRESSES_MAX /* of one policy host; the rest is not tried */

typedef struct otr_fetch_result {
    otr_sts_failure failure;  /* NO_FAILURE, FETCH_ERROR or WEBPKI_INVALID; parsing is the caller's */
    otr_sts_cause cause;      /* of the failure */
    const char *body;         /* NO_FAILURE: body_len octets, borrowed until the callback returns */
    size_t body_len;
    long http_status;         /* 0 if none was received */
    const char *media_type;   /* as far as the header was read: Content-Type, printable and cut; else "" */
    const char *location;     /* the same of Location */
    bool is_too_long;         /* the body has more than OTR_STS_POLICY_LIMIT octets */
    const char *reason;       /* failure in words: "HTTP status 404", "the certificate has expired ...", ...; else "" */
    /* The certificate, also when it was refused, or when something else failed after it. Both NULL: no host of the
     * addresses has shown one. Borrowed until the callback returns; otr_sighting_make() takes both. */
    const otr_verification *verification;
    const STACK_OF(X509) *chain; /* as sent, leaf first */
} otr_fetch_result;

typedef struct otr_fetcher otr_fetcher;
typedef struct otr_fetch otr_fetch;
typedef void otr_fetch_done(void *arg, const otr_fetch_result *result);

/*
 * GET the policy of `domain` from one of `addresses` (one at least; at most OTR_FETCH_ADDRESS_MAX are used; both
 * families, in order). The fetch holds a reference of its own to the anchors. done() is called once and never from
 * inside; after cancel never. NULL: out of memory.
 */
otr_fetch *otr_fetch_start(otr_fetcher *fetcher, const char *domain, const otr_address *addresses, size_t count,
                           const otr_anchor_set *anchors, otr_fetch_done *done, void *arg);
void otr_fetch_cancel(otr_fetch *fetch);
void otr_fetcher_free(otr_fetcher *fetcher); /* ends its fetches without calling back */

typedef struct otr_fetcher_options {
    unsigned timeout_ms; /* connect, TLS and body together; default 10000 */
    uint16_t port;       /* 443; tests that may not bind it use another */
} otr_fetcher_options;
#define OTR_FETCHER_OPTIONS_INIT { .timeout_ms = 10000, .port = 443 }
outrider_err otr_curl_fetcher_new(struct event_base *base, const otr_fetcher_options *options, otr_fetcher **fetcher,
                                  outrider_diag *diag);

/* What an implementation provides; it embeds these as first members. */
struct otr_fetcher_ops {
    otr_fetch *(*start)(otr_fetcher *, const char *domain, const otr_address *, size_t, const otr_anchor_set *,
                        otr_fetch_done *, void *arg);
    void (*cancel)(otr_fetch *);
    void (*free)(otr_fetcher *);
};
struct otr_fetcher {
    const struct otr_fetcher_ops *ops;
};
struct otr_fetch {
    otr_fetcher *fetcher; /* borrowed */
};

#endif

/*
 * reply.h - what our policy host says to a request: one decision, and its octets. Pure.
 *
 * listener  shows
 * https     the policy of the name that the handshake was for, and nothing of others (421)
 * plain     the policy of the name in Host: a proxy has spoken TLS
 * acme      challenges, whatever Host says: the CA asks under the names that it is to certify
 *
 * Nobody is sent elsewhere (RFC 8461 §3.3 forbids senders to follow). No validators (ETag): a policy is smaller than what they would
 * save, and "not modified" would be one more way in which a version is handed out. A policy may be kept by caches for
 * OTR_PUBLISH_CACHE_S, which the exit clock knows (lifecycle.h); nothing else may.
 */
#ifndef OTR_DAEMON_REPLY_H
#define OTR_DAEMON_REPLY_H

#include "daemon/publish/site.h"
#include "publish/http_request.h"

typedef enum otr_web_kind { OTR_WEB_HTTPS, OTR_WEB_PLAIN, OTR_WEB_ACME, OTR_WEB_KINDS } otr_web_kind;

/* All that we ever say; the metrics count by them. */
typedef enum otr_status_code {
    OTR_STATUS_200, OTR_STATUS_400, OTR_STATUS_404, OTR_STATUS_405, OTR_STATUS_413, OTR_STATUS_414, OTR_STATUS_421, OTR_STATUS_431,
    OTR_STATUS_503, OTR_STATUS_505, OTR_STATUS_COUNT
} otr_status_code;
extern const char *const otr_status_texts[OTR_STATUS_COUNT]; /* "404" */
otr_status_code otr_status_of(unsigned status); /* of those only that otr_request_read() gives */

typedef struct otr_reply {
    otr_status_code code;
    const otr_site_policy *policy; /* 200 or 503: the policy that was asked for; borrowed from the site */
    otr_slice body;                /* of 200; borrowed from the site */
    bool is_token_missing;         /* 404 of a well-formed challenge: its file may be on its way */
    bool is_head, is_last;
    bool tells_more;               /* to HTTP/1.0, that the connection goes on */
} otr_reply;

/*
 * `site`: NULL: nothing yet. `sni`: of https, the name of the handshake in normal form. `until`: when the answer is out at
 * the latest; a version that may not be handed out then (otr_served) is not (503).
 */
otr_reply otr_reply_decide(const otr_site *site, otr_web_kind kind, const char *sni, const otr_request *request, otr_time until);

/* To what is no request; the connection ends. */
otr_reply otr_reply_refuse(unsigned status);

/* Room for any reply without its body. */
#define OTR_REPLY_HEAD_MAX 512

#define OTR_HTTP_DATE_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 §5.6.7, and its NUL */
void otr_http_date(otr_time now, char date[OTR_HTTP_DATE_SIZE]);

/* Head and body, at `out`, which has room for OTR_REPLY_HEAD_MAX and the body. Returns how many octets. */
size_t otr_reply_write(const otr_reply *reply, const char *date, char *out);

#endif

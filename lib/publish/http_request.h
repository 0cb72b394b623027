/*
 * http_request.h - the head of an HTTP/1.1 request (RFC 9112), as our policy host reads it from the Internet. Pure and incremental:
 * it is shown all octets so far, and looks at each once.
 *
 * Strict where leniency has been a way in for others (RFC 9112 §11): lines end with CR LF and nothing else; no control character
 * anywhere; no folded lines (§5.2) and no blank before a colon (§5.1); Host exactly once, and well-formed (§3.2); a length that is one
 * number; not both a length and a coding. One empty line before a request is passed over (§2.2).
 *
 * Why not evhttp, which serves /metrics: it has no TLS, no deadline for a request in all and no limit by address, takes bare
 * LF, and gives each request a list of allocated strings. Here nothing is allocated: slices point into the caller's octets.
 */
#ifndef OTR_PUBLISH_HTTP_REQUEST_H
#define OTR_PUBLISH_HTTP_REQUEST_H

#include "base/slice.h"

#define OTR_REQUEST_HEAD_MAX 8192 /* octets, the empty line at its end included */
#define OTR_REQUEST_FIELDS_MAX 64

typedef enum otr_request_method { OTR_METHOD_GET, OTR_METHOD_HEAD, OTR_METHOD_OTHER } otr_request_method;

typedef struct otr_request {
    otr_request_method method;
    otr_slice path;          /* as it came, nothing decoded; empty with OTR_METHOD_OTHER and a target that has none ("*") */
    otr_slice host;          /* of the target if it names one (§3.2.2), else of Host; without port; empty: none */
    otr_slice user_agent;    /* empty: none; visible octets, blanks and octets above 127 */
    otr_slice forwarded_for; /* the last element of X-Forwarded-For: what the proxy next to us says; empty: none */
    unsigned minor;          /* HTTP/1.minor: 0, or 1 for that and what is newer (RFC 9110 §2.5) */
    bool is_last;            /* the client wants no further answer on this connection (§9.3), or cannot have one */
    bool has_body;           /* something follows that is no request: answer, and close */
} otr_request;

/* What a reader knows between two looks. Zeroed for each request. */
typedef struct otr_request_reader {
    size_t seen;       /* octets that need no second look */
    size_t line;       /* where the line begins that was not complete */
    unsigned lines;    /* complete ones, the request line included */
} otr_request_reader;

typedef enum otr_request_progress { OTR_REQUEST_MORE, OTR_REQUEST_WHOLE, OTR_REQUEST_BAD } otr_request_progress;

/*
 * `octets`: all that came since the request before, `len` of them, with every further call more (they may have moved).
 *   WHOLE  *request, which points into octets, and *taken: how many of them it is made of
 *   BAD    *status: 400, 414 (target too long), 431 (head too large), 505 (not HTTP/1); nothing behind it can be read either
 */
otr_request_progress otr_request_read(otr_request_reader *reader, const char *octets, size_t len, otr_request *request,
                                      size_t *taken, unsigned *status);

#endif

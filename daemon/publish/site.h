/*
 * site.h - all that our policy host shows to the Internet: one immutable value, made by the publisher (publisher.h), read by the
 * server (server.h) without a lock. No request touches a file, the store or DNS: what is not in here is not there.
 */
#ifndef OTR_DAEMON_PUBLISH_SITE_H
#define OTR_DAEMON_PUBLISH_SITE_H

#include "base/clock.h"
#include "base/slice.h"
#include "daemon/snapshot.h"
#include "dns/name.h"
#include "sts/record.h"

#include <openssl/ssl.h>

/*
 * When a version was handed out. The publisher writes `horizon` after the store has it; the server refuses to hand out a version beyond its
 * horizon (503), so that a crash never makes the exit clock shorter than the truth. Outlives every site that names it.
 */
typedef struct otr_served {
    _Atomic otr_time last;    /* by the server; 0: not in this run */
    _Atomic otr_time horizon; /* by the publisher */
} otr_served;

typedef struct otr_site_policy {
    char host[OTR_DOMAIN_SIZE];   /* "mta-sts.example.org", normal form */
    const char *domain;           /* "example.org"; for the tally and the access log */
    char id[OTR_STS_ID_MAX + 1];
    otr_slice body;               /* the policy */
    otr_served *served;           /* borrowed from the publisher, which lives longer */
    SSL_CTX *tls;                 /* owned reference; NULL: there is no certificate fit for this name, and no TLS */
} otr_site_policy;

/* A challenge of ACME HTTP-01 (RFC 8555 §8.3). */
typedef struct otr_site_token {
    const char *name;
    otr_slice content;
} otr_site_token;

typedef struct otr_site {
    otr_snapshot_value value;     /* first */
    const otr_site_policy *policies; /* by host */
    size_t policy_count;
    const otr_site_token *tokens; /* by name */
    size_t token_count;
    void *owner;                  /* of the memory */
} otr_site;

/* NULL: none. `host` need not be in normal form: case and a final dot do not matter. */
const otr_site_policy *otr_site_find(const otr_site *site, otr_slice host);
const otr_site_token *otr_site_token_find(const otr_site *site, otr_slice name);

#endif

/*
 * tls_context.h - how our policy host speaks TLS, whatever the system's openssl.cnf says: TLS 1.2 and 1.3, cipher suites with forward
 * secrecy and authentication (RFC 9325 §4), no compression, no renegotiation, HTTP/1 by ALPN (RFC 7301) or without it.
 *
 * Sessions  are kept by the client, in a ticket, for five minutes: they cost us no memory. One ticket each, for a sender fetches once.
 *           The server ties them to the name (policy server: a session of one name is none for another).
 */
#ifndef OTR_DAEMON_TLS_CONTEXT_H
#define OTR_DAEMON_TLS_CONTEXT_H

#include <openssl/ssl.h>

/* Without a certificate: one that fits the name has yet to be chosen. NULL: out of memory. */
SSL_CTX *otr_tls_context_new(void);

#endif

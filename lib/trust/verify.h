/*
 * verify.h - the one place where a certificate of a CA is judged (RFC 5280, RFC 8461 §4.2, RFC 9525): for policy hosts,
 * MX hosts and chains on paper alike. DANE never asks here (DANE-06).
 *
 *   name          a DNS-ID of the certificate, and nothing else: no Common Name; "*" as the whole left-most label only. A
 *                 host that is no name in normal form, or an address, is refused with every certificate
 *   roots         those of the anchor set of the destination, signed by themselves; never the system's besides
 *   intermediates those that came in the handshake; none are fetched. At most OTR_CHAIN_MAX certificates
 *   use           TLS server; CAs that say that they are (basicConstraints); path length and name constraints
 *   dates         of every certificate, the root's too
 *   strength      OpenSSL's security level 2 (112 bits: RSA of 2048, no SHA-1), whatever the system's openssl.cnf says
 *   revocation    not asked, unless the anchors have revocation lists: then a certificate that one of them names is
 *                 refused, also by a list that has expired; an issuer without a list there, or with an old one that does not
 *                 name it, is not (docs/trust-model.md)
 *
 * OpenSSL's error queue is left as it was by the functions for chains on paper.
 */
#ifndef OTR_TRUST_VERIFY_H
#define OTR_TRUST_VERIFY_H

#include "trust/anchors.h"

#include <openssl/ssl.h>

/*
 * Set up a client's SSL_CTX (before its SSL is made) or SSL to ask for a certificate of `host` under the set: store, name,
 * purpose, strength. The set must outlive it. OUTRIDER_OK or OUTRIDER_E_NOMEM.
 */
outrider_err otr_verify_set_up_ctx(SSL_CTX *ctx, const otr_anchor_set *set, const char *host);
outrider_err otr_verify_set_up_ssl(SSL *ssl, const otr_anchor_set *set, const char *host);

/* The name alone, as above, without chain, use or dates: OUTRIDER_OK or OUTRIDER_E_SYNTAX and for whom it is instead. */
outrider_err otr_verify_name(X509 *cert, const char *host, outrider_diag *diag);

/* How a chain was judged. */
typedef struct otr_verification {
    bool is_accepted;
    int error;                /* X509_V_OK, or why not: X509_V_ERR_... */
    int depth;                /* of the certificate at fault, 0: the server's own; -1 if accepted */
    char reason[256];         /* one sentence for people */
    STACK_OF(X509) *path;     /* owned: as it was built, leaf first, the root last if it was found; NULL: none */
    otr_time expires_at;      /* accepted: the first end of the certificates of the path */
} otr_verification;
void otr_verification_clear(otr_verification *v);

/* The root at the end of an accepted path; NULL if it was refused. Borrowed. */
X509 *otr_verification_root(const otr_verification *v);

/*
 * Whether a path can end in this root of the set at `at`: else OUTRIDER_E_SYNTAX, and one sentence that says why not. It
 * counts as far as rules are concerned, and is in the file; no certificate verifies by it.
 */
outrider_err otr_verify_root(const otr_anchor_set *set, X509 *root, otr_time at, outrider_diag *diag);

/* Offline: a chain, leaf first, as a server sends it. OUTRIDER_OK (refused as well), OUTRIDER_E_NOMEM. */
outrider_err otr_verify_chain(const otr_anchor_set *set, const STACK_OF(X509) *chain, const char *host, otr_time at,
                              otr_verification *result);

/*
 * The same after a handshake, whatever became of it: how what the peer sent was judged by what is set up in `ssl`. What it
 * sent is SSL_get_peer_cert_chain(ssl), also if it was refused (OpenSSL 3 keeps it); NULL: nothing, and that is a refusal.
 */
outrider_err otr_verify_handshake(SSL *ssl, otr_verification *result);

/*
 * Whether it is accepted without the roots of which `is_left_out` is true as well: "another root besides". Tried with the
 * real verifier each time.
 */
typedef bool otr_root_filter(void *arg, const X509 *root);
outrider_err otr_verify_chain_without(const otr_anchor_set *set, const STACK_OF(X509) *chain, const char *host, otr_time at,
                                      otr_root_filter *is_left_out, void *arg, otr_verification *result);

#endif

/*
 * tls_pipe.h - a client's end of TLS (OpenSSL) over octets that somebody else carries: what came from the network is put
 * in, what is to be sent is drained. So the flow above sees every octet, and knows which were there before TLS began.
 *
 * The handshake completes with any certificate: what it is worth is judged afterwards (trust/verify.h, dane/match.h), also
 * of one that is refused. TLS 1.2 or later; older servers fail. No session is resumed or kept, as then no chain is shown.
 * Ciphers are OpenSSL's default ones, at security level 0: a weak key is to be seen here, and to be refused there.
 */
#ifndef OTR_SMTP_TLS_PIPE_H
#define OTR_SMTP_TLS_PIPE_H

#include "base/buf.h"

#include <openssl/ssl.h>

#define OTR_TLS_CHAIN_OCTETS_MAX (128 * 1024) /* of the certificates in a handshake */

typedef struct otr_tls_pipe otr_tls_pipe;

typedef enum otr_tls_progress { OTR_TLS_MORE, OTR_TLS_DONE, OTR_TLS_CLOSED, OTR_TLS_FAILED } otr_tls_progress;

/*
 * sni: the name to ask for. algorithm: of the key that the server shall show, "rsa" or "ecdsa"; one that has none of that kind fails the
 * handshake, or shows another nevertheless. NULL: any. Returns NULL: out of memory.
 */
otr_tls_pipe *otr_tls_pipe_new(const char *sni, const char *algorithm);
void otr_tls_pipe_free(otr_tls_pipe *pipe); /* NULL is fine */

/* Octets from the network. False: out of memory. */
bool otr_tls_pipe_put(otr_tls_pipe *pipe, const void *octets, size_t len);

/* Octets for the network, appended. */
void otr_tls_pipe_drain(otr_tls_pipe *pipe, otr_buf *out);

/* MORE, DONE or FAILED. */
otr_tls_progress otr_tls_pipe_handshake(otr_tls_pipe *pipe);

/* After the handshake. DONE: *got octets were read; else MORE, CLOSED (properly, by close_notify) or FAILED. */
otr_tls_progress otr_tls_pipe_read(otr_tls_pipe *pipe, char *octets, size_t size, size_t *got);
bool otr_tls_pipe_write(otr_tls_pipe *pipe, const char *octets, size_t len);
void otr_tls_pipe_close(otr_tls_pipe *pipe); /* close_notify, to be drained */

/* FAILED: why, for people. */
const char *otr_tls_pipe_error(const otr_tls_pipe *pipe);

/* After the handshake: "TLSv1.3"; "TLS_AES_256_GCM_SHA384". Static. */
const char *otr_tls_pipe_version(const otr_tls_pipe *pipe);
const char *otr_tls_pipe_cipher(const otr_tls_pipe *pipe);

/*
 * After the handshake: the chain as sent, leaf first, perhaps empty. References for the caller, sk_X509_pop_free(): what
 * OpenSSL holds it exchanges when a session ticket arrives, wanted or not. False: out of memory.
 */
bool otr_tls_pipe_take_chain(const otr_tls_pipe *pipe, STACK_OF(X509) **chain);

#endif

/*
 * pem.h - certificates out of PEM text: a bundle of roots, or the chain that a server sends.
 */
#ifndef OTR_TRUST_PEM_H
#define OTR_TRUST_PEM_H

#include <outrider/base.h>

#include <stddef.h>

#include <openssl/x509.h>

/* Of a chain that a server sends. */
#define OTR_CHAIN_MAX 32                 /* certificates */
#define OTR_CHAIN_PEM_LIMIT (256 * 1024) /* octets */

/*
 * Read all certificates of a PEM text, in order. Text between the blocks is skipped, as OpenSSL's own tools
 * write some; a block of another kind (a private key, say) is refused, for it was not meant to be here.
 *   limit  most certificates to read; 0: any number
 *   certs  on OUTRIDER_OK receives at least one certificate; release with sk_X509_pop_free(certs, X509_free)
 *   diag   may be NULL; line is that of the block that was refused
 * Returns OUTRIDER_OK, OUTRIDER_E_SYNTAX (no certificate, or one that does not parse), OUTRIDER_E_LIMIT or
 * OUTRIDER_E_NOMEM.
 */
outrider_err otr_pem_read_certs(const char *text, size_t len, size_t limit, STACK_OF(X509) **certs,
                                outrider_diag *diag);

/* Certificates as PEM text that ends in NUL, in their order; owned by the caller. NULL: out of memory, or there is none. */
char *otr_pem_write_certs(const STACK_OF(X509) *certs);

#endif

/*
 * root_file.h - one root as people bring it: a file with one certificate, PEM or DER. Pure.
 */
#ifndef OTR_TRUST_ROOT_FILE_H
#define OTR_TRUST_ROOT_FILE_H

#include <outrider/base.h>

#include <stddef.h>

#include <openssl/x509.h>

/*
 * The one certificate that a file holds; whether it can be a root is another question (otr_cert_check_root). A file
 * with several, with none, or with something else in it (a private key) is refused, and the words say what was found.
 * OUTRIDER_OK and one reference, OUTRIDER_E_SYNTAX or OUTRIDER_E_NOMEM.
 */
outrider_err otr_root_read(const char *text, size_t len, X509 **cert, outrider_diag *diag);

/* The certificate as PEM, without the words that may stand around it in a file; free(). NULL: out of memory. */
char *otr_root_pem(const X509 *cert);

#endif

/*
 * match_reason.h - the outcome of a verification in one sentence for a postmaster.
 */
#ifndef OTR_DANE_MATCH_REASON_H
#define OTR_DANE_MATCH_REASON_H

#include "dane/match.h"

#include <openssl/x509.h>

/* What OpenSSL stopped at. */
typedef struct otr_dane_failure {
    int error;              /* X509_V_ERR_... */
    int depth;              /* 0: the server's own certificate */
    const X509 *cert;       /* borrowed; the certificate at fault, NULL if none is */
    const X509 *leaf;       /* borrowed */
    bool has_ee, has_ta;    /* which usages the records had that counted */
    const char *name;       /* the first reference identifier */
} otr_dane_failure;

void otr_dane_explain_failure(const otr_dane_failure *failure, char *reason, size_t size);

#endif

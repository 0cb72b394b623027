/*
 * store_certificate.h - certificates as a store keeps them, once each, by their fingerprints. Internal to lib/store.
 */
#ifndef OTR_STORE_CERTIFICATE_H
#define OTR_STORE_CERTIFICATE_H

#include "store/store_work.h"
#include "trust/certificate.h"

/* Those that were read last: most chains end in the same few. A value; begins zeroed. */
#define OTR_CERTIFICATE_CACHE 1024
typedef struct otr_certificate_cache {
    struct {
        char sha256[OTR_SHA256_TEXT];
        X509 *cert; /* owned reference; NULL: empty */
    } slots[OTR_CERTIFICATE_CACHE];
} otr_certificate_cache;
void otr_certificate_cache_clear(otr_certificate_cache *cache);

/* Keep it, and tell its fingerprint. */
void otr_work_put_certificate(otr_work *w, X509 *cert, char sha256[OTR_SHA256_TEXT]);

/*
 * A reference for the caller; NULL: there is none, or what is there is not the certificate of this fingerprint (w->err is
 * OUTRIDER_OK then), or reading failed. `cache` may be NULL.
 */
X509 *otr_work_get_certificate(otr_work *w, const char *sha256, otr_certificate_cache *cache);

/* 64 lower-case hexadecimal digits; with is_optional also nothing. */
bool otr_is_fingerprint(const char *text, bool is_optional);

#endif

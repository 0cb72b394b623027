/*
 * anchor_set.h - making and sharing the sets of anchors.h; inside lib/trust.
 */
#ifndef OTR_TRUST_ANCHOR_SET_H
#define OTR_TRUST_ANCHOR_SET_H

#include "trust/anchors.h"

/* A set of certificates with its store and its name: what is the same for all rules that come to it. */
typedef struct otr_root_body otr_root_body;

/* `roots` in the order of their fingerprints, each once; referenced. crls may be NULL. One reference. */
outrider_err otr_root_body_new(const STACK_OF(X509) *roots, const STACK_OF(X509_CRL) *crls, otr_root_body **body,
                               outrider_diag *diag);
otr_root_body *otr_root_body_ref(otr_root_body *body);
void otr_root_body_unref(otr_root_body *body); /* NULL is fine */

/* Whether a chain may end in it (RFC 5280 §6.1.1): a file of roots may bring other certificates, which end nothing. */
bool otr_is_path_end(X509 *cert);

/* The name of the file with these certificates, whatever their order. */
outrider_err otr_roots_name(const STACK_OF(X509) *roots, char name[OTR_SHA256_TEXT], outrider_diag *diag);

/* A set of one reference over a reference of its own to the body. Texts are copied. NULL: out of memory. */
otr_anchor_set *otr_anchor_set_new(otr_root_body *body, const char *const *rules, const char *file,
                                   otr_on_change on_change);

#endif

/*
 * certificate.h - the certificate of one of our policy hosts: read from files, judged before anybody sees it.
 *
 * What is refused would be refused by senders, or by the TLS library: a name that is not there, dates, a key that belongs to
 * another certificate, a chain of which one link did not sign the one before. Whether the chain ends in a root that senders trust is for
 * `outrider publish set` to see, which looks from outside. (So do dates of intermediates: a cross-signed one may have expired without
 * harm.)
 *
 * Threads: never changes once made; references by any thread.
 */
#ifndef OTR_DAEMON_CERTIFICATE_H
#define OTR_DAEMON_CERTIFICATE_H

#include "base/clock.h"
#include "daemon/file_mark.h"

#include <outrider/base.h>

#include <openssl/ssl.h>

typedef struct otr_certificate otr_certificate;

/*
 * Read a chain, leaf first, and its key. `host`: whom it must be for, as otr_certificate_check() asks; NULL: that is for later (one
 * pair of files may serve many hosts, and is read once).
 * OUTRIDER_OK and one reference; OUTRIDER_E_IO (a file cannot be read; who could not), OUTRIDER_E_SYNTAX (it is not what it should
 * be), OUTRIDER_E_LIMIT, OUTRIDER_E_NOMEM.
 */
outrider_err otr_certificate_load(const char *cert_path, const char *key_path, const char *host, otr_time now,
                                  otr_certificate **out, outrider_diag *diag);

/* Whether `host` (normal form) may show it at `now`: name and dates. OUTRIDER_OK or OUTRIDER_E_SYNTAX. */
outrider_err otr_certificate_check(const otr_certificate *certificate, const char *host, otr_time now, outrider_diag *diag);

otr_certificate *otr_certificate_ref(otr_certificate *certificate);
void otr_certificate_free(otr_certificate *certificate); /* one reference; NULL is fine */

/* For one server: certificate, chain and key are in it. Borrowed. */
SSL_CTX *otr_certificate_tls(const otr_certificate *certificate);
const STACK_OF(X509) *otr_certificate_chain(const otr_certificate *certificate); /* as it is sent, leaf first */
otr_time otr_certificate_not_after(const otr_certificate *certificate);           /* of the leaf */

/* The state of both files, to see that one has changed. Take it before loading: a change in between is then seen later. */
typedef struct otr_certificate_mark {
    otr_file_mark chain, key;
} otr_certificate_mark;
otr_certificate_mark otr_certificate_mark_of(const char *cert_path, const char *key_path);
bool otr_certificate_mark_same(const otr_certificate_mark *a, const otr_certificate_mark *b);

#endif

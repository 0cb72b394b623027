/*
 * trust_common.h - what the trust commands share: the rules, the roots and the exceptions as they are now, what the store has
 * recorded, and finding a root by what a person calls it.
 */
#ifndef OTR_CLI_TRUST_COMMON_H
#define OTR_CLI_TRUST_COMMON_H

#include "daemon/conf/rule_book.h"
#include "store/store_trust.h"

#define OTR_ROOT_HEX_MIN 8 /* digits of a fingerprint that are enough to ask for it */

/* Everything owned. */
typedef struct otr_trust_view {
    otr_conf *conf;
    otr_rule_book *book;
    otr_store *store; /* open for reading; NULL: there is none yet, nothing is recorded */
    otr_exception *exceptions;
    size_t exception_count;
    otr_anchors *anchors; /* of the book and the exceptions at `at` */
    otr_time now;
    otr_time at; /* the time to go by: of certificates and exceptions; `now`, unless another was asked for */
} otr_trust_view;

/*
 * Read the settings (`config` as of otr_read_settings()), the files of the rules, and the exceptions in the store.
 *   what  the command, for complaints
 *   at    as above; 0: now
 * EX_OK, or a status after complaining; the view is to be cleared either way.
 */
int otr_trust_view_open(const char *what, const char *config, otr_time at, otr_trust_view *view);
void otr_trust_view_clear(otr_trust_view *view);

/* The own hosts of the configuration, as the store wants them: NULL-terminated, or NULL. */
const char *const *otr_trust_own_hosts(const otr_trust_view *view);

/* Each root that counts for some destination, once; sk_X509_pop_free(). NULL: out of memory. */
STACK_OF(X509) *otr_trust_all_roots(const otr_anchors *anchors);

/*
 * The root among these that is meant by `words`: the beginning of its SHA-256 fingerprint (with or without colons), a PEM
 * file that has it, or a part of its name that no other has. Two certificates with one anchor id are one root.
 * EX_OK with a reference for the caller; EX_DATAERR after complaining that there is none, or which there are.
 */
int otr_trust_find_root(const char *what, const STACK_OF(X509) *among, const char *words, X509 **root);

/* A date as of --at: EX_OK, or EX_USAGE after complaining. */
int otr_trust_read_date(const char *what, const char *option, const char *text, otr_time *at);

/* Status for what a library function has returned, after complaining with the diagnostic's words. */
int otr_trust_complain(const char *what, outrider_err err, const outrider_diag *diag);

#endif

/*
 * anchors.h - which roots may vouch for a destination. For now one rule, "default", for everyone; callers
 * always ask per domain, so that rules per destination change nothing for them.
 *
 * A set is immutable, one X509_STORE is shared by all who use it. Threads: any.
 */
#ifndef OTR_TRUST_ANCHORS_H
#define OTR_TRUST_ANCHORS_H

#include <outrider/base.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct x509_store_st X509_STORE;
typedef struct otr_anchors otr_anchors;

#define OTR_SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"
#define OTR_ROOTS_LIMIT (8 * 1024 * 1024) /* octets of a bundle */

/* The anchors that apply to one destination. */
typedef struct otr_anchor_set {
    const char *const *rules; /* names of the rules, NULL-terminated: { "default", NULL } */
    const char *file;         /* the PEM file they came from */
    bool is_system;           /* the system's own set: an MTA that uses it too needs no file */
    size_t count;             /* certificates */
    X509_STORE *store;        /* borrowed; valid as long as the otr_anchors */
    const char *sha256;       /* of the bundle's content, lower-case hex: the name of the file for MTAs */
    const char *pem;          /* the bundle, pem_len bytes */
    size_t pem_len;
} otr_anchor_set;

/*
 * Read the bundle: `roots` is "system" or the path of a PEM file. An unreadable, empty or malformed bundle
 * is an error that names the file (STS-FETCH-21): OUTRIDER_E_IO or OUTRIDER_E_SYNTAX.
 */
outrider_err otr_anchors_load(const char *roots, otr_anchors **anchors, outrider_diag *diag);

/* Never NULL. `domain` is the destination in normal form. */
const otr_anchor_set *otr_anchors_for(const otr_anchors *anchors, const char *domain);
void otr_anchors_free(otr_anchors *anchors);

#endif

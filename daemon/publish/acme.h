/*
 * acme.h - challenges of ACME HTTP-01 (RFC 8555 §8.3): the files of a directory, read into memory whenever it changes, so
 * that no request opens a file.
 *
 * A token is a regular file of the directory itself (no link, no folder), whose name is one to OTR_ACME_NAME_MAX letters of base64url.
 * Others are passed over, and so is an empty one: its client has made it, and not written it yet.
 */
#ifndef OTR_DAEMON_ACME_H
#define OTR_DAEMON_ACME_H

#include "base/arena.h"
#include "daemon/publish/site.h"

#define OTR_ACME_NAME_MAX 128
#define OTR_ACME_CONTENT_MAX 1024
#define OTR_ACME_TOKENS_MAX 1000
#define OTR_ACME_ENTRIES_MAX 10000 /* of the directory, whatever they are */

/* Pure. */
bool otr_acme_is_token(otr_slice name);

typedef struct otr_acme_tokens {
    const otr_site_token *list; /* by name; in the arena, as all of them */
    size_t count;
    size_t refused;             /* with the name of a token, and too large, no file, or unreadable */
    bool is_cut;                /* there are more tokens, or entries, than the limits allow */
} otr_acme_tokens;

/* OUTRIDER_OK, OUTRIDER_E_IO (the directory itself), OUTRIDER_E_NOMEM. */
outrider_err otr_acme_read(const char *directory, otr_arena *arena, otr_acme_tokens *tokens, outrider_diag *diag);

/*
 * A descriptor that becomes readable when the directory changes; close() ends it. Open it before reading: what changes in between is then
 * news. OUTRIDER_OK or OUTRIDER_E_IO.
 */
outrider_err otr_acme_watch(const char *directory, int *fd, outrider_diag *diag);

typedef enum otr_acme_news {
    OTR_ACME_NOTHING,
    OTR_ACME_CHANGED,
    OTR_ACME_GONE, /* it is another directory now, or none: watch anew */
} otr_acme_news;

/* Empty the descriptor, without waiting. */
otr_acme_news otr_acme_drain(int fd);

#endif

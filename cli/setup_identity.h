/*
 * setup_identity.h - doing things as the mail server would: in a child process with its user, its group and nothing
 * besides, in its folder and, for Postfix, its jail.
 */
#ifndef OTR_CLI_SETUP_IDENTITY_H
#define OTR_CLI_SETUP_IDENTITY_H

#include "base/buf.h"

#define OTR_DEED_TIMEOUT 25 /* s; the daemon may take 15 s for an answer */

typedef struct otr_identity {
    const char *user, *group; /* names or numbers */
    const char *folder;       /* to be in; NULL: "/" */
    bool is_jailed;           /* the folder is the root */
} otr_identity;

/* Runs in the child, which can change nothing outside; what it prints to fd is handed back. False: it failed. */
typedef bool otr_deed(void *arg, int fd);

typedef enum otr_deed_result {
    OTR_DEED_DONE,
    OTR_DEED_FAILED, /* said has the reason, in the deed's own words */
    OTR_DEED_NOT_ROOT,
    OTR_DEED_IMPOSSIBLE, /* no such user, no such folder: said tells */
    OTR_DEED_TOO_LONG,
} otr_deed_result;

otr_deed_result otr_do_as(const otr_identity *who, otr_deed *deed, void *arg, otr_buf *said);

/* Deeds. */
typedef struct otr_asking {
    const char *address; /* "/path", "unix:PATH", "local:PATH", "inet:HOST:PORT", "inet:PORT@HOST" */
    const char *request; /* as it goes over the wire */
    bool is_netstring;   /* one netstring is read and handed back without its frame; else all up to the end of file */
} otr_asking;
otr_deed otr_ask_socket;   /* arg: otr_asking */
otr_deed otr_read_anchors; /* arg: const char *, a path; holds at least one certificate in PEM */

#endif

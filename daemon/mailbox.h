/*
 * mailbox.h - handing work from any thread to one thread: a wait-free queue and an eventfd that wakes the owner's
 * event loop. Used on misses only; a warm answer never comes near it.
 *
 * Threads: any may post; only the owner takes.
 */
#ifndef OTR_DAEMON_MAILBOX_H
#define OTR_DAEMON_MAILBOX_H

#include <outrider/base.h>

#include <stdbool.h>
#include <urcu/wfcqueue.h>

/* What it is, for owners that get more than one kind. */
typedef enum otr_mail_kind {
    OTR_MAIL_TICKET, OTR_MAIL_JOB, OTR_MAIL_TOLD, OTR_MAIL_SWAP, OTR_MAIL_PREVIEW, OTR_MAIL_TALLY,
    OTR_MAIL_SHARE, OTR_MAIL_SHARED, OTR_MAIL_LEASE, OTR_MAIL_SETTLEMENT
} otr_mail_kind;

typedef struct otr_mail {
    struct cds_wfcq_node node;
    otr_mail_kind kind;
} otr_mail;

typedef struct otr_mailbox {
    struct __cds_wfcq_head head;
    struct cds_wfcq_tail tail;
    int fd; /* readable while something may lie in the queue */
} otr_mailbox;

/* OUTRIDER_OK or OUTRIDER_E_IO. */
outrider_err otr_mailbox_init(otr_mailbox *box, outrider_diag *diag);
void otr_mailbox_clear(otr_mailbox *box); /* must be empty */

/* The mail belongs to the owner of the box from now on. */
void otr_mailbox_post(otr_mailbox *box, otr_mail *mail);

/* Hand all mail that lies there to take(), oldest first. */
void otr_mailbox_take(otr_mailbox *box, void (*take)(void *arg, otr_mail *mail), void *arg);

/* Wake the owner without mail, so that it looks at what else has changed. */
void otr_mailbox_wake(otr_mailbox *box);

#endif

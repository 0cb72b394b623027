/*
 * job.h - an operator's request on its way from a front thread to the resolver thread that its domain belongs to, and
 * back with the answer. The store may make it wait there; a front thread never does.
 */
#ifndef OTR_DAEMON_JOB_H
#define OTR_DAEMON_JOB_H

#include "daemon/control_request.h"
#include "daemon/mailbox.h"

typedef struct otr_job {
    otr_mail mail;         /* first */
    otr_mailbox *reply_to; /* borrowed: of the front thread */
    void *connection;      /* a note of the front thread to itself; nobody else looks at it */
    otr_control_request request;
    int64_t uid;           /* of who asks */
    char *reply;           /* owned; a line of JSON with its LF, set on the way back. NULL: out of memory */
} otr_job;

/* What the request owns belongs to the job then. NULL: out of memory. */
otr_job *otr_job_new( otr_control_request *request, int64_t uid, otr_mailbox *reply_to, void *connection);
void otr_job_free(otr_job *job); /* NULL is fine */

/* Send it back with its reply. */
void otr_job_return(otr_job *job);

static inline bool otr_mail_is_job(const otr_mail *mail)
{
    return mail->kind == OTR_MAIL_JOB;
}

#endif

/*
 * job.c - making and returning jobs.
 */
#include "daemon/flow/job.h"

#include <stdlib.h>

otr_job *otr_job_new(otr_control_request *request, int64_t uid, otr_mailbox *reply_to, void *connection)
{
    otr_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->mail.kind = OTR_MAIL_JOB;
    job->request = *request;
    *request = (otr_control_request){ 0 };
    job->uid = uid;
    job->reply_to = reply_to;
    job->connection = connection;
    return job;
}

void otr_job_free(otr_job *job)
{
    if (job == NULL)
        return;
    otr_control_request_clear(&job->request);
    free(job->reply);
    free(job);
}

void otr_job_return(otr_job *job)
{
    otr_mailbox_post(job->reply_to, &job->mail);
}

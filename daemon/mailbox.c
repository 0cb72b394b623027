/*
 * mailbox.c - the queue between threads.
 */
#include "daemon/mailbox.h"

#include "base/diag.h"
#include "daemon/rcu.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

outrider_err otr_mailbox_init(otr_mailbox *box, outrider_diag *diag)
{
    __cds_wfcq_init(&box->head, &box->tail);
    box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (box->fd < 0)
        return otr_fail(diag, OUTRIDER_E_IO, "eventfd: %s", strerror(errno));
    return OUTRIDER_OK;
}

void otr_mailbox_clear(otr_mailbox *box)
{
    close(box->fd);
}

void otr_mailbox_wake(otr_mailbox *box)
{
    uint64_t one = 1;
    ssize_t written = write(box->fd, &one, sizeof(one)); /* fails only if it is full, and then it is awake */

    (void)written;
}

void otr_mailbox_post(otr_mailbox *box, otr_mail *mail)
{
    cds_wfcq_node_init(&mail->node);
    otr_rcu_published(mail);
    /* Whoever finds the queue empty wakes the owner; the others' mail is found on the same occasion. */
    if (!cds_wfcq_enqueue(&box->head, &box->tail, &mail->node))
        otr_mailbox_wake(box);
}

void otr_mailbox_take(otr_mailbox *box, void (*take)(void *arg, otr_mail *mail), void *arg)
{
    struct __cds_wfcq_head head;
    struct cds_wfcq_tail tail;
    struct cds_wfcq_node *node;
    uint64_t count;
    ssize_t got = read(box->fd, &count, sizeof(count)); /* before looking, or a wake-up could be lost */

    (void)got;
    __cds_wfcq_init(&head, &tail);
    __cds_wfcq_splice_blocking(&head, &tail, &box->head, &box->tail);
    while ((node = __cds_wfcq_dequeue_blocking(&head, &tail)) != NULL) {
        otr_mail *mail = caa_container_of(node, otr_mail, node);

        otr_rcu_seen(mail);
        take(arg, mail);
    }
}

/*
 * ticket.h - a front thread's question on its way to a resolver thread and back: one allocation per miss.
 */
#ifndef OTR_DAEMON_TICKET_H
#define OTR_DAEMON_TICKET_H

#include "daemon/answer.h"
#include "daemon/mailbox.h"

typedef struct otr_ticket {
    otr_mail mail;           /* first */
    otr_mailbox *reply_to;   /* borrowed: of the front thread; NULL: nobody waits for the answer */
    void *connection;        /* a note of the front thread to itself; nobody else looks at it */
    otr_destination destination;
    otr_answer *answer;      /* owned reference; set on the way back. NULL: no answer can be given, see the log */
    struct otr_ticket *next; /* owned by the errand that it waits for */
} otr_ticket;

otr_ticket *otr_ticket_new(const otr_destination *destination, otr_mailbox *reply_to, void *connection);
void otr_ticket_free(otr_ticket *ticket);

/* Send it back, or release it if nobody waits; `answer` may be NULL, a reference is added. */
void otr_ticket_return(otr_ticket *ticket, otr_answer *answer);

#endif

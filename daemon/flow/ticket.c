/*
 * ticket.c - making and returning tickets.
 */
#include "daemon/flow/ticket.h"

#include <stdlib.h>

otr_ticket *otr_ticket_new(const otr_destination *destination, otr_mailbox *reply_to, void *connection)
{
    otr_ticket *ticket = calloc(1, sizeof(*ticket));

    if (ticket == NULL)
        return NULL;
    ticket->destination = *destination;
    ticket->reply_to = reply_to;
    ticket->connection = connection;
    return ticket;
}

void otr_ticket_free(otr_ticket *ticket)
{
    if (ticket == NULL)
        return;
    otr_answer_unref(ticket->answer);
    free(ticket);
}

void otr_ticket_return(otr_ticket *ticket, otr_answer *answer)
{
    if (ticket->reply_to == NULL) {
        otr_ticket_free(ticket);
        return;
    }
    ticket->answer = answer != NULL ? otr_answer_ref(answer) : NULL;
    otr_mailbox_post(ticket->reply_to, &ticket->mail);
}

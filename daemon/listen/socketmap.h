/*
 * socketmap.h - what a socketmap request means (Postfix socketmap_table(5), sendmail). Pure: from the content of a
 * netstring to either a reply that needs no verdict, or the destination and form to answer with.
 *
 *     request = map-name SP key        map-name = "QUERY" / "QUERYwithTLSRPT" / "sts"
 */
#ifndef OTR_DAEMON_SOCKETMAP_H
#define OTR_DAEMON_SOCKETMAP_H

#include "daemon/form.h"
#include "verdict/destination.h"

typedef struct otr_socketmap_choice {
    const char *reply; /* framed, static; NULL: the verdict on `destination` is wanted in `form` */
    bool is_refused;   /* with a reply: it was no question that can be answered */
    otr_form form;
    otr_destination destination;
} otr_socketmap_choice;

void otr_socketmap_choose(otr_slice request, otr_socketmap_choice *choice);

/* A guess at the key of the first request in what has arrived, for whoever would prepare for it. False: none to be seen. */
bool otr_socketmap_peek(otr_slice bytes, otr_slice *key);

/* Framed replies for what goes wrong on our side. Static storage. Postfix and sendmail defer at both. */
extern const char otr_socketmap_busy[];    /* too many questions wait */
extern const char otr_socketmap_timeout[]; /* no verdict within limits.answer */
extern const char otr_socketmap_failed[];  /* memory, store: see the log */
extern const char otr_socketmap_stopping[];

#endif

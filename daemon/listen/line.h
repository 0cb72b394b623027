/*
 * line.h - what a request of the line protocol means. One request and one answer per connection; the answer ends
 * with the connection. Pure.
 *
 *     request = "v1 policy domain=" destination [CR] LF         answered as Exim wants it
 *             / "v1 query domain=" destination [SP form] [CR] LF    answered with JSON, or text for people
 *             / "v1 event" SP event [CR] LF                     not answered; see event.h
 *             / "v1 event" *(SP name "=" value) [CR] LF         not answered
 *     form    = "form=json" / "form=text" / "form=explain"
 *
 * The end of the stream may stand for the LF (Exim shuts its side down). Anything else gets no answer at all,
 * which makes Exim defer (L1): a client that speaks another version must not believe an answer of this one.
 */
#ifndef OTR_DAEMON_LINE_H
#define OTR_DAEMON_LINE_H

#include "daemon/form.h"
#include "daemon/listen/event.h"
#include "verdict/destination.h"

typedef struct otr_line_choice {
    enum {
        OTR_LINE_ASK,   /* the verdict on `destination` is wanted in `form` */
        OTR_LINE_REPLY, /* `reply`, then close */
        OTR_LINE_CLOSE, /* close without a word; `problem` says why, NULL if that is right (an event) */
        OTR_LINE_TELL,  /* the same, and `event` is for the resolver thread */
    } act;
    otr_form form;
    otr_destination destination;
    otr_event event;     /* borrows from the line */
    const char *reply;   /* static */
    const char *problem; /* static */
} otr_line_choice;

/* One line without its LF. */
void otr_line_choose(otr_slice line, otr_line_choice *choice);

#endif

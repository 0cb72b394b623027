/*
 * control_reply.h - what an operator's request (control_request.h) is answered with: one line of JSON.
 */
#ifndef OTR_DAEMON_CONTROL_REPLY_H
#define OTR_DAEMON_CONTROL_REPLY_H

#include <outrider/base.h>

struct json_t;
/* An object (taken over) and LF; owned by the caller, NULL when out of memory. */
char *otr_control_line(struct json_t *object);

/* {"ok":false,"status":STATUS,"error":MESSAGE} and LF; owned by the caller, NULL when out of memory. */
char *otr_control_refusal(outrider_err err, const char *message);

#endif

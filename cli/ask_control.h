/*
 * ask_control.h - asking a running outriderd to do something, over its control socket (docs/protocols.md, "Control").
 */
#ifndef OTR_CLI_ASK_CONTROL_H
#define OTR_CLI_ASK_CONTROL_H

#include <jansson.h>

/*
 * Send a request (taken over) and return the answer, owned by the caller; NULL after complaining about `what`, with
 * *status set. `config` and `socket` may be NULL: the defaults.
 */
json_t *otr_ask_control(json_t *request, const char *what, const char *config, const char *socket, int *status);

#endif

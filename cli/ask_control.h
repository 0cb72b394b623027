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

/* The same at a socket that is known, for those who ask often: `patience` as of otr_find_control_socket(). */
json_t *otr_ask_control_at(json_t *request, const char *what, const char *path, unsigned patience, int *status);

/* Whether there is somebody to ask: EX_OK, or a status after complaining. */
int otr_try_control(const char *path, unsigned patience);

#endif

/*
 * ask_daemon.h - a question to a running outriderd, over its line protocol.
 */
#ifndef OTR_CLI_ASK_DAEMON_H
#define OTR_CLI_ASK_DAEMON_H

#include "verdict/destination.h"

typedef enum otr_query_form { OTR_QUERY_TEXT, OTR_QUERY_EXPLAIN, OTR_QUERY_JSON } otr_query_form;

/* Print the answer. `config` and `socket` may be NULL: the defaults. Returns an exit status of sysexits. */
int otr_ask_daemon(const otr_destination *destination, otr_query_form form, const char *config, const char *socket);

#endif

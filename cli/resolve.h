/*
 * resolve.h - a question answered by this process: the daemon's flow once through, without its memory.
 */
#ifndef OTR_CLI_RESOLVE_H
#define OTR_CLI_RESOLVE_H

#include "cli/ask_daemon.h"

/* Print the answer. `config` may be NULL: the default file if there is one, else the defaults. */
int otr_resolve_directly(const otr_destination *destination, otr_query_form form, const char *config);

#endif

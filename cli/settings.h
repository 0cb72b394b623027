/*
 * settings.h - the daemon's configuration, as far as the command line needs it.
 */
#ifndef OTR_CLI_SETTINGS_H
#define OTR_CLI_SETTINGS_H

#include "daemon/conf/conf.h"

/*
 * Read `config`, or the default file if it is NULL and that file exists, or else the defaults. NULL after
 * complaining, with *status set.
 */
otr_conf *otr_read_settings(const char *config, int *status);

/*
 * The path of the daemon's line-protocol socket: `socket` if given, else the first Unix socket of the settings.
 * *patience receives the seconds a question may take. Owned by the caller; NULL after complaining.
 */
char *otr_find_socket(const char *config, const char *socket, unsigned *patience, int *status);

/* The same for the control socket. */
char *otr_find_control_socket(const char *config, const char *socket, unsigned *patience, int *status);

#endif

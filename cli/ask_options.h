/*
 * ask_options.h - the options of commands that ask a running outriderd for something, and take nothing else.
 */
#ifndef OTR_CLI_ASK_OPTIONS_H
#define OTR_CLI_ASK_OPTIONS_H

#include <stdbool.h>

typedef struct otr_ask_options {
    bool is_json;
    const char *config, *socket; /* NULL: the defaults */
} otr_ask_options;

#define OTR_ASK_OPTIONS_HELP                                                                      \
    "  -j, --json         one line of JSON\n"                                                     \
    "  -c, --config FILE  where the daemon listens (default /etc/outrider/outrider.conf)\n"       \
    "  -s, --socket PATH  the daemon's control socket (default: the first in the configuration)\n" \
    "  -h, --help\n"

/* `name` is the command's, "trust list". Returns -1 to go on, else an exit status. */
int otr_read_ask_options(int argc, char **argv, const char *name, const char *help, otr_ask_options *options);

#endif

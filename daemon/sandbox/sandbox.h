/*
 * sandbox.h - from the end of the start on the daemon can do what it needs and nothing else, whoever speaks in its name: no other
 * program, no other process, no file that it has no business with.
 *
 * Two walls, each of which stands without the other. Landlock: which folders (reach.h) and which TCP ports. A system call filter:
 * which calls at all. Both hold for the thread that enters and for all that it starts, so it enters before the first.
 *
 * A kernel without one of them, or a container that forbids it, does not keep the daemon from starting: mail would wait for a wall
 * that was not there yesterday either. What is in force is logged at each start (event=sandbox).
 */
#ifndef OTR_DAEMON_SANDBOX_H
#define OTR_DAEMON_SANDBOX_H

#include "daemon/conf/conf.h"

#define OTR_SANDBOX_WORDS 160

typedef struct otr_sandbox {
    bool has_files;  /* Landlock holds for files */
    bool has_ports;  /* and for TCP ports: kernel 6.7 */
    bool has_calls;  /* the filter */
    char files_words[OTR_SANDBOX_WORDS]; /* "landlock 7", or why not */
    char calls_words[OTR_SANDBOX_WORDS]; /* "seccomp", or why not */
} otr_sandbox;

/* There is no way back. Does nothing where the configuration says sandbox = false. */
void otr_sandbox_enter(const otr_conf *conf, otr_sandbox *sandbox);

/* The line of the log. */
void otr_sandbox_report(const otr_conf *conf, const otr_sandbox *sandbox);

#endif

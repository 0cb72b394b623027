/*
 * system.h - what a daemon asks of the system: going to the background, another user, limits, the service manager.
 */
#ifndef OTR_DAEMON_SYSTEM_H
#define OTR_DAEMON_SYSTEM_H

#include <outrider/base.h>

#include <stdbool.h>
#include <sys/types.h>

/*
 * Go to the background. Returns in the new process only; the old one waits until otr_background_report() and ends
 * with the status given there, so that whoever started us sees mistakes. *ready: the way to report.
 */
outrider_err otr_background(int *ready, outrider_diag *diag);
/* status 0: standard input, output and error are then closed. ready < 0: nothing is done. */
void otr_background_report(int ready, int status);

/* The user to become; "" for none. Nothing is done unless we are root. */
outrider_err otr_drop_privileges(const char *user, const char *group, outrider_diag *diag);

/* Make the folder of a file (0750) if it is missing, and give it to the user that will write there. */
outrider_err otr_prepare_folder(const char *file, const char *user, outrider_diag *diag);

/* Give a file to a user, if we are root and there is one to become. */
outrider_err otr_give_file(const char *file, const char *user, outrider_diag *diag);

/* Raise the limit of open files to `wanted` or as far as it goes. Returns the limit. */
unsigned long otr_raise_files_limit(unsigned long wanted);

/*
 * The calling thread is to have its turn soon after it wakes, also where others are running, and in return runs shorter at a time: its
 * share stays the same. Linux 6.12 and later; elsewhere, and under another policy than the usual one, nothing happens.
 */
void otr_take_short_turns(void);

/* Tell the service manager (NOTIFY_SOCKET): "READY=1", "STOPPING=1". Without one nothing happens. */
void otr_notify_manager(const char *state);

#define OTR_INHERITED_FIRST 3 /* SD_LISTEN_FDS_START */
/* How many listening descriptors the service manager passed to this process (LISTEN_FDS); 0: none. */
int otr_inherited_count(void);

#endif

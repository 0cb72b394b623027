/*
 * calls.h - the system calls that a running daemon makes; all others are answered as by a kernel that does not have them.
 */
#ifndef OTR_DAEMON_CALLS_H
#define OTR_DAEMON_CALLS_H

/* 0, or the errno that says why no filter is in force. Sets PR_SET_NO_NEW_PRIVS. */
int otr_calls_enter(void);

#endif

/*
 * landlock.h - Landlock (landlock(7)): this thread, and what it starts, reaches what it is told and nothing else. By the system calls
 * themselves: the C library has no functions for them.
 */
#ifndef OTR_DAEMON_LANDLOCK_H
#define OTR_DAEMON_LANDLOCK_H

#include "daemon/sandbox/reach.h"

/* What the kernel has of it; 0: nothing. 4: TCP ports. errno says why. */
int otr_landlock_version(void);

/* PR_SET_NO_NEW_PRIVS must be set. A path that does not exist is left out. False: nothing is in force, errno says why. */
bool otr_landlock_enter(const otr_reaches *reaches, int version);

#endif

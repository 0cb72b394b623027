/*
 * unix_socket.h - talking to a daemon at a Unix socket: connecting, and reading to the end.
 */
#ifndef OTR_CLI_UNIX_SOCKET_H
#define OTR_CLI_UNIX_SOCKET_H

#include "base/buf.h"

/* Receiving and sending give up after `timeout` seconds. -1: errno tells why; ENAMETOOLONG: no socket has such a path. */
int otr_connect_unix(const char *path, unsigned timeout);

/* All until the end of the stream. False: errno tells why, or there is more than answer->limit. */
bool otr_receive_all(int fd, otr_buf *answer);

#endif

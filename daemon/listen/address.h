/*
 * address.h - where the daemon listens: "unix:PATH", "inet:127.0.0.1:8461", "inet:[::1]:8461".
 *
 * Only addresses, never host names: what a socket is bound to must not depend on DNS, least of all in a
 * program that MTAs ask about DNS.
 */
#ifndef OTR_DAEMON_ADDRESS_H
#define OTR_DAEMON_ADDRESS_H

#include <outrider/base.h>

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef struct otr_listen_address {
    const char *text; /* borrowed: as configured */
    struct sockaddr_storage sockaddr;
    socklen_t len;
} otr_listen_address;

/* Pure. OUTRIDER_OK or OUTRIDER_E_SYNTAX; `text` is borrowed and must outlive the address. */
outrider_err otr_listen_address_parse(const char *text, otr_listen_address *address, outrider_diag *diag);

bool otr_listen_address_same(const otr_listen_address *a, const otr_listen_address *b);

/*
 * Bind and listen; the descriptor is non-blocking and close-on-exec. A Unix socket gets mode and gid ((gid_t)-1:
 * unchanged). A socket file that lies there is removed if nobody answers on it; anything else that lies there is an
 * error. The folder of a Unix socket is made (0755) if only it is missing.
 */
outrider_err otr_listen_open(const otr_listen_address *address, mode_t mode, gid_t gid, int *fd, outrider_diag *diag);

/* Whether a descriptor (inherited from a service manager) is a listening stream socket bound to this address. */
bool otr_listen_is(int fd, const otr_listen_address *address);

/* The file of a Unix socket. */
const char *otr_listen_path(const otr_listen_address *address);

/* Remove the file of a Unix socket that otr_listen_open() made; others have none. */
void otr_listen_unlink(const otr_listen_address *address);

#endif

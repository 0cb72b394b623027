/*
 * probe_record.h - telling outriderd of the chains that a probe has seen (docs/protocols.md, trust.record). It judges them
 * itself.
 */
#ifndef OTR_CLI_PROBE_RECORD_H
#define OTR_CLI_PROBE_RECORD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct otr_probe_recorder {
    char *path;        /* owned: of the control socket */
    unsigned patience; /* s */
    bool is_off;       /* --no-record, or the daemon has gone: nothing more is told */
    int status;        /* why it has gone: of sysexits; EX_OK: it has not */
    size_t count;      /* recorded */
} otr_probe_recorder;

/* EX_OK, or a status after complaining: nobody is there to be told. Close it either way. */
int otr_probe_recorder_open(otr_probe_recorder *recorder, const char *config, const char *socket);
void otr_probe_recorder_close(otr_probe_recorder *recorder);

/* True: recorded. What does not fit into a request is left out from the end of the chain, and it is said so. */
bool otr_probe_record(otr_probe_recorder *recorder, const char *domain, const char *host, const char *chain_pem);

/* How many octets of a chain, whole certificates from the first on, fit into `room` octets of a JSON string. Pure. */
size_t otr_probe_fit_chain(const char *chain_pem, size_t room);

#endif

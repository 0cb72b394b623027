/*
 * probe_run.h - the MX hosts of many destinations, each looked at once, and no faster than is polite (smtp/pace.h).
 *
 *     domain ──► look (DNS, policy, verdict) ──► its usable hosts ──► addresses ──► probe, an address a family ──► told
 *
 * A host that serves several destinations is visited once a run, and told of for each of them. One that is known by two
 * names in TLS (its own, and a TLSA base domain: RFC 7672 §8.1) is two here.
 *
 * Threads: one.
 */
#ifndef OTR_CLI_PROBE_RUN_H
#define OTR_CLI_PROBE_RUN_H

#include "cli/lookout.h"
#include "smtp/pace.h"
#include "smtp/probe.h"

#define OTR_PROBE_LOOKS_AT_ONCE 20  /* destinations that are looked up */
#define OTR_PROBE_HOSTS_WAITING 200 /* hosts that wait to be visited; no further destination is looked up meanwhile */
#define OTR_PROBE_FAMILIES 2

/* What one address showed. */
typedef struct otr_probe_note {
    otr_address address;
    otr_probe_outcome outcome;
    otr_probe_step step;
    char reason[OTR_PROBE_REASON_SIZE];
    char tls_version[16], cipher[64]; /* "" without TLS */
    char *chain_pem;                  /* owned: as sent, leaf first; NULL without TLS */
} otr_probe_note;

typedef struct otr_probed_host {
    char host[OTR_DOMAIN_SIZE];
    char sni[OTR_DOMAIN_SIZE];
    otr_probe_note notes[OTR_PROBE_FAMILIES];
    size_t count;                        /* 0: it has no address to go to */
    char trouble[OTR_PROBE_REASON_SIZE]; /* then: why */
} otr_probed_host;

typedef struct otr_probe_settings {
    otr_pace_settings pace;
    uint16_t port;
    unsigned timeout_ms;
    const char *ehlo; /* borrowed */
} otr_probe_settings;

/* How far it is. */
typedef struct otr_probe_progress {
    size_t destinations, destinations_done;
    size_t hosts, hosts_done; /* that are known so far */
} otr_probe_progress;

/* Told from the event loop; all but `arg` borrowed until the callback returns. */
typedef struct otr_probe_ears {
    /* A usable host of a destination: verdict->hosts[i] */
    void (*host)(void *arg, const otr_verdict *verdict, size_t i, const otr_probed_host *probed);
    /* A destination without a usable host; a NULL verdict: out of memory */
    void (*nothing)(void *arg, const char *domain, const otr_verdict *verdict);
    void (*progress)(void *arg, const otr_probe_progress *progress); /* every second; may be NULL */
    void *arg;
} otr_probe_ears;

typedef enum otr_probe_end { OTR_PROBE_RUN_COMPLETE, OTR_PROBE_RUN_INTERRUPTED, OTR_PROBE_RUN_NO_MEMORY } otr_probe_end;

/*
 * Domains in normal form, each once. Returns when all have been told of, or after SIGINT or SIGTERM: then what is under
 * way is dropped.
 */
otr_probe_end otr_probe_run(otr_lookout *lookout, const otr_probe_settings *settings, const char *const *domains,
                            size_t count, const otr_probe_ears *ears);

#endif

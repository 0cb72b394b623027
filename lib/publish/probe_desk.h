/*
 * probe_desk.h - visits to MX hosts for many who ask: each address is visited once (or twice, where that is wanted) in the life of the
 * desk, whoever asks for it, and no faster than is polite (smtp/pace.h). Domains of one owner share their MX hosts.
 *
 * Threads: as the event base: one.
 */
#ifndef OTR_PUBLISH_PROBE_DESK_H
#define OTR_PUBLISH_PROBE_DESK_H

#include "smtp/pace.h"
#include "smtp/probe.h"

typedef struct otr_desk_settings {
    otr_pace_settings pace;
    uint16_t port;
    unsigned timeout_ms; /* of one visit */
    const char *ehlo;    /* borrowed */
    bool is_twice;       /* a second visit behind the first, where that brought TLS: is STARTTLS always offered? */
} otr_desk_settings;

typedef struct otr_probe_desk otr_probe_desk;
typedef struct otr_desk_ticket otr_desk_ticket;

/* Both borrowed until the callback returns. second: NULL if there was none. */
typedef void otr_desk_done(void *arg, const otr_probe_result *first, const otr_probe_result *second);

otr_probe_desk *otr_probe_desk_new(struct event_base *base, const otr_desk_settings *settings); /* NULL: out of memory */
void otr_probe_desk_free(otr_probe_desk *desk); /* when every ticket has ended or was cancelled; NULL is fine */

/* done() is called once, never from inside; after cancel never. NULL: out of memory. */
otr_desk_ticket *otr_probe_desk_ask(otr_probe_desk *desk, const otr_address *address, const char *sni, otr_desk_done *done, void *arg);
void otr_desk_cancel(otr_desk_ticket *ticket); /* NULL is fine */

#endif

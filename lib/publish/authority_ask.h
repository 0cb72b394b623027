/*
 * authority_ask.h - many questions at once, and waiting for all of them. Private to lib/publish.
 */
#ifndef OTR_PUBLISH_AUTHORITY_ASK_H
#define OTR_PUBLISH_AUTHORITY_ASK_H

#include "dns/resolver.h"

#include <event2/event.h>

typedef struct otr_asker {
    struct event_base *base;  /* borrowed */
    struct event *deadline;   /* owned; of everything that is asked */
    bool is_late;             /* it has come */
    bool is_out_of_memory;
} otr_asker;

typedef struct otr_ask {
    otr_resolver *resolver;   /* borrowed */
    const char *name;         /* borrowed */
    uint16_t type;
    otr_dns_done *take;       /* told of the answer; of a failure too, and if the deadline comes first */
    void *arg;
    otr_asker *asker;         /* the rest is filled in */
    otr_dns_query *query;
    bool is_told;
} otr_ask;

bool otr_asker_open(otr_asker *asker, struct event_base *base, unsigned timeout_ms);
void otr_asker_close(otr_asker *asker);

/* Returns when each has been told. */
void otr_ask_all(otr_asker *asker, otr_ask *asks, size_t count);

#endif

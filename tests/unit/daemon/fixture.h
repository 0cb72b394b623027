/*
 * fixture.h - what tests of the daemon's inside share: a folder, a store in it, one root, a clock that stands still,
 * a cache, and workers whose resolver and fetcher are scripted.
 */
#ifndef OTR_TEST_DAEMON_FIXTURE_H
#define OTR_TEST_DAEMON_FIXTURE_H

#include "daemon/flow/place.h"
#include "support/scripted_fetcher.h"
#include "support/scripted_resolver.h"

#include <event2/event.h>

#define NOW 1800000000

typedef struct fixture {
    char folder[64];
    char store_path[100];
    otr_anchors *anchors;
    otr_trust *trust;
    otr_clock clock;
    otr_store *store;
    otr_overrides *overrides;
    otr_holds *holds;
    otr_cache *cache;
    otr_flow flow;
} fixture;

/* Failures end the program: nothing can be tested then. */
void fixture_init(fixture *f);
void fixture_clear(fixture *f);
void fixture_reopen_store(fixture *f); /* as after a restart; no worker may be alive */

otr_worker *fixture_worker(fixture *f, struct event_base *base);

/* fixture_clear() for a test with one worker, its loop, and a mailbox of whoever asks it. */
void fixture_end(fixture *f, otr_worker *worker, struct event_base *base, otr_mailbox *replies);

#endif

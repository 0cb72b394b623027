/*
 * http_pages.h - what the HTTP listener has to tell: /metrics and /healthz. Everything is read from memory, relaxed and
 * without waiting: a page never touches the network, the store or a lock, so it can be asked for when all of them hang.
 */
#ifndef OTR_DAEMON_HTTP_PAGES_H
#define OTR_DAEMON_HTTP_PAGES_H

#include "daemon/fleet/fleet.h"
#include "daemon/flow/holds.h"
#include "daemon/front.h"
#include "daemon/keeper/keeper.h"
#include "daemon/publish/publisher.h"
#include "daemon/pulse.h"
#include "daemon/watch.h"

/* Where the pages look. All borrowed; they outlive the listener. */
typedef struct otr_status {
    const otr_store *store;
    const otr_watch *watch;
    const otr_cache *cache;
    const otr_front_shared *fronts;
    const otr_pulse *const *pulses; /* of the resolver threads; NULL-terminated */
    const otr_keeper *keeper;
    const otr_holds *holds;
    const otr_publisher *publisher;
    const otr_fleet *fleet;         /* NULL: none */
    int64_t started_at;             /* s since 1970 */
} otr_status;

/* A page writes its body and media type and returns the HTTP status. */
typedef int otr_http_page(const otr_status *status, otr_buf *body, const char **type);
otr_http_page otr_page_metrics;
otr_http_page otr_page_health;

#define OTR_PROBLEMS_MAX 8
/* Why the daemon cannot do its work, in words that name nothing from outside. Returns how many. */
size_t otr_status_problems(const otr_status *status, int64_t now_ms, const char *problems[OTR_PROBLEMS_MAX]);

#endif

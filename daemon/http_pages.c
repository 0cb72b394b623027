/*
 * http_pages.c - /metrics and /healthz.
 */
#include "daemon/http_pages.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/metrics.h"

static void fill_publishing(const otr_publisher *publisher, uint64_t cells[OTR_CELL_COUNT])
{
    otr_publisher_stats stats = otr_publisher_look(publisher);

    for (int i = 0; i <= OTR_PHASE_RETIRED; i++)
        cells[OTR_CELL_PUBLISH_DOMAINS + i] = stats.domains[i];
    cells[OTR_CELL_PUBLISH_WITHHELD] = stats.withheld;
    cells[OTR_CELL_PUBLISH_ABANDONED] = stats.abandoned;
    cells[OTR_CELL_PUBLISH_LAPSED] = stats.lapsed;
    cells[OTR_CELL_PUBLISH_EXIT] = stats.exit;
    cells[OTR_CELL_PUBLISH_CERTIFICATE_EXPIRY] = stats.certificate_expiry;
    cells[OTR_CELL_PUBLISH_CERTIFICATES_FAILED] = stats.certificates_failed;
}

static void fill_fleet(const otr_fleet *fleet, uint64_t cells[OTR_CELL_COUNT])
{
    otr_fleet_stats stats = otr_fleet_look(fleet);

    cells[OTR_CELL_FLEET_UP] = stats.is_up;
    cells[OTR_CELL_FLEET_MEMBERS] = stats.members;
    cells[OTR_CELL_FLEET_COMPARED] = stats.synced_at;
}

static void fill_cells(const otr_status *s, uint64_t cells[OTR_CELL_COUNT])
{
    otr_store_summary kept = otr_watch_get(s->watch);
    otr_keeper_stats trust = otr_keeper_look(s->keeper);

    otr_metrics_sum(cells);
    for (int i = 0; i < OTR_STORE_OPERATIONS; i++)
        cells[OTR_CELL_STORE_ERRORS + i] = otr_store_failures(s->store, (otr_store_operation)i);
    cells[OTR_CELL_LOG_LOST] = otr_log_lost();
    cells[OTR_CELL_CACHE_ENTRIES] = otr_cache_count(s->cache);
    cells[OTR_CELL_POLICIES + OTR_POLICY_ENFORCE] = kept.enforce;
    cells[OTR_CELL_POLICIES + OTR_POLICY_TESTING] = kept.testing;
    cells[OTR_CELL_POLICIES + OTR_POLICY_NONE] = kept.none;
    cells[OTR_CELL_OVERDUE] = (uint64_t)kept.overdue;
    cells[OTR_CELL_CONNECTIONS] = atomic_load_explicit(&s->fronts->connections, memory_order_relaxed);
    cells[OTR_CELL_WAITING] = atomic_load_explicit(&s->fronts->waiting, memory_order_relaxed);
    cells[OTR_CELL_ANCHORS] = trust.roots;
    cells[OTR_CELL_TRUST_EXCEPTIONS] = trust.exceptions;
    cells[OTR_CELL_TRUST_CHANGED] = trust.changed_at;
    cells[OTR_CELL_TRUST_FILES_CHANGED] = trust.files_changed_at;
    for (int i = 0; i < OTR_EFFECT_COUNT; i++)
        cells[OTR_CELL_TRUST_AFFECTED + i] = trust.affected[i];
    cells[OTR_CELL_HOLDS] = otr_holds_count(s->holds);
    fill_fleet(s->fleet, cells);
    fill_publishing(s->publisher, cells);
    cells[OTR_CELL_BUILD] = 1;
    cells[OTR_CELL_START] = (uint64_t)s->started_at;
}

int otr_page_metrics(const otr_status *status, otr_buf *body, const char **type)
{
    uint64_t cells[OTR_CELL_COUNT];

    fill_cells(status, cells);
    otr_metrics_render(cells, body);
    *type = "text/plain; version=0.0.4; charset=utf-8";
    return 200;
}

/* Several threads may have the same problem. */
static size_t add(const char *problems[OTR_PROBLEMS_MAX], size_t count, const char *problem)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(problems[i], problem) == 0)
            return count;
    if (count < OTR_PROBLEMS_MAX)
        problems[count++] = problem;
    return count;
}

size_t otr_status_problems(const otr_status *s, int64_t now_ms, const char *problems[OTR_PROBLEMS_MAX])
{
    size_t count = 0;

    if (otr_store_is_failing(s->store, OTR_STORE_WRITE))
        count = add(problems, count, "store: cannot be written");
    if (otr_store_is_failing(s->store, OTR_STORE_READ))
        count = add(problems, count, "store: cannot be read");
    if (otr_store_is_damaged(s->store))
        count = add(problems, count, "store: the database is damaged");
    for (size_t i = 0; s->pulses[i] != NULL; i++) {
        const char *problem = otr_pulse_problem(s->pulses[i], now_ms);

        if (problem != NULL)
            count = add(problems, count, problem);
    }
    if (otr_keeper_look(s->keeper).roots == 0)
        count = add(problems, count, "anchors: no root certificate");
    return count;
}

int otr_page_health(const otr_status *status, otr_buf *body, const char **type)
{
    const char *problems[OTR_PROBLEMS_MAX];
    size_t count = otr_status_problems(status, otr_monotonic_recent_ms(), problems);

    *type = "application/json";
    otr_buf_printf(body, "{\"status\":\"%s\",\"reasons\":[", count == 0 ? "ok" : "failing");
    for (size_t i = 0; i < count; i++)
        otr_buf_printf(body, "%s\"%s\"", i > 0 ? "," : "", problems[i]); /* no word of them needs escapes */
    otr_buf_puts(body, "]}\n");
    return count == 0 ? 200 : 503;
}

/*
 * fixture.c - see the header.
 */
#include "fixture.h"

#include "support/test_anchors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fixture: %s failed\n", what);
    exit(1);
}

static void open_overrides(fixture *f)
{
    bool has_bad;

    must(otr_overrides_open(f->store, &f->overrides, &has_bad, NULL) == OUTRIDER_OK && !has_bad, "opening the overrides");
    must(otr_holds_open(f->store, &f->holds, &has_bad, NULL) == OUTRIDER_OK && !has_bad, "opening the holds");
    f->flow.overrides = f->overrides;
    f->flow.holds = f->holds;
}

void fixture_init(fixture *f)
{
    memset(f, 0, sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "/tmp/outrider-daemon-XXXXXX");
    must(mkdtemp(f->folder) != NULL, "mkdtemp");
    snprintf(f->store_path, sizeof(f->store_path), "%s/outrider.db", f->folder);
    f->anchors = otr_test_anchors();
    f->trust = otr_trust_new(otr_anchors_ref(f->anchors), 0, NULL, 0);
    must(f->trust != NULL, "trusting");
    otr_clock_init(&f->clock, 0);
    otr_clock_set(&f->clock, NOW);
    must(otr_store_open(f->store_path, &f->store, NULL) == OUTRIDER_OK, "opening a store");
    urcu_memb_register_thread();
    f->cache = otr_cache_new(1000);
    must(f->cache != NULL, "making a cache");
    f->flow = (otr_flow){ .cache = f->cache, .clock = &f->clock, .store = f->store, .trust = f->trust,
                          .views = { .exim_dir = "/ta", .postfix_dir = "ta" }, .discover = OTR_DISCOVER_SETTINGS_INIT,
                          .decide = OTR_DECIDE_SETTINGS_INIT, .pace = OTR_STS_PACE_INIT, .fetch_ms = 10000,
                          .first_look_ms = 50, .recheck_ms = 50, .bound_ms = 200, .places_max = 1000 };
    /* The same tests once more with all but one at rest (rest.h): nobody may see a difference. */
    if (getenv("OUTRIDER_TEST_AWAKE") != NULL)
        f->flow.awake_max = (size_t)atoi(getenv("OUTRIDER_TEST_AWAKE"));
    open_overrides(f);
}

void fixture_reopen_store(fixture *f)
{
    otr_holds_free(f->holds);
    otr_overrides_free(f->overrides);
    otr_store_close(f->store);
    f->store = NULL;
    must(otr_store_open(f->store_path, &f->store, NULL) == OUTRIDER_OK, "opening the store again");
    f->flow.store = f->store;
    open_overrides(f);
}

void fixture_clear(fixture *f)
{
    char command[100];

    otr_cache_free(f->cache);
    otr_holds_free(f->holds);
    otr_overrides_free(f->overrides);
    urcu_memb_unregister_thread();
    otr_store_close(f->store);
    otr_trust_unref(f->trust);
    otr_anchors_free(f->anchors);
    snprintf(command, sizeof(command), "rm -rf %s", f->folder);
    must(system(command) == 0, "rm");
}

otr_worker *fixture_worker(fixture *f, struct event_base *base)
{
    otr_worker *worker = NULL;

    must(otr_worker_new(&f->flow, base, otr_scripted_resolver_new(base), otr_scripted_fetcher_new(base), &worker, NULL) ==
             OUTRIDER_OK,
         "making a worker");
    return worker;
}

void fixture_end(fixture *f, otr_worker *worker, struct event_base *base, otr_mailbox *replies)
{
    otr_worker_free(worker);
    event_base_free(base);
    otr_mailbox_clear(replies);
    fixture_clear(f);
}

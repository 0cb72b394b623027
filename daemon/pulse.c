/*
 * pulse.c - beat, notes and self-test of a resolver thread.
 */
#include "daemon/pulse.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/metrics.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define NOT_TESTED (-1)

static int64_t get(const _Atomic int64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static void set(_Atomic int64_t *at, int64_t value)
{
    atomic_store_explicit(at, value, memory_order_relaxed);
}

void otr_pulse_init(otr_pulse *pulse)
{
    memset(pulse, 0, sizeof(*pulse));
    atomic_store(&pulse->selftest, NOT_TESTED);
    set(&pulse->beat_ms, otr_monotonic_recent_ms());
}

/* DNS ---------------------------------------------------------------------------------------------------------- */

static void note_failure(otr_pulse *pulse, const char *name, int64_t now)
{
    set(&pulse->failed_ms, now);
    if (get(&pulse->silent_since_ms) == 0)
        set(&pulse->silent_since_ms, now);
    if (strcmp(pulse->last_name, name) == 0)
        return;
    snprintf(pulse->last_name, sizeof(pulse->last_name), "%s", name);
    atomic_fetch_add_explicit(&pulse->names, 1, memory_order_relaxed);
}

static void note_answer(otr_pulse *pulse)
{
    if (get(&pulse->silent_since_ms) == 0)
        return;
    set(&pulse->silent_since_ms, 0);
    atomic_store_explicit(&pulse->names, 0, memory_order_relaxed);
    pulse->last_name[0] = '\0';
}

/* A refusal or a malformed answer is one too: somebody is there. */
void otr_pulse_seen(void *arg, const otr_dns_answer *answer, otr_dns_trouble trouble)
{
    otr_pulse *pulse = arg;

    otr_count_lookup(answer, trouble);
    if (trouble == OTR_DNS_TIMEOUT || trouble == OTR_DNS_SERVFAIL)
        note_failure(pulse, answer->qname, otr_monotonic_recent_ms());
    else if (trouble != OTR_DNS_OTHER)
        note_answer(pulse);
}

/* Self-test ------------------------------------------------------------------------------------------------------ */

static void on_self_test(void *arg, otr_selftest_result result, const char *words)
{
    otr_pulse *pulse = arg;
    int before = atomic_exchange_explicit(&pulse->selftest, (int)result, memory_order_relaxed);

    pulse->is_testing = false;
    if (before != (int)result)
        OTR_LOG(result == OTR_SELFTEST_OK ? before == NOT_TESTED ? OTR_LOG_INFO : OTR_LOG_NOTICE : OTR_LOG_ERROR,
                "dns.selftest", { "result", otr_selftest_names[result] }, { "words", words });
}

static void start_self_test(otr_pulse *pulse)
{
    pulse->tested_ms = otr_monotonic_recent_ms();
    pulse->is_testing = otr_selftest_start(pulse->resolver, on_self_test, pulse) == OUTRIDER_OK;
    if (!pulse->is_testing)
        OTR_LOG(OTR_LOG_ERROR, "dns.selftest", { "result", "not started" }, { "words", "out of memory" });
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    otr_pulse *pulse = arg;
    int64_t now = otr_monotonic_recent_ms();

    (void)fd;
    (void)what;
    set(&pulse->beat_ms, now);
    if (pulse->tested_ms != 0 && !pulse->is_testing && now - pulse->tested_ms >= OTR_PULSE_SELFTEST_MS &&
        atomic_load_explicit(&pulse->selftest, memory_order_relaxed) != OTR_SELFTEST_OK)
        start_self_test(pulse);
}

outrider_err otr_pulse_start(otr_pulse *pulse, struct event_base *base, otr_resolver *resolver,
                             bool is_selftest_wanted)
{
    struct timeval tv = { .tv_sec = OTR_PULSE_BEAT_MS / 1000, .tv_usec = OTR_PULSE_BEAT_MS % 1000 * 1000 };

    pulse->resolver = resolver;
    if (is_selftest_wanted)
        start_self_test(pulse);
    pulse->timer = event_new(base, -1, EV_PERSIST, on_beat, pulse);
    return pulse->timer != NULL && event_add(pulse->timer, &tv) == 0 ? OUTRIDER_OK : OUTRIDER_E_NOMEM;
}

void otr_pulse_clear(otr_pulse *pulse)
{
    if (pulse->timer != NULL)
        event_free(pulse->timer);
    pulse->timer = NULL;
}

/* The verdict ---------------------------------------------------------------------------------------------------- */

const char *otr_pulse_problem(const otr_pulse *pulse, int64_t now_ms)
{
    int64_t since = get(&pulse->silent_since_ms);

    if (now_ms - get(&pulse->beat_ms) > OTR_PULSE_STUCK_MS)
        return "resolver: a thread is stuck";
    if (since != 0 && now_ms - since >= OTR_PULSE_DEAD_MS && now_ms - get(&pulse->failed_ms) < OTR_PULSE_LATELY_MS &&
        atomic_load_explicit(&pulse->names, memory_order_relaxed) >= OTR_PULSE_DEAD_NAMES)
        return "dns: no usable answer to any recent lookup";
    switch (atomic_load_explicit(&pulse->selftest, memory_order_relaxed)) {
    case OTR_SELFTEST_STRIPPED:
        return "dns: the self-test failed, the resolver does not pass on signatures or the clock is wrong";
    case OTR_SELFTEST_UNREACHABLE:
        return "dns: the self-test failed, no name server answers";
    case OTR_SELFTEST_NO_ANCHOR:
        return "dns: the self-test failed, no trust anchor covers the root";
    default:
        return NULL;
    }
}

/*
 * pulse.h - is a resolver thread alive, and does DNS answer it? A beat of its event loop, notes of each DNS answer, and
 * the self-test at start, which is repeated until it succeeds (a resolver may come up later than we do).
 *
 * Threads: written by its resolver thread; otr_pulse_problem() by any, without waiting.
 */
#ifndef OTR_DAEMON_PULSE_H
#define OTR_DAEMON_PULSE_H

#include "dns/unbound.h"

#include <stdatomic.h>

struct event;

#define OTR_PULSE_BEAT_MS 1000
#define OTR_PULSE_STUCK_MS 10000    /* without a beat; longer than the store waits for its lock */
#define OTR_PULSE_SELFTEST_MS 10000 /* between self-tests while they fail */
/* DNS is dead when lookups of so many names failed one after the other, over so long a time, the last of them lately:
 * one broken domain that is asked for again and again must not look like it. */
#define OTR_PULSE_DEAD_NAMES 3
#define OTR_PULSE_DEAD_MS 2000
#define OTR_PULSE_LATELY_MS 120000

typedef struct otr_pulse {
    _Atomic int64_t beat_ms;
    _Atomic int64_t silent_since_ms; /* the first failure after the last answer; 0: none */
    _Atomic int64_t failed_ms;       /* the last failure */
    _Atomic unsigned names;          /* that failed since then, without repetitions in a row */
    _Atomic int selftest;            /* otr_selftest_result, or -1: none has ended */

    char last_name[256];             /* that failed */
    otr_resolver *resolver;          /* borrowed */
    struct event *timer;             /* owned */
    bool is_testing;
    int64_t tested_ms;               /* 0: no self-test wanted */
} otr_pulse;

void otr_pulse_init(otr_pulse *pulse);

/* On its thread, before the event loop: the first self-test (if wanted) and the beat. */
outrider_err otr_pulse_start(otr_pulse *pulse, struct event_base *base, otr_resolver *resolver,
                             bool is_selftest_wanted);
void otr_pulse_clear(otr_pulse *pulse); /* after its loop has ended */

/* One DNS answer: the callback `seen` of otr_unbound_options. Counts it as well. */
void otr_pulse_seen(void *pulse, const otr_dns_answer *answer, otr_dns_trouble trouble);

/* In words that name nothing from outside; NULL: none. */
const char *otr_pulse_problem(const otr_pulse *pulse, int64_t now_ms);

#endif

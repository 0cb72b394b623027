/*
 * errand.h - one otr_discover on a scripted resolver, behind a gate that lets answers through when the test says so.
 */
#ifndef OTR_TEST_ERRAND_H
#define OTR_TEST_ERRAND_H

#include "base/buf.h"
#include "support/scripted_resolver.h"
#include "verdict/discover.h"

#include <event2/event.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1767225600
#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define GOOD "3 1 1 " DIGEST
#define ADDRESSES(host) host " A secure 192.0.2.1", host " AAAA secure 2001:db8::1"

/*
 * In front of a scripted resolver: questions wait until they are let through, unless the gate is open. `fail_at`:
 * that question (from 1) finds no memory.
 */
typedef struct held_query held_query;
typedef struct gate {
    otr_resolver resolver;
    otr_resolver *scripted; /* owned */
    held_query *held;       /* owned list, youngest first */
    size_t held_count, asked, fail_at;
    bool is_open;           /* questions go through at once */
} gate;

typedef struct errand {
    struct event_base *base; /* owned */
    gate *gate;              /* owned */
    otr_clock clock;
    otr_discover_settings settings;
    otr_discover *discover;
    otr_mx_finding *finding; /* owned */
    int done_count;
} errand;

/* The gate is open and the settings are the defaults: change them before starting. rules: NULL-terminated or NULL. */
void errand_open(errand *e, const char *const *rules);
void errand_start(errand *e, const char *to);
void errand_turn(errand *e); /* until nothing more happens by itself */
void errand_finish(errand *e, const char *to); /* start, turn; there is a finding then */

/* Everything that was asked for must have answered or been taken back. */
void errand_close(errand *e);

/* Let the n-th of the waiting questions through (modulo their number; 0 is the youngest); false if none waits. */
bool errand_release(errand *e, size_t n);

/* "M2 secure" and a line for each host: "10 mx1.example.org A1 secure, T1 usable at mx1.example.org (1)". */
void put_finding(otr_buf *out, const otr_mx_finding *f);
void put_questions(otr_buf *out, const errand *e);

#endif

/*
 * pace.h - how fast one may go from mail server to mail server without being a nuisance. Pure: the time is an argument.
 *
 *   - no more connections at once than `at_once`
 *   - no two to the same address at the same time, and `address_gap_ms` between the end of one and the next
 *   - `gap_ms` between two starts, give or take a half, so that nobody meets us in step
 *
 * Units: milliseconds of a clock that never goes back. Threads: one.
 */
#ifndef OTR_SMTP_PACE_H
#define OTR_SMTP_PACE_H

#include "dns/address.h"

typedef struct otr_pace otr_pace;

typedef struct otr_pace_settings {
    unsigned at_once;
    unsigned gap_ms;
    unsigned address_gap_ms;
    uint32_t seed; /* of the jitter */
} otr_pace_settings;

#define OTR_PACE_NEVER (-1) /* not before something has ended */

otr_pace *otr_pace_new(const otr_pace_settings *settings); /* NULL: out of memory */
void otr_pace_free(otr_pace *pace);                        /* NULL is fine */

/* May a connection be started at all? 0: yes; else in how many ms, or OTR_PACE_NEVER. */
int64_t otr_pace_wait(const otr_pace *pace, int64_t now_ms);

/* May one to this address? The same. */
int64_t otr_pace_wait_for(const otr_pace *pace, const otr_address *address, int64_t now_ms);

/* One is started: both have said 0. False: out of memory, and it must not be. */
bool otr_pace_begin(otr_pace *pace, const otr_address *address, int64_t now_ms);
void otr_pace_end(otr_pace *pace, const otr_address *address, int64_t now_ms);

#endif

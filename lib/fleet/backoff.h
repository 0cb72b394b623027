/*
 * backoff.h - how long to wait before the next attempt to connect. Pure: chance is an argument.
 */
#ifndef OTR_FLEET_BACKOFF_H
#define OTR_FLEET_BACKOFF_H

#include <stdint.h>

#define OTR_BACKOFF_FIRST_MS 250
#define OTR_BACKOFF_MOST_MS 8000

/* After so many failures in a row (1: the first). It doubles up to the most, and is then cut by up to a half: members that lost a
 * server at one moment do not come back at one moment. */
unsigned otr_backoff_ms(unsigned failures, uint32_t chance);

#endif

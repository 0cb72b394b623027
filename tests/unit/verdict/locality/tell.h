/*
 * tell.h - a world in words: its rules as a configuration would have them.
 */
#ifndef OTR_TEST_TELL_H
#define OTR_TEST_TELL_H

#include "base/buf.h"
#include "check.h"

#define TELL_ROOTS 200
const char *tell_roots(roots some, char text[TELL_ROOTS]);

void tell_world(const world *w, otr_buf *out);

/* Seed, world and what was wrong. */
void tell_failure(const world *w, const struct failure *failure, otr_buf *out);

#endif

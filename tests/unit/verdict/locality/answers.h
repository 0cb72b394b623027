/*
 * answers.h - what mail servers are told of a destination in a world.
 */
#ifndef OTR_TEST_ANSWERS_H
#define OTR_TEST_ANSWERS_H

#include "base/buf.h"
#include "world.h"

/* One after the other: Postfix, Postfix with attributes, Exim, sendmail; with is_all JSON and text as well. */
void put_answers(const world *w, enum side side, dest_id dest, const otr_anchors *anchors, bool is_all, otr_buf *out);

/* What is kept between calls. */
void clear_answers(void);

#endif

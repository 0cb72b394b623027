/*
 * test_anchors.h - anchors of one root that is made on the spot, for tests that need some and do not care which.
 */
#ifndef OTR_SUPPORT_TEST_ANCHORS_H
#define OTR_SUPPORT_TEST_ANCHORS_H

#include "trust/anchors.h"

/* Free with otr_anchors_free(). A failure ends the test program. */
otr_anchors *otr_test_anchors(void);

#endif

/*
 * scene.h - findings and policies as tests write them down, and the verdict they make. Test code: what cannot be
 * read ends the program.
 */
#ifndef OTR_TEST_SCENE_H
#define OTR_TEST_SCENE_H

#include "verdict/decide.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1767225600
#define MAX_AGE 86400
#define FINDING_LIFE 300 /* s */

/*
 * "M2: mx1.example.org A1 T1; mx2.example.org>real.example.net A2 T4", after the rows of the decision table.
 *   MX      M1 M2 M3 M4 M6 M7 M8 M9 M12 M13; M4i: an insecure null MX
 *   host    NAME or NAME>END-OF-ITS-ALIASES; preference 10, 20, ...
 *   address A1 to A8; A4!: the exchange is no host name
 *   TLSA    T1 T2 T3 T4 T5; T3b: bogus; none: not asked
 */
otr_mx_finding *scene_finding(const char *to, const char *text);

/*
 * "S5 enforce mx1.example.org *.example.net": row S1 to S10, mode and patterns. S7x, S9x: with an expired policy.
 * S8w: webpki failure. NULL for "" (nobody asked). S11 is a row of scene_is_pending(). Fetched an hour ago.
 */
otr_sts_entry *scene_entry(const char *domain, const char *text);
bool scene_is_pending(const char *text);

/* The default anchors: a file with one root. Made at the first call, given back at the end of the program. */
const otr_anchors *scene_anchors(void);

/* The verdict on both; the caller unrefs it. */
otr_verdict *scene_verdict(const char *to, const char *mx, const char *sts, const otr_decide_settings *settings);

#endif

/*
 * hold.h - a destination whose mail waits because a chain of it has come to another root, under a rule with
 * on_change = defer, until the operator accepts it (`outrider trust accept`). A value.
 */
#ifndef OTR_VERDICT_HOLD_H
#define OTR_VERDICT_HOLD_H

#include "trust/sighting.h"

typedef struct otr_hold {
    char domain[OTR_DOMAIN_SIZE];
    otr_role role;
    char host[OTR_DOMAIN_SIZE];
    char from[OTR_SHA256_TEXT], to[OTR_SHA256_TEXT];                 /* fingerprints of the roots */
    char from_name[OTR_CERT_NAME_SIZE], to_name[OTR_CERT_NAME_SIZE]; /* for people */
    otr_time since;
} otr_hold;

/*
 * What it is about, in one sentence for people and logs, printable ASCII: which host, from which root to which, since
 * when, and what to do.
 */
#define OTR_HOLD_TEXT (2 * OTR_DOMAIN_SIZE + 2 * OTR_CERT_NAME_SIZE + 160)
const char *otr_hold_text(const otr_hold *hold, char text[OTR_HOLD_TEXT]);

#endif

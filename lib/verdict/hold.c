/*
 * hold.c - a hold in words.
 */
#include "verdict/hold.h"

#include <stdio.h>

const char *otr_hold_text(const otr_hold *hold, char text[OTR_HOLD_TEXT])
{
    char since[OTR_TIME_TEXT];

    snprintf(text, OTR_HOLD_TEXT,
             "held since %s: the certificate of %s %s, which came from the root %s, comes from %s now; if that is right: "
             "outrider trust accept %s",
             otr_time_text(hold->since, since), hold->role == OTR_ROLE_POLICY ? "the policy host" : "the MX host",
             hold->host, hold->from_name, hold->to_name, hold->domain);
    return text;
}

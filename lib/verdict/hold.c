/*
 * hold.c - a hold in words.
 */
#include "verdict/hold.h"

#include <stdio.h>

const char *otr_hold_text(const otr_hold *hold, char text[OTR_HOLD_TEXT])
{
    char since[OTR_TIME_TEXT];

    snprintf(text, OTR_HOLD_TEXT,
             "held until \"outrider trust accept %s\": %s %s has a certificate of the root %s since %s, before of %s",
             hold->domain, hold->role == OTR_ROLE_POLICY ? "the policy host" : "the MX host", hold->host, hold->to_name,
             otr_time_text(hold->since, since), hold->from_name);
    return text;
}

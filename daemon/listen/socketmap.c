/*
 * socketmap.c - choosing the reply to a socketmap request.
 *
 * Postfix asks for "example.org", and after NOTFOUND for ".example.org" and ".org" as well, and a failure of any
 * of them defers the mail: whatever cannot be a destination is "NOTFOUND " at once, never a failure. There are
 * no policies of parent domains (RFC 8461 §3.4), and neither DANE nor MTA-STS for address literals (EDGE-01). But a
 * next hop whose port has a name that only the mail server knows may have a policy: that waits (P8).
 */
#include "daemon/listen/socketmap.h"

#include <string.h>

static const char not_found[] = "9:NOTFOUND ,";
static const char odd_port[] = "70:TEMP the port of this next hop is no number from 1 to 65535; write one,";
/* TEMP and not PERM, which sendmail takes for "no policy" (P9). */
static const char no_key[] = "30:TEMP request is not \"name key\",";
static const char no_map[] = "56:TEMP no such map name; use QUERY, QUERYwithTLSRPT or sts,";

const char otr_socketmap_busy[] = "54:TEMP too many questions are waiting; see outriderd log,";
const char otr_socketmap_timeout[] = "53:TEMP no verdict within the time limit; try again soon,";
const char otr_socketmap_failed[] = "45:TEMP outriderd cannot answer now; see its log,";
const char otr_socketmap_stopping[] = "31:TEMP outriderd is shutting down,";

static const struct {
    const char *name;
    otr_form form;
} maps[] = {
    { "QUERY", OTR_FORM_POSTFIX },
    { "QUERYwithTLSRPT", OTR_FORM_POSTFIX_TLSRPT },
    { "sts", OTR_FORM_SENDMAIL },
};

static bool find_map(otr_slice name, otr_form *form)
{
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        if (otr_slice_is(name, maps[i].name)) {
            *form = maps[i].form;
            return true;
        }
    }
    return false;
}

bool otr_socketmap_peek(otr_slice bytes, otr_slice *key)
{
    const char *colon = memchr(bytes.ptr, ':', bytes.len);
    const char *space = colon != NULL ? memchr(colon, ' ', bytes.len - (size_t)(colon - bytes.ptr)) : NULL;
    const char *end = space != NULL ? memchr(space, ',', bytes.len - (size_t)(space - bytes.ptr)) : NULL;

    if (end == NULL)
        return false;
    *key = (otr_slice){ space + 1, (size_t)(end - space) - 1 };
    return true;
}

void otr_socketmap_choose(otr_slice request, otr_socketmap_choice *choice)
{
    const char *space = request.len > 0 ? memchr(request.ptr, ' ', request.len) : NULL;
    otr_slice name, key;

    choice->reply = NULL;
    choice->is_refused = true; /* until it turns out to be a question */
    if (space == NULL) {
        choice->reply = no_key;
        return;
    }
    name = (otr_slice){ request.ptr, (size_t)(space - request.ptr) };
    key = (otr_slice){ space + 1, request.len - name.len - 1 };
    if (!find_map(name, &choice->form))
        choice->reply = no_map;
    else if (otr_destination_parse(key.ptr, key.len, &choice->destination, NULL) != OUTRIDER_OK)
        choice->reply = otr_destination_has_odd_port(key.ptr, key.len) ? odd_port : not_found;
    else if (choice->destination.kind == OTR_TO_ADDRESS)
        choice->reply = not_found;
    choice->is_refused = choice->reply == no_map;
}

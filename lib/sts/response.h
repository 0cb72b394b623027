/*
 * response.h - whether the header of an HTTP response is that of a policy (RFC 8461 §3.2, §3.3): status 200,
 * media type text/plain, no coding that was not asked for. Pure: it is fed line by line. Internal to lib/sts,
 * but for otr_is_text_plain().
 */
#ifndef OTR_STS_RESPONSE_H
#define OTR_STS_RESPONSE_H

#include "base/slice.h"

#include <outrider/base.h>

#define OTR_RESPONSE_HEADER_LIMIT 32768 /* octets of all header lines of one exchange, interim responses included */
#define OTR_MEDIA_TYPE_MAX 100          /* octets of a Content-Type or Location that is repeated */

typedef struct otr_response {
    long status;       /* of the latest status line; 0: none yet */
    size_t header_len; /* octets so far */
    bool has_type;
    bool is_framed;    /* a length or chunks tell where the body ends, not the connection */
    bool is_final;     /* the header of a response that is not 1xx is complete */
    char type[OTR_MEDIA_TYPE_MAX + 1];     /* Content-Type as given, printable and cut; "": none */
    char location[OTR_MEDIA_TYPE_MAX + 1]; /* the same of Location */
    char reason[200];  /* why this is no policy; "" while nothing speaks against it */
} otr_response;
#define OTR_RESPONSE_INIT { 0 }

/*
 * Take the next header line, with its CRLF: a status line, a field, or the empty line that ends the header.
 * Returns false as soon as something is wrong; `reason` then says what, and no body needs to be read.
 */
bool otr_response_line(otr_response *response, const char *line, size_t len);

/* media-type = type "/" subtype parameters (RFC 9110 §8.3.1); is it text/plain? Parameters do not matter: charset
 * may be utf-8 or us-ascii, all others are ignored (STS-FETCH-11), and the body's bytes are checked as they are. */
bool otr_is_text_plain(otr_slice value);

#endif

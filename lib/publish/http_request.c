/*
 * http_request.c - finds the end of the head, line by line; what it says is in http_head.c.
 */
#include "publish/http_request.h"

#include "publish/http_head.h"

/* The octets of a head beside CR LF: visible ones, blank, tab, and obs-text (RFC 9110 §5.5). */
static bool is_head_octet(char c)
{
    unsigned char u = (unsigned char)c;

    return u == '\t' || (u >= ' ' && u != 0x7f);
}

static otr_request_progress refuse(unsigned why, unsigned *status)
{
    *status = why;
    return OTR_REQUEST_BAD;
}

/* A head that does not end within the limit: is it its first line? */
static otr_request_progress refuse_size(const otr_request_reader *reader, unsigned *status)
{
    return refuse(reader->lines == 0 ? 414 : 431, status);
}

/* At a CR LF: is the head complete with it? */
static bool end_line(otr_request_reader *r)
{
    bool is_empty = r->seen == r->line;

    r->seen += 2;
    if (is_empty && r->lines > 0)
        return true;
    if (!is_empty)
        r->lines++;
    r->line = r->seen;
    return false;
}

/* §2.2: at least one empty line is to be passed over; a second one is no client that we know of. */
static bool is_empty_again(const otr_request_reader *r)
{
    return r->lines == 0 && r->line == 2 && r->seen == r->line;
}

otr_request_progress otr_request_read(otr_request_reader *r, const char *octets, size_t len, otr_request *request, size_t *taken,
                                      unsigned *status)
{
    size_t most = len < OTR_REQUEST_HEAD_MAX ? len : OTR_REQUEST_HEAD_MAX;

    while (r->seen < most) {
        if (is_head_octet(octets[r->seen])) {
            r->seen++;
            continue;
        }
        if (octets[r->seen] != '\r' || is_empty_again(r))
            return refuse(400, status);
        if (r->seen + 1 == most)
            break;
        if (octets[r->seen + 1] != '\n')
            return refuse(400, status);
        if (end_line(r)) {
            *status = otr_request_parse(octets, r->seen, request);
            *taken = r->seen;
            return *status == 0 ? OTR_REQUEST_WHOLE : OTR_REQUEST_BAD;
        }
        if (r->lines > OTR_REQUEST_FIELDS_MAX + 1)
            return refuse(431, status);
    }
    return most == OTR_REQUEST_HEAD_MAX ? refuse_size(r, status) : OTR_REQUEST_MORE;
}

/*
 * http_request_fuzz.c - the head of a request: the same however it is cut into pieces, within its limits, and never a slice that is
 * not of the head or has what it must not have.
 */
#include "publish/http_request.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_good)
{
    if (!is_good)
        abort();
}

static void check_slice(otr_slice s, const char *head, size_t len)
{
    if (s.len == 0 || otr_slice_is(s, "/"))
        return; /* "/" may be a constant: the path of a target that has none */
    check(s.ptr >= head && s.ptr + s.len <= head + len);
    for (size_t i = 0; i < s.len; i++)
        check((unsigned char)s.ptr[i] >= ' ' || s.ptr[i] == '\t');
}

static void check_request(const otr_request *r, const char *head, size_t len)
{
    check(len > 0 && len <= OTR_REQUEST_HEAD_MAX && len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0);
    check_slice(r->path, head, len);
    check_slice(r->host, head, len);
    check_slice(r->user_agent, head, len);
    check_slice(r->forwarded_for, head, len);
    check(r->method == OTR_METHOD_OTHER || (r->path.len > 0 && r->path.ptr[0] == '/'));
    check(memchr(r->host.ptr != NULL ? r->host.ptr : "", '@', r->host.len) == NULL);
    check(!r->has_body || r->is_last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *octets = (const char *)data;
    otr_request_reader whole = { 0 }, single = { 0 };
    otr_request request = { 0 }, again = { 0 };
    size_t taken = 0, taken_again = 0, shown = 0;
    unsigned status = 0, status_again = 0;
    otr_request_progress progress = otr_request_read(&whole, octets, size, &request, &taken, &status), last = OTR_REQUEST_MORE;

    while (last == OTR_REQUEST_MORE && shown < size)
        last = otr_request_read(&single, octets, ++shown, &again, &taken_again, &status_again);
    check(last == progress && taken == taken_again && status == status_again);
    check((progress == OTR_REQUEST_BAD) == (status != 0));
    if (progress == OTR_REQUEST_WHOLE) {
        check(taken <= size);
        check_request(&request, octets, taken);
        check(request.minor == again.minor && request.is_last == again.is_last && otr_slice_eq(request.path, again.path) &&
              otr_slice_eq(request.host, again.host));
    }
    if (progress == OTR_REQUEST_MORE)
        check(size < OTR_REQUEST_HEAD_MAX);
    return 0;
}

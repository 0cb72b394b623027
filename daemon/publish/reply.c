/*
 * reply.c - see reply.h. Replies are put together from pieces that are ready, without a format: this is the warm path.
 */
#include "daemon/publish/reply.h"

#include "daemon/publish/acme.h"

#include <stdio.h>
#include <time.h>

#define POLICY_PATH "/.well-known/mta-sts.txt"
#define TOKEN_PATH "/.well-known/acme-challenge/"

const char *const otr_status_texts[OTR_STATUS_COUNT] = { "200", "400", "404", "405", "413", "414", "421", "431", "503", "505" };

static const char *const reasons[OTR_STATUS_COUNT] = {
    [OTR_STATUS_200] = "OK",
    [OTR_STATUS_400] = "Bad Request",
    [OTR_STATUS_404] = "Not Found",
    [OTR_STATUS_405] = "Method Not Allowed",
    [OTR_STATUS_413] = "Content Too Large",
    [OTR_STATUS_414] = "URI Too Long",
    [OTR_STATUS_421] = "Misdirected Request",
    [OTR_STATUS_431] = "Request Header Fields Too Large",
    [OTR_STATUS_503] = "Service Unavailable",
    [OTR_STATUS_505] = "HTTP Version Not Supported",
};

otr_status_code otr_status_of(unsigned status)
{
    switch (status) {
    case 414:
        return OTR_STATUS_414;
    case 431:
        return OTR_STATUS_431;
    case 505:
        return OTR_STATUS_505;
    default:
        return OTR_STATUS_400;
    }
}

/* Decision --------------------------------------------------------------------------------------------------------- */

static bool is_same_name(otr_slice host, const char *name)
{
    size_t len = strlen(name);

    if (host.len == len + 1 && host.ptr[len] == '.')
        host.len--;
    if (host.len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (otr_to_lower(host.ptr[i]) != name[i])
            return false;
    return true;
}

/* A path that is there was asked for: is it by a method that it has? */
static otr_status_code check_method(const otr_request *request)
{
    return request->method == OTR_METHOD_OTHER ? OTR_STATUS_405 : request->has_body ? OTR_STATUS_413 : OTR_STATUS_200;
}

static void decide_token(const otr_site *site, const otr_request *request, otr_reply *reply)
{
    size_t len = strlen(TOKEN_PATH);
    otr_slice name = { 0 };
    const otr_site_token *token;

    if (request->path.len > len && memcmp(request->path.ptr, TOKEN_PATH, len) == 0)
        name = (otr_slice){ request->path.ptr + len, request->path.len - len };
    if (!otr_acme_is_token(name))
        return;
    token = site != NULL ? otr_site_token_find(site, name) : NULL;
    reply->is_token_missing = token == NULL;
    if (token == NULL)
        return;
    reply->code = check_method(request);
    reply->body = token->content;
}

static void decide_policy(const otr_site_policy *policy, const otr_request *request, otr_time until, otr_reply *reply)
{
    if (!otr_slice_is(request->path, POLICY_PATH))
        return;
    reply->code = check_method(request);
    if (reply->code != OTR_STATUS_200)
        return;
    reply->policy = policy;
    reply->body = policy->body;
    if (until > atomic_load_explicit(&policy->served->horizon, memory_order_acquire))
        reply->code = OTR_STATUS_503;
}

otr_reply otr_reply_decide(const otr_site *site, otr_web_kind kind, const char *sni, const otr_request *request, otr_time until)
{
    otr_reply reply = { .code = OTR_STATUS_404, .is_head = request->method == OTR_METHOD_HEAD, .is_last = request->is_last,
                        .tells_more = request->minor == 0 && !request->is_last };
    const otr_site_policy *policy = NULL;

    if (kind == OTR_WEB_ACME) {
        decide_token(site, request, &reply);
        return reply;
    }
    if (site != NULL && (kind == OTR_WEB_PLAIN || is_same_name(request->host, sni)))
        policy = otr_site_find(site, request->host);
    if (policy == NULL)
        reply.code = OTR_STATUS_421;
    else
        decide_policy(policy, request, until, &reply);
    return reply;
}

otr_reply otr_reply_refuse(unsigned status)
{
    return (otr_reply){ .code = otr_status_of(status), .is_last = true };
}

/* Octets ----------------------------------------------------------------------------------------------------------- */

void otr_http_date(otr_time now, char date[OTR_HTTP_DATE_SIZE])
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)now;
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 9999 - 1900 || tm.tm_year < 0) {
        date[0] = '\0';
        return;
    }
    /* strftime() would ask the locale. */
    snprintf(date, OTR_HTTP_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100,
             months + 3 * tm.tm_mon, (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100);
}

static char *put(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len);
    return at + len;
}

static char *put_number(char *at, size_t number)
{
    char digits[24], *first = digits + sizeof(digits);

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(at, first, (size_t)(digits + sizeof(digits) - first));
    return at + (digits + sizeof(digits) - first);
}

/* For people who look: what it is, and for 421 what is most often the reason. */
static otr_slice words_of(otr_status_code code, char text[128])
{
    char *at = put(put(put(text, otr_status_texts[code]), " "), reasons[code]);

    if (code == OTR_STATUS_421)
        at = put(at, ": no policy for this Host here (does a proxy pass Host on?)");
    *at++ = '\n';
    return (otr_slice){ text, (size_t)(at - text) };
}

size_t otr_reply_write(const otr_reply *reply, const char *date, char *out)
{
    char text[128], *at = out;
    bool is_good = reply->code == OTR_STATUS_200;
    otr_slice body = is_good ? reply->body : words_of(reply->code, text);

    at = put(put(put(put(at, "HTTP/1.1 "), otr_status_texts[reply->code]), " "), reasons[reply->code]);
    if (date[0] != '\0')
        at = put(put(at, "\r\nDate: "), date);
    /* Without a charset: it is ASCII, and some readers compare the whole. */
    at = put(at, "\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nCache-Control: ");
    at = put(at, is_good && reply->policy != NULL ? "max-age=60" : "no-store");
    if (reply->code == OTR_STATUS_405)
        at = put(at, "\r\nAllow: GET, HEAD");
    if (reply->is_last || reply->tells_more)
        at = put(at, reply->is_last ? "\r\nConnection: close" : "\r\nConnection: keep-alive");
    at = put_number(put(at, "\r\nContent-Length: "), body.len);
    at = put(at, "\r\n\r\n");
    if (!reply->is_head && body.len > 0) {
        memcpy(at, body.ptr, body.len);
        at += body.len;
    }
    return (size_t)(at - out);
}

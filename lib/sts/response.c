/*
 * response.c - see response.h. The rules stand in the order in which a reader would give them as a reason:
 * status, codings, media type.
 */
#include "sts/response.h"

#include <stdio.h>
#include <strings.h>

static bool is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

static otr_slice trim(otr_slice s)
{
    while (s.len > 0 && is_wsp(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (is_wsp(s.ptr[s.len - 1]) || s.ptr[s.len - 1] == '\r' || s.ptr[s.len - 1] == '\n'))
        s.len--;
    return s;
}

static bool is_word(otr_slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.ptr, word, s.len) == 0;
}

bool otr_is_text_plain(otr_slice value)
{
    const char *semicolon;

    value = trim(value);
    semicolon = memchr(value.ptr, ';', value.len);
    if (semicolon != NULL)
        value.len = (size_t)(semicolon - value.ptr);
    return is_word(trim(value), "text/plain");
}

/* A peer's text for people: what is not printable ASCII becomes '?', and it ends at a limit. */
static void show(otr_slice value, char shown[OTR_MEDIA_TYPE_MAX + 1])
{
    size_t len = value.len < OTR_MEDIA_TYPE_MAX ? value.len : OTR_MEDIA_TYPE_MAX;

    for (size_t i = 0; i < len; i++)
        shown[i] = value.ptr[i] >= ' ' && value.ptr[i] <= '~' ? value.ptr[i] : '?';
    shown[len] = '\0';
}

static void give_reason(otr_response *response, const char *what, otr_slice value)
{
    char shown[OTR_MEDIA_TYPE_MAX + 1];

    if (response->reason[0] != '\0')
        return;
    show(value, shown);
    snprintf(response->reason, sizeof(response->reason), "%s \"%s\"", what, shown);
}

/* status-line = "HTTP/" 1*DIGIT ["." DIGIT] SP 3DIGIT ... Codes 1xx are interim: another response follows. */
static bool take_status_line(otr_response *response, otr_slice line)
{
    const char *space = memchr(line.ptr, ' ', line.len);
    const char *end = line.ptr + line.len;
    size_t header_len = response->header_len;

    *response = (otr_response){ .header_len = header_len };
    if (space == NULL || end - space < 4 || !otr_is_digit(space[1]) || !otr_is_digit(space[2]) ||
        !otr_is_digit(space[3])) {
        give_reason(response, "not an HTTP status line:", line);
        return false;
    }
    response->status = (space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
    return true;
}

/* No coding was asked for (STS-FETCH-19); "chunked" frames a message and codes nothing. */
static void check_coding(otr_response *response, const char *what, otr_slice value, const char *allowed)
{
    if (!is_word(value, allowed) && !is_word(value, "identity"))
        give_reason(response, what, value);
}

static void take_field(otr_response *response, otr_slice name, otr_slice value)
{
    if (is_word(name, "Content-Encoding")) {
        check_coding(response, "content coding that was not asked for:", value, "identity");
    } else if (is_word(name, "Transfer-Encoding")) {
        check_coding(response, "transfer coding that was not asked for:", value, "chunked");
        response->is_framed = response->is_framed || is_word(value, "chunked");
    } else if (is_word(name, "Content-Length")) {
        response->is_framed = true;
    } else if (is_word(name, "Content-Type")) {
        if (!otr_is_text_plain(value))
            give_reason(response, "media type is not text/plain:", value);
        response->has_type = true;
        show(value, response->type);
    } else if (is_word(name, "Location")) {
        show(value, response->location);
    }
}

static bool end_header(otr_response *response)
{
    if (response->status >= 100 && response->status < 200) {
        response->reason[0] = '\0';
        return true;
    }
    response->is_final = true;
    if (response->status != 200)
        snprintf(response->reason, sizeof(response->reason), "HTTP status %ld%s", response->status,
                 response->status >= 300 && response->status < 400 ? ", and redirects are not followed" : "");
    else if (response->reason[0] == '\0' && !response->has_type)
        snprintf(response->reason, sizeof(response->reason), "no media type");
    return response->reason[0] == '\0';
}

bool otr_response_line(otr_response *response, const char *line, size_t len)
{
    otr_slice all = trim((otr_slice){ .ptr = line, .len = len });
    const char *colon = memchr(line, ':', len);

    response->header_len += len;
    if (response->header_len > OTR_RESPONSE_HEADER_LIMIT) {
        snprintf(response->reason, sizeof(response->reason), "header of more than %d octets",
                 OTR_RESPONSE_HEADER_LIMIT);
        return false;
    }
    if (response->is_final) /* trailers of a chunked body: nothing in them matters */
        return true;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
        return take_status_line(response, all);
    if (all.len == 0)
        return end_header(response);
    if (colon != NULL)
        take_field(response, (otr_slice){ .ptr = line, .len = (size_t)(colon - line) },
                   trim((otr_slice){ .ptr = colon + 1, .len = (size_t)(line + len - colon - 1) }));
    return true;
}

/*
 * reply.c - reading a reply.
 */
#include "smtp/reply.h"

#define CODE_LEN 3

void otr_smtp_reader_init(otr_smtp_reader *r)
{
    memset(r, 0, sizeof(*r));
}

static otr_smtp_progress refuse(otr_smtp_reader *r, const char *error)
{
    r->error = error;
    return OTR_SMTP_BAD;
}

/* ehlo-keyword [SP ehlo-param] (RFC 5321 §4.1.1.1); keywords have no case */
static bool is_keyword(otr_slice text, const char *keyword)
{
    size_t len = strlen(keyword);

    if (text.len < len || (text.len > len && text.ptr[len] != ' '))
        return false;
    for (size_t i = 0; i < len; i++)
        if (otr_to_lower(text.ptr[i]) != otr_to_lower(keyword[i]))
            return false;
    return true;
}

static void keep_text(otr_smtp_reply *reply, otr_slice text)
{
    size_t len = text.len < OTR_SMTP_TEXT_MAX ? text.len : OTR_SMTP_TEXT_MAX;

    for (size_t i = 0; i < len; i++)
        reply->text[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : '?';
    reply->text[len] = '\0';
}

/* Reply-code = %x32-35 %x30-35 %x30-39; a second digit that RFC 5321 has no meaning for is let pass. 0: none. */
static unsigned read_code(otr_slice line)
{
    if (line.len < CODE_LEN || line.ptr[0] < '2' || line.ptr[0] > '5' || !otr_is_digit(line.ptr[1]) ||
        !otr_is_digit(line.ptr[2]))
        return 0;
    return (unsigned)(line.ptr[0] - '0') * 100 + (unsigned)(line.ptr[1] - '0') * 10 + (unsigned)(line.ptr[2] - '0');
}

/* Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF   RFC 5321 §4.2 */
static otr_smtp_progress take_line(otr_smtp_reader *r, otr_slice line)
{
    otr_smtp_reply *reply = &r->reply;
    unsigned code = read_code(line);
    bool is_last = line.len == CODE_LEN || line.ptr[CODE_LEN] == ' ';
    otr_slice text = { .ptr = line.ptr + CODE_LEN + 1, .len = line.len > CODE_LEN ? line.len - CODE_LEN - 1 : 0 };

    if (code == 0)
        return refuse(r, "a line that does not begin with a reply code");
    if (!is_last && line.ptr[CODE_LEN] != '-')
        return refuse(r, "a reply code with neither space nor hyphen behind it");
    if (reply->lines > 0 && code != reply->code)
        return refuse(r, "a reply whose lines bear different codes");
    if (reply->lines == 0)
        keep_text(reply, text);
    else if (is_keyword(text, "STARTTLS"))
        reply->offers_starttls = true;
    reply->code = code;
    if (++reply->lines > OTR_SMTP_LINES_MAX)
        return refuse(r, "a reply of too many lines");
    r->line_len = 0;
    return is_last ? OTR_SMTP_DONE : OTR_SMTP_MORE;
}

static otr_smtp_progress take_octet(otr_smtp_reader *r, char octet)
{
    bool had_cr = r->has_cr;

    if (++r->octets > OTR_SMTP_REPLY_MAX)
        return refuse(r, "a reply of too many octets");
    if (r->line_len == sizeof(r->line))
        return refuse(r, "a line of too many octets");
    if (octet == '\0')
        return refuse(r, "a reply with a NUL");
    if (had_cr != (octet == '\n'))
        return refuse(r, had_cr ? "a CR without LF" : "a LF without CR");
    r->has_cr = octet == '\r';
    if (octet == '\n')
        return take_line(r, (otr_slice){ .ptr = r->line, .len = r->line_len - 1 });
    r->line[r->line_len++] = octet;
    return OTR_SMTP_MORE;
}

otr_smtp_progress otr_smtp_reader_take(otr_smtp_reader *r, const char *octets, size_t len, size_t *used)
{
    otr_smtp_progress progress = r->error != NULL ? OTR_SMTP_BAD : OTR_SMTP_MORE;
    size_t i = 0;

    while (i < len && progress == OTR_SMTP_MORE)
        progress = take_octet(r, octets[i++]);
    *used = i;
    return progress;
}

/*
 * smtp_reply_fuzz.c - an SMTP reply: the same however it is cut into pieces, never more than was given, printable, and within
 * its limits.
 */
#include "smtp/reply.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static otr_smtp_progress read_in_pieces(otr_smtp_reader *reader, const char *octets, size_t len, size_t piece, size_t *taken)
{
    otr_smtp_progress progress = OTR_SMTP_MORE;

    otr_smtp_reader_init(reader);
    *taken = 0;
    while (*taken < len && progress == OTR_SMTP_MORE) {
        size_t size = len - *taken < piece ? len - *taken : piece, used = 0;

        progress = otr_smtp_reader_take(reader, octets + *taken, size, &used);
        if (used > size || (progress == OTR_SMTP_MORE && used != size))
            abort();
        *taken += used;
    }
    return progress;
}

static void check_reply(const otr_smtp_reply *reply)
{
    if (reply->code < 200 || reply->code > 599 || reply->lines == 0 || reply->lines > OTR_SMTP_LINES_MAX)
        abort();
    for (const char *at = reply->text; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static otr_smtp_reader whole, single;
    size_t taken, taken_single;
    otr_smtp_progress progress = read_in_pieces(&whole, (const char *)data, size, size, &taken);

    if (read_in_pieces(&single, (const char *)data, size, 1, &taken_single) != progress || taken != taken_single)
        abort();
    if (progress == OTR_SMTP_DONE) {
        check_reply(&whole.reply);
        if (memcmp(&whole.reply, &single.reply, sizeof(whole.reply)) != 0 || memchr(data, '\0', taken) != NULL)
            abort();
    }
    if ((progress == OTR_SMTP_BAD) != (whole.error != NULL))
        abort();
    return 0;
}

/*
 * socketmap_fuzz.c - what a mail server sends to a socketmap: frames one after another, each whole, partial or broken whatever
 * piece of it has arrived; and what a whole one asks.
 */
#include "daemon/listen/netstring.h"
#include "daemon/listen/socketmap.h"

#include <stdint.h>
#include <stdlib.h>

#define LIMIT 1024 /* limits.request */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is known of the first octets of a frame is not taken back by those that follow. */
static void check_pieces(const char *at, size_t len, otr_netstring_state whole, size_t taken)
{
    size_t end = len < 2 * LIMIT ? len : 2 * LIMIT;

    for (size_t piece = 0; piece < end; piece++) {
        otr_slice content;
        size_t used = 0;
        otr_netstring_state state = otr_netstring_take(at, piece, LIMIT, &content, &used);

        if (state == OTR_NETSTRING_WHOLE && (whole != state || used != taken))
            abort();
        if (state == OTR_NETSTRING_BROKEN && whole != state)
            abort();
        if (state == OTR_NETSTRING_PARTIAL && whole == OTR_NETSTRING_WHOLE && piece >= taken)
            abort();
    }
}

static void check_choice(otr_slice request)
{
    otr_socketmap_choice choice;
    otr_slice reply;
    size_t taken;

    otr_socketmap_choose(request, &choice);
    if (choice.reply == NULL) {
        if (choice.is_refused || choice.destination.key[0] == '\0' || choice.destination.kind == OTR_TO_ADDRESS ||
            strlen(choice.destination.key) >= OTR_DESTINATION_SIZE)
            abort();
        return;
    }
    if (otr_netstring_take(choice.reply, strlen(choice.reply), LIMIT, &reply, &taken) != OTR_NETSTRING_WHOLE ||
        taken != strlen(choice.reply))
        abort();
}

/* A guess may be wrong, but lies in what has arrived. */
static void check_guess(otr_slice bytes)
{
    otr_slice key;

    if (otr_socketmap_peek(bytes, &key) && (key.ptr <= bytes.ptr || key.ptr + key.len >= bytes.ptr + bytes.len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    size_t len = size;

    check_guess((otr_slice){ at, size });
    check_choice((otr_slice){ at, size });
    for (;;) {
        otr_slice content;
        otr_buf again = OTR_BUF_INIT;
        size_t taken = 0;
        otr_netstring_state state = otr_netstring_take(at, len, LIMIT, &content, &taken);

        if (at == (const char *)data)
            check_pieces(at, len, state, taken);
        if (state != OTR_NETSTRING_WHOLE)
            break;
        if (taken > len || content.len > LIMIT || content.ptr < at || content.ptr + content.len >= at + taken)
            abort();
        otr_netstring_put(&again, content);
        if (again.err != OUTRIDER_OK || again.len != taken || memcmp(again.data, at, taken) != 0)
            abort();
        otr_buf_clear(&again);
        check_choice(content);
        at += taken;
        len -= taken;
    }
    return 0;
}

/*
 * repeat.c - see repeat.h. Within single quotes a shell takes every octet as it is but the quote itself.
 */
#include "cli/repeat.h"

#include "base/slice.h"

#include <string.h>

static bool is_plain(const char *word)
{
    for (const char *at = word; *at != '\0'; at++)
        if (!otr_is_alnum(*at) && strchr("-._/@%+=:,", *at) == NULL)
            return false;
    return *word != '\0';
}

void otr_put_word(otr_buf *out, const char *word)
{
    if (is_plain(word)) {
        otr_buf_puts(out, word);
        return;
    }
    otr_buf_putc(out, '\'');
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '\'')
            otr_buf_puts(out, "'\\''");
        else
            otr_buf_putc(out, *at);
    }
    otr_buf_putc(out, '\'');
}

void otr_put_option(otr_buf *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    otr_buf_printf(out, " %s ", name);
    otr_put_word(out, value);
}

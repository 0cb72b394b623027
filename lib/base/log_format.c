/*
 * log_format.c - lines, syslog datagrams and journal entries.
 */
#include "base/log_format.h"

#include <stdint.h>
#include <string.h>
#include <syslog.h>

const char *const otr_log_level_names[] = { "error", "warning", "notice", "info", "debug", NULL };

static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

static bool is_bare(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (value[i] <= ' ' || value[i] >= 0x7f || value[i] == '"' || value[i] == '\\' || value[i] == '=')
            return false;
    return len > 0;
}

/* A value without blanks stands bare; any other is quoted, with bytes outside printable ASCII as \xHH. */
static void put_value(otr_buf *line, const char *value)
{
    size_t len = strnlen(value, OTR_LOG_VALUE_MAX);
    bool is_cut = value[len] != '\0';

    if (!is_cut && is_bare(value, len)) {
        otr_buf_put(line, value, len);
        return;
    }
    otr_buf_putc(line, '"');
    for (size_t i = 0; i < len; i++) {
        if (value[i] == '"' || value[i] == '\\')
            otr_buf_printf(line, "\\%c", value[i]);
        else if (value[i] >= ' ' && value[i] < 0x7f)
            otr_buf_putc(line, value[i]);
        else
            otr_buf_printf(line, "\\x%02x", (unsigned char)value[i]);
    }
    otr_buf_puts(line, is_cut ? "...\"" : "\"");
}

void otr_log_put_line(otr_buf *out, otr_log_level level, const char *event, const otr_log_field *fields)
{
    size_t begin = out->len;

    otr_buf_printf(out, "level=%s event=%s", otr_log_level_names[level], event);
    for (const otr_log_field *f = fields; f->key != NULL && out->len - begin < OTR_LOG_LINE_MAX; f++) {
        if (f->value == NULL)
            continue;
        otr_buf_printf(out, " %s=", f->key);
        put_value(out, f->value);
    }
}

void otr_log_put_syslog(otr_buf *out, const otr_log_origin *origin, otr_log_level level, const char *line)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;

    localtime_r(&origin->now, &tm); /* RFC 3164 §4.1.2: local time, English names whatever the locale */
    otr_buf_printf(out, "<%d>%.3s %2d %02d:%02d:%02d %s[%ld]: %s", LOG_MAIL | priorities[level], months + 3 * tm.tm_mon,
                   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, origin->program, origin->pid, line);
}

/* A newline inside the value must not begin another field: then its length is said beforehand. */
static void put_field(otr_buf *out, const char *value, size_t len)
{
    if (memchr(value, '\n', len) == NULL) {
        otr_buf_putc(out, '=');
    } else {
        otr_buf_putc(out, '\n');
        for (int shift = 0; shift < 64; shift += 8)
            otr_buf_putc(out, (char)((uint64_t)len >> shift & 0xff));
    }
    otr_buf_put(out, value, len);
    otr_buf_putc(out, '\n');
}

/* The journal's names are upper-case letters, digits and underscores. */
static void put_name(otr_buf *out, const char *key)
{
    otr_buf_puts(out, "OUTRIDER_");
    for (; *key != '\0'; key++) {
        if (*key >= 'a' && *key <= 'z')
            otr_buf_putc(out, (char)(*key - 'a' + 'A'));
        else
            otr_buf_putc(out, (*key >= 'A' && *key <= 'Z') || (*key >= '0' && *key <= '9') ? *key : '_');
    }
}

void otr_log_put_journal(otr_buf *out, const otr_log_origin *origin, otr_log_level level, const char *event,
                         const otr_log_field *fields)
{
    otr_buf_puts(out, "MESSAGE=");
    otr_log_put_line(out, level, event, fields); /* escaped: it has no newline */
    otr_buf_printf(out, "\nPRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=%s\nSYSLOG_PID=%ld\nOUTRIDER_EVENT=%s\n",
                   priorities[level], LOG_MAIL >> 3, origin->program, origin->pid, event);
    for (const otr_log_field *f = fields; f->key != NULL; f++) {
        if (f->value == NULL)
            continue;
        put_name(out, f->key);
        put_field(out, f->value, strnlen(f->value, OTR_LOG_VALUE_MAX));
    }
}

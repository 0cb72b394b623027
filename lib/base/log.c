/*
 * log.c - event lines.
 */
#include "base/log.h"
#include "base/buf.h"

#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#define LINE_LIMIT 2048 /* a line longer than this is cut; peers decide how long some values are */

const char *const otr_log_level_names[] = { "error", "warning", "notice", "info", "debug", NULL };

static struct {
    bool to_stderr;
    otr_log_level most;
} sink = { .to_stderr = true, .most = OTR_LOG_NOTICE };

void otr_log_open(const char *program, bool to_stderr, otr_log_level most)
{
    sink.to_stderr = to_stderr;
    sink.most = most;
    if (!to_stderr)
        openlog(program, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

/* A value without blanks stands bare; any other is quoted, with bytes outside printable ASCII as \xHH. */
static void put_value(otr_buf *line, const char *value)
{
    bool bare = *value != '\0';

    for (const char *p = value; *p != '\0' && bare; p++)
        bare = *p > ' ' && *p < 0x7f && *p != '"' && *p != '\\' && *p != '=';
    if (bare) {
        otr_buf_puts(line, value);
        return;
    }
    otr_buf_putc(line, '"');
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            otr_buf_printf(line, "\\%c", *p);
        else if (*p >= ' ' && *p < 0x7f)
            otr_buf_putc(line, *p);
        else
            otr_buf_printf(line, "\\x%02x", (unsigned char)*p);
    }
    otr_buf_putc(line, '"');
}

void otr_log_event(otr_log_level level, const char *event, const otr_log_field *fields)
{
    static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };
    otr_buf line = OTR_BUF_INIT;

    if (level > sink.most)
        return;
    otr_buf_printf(&line, "level=%s event=%s", otr_log_level_names[level], event);
    for (const otr_log_field *f = fields; f->key != NULL && line.len < LINE_LIMIT; f++) {
        if (f->value == NULL)
            continue;
        otr_buf_printf(&line, " %s=", f->key);
        put_value(&line, f->value);
    }
    if (sink.to_stderr) {
        otr_buf_putc(&line, '\n');
        /* One write per line keeps lines of several threads apart; a full pipe must not stop mail. */
        ssize_t written = write(STDERR_FILENO, otr_buf_text(&line), line.len);

        (void)written; /* nowhere left to say so */
    } else {
        syslog(priorities[level], "%s", otr_buf_text(&line));
    }
    otr_buf_clear(&line);
}

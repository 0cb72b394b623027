/*
 * log_format.h - an event as the bytes that each sink takes. Pure, but for the time and the process id that are given.
 *
 *   line     level=notice event=verdict.changed domain=example.org
 *   syslog   <21>Nov 24 01:02:03 outriderd[42]: LINE                  (what syslog(3) sends to /dev/log)
 *   journal  MESSAGE=LINE, PRIORITY=5, OUTRIDER_EVENT=verdict.changed, OUTRIDER_DOMAIN=example.org, ...
 *            in the native protocol of systemd-journald: "NAME=value\n", or for a value with a newline
 *            "NAME\n", its length as 64 bits little-endian, the value, "\n"
 */
#ifndef OTR_BASE_LOG_FORMAT_H
#define OTR_BASE_LOG_FORMAT_H

#include "base/buf.h"
#include "base/log.h"

#include <time.h>

/* Peers decide how long some values are. Together these keep a line below 4096 octets, which a pipe takes whole. */
#define OTR_LOG_VALUE_MAX 480 /* octets of a value; the rest is replaced by "..." */
#define OTR_LOG_LINE_MAX 2000 /* a line that is longer gets no further fields */

typedef struct otr_log_origin {
    const char *program;
    long pid;
    time_t now;
} otr_log_origin;

void otr_log_put_line(otr_buf *out, otr_log_level level, const char *event, const otr_log_field *fields);
void otr_log_put_syslog(otr_buf *out, const otr_log_origin *origin, otr_log_level level, const char *line);
void otr_log_put_journal(otr_buf *out, const otr_log_origin *origin, otr_log_level level, const char *event,
                         const otr_log_field *fields);

#endif

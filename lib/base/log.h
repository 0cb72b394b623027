/*
 * log.h - one event, one line: "level=notice event=verdict.changed domain=example.org ...".
 * Only programs log; the library returns what it found. Values from outside are escaped, so a line stays
 * a line whatever a peer sends.
 *
 * Threads: any. Lines go to standard error (-f) or to syslog's mail facility.
 */
#ifndef OTR_BASE_LOG_H
#define OTR_BASE_LOG_H

#include <outrider/base.h>

#include <stdbool.h>

typedef enum otr_log_level {
    OTR_LOG_ERROR,
    OTR_LOG_WARNING,
    OTR_LOG_NOTICE,
    OTR_LOG_INFO,
    OTR_LOG_DEBUG
} otr_log_level;

typedef struct otr_log_field {
    const char *key;
    const char *value; /* NULL: the field is left out */
} otr_log_field;

/* The words of the levels, one table for the configuration and the printer; it ends with NULL. */
extern const char *const otr_log_level_names[];

/* Once at the start of a program, before any thread. Default: standard error, notice. */
void otr_log_open(const char *program, bool to_stderr, otr_log_level most);

/*
 * Write one line. `event` is a stable name such as "sts.refresh.failed"; the fields end with one whose key
 * is NULL. Use the macro: OTR_LOG(OTR_LOG_NOTICE, "verdict.changed", { "domain", d }, { "level", l });
 */
void otr_log_event(otr_log_level level, const char *event, const otr_log_field *fields);
#define OTR_LOG(level, event, ...) \
    otr_log_event((level), (event), (const otr_log_field[]){ __VA_ARGS__ __VA_OPT__(,) { NULL, NULL } })

#endif

/*
 * log.h - one event, one line: "level=notice event=verdict.changed domain=example.org ...".
 * Only programs log; the library returns what it found. Values from outside are escaped, so a line stays
 * a line whatever a peer sends.
 *
 * Sinks    standard error; syslog (facility mail, by /dev/log); the systemd journal, where each field is one of its own
 *          as well (base/log_format.h).
 * No wait  Writing never blocks: the threads that log are those that answer mail servers. A line that the sink does not
 *          take at once is lost, and counted; when the sink takes lines again, "log.lost" says how many it missed.
 * Threads  any.
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

typedef enum otr_log_sink {
    OTR_LOG_AUTO, /* the journal if standard error leads there; else standard error in the foreground, syslog else */
    OTR_LOG_STDERR,
    OTR_LOG_SYSLOG,
    OTR_LOG_JOURNAL
} otr_log_sink;

typedef struct otr_log_field {
    const char *key;
    const char *value; /* NULL: the field is left out */
} otr_log_field;

/* The words of the levels and sinks, one table for the configuration and the printer; they end with NULL. */
extern const char *const otr_log_level_names[];
extern const char *const otr_log_sink_names[];

/* Once at the start of a program, before any thread. Default: standard error, notice. */
void otr_log_open(const char *program, otr_log_sink sink, bool is_foreground, otr_log_level most);

/*
 * Write one line. `event` is a stable name such as "sts.refresh.failed"; the fields end with one whose key
 * is NULL. Use the macro: OTR_LOG(OTR_LOG_NOTICE, "verdict.changed", { "domain", d }, { "level", l });
 */
void otr_log_event(otr_log_level level, const char *event, const otr_log_field *fields);
#define OTR_LOG(level, event, ...) \
    otr_log_event((level), (event), (const otr_log_field[]){ __VA_ARGS__ __VA_OPT__(,) { NULL, NULL } })

/* Whether such a line would be written: for those that cost something to make. */
bool otr_log_is_on(otr_log_level level);

/* Lines that no sink took, since the start. */
unsigned long otr_log_lost(void);

#endif

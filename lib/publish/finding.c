/*
 * finding.c - gathering what is to be said.
 */
#include "publish/finding.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_SIZE 600

const char *const otr_finding_status_names[] = {
    [OTR_FINDING_OK] = "ok",           [OTR_FINDING_INFO] = "info",         [OTR_FINDING_WARNING] = "warning",
    [OTR_FINDING_UNKNOWN] = "unknown", [OTR_FINDING_CRITICAL] = "critical",
};

otr_finding_status otr_findings_worst(const otr_findings *f)
{
    otr_finding_status worst = OTR_FINDING_OK;

    for (size_t i = 0; i < f->count; i++)
        if (f->list[i].status > worst)
            worst = f->list[i].status;
    return worst;
}

/* Words of servers and certificates come in here, so what is kept is printable. */
void otr_finding_add(otr_findings *f, const char *id, otr_finding_status status, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    otr_buf printable = OTR_BUF_INIT;
    va_list args;
    size_t at = f->count;

    if (at == OTR_FINDINGS_MAX) {
        if (status <= otr_findings_worst(f))
            return;
        at--;
    } else {
        f->count++;
    }
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    otr_buf_put_printable(&printable, message, sizeof(message));
    f->list[at] = (otr_finding){ .id = id, .status = status, .message = otr_arena_text(f->arena, otr_buf_text(&printable)) };
    otr_buf_clear(&printable);
}

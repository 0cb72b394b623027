/*
 * finding.c - gathering what is to be said.
 */
#include "publish/finding.h"

#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_SIZE 600

unsigned otr_check_badness(otr_check_status status)
{
    switch (status) {
    case OTR_CHECK_OK:
    case OTR_CHECK_SKIPPED: return 0;
    case OTR_CHECK_INFO: return 1;
    case OTR_CHECK_WARNING: return 2;
    case OTR_CHECK_UNKNOWN: return 3;
    case OTR_CHECK_CRITICAL: return 4;
    }
    return 4;
}

otr_check_status otr_findings_worst(const otr_findings *f)
{
    otr_check_status worst = OTR_CHECK_OK;

    for (size_t i = 0; i < f->count; i++)
        if (otr_check_badness(f->list[i].status) > otr_check_badness(worst))
            worst = f->list[i].status;
    return worst;
}

/* Words of servers and certificates come in here, so what is kept is printable. */
void otr_finding_add(otr_findings *f, const char *id, otr_check_status status, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    otr_buf printable = OTR_BUF_INIT;
    va_list args;
    size_t at = f->count;

    if (at == OTR_FINDINGS_MAX) {
        if (otr_check_badness(status) <= otr_check_badness(otr_findings_worst(f)))
            return;
        at--;
    } else {
        f->count++;
    }
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    otr_buf_put_printable(&printable, message, sizeof(message));
    f->list[at] = (otr_check_result){ .kind = otr_check_kind_of(id), .id = id, .status = status, .host = f->host != NULL ? f->host : "", .address = "",
                                       .message = otr_arena_text(f->arena, otr_buf_text(&printable)), .found = "", .expected = "",
                                       .fix = "" };
    assert(f->list[at].kind != NULL);
    otr_buf_clear(&printable);
}

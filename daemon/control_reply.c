/*
 * control_reply.c - answers to operators, as lines of JSON.
 */
#include "daemon/control_reply.h"

#include "base/buf.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

char *otr_control_line(json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    size_t len = text != NULL ? strlen(text) : 0;
    char *line = text != NULL ? malloc(len + 2) : NULL;

    if (line != NULL) {
        memcpy(line, text, len);
        memcpy(line + len, "\n", 2);
    }
    free(text);
    json_decref(object);
    return line;
}

static int status_of(outrider_err err)
{
    switch (err) {
    case OUTRIDER_OK:
        return EX_OK;
    case OUTRIDER_E_SYNTAX:
    case OUTRIDER_E_LIMIT:
    case OUTRIDER_E_CONFIG:
        return EX_DATAERR;
    case OUTRIDER_E_IO:
        return EX_IOERR;
    case OUTRIDER_E_NOMEM:
        break;
    }
    return EX_OSERR;
}

char *otr_control_refusal(outrider_err err, const char *message)
{
    otr_buf clean = OTR_BUF_INIT;
    char *line;

    otr_buf_put_printable(&clean, message, sizeof(((outrider_diag *)0)->message));
    line = otr_control_line(json_pack("{s:b, s:i, s:s}", "ok", 0, "status", status_of(err), "error", otr_buf_text(&clean)));
    otr_buf_clear(&clean);
    return line;
}

/*
 * expiry.c - exceptions end by themselves, also while outriderd does not run. From its end on an exception is in no
 * anchors that are made; here they are made, at most a moment later.
 */
#include "base/log.h"
#include "daemon/keeper/inside.h"

static bool is_over(const void *now, const otr_exception *e)
{
    return e->until <= *(const otr_time *)now;
}

static bool is_left(const void *now, const otr_exception *e)
{
    return !is_over(now, e);
}

bool otr_keeper_expire(otr_keeper *keeper)
{
    otr_time end = otr_exceptions_first_end(&keeper->exceptions), now = otr_clock_now(keeper->clock);
    outrider_diag diag = { .message = "out of memory" };
    outrider_err err = OUTRIDER_E_NOMEM;
    otr_change *change;

    if (end == 0 || now < end)
        return false;
    change = otr_change_new();
    if (change != NULL)
        err = otr_exceptions_copy(&keeper->exceptions, is_left, &now, &change->exceptions);
    if (err == OUTRIDER_OK)
        err = otr_exceptions_copy(&keeper->exceptions, is_over, &now, &change->dropped);
    if (err == OUTRIDER_OK)
        err = otr_change_compile(keeper, change, now, &diag);
    if (err == OUTRIDER_OK) {
        change->is_due = true;
        err = otr_change_make(keeper, change, &diag);
    }
    if (err != OUTRIDER_OK) {
        OTR_LOG(OTR_LOG_ERROR, "trust.failed", { "doing", "ending exceptions" }, { "error", diag.message },
                { "effect", "tried again" });
        otr_change_free(change);
        return false;
    }
    for (size_t i = 0; i < change->dropped.count; i++)
        otr_log_exception("trust.expired", &change->dropped.list[i], -1);
    return true;
}

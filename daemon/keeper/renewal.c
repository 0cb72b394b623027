/*
 * renewal.c - a file of the rules has changed on disk: read it, find out who would be affected, say so, and only then
 * use it. Requests and ends of exceptions do not wait for any of this. A file that cannot be used changes nothing: the
 * roots that were read before go on.
 */
#include "base/diag.h"
#include "base/log.h"
#include "daemon/keeper/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADOPT_AGAIN_S 60
#define NAMES_MAX 20 /* roots that are named in one line */

/* What it is about --------------------------------------------------------------------------------------------- */

/* "NAME, NAME", and how many. */
static size_t put_names(const STACK_OF(X509) *roots, otr_buf *names)
{
    char name[OTR_CERT_NAME_SIZE];
    int count = sk_X509_num(roots); /* of NULL there are -1: memory was short */

    for (int i = 0; i < count && i < NAMES_MAX; i++)
        otr_buf_printf(names, "%s%s", i > 0 ? ", " : "", otr_cert_name(sk_X509_value(roots, i), name));
    if (count > NAMES_MAX)
        otr_buf_printf(names, ", and %d more", count - NAMES_MAX);
    return count > 0 ? (size_t)count : 0;
}

static void put_counts(const otr_preview_result *result, otr_buf *out)
{
    for (int class = 0; class < OTR_EFFECT_COUNT; class++)
        if (result->counts[class] > 0)
            otr_buf_printf(out, "%s%s=%llu", out->len > 0 ? " " : "", otr_effect_letters[class],
                           (unsigned long long)result->counts[class]);
}

static void log_worst(const otr_preview_result *result)
{
    char when[OTR_TIME_TEXT];

    for (size_t i = 0; i < result->worst_count; i++) {
        const otr_affected *a = &result->worst[i];

        OTR_LOG(a->effect.class == OTR_EFFECT_UNKNOWN ? OTR_LOG_WARNING : OTR_LOG_ERROR, "trust.affected",
                { "destination", a->domain }, { "class", otr_effect_letters[a->effect.class] },
                { "when", a->effect.when != 0 ? otr_time_text(a->effect.when, when) : NULL },
                { "reason", a->effect.reason });
    }
}

static void log_change(const otr_anchors *before, const otr_anchors *after, const otr_preview_result *result)
{
    STACK_OF(X509) *leaving = NULL, *coming = NULL;
    otr_buf added = OTR_BUF_INIT, removed = OTR_BUF_INIT, counts = OTR_BUF_INIT;
    size_t lost, won;

    (void)otr_anchors_compare(before, after, &leaving, &coming); /* what memory does not suffice for is not named */
    lost = put_names(leaving, &removed);
    won = put_names(coming, &added);
    put_counts(result, &counts);
    OTR_LOG(lost > 0 ? OTR_LOG_WARNING : won > 0 ? OTR_LOG_NOTICE : OTR_LOG_INFO, "trust.bundle.changed", { "added", otr_buf_text(&added) },
            { "removed", otr_buf_text(&removed) }, { "affected", otr_buf_text(&counts) },
            { "error", result->err != OUTRIDER_OK ? result->error : NULL });
    log_worst(result);
    sk_X509_pop_free(leaving, X509_free);
    sk_X509_pop_free(coming, X509_free);
    otr_buf_clear(&added);
    otr_buf_clear(&removed);
    otr_buf_clear(&counts);
}

/* Reading ------------------------------------------------------------------------------------------------------ */

static void log_refusal(const char *error)
{
    OTR_LOG(OTR_LOG_ERROR, "trust.bundle.failed", { "error", error },
            { "effect", "the roots that were read before go on" });
}

/* Both worlds, the exceptions being the same in each. */
static outrider_err start_preview(otr_keeper *keeper, outrider_diag *diag)
{
    otr_time now = otr_clock_now(keeper->clock);
    const otr_list *own = &keeper->conf->own_hosts;
    otr_anchors *after = NULL;
    outrider_err err = otr_rule_book_compile(keeper->next_book, keeper->exceptions.list, keeper->exceptions.count, now, NULL,
                                             &after, diag);

    if (err != OUTRIDER_OK)
        return err;
    keeper->preview = otr_preview_start(keeper->store, now, own->count > 0 ? own->values : NULL, keeper->trust->anchors,
                                        after, &keeper->box);
    otr_anchors_free(after);
    return keeper->preview != NULL ? OUTRIDER_OK
                                   : otr_fail(diag, OUTRIDER_E_NOMEM, "cannot start a thread to find out who is affected");
}

void otr_keeper_look_at_files(otr_keeper *keeper)
{
    otr_rule_book *book = NULL;
    outrider_diag diag = { 0 };
    outrider_err err;

    if (keeper->preview != NULL || !otr_bundle_watch_look(keeper->watch))
        return;
    err = otr_rule_book_read(keeper->conf, &book, &diag);
    if (!otr_bundle_watch_settle(keeper->watch)) { /* it went on while we read */
        otr_rule_book_free(book);
        return;
    }
    if (err != OUTRIDER_OK) {
        log_refusal(diag.message);
        return;
    }
    otr_rule_book_free(keeper->next_book); /* one that could not be taken over so far is out of date */
    keeper->next_book = book;
    keeper->adopt_after = 0;
    if (start_preview(keeper, &diag) != OUTRIDER_OK) {
        log_refusal(diag.message);
        otr_rule_book_free(keeper->next_book);
        keeper->next_book = NULL;
    }
}

/* Using -------------------------------------------------------------------------------------------------------- */

void otr_keeper_previewed(otr_keeper *keeper)
{
    const otr_preview_result *result = otr_preview_result_of(keeper->preview);
    otr_anchors *after = NULL;
    outrider_diag diag;

    for (int class = 0; class < OTR_EFFECT_COUNT; class++)
        atomic_store_explicit(&keeper->counts.affected[class], result->counts[class], memory_order_relaxed);
    atomic_store_explicit(&keeper->counts.files_changed_at, (uint64_t)otr_clock_now(keeper->clock), memory_order_relaxed);
    if (otr_rule_book_compile(keeper->next_book, keeper->exceptions.list, keeper->exceptions.count,
                              otr_clock_now(keeper->clock), NULL, &after, &diag) == OUTRIDER_OK) {
        log_change(keeper->trust->anchors, after, result);
        otr_anchors_free(after);
    }
    otr_preview_free(keeper->preview);
    keeper->preview = NULL;
}

static outrider_err adopt(otr_keeper *keeper, otr_change *change, outrider_diag *diag)
{
    outrider_err err = otr_exceptions_copy(&keeper->exceptions, NULL, NULL, &change->exceptions);

    change->book = keeper->next_book;
    keeper->next_book = NULL;
    if (err == OUTRIDER_OK)
        err = otr_change_compile(keeper, change, otr_clock_now(keeper->clock), diag);
    if (err == OUTRIDER_OK)
        err = otr_change_make(keeper, change, diag);
    if (err != OUTRIDER_OK) {
        keeper->next_book = change->book;
        change->book = NULL;
    }
    return err;
}

bool otr_keeper_renew(otr_keeper *keeper)
{
    otr_time now = otr_clock_now(keeper->clock);
    outrider_diag diag = { .message = "out of memory" };
    otr_change *change;

    if (keeper->next_book == NULL || keeper->preview != NULL || now < keeper->adopt_after)
        return false;
    change = otr_change_new();
    if (change != NULL && adopt(keeper, change, &diag) == OUTRIDER_OK) {
        keeper->adopt_after = 0;
        return true;
    }
    log_refusal(diag.message);
    otr_change_free(change);
    keeper->adopt_after = now + ADOPT_AGAIN_S;
    return false;
}

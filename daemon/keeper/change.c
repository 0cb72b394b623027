/*
 * change.c - one change of what is trusted, step by step. Everything that can fail comes before the store, and after it
 * nothing does: mail to the resolver threads is allocated beforehand.
 */
#include "base/diag.h"
#include "base/log.h"
#include "daemon/keeper/inside.h"
#include "store/store_trust.h"

#include <stdio.h>
#include <stdlib.h>

otr_change *otr_change_new(void)
{
    return calloc(1, sizeof(otr_change));
}

void otr_change_free(otr_change *change)
{
    if (change == NULL)
        return;
    otr_exceptions_clear(&change->exceptions);
    otr_exceptions_clear(&change->added);
    otr_exceptions_clear(&change->dropped);
    free(change->removals);
    otr_rule_book_free(change->book);
    otr_trust_unref(change->trust);
    for (size_t i = 0; change->swaps != NULL && i < change->waiting; i++)
        otr_swap_free(change->swaps[i]);
    free(change->swaps);
    otr_job_free(change->job);
    free(change->reply);
    free(change);
}

outrider_err otr_change_compile(const otr_keeper *keeper, otr_change *change, otr_time now, outrider_diag *diag)
{
    const otr_rule_book *book = change->book != NULL ? change->book : keeper->book;
    otr_time roots_at = change->book != NULL ? now : keeper->trust != NULL ? keeper->trust->roots_at : 0;
    otr_anchors *anchors = NULL;
    outrider_err err = otr_rule_book_compile(book, change->exceptions.list, change->exceptions.count, now, NULL, &anchors,
                                             diag);

    if (err != OUTRIDER_OK)
        return err;
    otr_trust_unref(change->trust);
    change->trust = otr_trust_new(anchors, roots_at, change->exceptions.list, change->exceptions.count);
    return change->trust != NULL ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
}

static outrider_err write_swaps(otr_keeper *keeper, otr_change *change, outrider_diag *diag)
{
    change->swaps = calloc(keeper->worker_count + 1, sizeof(*change->swaps));
    for (size_t i = 0; change->swaps != NULL && i < keeper->worker_count; i++) {
        change->swaps[i] = otr_swap_new(change->trust, &keeper->box);
        if (change->swaps[i] == NULL)
            break;
        change->waiting++;
    }
    return change->swaps != NULL && change->waiting == keeper->worker_count
               ? OUTRIDER_OK
               : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
}

/* A destination whose file is missing waits: mail servers defer where they cannot read what they are told of. */
static outrider_err write_files(otr_keeper *keeper, const otr_change *change, outrider_diag *diag)
{
    outrider_err err = otr_anchor_files_add(&keeper->folders, change->trust->anchors, keeper->trust->anchors, diag);

    if (err == OUTRIDER_OK || !change->is_due)
        return err;
    keeper->lacks_files = true;
    OTR_LOG(OTR_LOG_ERROR, "trust.files.failed", { "error", diag->message },
            { "effect", "mail that needs this file waits until it can be written" });
    return OUTRIDER_OK;
}

static outrider_err save(const otr_keeper *keeper, const otr_change *change, outrider_diag *diag)
{
    outrider_err err = OUTRIDER_OK;

    if (change->added.count > 0)
        err = otr_store_put_exceptions(keeper->store, change->added.list, change->added.count, diag);
    else if (change->removals != NULL)
        err = otr_store_remove_exceptions(keeper->store, change->dropped.list, change->removals, change->dropped.count, diag);
    else if (change->dropped.count > 0)
        err = otr_store_drop_exceptions(keeper->store, change->dropped.list, change->dropped.count, diag);
    if (err == OUTRIDER_OK || !change->is_due)
        return err;
    OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", "removing exceptions that have ended" }, { "error", diag->message });
    return OUTRIDER_OK;
}

static void post_swaps(const otr_keeper *keeper, otr_change *change)
{
    for (size_t i = 0; i < change->waiting; i++)
        otr_worker_swap(keeper->workers[i], change->swaps[i]);
    free(change->swaps);
    change->swaps = NULL;
}

static void commit(otr_keeper *keeper, otr_change *change)
{
    otr_exceptions former = keeper->exceptions;

    otr_anchor_files_part(&keeper->folders, keeper->trust->anchors, change->trust->anchors);
    keeper->exceptions = change->exceptions;
    change->exceptions = former;
    if (change->book != NULL) {
        change->is_renewal = true;
        otr_rule_book_free(keeper->book);
        keeper->book = change->book;
        change->book = NULL;
    }
    otr_trust_unref(keeper->trust);
    keeper->trust = otr_trust_ref(change->trust);
    keeper->change = change;
    atomic_store_explicit(&keeper->counts.changed_at, (uint64_t)otr_clock_now(keeper->clock), memory_order_relaxed);
    otr_keeper_count(keeper);
    post_swaps(keeper, change);
}

outrider_err otr_change_make(otr_keeper *keeper, otr_change *change, outrider_diag *diag)
{
    outrider_err err = write_swaps(keeper, change, diag);

    if (err == OUTRIDER_OK)
        err = write_files(keeper, change, diag);
    if (err == OUTRIDER_OK)
        err = save(keeper, change, diag);
    if (err == OUTRIDER_OK)
        commit(keeper, change);
    return err;
}

static void finish(otr_keeper *keeper)
{
    otr_change *change = keeper->change;
    char count[24];

    keeper->change = NULL;
    snprintf(count, sizeof(count), "%zu", change->remade);
    OTR_LOG(change->is_renewal ? OTR_LOG_NOTICE : OTR_LOG_INFO, "trust.applied", { "answers", count });
    if (change->job != NULL) {
        change->job->reply = change->reply;
        change->reply = NULL;
        otr_job_return(change->job);
        change->job = NULL;
    }
    otr_change_free(change);
}

void otr_change_acknowledged(otr_keeper *keeper, const otr_swap *swap)
{
    otr_change *change = keeper->change;

    change->remade += swap->remade;
    if (--change->waiting == 0)
        finish(keeper);
}

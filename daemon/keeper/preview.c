/*
 * preview.c - the thread that tries the new anchors on all that is recorded.
 */
#include "daemon/keeper/preview.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct otr_preview {
    otr_mail mail;       /* first */
    otr_mailbox *done;   /* borrowed */
    otr_store *store;    /* borrowed */
    otr_time now;
    const char *const *own_hosts; /* borrowed */
    otr_anchors *before, *after;  /* owned references */
    pthread_t thread;
    _Atomic bool is_cancelled;
    bool has_ended; /* the thread, and was waited for */
    otr_preview_result result;
};

/* Among equals the order of names decides. */
static bool is_worse(const otr_effect *a, const otr_effect *b)
{
    return a->class < b->class;
}

/* D, G, E and unknown: what an operator has to do something about. */
static bool is_bad(const otr_effect *effect)
{
    return effect->class <= OTR_EFFECT_UNKNOWN;
}

static void keep(otr_preview_result *result, const char *domain, const otr_effect *effect)
{
    size_t at = result->worst_count;

    while (at > 0 && is_worse(effect, &result->worst[at - 1].effect))
        at--;
    if (at == OTR_PREVIEW_WORST_MAX)
        return;
    if (result->worst_count < OTR_PREVIEW_WORST_MAX)
        result->worst_count++;
    memmove(&result->worst[at + 1], &result->worst[at], (result->worst_count - 1 - at) * sizeof(result->worst[0]));
    snprintf(result->worst[at].domain, sizeof(result->worst[at].domain), "%s", domain);
    result->worst[at].effect = *effect;
}

static bool visit(void *arg, const otr_dependant *dependant)
{
    otr_preview *preview = arg;
    otr_preview_result *result = &preview->result;
    outrider_diag diag = { 0 };
    otr_effect effect;
    outrider_err err = otr_effect_judge(dependant, preview->before, preview->after, preview->now, &effect, &diag);

    if (err != OUTRIDER_OK) {
        result->err = err;
        snprintf(result->error, sizeof(result->error), "%s", diag.message);
    } else {
        result->counts[effect.class]++;
        if (is_bad(&effect))
            keep(result, dependant->domain, &effect);
    }
    return atomic_load(&preview->is_cancelled);
}

static void *run(void *arg)
{
    otr_preview *preview = arg;
    outrider_diag diag = { 0 };
    outrider_err err = otr_store_each_dependant(preview->store, preview->now, preview->own_hosts, visit, preview, &diag);

    if (err != OUTRIDER_OK && preview->result.err == OUTRIDER_OK) {
        preview->result.err = err;
        snprintf(preview->result.error, sizeof(preview->result.error), "%s", diag.message);
    }
    otr_mailbox_post(preview->done, &preview->mail);
    return NULL;
}

otr_preview *otr_preview_start(otr_store *store, otr_time now, const char *const *own_hosts, otr_anchors *before,
                               otr_anchors *after, otr_mailbox *done)
{
    otr_preview *preview = calloc(1, sizeof(*preview));

    if (preview == NULL)
        return NULL;
    preview->mail.kind = OTR_MAIL_PREVIEW;
    preview->done = done;
    preview->store = store;
    preview->now = now;
    preview->own_hosts = own_hosts;
    preview->before = otr_anchors_ref(before);
    preview->after = otr_anchors_ref(after);
    atomic_init(&preview->is_cancelled, false);
    if (pthread_create(&preview->thread, NULL, run, preview) == 0)
        return preview;
    otr_anchors_free(preview->before);
    otr_anchors_free(preview->after);
    free(preview);
    return NULL;
}

const otr_preview_result *otr_preview_result_of(const otr_preview *preview)
{
    return &preview->result;
}

void otr_preview_stop(otr_preview *preview)
{
    if (preview == NULL || preview->has_ended)
        return;
    atomic_store(&preview->is_cancelled, true);
    pthread_join(preview->thread, NULL);
    preview->has_ended = true;
}

void otr_preview_free(otr_preview *preview)
{
    if (preview == NULL)
        return;
    otr_preview_stop(preview);
    otr_anchors_free(preview->before);
    otr_anchors_free(preview->after);
    free(preview);
}

/*
 * answer.c - rendering the replies of a verdict.
 */
#include "daemon/answer.h"

#include "daemon/listen/netstring.h"

#include <stdlib.h>

char otr_rcu_grace;

/* The replies one behind the other in `all`, and where each ends. */
static void render(const otr_verdict *verdict, const otr_anchor_views *views, otr_buf *all, uint32_t ends[])
{
    otr_buf one = OTR_BUF_INIT;

    for (int form = 0; form < OTR_FORM_READY_COUNT; form++) {
        otr_buf_reset(&one);
        switch ((otr_form)form) {
        case OTR_FORM_POSTFIX_TLSRPT:
            otr_render_postfix_tlsrpt(verdict, views, &one);
            if (one.len <= OTR_REPLY_MAX)
                break;
            otr_buf_reset(&one);
            /* fall through */
        case OTR_FORM_POSTFIX:
            otr_render_postfix(verdict, views, &one);
            break;
        case OTR_FORM_SENDMAIL:
            otr_render_sendmail(verdict, &one);
            break;
        case OTR_FORM_EXIM:
            otr_render_exim(verdict, views, &one);
            break;
        case OTR_FORM_JSON:
        case OTR_FORM_TEXT:
        case OTR_FORM_EXPLAIN:
            break;
        }
        if (one.err != OUTRIDER_OK)
            all->err = one.err;
        else if (form == OTR_FORM_EXIM)
            otr_buf_put(all, one.data, one.len);
        else
            otr_netstring_put(all, (otr_slice){ otr_buf_text(&one), one.len });
        ends[form] = (uint32_t)all->len;
    }
    otr_buf_clear(&one);
}

otr_answer *otr_answer_new(otr_verdict *verdict, const otr_anchor_views *views, otr_time valid_until)
{
    otr_buf all = OTR_BUF_INIT;
    const char *key = verdict->destination.key;
    size_t key_size = strlen(key) + 1;
    uint32_t ends[OTR_FORM_READY_COUNT];
    otr_answer *answer = NULL;

    render(verdict, views, &all, ends);
    if (all.err == OUTRIDER_OK)
        answer = malloc(sizeof(*answer) + key_size + all.len);
    if (answer == NULL)
        goto out;
    memset(answer, 0, sizeof(*answer));
    memcpy(answer->bytes, key, key_size);
    memcpy(answer->bytes + key_size, otr_buf_text(&all), all.len);
    memcpy(answer->ends, ends, sizeof(ends));
    answer->key_size = (uint16_t)key_size;
    answer->level = (uint8_t)verdict->level;
    answer->ready = (1u << OTR_FORM_READY_COUNT) - 1;
    answer->verdict = verdict;
    answer->valid_until = valid_until;
    atomic_init(&answer->used_at, 0);
    atomic_init(&answer->uses, 0);
    atomic_init(&answer->refs, 1);
out:
    otr_buf_clear(&all);
    return answer;
}

otr_answer *otr_answer_rest(const otr_answer *answer, otr_shared_texts *texts)
{
    uint8_t ready = answer->ready & atomic_load_explicit(&answer->asked, memory_order_relaxed);
    otr_answer *rest = calloc(1, sizeof(*rest) + answer->key_size);
    otr_buf replies = OTR_BUF_INIT;

    if (rest == NULL)
        return NULL;
    for (int form = 0; form < OTR_FORM_READY_COUNT; form++) {
        otr_slice reply = otr_answer_reply(answer, (otr_form)form);

        if ((ready >> form & 1) != 0)
            otr_buf_put(&replies, reply.ptr, reply.len);
        rest->ends[form] = (uint32_t)replies.len;
    }
    if (replies.err == OUTRIDER_OK)
        rest->shared = otr_shared_text_get(texts, (otr_slice){ otr_buf_text(&replies), replies.len });
    otr_buf_clear(&replies);
    if (rest->shared == NULL) {
        free(rest);
        return NULL;
    }
    rest->is_at_rest = true;
    memcpy(rest->bytes, answer->bytes, answer->key_size);
    rest->key_size = answer->key_size;
    rest->valid_until = answer->valid_until;
    rest->level = answer->level;
    rest->ready = ready;
    atomic_init(&rest->refs, 1);
    otr_answer_inherit(rest, answer);
    return rest;
}

void otr_answer_inherit(otr_answer *answer, const otr_answer *former)
{
    otr_answer_inherit_use(answer, atomic_load_explicit(&former->used_at, memory_order_relaxed));
    atomic_store_explicit(&answer->uses, atomic_load_explicit(&former->uses, memory_order_relaxed), memory_order_relaxed);
    otr_answer_inherit_forms(answer, former);
}

void otr_answer_inherit_forms(otr_answer *answer, const otr_answer *former)
{
    atomic_fetch_or_explicit(&answer->asked, atomic_load_explicit(&former->asked, memory_order_relaxed), memory_order_relaxed);
}

size_t otr_answer_octets(const otr_answer *answer)
{
    size_t own = sizeof(*answer) + answer->key_size + answer->ends[OTR_FORM_READY_COUNT - 1];

    return answer->is_at_rest ? own + sizeof(*answer->shared) : own + otr_arena_size(answer->verdict->arena);
}

otr_answer *otr_answer_ref(otr_answer *answer)
{
    atomic_fetch_add_explicit(&answer->refs, 1, memory_order_relaxed);
    return answer;
}

void otr_answer_unref(otr_answer *answer)
{
    if (answer == NULL || atomic_fetch_sub_explicit(&answer->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (answer->is_at_rest)
        otr_shared_text_unref(answer->shared);
    else
        otr_verdict_unref(answer->verdict);
    free(answer);
}

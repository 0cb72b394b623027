/*
 * answer.h - a verdict with its replies as bytes: rendered once, when the verdict is made, and sent as they are.
 * Immutable but for its note of use, counted by reference. Threads: any.
 */
#ifndef OTR_DAEMON_ANSWER_H
#define OTR_DAEMON_ANSWER_H

#include "daemon/form.h"
#include "daemon/rcu.h"
#include "daemon/shared_text.h"
#include "verdict/render.h"
#include "verdict/verdict.h"

#include <stdatomic.h>

/* Postfix before 3.10 refuses replies over 100000 octets. A reply with TLSRPT attributes that would be
 * longer is sent without them. */
#define OTR_REPLY_MAX 90000

/* What a warm answer looks at comes first, on one cache line; the key and its replies lie behind. */
typedef struct otr_answer {
    struct otr_answer *_Atomic next; /* in its bucket of the cache */
    uint64_t hash;             /* of the key, by the cache */
    otr_time valid_until;
    _Atomic otr_time used_at;  /* when a client last got it; 0: not since it was made */
    _Atomic uint32_t uses;     /* seconds in which a client got it, since it was last counted */
    _Atomic unsigned refs;
    uint32_t ends[OTR_FORM_READY_COUNT]; /* of the replies, behind the key and one another */
    uint16_t key_size;         /* with its NUL */
    uint8_t level;             /* otr_level */
    uint8_t ready;             /* one bit a form: its reply is here */
    _Atomic uint8_t asked;     /* one bit a form: clients ask for it */
    bool is_at_rest;           /* the destination is (flow/rest.h) */
    union {
        otr_verdict *verdict;    /* owned reference */
        otr_shared_text *shared; /* at rest; owned reference: the replies */
    };
    struct otr_cache *cache;   /* borrowed: the one it was put into */
    struct rcu_head rcu;
    char bytes[];              /* key; replies, unless they are shared */
} otr_answer;

/* One reference. The verdict's reference is taken over on success. NULL: out of memory. */
otr_answer *otr_answer_new(otr_verdict *verdict, const otr_anchor_views *views, otr_time valid_until);
otr_answer *otr_answer_ref(otr_answer *answer);
void otr_answer_unref(otr_answer *answer); /* NULL is fine */

/*
 * The same for a destination at rest: without the verdict, and with no forms but those that were asked for. One reference; the
 * note of use is as it was. NULL: out of memory.
 */
otr_answer *otr_answer_rest(const otr_answer *answer, otr_shared_texts *texts);
void otr_answer_inherit(otr_answer *answer, const otr_answer *former);       /* use and forms: it takes its place */
void otr_answer_inherit_forms(otr_answer *answer, const otr_answer *former);

size_t otr_answer_octets(const otr_answer *answer); /* what it takes in memory, with its verdict, and what is shared as if it were not */

/* Whether it can be given in this form, or has to be asked for. */
static inline bool otr_answer_has(const otr_answer *answer, otr_form form)
{
    return form < OTR_FORM_READY_COUNT ? (answer->ready >> form & 1) != 0 : !answer->is_at_rest;
}

/* Relaxed, as the note of use is, and written once. */
static inline void otr_answer_note_form(otr_answer *answer, otr_form form)
{
    uint8_t bit = (uint8_t)(1u << form);

    if ((atomic_load_explicit(&answer->asked, memory_order_relaxed) & bit) == 0)
        atomic_fetch_or_explicit(&answer->asked, bit, memory_order_relaxed);
}

static inline const char *otr_answer_key(const otr_answer *answer)
{
    return answer->bytes;
}

/* Framed; empty: close without an answer (Exim, "defer"). */
static inline otr_slice otr_answer_reply(const otr_answer *answer, otr_form form)
{
    uint32_t begin = form > 0 ? answer->ends[form - 1] : 0;
    const char *replies = answer->is_at_rest ? answer->shared->bytes : answer->bytes + answer->key_size;

    return (otr_slice){ replies + begin, answer->ends[form] - begin };
}

/*
 * A relaxed note: it decides about refreshing and eviction, and counts the traffic, in seconds in which there was any.
 * Written only when it changes, once a second, so that the line stays shared between the front threads.
 */
static inline void otr_answer_note_use(otr_answer *answer, otr_time now)
{
    otr_time before = atomic_load_explicit(&answer->used_at, memory_order_relaxed);

    if (before != now && atomic_compare_exchange_strong_explicit(&answer->used_at, &before, now, memory_order_relaxed,
                                                                 memory_order_relaxed))
        atomic_fetch_add_explicit(&answer->uses, 1, memory_order_relaxed);
}

/* It takes the place of one that was last used then. */
static inline void otr_answer_inherit_use(otr_answer *answer, otr_time used_at)
{
    atomic_store_explicit(&answer->used_at, used_at, memory_order_relaxed);
}

#endif

/*
 * rest_pack.c - see rest_pack.h. In this order:
 *
 *   domain (not of an address literal): timer, decided, whether there is a sighting, entry
 *   each place: timer, spared_at, level; when its answer was made and until when it may be given; finding
 */
#include "daemon/flow/rest_pack.h"

#include "daemon/flow/squeeze.h"
#include "sts/entry_pack.h"
#include "verdict/findings_pack.h"

#include <event2/event.h>
#include <stdlib.h>

#define NEVER UINT32_MAX

/* Names ------------------------------------------------------------------------------------------------------------ */

const char *otr_rest_name_of(const otr_place *place)
{
    return place->domain != NULL ? place->domain->name : place->destination.key;
}

/* The name in a key: it has neither bracket nor colon, and what does is an IPv6 address within brackets. */
static otr_slice domain_in(const char *key)
{
    if (key[0] == '[')
        return (otr_slice){ key + 1, strcspn(key + 1, "]") };
    return (otr_slice){ key, strcspn(key, ":") };
}

bool otr_rest_is(const otr_rest *rest, const char *name)
{
    const char *key = otr_answer_key(rest->answers[0]);

    return name[0] == '[' ? strcmp(key, name) == 0 : otr_slice_is(domain_in(key), name);
}

void otr_rest_domain(const otr_rest *rest, char domain[OTR_DESTINATION_SIZE])
{
    otr_slice name = domain_in(otr_answer_key(rest->answers[0]));

    memcpy(domain, name.ptr, name.len);
    domain[name.len] = '\0';
}

otr_time otr_rest_used_at(const otr_rest *rest)
{
    otr_time last = 0;

    for (unsigned i = 0; i < rest->count; i++) {
        otr_time at = atomic_load_explicit(&rest->answers[i]->used_at, memory_order_relaxed);

        last = at > last ? at : last;
    }
    return last;
}

size_t otr_rest_octets(const otr_rest *rest)
{
    size_t octets = sizeof(*rest) + rest->count * sizeof(rest->answers[0]) + rest->len;

    for (unsigned i = 0; i < rest->count; i++)
        octets += otr_answer_octets(rest->answers[i]);
    return octets;
}

/* Packing ---------------------------------------------------------------------------------------------------------- */

/*
 * When a timer is due, in seconds since the thread began; the least of all is kept in *first. libevent counts from its own idea
 * of the wall clock, so that is what is asked: a clock that was set would be taken for time that has passed.
 */
static uint32_t due_of(const struct event *timer, uint32_t now_s, uint32_t *first)
{
    struct timeval due, now;
    uint32_t at;

    if (!event_pending(timer, EV_TIMEOUT, &due) || event_base_gettimeofday_cached(event_get_base(timer), &now) != 0)
        return NEVER;
    at = now_s + (due.tv_sec > now.tv_sec ? (uint32_t)(due.tv_sec - now.tv_sec) : 0);
    *first = at < *first ? at : *first;
    return at;
}

static void pack_domain(const otr_domain *domain, uint32_t now_s, uint32_t *first, otr_buf *out)
{
    otr_pack_number(out, due_of(domain->timer, now_s, first));
    otr_pack_number(out, domain->decided.digest);
    otr_pack_number(out, (uint64_t)domain->decided.written_at);
    otr_pack_number(out, domain->decided.questions);
    otr_pack_number(out, domain->has_sighting);
    otr_sts_entry_pack(domain->entry, out);
}

static void pack_place(const otr_place *place, uint32_t now_s, uint32_t *first, otr_buf *out)
{
    otr_pack_number(out, due_of(place->timer, now_s, first));
    otr_pack_number(out, (uint64_t)place->spared_at);
    otr_pack_number(out, place->level);
    otr_pack_number(out, (uint64_t)place->answer->verdict->made_at);
    otr_pack_number(out, (uint64_t)place->answer->valid_until);
    otr_mx_finding_pack(place->mx, out);
}

static otr_place *first_of(otr_place *place)
{
    return place->domain != NULL ? TAILQ_FIRST(&place->domain->places) : place;
}

static otr_place *next_of(otr_place *place)
{
    return place->domain != NULL ? TAILQ_NEXT(place, in_domain) : NULL;
}

/* NULL: out of memory. */
static otr_rest *make_rest(otr_place *place, const otr_buf *squeezed)
{
    uint16_t count = 0; /* rest.c has counted them: they are not many */
    otr_rest *rest;

    for (otr_place *at = first_of(place); at != NULL; at = next_of(at))
        count++;
    rest = malloc(sizeof(*rest) + count * sizeof(rest->answers[0]) + squeezed->len);
    if (rest == NULL)
        return NULL;
    *rest = (otr_rest){ .len = (uint32_t)squeezed->len };
    memcpy(&rest->answers[count], squeezed->data, squeezed->len);
    for (otr_place *at = first_of(place); at != NULL; at = next_of(at)) {
        rest->answers[rest->count] = otr_answer_rest(at->answer, &place->worker->rests.texts);
        if (rest->answers[rest->count] == NULL)
            break;
        rest->count++;
    }
    if (rest->count == count)
        return rest;
    while (rest->count > 0)
        otr_answer_unref(rest->answers[--rest->count]);
    free(rest);
    return NULL;
}

otr_rest *otr_rest_pack(otr_place *place, uint32_t now_s)
{
    otr_buf *raw = &place->worker->rests.raw, squeezed = OTR_BUF_INIT;
    uint32_t first = NEVER;
    otr_rest *rest = NULL;

    otr_buf_reset(raw);
    for (otr_place *at = first_of(place); place->domain != NULL && at != NULL; at = next_of(at))
        otr_decided_count(&place->domain->decided, at->answer);
    if (place->domain != NULL)
        pack_domain(place->domain, now_s, &first, raw);
    for (otr_place *at = first_of(place); at != NULL; at = next_of(at))
        pack_place(at, now_s, &first, raw);
    if (raw->err == OUTRIDER_OK && first > now_s + 1 &&
        otr_squeeze_in(place->worker->rests.squeeze, (otr_slice){ raw->data, raw->len }, &squeezed))
        rest = make_rest(place, &squeezed);
    if (rest != NULL) {
        rest->raw_len = (uint32_t)raw->len;
        rest->due = first;
    }
    otr_buf_clear(&squeezed);
    return rest;
}

void otr_rest_release_places(otr_place *place)
{
    for (otr_place *at = first_of(place), *next; at != NULL; at = next) {
        next = next_of(at);
        otr_answer_unref(at->answer);
        at->answer = NULL;
        otr_place_free(at);
    }
}

/* Unpacking -------------------------------------------------------------------------------------------------------- */

static void arm_again(struct event *timer, uint64_t due, uint32_t now_s)
{
    if (due != NEVER)
        otr_worker_arm(timer, due > now_s ? (otr_time)(due - now_s) : 0);
}

/* Its places share one domain; it comes with the first and goes with the last. */
static bool unpack_domain(otr_unpack *in, otr_domain *domain, uint32_t now_s)
{
    uint64_t due = otr_unpack_number(in);

    domain->decided.digest = otr_unpack_number(in);
    domain->decided.written_at = (otr_time)otr_unpack_number(in);
    domain->decided.questions = otr_unpack_number(in);
    domain->has_sighting = otr_unpack_number(in) != 0;
    domain->entry = otr_sts_entry_unpack(in, domain->name);
    arm_again(domain->timer, due, now_s);
    return domain->entry != NULL;
}

/*
 * The verdict is a function of what was packed, of the rules and of the time at which it was decided. If the rules are others
 * now, whoever changed them has it decided anew next; it holds no longer than they say in between.
 */
static bool restore_answer(otr_place *place, const otr_answer *resting, otr_time made_at, otr_time valid_until)
{
    otr_verdict *verdict = otr_place_verdict(place, false, made_at);

    if (verdict != NULL && verdict->valid_until < valid_until)
        valid_until = verdict->valid_until;
    if (verdict != NULL)
        place->answer = otr_answer_new(verdict, &place->worker->flow->views, valid_until);
    if (place->answer == NULL) {
        otr_verdict_unref(verdict);
        return false;
    }
    otr_answer_inherit(place->answer, resting);
    return true;
}

static bool unpack_place(otr_unpack *in, otr_place *place, const otr_answer *resting, uint32_t now_s)
{
    uint64_t due = otr_unpack_number(in);
    otr_time made_at, valid_until;

    place->spared_at = (otr_time)otr_unpack_number(in);
    place->level = (otr_level)otr_unpack_number(in);
    place->has_level = true;
    made_at = (otr_time)otr_unpack_number(in);
    valid_until = (otr_time)otr_unpack_number(in);
    place->mx = otr_mx_finding_unpack(in, &place->destination);
    if (place->mx == NULL || !restore_answer(place, resting, made_at, valid_until))
        return false;
    arm_again(place->timer, due, now_s);
    return true;
}

/* Empty places, in the order in which they were packed. Returns the first; NULL: out of memory, and none is left. */
static otr_place *make_places(otr_worker *worker, const otr_rest *rest)
{
    otr_place *first = NULL;

    for (unsigned i = 0; i < rest->count; i++) {
        const char *key = otr_answer_key(rest->answers[i]);
        otr_destination destination;
        otr_place *place = NULL;

        if (otr_destination_parse(key, strlen(key), &destination, NULL) == OUTRIDER_OK)
            place = otr_place_make(worker, &destination);
        if (place == NULL) {
            if (first != NULL)
                otr_rest_release_places(first);
            return NULL;
        }
        first = first == NULL ? place : first;
    }
    return first;
}

static bool fill_places(otr_unpack *in, otr_place *first, const otr_rest *rest, uint32_t now_s)
{
    unsigned i = 0;

    if (first->domain != NULL && !unpack_domain(in, first->domain, now_s))
        return false;
    for (otr_place *at = first; at != NULL; at = next_of(at))
        if (!unpack_place(in, at, rest->answers[i++], now_s))
            return false;
    return true;
}

otr_place *otr_rest_unpack(otr_worker *worker, otr_rest *rest, uint32_t now_s)
{
    otr_buf *raw = &worker->rests.raw;
    otr_slice squeezed = { (const char *)&rest->answers[rest->count], rest->len };
    otr_unpack in = { 0 };
    otr_place *first = NULL;
    unsigned i = 0;

    otr_buf_reset(raw);
    if (otr_squeeze_out(worker->rests.squeeze, squeezed, rest->raw_len, raw))
        first = make_places(worker, rest);
    if (first == NULL)
        return NULL;
    in = (otr_unpack){ .at = raw->data, .end = raw->data + raw->len };
    if (!fill_places(&in, first, rest, now_s)) {
        otr_rest_release_places(first);
        return NULL;
    }
    for (otr_place *at = first; at != NULL; at = next_of(at)) {
        otr_cache_put(worker->flow->cache, at->answer);
        otr_place_weigh(at);
        otr_answer_unref(rest->answers[i++]);
    }
    return first;
}

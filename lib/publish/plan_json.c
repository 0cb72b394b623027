/*
 * plan_json.c - strict both ways: what is read is what would be written.
 */
#include "publish/plan_json.h"

#include "base/diag.h"

#include <jansson.h>
#include <string.h>

static const char *const ttl_kinds[] = { [OTR_TTL_RECORDS] = "records", [OTR_TTL_DENIAL] = "denial" };

/* Writing ------------------------------------------------------------------------------------------------------------ */

static json_t *sets_to_json(const otr_tlsa_history *h)
{
    json_t *list = json_array();

    for (size_t i = 0; i < h->set_count; i++) {
        const otr_seen_set *s = &h->sets[i];

        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "records", s->text, "first", (json_int_t)s->first, "last",
                                              (json_int_t)s->last, "gone", (json_int_t)s->gone, "refresh", (json_int_t)s->refresh));
    }
    return list;
}

static json_t *ttls_to_json(const otr_tlsa_history *h)
{
    json_t *list = json_array();

    for (size_t i = 0; i < h->ttl_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "of", ttl_kinds[h->ttls[i].kind], "ttl", (json_int_t)h->ttls[i].ttl, "last",
                                              (json_int_t)h->ttls[i].last));
    return list;
}

static json_t *texts_to_json(const char *const *texts, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *pairs_to_json(const otr_rollover *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->pair_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "algorithm", r->pairs[i].algorithm, "current", r->pairs[i].current,
                                              "next", r->pairs[i].next, "key", r->pairs[i].key));
    return list;
}

json_t *otr_plan_to_json(const otr_plan_file *f)
{
    const otr_tlsa_history *h = &f->history;
    const otr_rollover *r = &f->rollover;

    return json_pack("{s:i, s:s, s:i, s:{s:I, s:I, s:o, s:o}, s:{s:s, s:I, s:s, s:b, s:o, s:o, s:o}}", "version", OTR_PLAN_VERSION, "host",
                     f->host, "port", (int)f->port, "history", "begun", (json_int_t)h->begun, "last", (json_int_t)h->last, "sets",
                     sets_to_json(h), "ttls", ttls_to_json(h), "rollover", "state", otr_rollover_state_names[r->state], "since",
                     (json_int_t)r->since, "scheme", otr_rollover_scheme_names[r->scheme], "emergency", r->is_emergency, "pairs",
                     pairs_to_json(r), "kept", texts_to_json(r->kept, r->kept_count), "issuers",
                     texts_to_json(r->issuers, r->issuer_count));
}

/* Reading ------------------------------------------------------------------------------------------------------------ */

static outrider_err odd(outrider_diag *diag, const char *what)
{
    return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s is not what this program writes", what);
}

static bool is_time(json_int_t t)
{
    return t >= 0 && t < (json_int_t)1 << 40;
}

static bool is_record(const char *text, size_t len)
{
    otr_buf data = OTR_BUF_INIT, again = OTR_BUF_INIT;
    otr_tlsa record;
    bool is_same = otr_tlsa_parse(text, len, &data, &record, NULL) == OUTRIDER_OK;

    if (is_same) {
        otr_tlsa_print(&record, &again);
        is_same = again.len == len && memcmp(again.data, text, len) == 0;
    }
    otr_buf_clear(&data);
    otr_buf_clear(&again);
    return is_same;
}

/* Each record on a line of its own, sorted. */
static bool is_set(const char *text)
{
    size_t count = 0;

    for (const char *at = text, *before = NULL; *at != '\0'; count++) {
        size_t len = strcspn(at, "\n");

        if (at[len] != '\n' || !is_record(at, len) || (before != NULL && strncmp(before, at, len + 1) >= 0) || count == OTR_TLSA_MAX)
            return false;
        before = at;
        at += len + 1;
    }
    return true;
}

static outrider_err read_sets(json_t *list, otr_plan_file *f, outrider_diag *diag)
{
    size_t i;
    json_t *item;

    if (json_array_size(list) > OTR_HISTORY_SETS_MAX)
        return odd(diag, "history.sets");
    json_array_foreach(list, i, item) {
        const char *text;
        json_int_t first, last, gone, refresh;

        if (json_unpack(item, "{s:s, s:I, s:I, s:I, s:I !}", "records", &text, "first", &first, "last", &last, "gone", &gone, "refresh",
                        &refresh) != 0 ||
            !is_set(text) || !is_time(first) || !is_time(last) || !is_time(gone) || refresh < 0 || refresh > OTR_TTL_BELIEVED_MAX)
            return odd(diag, "history.sets");
        f->history.sets[f->history.set_count++] = (otr_seen_set){ .text = otr_arena_text(f->arena, text), .first = first, .last = last,
                                                                  .gone = gone, .refresh = (uint32_t)refresh };
    }
    return OUTRIDER_OK;
}

/* The index of a word in a list; -1: it is not in it. */
static int word_index(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}

static outrider_err read_ttls(json_t *list, otr_plan_file *f, outrider_diag *diag)
{
    size_t i;
    json_t *item;

    if (json_array_size(list) > OTR_HISTORY_TTLS_MAX)
        return odd(diag, "history.ttls");
    json_array_foreach(list, i, item) {
        const char *kind;
        json_int_t ttl, last;
        int n;

        if (json_unpack(item, "{s:s, s:I, s:I !}", "of", &kind, "ttl", &ttl, "last", &last) != 0 ||
            (n = word_index(kind, ttl_kinds, 2)) < 0 || ttl < 0 || ttl > OTR_TTL_BELIEVED_MAX || !is_time(last))
            return odd(diag, "history.ttls");
        f->history.ttls[f->history.ttl_count++] = (otr_seen_ttl){ .kind = (otr_seen_ttl_kind)n, .ttl = (uint32_t)ttl, .last = last };
    }
    return OUTRIDER_OK;
}

static outrider_err read_records(json_t *list, otr_arena *arena, const char **records, size_t *count, outrider_diag *diag)
{
    size_t i;
    json_t *item;

    if (json_array_size(list) > OTR_ROLLOVER_RECORDS_MAX)
        return odd(diag, "a list of records");
    json_array_foreach(list, i, item) {
        const char *text = json_string_value(item);

        if (text == NULL || !is_record(text, strlen(text)))
            return odd(diag, "a list of records");
        records[(*count)++] = otr_arena_text(arena, text);
    }
    return OUTRIDER_OK;
}

static outrider_err read_pairs(json_t *list, otr_plan_file *f, outrider_diag *diag)
{
    size_t i;
    json_t *item;

    if (json_array_size(list) > OTR_ROLLOVER_PAIRS_MAX)
        return odd(diag, "rollover.pairs");
    json_array_foreach(list, i, item) {
        const char *algorithm, *current, *next, *key;

        if (json_unpack(item, "{s:s, s:s, s:s, s:s !}", "algorithm", &algorithm, "current", &current, "next", &next, "key", &key) != 0 ||
            (*current != '\0' && !is_record(current, strlen(current))) || !is_record(next, strlen(next)))
            return odd(diag, "rollover.pairs");
        f->rollover.pairs[f->rollover.pair_count++] = (otr_rollover_pair){
            .algorithm = otr_arena_text(f->arena, algorithm), .current = otr_arena_text(f->arena, current),
            .next = otr_arena_text(f->arena, next), .key = otr_arena_text(f->arena, key) };
    }
    return OUTRIDER_OK;
}

static outrider_err read_rollover(json_t *json, otr_plan_file *f, outrider_diag *diag)
{
    otr_rollover *r = &f->rollover;
    const char *state, *scheme;
    json_int_t since;
    int is_emergency, state_index, scheme_index;
    json_t *pairs, *kept, *issuers;
    outrider_err err;

    if (json_unpack(json, "{s:s, s:I, s:s, s:b, s:o, s:o, s:o !}", "state", &state, "since", &since, "scheme", &scheme, "emergency",
                    &is_emergency, "pairs", &pairs, "kept", &kept, "issuers", &issuers) != 0 ||
        !is_time(since) || !json_is_array(pairs) || !json_is_array(kept) || !json_is_array(issuers))
        return odd(diag, "rollover");
    state_index = word_index(state, otr_rollover_state_names, OTR_ROLLOVER_STATE_COUNT);
    scheme_index = word_index(scheme, otr_rollover_scheme_names, OTR_SCHEME_COUNT);
    if (state_index < 0 || scheme_index < 0)
        return odd(diag, state_index < 0 ? "rollover.state" : "rollover.scheme");
    r->state = (otr_rollover_state)state_index;
    r->scheme = (otr_rollover_scheme)scheme_index;
    r->since = since;
    r->is_emergency = is_emergency != 0;
    err = read_pairs(pairs, f, diag);
    if (err == OUTRIDER_OK)
        err = read_records(kept, f->arena, r->kept, &r->kept_count, diag);
    if (err == OUTRIDER_OK)
        err = read_records(issuers, f->arena, r->issuers, &r->issuer_count, diag);
    if (err == OUTRIDER_OK && (2 * r->pair_count + r->kept_count + r->issuer_count > OTR_ROLLOVER_RECORDS_MAX ||
                               (r->pair_count == 0 && r->state != OTR_ROLLOVER_IDLE)))
        err = odd(diag, "rollover");
    return err;
}

outrider_err otr_plan_from_json(json_t *json, otr_plan_file *f, outrider_diag *diag)
{
    json_t *history, *rollover, *sets, *ttls;
    const char *host;
    json_int_t version, port, begun, last;
    outrider_err err;

    if (json_unpack(json, "{s:I}", "version", &version) != 0 || version != OTR_PLAN_VERSION)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "its version is not %d, the one that this program knows", OTR_PLAN_VERSION);
    if (json_unpack(json, "{s:I, s:s, s:I, s:o, s:o !}", "version", &version, "host", &host, "port", &port, "history", &history, "rollover",
                    &rollover) != 0)
        return odd(diag, "the whole");
    if (strcmp(host, f->host) != 0 || port != f->port)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "it is of another host");
    if (json_unpack(history, "{s:I, s:I, s:o, s:o !}", "begun", &begun, "last", &last, "sets", &sets, "ttls", &ttls) != 0 ||
        !is_time(begun) || !is_time(last) || !json_is_array(sets) || !json_is_array(ttls))
        return odd(diag, "history");
    f->history.begun = begun;
    f->history.last = last;
    err = read_sets(sets, f, diag);
    if (err == OUTRIDER_OK)
        err = read_ttls(ttls, f, diag);
    if (err == OUTRIDER_OK)
        err = read_rollover(rollover, f, diag);
    return err;
}

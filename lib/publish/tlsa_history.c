/*
 * tlsa_history.c - sets come and go; the arithmetic of waiting.
 */
#include "publish/tlsa_history.h"

#include <stdlib.h>
#include <string.h>

#define CLOCK_SLACK_S 300 /* so much backwards is no other clock */

/* Sets as text ------------------------------------------------------------------------------------------------------- */

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What has no parameters says nothing to anybody, and has no text that could be read back. */
const char *otr_tlsa_set_text(otr_arena *arena, const otr_tlsa_set *set)
{
    const char **lines = otr_arena_alloc(arena, set->count + 1, sizeof(*lines));
    otr_buf text = OTR_BUF_INIT;
    size_t count = 0;
    const char *kept;

    for (size_t i = 0; lines != NULL && i < set->count; i++) {
        otr_buf line = OTR_BUF_INIT;

        if (otr_tlsa_check(&set->records[i]) == OTR_TLSA_SHORT)
            continue;
        otr_tlsa_print(&set->records[i], &line);
        lines[count++] = otr_arena_text(arena, otr_buf_text(&line));
        otr_buf_clear(&line);
    }
    if (count > 1)
        qsort(lines, count, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0) /* a set has each once (RFC 2181 §5), whatever a server sends */
            otr_buf_printf(&text, "%s\n", lines[i]);
    kept = otr_arena_text(arena, otr_buf_text(&text));
    otr_buf_clear(&text);
    return kept;
}

bool otr_tlsa_text_has(const char *set, const char *record)
{
    size_t len = strlen(record);

    for (const char *at = set; *at != '\0'; at += strcspn(at, "\n") + 1)
        if (strncmp(at, record, len) == 0 && at[len] == '\n')
            return true;
    return false;
}

/* Observing ---------------------------------------------------------------------------------------------------------- */

static void begin_anew(otr_tlsa_history *h, otr_time now)
{
    h->begun = 0;
    for (size_t i = 0; i < h->set_count; i++) { /* nothing from the future */
        otr_seen_set *s = &h->sets[i];

        if (s->gone > now)
            s->gone = now;
        if (s->last > now)
            s->last = now;
        if (s->first > now)
            s->first = now;
    }
    for (size_t i = 0; i < h->ttl_count; i++)
        if (h->ttls[i].last > now)
            h->ttls[i].last = now;
}

static otr_time memory_of(uint32_t ttl)
{
    otr_time twice = (otr_time)ttl * OTR_SETTLE_TTLS;

    return twice > OTR_SETTLE_TTL_MEMORY_S ? twice : OTR_SETTLE_TTL_MEMORY_S;
}

static void forget(otr_tlsa_history *h, otr_time now)
{
    size_t kept = 0;

    for (size_t i = 0; i < h->set_count; i++)
        if (h->sets[i].gone == 0 || h->sets[i].gone > now - OTR_HISTORY_MEMORY_S)
            h->sets[kept++] = h->sets[i];
    h->set_count = kept;
    kept = 0;
    for (size_t i = 0; i < h->ttl_count; i++)
        if (h->ttls[i].last > now - memory_of(h->ttls[i].ttl))
            h->ttls[kept++] = h->ttls[i];
    h->ttl_count = kept;
}

static void see_ttl(otr_tlsa_history *h, otr_seen_ttl_kind kind, uint32_t ttl, otr_time now)
{
    otr_seen_ttl *least = h->ttls;

    if (ttl > OTR_TTL_BELIEVED_MAX)
        ttl = OTR_TTL_BELIEVED_MAX;
    for (size_t i = 0; i < h->ttl_count; i++) {
        if (h->ttls[i].kind == kind && h->ttls[i].ttl == ttl) {
            h->ttls[i].last = now;
            return;
        }
        if (h->ttls[i].ttl < least->ttl)
            least = &h->ttls[i];
    }
    if (h->ttl_count < OTR_HISTORY_TTLS_MAX)
        h->ttls[h->ttl_count++] = (otr_seen_ttl){ .kind = kind, .ttl = ttl, .last = now };
    else if (ttl > least->ttl) /* the larger one is what is waited for */
        *least = (otr_seen_ttl){ .kind = kind, .ttl = ttl, .last = now };
}

/* A place for one more set: the one that has been gone longest gives way, and with it what was known. */
static otr_seen_set *make_room(otr_tlsa_history *h)
{
    otr_seen_set *oldest = NULL;

    if (h->set_count < OTR_HISTORY_SETS_MAX)
        return &h->sets[h->set_count++];
    for (size_t i = 0; i < h->set_count; i++)
        if (oldest == NULL || (h->sets[i].gone != 0 && (oldest->gone == 0 || h->sets[i].gone < oldest->gone)))
            oldest = &h->sets[i];
    h->begun = 0;
    return oldest;
}

static otr_seen_set *find_set(otr_tlsa_history *h, const char *text)
{
    for (size_t i = 0; i < h->set_count; i++)
        if (strcmp(h->sets[i].text, text) == 0)
            return &h->sets[i];
    return NULL;
}

static void see_set(otr_tlsa_history *h, const char *text, uint32_t refresh, otr_time now)
{
    otr_seen_set *s = find_set(h, text);

    if (s == NULL) {
        s = make_room(h);
        *s = (otr_seen_set){ .text = text, .first = now };
    } else if (s->gone != 0) {
        s->first = now;
    }
    s->last = now;
    s->gone = 0;
    if (refresh > s->refresh)
        s->refresh = refresh;
}

static bool is_served(const otr_authority *a, const char *const *texts, const char *text)
{
    for (size_t i = 0; i < a->server_count; i++)
        if (a->servers[i].state == OTR_SERVER_ANSWERED && strcmp(texts[i], text) == 0)
            return true;
    return false;
}

/* The refresh of the zone if its servers differ: the late ones have that long. */
static uint32_t lateness(const otr_authority *a, const char *const *texts)
{
    const char *first = NULL;
    uint32_t refresh = 0;
    bool is_late = false;

    for (size_t i = 0; i < a->server_count; i++) {
        if (a->servers[i].state != OTR_SERVER_ANSWERED)
            continue;
        if (first == NULL)
            first = texts[i];
        is_late |= strcmp(first, texts[i]) != 0;
        if (a->servers[i].refresh > refresh)
            refresh = a->servers[i].refresh;
    }
    if (refresh > OTR_TTL_BELIEVED_MAX)
        refresh = OTR_TTL_BELIEVED_MAX;
    return is_late ? refresh : 0;
}

static void see_servers(otr_tlsa_history *h, const otr_authority *a, const char *const *texts, otr_time now)
{
    uint32_t refresh = lateness(a, texts);

    for (size_t i = 0; i < a->server_count; i++) {
        const otr_server_word *w = &a->servers[i];

        if (w->state != OTR_SERVER_ANSWERED)
            continue;
        see_set(h, texts[i], refresh, now);
        if (w->set.count > 0)
            see_ttl(h, OTR_TTL_RECORDS, w->set.ttl, now);
        see_ttl(h, OTR_TTL_DENIAL, w->negative_ttl, now);
    }
    if (a->alias_ttl > 0)
        see_ttl(h, OTR_TTL_RECORDS, a->alias_ttl, now);
}

static uint32_t largest(const otr_tlsa_history *h, otr_seen_ttl_kind kind, otr_time now)
{
    uint32_t ttl = 0;

    for (size_t i = 0; i < h->ttl_count; i++)
        if (h->ttls[i].kind == kind && h->ttls[i].ttl > ttl && h->ttls[i].last > now - memory_of(h->ttls[i].ttl))
            ttl = h->ttls[i].ttl;
    return ttl;
}

/*
 * Our own resolver may have a set that its servers had before anybody looked: a cache like any other. One that has been gone for longer than a
 * TTL, and is there all the same, was back between two looks, or a cache on the way keeps more than it should: then others may have it, too.
 */
static void see_cached(otr_tlsa_history *h, const otr_authority *a, otr_time now)
{
    const char *text = otr_tlsa_set_text(h->arena, &a->validated);
    const otr_seen_set *known = find_set(h, text);

    if (known != NULL && (known->gone == 0 || known->gone + largest(h, *text != '\0' ? OTR_TTL_RECORDS : OTR_TTL_DENIAL, now) >= now))
        return;
    see_set(h, text, 0, now);
    find_set(h, text)->gone = now;
    if (a->validated.count > 0)
        see_ttl(h, OTR_TTL_RECORDS, a->validated.ttl, now);
}

void otr_history_observe(otr_tlsa_history *h, const otr_authority *a, otr_time now)
{
    const char **texts = otr_arena_alloc(h->arena, a->server_count + 1, sizeof(*texts));
    bool is_whole = *a->trouble == '\0';

    if (texts == NULL)
        return;
    if (h->last > now + CLOCK_SLACK_S)
        begin_anew(h, now);
    forget(h, now);
    for (size_t i = 0; i < a->server_count; i++)
        texts[i] = otr_tlsa_set_text(h->arena, &a->servers[i].set);
    see_servers(h, a, texts, now);
    if (a->status == OTR_DNS_SECURE)
        see_cached(h, a, now);
    if (!is_whole)
        return;
    for (size_t i = 0; i < h->set_count; i++)
        if (h->sets[i].gone == 0 && !is_served(a, texts, h->sets[i].text))
            h->sets[i].gone = now;
    if (h->begun == 0)
        h->begun = now;
    h->last = now;
}

/* Waiting ------------------------------------------------------------------------------------------------------------ */

uint32_t otr_history_ttl(const otr_tlsa_history *h, otr_time now)
{
    return largest(h, OTR_TTL_RECORDS, now);
}

static otr_time wait_for(const otr_tlsa_history *h, bool is_denial, uint32_t refresh, otr_time now)
{
    uint32_t ttl = largest(h, OTR_TTL_RECORDS, now), denial = largest(h, OTR_TTL_DENIAL, now);
    otr_time wait;

    if (is_denial && denial > ttl)
        ttl = denial;
    wait = (otr_time)ttl * OTR_SETTLE_TTLS + refresh;
    return wait < OTR_SETTLE_LEAST_S ? OTR_SETTLE_LEAST_S : wait;
}

otr_time otr_history_wait(const otr_tlsa_history *h, const otr_seen_set *set, otr_time now)
{
    return wait_for(h, *set->text == '\0', set->refresh, now);
}

otr_time otr_history_wait_now(const otr_tlsa_history *h, otr_time now)
{
    bool has_records = false;

    for (size_t i = 0; i < h->set_count; i++)
        has_records |= h->sets[i].gone == 0 && *h->sets[i].text != '\0';
    return wait_for(h, !has_records, 0, now);
}

otr_time otr_history_settled(const otr_tlsa_history *h, otr_set_judge *is_good, void *arg, otr_time now,
                             const otr_seen_set **blocking)
{
    otr_time settled = h->begun == 0 ? OTR_NEVER : h->begun + otr_history_wait_now(h, now);
    const otr_seen_set *longest = NULL;

    for (size_t i = 0; i < h->set_count; i++) {
        const otr_seen_set *s = &h->sets[i];
        otr_time end = s->gone == 0 ? OTR_NEVER : s->gone + otr_history_wait(h, s, now);

        if ((longest == NULL ? end < settled : end <= settled) || is_good(arg, s))
            continue;
        settled = end;
        longest = s;
    }
    if (blocking != NULL)
        *blocking = longest;
    return settled;
}

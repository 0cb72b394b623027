/*
 * tally.c - a table of rows, found by hash.
 */
#include "daemon/publish/tally.h"

#include "daemon/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64

static otr_hash_key key; /* strangers choose their networks */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void draw_key(void)
{
    key = otr_hash_key_draw();
}

otr_tally *otr_tally_new(void)
{
    otr_tally *tally = calloc(1, sizeof(*tally));

    pthread_once(&once, draw_key);
    if (tally == NULL)
        return NULL;
    tally->mail.kind = OTR_MAIL_TALLY;
    tally->slot_count = SLOTS_FIRST;
    tally->slots = calloc(tally->slot_count, sizeof(*tally->slots));
    if (tally->slots == NULL) {
        free(tally);
        return NULL;
    }
    return tally;
}

/* A row's texts are one allocation: the domain, and behind it the network. */
static void free_texts(const otr_fetch_count *row)
{
    union {
        const char *text;
        void *owned;
    } texts = { .text = row->domain };

    free(texts.owned);
}

void otr_tally_reset(otr_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++)
        free_texts(&tally->rows[i]);
    memset(tally->slots, 0, tally->slot_count * sizeof(*tally->slots));
    tally->count = tally->networks = 0;
    tally->lost = 0;
}

void otr_tally_free(otr_tally *tally)
{
    if (tally == NULL)
        return;
    for (size_t i = 0; i < tally->count; i++)
        free_texts(&tally->rows[i]);
    free(tally->rows);
    free(tally->slots);
    free(tally);
}

static size_t first_slot(const otr_tally *tally, const char *domain, int64_t day, const char *network)
{
    uint64_t parts[3] = { otr_hash(&key, domain, strlen(domain)), (uint64_t)day, otr_hash(&key, network, strlen(network)) };

    return otr_hash(&key, parts, sizeof(parts)) & (tally->slot_count - 1);
}

/* The slot of a row, or the free one where it belongs. */
static uint32_t *find_slot(const otr_tally *tally, const char *domain, int64_t day, const char *network)
{
    size_t at = first_slot(tally, domain, day, network);

    for (;; at = (at + 1) & (tally->slot_count - 1)) {
        uint32_t slot = tally->slots[at];
        const otr_fetch_count *row = slot > 0 ? &tally->rows[slot - 1] : NULL;

        if (row == NULL || (row->day == day && strcmp(row->network, network) == 0 && strcmp(row->domain, domain) == 0))
            return &tally->slots[at];
    }
}

/* Half of the slots stay free. */
static bool has_slots(otr_tally *tally)
{
    uint32_t *slots;

    if ((tally->count + 1) * 2 <= tally->slot_count)
        return true;
    slots = calloc(tally->slot_count * 2, sizeof(*slots));
    if (slots == NULL)
        return false;
    free(tally->slots);
    tally->slots = slots;
    tally->slot_count *= 2;
    for (size_t i = 0; i < tally->count; i++)
        *find_slot(tally, tally->rows[i].domain, tally->rows[i].day, tally->rows[i].network) = (uint32_t)i + 1;
    return true;
}

static bool has_room(otr_tally *tally)
{
    size_t room = tally->room * 2 + 16;
    otr_fetch_count *rows;

    if (tally->count < tally->room)
        return true;
    rows = reallocarray(tally->rows, room, sizeof(*rows));
    if (rows == NULL)
        return false;
    tally->rows = rows;
    tally->room = room;
    return true;
}

static bool append(otr_tally *tally, const char *domain, int64_t day, const char *network, uint64_t count)
{
    size_t domain_size = strlen(domain) + 1, network_size = strlen(network) + 1;
    char *texts = has_slots(tally) && has_room(tally) ? malloc(domain_size + network_size) : NULL;

    if (texts == NULL)
        return false;
    memcpy(texts, domain, domain_size);
    memcpy(texts + domain_size, network, network_size);
    *find_slot(tally, domain, day, network) = (uint32_t)tally->count + 1;
    tally->rows[tally->count++] = (otr_fetch_count){ texts, day, texts + domain_size, count };
    return true;
}

void otr_tally_add(otr_tally *tally, const char *domain, int64_t day, const char *network, uint64_t count)
{
    uint32_t slot = *find_slot(tally, domain, day, network);

    if (slot == 0 && strcmp(network, OTR_FETCH_OTHER) != 0) {
        if (tally->networks == OTR_TALLY_NETWORKS_MAX) {
            otr_tally_add(tally, domain, day, OTR_FETCH_OTHER, count);
            return;
        }
        tally->networks++;
    }
    if (slot > 0)
        tally->rows[slot - 1].count += count;
    else if (!append(tally, domain, day, network, count))
        tally->lost += count;
}

void otr_tally_merge(otr_tally *to, const otr_tally *from)
{
    for (size_t i = 0; i < from->count; i++)
        otr_tally_add(to, from->rows[i].domain, from->rows[i].day, from->rows[i].network, from->rows[i].count);
    to->lost += from->lost;
}

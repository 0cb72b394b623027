/*
 * script.c - what Redis is asked, and the names of its keys. With PREFIX of the setting:
 *
 *     PREFIX:r:NAME     a record (lib/fleet/record.h); Redis forgets it when it says nothing any more
 *     PREFIX:index      sorted set: NAME by the number of its last change
 *     PREFIX:seq        the last number
 *     PREFIX:l:DOMAIN   who fetches this policy now
 *     PREFIX:f:DOMAIN   hash: who could not fetch it just now
 *     PREFIX:members    hash: NAME of a member -> last sign of life and version
 *     PREFIX:news       channel: something has got a number
 *
 * Whatever must be one step is a script. Ranks are 33 octets of 0 to 9 and a to f, which compare the same way in every locale
 * (Redis compares strings of scripts by that of its environment). A key that holds what it should not is taken for empty.
 */
#include "daemon/fleet/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_SIZE (OTR_FLEET_MEMBER_SIZE + OTR_FLEET_RECORD_NAME_SIZE + 4)
#define MARKS "2" /* members that must have failed before the others take their word for it */

#define HAS_RANK "local function rank(key) local r = redis.pcall('GETRANGE', key, 0, 32) " \
                 "if type(r) == 'string' and #r == 33 and not string.find(r, '[^0-9a-f]') then return r end return '' end "

/* KEYS record index seq; ARGV octets ms name channel. 1: it is kept, 0: what is there counts as much or more, and can be found. */
static const char put_script[] = HAS_RANK
    "local here, new = rank(KEYS[1]), string.sub(ARGV[1], 1, 33) "
    "if here > new or (here == new and redis.call('ZSCORE', KEYS[2], ARGV[3])) then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) "
    "local n, top = redis.call('INCR', KEYS[3]), tonumber(redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2] or '0') "
    "if n <= top and top < 9007199254740991 then n = top + 1 redis.call('SET', KEYS[3], string.format('%.0f', n)) end "
    "redis.call('ZADD', KEYS[2], n, ARGV[3]) "
    "redis.call('PUBLISH', ARGV[4], n) "
    "return 1";

/* KEYS index records; ARGV their names. Their ranks; "": none, or it cannot be found as it has no number. */
static const char ranks_script[] = HAS_RANK
    "local found = {} "
    "for i, name in ipairs(ARGV) do "
    "found[i] = redis.call('ZSCORE', KEYS[1], name) and rank(KEYS[i + 1]) or '' end "
    "return found";

/* KEYS record index; ARGV name octets. */
static const char forget_script[] =
    "local r = redis.pcall('GET', KEYS[1]) "
    "if type(r) == 'table' or r == ARGV[2] then redis.call('DEL', KEYS[1]) r = false end "
    "if not r then redis.call('ZREM', KEYS[2], ARGV[1]) end "
    "return 1";

/* KEYS record lease mark; ARGV token ms known id. */
static const char lease_script[] = HAS_RANK
    "if rank(KEYS[1]) > ARGV[3] then return { 'record', redis.call('GET', KEYS[1]) } end "
    "local m = redis.pcall('HMGET', KEYS[3], 'id', 'count', 'failure', 'error') "
    "if not m.err and m[1] == ARGV[4] and (tonumber(m[2]) or 0) >= " MARKS " then return { 'failed', m[3] or '', m[4] or '' } end "
    "if redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2], 'NX') then return { 'granted' } end "
    "return { 'held' }";

/* KEYS lease; ARGV token ms. */
static const char renew_script[] =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";

/* KEYS lease mark; ARGV token outcome id failure error s. */
static const char release_script[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "redis.call('DEL', KEYS[1]) "
    "if ARGV[2] == 'done' then redis.call('DEL', KEYS[2]) end "
    "if ARGV[2] ~= 'failed' then return 1 end "
    "local id = redis.pcall('HGET', KEYS[2], 'id') "
    "if id ~= ARGV[3] then redis.call('DEL', KEYS[2]) end "
    "redis.call('HSET', KEYS[2], 'id', ARGV[3], 'failure', ARGV[4], 'error', ARGV[5]) "
    "redis.call('HINCRBY', KEYS[2], 'count', 1) "
    "redis.call('EXPIRE', KEYS[2], ARGV[6]) "
    "return 1";

/* KEYS members seq; ARGV name version s most. Its time, the last number, and the members with what each has said last. */
static const char sign_script[] =
    "local now = redis.call('TIME')[1] "
    "redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2]) "
    "redis.call('EXPIRE', KEYS[1], ARGV[3]) "
    "local all, there = redis.call('HGETALL', KEYS[1]), {} "
    "for i = 1, #all, 2 do "
    "local at = tonumber(string.match(all[i + 1], '^%d+') or '0') "
    "if at + tonumber(ARGV[3]) < tonumber(now) then redis.call('HDEL', KEYS[1], all[i]) "
    "elseif #there < 2 * tonumber(ARGV[4]) then there[#there + 1] = all[i] there[#there + 1] = all[i + 1] end end "
    "return { now, redis.call('GET', KEYS[2]) or '0', there }";

typedef struct question {
    otr_slice words[OTR_LINK_WORDS_MAX];
    size_t count;
    char keys[OTR_FLEET_BATCH + 3][KEY_SIZE];
    size_t key_count;
    char numbers[4][24];
    size_t number_count;
} question;

static void say(question *q, const char *word)
{
    q->words[q->count++] = otr_slice_of(word);
}

static void say_number(question *q, int64_t number)
{
    char *text = q->numbers[q->number_count++];

    snprintf(text, sizeof(q->numbers[0]), "%" PRId64, number);
    say(q, text);
}

static void say_key(question *q, const otr_fleet *fleet, const char *group, const char *name)
{
    char *key = q->keys[q->key_count++];

    snprintf(key, KEY_SIZE, "%s:%s%s", fleet->conf->fleet.prefix, group, name);
    say(q, key);
}

static void begin_script(question *q, const char *script, int64_t keys)
{
    q->count = 0;
    q->key_count = 0;
    q->number_count = 0;
    say(q, "EVAL");
    say(q, script);
    say_number(q, keys);
}

static void ignore(void *arg, const redisReply *reply)
{
    (void)arg;
    (void)reply; /* what was not done is found by the next comparison, or ends by its time */
}

static bool ask(const otr_fleet *fleet, const question *q, otr_link_answer *answer, void *arg)
{
    return fleet->commands != NULL && otr_link_ask(fleet->commands, q->words, q->count, answer, arg);
}

/* Records -------------------------------------------------------------------------------------------------------------- */

bool otr_fleet_put(otr_fleet *fleet, const otr_offer *offer, otr_link_answer *answer, void *arg)
{
    otr_time left = offer->end - otr_clock_now(fleet->parts.clock);
    question q;

    if (left <= 0)
        return false; /* it says nothing any more */
    begin_script(&q, put_script, 3);
    say_key(&q, fleet, "r:", offer->name);
    say_key(&q, fleet, "index", "");
    say_key(&q, fleet, "seq", "");
    q.words[q.count++] = (otr_slice){ offer->octets.data, offer->octets.len };
    say_number(&q, left * 1000);
    say(&q, offer->name);
    snprintf(q.keys[q.key_count], KEY_SIZE, "%s:news", fleet->conf->fleet.prefix);
    say(&q, q.keys[q.key_count++]);
    return ask(fleet, &q, answer, arg);
}

bool otr_fleet_ask_ranks(otr_fleet *fleet, const struct otr_offers *offers, otr_link_answer *answer, void *arg)
{
    const otr_offer *offer;
    int64_t count = 0;
    question q;

    STAILQ_FOREACH(offer, offers, next)
        count++;
    begin_script(&q, ranks_script, count + 1);
    say_key(&q, fleet, "index", "");
    STAILQ_FOREACH(offer, offers, next)
        say_key(&q, fleet, "r:", offer->name);
    STAILQ_FOREACH(offer, offers, next)
        say(&q, offer->name);
    return ask(fleet, &q, answer, arg);
}

bool otr_fleet_ask_pulled_ranks(otr_fleet *fleet, otr_link_answer *answer, void *arg)
{
    const otr_pull *pull = &fleet->pull;
    question q;

    begin_script(&q, ranks_script, (int64_t)pull->count + 1);
    say_key(&q, fleet, "index", "");
    for (size_t i = 0; i < pull->count; i++)
        say_key(&q, fleet, "r:", pull->names[i]);
    for (size_t i = 0; i < pull->count; i++)
        say(&q, pull->names[i]);
    return ask(fleet, &q, answer, arg);
}

bool otr_fleet_drop_name(otr_fleet *fleet, const char *name)
{
    question q = { 0 };

    say(&q, "ZREM");
    say_key(&q, fleet, "index", "");
    say(&q, name);
    return ask(fleet, &q, ignore, NULL);
}

bool otr_fleet_ask_names(otr_fleet *fleet, uint64_t behind, otr_link_answer *answer, void *arg)
{
    char from[32];
    question q = { 0 };

    snprintf(from, sizeof(from), "(%" PRIu64, behind);
    say(&q, "ZRANGEBYSCORE");
    say_key(&q, fleet, "index", "");
    say(&q, from);
    say(&q, "+inf");
    say(&q, "WITHSCORES");
    say(&q, "LIMIT");
    say(&q, "0");
    say_number(&q, OTR_FLEET_BATCH);
    return ask(fleet, &q, answer, arg);
}

bool otr_fleet_ask_records(otr_fleet *fleet, otr_link_answer *answer, void *arg)
{
    question q = { 0 };

    say(&q, "MGET");
    for (size_t i = 0; i < fleet->pull.count; i++)
        say_key(&q, fleet, "r:", fleet->pull.names[i]);
    return ask(fleet, &q, answer, arg);
}

bool otr_fleet_forget(otr_fleet *fleet, const char *name, otr_slice octets)
{
    question q;

    begin_script(&q, forget_script, 2);
    say_key(&q, fleet, "r:", name);
    say_key(&q, fleet, "index", "");
    say(&q, name);
    q.words[q.count++] = octets;
    return ask(fleet, &q, ignore, NULL);
}

/* Leases --------------------------------------------------------------------------------------------------------------- */

bool otr_fleet_ask_lease(otr_fleet *fleet, const otr_lease *lease, otr_link_answer *answer, void *arg)
{
    question q;

    begin_script(&q, lease_script, 3);
    say_key(&q, fleet, "r:policy/", lease->domain);
    say_key(&q, fleet, "l:", lease->domain);
    say_key(&q, fleet, "f:", lease->domain);
    say(&q, lease->token);
    say_number(&q, OTR_FLEET_LEASE_MS);
    say(&q, lease->known);
    say(&q, lease->id);
    return ask(fleet, &q, answer, arg);
}

bool otr_fleet_renew(otr_fleet *fleet, const otr_held_lease *held)
{
    question q;

    begin_script(&q, renew_script, 1);
    say_key(&q, fleet, "l:", held->domain);
    say(&q, held->token);
    say_number(&q, OTR_FLEET_LEASE_MS);
    return ask(fleet, &q, ignore, NULL);
}

bool otr_fleet_release(otr_fleet *fleet, const char *domain, const char *token, otr_settled settled, const char *id,
                       otr_sts_failure failure, const char *error)
{
    static const char *const outcomes[] = { "not", "done", "failed" };
    question q;

    begin_script(&q, release_script, 2);
    say_key(&q, fleet, "l:", domain);
    say_key(&q, fleet, "f:", domain);
    say(&q, token);
    say(&q, outcomes[settled]);
    say(&q, id);
    say(&q, otr_sts_failure_names[failure]);
    say(&q, error);
    say_number(&q, fleet->parts.retry_s);
    return ask(fleet, &q, ignore, NULL);
}

/* Members -------------------------------------------------------------------------------------------------------------- */

bool otr_fleet_sign(otr_fleet *fleet, otr_link_answer *answer, void *arg)
{
    question q;

    begin_script(&q, sign_script, 2);
    say_key(&q, fleet, "members", "");
    say_key(&q, fleet, "seq", "");
    say(&q, fleet->member);
    say(&q, OUTRIDER_VERSION);
    say_number(&q, OTR_FLEET_FORGET_S);
    say_number(&q, OTR_FLEET_MEMBERS_MAX);
    return ask(fleet, &q, answer, arg);
}

bool otr_fleet_subscribe(otr_fleet *fleet)
{
    char channel[KEY_SIZE];
    otr_slice words[2] = { otr_slice_of("SUBSCRIBE"), { channel, 0 } };

    words[1].len = (size_t)snprintf(channel, sizeof(channel), "%s:news", fleet->conf->fleet.prefix);
    return otr_link_ask(fleet->news, words, 2, ignore, NULL);
}

/*
 * respond.c - requests that have come become answers that go: decided by reply.h, put together in the thread's buffer, counted.
 */
#include "daemon/publish/web.h"

#include "daemon/metrics.h"
#include "daemon/rcu.h"
#include "sts/policy.h"

#include <assert.h>

/* Room for one more answer. False: the client must take what there is first. */
static bool has_room(const otr_policy_server *s, const otr_reply *reply)
{
    assert(reply->body.len <= OTR_STS_POLICY_LIMIT); /* lib/publish made it, or acme.h */
    return s->out_len == 0 || s->out_len + OTR_REPLY_HEAD_MAX + reply->body.len <= OTR_WEB_BATCH_SIZE;
}

static void count(const otr_client *c, const otr_reply *reply)
{
    otr_count(OTR_CELL_WEB_REPLIES + c->kind * OTR_STATUS_COUNT + reply->code);
}

static void put(otr_client *c, const otr_reply *reply, otr_time now)
{
    otr_policy_server *s = c->server;

    s->out_len += otr_reply_write(reply, otr_web_date(s, now), s->out + s->out_len);
    c->is_last = c->is_last || reply->is_last;
    count(c, reply);
}

/* A proxy says for whom it asks; what it does not say, or nobody can read, is nobody. */
static otr_address address_of(const otr_client *c, const otr_request *request)
{
    otr_address address = { .family = 0 };

    if (c->kind != OTR_WEB_PLAIN)
        return c->address;
    otr_address_parse(request->forwarded_for, &address);
    return address;
}

/* Also HEAD counts: who asks so may well have the policy from elsewhere, and the exit clock must never be too short. */
static void note_hand_out(otr_client *c, const otr_reply *reply, const otr_address *address, otr_time now)
{
    otr_served *served = reply->policy->served;

    if (atomic_load_explicit(&served->last, memory_order_relaxed) < now)
        atomic_store_explicit(&served->last, now, memory_order_release);
    c->handing = served;
    otr_web_count_fetch(c->server, reply->policy->domain, address, now);
}

typedef enum answered { ANSWERED, NO_ROOM, TOKEN_MISSING } answered;

static answered answer(otr_client *c, const otr_request *request)
{
    otr_policy_server *s = c->server;
    otr_time now = otr_clock_now(s->options.clock);
    otr_address address = address_of(c, request);
    answered done = ANSWERED;
    otr_reply reply;

    otr_rcu_read_lock();
    reply = otr_reply_decide(otr_web_site(s), (otr_web_kind)c->kind, c->sni, request, now + (s->options.timeout_ms + 999) / 1000);
    if (reply.is_token_missing && !c->has_waited) {
        done = TOKEN_MISSING;
    } else if (!has_room(s, &reply)) {
        done = NO_ROOM;
    } else {
        put(c, &reply, now);
        if (reply.policy != NULL && reply.code == OTR_STATUS_200)
            note_hand_out(c, &reply, &address, now);
        c->has_rest = request->has_body;
        otr_web_log(c, &address, request, &reply);
    }
    otr_rcu_read_unlock();
    return done;
}

static void refuse(otr_client *c, unsigned status)
{
    otr_reply reply = otr_reply_refuse(status);

    c->has_rest = true;
    put(c, &reply, otr_clock_now(c->server->options.clock));
}

bool otr_client_answer(otr_client *c, const char *octets, size_t len, size_t *used)
{
    *used = 0;
    while (*used < len && !c->is_last && c->server->out_len + OTR_REPLY_HEAD_MAX <= OTR_WEB_BATCH_SIZE) {
        otr_request_reader before = c->reader;
        otr_request request;
        size_t taken = 0;
        unsigned status = 0;
        answered done;

        switch (otr_request_read(&c->reader, octets + *used, len - *used, &request, &taken, &status)) {
        case OTR_REQUEST_MORE:
            return true;
        case OTR_REQUEST_BAD:
            refuse(c, status);
            break;
        case OTR_REQUEST_WHOLE:
            done = answer(c, &request);
            if (done != ANSWERED) {
                c->reader = before; /* its end will be found again */
                return done == NO_ROOM;
            }
            *used += taken;
            c->reader = (otr_request_reader){ 0 };
            c->has_waited = false;
            break;
        }
    }
    return true;
}

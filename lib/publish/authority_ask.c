/*
 * authority_ask.c - see authority_ask.h. Commands that look once and end have nothing else to do meanwhile, so the loop is run here,
 * and what asks reads from top to bottom.
 */
#include "publish/authority_ask.h"

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    otr_asker *asker = arg;

    (void)fd, (void)what;
    asker->is_late = true;
}

bool otr_asker_open(otr_asker *asker, struct event_base *base, unsigned timeout_ms)
{
    const struct timeval after = { .tv_sec = timeout_ms / 1000, .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000 };

    *asker = (otr_asker){ .base = base };
    asker->deadline = evtimer_new(base, on_deadline, asker);
    return asker->deadline != NULL && evtimer_add(asker->deadline, &after) == 0;
}

void otr_asker_close(otr_asker *asker)
{
    if (asker->deadline != NULL)
        event_free(asker->deadline);
    asker->deadline = NULL;
}

static void tell(otr_ask *ask, const otr_dns_answer *answer)
{
    ask->query = NULL;
    ask->is_told = true;
    ask->take(ask->arg, answer);
}

static void on_answer(void *arg, const otr_dns_answer *answer)
{
    tell(arg, answer);
}

static void tell_failure(otr_ask *ask, const char *reason)
{
    otr_dns_answer *failure = otr_dns_answer_failure(ask->name, ask->type, OTR_DNS_TEMPFAIL, reason);

    if (failure == NULL) {
        ask->is_told = true;
        ask->asker->is_out_of_memory = true;
        return;
    }
    tell(ask, failure);
    otr_dns_answer_free(failure);
}

static bool is_waiting(const otr_ask *asks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!asks[i].is_told)
            return true;
    return false;
}

void otr_ask_all(otr_asker *asker, otr_ask *asks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        otr_ask *ask = &asks[i];

        ask->asker = asker;
        ask->is_told = false;
        ask->query = otr_dns_ask(ask->resolver, ask->name, ask->type, on_answer, ask);
        if (ask->query == NULL) {
            asker->is_out_of_memory = true;
            ask->is_told = true;
        }
    }
    while (!asker->is_late && is_waiting(asks, count) && event_base_loop(asker->base, EVLOOP_ONCE) == 0)
        ;
    for (size_t i = 0; i < count; i++) {
        if (asks[i].is_told)
            continue;
        otr_dns_cancel(asks[i].query);
        tell_failure(&asks[i], "no answer in time");
    }
}

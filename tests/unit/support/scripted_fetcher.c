/*
 * scripted_fetcher.c - see the header. Test code: a lack of memory ends the program.
 */
#include "support/scripted_fetcher.h"

#include "base/buf.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct fetch_rule {
    struct fetch_rule *next;
    char *domain; /* owned, as are all strings here */
    char *body;   /* NULL unless the fetch succeeds */
    char *reason;
    otr_sts_failure failure;
    long http_status;
    const STACK_OF(X509) *chain; /* borrowed; NULL: nothing is told of a certificate */
    otr_time at;
    bool is_never;
} fetch_rule;

typedef struct scripted_fetch {
    otr_fetch fetch;
    struct scripted_fetch *next;
    struct event *event; /* owned */
    char *domain;
    const otr_anchor_set *anchors; /* owned reference */
    otr_fetch_done *done;
    void *arg;
} scripted_fetch;

typedef struct fetch_note {
    char *domain;
    char *addresses;
} fetch_note;

typedef struct scripted_fetcher {
    otr_fetcher fetcher;
    struct event_base *base; /* borrowed */
    fetch_rule *rules;
    scripted_fetch *fetches;
    fetch_note *notes;
    size_t note_count;
} scripted_fetcher;

static void *need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "scripted fetcher: out of memory\n");
        abort();
    }
    return memory;
}

static void clear_rule(fetch_rule *rule)
{
    free(rule->domain);
    free(rule->body);
    free(rule->reason);
}

static fetch_rule *find_rule(const scripted_fetcher *s, const char *domain)
{
    for (fetch_rule *rule = s->rules; rule != NULL; rule = rule->next) {
        if (strcmp(rule->domain, domain) == 0)
            return rule;
    }
    return NULL;
}

static fetch_rule *renew_rule(otr_fetcher *fetcher, const char *domain)
{
    scripted_fetcher *s = (scripted_fetcher *)fetcher;
    fetch_rule *rule = find_rule(s, domain);

    if (rule == NULL) {
        rule = need(calloc(1, sizeof(*rule)));
        rule->next = s->rules;
        s->rules = rule;
    } else {
        fetch_rule *next = rule->next;

        clear_rule(rule);
        *rule = (fetch_rule){ .next = next };
    }
    rule->domain = need(strdup(domain));
    rule->reason = need(strdup(""));
    return rule;
}

void otr_scripted_fetcher_body(otr_fetcher *fetcher, const char *domain, const char *body)
{
    fetch_rule *rule = renew_rule(fetcher, domain);

    rule->http_status = 200;
    rule->body = need(strdup(body));
}

void otr_scripted_fetcher_fail(otr_fetcher *fetcher, const char *domain, otr_sts_failure failure, long http_status,
                               const char *reason)
{
    fetch_rule *rule = renew_rule(fetcher, domain);

    rule->failure = failure;
    rule->http_status = http_status;
    free(rule->reason);
    rule->reason = need(strdup(reason));
}

void otr_scripted_fetcher_shows(otr_fetcher *fetcher, const char *domain, const STACK_OF(X509) *chain, otr_time at)
{
    fetch_rule *rule = need(find_rule((scripted_fetcher *)fetcher, domain));

    rule->chain = chain;
    rule->at = at;
}

void otr_scripted_fetcher_never(otr_fetcher *fetcher, const char *domain)
{
    renew_rule(fetcher, domain)->is_never = true;
}

void otr_scripted_fetcher_release(otr_fetcher *fetcher)
{
    for (scripted_fetch *f = ((scripted_fetcher *)fetcher)->fetches; f != NULL; f = f->next)
        event_active(f->event, EV_TIMEOUT, 0);
}

static void unlink_fetch(scripted_fetch *f)
{
    scripted_fetch **at = &((scripted_fetcher *)f->fetch.fetcher)->fetches;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
}

static void scripted_cancel(otr_fetch *fetch)
{
    scripted_fetch *f = (scripted_fetch *)fetch;

    unlink_fetch(f);
    event_free(f->event);
    otr_anchor_set_unref(f->anchors);
    free(f->domain);
    free(f);
}

static void judge_chain(const scripted_fetch *f, const fetch_rule *rule, otr_fetch_result *result, otr_verification *v,
                        otr_buf *reason)
{
    char host[OTR_DOMAIN_SIZE + 8];

    snprintf(host, sizeof(host), "mta-sts.%s", f->domain);
    if (otr_verify_chain(f->anchors, rule->chain, host, rule->at, v) != OUTRIDER_OK)
        abort();
    result->chain = rule->chain;
    result->verification = v;
    if (v->is_accepted)
        return;
    result->failure = OTR_STS_WEBPKI_INVALID;
    result->cause = OTR_STS_CAUSE_CERTIFICATE;
    otr_buf_reset(reason);
    otr_buf_puts(reason, v->reason);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    scripted_fetch *f = arg;
    const fetch_rule *rule = find_rule((scripted_fetcher *)f->fetch.fetcher, f->domain);
    otr_fetch_result result = { .media_type = "text/plain", .location = "" };
    otr_verification verification = { 0 };
    otr_fetch_done *done = f->done;
    void *done_arg = f->arg;
    otr_buf body = OTR_BUF_INIT;
    otr_buf reason = OTR_BUF_INIT;

    (void)fd;
    (void)what;
    if (rule == NULL) {
        result.failure = OTR_STS_FETCH_ERROR;
        otr_buf_printf(&reason, "not scripted: %s", f->domain);
    } else {
        /* Copies: done() may change the rules. */
        result.failure = rule->failure;
        result.http_status = rule->http_status;
        otr_buf_puts(&reason, rule->reason);
        otr_buf_puts(&body, rule->body != NULL ? rule->body : "");
        if (rule->chain != NULL)
            judge_chain(f, rule, &result, &verification, &reason);
    }
    result.body = otr_buf_text(&body);
    result.body_len = body.len;
    result.reason = otr_buf_text(&reason);
    scripted_cancel(&f->fetch);
    done(done_arg, &result);
    otr_verification_clear(&verification);
    otr_buf_clear(&body);
    otr_buf_clear(&reason);
}

static void note_fetch(scripted_fetcher *s, const char *domain, const otr_address *addresses, size_t count)
{
    otr_buf list = OTR_BUF_INIT;
    char text[OTR_ADDRESS_SIZE];

    otr_buf_puts(&list, "");
    for (size_t i = 0; i < count; i++)
        otr_buf_printf(&list, "%s%s", i > 0 ? " " : "", otr_address_text(&addresses[i], text));
    s->notes = need(realloc(s->notes, (s->note_count + 1) * sizeof(*s->notes)));
    s->notes[s->note_count].domain = need(strdup(domain));
    s->notes[s->note_count].addresses = need(strdup(otr_buf_text(&list)));
    s->note_count++;
    otr_buf_clear(&list);
}

static otr_fetch *scripted_start(otr_fetcher *fetcher, const char *domain, const otr_address *addresses, size_t count,
                                 const otr_anchor_set *anchors, otr_fetch_done *done, void *arg)
{
    scripted_fetcher *s = (scripted_fetcher *)fetcher;
    scripted_fetch *f = need(calloc(1, sizeof(*f)));
    const fetch_rule *rule = find_rule(s, domain);

    note_fetch(s, domain, addresses, count);
    f->fetch.fetcher = fetcher;
    f->domain = need(strdup(domain));
    f->anchors = otr_anchor_set_ref(anchors);
    f->done = done;
    f->arg = arg;
    f->event = need(event_new(s->base, -1, 0, on_turn, f));
    f->next = s->fetches;
    s->fetches = f;
    if (rule == NULL || !rule->is_never)
        event_active(f->event, EV_TIMEOUT, 0);
    return &f->fetch;
}

static void scripted_free(otr_fetcher *fetcher)
{
    scripted_fetcher *s = (scripted_fetcher *)fetcher;

    while (s->fetches != NULL)
        scripted_cancel(&s->fetches->fetch);
    while (s->rules != NULL) {
        fetch_rule *rule = s->rules;

        s->rules = rule->next;
        clear_rule(rule);
        free(rule);
    }
    for (size_t i = 0; i < s->note_count; i++) {
        free(s->notes[i].domain);
        free(s->notes[i].addresses);
    }
    free(s->notes);
    free(s);
}

otr_fetcher *otr_scripted_fetcher_new(struct event_base *base)
{
    static const struct otr_fetcher_ops ops = { scripted_start, scripted_cancel, scripted_free };
    scripted_fetcher *s = need(calloc(1, sizeof(*s)));

    s->fetcher.ops = &ops;
    s->base = base;
    return &s->fetcher;
}

size_t otr_scripted_fetcher_count(const otr_fetcher *fetcher)
{
    return ((const scripted_fetcher *)fetcher)->note_count;
}

const char *otr_scripted_fetcher_domain(const otr_fetcher *fetcher, size_t i)
{
    const scripted_fetcher *s = (const scripted_fetcher *)fetcher;

    return i < s->note_count ? s->notes[i].domain : NULL;
}

const char *otr_scripted_fetcher_addresses(const otr_fetcher *fetcher, size_t i)
{
    const scripted_fetcher *s = (const scripted_fetcher *)fetcher;

    return i < s->note_count ? s->notes[i].addresses : NULL;
}

size_t otr_scripted_fetcher_waiting(const otr_fetcher *fetcher)
{
    size_t count = 0;

    for (const scripted_fetch *f = ((const scripted_fetcher *)fetcher)->fetches; f != NULL; f = f->next)
        count++;
    return count;
}

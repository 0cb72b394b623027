/*
 * refresh.c - one errand for one policy domain, in the order in which it happens:
 *
 *   LOOKUP_RECORD   TXT at _mta-sts.DOMAIN; the record (or its absence) is noted in the new entry
 *   CLAIM           if a fetch is called for, back-off permits it, and there are others who may want the same: whether one of them
 *                   does it (or has done it)
 *   LOOKUP_ADDRESS  A and AAAA of mta-sts.DOMAIN at once
 *   FETCH_POLICY    HTTPS, parse; body, id and times are replaced together, or not at all (STS-APPLY-12)
 *   finish          all event sources are released, then done() is told
 */
#include "sts/refresh.h"

#include "dns/address_lookup.h"

#include <assert.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD_PREFIX "_mta-sts."
#define HOST_PREFIX "mta-sts."
#define NAME_SIZE (sizeof(RECORD_PREFIX) + OTR_DOMAIN_SIZE)
#define RECHECK_MOST 3600  /* s; the resolver keeps nothing longer, either */
#define UNKNOWN_RECHECK 30 /* s after a failed lookup when no policy is on hand: "unknown" is not kept for long */

struct otr_sts_refresh {
    enum { LOOKUP_RECORD, CLAIM, LOOKUP_ADDRESS, FETCH_POLICY } step;
    otr_sts_net *net;             /* borrowed */
    otr_sts_entry *entry;         /* owned: the new one, changed as things are learned */
    bool is_policy_due;           /* fetch whatever the record says */
    char host[NAME_SIZE];         /* mta-sts.DOMAIN */
    otr_dns_query *record_query;  /* owned; set during LOOKUP_RECORD */
    void *claim;                  /* owned; set from CLAIM to the end; NULL: there is none */
    otr_address_lookup *lookup;   /* owned; set during LOOKUP_ADDRESS */
    otr_address addresses[OTR_FETCH_ADDRESS_MAX];
    size_t address_count;
    otr_fetch *fetch;             /* owned; set during FETCH_POLICY */
    struct event *deadline;       /* owned; one for LOOKUP_ADDRESS and FETCH_POLICY together */
    otr_sts_refresh_done *done;
    void *arg;
};

static void free_refresh(otr_sts_refresh *r)
{
    otr_dns_cancel(r->record_query);
    if (r->claim != NULL)
        r->net->sharing->settle(r->claim, NULL);
    otr_address_lookup_cancel(r->lookup);
    otr_fetch_cancel(r->fetch);
    if (r->deadline != NULL)
        event_free(r->deadline);
    otr_sts_entry_unref(r->entry);
    free(r);
}

/* done() may start the next errand, so nothing of this one is left by then. */
static void finish(otr_sts_refresh *r)
{
    otr_sts_entry *entry = r->entry;
    otr_sts_refresh_done *done = r->done;
    void *arg = r->arg;

    if (r->claim != NULL)
        r->net->sharing->settle(r->claim, entry);
    r->claim = NULL;
    r->entry = NULL;
    free_refresh(r);
    done(arg, entry);
}

/* Times and words ------------------------------------------------------------------------------------- */

static otr_time now_of(const otr_sts_refresh *r)
{
    return otr_clock_now(r->net->clock);
}

/* Up to a tenth more, so that what began together does not stay together. xorshift32 over the thread's seed. */
static otr_time add_jitter(otr_sts_refresh *r, otr_time span)
{
    uint32_t *seed = &r->net->jitter_seed;

    if (*seed == 0)
        *seed = 2463534242u;
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return span < 10 ? span : span + (otr_time)(*seed % (uint32_t)(span / 10));
}

/* Words from a peer or a zone go into logs and JSON: what is not printable ASCII becomes '?'. */
OUTRIDER_PRINTF(2, 3)
static void put_words(char words[OTR_STS_ERROR_SIZE], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(words, OTR_STS_ERROR_SIZE, format, args);
    va_end(args);
    for (char *at = words; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~')
            *at = '?';
    }
}

/* The id that an attempt is for: that of the record, or none when the policy is refreshed without one. */
static const char *wanted_id(const otr_sts_entry *entry)
{
    return entry->record == OTR_STS_PRESENT ? entry->record_id : "";
}

/* 300 s, 600 s, ... up to the most, and a little more: never less than RFC 8461 §3.3 asks for. */
static otr_time back_off(otr_sts_refresh *r)
{
    const otr_sts_pace *pace = &r->net->pace;
    otr_time span = pace->retry_first;

    for (unsigned i = 1; i < r->entry->failures && span < pace->retry_most; i++)
        span *= 2;
    return add_jitter(r, span < pace->retry_most ? span : pace->retry_most);
}

/* A failed attempt changes the evidence and nothing else (REMEMBER). */
OUTRIDER_PRINTF(4, 5)
static void fail(otr_sts_refresh *r, otr_sts_failure failure, otr_sts_cause cause, const char *format, ...)
{
    otr_sts_entry *entry = r->entry;
    char words[OTR_STS_ERROR_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    put_words(entry->error, "%s", words);
    /* Back-off grows with attempts for the same id; a new id begins anew (STS-FETCH-14). */
    entry->failures = strcmp(entry->tried_id, wanted_id(entry)) == 0 ? entry->failures + 1 : 1;
    entry->failure = failure;
    entry->cause = cause;
    snprintf(entry->tried_id, sizeof(entry->tried_id), "%s", wanted_id(entry));
    entry->tried_at = now_of(r);
    entry->retry_at = entry->tried_at + back_off(r);
    finish(r);
}

/* FETCH_POLICY ---------------------------------------------------------------------------------------- */

static void take_policy(otr_sts_refresh *r, otr_sts_policy *policy)
{
    otr_sts_entry *entry = r->entry;

    otr_sts_policy_free(entry->policy);
    entry->policy = policy;
    if (entry->record == OTR_STS_PRESENT)
        memcpy(entry->id, entry->record_id, sizeof(entry->id));
    entry->fetched_at = now_of(r);
    entry->expires_at = entry->fetched_at + policy->max_age;
    entry->is_from_store = false;
    otr_sts_entry_forget_failure(entry);
    finish(r);
}

static bool is_taken(const otr_sts_refresh *r, const otr_fetch_result *result, char why[OTR_STS_ERROR_SIZE])
{
    const otr_sts_net *net = r->net;

    return net->witness == NULL || result->verification == NULL ||
           net->witness(net->witness_arg, r->entry->domain, r->host, result, why);
}

static void on_policy(void *arg, const otr_fetch_result *result)
{
    otr_sts_refresh *r = arg;
    otr_sts_policy *policy = NULL;
    otr_sts_notes *notes;
    char why[OTR_STS_ERROR_SIZE] = "";
    bool may_be_taken;
    outrider_err err;

    assert(r->step == FETCH_POLICY);
    r->fetch = NULL;
    may_be_taken = is_taken(r, result, why);
    if (result->failure != OTR_STS_NO_FAILURE) {
        fail(r, result->failure, result->cause, "%s: %s", r->host, result->reason);
        return;
    }
    if (!may_be_taken) {
        fail(r, OTR_STS_FETCH_ERROR, OTR_STS_CAUSE_CERTIFICATE, "%s: %s", r->host, why);
        return;
    }
    notes = calloc(1, sizeof(*notes));
    err = notes == NULL ? OUTRIDER_E_NOMEM : otr_sts_policy_parse(result->body, result->body_len, &policy, notes);
    if (err == OUTRIDER_OK)
        take_policy(r, policy);
    else if (err == OUTRIDER_E_NOMEM)
        fail(r, OTR_STS_FETCH_ERROR, OTR_STS_CAUSE_INTERNAL, "out of memory");
    else if (notes->error_count > 0)
        fail(r, OTR_STS_POLICY_INVALID, OTR_STS_CAUSE_POLICY, "line %u, column %u: %s", notes->errors[0].line,
             notes->errors[0].column, notes->errors[0].message);
    else
        fail(r, OTR_STS_POLICY_INVALID, OTR_STS_CAUSE_POLICY, "the policy exceeds a limit");
    free(notes);
}

static void fetch_policy(otr_sts_refresh *r)
{
    const otr_sts_net *net = r->net;

    r->step = FETCH_POLICY;
    r->fetch = otr_fetch_start(net->fetcher, r->entry->domain, r->addresses, r->address_count,
                               otr_anchors_for(net->anchors, r->entry->domain), on_policy, r);
    if (r->fetch == NULL)
        fail(r, OTR_STS_FETCH_ERROR, OTR_STS_CAUSE_INTERNAL, "out of memory");
}

/* LOOKUP_ADDRESS -------------------------------------------------------------------------------------- */

/* For the evidence. */
static void note_addresses(otr_sts_refresh *r, const otr_address_result *result)
{
    for (size_t i = 0; i < 2; i++)
        put_words(r->entry->host_note[i], "%s", result->note[i]);
}

static void on_addresses(void *arg, const otr_address_result *result)
{
    otr_sts_refresh *r = arg;

    assert(r->step == LOOKUP_ADDRESS);
    r->lookup = NULL; /* a lookup that has answered is already gone */
    note_addresses(r, result);
    memcpy(r->addresses, result->addresses, sizeof(r->addresses));
    r->address_count = result->count;
    if (r->address_count > 0)
        fetch_policy(r);
    else
        fail(r, OTR_STS_FETCH_ERROR, result->is_temporary ? OTR_STS_CAUSE_DNS : OTR_STS_CAUSE_ADDRESS, "%s",
             result->reason);
}

static outrider_err start_timer(otr_sts_refresh *r, struct event **timer, event_callback_fn callback, unsigned span_ms)
{
    struct timeval span = { .tv_sec = span_ms / 1000, .tv_usec = span_ms % 1000 * 1000 };

    *timer = evtimer_new(r->net->base, callback, r);
    return *timer != NULL && evtimer_add(*timer, &span) == 0 ? OUTRIDER_OK : OUTRIDER_E_NOMEM;
}

static unsigned fetch_ms(const otr_sts_refresh *r)
{
    return r->net->fetch_ms != 0 ? r->net->fetch_ms : OTR_STS_FETCH_MS;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    otr_sts_refresh *r = arg;

    (void)fd;
    (void)what;
    if (r->lookup != NULL)
        note_addresses(r, otr_address_lookup_so_far(r->lookup));
    fail(r, OTR_STS_FETCH_ERROR, OTR_STS_CAUSE_TIMEOUT, "%s: no policy within %u.%u s", r->host,
         fetch_ms(r) / 1000, fetch_ms(r) % 1000 / 100);
}

static void lookup_address(otr_sts_refresh *r)
{
    r->step = LOOKUP_ADDRESS;
    memset(r->entry->host_note, 0, sizeof(r->entry->host_note));
    if (strlen(r->host) > OTR_DOMAIN_MAX) {
        fail(r, OTR_STS_FETCH_ERROR, OTR_STS_CAUSE_ADDRESS, "the name %s would be too long", r->host);
        return;
    }
    r->lookup = otr_address_lookup_start(r->net->base, r->net->resolver, r->host, r->net->allow_private, on_addresses, r);
    if (r->lookup == NULL || start_timer(r, &r->deadline, on_deadline, fetch_ms(r)) != OUTRIDER_OK)
        fail(r, OTR_STS_FETCH_ERROR, OTR_STS_CAUSE_INTERNAL, "out of memory");
}

/* CLAIM ----------------------------------------------------------------------------------------------- */

/* Fetched by another: its id and time are those of that fetch (STS-APPLY-11). */
static void take_shared(otr_sts_refresh *r, const otr_sts_claim_result *result)
{
    if (otr_sts_entry_take_policy(r->entry, result->policy, result->id, result->fetched_at) == OUTRIDER_OK)
        finish(r);
    else
        lookup_address(r); /* memory is short; perhaps it is enough for what we do ourselves */
}

static void on_claimed(void *arg, const otr_sts_claim_result *result)
{
    otr_sts_refresh *r = arg;

    assert(r->step == CLAIM);
    switch (result->what) {
    case OTR_STS_FETCH_IT:
        lookup_address(r);
        break;
    case OTR_STS_TAKE_IT:
        take_shared(r, result);
        break;
    case OTR_STS_HAS_FAILED:
        fail(r, result->failure, OTR_STS_CAUSE_FLEET, "not tried, as others of the fleet have: %s", result->error);
        break;
    }
}

static void claim_or_fetch(otr_sts_refresh *r)
{
    const otr_sts_net *net = r->net;

    r->step = CLAIM;
    r->claim = net->sharing != NULL ? net->sharing->claim(net->sharing_arg, r->entry, on_claimed, r) : NULL;
    if (r->claim == NULL)
        lookup_address(r);
}

/* LOOKUP_RECORD --------------------------------------------------------------------------------------- */

static bool is_held_back(const otr_sts_refresh *r)
{
    const otr_sts_entry *entry = r->entry;

    return entry->failures > 0 && now_of(r) < entry->retry_at && strcmp(entry->tried_id, wanted_id(entry)) == 0;
}

/* Rows S1 to S5 end here; the others call for a fetch. */
static bool is_fetch_wanted(otr_sts_refresh *r)
{
    otr_sts_entry *entry = r->entry;
    bool has_policy = otr_sts_entry_is_unexpired(entry, now_of(r));

    if (entry->record != OTR_STS_PRESENT) /* STS-DNS-12, and STS-APPLY-13 for the policy on hand */
        return has_policy && r->is_policy_due;
    if (!has_policy || strcmp(entry->record_id, entry->id) != 0)
        return true;
    /* S5. What failed was for an id that the record has left again. */
    if (entry->tried_id[0] != '\0' && strcmp(entry->tried_id, entry->id) != 0)
        otr_sts_entry_forget_failure(entry);
    return r->is_policy_due;
}

static void note_failed_lookup(otr_sts_entry *entry, const char *reason)
{
    entry->record = OTR_STS_LOOKUP_FAILED;
    put_words(entry->record_note, "%s", reason);
}

/* Exactly one that parses, or none (STS-DNS-04, STS-DNS-05). */
static outrider_err choose_record(otr_sts_entry *entry, const otr_dns_answer *answer)
{
    otr_slice *txts = calloc(answer->rr_count + 1, sizeof(*txts));
    otr_sts_record record = { 0 };
    outrider_diag diag = { 0 };

    if (txts == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < answer->rr_count; i++)
        txts[i] = (otr_slice){ .ptr = answer->rrs[i].txt.text, .len = answer->rrs[i].txt.len };
    entry->record = OTR_STS_ABSENT;
    switch (otr_sts_record_find(txts, answer->rr_count, &record, &diag)) {
    case OTR_STS_RECORD_NONE:
        put_words(entry->record_note, "no TXT record begins with \"v=STSv1;\"");
        break;
    case OTR_STS_RECORD_SEVERAL:
        put_words(entry->record_note, "several TXT records begin with \"v=STSv1;\"");
        break;
    case OTR_STS_RECORD_INVALID:
        put_words(entry->record_note, "column %u: %s", diag.column, diag.message);
        break;
    case OTR_STS_RECORD_ONE:
        if (answer->is_truncated_by_us) { /* others of the kind may be among those left out */
            note_failed_lookup(entry, "too many TXT records, or too long ones, to count those of MTA-STS");
            break;
        }
        entry->record = OTR_STS_PRESENT;
        memset(entry->record_id, 0, sizeof(entry->record_id));
        memcpy(entry->record_id, record.id.ptr, record.id.len); /* at most OTR_STS_ID_MAX, says the parser */
        break;
    }
    free(txts);
    return OUTRIDER_OK;
}

static void note_record(otr_sts_entry *entry, const otr_dns_answer *answer)
{
    entry->record_id[0] = '\0';
    entry->record_note[0] = '\0';
    entry->record_ttl = answer->ttl;
    snprintf(entry->record_status, sizeof(entry->record_status), "%s", otr_dns_status_names[answer->status]);
    if (strlen(entry->domain) + strlen(RECORD_PREFIX) > OTR_DOMAIN_MAX) {
        entry->record = OTR_STS_ABSENT; /* nobody can publish a record there */
        put_words(entry->record_note, "the name of the record would be too long");
    } else if (answer->status == OTR_DNS_BOGUS || answer->status == OTR_DNS_TEMPFAIL) {
        note_failed_lookup(entry, answer->reason); /* STS-DNS-13: unknown, not absent */
    } else if (answer->content != OTR_DNS_DATA) {
        entry->record = OTR_STS_ABSENT;
        put_words(entry->record_note, "%s", answer->content == OTR_DNS_NXDOMAIN ? "no such name" : "no TXT record");
    } else if (choose_record(entry, answer) != OUTRIDER_OK) {
        note_failed_lookup(entry, "out of memory");
    }
}

/*
 * The record's TTL, not sooner than the floor (STS-APPLY-17) and not later than in an hour: nobody tells us which attempt
 * is a mail server's last for a message, so none may go without a recent look (STS-APPLY-06).
 */
static otr_time recheck_span(const otr_sts_refresh *r, uint32_t ttl)
{
    const otr_sts_pace *pace = &r->net->pace;

    if (r->entry->record == OTR_STS_LOOKUP_FAILED && !otr_sts_entry_is_unexpired(r->entry, now_of(r)))
        return pace->recheck_floor < UNKNOWN_RECHECK ? pace->recheck_floor : UNKNOWN_RECHECK;
    if (ttl > RECHECK_MOST)
        ttl = RECHECK_MOST;
    return ttl < pace->recheck_floor ? pace->recheck_floor : ttl;
}

static void on_record(void *arg, const otr_dns_answer *answer)
{
    otr_sts_refresh *r = arg;
    otr_sts_entry *entry = r->entry;

    assert(r->step == LOOKUP_RECORD);
    r->record_query = NULL; /* a query that has answered is already gone */
    note_record(entry, answer);
    entry->checked_at = now_of(r);
    entry->recheck_at = entry->checked_at + add_jitter(r, recheck_span(r, answer->ttl));
    if (is_fetch_wanted(r) && !is_held_back(r))
        claim_or_fetch(r);
    else
        finish(r);
}

otr_sts_refresh *otr_sts_refresh_start(otr_sts_net *net, const otr_sts_entry *known, otr_sts_due due,
                                       otr_sts_refresh_done *done, void *arg)
{
    otr_sts_refresh *r = calloc(1, sizeof(*r));
    char name[NAME_SIZE];

    assert(net->base != NULL);
    if (r == NULL)
        return NULL;
    r->net = net;
    r->is_policy_due = due == OTR_STS_DUE_POLICY;
    r->done = done;
    r->arg = arg;
    r->entry = otr_sts_entry_copy(known);
    snprintf(name, sizeof(name), RECORD_PREFIX "%s", known->domain);
    snprintf(r->host, sizeof(r->host), HOST_PREFIX "%s", known->domain);
    if (r->entry != NULL)
        r->record_query = otr_dns_ask(net->resolver, name, OTR_RR_TXT, on_record, r);
    if (r->record_query == NULL) {
        free_refresh(r);
        return NULL;
    }
    return r;
}

bool otr_sts_refresh_has_news(const otr_sts_refresh *r)
{
    return r->step != LOOKUP_RECORD && r->entry->record == OTR_STS_PRESENT &&
           strcmp(r->entry->record_id, r->entry->id) != 0;
}

void otr_sts_refresh_cancel(otr_sts_refresh *r)
{
    if (r != NULL)
        free_refresh(r);
}

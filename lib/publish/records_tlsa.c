/*
 * records_tlsa.c - the TLSA records of an MX host: made from what it shows and from the keys that come next, beside those published.
 *
 * Which forms: those asked for, and each form that is published already, so that what is added covers all that is there: a sender that
 * finds SHA2-512 does not look at SHA2-256 (RFC 7671 §9), and a combination that matches nothing is a fault waiting to happen
 * (RFC 7671 §8.4, PUB-12, PUB-14).
 */
#include "publish/records_inside.h"

#include <stdio.h>

typedef struct wanted {
    otr_tlsa_digest digest;
    const otr_tlsa_source *source;
    bool is_next;
    bool is_published;
} wanted;

typedef struct work {
    otr_records_draft *d;
    const otr_records_host *host;
    otr_record_set *set;
    otr_tlsa_forms forms;
    wanted *list; /* in the arena */
    size_t count;
    const char *trouble; /* a form that was asked for and cannot be made; NULL */
} work;

static otr_tlsa published(const otr_records_host *host, size_t i)
{
    return otr_tlsa_from_rdata(host->tlsa->rrs[i].tlsa.rdata, host->tlsa->rrs[i].tlsa.len);
}

static void find_forms(work *w)
{
    const otr_tlsa_form first = OTR_TLSA_FORM_DEFAULT;

    w->forms = w->d->q->forms;
    if (w->forms.count == 0)
        otr_tlsa_forms_add(&w->forms, first);
    for (size_t i = 0; w->host->tlsa != NULL && i < w->host->tlsa->rr_count; i++) {
        otr_tlsa r = published(w->host, i);
        otr_tlsa_form form = { r.usage, r.selector, r.mtype };

        if (otr_tlsa_check(&r) == OTR_TLSA_USABLE && otr_tlsa_form_fault(form) == NULL)
            otr_tlsa_forms_add(&w->forms, form);
    }
}

static void want(work *w, const otr_tlsa_source *source, otr_tlsa_form form, bool is_next)
{
    wanted *made = &w->list[w->count];
    outrider_diag diag;
    outrider_err err = otr_tlsa_make(source, form, &made->digest, &diag);
    otr_tlsa record, other;

    if (err != OUTRIDER_OK) {
        w->trouble = otr_arena_text(w->d->arena, diag.message);
        return;
    }
    record = otr_tlsa_of_digest(&made->digest);
    for (size_t i = 0; i < w->count; i++) {
        other = otr_tlsa_of_digest(&w->list[i].digest);
        if (otr_tlsa_same(&record, &other))
            return;
    }
    made->source = source;
    made->is_next = is_next;
    made->is_published = false;
    w->count++;
}

static void find_wanted(work *w)
{
    const otr_records_host *h = w->host;

    find_forms(w);
    w->list = otr_arena_alloc(w->d->arena, (h->chain_count + h->next_count) * w->forms.count + 1, sizeof(*w->list));
    for (size_t f = 0; w->list != NULL && f < w->forms.count; f++) {
        otr_tlsa_form form = w->forms.list[f];

        for (size_t i = 0; i < h->chain_count; i++)
            want(w, &h->chains[i], form, false);
        /* Of a key that has no certificate yet, only its own digest is known. */
        for (size_t i = 0; form.usage == 3 && form.selector == 1 && i < h->next_count; i++)
            want(w, &h->next[i], form, true);
    }
}

static const char *words_of(work *w, const wanted *one)
{
    char key[OTR_KEY_WORDS];

    return otr_arena_printf(w->d->arena, "%s, %s%s", otr_key_words(otr_tlsa_source_key(one->source), key),
                            one->is_next ? "the key that comes next" : "in service",
                            one->digest.form.usage == 2 ? ": its issuer" : "");
}

static const wanted *find(work *w, const otr_tlsa *record)
{
    for (size_t i = 0; w->list != NULL && i < w->count; i++) {
        otr_tlsa other = otr_tlsa_of_digest(&w->list[i].digest);

        if (otr_tlsa_same(record, &other)) {
            w->list[i].is_published = true;
            return &w->list[i];
        }
    }
    return NULL;
}

static void put_published(work *w)
{
    otr_records_draft *d = w->d;

    for (size_t i = 0; w->host->tlsa != NULL && i < w->host->tlsa->rr_count; i++) {
        otr_tlsa r = published(w->host, i);
        otr_record record = otr_record_of_answer(d->arena, w->host->tlsa, i);
        otr_tlsa_usability use = otr_tlsa_check(&r);
        const wanted *one = find(w, &r);

        if (one != NULL)
            otr_records_line(d, w->set, record, OTR_RECORD_SAME, words_of(w, one));
        else if (use != OTR_TLSA_USABLE)
            otr_records_line(d, w->set, record, OTR_RECORD_EXTRA, otr_tlsa_usability_names[use]);
        else if (!w->host->is_known)
            otr_records_line(d, w->set, record, OTR_RECORD_EXTRA, "whether it matches what the host shows is not known");
        else
            otr_records_line(d, w->set, record, OTR_RECORD_EXTRA, "matches no certificate and no key in the files");
    }
}

static void put_missing(work *w)
{
    uint32_t ttl = otr_records_ttl(w->host->tlsa, w->host->ttl);

    for (size_t i = 0; w->list != NULL && i < w->count; i++) {
        otr_tlsa record = otr_tlsa_of_digest(&w->list[i].digest);

        if (!w->list[i].is_published)
            otr_records_line(w->d, w->set, otr_record_of_tlsa(w->d->arena, w->set->owner, ttl, &record),
                             otr_records_absent(w->host->tlsa), words_of(w, &w->list[i]));
    }
}

/* Whether a sender that knows DANE accepts each chain now. True as well where no record is usable: then nothing must match. */
static bool is_covered(work *w)
{
    const otr_dns_answer *answer = w->host->tlsa;
    otr_tlsa *records = otr_arena_alloc(w->d->arena, answer->rr_count + 1, sizeof(*records));
    bool *counts = otr_arena_alloc(w->d->arena, answer->rr_count + 1, sizeof(*counts));
    bool is_good = true;

    if (records == NULL || counts == NULL)
        return true;
    for (size_t i = 0; i < answer->rr_count; i++)
        records[i] = published(w->host, i);
    if (otr_tlsa_select(records, answer->rr_count, counts) == 0)
        return true;
    for (size_t c = 0; c < w->host->chain_count && is_good; c++) {
        is_good = false;
        for (size_t i = 0; i < answer->rr_count; i++)
            is_good |= counts[i] && otr_tlsa_is_of(&records[i], &w->host->chains[c]);
    }
    return is_good;
}

static void note_set(work *w)
{
    const otr_records_host *h = w->host;
    otr_record_set *set = w->set;

    if (*set->note != '\0')
        return;
    if (!h->is_known)
        set->note = otr_arena_printf(w->d->arena, "there is no section tlsa \"%s\"; with --live its records are made of what it shows",
                                     h->host);
    else if (h->tlsa != NULL && h->tlsa->status == OTR_DNS_SECURE && !is_covered(w))
        set->note = otr_arena_printf(w->d->arena, "mail from senders with DANE waits now: no record matches what %s shows", h->host);
    else if (w->trouble != NULL)
        set->note = w->trouble;
    else if (h->chain_count == 0)
        set->note = otr_arena_printf(w->d->arena, "tlsa \"%s\" has no certificates", h->host);
    else if (h->tlsa != NULL && h->tlsa->rr_count > 0 && h->tlsa->status == OTR_DNS_INSECURE)
        set->note = "the records are not signed: nobody uses them";
    else if (set->asked != set->owner && strcmp(set->asked, set->owner) != 0)
        set->note = otr_arena_printf(w->d->arena, "%s is an alias of %s: what changes there changes for all its aliases", set->asked,
                                     set->owner);
}

void otr_records_tlsa(otr_records_draft *d, const otr_records_host *host)
{
    const char *name = otr_arena_printf(d->arena, "_%u._tcp.%s", host->port, host->base_domain);
    work w = { .d = d, .host = host, .set = otr_records_begin(d, OTR_ROLE_TLSA, host->host, name, host->tlsa) };

    if (host->is_known)
        find_wanted(&w);
    put_published(&w);
    w.set->is_absent = w.set->line_count == 0 && otr_records_absent(host->tlsa) == OTR_RECORD_MISSING;
    put_missing(&w);
    note_set(&w);
}

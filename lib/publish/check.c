/*
 * check.c - running the checks: what all of them need is found first (the policy that counts, each chain under each bundle of roots), then
 * each group says what it has to say.
 */
#include "publish/check_judge.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Saying it --------------------------------------------------------------------------------------------------- */

static otr_check_result *new_result(otr_judge *j)
{
    otr_check_report *r = j->report;

    if (r->count == j->room) {
        size_t room = j->room == 0 ? 64 : j->room * 2;
        otr_check_result *grown = reallocarray(r->results, room, sizeof(*grown));

        if (grown == NULL) {
            j->is_out_of_memory = true;
            return NULL;
        }
        r->results = grown;
        j->room = room;
    }
    return &r->results[r->count];
}

/* Much of it comes from zones and servers of anybody. */
static const char *keep(otr_judge *j, const char *text)
{
    otr_buf buf = OTR_BUF_INIT;
    const char *kept;

    if (text == NULL || *text == '\0')
        return "";
    otr_buf_put_printable(&buf, text, OTR_REMARK_MAX);
    j->is_out_of_memory = j->is_out_of_memory || buf.err != OUTRIDER_OK;
    kept = otr_arena_text(j->report->arena, otr_buf_text(&buf));
    otr_buf_clear(&buf);
    return kept;
}

void otr_say(otr_judge *j, otr_remark f, const char *format, ...)
{
    otr_check_result *r = new_result(j);
    char message[OTR_REMARK_MAX + 1], address[OTR_ADDRESS_SIZE];
    va_list args;

    if (r == NULL)
        return;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    *r = (otr_check_result){
        .kind = otr_check_kind_of(f.id), .status = f.status, .host = keep(j, f.host), .message = keep(j, message),
        .address = f.address != NULL ? keep(j, otr_address_text(f.address, address)) : "",
        .found = keep(j, f.found), .expected = keep(j, f.expected), .fix = keep(j, f.fix),
    };
    assert(r->kind != NULL);
    r->id = r->kind->id;
    j->report->counts[r->status]++;
    j->report->count++;
}

void otr_say_skipped(otr_judge *j, const char *id, const char *host, const otr_address *address, const char *parent)
{
    otr_say(j, (otr_remark){ .id = id, .status = OTR_CHECK_SKIPPED, .host = host, .address = address, .found = parent },
             "not looked at, because of %s", parent);
}

bool otr_say_failed_lookup(otr_judge *j, const char *id, const char *host, const otr_dns_answer *answer, const char *what)
{
    if (answer != NULL && answer->content != OTR_DNS_UNKNOWN)
        return false;
    if (answer == NULL)
        otr_say(j, (otr_remark){ .id = id, .status = OTR_CHECK_UNKNOWN, .host = host }, "the lookup of %s was not made in time", what);
    else if (answer->status == OTR_DNS_BOGUS)
        otr_say(j, (otr_remark){ .id = id, .status = OTR_CHECK_CRITICAL, .host = host, .found = "bogus",
                                   .fix = "sign the zone anew, or correct its DS record" },
                 "the signatures of %s do not hold, and senders that validate see nothing there: %s", what, answer->reason);
    else
        otr_say(j, (otr_remark){ .id = id, .status = OTR_CHECK_UNKNOWN, .host = host, .found = "lookup failed" },
                 "the lookup of %s failed: %s", what, answer->reason);
    return true;
}

/* What all need ----------------------------------------------------------------------------------------------- */

static void find_served_policy(otr_judge *j)
{
    for (size_t i = 0; i < j->facts->fetch_count && j->served == NULL; i++) {
        const otr_fetch_facts *f = &j->facts->fetches[i];
        outrider_err err;

        if (!f->was_made || f->failure != OTR_STS_NO_FAILURE)
            continue;
        err = otr_sts_policy_parse(f->body, f->body_len, &j->served, NULL);
        j->is_out_of_memory = j->is_out_of_memory || err == OUTRIDER_E_NOMEM;
        if (err == OUTRIDER_OK)
            j->served_by = f;
    }
}

static void choose_policy(otr_judge *j)
{
    const otr_meant *meant = j->facts->meant;

    if (meant != NULL && (meant->is_proposal || j->served == NULL)) {
        j->has_policy = true;
        j->mode = meant->publication.mode;
        j->max_age = meant->publication.max_age;
        j->mx = meant->publication.mx;
        j->mx_count = meant->publication.mx_count;
    } else if (j->served != NULL) {
        j->has_policy = true;
        j->mode = j->served->mode;
        j->max_age = j->served->max_age;
        j->mx = j->served->mx;
        j->mx_count = j->served->mx_count;
    }
    j->need = OTR_CHECK_INFO;
    if (j->has_policy && j->mode != OTR_STS_NONE)
        j->need = j->mode == OTR_STS_ENFORCE ? OTR_CHECK_CRITICAL : OTR_CHECK_WARNING;
}

static bool judge_chain(otr_judge *j, const otr_host_facts *host, const STACK_OF(X509) *chain, const otr_program_facts *program,
                        otr_chain_judgement *judgement)
{
    otr_verification v = { .depth = -1 };

    if (otr_verify_chain(program->set, chain, host->host, j->facts->at, &v) != OUTRIDER_OK)
        return false;
    *judgement = (otr_chain_judgement){ .is_accepted = v.is_accepted, .error = v.error, .depth = v.depth, .expires_at = v.expires_at,
                                        .reason = otr_arena_text(j->report->arena, v.reason) };
    otr_verification_clear(&v);
    return true;
}

static size_t chain_index(const otr_judge *j, size_t host, size_t address, size_t program)
{
    return (host * OTR_FACT_ADDRESSES_MAX + address) * j->facts->program_count + program;
}

const otr_chain_judgement *otr_chain_of(const otr_judge *j, size_t host, size_t address, size_t program)
{
    return j->facts->hosts[host].addresses[address].first.chain != NULL ? &j->chains[chain_index(j, host, address, program)] : NULL;
}

static bool judge_chains(otr_judge *j)
{
    const otr_domain_facts *f = j->facts;

    if (f->host_count == 0 || f->program_count == 0)
        return true;
    j->chains = otr_arena_alloc(j->report->arena, f->host_count * OTR_FACT_ADDRESSES_MAX * f->program_count, sizeof(*j->chains));
    if (j->chains == NULL)
        return false;
    for (size_t h = 0; h < f->host_count; h++)
        for (size_t a = 0; a < f->hosts[h].address_count; a++)
            for (size_t p = 0; p < f->program_count; p++) {
                const STACK_OF(X509) *chain = f->hosts[h].addresses[a].first.chain;

                if (chain != NULL && !judge_chain(j, &f->hosts[h], chain, &f->programs[p], &j->chains[chain_index(j, h, a, p)]))
                    return false;
            }
    return true;
}

/* "scaled": a certificate of 6 days is renewed every few days, and 14 days would warn of it for ever. */
otr_check_status otr_expiry_status(const X509 *cert, otr_time at)
{
    const otr_time day = 86400, end = otr_cert_not_after(cert), life = end - otr_cert_not_before(cert);
    otr_time left = end - at;

    if (left < 0 || left <= (life / 10 < 3 * day ? life / 10 : 3 * day))
        return OTR_CHECK_CRITICAL;
    return left <= (life / 3 < 14 * day ? life / 3 : 14 * day) ? OTR_CHECK_WARNING : OTR_CHECK_OK;
}

/* The run ----------------------------------------------------------------------------------------------------- */

static void run_groups(otr_judge *j, unsigned groups)
{
    if (groups & OTR_CHECKS_DNS) {
        otr_check_dns(j);
        otr_check_mx_hosts(j);
    }
    if (groups & OTR_CHECKS_SMTP) {
        otr_check_smtp(j);
        otr_check_cert(j);
    }
    if (groups & OTR_CHECKS_DANE)
        otr_check_dane(j);
    if (groups & OTR_CHECKS_STS) {
        otr_check_sts(j);
        otr_check_sts_policy(j);
    }
    if (groups & OTR_CHECKS_RPT)
        otr_check_rpt(j);
}

/* In the order of the table; what is said of several hosts stays in their order. */
static bool put_in_order(otr_check_report *r)
{
    otr_check_result *sorted = r->count > 0 ? calloc(r->count, sizeof(*sorted)) : NULL;
    size_t count = 0;

    if (sorted == NULL)
        return r->count == 0;
    for (size_t k = 0; k < otr_check_kind_count; k++)
        for (size_t i = 0; i < r->count; i++)
            if (r->results[i].kind == &otr_check_kinds[k])
                sorted[count++] = r->results[i];
    free(r->results);
    r->results = sorted;
    return true;
}

otr_check_report *otr_checks_run(const otr_domain_facts *facts, unsigned groups)
{
    otr_check_report *report = calloc(1, sizeof(*report));
    otr_judge j = { .facts = facts, .report = report };
    bool is_good = false;

    if (report == NULL)
        return NULL;
    report->arena = otr_arena_new();
    if (report->arena != NULL) {
        find_served_policy(&j);
        choose_policy(&j);
        if (judge_chains(&j)) {
            run_groups(&j, groups);
            is_good = !j.is_out_of_memory && !otr_arena_failed(report->arena) && put_in_order(report);
        }
    }
    otr_sts_policy_free(j.served);
    if (is_good)
        return report;
    otr_check_report_free(report);
    return NULL;
}

void otr_check_report_free(otr_check_report *report)
{
    if (report == NULL)
        return;
    otr_arena_free(report->arena);
    free(report->results);
    free(report);
}

otr_check_status otr_check_report_worst(const otr_check_report *report, unsigned groups)
{
    size_t counts[OTR_CHECK_SKIPPED + 1] = { 0 };

    for (size_t i = 0; i < report->count; i++)
        if (report->results[i].kind->group & groups)
            counts[report->results[i].status]++;
    if (counts[OTR_CHECK_CRITICAL] > 0)
        return OTR_CHECK_CRITICAL;
    if (counts[OTR_CHECK_WARNING] > 0)
        return OTR_CHECK_WARNING;
    return counts[OTR_CHECK_UNKNOWN] > 0 ? OTR_CHECK_UNKNOWN : OTR_CHECK_OK;
}

/*
 * probe_judge.c - what the verdict requires of the host (decision table, step 5) against what it showed.
 */
#include "cli/probe_judge.h"

#include "trust/pem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 4

const char *const otr_probe_verdict_names[] = { "accepted", "refused", "unknown" };

OUTRIDER_PRINTF(3, 4)
static void conclude(otr_probe_judgement *j, otr_probe_verdict verdict, const char *format, ...)
{
    va_list args;

    j->verdict = verdict;
    va_start(args, format);
    vsnprintf(j->reason, sizeof(j->reason), format, args);
    va_end(args);
}

/*
 * The TLSA base domain, and where the MX records are signed the next-hop domain and what it is an alias of
 * (RFC 7672 §3.2.2): behind unsigned ones anybody could have led us here.
 */
static void list_names(const otr_verdict *v, const otr_host_finding *finding, const char *names[NAMES_MAX])
{
    size_t count = 0;

    names[count++] = finding->base_domain;
    if (v->mx->security == OTR_MX_SECURE) {
        names[count++] = v->destination.domain;
        if (v->mx->canonical != NULL && strcmp(v->mx->canonical, v->destination.domain) != 0)
            names[count++] = v->mx->canonical;
    }
    names[count] = NULL;
}

static outrider_err judge_dane(const otr_verdict *v, const otr_host_finding *finding, const otr_probe_note *note,
                               otr_time at, otr_probe_judgement *j)
{
    const char *names[NAMES_MAX];
    otr_dane_question question = { .records = finding->tlsa, .record_count = finding->tlsa_count,
                                   .chain_pem = note->chain_pem, .chain_len = strlen(note->chain_pem),
                                   .names = names, .at = at };
    outrider_diag diag = { 0 };
    outrider_err err;

    list_names(v, finding, names);
    err = otr_dane_match(&question, &j->dane, &diag);
    j->has_dane = err != OUTRIDER_E_NOMEM;
    if (err == OUTRIDER_OK || err == OUTRIDER_E_NOMEM)
        return err;
    j->dane = (otr_dane_result){ .matched = -1, .depth = -1 };
    snprintf(j->dane.reason, sizeof(j->dane.reason), "%s", diag.message);
    return OUTRIDER_OK;
}

/* What cannot be read again was never a chain that somebody could accept. */
static outrider_err judge_chain(const otr_verdict *v, const otr_host_finding *finding, const otr_probe_note *note,
                                otr_time at, otr_probe_judgement *j)
{
    STACK_OF(X509) *chain = NULL;
    outrider_err err = otr_pem_read_certs(note->chain_pem, strlen(note->chain_pem), OTR_CHAIN_MAX, &chain, NULL);

    if (err != OUTRIDER_OK)
        return err == OUTRIDER_E_NOMEM ? err : OUTRIDER_OK;
    err = otr_verify_chain(v->anchors, chain, finding->host, at, &j->pkix);
    if (err == OUTRIDER_OK) {
        j->has_chain = true;
        j->expires_at = j->pkix.is_accepted ? j->pkix.expires_at : otr_cert_not_after(sk_X509_value(chain, 0));
        if (finding->dane == OTR_DANE_USABLE)
            err = judge_dane(v, finding, note, at, j);
    }
    sk_X509_pop_free(chain, X509_free);
    return err;
}

static void require_dane(otr_probe_judgement *j)
{
    conclude(j, j->dane.is_authenticated ? OTR_PROBE_ACCEPTED : OTR_PROBE_REFUSED, "%s", j->dane.reason);
}

static void require_ca(otr_probe_judgement *j)
{
    if (j->pkix.is_accepted)
        conclude(j, OTR_PROBE_ACCEPTED, "MTA-STS: a root that this destination may have vouches for the host");
    else
        conclude(j, OTR_PROBE_REFUSED, "MTA-STS: %s", j->pkix.reason);
}

/* A policy in testing mode stops nothing; what it would stop is worth knowing. */
static void require_tls(const otr_host_verdict *host, otr_probe_judgement *j)
{
    if (host->is_sts_watched && !j->pkix.is_accepted)
        conclude(j, OTR_PROBE_ACCEPTED, "the policy is in testing mode; enforced, it would refuse: %s", j->pkix.reason);
    else
        conclude(j, OTR_PROBE_ACCEPTED, "no certificate is asked for");
}

static void apply_requirement(const otr_host_verdict *host, otr_probe_judgement *j)
{
    switch (host->requirement) {
    case OTR_REQUIRE_DANE:
        require_dane(j);
        break;
    case OTR_REQUIRE_DANE_AND_STS:
        require_dane(j);
        if (j->verdict == OTR_PROBE_ACCEPTED && !j->pkix.is_accepted)
            require_ca(j);
        break;
    case OTR_REQUIRE_STS:
        require_ca(j);
        break;
    case OTR_REQUIRE_TLS:
    case OTR_OPPORTUNISTIC:
        require_tls(host, j);
        break;
    case OTR_SKIP:
        conclude(j, OTR_PROBE_REFUSED, "the host is not used");
        break;
    }
}

outrider_err otr_probe_judge(const otr_verdict *verdict, size_t i, const otr_probe_note *note, otr_time at,
                             otr_probe_judgement *judgement)
{
    const otr_host_verdict *host = &verdict->hosts[i];
    otr_probe_judgement j = { .pkix.depth = -1 };
    outrider_err err = OUTRIDER_OK;

    if (note->chain_pem != NULL)
        err = judge_chain(verdict, host->finding, note, at, &j);
    if (err != OUTRIDER_OK) {
        otr_probe_judgement_clear(&j);
        return err;
    }
    if (!otr_probe_has_learned(note->outcome))
        conclude(&j, OTR_PROBE_UNKNOWN, "%s: %s", otr_probe_step_names[note->step], note->reason);
    else if (j.has_chain)
        apply_requirement(host, &j);
    else if (host->requirement == OTR_OPPORTUNISTIC)
        conclude(&j, OTR_PROBE_ACCEPTED, "no TLS, and none is asked for: %s", note->reason);
    else
        conclude(&j, OTR_PROBE_REFUSED, "no TLS: %s", note->reason);
    *judgement = j;
    return OUTRIDER_OK;
}

void otr_probe_judgement_clear(otr_probe_judgement *judgement)
{
    otr_verification_clear(&judgement->pkix);
}

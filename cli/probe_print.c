/*
 * probe_print.c - the lines of outrider trust probe.
 */
#include "cli/probe_print.h"

#include "cli/command.h"

#include <jansson.h>
#include <stdio.h>

/* One finding: an address of a host, or the host itself where it has none. */
typedef struct finding {
    const otr_verdict *verdict;
    const otr_host_verdict *host;
    const otr_probe_note *note;           /* NULL: no address */
    const otr_probe_judgement *judgement; /* NULL with it */
    const char *trouble;                  /* then: why */
    bool is_recorded;
} finding;

static const char *policy_of(const otr_verdict *v)
{
    const otr_sts_entry *entry = v->entry;

    return entry != NULL && entry->policy != NULL && otr_sts_entry_is_unexpired(entry, v->made_at)
               ? otr_sts_mode_names[entry->policy->mode]
               : "none";
}

/* JSON -------------------------------------------------------------------------------------------------------- */

static json_t *time_value(otr_time t)
{
    char text[OTR_TIME_TEXT];

    return t > 0 ? json_string(otr_time_text(t, text)) : json_null();
}

static json_t *pkix_object(const otr_probe_judgement *j)
{
    X509 *root = otr_verification_root(&j->pkix);
    char name[OTR_CERT_NAME_SIZE], sha256[OTR_SHA256_TEXT] = "";

    if (root == NULL)
        return json_pack("{s:b, s:n, s:n, s:s}", "accepted", 0, "root", "root_sha256", "reason", j->pkix.reason);
    otr_cert_fingerprint(root, sha256);
    return json_pack("{s:b, s:s, s:s, s:s}", "accepted", 1, "root", otr_cert_name(root, name), "root_sha256", sha256,
                     "reason", "");
}

static json_t *dane_object(const finding *f)
{
    const otr_probe_judgement *j = f->judgement;

    if (j == NULL || !j->has_dane)
        return json_pack("{s:s}", "state", otr_dane_state_names[f->host->finding->dane]);
    return json_pack("{s:s, s:b, s:i, s:s}", "state", otr_dane_state_names[f->host->finding->dane], "authenticated",
                     j->dane.is_authenticated, "record", j->dane.matched, "reason", j->dane.reason);
}

static json_t *finding_object(const finding *f)
{
    const otr_probe_note *n = f->note;
    const otr_probe_judgement *j = f->judgement;
    char address[OTR_ADDRESS_SIZE];
    bool has_tls = n != NULL && n->outcome == OTR_PROBE_TLS;

    return json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:s, s:o, s:o, s:o, s:b}",
                     "domain", f->verdict->destination.domain,
                     "host", f->host->finding->host,
                     "address", n != NULL ? otr_address_text(&n->address, address) : NULL,
                     "verdict", otr_probe_verdict_names[j != NULL ? j->verdict : OTR_PROBE_UNKNOWN],
                     "reason", j != NULL ? j->reason : f->trouble,
                     "requirement", otr_requirement_names[f->host->requirement],
                     "policy", policy_of(f->verdict),
                     "outcome", n != NULL ? otr_probe_outcome_names[n->outcome] : "no-address",
                     "tls", has_tls ? n->tls_version : NULL,
                     "cipher", has_tls ? n->cipher : NULL,
                     "note", n != NULL ? n->reason : "",
                     "expires_at", time_value(j != NULL ? j->expires_at : 0),
                     "pkix", j != NULL && j->has_chain ? pkix_object(j) : json_null(),
                     "dane", dane_object(f),
                     "recorded", f->is_recorded);
}

static bool print_object(json_t *object)
{
    return object != NULL && otr_print_json(object, EX_OK) == EX_OK;
}

/* Text -------------------------------------------------------------------------------------------------------- */

/* "TLSv1.3, root Lab Root until 2027-01-01" */
static void print_shown(const finding *f)
{
    const otr_probe_judgement *j = f->judgement;
    X509 *root = j->has_chain ? otr_verification_root(&j->pkix) : NULL;
    char name[OTR_CERT_NAME_SIZE], until[OTR_TIME_TEXT];

    if (!j->has_chain)
        return;
    printf("          %s", f->note->tls_version);
    if (root != NULL)
        printf(", root %s", otr_cert_name(root, name));
    else
        printf(", no root: %s", j->pkix.reason);
    printf(", until %.10s", otr_time_text(j->expires_at, until));
    if (j->has_dane)
        printf(", DANE %s", j->dane.is_authenticated ? "matches" : "does not match");
    if (f->note->reason[0] != '\0')
        printf("; %s", f->note->reason);
    putchar('\n');
}

static void print_text(const finding *f)
{
    char address[OTR_ADDRESS_SIZE];

    printf("%-8s  %s  %s", otr_probe_verdict_names[f->judgement != NULL ? f->judgement->verdict : OTR_PROBE_UNKNOWN],
           f->verdict->destination.domain, f->host->finding->host);
    if (f->note != NULL)
        printf(" [%s]", otr_address_text(&f->note->address, address));
    printf("  %s: %s\n", otr_requirement_names[f->host->requirement], f->judgement != NULL ? f->judgement->reason : f->trouble);
    if (f->judgement != NULL)
        print_shown(f);
}

static bool print_finding(const finding *f, bool as_json)
{
    if (as_json)
        return print_object(finding_object(f));
    print_text(f);
    return true;
}

bool otr_probe_print_host(const otr_verdict *verdict, size_t host, const otr_probed_host *probed,
                          const otr_probe_judgement *judgements, bool is_recorded, bool as_json)
{
    finding f = { .verdict = verdict, .host = &verdict->hosts[host], .trouble = probed->trouble,
                  .is_recorded = is_recorded };

    if (probed->count == 0)
        return print_finding(&f, as_json);
    for (size_t i = 0; i < probed->count; i++) {
        f.note = &probed->notes[i];
        f.judgement = &judgements[i];
        if (!print_finding(&f, as_json))
            return false;
    }
    return true;
}

bool otr_probe_print_nothing(const char *domain, otr_probe_verdict verdict, const char *reason, bool as_json)
{
    if (as_json)
        return print_object(json_pack("{s:s, s:n, s:s, s:s}", "domain", domain, "host", "verdict",
                                      otr_probe_verdict_names[verdict], "reason", reason));
    printf("%-8s  %s  %s\n", otr_probe_verdict_names[verdict], domain, reason);
    return true;
}

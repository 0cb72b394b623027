/*
 * check_smtp.c - what each address of each MX host did: connect, STARTTLS, a handshake. Outcomes with which nothing was learned of the
 * host are unknown, not failures: it may be this network.
 */
#include "publish/check_judge.h"

typedef struct visit {
    const otr_host_facts *host;
    const otr_address_facts *at;
    char address[OTR_ADDRESS_SIZE];
    otr_check_status without_tls; /* how bad it is that there is no TLS */
} visit;

static otr_remark about(const visit *v, const char *id, otr_check_status status)
{
    return (otr_remark){ .id = id, .status = status, .host = v->host->host, .address = &v->at->address };
}

static bool check_connect(otr_judge *j, const visit *v)
{
    const otr_probe_facts *p = &v->at->first;

    if (v->at->is_refused) {
        otr_say_skipped(j, "smtp.connect", v->host->host, &v->at->address, "mx.reserved");
    } else if (!p->was_made) {
        otr_say(j, about(v, "smtp.connect", OTR_CHECK_UNKNOWN), "%s [%s] was not visited in time", v->host->host, v->address);
    } else if (!otr_probe_has_learned(p->outcome)) {
        otr_say(j, about(v, "smtp.connect", OTR_CHECK_UNKNOWN), "nothing was learned of %s [%s] from this network (%s): %s", v->host->host,
                 v->address, otr_probe_step_names[p->step], p->reason);
    } else {
        otr_say(j, about(v, "smtp.connect", OTR_CHECK_OK), "%s [%s] answers", v->host->host, v->address);
        return true;
    }
    return false;
}

static bool offers_starttls(otr_probe_outcome outcome)
{
    return outcome == OTR_PROBE_TLS || outcome == OTR_PROBE_TLS_FAILED;
}

static bool check_starttls(otr_judge *j, const visit *v)
{
    const otr_probe_facts *p = &v->at->first;
    otr_remark f = about(v, "smtp.starttls", OTR_CHECK_OK);

    if (offers_starttls(p->outcome)) {
        otr_say(j, f, "%s [%s] offers STARTTLS", v->host->host, v->address);
        return true;
    }
    f.found = otr_probe_outcome_names[p->outcome];
    f.status = p->outcome == OTR_PROBE_NO_STARTTLS ? v->without_tls : OTR_CHECK_CRITICAL;
    f.fix = "switch STARTTLS on for everybody, and look for filters on the way that take it out";
    otr_say(j, f, "%s [%s] does not do STARTTLS: %s", v->host->host, v->address, p->reason);
    return false;
}

static void check_twice(otr_judge *j, const visit *v)
{
    const otr_probe_facts *p = &v->at->second;

    if (!p->was_made)
        return; /* not asked for; that nobody answers at all is told by smtp.connect */
    if (!otr_probe_has_learned(p->outcome))
        otr_say(j, about(v, "smtp.starttls-all", OTR_CHECK_UNKNOWN), "the second visit to %s [%s] came to nothing: %s", v->host->host,
                 v->address, p->reason);
    else if (offers_starttls(p->outcome))
        otr_say(j, about(v, "smtp.starttls-all", OTR_CHECK_OK), "%s [%s] offers STARTTLS at a second visit", v->host->host, v->address);
    else
        otr_say(j, about(v, "smtp.starttls-all", OTR_CHECK_CRITICAL),
                "%s [%s] offered STARTTLS at the first visit and not at the second: %s",
                 v->host->host, v->address, p->reason);
}

static bool is_old(const char *version)
{
    return strncmp(version, "SSL", 3) == 0 || strcmp(version, "TLSv1") == 0 || strcmp(version, "TLSv1.1") == 0;
}

static void check_version(otr_judge *j, const visit *v)
{
    const otr_probe_facts *p = &v->at->first;
    otr_remark f = about(v, "tls.version", OTR_CHECK_OK);

    f.found = p->tls_version;
    if (p->outcome == OTR_PROBE_TLS && !is_old(p->tls_version)) {
        otr_say(j, f, "%s [%s] speaks %s", v->host->host, v->address, p->tls_version);
        return;
    }
    f.status = OTR_CHECK_CRITICAL;
    f.expected = "TLSv1.2 or TLSv1.3";
    f.fix = "permit TLS 1.2 and 1.3 in the mail server";
    if (p->outcome == OTR_PROBE_TLS)
        otr_say(j, f, "%s [%s] speaks %s, which is too old", v->host->host, v->address, p->tls_version);
    else
        otr_say(j, f, "no handshake of TLS 1.2 or later came about with %s [%s]: %s", v->host->host, v->address, p->reason);
}

static void check_address(otr_judge *j, const visit *v)
{
    if (!check_connect(j, v)) {
        otr_say_skipped(j, "smtp.starttls", v->host->host, &v->at->address, v->at->is_refused ? "mx.reserved" : "smtp.connect");
        otr_say_skipped(j, "tls.version", v->host->host, &v->at->address, v->at->is_refused ? "mx.reserved" : "smtp.connect");
        return;
    }
    if (!check_starttls(j, v)) {
        otr_say_skipped(j, "tls.version", v->host->host, &v->at->address, "smtp.starttls");
        return;
    }
    check_twice(j, v);
    check_version(j, v);
}

/* With TLSA records, or under a policy that is enforced, mail does not come without TLS; else it comes in clear. */
static otr_check_status cost_without_tls(const otr_judge *j, const otr_host_facts *host)
{
    if (otr_host_tlsa_of(host).state == OTR_HOST_DANE_SIGNED)
        return OTR_CHECK_CRITICAL;
    return j->need == OTR_CHECK_CRITICAL ? OTR_CHECK_CRITICAL : OTR_CHECK_WARNING;
}

void otr_check_smtp(otr_judge *j)
{
    for (size_t i = 0; i < j->facts->host_count; i++) {
        const otr_host_facts *host = &j->facts->hosts[i];
        visit v = { .host = host, .without_tls = cost_without_tls(j, host) };

        if (host->address_count == 0)
            otr_say_skipped(j, "smtp.connect", host->host, NULL, "mx.addr");
        for (size_t a = 0; a < host->address_count; a++) {
            v.at = &host->addresses[a];
            otr_address_text(&v.at->address, v.address);
            check_address(j, &v);
        }
    }
}

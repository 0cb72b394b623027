/*
 * check_cert.c - the certificates that MX hosts show. How bad a fault is depends on who asks: under an enforce policy mail does not
 * come, under one that is tested it is reported, and with neither nobody looks (DANE has checks of its own).
 */
#include "publish/check_judge.h"

#include <openssl/x509v3.h>

#define NAMES_SHOWN 8

typedef struct showing {
    size_t host_index, address_index;
    const otr_host_facts *host;
    const otr_address_facts *at;
    X509 *leaf; /* borrowed */
    char address[OTR_ADDRESS_SIZE];
} showing;

static otr_remark about(const showing *s, const char *id, otr_check_status status)
{
    return (otr_remark){ .id = id, .status = status, .host = s->host->host, .address = &s->at->address };
}

static const char *list_names(otr_judge *j, X509 *leaf)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    otr_buf text = OTR_BUF_INIT;
    const char *kept;
    int shown = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && shown < NAMES_SHOWN; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_DNS)
            continue;
        otr_buf_printf(&text, "%s%.*s", shown++ > 0 ? ", " : "", ASN1_STRING_length(name->d.dNSName),
                       (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
    kept = otr_arena_text(j->report->arena, text.len > 0 ? otr_buf_text(&text) : "no DNS name");
    otr_buf_clear(&text);
    return kept;
}

static bool check_name(otr_judge *j, const showing *s)
{
    otr_remark f = about(s, "cert.name", OTR_CHECK_OK);
    bool is_good = otr_verify_name(s->leaf, s->host->host, NULL) == OUTRIDER_OK;

    f.found = list_names(j, s->leaf);
    if (is_good) {
        otr_say(j, f, "%s [%s] shows a certificate for its name", s->host->host, s->address);
        return true;
    }
    f.status = j->need;
    f.expected = s->host->host;
    f.fix = OTR_TEXT(j, "get a certificate with the DNS name %s", s->host->host);
    otr_say(j, f, "%s [%s] shows a certificate for another name", s->host->host, s->address);
    return false;
}

static size_t count_accepting(const otr_judge *j, const showing *s)
{
    size_t count = 0;

    for (size_t p = 0; p < j->facts->program_count; p++)
        count += otr_chain_of(j, s->host_index, s->address_index, p)->is_accepted;
    return count;
}

static bool is_about_dates(int error)
{
    return error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
}

static void check_trust(otr_judge *j, const showing *s)
{
    const otr_chain_judgement *first = otr_chain_of(j, s->host_index, s->address_index, 0);
    otr_remark f = about(s, "cert.trust", OTR_CHECK_OK);

    if (count_accepting(j, s) > 0) {
        otr_say(j, f, "a root vouches for the certificate of %s [%s]", s->host->host, s->address);
    } else if (first->error == X509_V_ERR_HOSTNAME_MISMATCH) {
        otr_say_skipped(j, f.id, f.host, f.address, "cert.name");
    } else if (is_about_dates(first->error) && first->depth == 0) {
        otr_say_skipped(j, f.id, f.host, f.address, "cert.expiry");
    } else {
        f.status = j->need;
        f.found = first->reason;
        f.fix = "get a certificate of a public CA, and send its intermediates";
        otr_say(j, f, "no root vouches for the certificate of %s [%s]: %s", s->host->host, s->address, first->reason);
    }
}

static void check_programs(otr_judge *j, const showing *s)
{
    size_t count = j->facts->program_count, accepting = count_accepting(j, s);

    if (count < 2)
        return; /* cert.trust has said it */
    if (accepting == 0) {
        otr_say_skipped(j, "cert.root-program", s->host->host, &s->at->address, "cert.trust");
        return;
    }
    if (accepting == count)
        otr_say(j, about(s, "cert.root-program", OTR_CHECK_OK), "each of %zu bundles accepts the certificate of %s [%s]", count,
                 s->host->host, s->address);
    for (size_t p = 0; p < count; p++) {
        const otr_chain_judgement *c = otr_chain_of(j, s->host_index, s->address_index, p);
        otr_remark f = about(s, "cert.root-program", j->need);

        if (c->is_accepted)
            continue;
        f.found = j->facts->programs[p].name;
        otr_say(j, f, "senders with the roots of %s do not accept the certificate of %s [%s]: %s", j->facts->programs[p].name,
                 s->host->host, s->address, c->reason);
    }
}

/* The certificate at which what was sent ends. */
static X509 *find_top(const STACK_OF(X509) *chain)
{
    X509 *top = sk_X509_value(chain, 0);

    for (int steps = 0; steps < sk_X509_num(chain) && !otr_cert_is_self_signed(top); steps++) {
        X509 *issuer = NULL;

        for (int i = 1; i < sk_X509_num(chain) && issuer == NULL; i++)
            if (sk_X509_value(chain, i) != top && X509_check_issued(sk_X509_value(chain, i), top) == X509_V_OK)
                issuer = sk_X509_value(chain, i);
        if (issuer == NULL)
            break;
        top = issuer;
    }
    return top;
}

static bool is_issued_by_root(const otr_judge *j, X509 *top)
{
    for (size_t p = 0; p < j->facts->program_count; p++) {
        const STACK_OF(X509) *roots = j->facts->programs[p].set->roots;

        for (int i = 0; i < sk_X509_num(roots); i++)
            if (X509_NAME_cmp(X509_get_subject_name(sk_X509_value(roots, i)), X509_get_issuer_name(top)) == 0)
                return true;
    }
    return false;
}

static void check_complete(otr_judge *j, const showing *s)
{
    X509 *top = find_top(s->at->first.chain);
    char name[OTR_CERT_NAME_SIZE], *issuer;
    otr_remark f = about(s, "cert.chain-complete", OTR_CHECK_OK);

    if (count_accepting(j, s) > 0 || otr_cert_is_self_signed(top) || is_issued_by_root(j, top)) {
        otr_say(j, f, "%s [%s] sends all of its chain", s->host->host, s->address);
        return;
    }
    issuer = X509_NAME_oneline(X509_get_issuer_name(top), NULL, 0);
    f.status = j->need;
    f.found = otr_cert_name(top, name);
    f.expected = issuer;
    f.fix = "configure the file with the intermediates (\"fullchain\"), leaf first";
    otr_say(j, f, "the chain of %s [%s] ends in %s, whose issuer was not sent and is no root that we know", s->host->host, s->address,
            name);
    OPENSSL_free(issuer);
}

/* With usage 2 dates count under DANE too (RFC 7672 §3.1.2). */
static bool has_anchor_record(const otr_host_facts *host)
{
    otr_host_tlsa tlsa = otr_host_tlsa_of(host);

    for (size_t i = 0; tlsa.state == OTR_HOST_DANE_SIGNED && i < tlsa.answer->rr_count; i++) {
        otr_tlsa record = otr_tlsa_from_rdata(tlsa.answer->rrs[i].tlsa.rdata, tlsa.answer->rrs[i].tlsa.len);

        if (otr_tlsa_check(&record) == OTR_TLSA_USABLE && record.usage == 2)
            return true;
    }
    return false;
}

static void check_expiry(otr_judge *j, const showing *s)
{
    otr_time at = j->facts->at, begin = otr_cert_not_before(s->leaf), end = otr_cert_not_after(s->leaf);
    otr_check_status status = at < begin ? OTR_CHECK_CRITICAL : otr_expiry_status(s->leaf, at);
    otr_check_status most = has_anchor_record(s->host) ? OTR_CHECK_CRITICAL : j->need;
    char date[OTR_TIME_TEXT], span[OTR_TIME_TEXT];
    otr_remark f = about(s, "cert.expiry", status < most ? status : most);

    f.found = otr_time_text(at < begin ? begin : end, date);
    if (status != OTR_CHECK_OK)
        f.fix = "renew the certificate";
    if (at < begin)
        otr_say(j, f, "the certificate of %s [%s] is not valid before %s", s->host->host, s->address, date);
    else if (at > end)
        otr_say(j, f, "the certificate of %s [%s] has expired on %s", s->host->host, s->address, date);
    else
        otr_say(j, f, "the certificate of %s [%s] ends in %s", s->host->host, s->address, otr_span_text(end - at, span));
}

static void check_same(otr_judge *j, const otr_host_facts *host)
{
    X509 *first = NULL;
    size_t count = 0, others = 0;

    for (size_t a = 0; a < host->address_count; a++) {
        X509 *leaf = host->addresses[a].first.chain != NULL ? sk_X509_value(host->addresses[a].first.chain, 0) : NULL;

        if (leaf == NULL)
            continue;
        count++;
        if (first == NULL)
            first = leaf;
        else if (EVP_PKEY_eq(X509_get0_pubkey(first), X509_get0_pubkey(leaf)) != 1)
            others++;
    }
    if (count < 2)
        return;
    if (others == 0)
        otr_say(j, (otr_remark){ .id = "cert.same-all", .status = OTR_CHECK_OK, .host = host->host },
                "all %zu addresses of %s show the same key",
                 count, host->host);
    else
        otr_say(j, (otr_remark){ .id = "cert.same-all", .status = OTR_CHECK_WARNING, .host = host->host,
                                   .fix = "install the same certificate and key at all addresses, or make sure that all keys are meant" },
                 "the addresses of %s show different keys", host->host);
}

static void check_showing(otr_judge *j, const showing *s)
{
    check_name(j, s);
    if (j->facts->program_count > 0) {
        check_trust(j, s);
        check_programs(j, s);
        check_complete(j, s);
    }
    check_expiry(j, s);
}

void otr_check_cert(otr_judge *j)
{
    for (size_t h = 0; h < j->facts->host_count; h++) {
        const otr_host_facts *host = &j->facts->hosts[h];

        for (size_t a = 0; a < host->address_count; a++) {
            showing s = { .host_index = h, .address_index = a, .host = host, .at = &host->addresses[a] };

            if (s.at->first.chain == NULL)
                continue; /* smtp.connect, smtp.starttls or tls.version say why */
            s.leaf = sk_X509_value(s.at->first.chain, 0);
            otr_address_text(&s.at->address, s.address);
            check_showing(j, &s);
        }
        check_same(j, host);
    }
}

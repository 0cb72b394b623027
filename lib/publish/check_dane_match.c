/*
 * check_dane_match.c - the TLSA records of a host against the chains that its addresses show: which match, and what the others are for.
 */
#include "publish/check_dane.h"

#include "dane/match.h"
#include "trust/pem.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_SHOWN 8 /* of a digest */

const char *otr_show_tlsa(otr_judge *j, const otr_tlsa *record)
{
    otr_buf text = OTR_BUF_INIT;
    const char *kept;

    if (record->is_short)
        return "a record that is cut short";
    otr_buf_printf(&text, "%u %u %u ", record->usage, record->selector, record->mtype);
    for (size_t i = 0; i < record->len && i < DIGITS_SHOWN / 2; i++)
        otr_buf_printf(&text, "%02x", record->data[i]);
    otr_buf_puts(&text, record->len > DIGITS_SHOWN / 2 ? "..." : "");
    kept = otr_arena_text(j->report->arena, otr_buf_text(&text));
    otr_buf_clear(&text);
    return kept;
}

/*
 * The names that a sender accepts under usage 2: the TLSA base domain, and where the MX records are signed the domain
 * (RFC 7672 §3.2.2).
 */
static bool match(otr_judge *j, const otr_host_records *r, const char *pem, size_t first, size_t count, otr_dane_result *result)
{
    const otr_dns_answer *mx = j->facts->mx;
    const char *names[] = { r->tlsa.base_domain, mx != NULL && mx->status == OTR_DNS_SECURE ? j->facts->domain : NULL, NULL };
    otr_dane_question question = { .records = r->list + first, .record_count = count, .chain_pem = pem, .chain_len = strlen(pem),
                                   .names = names, .at = j->facts->at };
    outrider_diag diag = { 0 };
    outrider_err err = otr_dane_match(&question, result, &diag);

    if (err == OUTRIDER_E_NOMEM) {
        j->is_out_of_memory = true;
        return false;
    }
    if (err != OUTRIDER_OK) { /* a certificate that came over the wire and cannot be read again */
        *result = (otr_dane_result){ .matched = -1, .depth = -1 };
        snprintf(result->reason, sizeof(result->reason), "%s", diag.message);
    }
    return true;
}

static void check_match(otr_judge *j, otr_host_records *r, const otr_address_facts *at)
{
    char *pem = otr_pem_write_certs(at->first.chain), text[OTR_ADDRESS_SIZE];
    otr_remark f = otr_about_records(r, "dane.match", OTR_CHECK_OK);
    otr_dane_result all, one;

    if (pem == NULL) {
        j->is_out_of_memory = true;
        return;
    }
    f.address = &at->address;
    otr_address_text(&at->address, text);
    r->visited++;
    for (size_t i = 0; i < r->count; i++)
        if (match(j, r, pem, i, 1, &one) && one.is_authenticated)
            r->has_matched[i] = true;
    if (match(j, r, pem, 0, r->count, &all)) {
        if (all.is_authenticated) {
            r->matching++;
            f.found = otr_show_tlsa(j, &r->list[all.matched]);
            otr_say(j, f, "%s matches at %s [%s]", f.found, r->host->host, text);
        } else {
            f.status = OTR_CHECK_CRITICAL;
            f.found = all.reason;
            f.fix = "publish a record for the key in use now; after its TTL all is well";
            if (r->count == 1)
                otr_say(j, f, "the TLSA record of %s does not match at [%s]: %s", r->host->host, text, all.reason);
            else
                otr_say(j, f, "none of the %zu TLSA records of %s matches at [%s]: %s", r->count, r->host->host, text, all.reason);
        }
    }
    free(pem);
}

static void check_addresses(otr_judge *j, otr_host_records *r)
{
    for (size_t a = 0; a < r->host->address_count; a++) {
        const otr_address_facts *at = &r->host->addresses[a];

        if (at->first.chain != NULL)
            check_match(j, r, at);
        else
            otr_say_skipped(j, "dane.match", r->host->host, &at->address,
                             at->is_refused ? "mx.reserved"
                             : !at->first.was_made || !otr_probe_has_learned(at->first.outcome) ? "smtp.connect"
                             : at->first.outcome == OTR_PROBE_TLS_FAILED ? "tls.version" : "smtp.starttls");
    }
}

/* Which are in use, which are for later? ------------------------------------------------------------------------- */

static bool is_staged(const otr_host_facts *host, const otr_tlsa *record)
{
    for (size_t i = 0; i < host->staged_count; i++) {
        const otr_tlsa *s = &host->staged[i];

        if (s->usage == record->usage && s->selector == record->selector && s->mtype == record->mtype && s->len == record->len &&
            memcmp(s->data, record->data, s->len) == 0)
            return true;
    }
    return false;
}

/* What a record is there for. */
typedef enum purpose { IN_USE, STAGED, OTHER, UNUSABLE, PURPOSES } purpose;

static purpose purpose_of(const otr_host_records *r, size_t i)
{
    if (otr_tlsa_check(&r->list[i]) != OTR_TLSA_USABLE)
        return UNUSABLE;
    if (r->has_matched[i])
        return IN_USE;
    return is_staged(r->host, &r->list[i]) ? STAGED : OTHER;
}

static const char *list_records(otr_judge *j, const otr_host_records *r, purpose which)
{
    otr_buf text = OTR_BUF_INIT;
    const char *kept;

    for (size_t i = 0; i < r->count; i++)
        if (purpose_of(r, i) == which)
            otr_buf_printf(&text, "%s%s", text.len > 0 ? ", " : "", otr_show_tlsa(j, &r->list[i]));
    kept = otr_arena_text(j->report->arena, otr_buf_text(&text));
    otr_buf_clear(&text);
    return kept;
}

static void check_next(otr_judge *j, const otr_host_records *r, purpose which, size_t count)
{
    otr_remark f = otr_about_records(r, "dane.rollover", count > 0 ? OTR_CHECK_OK : OTR_CHECK_INFO);

    f.found = list_records(j, r, which);
    if (count == 0)
        otr_say(j, f, "%s has no record for a next key", r->host->host);
    else if (which == STAGED)
        otr_say(j, f, "%s has records of the change of keys that is under way: %s", r->host->host, f.found);
    else
        otr_say(j, f, "%s has a record for a next key: %s", r->host->host, f.found);
}

/*
 * One record more than match, of the same kind, is how a change of key is prepared; who told us what is staged knows better.
 */
static void check_others(otr_judge *j, const otr_host_records *r)
{
    size_t counts[PURPOSES] = { 0 };
    otr_remark f;

    for (size_t i = 0; i < r->count; i++)
        counts[purpose_of(r, i)]++;
    if (r->matching < r->visited) { /* what is left over, and what is for later, is not known where something is wrong */
        otr_say_skipped(j, "dane.stale", r->host->host, NULL, "dane.match");
        return;
    }
    f = otr_about_records(r, "dane.which", OTR_CHECK_INFO);
    f.found = list_records(j, r, IN_USE);
    otr_say(j, f, "in use at %s: %s", r->host->host, f.found);
    if (r->host->knows_staged)
        check_next(j, r, STAGED, counts[STAGED]);
    else
        check_next(j, r, OTHER, counts[OTHER]);
    f = otr_about_records(r, "dane.stale", OTR_CHECK_OK);
    f.found = list_records(j, r, OTHER);
    if (counts[OTHER] > (r->host->knows_staged ? 0 : counts[IN_USE])) {
        f.status = OTR_CHECK_WARNING;
        f.fix = "take away what is for no key that you have";
        otr_say(j, f, "records of %s that match nothing: %s", r->host->host, f.found);
    } else {
        otr_say(j, f, "no TLSA record of %s is left over", r->host->host);
    }
}

/* Of a digest. */
static bool names_cert(const otr_tlsa *record, const X509 *cert)
{
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    int len = record->selector == 0 ? i2d_X509(cert, &der) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    bool is_same = false;
    unsigned size = 0;

    if (len > 0 && EVP_Digest(der, (size_t)len, digest, &size, record->mtype == 1 ? EVP_sha256() : EVP_sha512(), NULL) == 1)
        is_same = size == record->len && memcmp(digest, record->data, size) == 0;
    OPENSSL_free(der);
    return is_same;
}

static bool has_named(const otr_tlsa *record, const STACK_OF(X509) *chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (names_cert(record, sk_X509_value(chain, i)))
            return true;
    return false;
}

/* A CA that is named and not sent is a fault where nothing else matches; a record of a CA's other keys is none. */
static void check_anchors(otr_judge *j, const otr_host_records *r)
{
    size_t named = 0, missing = 0;
    otr_remark f = otr_about_records(r, "dane.ta-in-chain", OTR_CHECK_OK);

    for (size_t i = 0; i < r->count; i++) {
        bool is_sent = r->visited > 0;

        if (otr_tlsa_check(&r->list[i]) != OTR_TLSA_USABLE || r->list[i].usage != 2 || r->list[i].mtype == 0)
            continue;
        named++;
        for (size_t a = 0; a < r->host->address_count; a++)
            if (r->host->addresses[a].first.chain != NULL)
                is_sent = is_sent && has_named(&r->list[i], r->host->addresses[a].first.chain);
        missing += !is_sent;
    }
    if (named == 0)
        return;
    if (missing < named) {
        otr_say(j, f, "%s sends the CA that a TLSA record names", r->host->host);
        return;
    }
    f.status = r->matching == r->visited ? OTR_CHECK_WARNING : OTR_CHECK_CRITICAL;
    f.fix = "append the certificate of the CA to the chain, also if it is a root";
    otr_say(j, f, "%s does not send the CA that its TLSA records with usage 2 name, at every address", r->host->host);
}

void otr_check_dane_match(otr_judge *j, otr_host_records *r)
{
    check_addresses(j, r);
    if (r->visited == 0)
        return;
    check_others(j, r);
    check_anchors(j, r);
}

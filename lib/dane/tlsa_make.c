/*
 * tlsa_make.c - from chain or key to records.
 */
#include "dane/tlsa_make.h"

#include "base/cursor.h"
#include "base/diag.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

enum { USAGE_DANE_TA = 2, USAGE_DANE_EE = 3 };
enum { SELECTOR_CERT = 0, SELECTOR_SPKI = 1 };
enum { MTYPE_FULL = 0, MTYPE_SHA256 = 1, MTYPE_SHA512 = 2 };

const char *otr_tlsa_form_fault(otr_tlsa_form form)
{
    if (form.usage < USAGE_DANE_TA)
        return "usages 0 and 1 are not used for SMTP (RFC 7672 section 3.1.3); take 3, or 2 for the issuer";
    if (form.usage > USAGE_DANE_EE)
        return "the usage is unknown; SMTP uses 2 (DANE-TA) and 3 (DANE-EE)";
    if (form.selector > SELECTOR_SPKI)
        return "the selector is unknown; there are 0 (certificate) and 1 (public key)";
    if (form.mtype == MTYPE_FULL)
        return "matching type 0 puts all of it into DNS; take the digest, 1 (RFC 7671 section 10.1.2)";
    if (form.mtype > MTYPE_SHA512)
        return "the matching type is unknown; there are 1 (SHA2-256) and 2 (SHA2-512)";
    return NULL;
}

/* form = digit 1*WSP digit 1*WSP digit */
outrider_err otr_tlsa_form_parse(const char *text, size_t len, otr_tlsa_form *form, outrider_diag *diag)
{
    otr_cursor c = otr_cursor_over(text, len);
    uint8_t numbers[3];
    const char *fault;

    otr_take_wsp(&c);
    for (size_t i = 0; i < 3; i++) {
        otr_slice digits;

        if (i > 0 && otr_take_wsp(&c) == 0)
            return otr_syntax(&c, c.at, diag, "expected usage, selector and matching type, such as \"3 1 1\"");
        digits = otr_take_while(&c, otr_is_digit);
        if (digits.len != 1)
            return otr_syntax(&c, digits.ptr, diag, "expected usage, selector and matching type, such as \"3 1 1\"");
        numbers[i] = (uint8_t)(*digits.ptr - '0');
    }
    otr_take_wsp(&c);
    if (!otr_cursor_at_end(&c))
        return otr_syntax(&c, c.at, diag, "nothing comes behind the matching type: the data is made from the certificate");
    fault = otr_tlsa_form_fault((otr_tlsa_form){ numbers[0], numbers[1], numbers[2] });
    if (fault != NULL)
        return otr_syntax(&c, c.begin, diag, "%s", fault);
    *form = (otr_tlsa_form){ numbers[0], numbers[1], numbers[2] };
    return OUTRIDER_OK;
}

static bool is_same_form(otr_tlsa_form a, otr_tlsa_form b)
{
    return a.usage == b.usage && a.selector == b.selector && a.mtype == b.mtype;
}

/* False: it is there already. Forms without a fault are eight, so there is room. */
static bool add_form(otr_tlsa_forms *forms, otr_tlsa_form form)
{
    for (size_t i = 0; i < forms->count; i++)
        if (is_same_form(forms->list[i], form))
            return false;
    forms->list[forms->count++] = form;
    return true;
}

bool otr_tlsa_forms_add(otr_tlsa_forms *forms, otr_tlsa_form form)
{
    bool is_completed = form.mtype == MTYPE_SHA512 && add_form(forms, (otr_tlsa_form){ form.usage, form.selector, MTYPE_SHA256 });

    add_form(forms, form);
    return is_completed;
}

/* The certificate that signed the leaf, as it is sent. */
static X509 *find_issuer(const STACK_OF(X509) *chain)
{
    X509 *leaf = sk_X509_value(chain, 0);

    for (int i = 1; i < sk_X509_num(chain); i++)
        if (X509_check_issued(sk_X509_value(chain, i), leaf) == X509_V_OK)
            return sk_X509_value(chain, i);
    return NULL;
}

static outrider_err choose_certificate(const otr_tlsa_source *source, otr_tlsa_form form, X509 **cert, outrider_diag *diag)
{
    *cert = NULL;
    if (source->chain == NULL && form.usage == USAGE_DANE_TA)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%u %u %u is made from the issuer's certificate, and here is a key alone", form.usage,
                        form.selector, form.mtype);
    if (source->chain == NULL && form.selector == SELECTOR_CERT)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%u %u %u is made from a certificate, and here is a key alone", form.usage,
                        form.selector, form.mtype);
    if (source->chain == NULL)
        return OUTRIDER_OK;
    *cert = form.usage == USAGE_DANE_TA ? find_issuer(source->chain) : sk_X509_value(source->chain, 0);
    if (*cert == NULL)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%u %u %u is made from the certificate of the CA that signed the server's, and the "
                        "chain does not have it: the server must send it (RFC 7672 section 3.1.2)", form.usage, form.selector,
                        form.mtype);
    return OUTRIDER_OK;
}

/* DER, to be freed with OPENSSL_free(). A key in a certificate goes as it stands there; NULL: out of memory, or it has no encoding. */
static unsigned char *encode(const otr_tlsa_source *source, X509 *cert, uint8_t selector, int *len)
{
    unsigned char *der = NULL;

    if (selector == SELECTOR_CERT)
        *len = i2d_X509(cert, &der);
    else if (cert != NULL)
        *len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    else
        *len = i2d_PUBKEY(source->key, &der);
    return *len > 0 ? der : NULL;
}

outrider_err otr_tlsa_make(const otr_tlsa_source *source, otr_tlsa_form form, otr_tlsa_digest *digest, outrider_diag *diag)
{
    const char *fault = otr_tlsa_form_fault(form);
    otr_tlsa_digest made = { .form = form };
    unsigned char *der = NULL;
    unsigned size = 0;
    X509 *cert;
    int len = 0;
    bool is_made;
    outrider_err err;

    if (fault != NULL)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s", fault);
    ERR_set_mark();
    err = choose_certificate(source, form, &cert, diag);
    if (err == OUTRIDER_OK) {
        der = encode(source, cert, form.selector, &len);
        is_made = der != NULL && EVP_Digest(der, (size_t)len, made.bytes, &size,
                                            form.mtype == MTYPE_SHA256 ? EVP_sha256() : EVP_sha512(), NULL) == 1;
        if (!is_made)
            err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory, or a key that has no encoding");
    }
    ERR_pop_to_mark();
    OPENSSL_free(der);
    if (err != OUTRIDER_OK)
        return err;
    made.len = (uint8_t)size;
    *digest = made;
    return OUTRIDER_OK;
}

otr_tlsa otr_tlsa_of_digest(const otr_tlsa_digest *digest)
{
    return (otr_tlsa){ .usage = digest->form.usage, .selector = digest->form.selector, .mtype = digest->form.mtype,
                       .data = digest->bytes, .len = digest->len };
}

bool otr_tlsa_same(const otr_tlsa *a, const otr_tlsa *b)
{
    return a->is_short == b->is_short && a->usage == b->usage && a->selector == b->selector && a->mtype == b->mtype &&
           a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

bool otr_tlsa_is_of(const otr_tlsa *record, const otr_tlsa_source *source)
{
    otr_tlsa_digest digest;
    otr_tlsa made;

    if (record->is_short ||
        otr_tlsa_make(source, (otr_tlsa_form){ record->usage, record->selector, record->mtype }, &digest, NULL) != OUTRIDER_OK)
        return false;
    made = otr_tlsa_of_digest(&digest);
    return otr_tlsa_same(record, &made);
}

const char *otr_tlsa_made_text(otr_arena *arena, const otr_tlsa_source *source, otr_tlsa_form form)
{
    otr_tlsa_digest digest;
    otr_buf text = OTR_BUF_INIT;
    otr_tlsa record;
    const char *kept;

    if (otr_tlsa_make(source, form, &digest, NULL) != OUTRIDER_OK)
        return "";
    record = otr_tlsa_of_digest(&digest);
    otr_tlsa_print(&record, &text);
    kept = otr_arena_text(arena, otr_buf_text(&text));
    otr_buf_clear(&text);
    return kept;
}

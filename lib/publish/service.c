/*
 * service.c - a chain that was shown, as records and text.
 */
#include "publish/service.h"

#include "dane/tlsa_make.h"
#include "trust/certificate.h"
#include "trust/pem.h"

#include <stdlib.h>
#include <string.h>

const char *otr_key_algorithm(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS: return "rsa";
    case EVP_PKEY_EC: return "ecdsa";
    case EVP_PKEY_ED25519: return "ed25519";
    case EVP_PKEY_ED448: return "ed448";
    default: return "?";
    }
}

static bool write_pem(otr_service_chain *c, otr_arena *arena, const STACK_OF(X509) *chain)
{
    char *text = otr_pem_write_certs(chain);

    if (text == NULL)
        return false;
    c->len = strlen(text);
    c->pem = otr_arena_text(arena, text);
    free(text);
    return true;
}

bool otr_service_add(otr_service *s, const char *address, const STACK_OF(X509) *chain)
{
    STACK_OF(X509) *copy = sk_X509_dup(chain); /* borrows the certificates */
    otr_tlsa_source source = { .chain = copy };
    otr_service_chain *c = &s->chains[s->count];
    EVP_PKEY *key = copy != NULL ? otr_tlsa_source_key(&source) : NULL;
    bool is_good = s->count < OTR_SERVICE_CHAINS_MAX && key != NULL;

    if (is_good) {
        *c = (otr_service_chain){ .address = otr_arena_text(s->arena, address), .algorithm = otr_key_algorithm(key),
                                  .record = otr_tlsa_made_text(s->arena, &source, (otr_tlsa_form)OTR_TLSA_FORM_DEFAULT),
                                  .issuer = sk_X509_num(copy) > 1 ? otr_tlsa_made_text(s->arena, &source, (otr_tlsa_form){ 2, 1, 1 }) : "",
                                  .not_after = otr_cert_not_after(sk_X509_value(copy, 0)) };
        is_good = *c->record != '\0' && write_pem(c, s->arena, copy);
    }
    if (is_good)
        s->count++;
    else if (*s->trouble == '\0')
        s->trouble = otr_arena_printf(s->arena, "what %s shows cannot be kept", address);
    sk_X509_free(copy);
    return is_good;
}

const otr_service_chain *otr_service_with_key(const otr_service *s, const char *record)
{
    const otr_service_chain *same = NULL;

    if (*s->trouble != '\0' || *s->unseen != '\0')
        return NULL;
    for (size_t i = 0; i < s->count; i++) {
        bool is_there = false;

        for (size_t n = 0; n < s->count; n++)
            if (strcmp(s->chains[n].address, s->chains[i].address) == 0 && strcmp(s->chains[n].record, record) == 0) {
                is_there = same == NULL || strcmp(same->issuer, s->chains[n].issuer) == 0;
                same = &s->chains[n];
            }
        if (!is_there)
            return NULL;
    }
    return same;
}

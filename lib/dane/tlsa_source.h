/*
 * tlsa_source.h - what TLSA records are made from: the chains and keys in a PEM file, as mail servers are given them. Pure: the text is
 * an argument.
 *
 * A file may hold one chain (leaf first), one chain and its key in either order, several of these (Postfix' smtpd_tls_chain_files), or
 * bare keys, private or public. Private keys are used for their public half and for nothing else.
 */
#ifndef OTR_DANE_TLSA_SOURCE_H
#define OTR_DANE_TLSA_SOURCE_H

#include <outrider/base.h>

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

#define OTR_TLSA_SOURCES_MAX 8 /* chains and keys of one file */
#define OTR_KEY_WORDS 48

typedef struct otr_tlsa_source {
    STACK_OF(X509) *chain; /* owned; as it is sent, leaf first; NULL: a bare key */
    EVP_PKEY *key;         /* owned; of a bare key, or the one that came with the chain; NULL: none did */
} otr_tlsa_source;

typedef struct otr_tlsa_sources {
    otr_tlsa_source list[OTR_TLSA_SOURCES_MAX];
    size_t count;
} otr_tlsa_sources;

/*
 * Returns OUTRIDER_OK with at least one source, OUTRIDER_E_SYNTAX (nothing of use, a block that does not parse or does not belong here, a
 * key with a passphrase, a key that is not that of its certificate; diag has the line), OUTRIDER_E_LIMIT or OUTRIDER_E_NOMEM.
 * *sources is written on success only.
 */
outrider_err otr_tlsa_sources_read(const char *pem, size_t len, otr_tlsa_sources *sources, outrider_diag *diag);
void otr_tlsa_sources_clear(otr_tlsa_sources *sources);

/* The public key: of the leaf, or the bare one. Borrowed; NULL for a certificate with a key that OpenSSL cannot read. */
EVP_PKEY *otr_tlsa_source_key(const otr_tlsa_source *source);

/* "RSA 2048 bits", "EC prime256v1", "ED25519". */
const char *otr_key_words(const EVP_PKEY *key, char words[OTR_KEY_WORDS]);

#endif

/*
 * service.h - the chains that an MX host of ours shows now: at each address, and of each key algorithm that it has. Values; service_look.h
 * goes and sees.
 */
#ifndef OTR_PUBLISH_SERVICE_H
#define OTR_PUBLISH_SERVICE_H

#include "base/arena.h"
#include "base/clock.h"

#include <openssl/x509.h>

#define OTR_SERVICE_CHAINS_MAX 64 /* addresses times algorithms */

typedef struct otr_service_chain {
    const char *address;
    const char *algorithm; /* "rsa", "ecdsa", "ed25519", "ed448"; "?" */
    const char *record;    /* "3 1 1 HEX" of its key */
    const char *issuer;    /* "2 1 1 HEX" of the certificate behind it; "" if none is sent */
    const char *pem;       /* as sent, leaf first */
    size_t len;
    otr_time not_after;    /* of the leaf */
} otr_service_chain;

typedef struct otr_service {
    otr_arena *arena;        /* borrowed */
    otr_service_chain chains[OTR_SERVICE_CHAINS_MAX];
    size_t count;
    const char *unseen;      /* addresses to which this machine has no way, for people; "" if there is none */
    bool is_failing;         /* some address has no STARTTLS, or no TLS comes about: mail to it waits where there are records */
    const char *trouble;     /* one sentence: some address was not seen, so nothing may be concluded of all; "" otherwise */
} otr_service;

/* "rsa", "ecdsa", ... ; static */
const char *otr_key_algorithm(const EVP_PKEY *key);

/* Note what an address showed. False: out of memory, or a key that OpenSSL cannot read: then `trouble` is set. */
bool otr_service_add(otr_service *service, const char *address, const STACK_OF(X509) *chain);

/* What the host shows, if every address was seen and shows the key of this record, with one issuer. NULL: not so, or not known. */
const otr_service_chain *otr_service_with_key(const otr_service *service, const char *record);

#endif

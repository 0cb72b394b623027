/*
 * pool.h - the certificates that all random worlds are made of, made once. Few, so that worlds meet each other's; and such
 * as are easily taken for one another.
 */
#ifndef OTR_TEST_POOL_H
#define OTR_TEST_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#define POOL_ROOTS 10
#define POOL_ALL ((roots)((1u << POOL_ROOTS) - 1))

/* Bit i: certificate i of the pool. */
typedef uint16_t roots;

struct pool_root {
    const char *title;
    X509 *cert, *reread;  /* owned; the same octets as two objects in memory */
    unsigned anchor;      /* the same number: the same name and key, so one root */
    bool is_self_signed;
    unsigned under;       /* else the anchor that has signed it */
};

/* What a server may send, and which root it was issued under. */
struct pool_chain {
    const char *title;
    STACK_OF(X509) *certs; /* owned */
    unsigned anchor;
    unsigned cross;        /* beside: this certificate of the pool is sent along; POOL_ROOTS: none */
};
#define POOL_CHAINS 9
#define POOL_HOST "mx1.h.test"

extern struct pool_root pool[POOL_ROOTS];
extern struct pool_chain pool_chains[POOL_CHAINS];

void pool_make(void);
void pool_clear(void);

/* POOL_ROOTS: a certificate that is none of the pool. */
unsigned pool_index(const X509 *cert);

/* All certificates that are the same root as one of these. */
roots pool_alike(roots some);

#endif

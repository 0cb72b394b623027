/*
 * put_exception.c - an exception in a store that is made if there is none: what tests/e2e/test_trust_verify.py looks at
 * without a daemon.
 *
 *   put_exception STORE PEM DOMAIN UNTIL(seconds since 1970) REASON
 */
#include "store/store_trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/pem.h>

int main(int argc, char **argv)
{
    otr_exception exception = { .made_at = time(NULL) };
    outrider_diag diag = { .message = "cannot be read" };
    otr_store *store = NULL;
    FILE *in = argc == 6 ? fopen(argv[2], "rb") : NULL;
    bool is_done;

    if (in == NULL) {
        fprintf(stderr, "usage: put_exception STORE PEM DOMAIN UNTIL REASON\n");
        return 64;
    }
    exception.cert = PEM_read_X509(in, NULL, NULL, NULL);
    fclose(in);
    exception.until = atoll(argv[4]);
    snprintf(exception.domain, sizeof(exception.domain), "%s", argv[3]);
    snprintf(exception.reason, sizeof(exception.reason), "%s", argv[5]);
    is_done = exception.cert != NULL && otr_cert_fingerprint(exception.cert, exception.root) &&
              otr_store_open(argv[1], &store, &diag) == OUTRIDER_OK &&
              otr_store_put_exceptions(store, &exception, 1, &diag) == OUTRIDER_OK;
    if (!is_done)
        fprintf(stderr, "put_exception: %s\n", diag.message);
    otr_store_close(store);
    otr_exception_clear(&exception);
    return is_done ? 0 : 70;
}

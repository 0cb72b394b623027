/*
 * root_file_fuzz.c - a file that somebody brings as a root, PEM or DER: one certificate whose PEM reads back as the same, or a
 * reason. And what a certificate of a stranger says of itself, in words that the log and a terminal can take.
 */
#include "trust/certificate.h"
#include "trust/root_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define AT 1767225600 /* 2026-01-01 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const char *words)
{
    for (const char *at = words; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            abort();
}

static void check_names(X509 *cert)
{
    char text[OTR_CERT_NAME_SIZE];
    outrider_diag diag = { 0 };

    check_words(otr_cert_name(cert, text));
    check_words(otr_cert_owner(cert, text));
    if (otr_cert_not_before(cert) > 0 && otr_cert_not_after(cert) > 0 &&
        (otr_cert_check_root(cert, AT, &diag) == OUTRIDER_OK) != (diag.message[0] == '\0'))
        abort();
    check_words(diag.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    X509 *cert = NULL, *again = NULL;
    outrider_diag diag = { 0 };
    char *pem;

    if (otr_root_read((const char *)data, size, &cert, &diag) != OUTRIDER_OK) {
        if (cert != NULL || diag.message[0] == '\0')
            abort();
        return 0;
    }
    check_names(cert);
    pem = otr_root_pem(cert);
    if (pem == NULL || otr_root_read(pem, strlen(pem), &again, NULL) != OUTRIDER_OK || X509_cmp(cert, again) != 0)
        abort();
    free(pem);
    X509_free(again);
    X509_free(cert);
    return 0;
}

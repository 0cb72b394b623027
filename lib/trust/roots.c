/*
 * roots.c - a source of roots, read once: reading it again for each fetch would cost more than the fetch.
 */
#include "trust/anchors.h"

#include "base/diag.h"
#include "trust/pem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static outrider_err read_file(const char *path, char **text, size_t *len, outrider_diag *diag)
{
    FILE *in = NULL;
    char *data = malloc(OTR_ROOTS_LIMIT + 1);
    outrider_err err = OUTRIDER_OK;

    if (data == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "%s: out of memory", path);
    in = fopen(path, "rbe");
    if (in == NULL) {
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(errno));
        goto out;
    }
    *len = fread(data, 1, OTR_ROOTS_LIMIT + 1, in);
    if (ferror(in))
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(errno));
    else if (*len > OTR_ROOTS_LIMIT)
        err = otr_fail(diag, OUTRIDER_E_LIMIT, "%s: larger than %d octets", path, OTR_ROOTS_LIMIT);
out:
    if (in != NULL)
        fclose(in);
    if (err == OUTRIDER_OK)
        *text = data;
    else
        free(data);
    return err;
}

bool otr_roots_is_system(const char *roots)
{
    return strcmp(roots, "system") == 0 || strcmp(roots, OTR_SYSTEM_ROOTS) == 0;
}

outrider_err otr_roots_load(const char *roots, STACK_OF(X509) **certs, outrider_diag *diag)
{
    const char *path = otr_roots_is_system(roots) ? OTR_SYSTEM_ROOTS : roots;
    outrider_diag why = { 0 };
    outrider_err err;
    char *text = NULL;
    size_t len = 0;

    if (strcmp(roots, "none") == 0) {
        *certs = sk_X509_new_null();
        return *certs != NULL ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    err = read_file(path, &text, &len, diag);
    if (err != OUTRIDER_OK)
        return err;
    err = otr_pem_read_certs(text, len, 0, certs, &why);
    free(text);
    if (err != OUTRIDER_OK) {
        otr_fail(diag, err, "%s: %s", path, why.message);
        if (diag != NULL) {
            diag->line = why.line;
            diag->column = why.column;
        }
    }
    return err;
}

/*
 * key_file.c - see key_file.h. A private key does not stay in memory.
 */
#include "cli/key_file.h"
#include "cli/command.h"

#include "trust/pem.h"

#include <stdlib.h>

#include <openssl/crypto.h>

int otr_key_file_read(const char *what, const char *path, otr_tlsa_sources *sources)
{
    size_t len = 0;
    int status = EX_OK;
    char *text = otr_read_input(path, OTR_CHAIN_PEM_LIMIT, &len, &status), *shown;
    outrider_diag diag = { 0 };
    outrider_err err;

    if (text == NULL)
        return status;
    err = otr_tlsa_sources_read(text, len, sources, &diag);
    OPENSSL_cleanse(text, len);
    free(text);
    if (err == OUTRIDER_OK)
        return EX_OK;
    shown = otr_escape(path, strlen(path));
    if (diag.line > 0)
        status = otr_complain(EX_DATAERR, what, "%s: line %u: %s", shown != NULL ? shown : "?", diag.line, diag.message);
    else
        status = otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_DATAERR, what, "%s: %s", shown != NULL ? shown : "?", diag.message);
    free(shown);
    return status;
}

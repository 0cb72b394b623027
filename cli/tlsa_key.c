/*
 * tlsa_key.c - see tlsa_key.h. A private key is read for its public half, and made for the certificate client.
 */
#include "cli/tlsa_key.h"

#include "cli/command.h"
#include "dane/tlsa_make.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT (512 * 1024)
#define RSA_BITS 3072

static int add_key(const char *what, const char *path, const otr_tlsa_source *source, otr_arena *arena, otr_rollover_key *keys,
                   size_t *count)
{
    EVP_PKEY *key = otr_tlsa_source_key(source);
    otr_rollover_key made;

    if (*count == OTR_ROLLOVER_PAIRS_MAX)
        return otr_complain(EX_USAGE, what, "more than %d next keys", OTR_ROLLOVER_PAIRS_MAX);
    if (key == NULL)
        return otr_complain(EX_DATAERR, path, "its key cannot be read");
    made = (otr_rollover_key){ .algorithm = otr_key_algorithm(key), .path = otr_arena_text(arena, path), .issuer = "" };
    made.record = otr_tlsa_made_text(arena, source, (otr_tlsa_form)OTR_TLSA_FORM_DEFAULT);
    if (source->chain != NULL && sk_X509_num(source->chain) > 1)
        made.issuer = otr_tlsa_made_text(arena, source, (otr_tlsa_form){ 2, 1, 1 });
    if (*made.record == '\0')
        return otr_complain(EX_DATAERR, path, "its key cannot be read");
    keys[(*count)++] = made;
    return EX_OK;
}

int otr_tlsa_keys_read(const char *what, const char *path, otr_arena *arena, otr_rollover_key *keys, size_t *count)
{
    otr_tlsa_sources sources = { 0 };
    outrider_diag diag = { 0 };
    size_t len = 0;
    int status = EX_OK;
    char *pem = otr_read_input(path, FILE_LIMIT, &len, &status);
    outrider_err err;

    if (pem == NULL)
        return status;
    err = otr_tlsa_sources_read(pem, len, &sources, &diag);
    OPENSSL_cleanse(pem, len);
    free(pem);
    if (err != OUTRIDER_OK)
        return otr_complain(err == OUTRIDER_E_NOMEM ? EX_OSERR : EX_DATAERR, path, "%s", diag.message);
    for (size_t i = 0; i < sources.count && status == EX_OK; i++)
        status = add_key(what, path, &sources.list[i], arena, keys, count);
    otr_tlsa_sources_clear(&sources);
    return status;
}

/* O_EXCL: a key that is there is never overwritten. It is on the disk before its record is spoken of. */
static int write_key(const char *path, EVP_PKEY *key)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool is_written;

    if (out == NULL) {
        int why = errno;

        if (fd >= 0)
            close(fd);
        return otr_complain(EX_CANTCREAT, path, "%s", strerror(why));
    }
    is_written = PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1 && fflush(out) == 0 && fsync(fd) == 0;
    if (fclose(out) != 0 || !is_written) {
        unlink(path);
        return otr_complain(EX_IOERR, path, "the key cannot be written");
    }
    return EX_OK;
}

int otr_tlsa_key_make(const char *what, const char *directory, const char *host, uint16_t port, const char *algorithm, otr_time now,
                      otr_arena *arena, otr_rollover_key *keys, size_t *count)
{
    bool is_rsa = strcmp(algorithm, "rsa") == 0;
    EVP_PKEY *key = is_rsa ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256");
    otr_tlsa_source source = { .key = key };
    char *path = NULL;
    int status;

    if (key == NULL || asprintf(&path, "%s/%s_%u.%s.%lld.key", directory, host, port, algorithm, (long long)now) < 0) {
        EVP_PKEY_free(key);
        return otr_complain(EX_OSERR, what, "out of memory");
    }
    status = mkdir(directory, 0755) == 0 || errno == EEXIST ? write_key(path, key) :
                                                              otr_complain(EX_CANTCREAT, directory, "%s", strerror(errno));
    if (status == EX_OK)
        status = add_key(what, path, &source, arena, keys, count);
    EVP_PKEY_free(key);
    free(path);
    return status;
}

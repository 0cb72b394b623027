/*
 * anchor_files.c - writing anchor files.
 */
#include "daemon/anchor_files.h"

#include "base/buf.h"
#include "base/diag.h"
#include "trust/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <limits.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONE_YEARS 100

static bool put_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool is_put;

    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    is_put = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_put;
}

static bool fill_certificate(X509 *cert, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(cert);
    unsigned char serial[8];

    return EVP_PKEY_get_size(key) > 0 && X509_set_version(cert, 2) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"nothing verifies", -1, -1, 0) ==
               1 &&
           X509_set_issuer_name(cert, name) == 1 && X509_gmtime_adj(X509_getm_notBefore(cert), -86400) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(cert), 365 * NONE_YEARS, 0, NULL) != NULL &&
           X509_set_pubkey(cert, key) == 1 && getentropy(serial, sizeof(serial)) == 0 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), (uint64_t)serial[0] << 8 | serial[1] | 0x10000) == 1 &&
           put_extension(cert, NID_basic_constraints, "critical,CA:TRUE") &&
           put_extension(cert, NID_key_usage, "critical,keyCertSign,cRLSign") && X509_sign(cert, key, EVP_sha256()) > 0;
}

char *otr_anchor_none(size_t *len)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"); /* it dies with this function */
    X509 *cert = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL, *data;
    long size;

    if (key == NULL || cert == NULL || bio == NULL || !fill_certificate(cert, key) ||
        PEM_write_bio_X509(bio, cert) != 1)
        goto out;
    size = BIO_get_mem_data(bio, &data);
    text = malloc((size_t)size);
    if (text != NULL) {
        memcpy(text, data, (size_t)size);
        *len = (size_t)size;
    }
out:
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
    return text;
}

static outrider_err fail_with_errno(outrider_diag *diag, const char *path, const char *what)
{
    return otr_fail(diag, OUTRIDER_E_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

/* All folders of a path, each 0755 if it is new. */
static outrider_err make_folders(const char *folder, outrider_diag *diag)
{
    char path[PATH_MAX];
    mode_t saved = umask(0022);
    outrider_err err = OUTRIDER_OK;

    snprintf(path, sizeof(path), "%s", folder);
    for (char *slash = path + 1; err == OUTRIDER_OK; *slash++ = '/') {
        slash += strcspn(slash, "/");
        if (*slash == '\0')
            break;
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            err = fail_with_errno(diag, path, "make the folder");
    }
    if (err == OUTRIDER_OK && mkdir(path, 0755) != 0 && errno != EEXIST)
        err = fail_with_errno(diag, path, "make the folder");
    umask(saved);
    return err;
}

/* Whether nothing lies there but what this program has written: NAME.pem, NAME.fp, and beginnings of them. */
static bool has_only_ours(int folder)
{
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    bool is_ours = dir != NULL;

    if (dir == NULL && copy >= 0)
        close(copy);
    while (is_ours && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name + (entry->d_name[0] == '.');
        size_t digits = strspn(name, "0123456789abcdef");
        const char *end = strncmp(name, "none.", 5) == 0 ? name + 4 : name + digits;

        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            is_ours = (end == name + 4 || digits == OTR_SHA256_TEXT - 1) &&
                      (strncmp(end, ".pem", 4) == 0 || strncmp(end, ".fp", 3) == 0);
    }
    if (dir != NULL)
        closedir(dir);
    return is_ours;
}

/* By its descriptor, and never through a link: root must not be led to give away another folder. */
static outrider_err give_folder(const char *folder, const char *user, outrider_diag *diag)
{
    const struct passwd *pw = *user != '\0' && geteuid() == 0 ? getpwnam(user) : NULL;
    outrider_err err = OUTRIDER_OK;
    struct stat found;
    int fd;

    if (pw == NULL)
        return OUTRIDER_OK; /* who the user is, and whether there is one, is judged when it is become */
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_with_errno(diag, folder, "open the folder");
    if (fstat(fd, &found) != 0)
        err = fail_with_errno(diag, folder, "look at the folder");
    else if (found.st_uid != pw->pw_uid && has_only_ours(fd) && fchown(fd, pw->pw_uid, (gid_t)-1) != 0)
        err = fail_with_errno(diag, folder, "give the folder to the user that outriderd runs as");
    close(fd);
    return err;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

/* An MTA sees the old file, or the new one, or (after a crash) one of them; never half of one. */
static outrider_err write_file(const char *folder, const char *name, const char *bytes, size_t len, outrider_diag *diag)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    outrider_err err = OUTRIDER_OK;
    int fd;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path) ||
        snprintf(temporary, sizeof(temporary), "%s/.%s.%ld", folder, name, (long)getpid()) >= (int)sizeof(temporary))
        return otr_fail(diag, OUTRIDER_E_IO, "%s: the path is too long", folder);
    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return fail_with_errno(diag, temporary, "create the file");
    if (!write_all(fd, bytes, len) || fchmod(fd, 0644) != 0 || fsync(fd) != 0)
        err = fail_with_errno(diag, temporary, "write");
    if (close(fd) != 0 && err == OUTRIDER_OK)
        err = fail_with_errno(diag, temporary, "write");
    if (err == OUTRIDER_OK && rename(temporary, path) != 0)
        err = fail_with_errno(diag, path, "put the file into place");
    if (err != OUTRIDER_OK)
        unlink(temporary);
    return err;
}

/* Whether the file is there as it must be, and ours; then it is in use from now on. */
static bool is_whole(const char *folder, const char *name, const char *bytes, size_t len)
{
    char path[PATH_MAX];
    struct stat found;
    char *content = NULL;
    bool is_good = false;
    int fd = -1;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == geteuid() &&
        (found.st_mode & 07777) == 0644 && (size_t)found.st_size == len)
        content = malloc(len + 1);
    if (content != NULL)
        is_good = read(fd, content, len) == (ssize_t)len && memcmp(content, bytes, len) == 0 && futimens(fd, NULL) == 0;
    if (fd >= 0)
        close(fd);
    free(content);
    return is_good;
}

static outrider_err ensure_file(const char *folder, const char *name, const char *bytes, size_t len, outrider_diag *diag)
{
    return is_whole(folder, name, bytes, len) ? OUTRIDER_OK : write_file(folder, name, bytes, len, diag);
}

/* The SHA-256 of each certificate as Exim's ${sha256:...} writes it, one to a line: a file for its lsearch. */
static outrider_err put_fingerprints(otr_buf *out, const STACK_OF(X509) *roots, outrider_diag *diag)
{
    for (int i = 0; i < sk_X509_num(roots); i++) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;

        if (X509_digest(sk_X509_value(roots, i), EVP_sha256(), digest, &size) != 1)
            return otr_fail(diag, OUTRIDER_E_NOMEM, "cannot hash a certificate");
        for (unsigned j = 0; j < size; j++)
            otr_buf_printf(out, "%02X", digest[j]);
        otr_buf_putc(out, '\n');
    }
    return out->err == OUTRIDER_OK ? OUTRIDER_OK : otr_fail(diag, out->err, "out of memory");
}

/*
 * NAME.pem and NAME.fp, the fingerprints first: an Exim that finds the certificates finds its list too (A3).
 */
static outrider_err write_set(const char *folder, const char *name, const STACK_OF(X509) *roots, const char *pem,
                              size_t len, outrider_diag *diag)
{
    char file[128];
    otr_buf fingerprints = OTR_BUF_INIT;
    outrider_err err = put_fingerprints(&fingerprints, roots, diag);

    snprintf(file, sizeof(file), "%s.fp", name);
    if (err == OUTRIDER_OK)
        err = ensure_file(folder, file, otr_buf_text(&fingerprints), fingerprints.len, diag);
    snprintf(file, sizeof(file), "%s.pem", name);
    if (err == OUTRIDER_OK)
        err = ensure_file(folder, file, pem, len, diag);
    otr_buf_clear(&fingerprints);
    return err;
}

outrider_err otr_anchor_files_prepare(const char *folder, const char *user, outrider_diag *diag)
{
    outrider_err err = make_folders(folder, diag);

    return err == OUTRIDER_OK ? give_folder(folder, user, diag) : err;
}

outrider_err otr_anchor_files_write_none(const char *folder, outrider_diag *diag)
{
    STACK_OF(X509) *certs = NULL;
    outrider_err err = OUTRIDER_OK;
    size_t len = 0;
    char *none = otr_anchor_none(&len);

    if (none == NULL || otr_pem_read_certs(none, len, 1, &certs, NULL) != OUTRIDER_OK)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "none.pem: cannot make a certificate");
    if (err == OUTRIDER_OK)
        err = write_set(folder, "none", certs, none, len, diag);
    sk_X509_pop_free(certs, X509_free);
    free(none);
    return err;
}

outrider_err otr_anchor_files_write(const char *folder, const otr_anchor_set *set, outrider_diag *diag)
{
    otr_buf pem = OTR_BUF_INIT;
    outrider_err err;

    if (set->count == 0)
        return OUTRIDER_OK; /* its file is none.pem */
    otr_anchor_set_pem(set, &pem);
    err = pem.err == OUTRIDER_OK ? write_set(folder, set->name, set->roots, otr_buf_text(&pem), pem.len, diag)
                                 : otr_fail(diag, pem.err, "out of memory");
    otr_buf_clear(&pem);
    return err;
}

/* False: it is not there, or cannot be touched. */
static bool touch_file(const char *folder, const char *name, const char *suffix)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof(path), "%s/%s.%s", folder, name, suffix) < (int)sizeof(path) &&
           utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

outrider_err otr_anchor_files_keep_none(const char *folder, outrider_diag *diag)
{
    return touch_file(folder, "none", "fp") && touch_file(folder, "none", "pem") ? OUTRIDER_OK
                                                                                 : otr_anchor_files_write_none(folder, diag);
}

void otr_anchor_files_touch(const char *folder, const char *name)
{
    (void)touch_file(folder, name, "fp");
    (void)touch_file(folder, name, "pem");
}

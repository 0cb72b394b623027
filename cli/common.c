/*
 * common.c - what every subcommand does the same way: complaining, reading a file, printing JSON.
 */
#include "cli/command.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

char *otr_escape(const char *text, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    char *escaped = malloc(len * 4 + 1), *p = escaped;

    if (escaped == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte >= ' ' && byte < 0x7f && byte != '\\') {
            *p++ = (char)byte;
            continue;
        }
        *p++ = '\\';
        *p++ = 'x';
        *p++ = digits[byte >> 4];
        *p++ = digits[byte & 15];
    }
    *p = '\0';
    return escaped;
}

int otr_complain(int status, const char *what, const char *why, ...)
{
    char *shown = otr_escape(what, strlen(what));
    va_list args;

    fprintf(stderr, "outrider: %s: ", shown != NULL ? shown : "?");
    free(shown);
    va_start(args, why);
    vfprintf(stderr, why, args);
    va_end(args);
    fputc('\n', stderr);
    return status;
}

/* Up to limit octets, and a NUL behind them. *more tells whether there was more. */
static char *read_stream(FILE *in, const char *path, size_t limit, size_t *len, bool *more, int *status)
{
    char *data = malloc(limit + 2);
    size_t got;

    if (data == NULL) {
        *status = otr_complain(EX_OSERR, path, "out of memory");
        return NULL;
    }
    got = fread(data, 1, limit + 1, in);
    if (ferror(in)) {
        *status = otr_complain(EX_NOINPUT, path, "%s", strerror(errno));
        free(data);
        return NULL;
    }
    *more = got > limit;
    *len = *more ? limit : got;
    data[*len] = '\0';
    return data;
}

static char *read_path(const char *path, size_t limit, size_t *len, bool *more, int *status)
{
    FILE *in;
    char *data;

    if (strcmp(path, "-") == 0)
        return read_stream(stdin, "standard input", limit, len, more, status);
    in = fopen(path, "rbe");
    if (in == NULL) {
        *status = otr_complain(EX_NOINPUT, path, "%s", strerror(errno));
        return NULL;
    }
    data = read_stream(in, path, limit, len, more, status);
    fclose(in);
    return data;
}

char *otr_read_head(const char *path, size_t limit, size_t *len, int *status)
{
    bool more;

    return read_path(path, limit, len, &more, status);
}

char *otr_read_input(const char *path, size_t limit, size_t *len, int *status)
{
    bool more;
    char *data = read_path(path, limit, len, &more, status);

    if (data == NULL || !more)
        return data;
    *status = otr_complain(EX_DATAERR, path, "larger than the limit of %zu octets", limit);
    free(data);
    return NULL;
}

int otr_flush_output(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return otr_complain(EX_IOERR, "standard output", "%s", strerror(errno));
    return status;
}

int otr_print_json(struct json_t *value, int status)
{
    int printed = value != NULL ? json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) : -1;

    json_decref(value);
    if (printed != 0 || putchar('\n') == EOF || fflush(stdout) != 0)
        return otr_complain(EX_IOERR, "standard output", "%s", errno ? strerror(errno) : "cannot write JSON");
    return status;
}
